//! GD0xx: the drill itself.

mod dry_run;
mod front_doors;
mod targets;

use super::{Check, RuleMetadata};

/// By code. A fault that does not fit is of the quotas by its code, and found by the same look as the others.
pub const ALL: &[&Check] =
    &[&targets::SELECTION, &targets::DESCRIBED, &front_doors::CHECK, &dry_run::CHECK, &targets::QUOTA];

/// For what is described after the checks.
pub const DESCRIBED: RuleMetadata = targets::DESCRIBED.page();
