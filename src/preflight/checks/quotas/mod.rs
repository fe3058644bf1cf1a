//! GD6xx: request rates and other quotas of the replica's Region.

mod default_quota;
mod descriptors;
mod enforced;
mod functions;
mod peak;
mod related;
mod scenario_peak;
mod service_quota;

use super::Check;

/// The code of user pools in Service Quotas.
const COGNITO: &str = "cognito-idp";
/// The quota of UserAuthentication requests there.
const SIGN_INS_CODE: &str = "L-026ADBA3";

/// By code.
pub const ALL: &[&Check] = &[
    &enforced::CHECK,
    &related::CHECK,
    &peak::CHECK,
    &scenario_peak::CHECK,
    &service_quota::CHECK,
    &default_quota::CHECK,
    &functions::CHECK,
    &descriptors::CHECK,
];
