//! GD3xx: the replica, and how far it is behind.

use super::Check;

/// By code.
pub const ALL: &[&Check] = &[];
