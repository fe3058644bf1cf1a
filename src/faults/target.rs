//! From the environment's selection of subnets and a scenario's targets to concrete subnets.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::Filter;

use crate::cloud::{CloudError, RegionClients};
use gameday_core::env::SubnetSelector;
use gameday_core::scenario::Targets;

/// A subnet as EC2 describes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Subnet {
    /// Its ID.
    pub id: String,
    /// Its VPC.
    pub vpc: String,
    /// Its Availability Zone.
    pub zone: String,
    /// Its `Name` tag.
    pub name: Option<String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Its IPv4 range.
    pub cidr: Option<String>,
    /// Whether it has an IPv6 range.
    pub ipv6: bool,
    /// The account that owns it, where EC2 tells.
    pub owner: Option<String>,
}

/// EC2 takes about 200 values in one filter or list of IDs.
const VALUES_IN_A_CALL: usize = 200;

/// The subnets that an environment selects, sorted by ID.
///
/// # Errors
/// [`CloudError`], also for an ID that does not exist.
pub(super) async fn subnets(clients: &RegionClients, selector: &SubnetSelector) -> Result<Vec<Subnet>, CloudError> {
    let mut found = Vec::new();
    if selector.ids.is_empty() {
        let filters =
            selector.tags.iter().map(|(key, value)| Filter::builder().name(format!("tag:{key}")).values(value).build());
        let call = clients.ec2.describe_subnets().set_filters(Some(filters.collect()));
        let mut pages = call.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(CloudError::of("ec2:DescribeSubnets"))?;
            found.extend(page.subnets().iter().filter_map(subnet));
        }
    } else {
        for ids in selector.ids.chunks(VALUES_IN_A_CALL) {
            let call = clients.ec2.describe_subnets().set_subnet_ids(Some(ids.to_vec()));
            let answer = call.send().await.map_err(CloudError::of("ec2:DescribeSubnets"))?;
            found.extend(answer.subnets().iter().filter_map(subnet));
        }
    }
    found.retain(|subnet| subnet.tagged(&selector.tags));
    found.sort_by(|a, b| a.id.cmp(&b.id));
    found.dedup_by(|a, b| a.id == b.id);
    Ok(found)
}

fn subnet(described: &aws_sdk_ec2::types::Subnet) -> Option<Subnet> {
    let tags: BTreeMap<String, String> =
        described.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect();
    Some(Subnet {
        id: described.subnet_id()?.to_owned(),
        vpc: described.vpc_id()?.to_owned(),
        zone: described.availability_zone().unwrap_or_default().to_owned(),
        name: tags.get("Name").cloned(),
        tags,
        cidr: described.cidr_block().map(str::to_owned),
        ipv6: !described.ipv6_cidr_block_association_set().is_empty(),
        owner: described.owner_id().map(str::to_owned),
    })
}

impl Subnet {
    fn tagged(&self, wanted: &BTreeMap<String, String>) -> bool {
        wanted.iter().all(|(key, value)| self.tags.get(key) == Some(value))
    }

    /// Whether a scenario's targets leave it in.
    pub fn is_of(&self, targets: &Targets) -> bool {
        (targets.subnet_ids.is_empty() || targets.subnet_ids.contains(&self.id))
            && (targets.zones.is_empty() || targets.zones.contains(&self.zone))
            && (targets.vpc_ids.is_empty() || targets.vpc_ids.contains(&self.vpc))
            && self.tagged(&targets.tags)
    }

    /// The account that shares it, where it is not this one's own.
    pub fn shared_with(&self, account: &str) -> Option<&str> {
        self.owner.as_deref().filter(|owner| *owner != account)
    }

    /// ID, name and zone in one line.
    pub fn label(&self) -> String {
        match &self.name {
            Some(name) => format!("{} ({name}, {})", self.id, self.zone),
            None => format!("{} ({})", self.id, self.zone),
        }
    }
}

/// Whether EC2 and STS are emulated on this machine by two programs, each with an account of its own that the other does not know.
pub(super) fn of_two_emulators(endpoints: &BTreeMap<String, String>) -> bool {
    let here = |service: &str| {
        let address: std::net::SocketAddr =
            endpoints.get(service)?.strip_prefix("http://")?.trim_end_matches('/').parse().ok()?;
        address.ip().is_loopback().then_some(address)
    };
    here("ec2").zip(here("sts")).is_some_and(|(ec2, sts)| ec2 != sts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c32_a_subnet_that_another_account_shares_names_its_owner() {
        let of = |owner: &str| {
            let described = aws_sdk_ec2::types::Subnet::builder().subnet_id("subnet-1").vpc_id("vpc-1").owner_id(owner);
            subnet(&described.build()).unwrap()
        };
        assert_eq!(of("444455556666").shared_with("111122223333"), Some("444455556666"));
        assert_eq!(of("111122223333").shared_with("111122223333"), None);
    }

    #[test]
    fn two_emulators_have_accounts_of_their_own() {
        let apart = |ec2: &str, sts: &str| {
            let endpoints = [("ec2", ec2), ("sts", sts)].map(|(service, url)| (service.to_owned(), url.to_owned()));
            of_two_emulators(&endpoints.into())
        };
        assert!(apart("http://127.0.0.1:5000", "http://127.0.0.1:5001/"));
        assert!(!apart("http://127.0.0.1:5000", "http://127.0.0.1:5000/"));
        assert!(!apart(
            "https://vpce-1.ec2.us-east-1.vpce.amazonaws.com",
            "https://vpce-2.sts.us-east-1.vpce.amazonaws.com"
        ));
    }
}
