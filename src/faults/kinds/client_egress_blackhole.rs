//! `client-egress-blackhole`: nothing gets from the synthetic users' own subnets to the primary's front door, for teams
//! whose primary is only reached over a VPC endpoint. Health checkers take another way and do not notice.

use super::{Kind, acl_clones, nothing_else};
use crate::faults::fault::{BlastRadius, FaultError, PlanContext, PlannedFault};
use crate::faults::network::AclRule;
use crate::faults::target::subnets;
use gameday_core::model::Cidr;

pub(super) const KIND: Kind = Kind { plan: |context| Box::pin(plan(context)), permit: nothing_else };

async fn plan(context: &PlanContext<'_>) -> Result<PlannedFault, FaultError> {
    let region = context.site.region(context.spec.region);
    if region.clients.is_empty() {
        return Err(FaultError::Refused(
            "the environment file does not name the subnets of the clients: add `clients` to the Region",
        ));
    }
    let mut clients = subnets(context.clients, &region.clients).await?;
    clients.retain(|subnet| context.spec.targets.as_ref().is_none_or(|targets| subnet.is_of(targets)));
    let subnets = context.chosen(clients)?;
    let ranges = if context.spec.cidrs.is_empty() { front_door(&region.direct) } else { context.spec.cidrs.clone() };
    if ranges.is_empty() {
        return Err(FaultError::Refused("`direct` of the Region has no IP address, so the fault needs `cidrs`"));
    }
    let denied: Vec<AclRule> = ranges
        .iter()
        .map(|range| AclRule {
            cidr: (!range.is_ipv6()).then(|| range.to_string()),
            ipv6_cidr: range.is_ipv6().then(|| range.to_string()),
            ..AclRule::deny_all(true, range.is_ipv6())
        })
        .collect();
    let actions = acl_clones::deny(context, &subnets, &denied).await?;
    let mut planned = PlannedFault::of_subnets(context, &subnets, actions);
    let touches = std::mem::take(&mut planned.blast_radius.touches);
    planned.blast_radius = BlastRadius { touches, from_users_to: ranges, ..BlastRadius::default() };
    Ok(planned)
}

/// The addresses among the names that lead to a Region's front door.
fn front_door(direct: &[String]) -> Vec<Cidr> {
    direct.iter().filter_map(|name| name.parse().ok()).map(Cidr::host).collect()
}
