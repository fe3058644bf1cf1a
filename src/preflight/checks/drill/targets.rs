//! GD002, GD003 and, for quotas, GD602: whether the faults' targets can be resolved.

use crate::faults::FaultError;
use crate::model::Predicts;
use crate::preflight::checks::{Check, Looked, Sight};
use crate::preflight::facts::Facts;

/// Why a plan could not be made.
#[derive(PartialEq)]
enum Kind {
    Files,
    Calls,
    Quota,
}

fn kind(error: &FaultError) -> Kind {
    match error {
        FaultError::Quota(_) => Kind::Quota,
        FaultError::Cloud(_) => Kind::Calls,
        _ => Kind::Files,
    }
}

/// The error of that kind; of another kind, this check could not look.
async fn look(facts: &Facts, of: Kind) -> Looked {
    let planned = facts.planned().await?;
    match planned.as_ref() {
        Err(error) if kind(error) == of => Ok(vec![Sight::of(error.to_string())]),
        _ => facts.plan().await.map(|_| Vec::new()),
    }
}

const CALLS: &[&str] = &["ec2:DescribeSubnets", "ec2:DescribeNetworkAcls", "servicequotas:ListServiceQuotas"];

/// See its text.
pub const SELECTION: Check = Check {
    code: "GD002",
    severity: crate::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "A fault's targets cannot be resolved",
    why: "Before anything is touched, every target of every fault is resolved to an ID and frozen. A selection that is empty, that \
          overlaps with another one, or that could not be put back is refused here.",
    remedy: "Correct `subnets` in the environment file or `targets` in the scenario; then: `gameday plan SCENARIO --env FILE`",
    calls: CALLS,
    look: |facts| Box::pin(look(facts, Kind::Files)),
};

/// See its text.
pub const DESCRIBED: Check = Check {
    code: "GD003",
    severity: crate::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "AWS refuses a call by which a fault's targets are resolved",
    why: "A run describes what it will change, so that it can be put back exactly. What it may not read, it must not touch.",
    remedy: "Grant the missing permission (`gameday iam-policy SCENARIO --env FILE` prints the least policy), or correct the ID; \
             then: `gameday plan SCENARIO --env FILE`",
    calls: CALLS,
    look: |facts| Box::pin(look(facts, Kind::Calls)),
};

/// See its text.
pub const QUOTA: Check = Check {
    code: "GD602",
    severity: crate::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "A fault does not fit into a quota",
    why: "A blackhole takes a network ACL of its own and two rules in it, or a security group of its own. Where a quota leaves no \
          room for them, the cut would stop half-way.",
    remedy: "Raise the quota (`aws service-quotas request-service-quota-increase`), or delete ACLs, groups and rules that nothing \
             uses.",
    calls: CALLS,
    look: |facts| Box::pin(look(facts, Kind::Quota)),
};
