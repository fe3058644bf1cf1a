//! While subnets use clones of their network ACLs, somebody may change an original: that takes effect once the subnets are back on it, and is told
//! as soon as it is seen.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use crate::cloud::Cloud;
use crate::faults::{Original, Vpc};
use gameday_core::model::{Clock, Event, EventLog};
use gameday_protocols::timer::Timer as _;

/// It looks this often; our own choice.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Looks until it is dropped.
pub(super) fn watch(
    originals: Vec<Original>,
    cloud: &Cloud,
    clock: Clock,
    log: &Arc<EventLog>,
) -> AbortOnDropHandle<()> {
    let (cloud, log) = (cloud.clone(), Arc::clone(log));
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut told = BTreeSet::new();
        while !originals.is_empty() {
            clock.sleep(LOOK_EVERY).await;
            for original in &originals {
                // A look that fails is made again.
                let Ok(clients) = cloud.of(&original.region) else { continue };
                let Ok(vpc) = Vpc::describe(clients, &original.vpc).await else { continue };
                for found in news(original, &vpc, &mut told) {
                    let (region, resource) = (Some(original.region.clone()), original.acl.clone());
                    log.write(Event::ChangedByOthers { region, resource, found });
                }
            }
        }
    }))
}

/// What was not told yet.
fn news(original: &Original, vpc: &Vpc, told: &mut BTreeSet<String>) -> Vec<String> {
    let acl = &original.acl;
    if vpc.acl(acl).is_none() {
        return Vec::from_iter(once(
            told,
            format!("network ACL {acl} no longer exists, but its subnets must be associated with it again"),
        ));
    }
    let (added, taken) = original.drift(vpc.rules(acl));
    let added = added.iter().map(|rule| {
        format!(
            "network ACL {acl} has a new rule ({rule}); its subnets use a clone without that rule until the restore"
        )
    });
    let taken = taken.iter().map(|rule| {
        format!("network ACL {acl} no longer has the rule ({rule}); its subnets use a clone that still has it until the restore")
    });
    added.chain(taken).filter_map(|text| once(told, text)).collect()
}

fn once(told: &mut BTreeSet<String>, text: String) -> Option<String> {
    told.insert(text.clone()).then_some(text)
}

#[cfg(test)]
mod tests {
    use crate::faults::AclRule;
    use gameday_core::model::Region;

    use super::*;

    #[test]
    fn a_rule_that_the_clone_lacks_is_told_and_numbers_do_not_matter() {
        let rule = |number, cidr: &str| AclRule {
            number,
            allow: true,
            cidr: Some(cidr.to_owned()),
            ..AclRule::deny_all(false, false)
        };
        let original = Original {
            region: Region::from("us-east-1"),
            vpc: "vpc-1".to_owned(),
            acl: "acl-1".to_owned(),
            copied: vec![rule(100, "10.0.0.0/8"), rule(110, "0.0.0.0/0")],
        };
        let same = [rule(1, "10.0.0.0/8"), rule(2, "0.0.0.0/0")];
        assert_eq!(original.drift(&same), (Vec::new(), Vec::new()));
        let (added, taken) = original.drift(&[rule(1, "10.0.0.0/8"), rule(5, "192.0.2.0/24")]);
        assert_eq!((added, taken), (vec![rule(5, "192.0.2.0/24")], vec![rule(110, "0.0.0.0/0")]));
    }
}
