//! `nacl-deny-entries`: chosen traffic of the selected subnets vanishes: by the other end's addresses, destination
//! port and direction.

use super::acl_clones;
use crate::faults::network::AclRule;
use crate::faults::plan::{Ask, FaultError, Planned};
use crate::scenario::Direction;

/// The IANA number of TCP.
const TCP: &str = "6";

/// Plans it.
///
/// # Errors
/// [`FaultError`].
pub async fn plan(ask: &Ask<'_>) -> Result<Planned, FaultError> {
    let subnets = ask.subnets().await?;
    let actions = acl_clones::deny(ask, &subnets, &denied(ask)).await?;
    Ok(Planned::of_subnets(ask, &subnets, actions))
}

fn denied(ask: &Ask<'_>) -> Vec<AclRule> {
    let directions: &[bool] = match ask.spec.direction.unwrap_or(Direction::Both) {
        Direction::Ingress => &[false],
        Direction::Egress => &[true],
        Direction::Both => &[false, true],
    };
    let any = ["0.0.0.0/0".to_owned(), "::/0".to_owned()];
    let ranges = if ask.spec.cidrs.is_empty() { any.as_slice() } else { ask.spec.cidrs.as_slice() };
    let ports: Vec<Option<(i32, i32)>> = if ask.spec.ports.is_empty() {
        vec![None]
    } else {
        ask.spec.ports.iter().map(|text| crate::scenario::parse_ports(text)).collect()
    };
    let mut rules = Vec::new();
    for egress in directions {
        for range in ranges {
            let ipv6 = range.contains(':');
            rules.extend(ports.iter().map(|ports| AclRule {
                cidr: (!ipv6).then(|| range.clone()),
                ipv6_cidr: ipv6.then(|| range.clone()),
                protocol: if ports.is_some() { TCP } else { "-1" }.to_owned(),
                ports: *ports,
                ..AclRule::deny_all(*egress, ipv6)
            }));
        }
    }
    rules
}
