//! GD4xx: the pool's functions, and what they depend on.

use super::Check;

/// By code.
pub const ALL: &[&Check] = &[];
