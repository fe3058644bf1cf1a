//! GD6xx: what each Region lets through.

use super::Check;

/// By code.
pub const ALL: &[&Check] = &[];
