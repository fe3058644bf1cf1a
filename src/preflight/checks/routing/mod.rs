//! GD5xx: the record, its health check, and the endpoints behind it.

mod alias_health;
mod alias_ttl;
mod attached;
mod behind_fault;
mod calculated_parent;
mod certificate_end;
mod certificate_name;
mod certificate_region;
mod certificate_renewal;
mod check_locations;
mod check_path;
mod check_port;
mod check_sni;
mod check_threshold;
mod check_type;
mod detection;
mod direct_names;
mod endpoints;
mod follows_target;
mod health_check;
mod healthy_now;
mod login_check;
mod record_pair;
mod secondary_check;
mod servers_agree;
mod short_ttl;
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
    &short_ttl::CHECK,
    &alias_ttl::CHECK,
    &direct_names::CHECK,
    &check_type::CHECK,
    &check_path::CHECK,
    &check_port::CHECK,
    &check_sni::CHECK,
    &check_threshold::CHECK,
    &check_locations::CHECK,
    &calculated_parent::CHECK,
    &login_check::CHECK,
    &endpoints::CHECK,
    &healthy_now::CHECK,
    &servers_agree::CHECK,
    &certificate_name::CHECK,
    &certificate_end::CHECK,
    &certificate_renewal::CHECK,
    &certificate_region::CHECK,
    &secondary_check::CHECK,
    &alias_health::CHECK,
];
