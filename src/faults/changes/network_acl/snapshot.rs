//! The network ACLs of a VPC, and which subnets use them.

use crate::cloud::{CloudError, RegionClients};
use crate::faults::network::Vpc;
use crate::faults::state::{Attribute, FactKind, Snapshot, State, Value, text};

/// Of a VPC, by its ID.
pub(crate) const ACLS: Snapshot = Snapshot {
    reads: &["ec2:DescribeNetworkAcls"],
    describe: |clients, vpc, state| Box::pin(acls(clients, vpc, state)),
};

/// Everything but association IDs, which change with every replacement.
async fn acls(clients: &RegionClients, vpc: &str, state: &mut State) -> Result<(), CloudError> {
    let (region, described) = (&clients.region, Vpc::describe(clients, vpc).await?);
    for acl in described.acls() {
        let name = if acl.default { "default" } else { "custom" };
        state.add(region, FactKind::NetworkAcl, &acl.id, [(Attribute::Name, text(name))]);
        let rules = acl.rules.iter().map(|rule| {
            let (egress, number, ipv6) = (rule.egress, rule.number, rule.ipv6_cidr.is_some());
            (Attribute::AclRule { egress, number, ipv6 }, text(rule.effect()))
        });
        state.add(region, FactKind::NetworkAcl, &acl.id, rules);
        state.add_tags(region, FactKind::NetworkAcl, &acl.id, acl.tags.clone());
    }
    for (subnet, used) in described.associations() {
        let used = Value::Ids(vec![used.acl.clone()]);
        state.add(region, FactKind::Subnet, subnet, [(Attribute::NetworkAcl, used)]);
    }
    Ok(())
}
