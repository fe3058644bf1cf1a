//! GD9xx: trails, residency, encryption in transit, guard rails.

use super::Check;

/// By code.
pub const ALL: &[&Check] = &[];
