//! GD8xx: metrics, alarms and dashboards.

use super::Check;

/// By code.
pub const ALL: &[&Check] = &[];
