//! The faults, one file each. `docs/adding-a-fault.md` tells how to add one.

mod acl_clones;
mod nacl_blackhole;
mod nacl_deny_entries;

use super::plan::{Ask, FaultError, Planned};
use crate::scenario::FaultKind;

/// Resolves a fault to concrete targets and changes. Only reads.
pub(super) async fn plan(ask: &Ask<'_>) -> Result<Planned, FaultError> {
    match ask.spec.kind {
        FaultKind::NaclBlackhole => nacl_blackhole::plan(ask).await,
        FaultKind::NaclDenyEntries => nacl_deny_entries::plan(ask).await,
        // The fault library grows into these.
        FaultKind::SecurityGroupBlackhole
        | FaultKind::HealthCheckInvert
        | FaultKind::LambdaTriggerBreak
        | FaultKind::ClientEgressBlackhole => Err(FaultError::NotYet(ask.spec.kind.as_str())),
        FaultKind::HealthCheckDisable => Err(FaultError::Refused(
            "a disabled health check counts as healthy, so nothing would fail over: use health-check-invert",
        )),
    }
}
