//! GD905: what faults must not touch.

use std::collections::BTreeSet;

use crate::preflight::checks::{Check, Occurrence};
use gameday_core::model::Predicts;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD905",
    severity: gameday_core::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "A fault affects a forbidden resource",
    why: "`guard.forbidden_ids` lists resources that no fault may change or affect: subnets, VPCs, network interfaces, \
          functions, health checks.",
    remedy: "Exclude the resource with the fault's `targets` in the scenario.",
    calls: &[],
    look: |facts| {
        Box::pin(async move {
            let forbidden = &facts.site.guard.forbidden_ids;
            if forbidden.is_empty() {
                return Ok(Vec::new());
            }
            let plan = facts.plan().await?;
            // Everything by whose ID a fault could be forbidden: its targets, and where they are.
            let touched = plan.faults.iter().flat_map(|fault| {
                let blast_radius = &fault.blast_radius;
                let pairs = blast_radius.subnets.iter().chain(&blast_radius.interfaces).flat_map(|(vpc, id)| [vpc, id]);
                pairs.chain(&blast_radius.touches).chain(fault.targets.iter().map(|target| &target.id))
            });
            let touched: BTreeSet<&str> = touched.map(String::as_str).collect();
            let covered = forbidden.iter().filter(|id| touched.contains(id.as_str()));
            Ok(covered.map(|id| Occurrence::of(format!("{id} is in `guard.forbidden_ids`"))).collect())
        })
    },
};
