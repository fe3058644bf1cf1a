//! GD002, GD003 and, for quotas, GD602: whether the faults' targets can be resolved.

use crate::faults::FaultError;
use crate::preflight::checks::{Check, CheckResult, Occurrence};
use crate::preflight::facts::Facts;
use gameday_core::model::Predicts;

/// Why a plan could not be made.
#[derive(PartialEq)]
enum PlanObstacle {
    Files,
    Calls,
    Quota,
}

fn kind(error: &FaultError) -> PlanObstacle {
    match error {
        FaultError::Quota(_) => PlanObstacle::Quota,
        FaultError::Cloud(_) => PlanObstacle::Calls,
        _ => PlanObstacle::Files,
    }
}

/// The error of that kind; of another kind, this check could not look.
async fn look(facts: &Facts, of: PlanObstacle) -> CheckResult {
    let planned = facts.planned().await?;
    match planned.as_ref() {
        Err(error) if kind(error) == of => Ok(vec![Occurrence::of(error.to_string())]),
        _ => facts.plan().await.map(|_| Vec::new()),
    }
}

const CALLS: &[&str] = &["ec2:DescribeSubnets", "ec2:DescribeNetworkAcls", "servicequotas:ListServiceQuotas"];

/// See its text.
pub(super) const SELECTION: Check = Check {
    code: "GD002",
    severity: gameday_core::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "A fault's targets cannot be resolved",
    why: "Before any change, every target of every fault is resolved to an ID and fixed. A selection that is empty, \
          that overlaps with another one, or that could not be restored is refused here.",
    remedy: "Correct `subnets` in the environment file or `targets` in the scenario, then check the plan:\n\n\
             ```sh\n\
             gameday plan SCENARIO --env FILE\n\
             ```",
    calls: CALLS,
    look: |facts| Box::pin(look(facts, PlanObstacle::Files)),
};

/// See its text.
pub(super) const DESCRIBED: Check = Check {
    code: "GD003",
    severity: gameday_core::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "AWS refuses a call that resolves a fault's targets",
    why: "A run reads everything that it will change, so that it can restore it exactly. It must not change what it \
          cannot read.",
    remedy: "Grant the missing permission, or correct the ID. These commands print the least-privilege policy and the \
             plan:\n\n\
             ```sh\n\
             gameday iam-policy SCENARIO --env FILE\n\
             gameday plan SCENARIO --env FILE\n\
             ```",
    calls: CALLS,
    look: |facts| Box::pin(look(facts, PlanObstacle::Calls)),
};

/// See its text.
pub(super) const QUOTA: Check = Check {
    code: "GD602",
    severity: gameday_core::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "A fault would exceed a quota",
    why: "A blackhole needs a new network ACL with two rules, or a new security group. Without room in the quota, the \
          fault injection would stop half-way.",
    remedy: "Raise the quota, or delete unused network ACLs, security groups and rules:\n\n\
             ```sh\n\
             aws service-quotas request-service-quota-increase --region REGION --service-code vpc \\\n  \
             --quota-code QUOTA_CODE --desired-value NUMBER\n\
             ```",
    calls: CALLS,
    look: |facts| Box::pin(look(facts, PlanObstacle::Quota)),
};
