//! The faults, one file each.

mod acl_clones;
mod client_egress_blackhole;
mod health_check_disable;
mod health_check_invert;
pub(super) mod lambda_trigger_break;
mod nacl_blackhole;
mod nacl_deny_entries;
mod provisioned_limit;
mod security_group_blackhole;
mod waf_block;

use futures::future::BoxFuture;

use super::fault::{FaultError, PlanContext, PlannedFault};
use super::permits::Permits;
use gameday_core::scenario::FaultKind;

/// What a kind of fault is.
pub(super) struct Kind {
    /// Resolves a fault to concrete targets and changes. Only reads.
    plan: for<'a> fn(&'a PlanContext<'a>) -> BoxFuture<'a, Result<PlannedFault, FaultError>>,
    /// What planning it asks, beyond what every run asks.
    permit: fn(&mut Permits<'_>),
}

/// Asks nothing else.
fn nothing_else(_: &mut Permits<'_>) {}

/// Planning asks for the user pool.
fn user_pool(permits: &mut Permits<'_>) {
    let pool = permits.pool.clone();
    permits.statement("ReadUserPool").allow(["cognito-idp:DescribeUserPool"], [pool]);
}

/// Every kind, by its name in a scenario.
pub(super) fn of(kind: FaultKind) -> &'static Kind {
    match kind {
        FaultKind::NaclBlackhole => &nacl_blackhole::KIND,
        FaultKind::NaclDenyEntries => &nacl_deny_entries::KIND,
        FaultKind::SecurityGroupBlackhole => &security_group_blackhole::KIND,
        FaultKind::ClientEgressBlackhole => &client_egress_blackhole::KIND,
        FaultKind::HealthCheckInvert => &health_check_invert::KIND,
        FaultKind::HealthCheckDisable => &health_check_disable::KIND,
        FaultKind::LambdaTriggerBreak => &lambda_trigger_break::KIND,
        FaultKind::ProvisionedLimit => &provisioned_limit::KIND,
        FaultKind::WafBlock => &waf_block::KIND,
    }
}

impl Kind {
    /// Resolves a fault to concrete targets and changes. Only reads.
    ///
    /// # Errors
    /// [`FaultError`].
    pub(super) async fn plan(&self, context: &PlanContext<'_>) -> Result<PlannedFault, FaultError> {
        (self.plan)(context).await
    }

    /// What planning it asks, beyond what every run asks.
    pub(super) fn permit(&self, permits: &mut Permits<'_>) {
        (self.permit)(permits);
    }
}
