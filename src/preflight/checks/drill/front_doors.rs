//! GD008: what stays reachable of the primary.

use std::collections::BTreeSet;
use std::net::IpAddr;

use futures::future::try_join_all;

use crate::preflight::checks::{Check, Occurrence, PRIMARY};
use gameday_core::model::{Predicts, RegionRole};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD008",
    severity: gameday_core::model::Severity::Risk,
    regions: PRIMARY,
    predicts: Predicts::Nothing,
    title: "An address of the primary's endpoint is outside the fault",
    why: "Users whose resolver returns this address do not notice the fault. The drill is then a partial outage: the \
          results mix users who failed over with users who had no reason to.",
    remedy: "Add the subnet of this address to `primary.subnets` in the environment file, unless the scenario is meant \
             as a partial outage.",
    calls: &["ec2:DescribeNetworkInterfaces"],
    look: |facts| {
        Box::pin(async move {
            let plan = facts.plan().await?;
            let primary: Vec<_> = plan.faults.iter().filter(|fault| fault.spec.region == RegionRole::Primary).collect();
            if primary.iter().all(|fault| fault.blast_radius.is_empty()) {
                return Ok(Vec::new());
            }
            let covered = try_join_all(plan.faults.iter().map(|fault| facts.covered(fault))).await?;
            let covered: BTreeSet<IpAddr> = covered.into_iter().flatten().collect();
            let denied = |address: &IpAddr| {
                primary.iter().flat_map(|fault| &fault.blast_radius.from_users_to).any(|range| range.contains(*address))
            };
            let doors = facts.front_doors().await;
            let doors = doors.iter().filter(|(role, ..)| *role == RegionRole::Primary).flat_map(|(.., list)| list);
            let outside: Vec<String> = doors
                .filter(|address| !covered.contains(address) && !denied(address))
                .map(ToString::to_string)
                .collect();
            let sight = || {
                Occurrence::of(format!("{} stays reachable: some users do not notice the fault", outside.join(", ")))
            };
            Ok((!outside.is_empty()).then(sight).into_iter().collect())
        })
    },
};
