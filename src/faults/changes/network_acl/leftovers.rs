//! Finds clones of network ACLs that runs left, and what the clones tell of: who uses them, and what they deny.

use std::collections::{BTreeMap, BTreeSet};

use super::{CreateClone, Deny, Swap};
use crate::cloud::CloudError;
use crate::faults::finder::{Finder, is_gone, tagged};
use crate::faults::network::{Acl, AclRule, Vpc};
use crate::faults::tags::{CLONE_TAG, RUN_TAG};

/// Clones, by their tags, and by schedules that heal them.
pub(super) async fn clones(finder: &mut Finder<'_>) -> Result<(), CloudError> {
    let mut pages = finder.clients.ec2.describe_network_acls().filters(tagged(RUN_TAG)).into_paginator().send();
    let mut vpcs = BTreeSet::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(CloudError::of("ec2:DescribeNetworkAcls"))?;
        vpcs.extend(page.network_acls().iter().filter_map(|acl| acl.vpc_id().map(str::to_owned)));
    }
    let named: BTreeMap<&str, &str> =
        finder.scheduled::<Deny>().map(|(run, deny)| (deny.clone.as_str(), run)).collect();
    for clone in named.keys() {
        let call = finder.clients.ec2.describe_network_acls().network_acl_ids(*clone).send();
        match call.await.map_err(CloudError::of("ec2:DescribeNetworkAcls")) {
            Ok(answer) => {
                vpcs.extend(answer.network_acls().iter().filter_map(|acl| acl.vpc_id().map(str::to_owned)));
            }
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    for vpc in vpcs {
        let described = Vpc::describe(finder.clients, &vpc).await?;
        for clone in described.acls() {
            match (clone.tags.get(RUN_TAG), clone.tags.get(CLONE_TAG), named.get(clone.id.as_str())) {
                (Some(run), Some(key), _) => {
                    let Some((_, original)) = key.split_once('/') else { continue };
                    clone_of(finder, run, key, original, &vpc, clone, &described);
                }
                (_, _, Some(run)) => {
                    // Its tags are gone. What it repeats is an ACL of the VPC with the same rules, if there is just one.
                    let original = described.original_of(clone).unwrap_or_default();
                    clone_of(finder, run, &clone.id, &original, &vpc, clone, &described);
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn clone_of(finder: &mut Finder<'_>, run: &str, key: &str, original: &str, vpc: &str, clone: &Acl, described: &Vpc) {
    let (vpc, original, key) = (vpc.to_owned(), original.to_owned(), key.to_owned());
    let make = CreateClone {
        vpc: vpc.clone(),
        original: original.clone(),
        clone: key.clone(),
        client_token: format!("{run}-{}", key.replace('/', "-")),
        tags: BTreeMap::new(),
    };
    finder.add(run, make);
    for subnet in described.subnets_of(&clone.id) {
        let (vpc, subnet) = (vpc.clone(), subnet.to_owned());
        finder.add(run, Swap { vpc, subnet, original: original.clone(), clone: key.clone() });
    }
    // Whatever the clone denies beyond its original, number aside, is the run's own.
    let known = described.acl(&original).map(|acl| acl.rules.iter().map(AclRule::unnumbered).collect::<Vec<_>>());
    for rule in clone.rules.iter().filter(|rule| !rule.allow) {
        if known.as_ref().is_none_or(|known| !known.contains(&rule.unnumbered())) {
            let deny = Deny { vpc: vpc.clone(), clone: key.clone(), rule: rule.clone() };
            finder.add(run, deny);
        }
    }
}
