//! GD7xx: issuers, keys, and who verifies tokens.

use super::Check;

/// By code.
pub const ALL: &[&Check] = &[];
