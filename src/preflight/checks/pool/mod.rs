//! GD1xx: the user pool in both Regions.

use super::Check;

/// By code.
pub const ALL: &[&Check] = &[];
