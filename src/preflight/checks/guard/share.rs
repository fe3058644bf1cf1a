//! GD907: how much faults may cover.

use std::collections::BTreeSet;

use crate::preflight::checks::{Check, Occurrence};
use gameday_core::model::{Percent, Predicts, RegionRole};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD907",
    severity: gameday_core::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "The faults affect more subnets than the environment allows",
    why: "`guard.max_share` limits the blast radius: the share of a Region's selected subnets that the faults affect.",
    remedy: "Restrict the faults with `targets` (zones, count, percentage) in the scenario, or raise `guard.max_share` \
             in the environment file.",
    calls: &["ec2:DescribeSubnets"],
    look: |facts| {
        Box::pin(async move {
            let Some(most) = facts.site.guard.max_share else { return Ok(Vec::new()) };
            let plan = facts.plan().await?;
            let mut sights = Vec::new();
            for role in [RegionRole::Primary, RegionRole::Replica] {
                let region = &facts.cloud.region(role).region;
                let faults = plan.faults.iter().filter(|fault| fault.region == *region);
                let touched: BTreeSet<&String> = faults.flat_map(|fault| &fault.blast_radius.touches).collect();
                if touched.is_empty() {
                    continue;
                }
                let all = plan.subnets.get(region).map_or(0, Vec::len);
                let share = touched.len() as f64 / all.max(1) as f64;
                if share > most.0 + 1e-9 {
                    sights.push(Occurrence::of(format!(
                        "{} of {all} selected subnets in {region}, {}; allowed: {most}",
                        touched.len(),
                        Percent(share)
                    )));
                }
            }
            Ok(sights)
        })
    },
};
