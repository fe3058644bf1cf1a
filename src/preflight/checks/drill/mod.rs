//! GD0xx: the drill itself.

use super::Check;

/// By code.
pub const ALL: &[&Check] = &[];
