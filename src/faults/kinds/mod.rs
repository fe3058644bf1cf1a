//! The faults, one file each.

mod acl_clones;
mod client_egress_blackhole;
mod health_check_invert;
pub mod lambda_trigger_break;
mod nacl_blackhole;
mod nacl_deny_entries;
mod provisioned_limit;
mod security_group_blackhole;

use super::plan::{Ask, FaultError, Planned};
use crate::scenario::FaultKind;

/// Resolves a fault to concrete targets and changes. Only reads.
pub(super) async fn plan(ask: &Ask<'_>) -> Result<Planned, FaultError> {
    match ask.spec.kind {
        FaultKind::NaclBlackhole => nacl_blackhole::plan(ask).await,
        FaultKind::NaclDenyEntries => nacl_deny_entries::plan(ask).await,
        FaultKind::SecurityGroupBlackhole => security_group_blackhole::plan(ask).await,
        FaultKind::ClientEgressBlackhole => client_egress_blackhole::plan(ask).await,
        FaultKind::HealthCheckInvert => health_check_invert::plan(ask).await,
        FaultKind::LambdaTriggerBreak => lambda_trigger_break::plan(ask).await,
        FaultKind::ProvisionedLimit => provisioned_limit::plan(ask).await,
        FaultKind::HealthCheckDisable => Err(FaultError::Refused(
            "a disabled health check counts as healthy, so nothing would fail over: use nacl-blackhole",
        )),
    }
}
