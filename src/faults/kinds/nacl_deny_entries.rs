//! `nacl-deny-entries`: chosen traffic of the selected subnets vanishes: by the other end's addresses, destination
//! port and direction.

use super::{Kind, acl_clones, nothing_else};
use crate::faults::fault::{FaultError, PlanContext, PlannedFault};
use crate::faults::network::AclRule;
use gameday_core::model::{Cidr, PortRange};
use gameday_core::scenario::Direction;

/// The IANA number of TCP.
const TCP: &str = "6";

pub(super) const KIND: Kind = Kind { plan: |context| Box::pin(plan(context)), permit: nothing_else };

async fn plan(context: &PlanContext<'_>) -> Result<PlannedFault, FaultError> {
    let subnets = context.subnets().await?;
    let actions = acl_clones::deny(context, &subnets, &denied(context)).await?;
    Ok(PlannedFault::of_subnets(context, &subnets, actions))
}

fn denied(context: &PlanContext<'_>) -> Vec<AclRule> {
    let directions: &[bool] = match context.spec.direction.unwrap_or(Direction::Both) {
        Direction::Ingress => &[false],
        Direction::Egress => &[true],
        Direction::Both => &[false, true],
    };
    let any = Cidr::ANY.as_slice();
    let ranges = if context.spec.cidrs.is_empty() { any } else { context.spec.cidrs.as_slice() };
    let ports: Vec<Option<PortRange>> =
        if context.spec.ports.is_empty() { vec![None] } else { context.spec.ports.iter().copied().map(Some).collect() };
    let mut rules = Vec::new();
    for egress in directions {
        for range in ranges {
            let ipv6 = range.is_ipv6();
            rules.extend(ports.iter().map(|ports| AclRule {
                cidr: (!ipv6).then(|| range.to_string()),
                ipv6_cidr: ipv6.then(|| range.to_string()),
                protocol: if ports.is_some() { TCP } else { "-1" }.to_owned(),
                ports: ports.map(|ports| (i32::from(ports.from), i32::from(ports.to))),
                ..AclRule::deny_all(*egress, ipv6)
            }));
        }
    }
    rules
}
