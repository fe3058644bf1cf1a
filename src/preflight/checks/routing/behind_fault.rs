//! GD506: whether health checkers will see the fault.

use std::collections::BTreeSet;

use futures::future::try_join_all;

use crate::preflight::checks::{Check, Occurrence};
use crate::preflight::facts::Unavailable;
use gameday_core::model::{Milestone, Predicts, Severity};
use gameday_core::scenario::FaultKind;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD506",
    severity: Severity::Blocker,
    regions: &[],
    predicts: Predicts::Unreached(Milestone::DnsFlipAuthoritative),
    title: "The health check's target is not behind the fault",
    why: "The fault does not drop the packets of the Route 53 health checkers, so the health check stays healthy, the \
          record never fails over, and the drill is an outage without a failover. A real outage of the same components \
          would not trigger a failover either. If the fault covers only some addresses of the target, checkers that \
          reach the others can keep it healthy.",
    remedy: "Let the health check probe the primary's endpoint, or add the subnets of its target to `primary.subnets` \
             in the environment file. This command shows the target:\n\n\
             ```sh\n\
             aws route53 get-health-check --health-check-id HEALTH_CHECK_ID\n\
             ```",
    calls: &["route53:GetHealthCheck", "ec2:DescribeNetworkInterfaces"],
    look: |facts| {
        Box::pin(async move {
            let plan = facts.plan().await?;
            // A health check that is inverted moves the record whatever its checkers see.
            if plan.faults.iter().any(|fault| fault.spec.kind == FaultKind::HealthCheckInvert) {
                return Ok(Vec::new());
            }
            // Nor is the record meant to move where no packet is stopped.
            if plan.faults.iter().all(|fault| fault.blast_radius.is_empty()) {
                return Ok(Vec::new());
            }
            let Some(target) = facts.health_target().await? else {
                let id = &facts.site.dns.health_check_id;
                return Err(Unavailable::because("a target", format!("health check {id} probes no address")));
            };
            let addresses = facts.addresses(&target).await?;
            let addresses = match addresses.as_ref() {
                Ok(addresses) => addresses,
                Err(error) => return Ok(vec![Occurrence::of(format!("{target} does not resolve: {error}"))]),
            };
            let covered = try_join_all(plan.faults.iter().map(|fault| facts.covered(fault))).await?;
            let covered: BTreeSet<_> = covered.into_iter().flatten().collect();
            let outside: Vec<String> =
                addresses.iter().filter(|address| !covered.contains(address)).map(ToString::to_string).collect();
            if outside.is_empty() {
                return Ok(Vec::new());
            }
            let all = outside.len() == addresses.len();
            let sight = Occurrence::of(format!(
                "{target} resolves to {}, which is on no network interface that the faults cover",
                outside.join(", ")
            ));
            Ok(vec![if all { sight } else { sight.severity(Severity::Risk) }])
        })
    },
};
