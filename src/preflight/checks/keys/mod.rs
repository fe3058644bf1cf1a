//! GD2xx: the keys that the pool's data are encrypted with.

use super::Check;

/// By code.
pub const ALL: &[&Check] = &[];
