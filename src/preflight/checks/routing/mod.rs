//! GD5xx: the record, its health check, and the endpoints behind it.

use super::Check;

/// By code.
pub const ALL: &[&Check] = &[];
