//! GD5xx: the record, its health check, and the endpoints behind it.

mod attached;
mod behind_fault;
mod detection;
mod direct_names;
mod follows_target;
mod health_check;
mod record_pair;
mod ttl;

use super::Check;

/// By code.
pub const ALL: &[&Check] = &[
    &record_pair::CHECK,
    &ttl::CHECK,
    &attached::CHECK,
    &health_check::CHECK,
    &follows_target::CHECK,
    &behind_fault::CHECK,
    &detection::CHECK,
    &direct_names::CHECK,
];
