//! GD926: whether changes of DNS and permissions are recorded.

use std::collections::BTreeSet;

use super::{unless_one_is_good, working};
use crate::preflight::checks::{BOTH, Check, Occurrence};
use gameday_core::model::Severity::Note;
use gameday_core::model::{Predicts, RegionRole};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD926",
    severity: Note,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "No trail records global service events",
    why: "A failover changes Route 53, and IAM decides who may make that change. Both services are recorded only by a \
          trail that includes global service events.",
    remedy: "Include global service events in a trail (in Terraform: `include_global_service_events = true`):\n\n\
             ```sh\n\
             aws cloudtrail update-trail --region HOME_REGION --name TRAIL --include-global-service-events\n\
             ```",
    calls: &["cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus"],
    look: |facts| {
        Box::pin(async move {
            let both = (working(facts, RegionRole::Primary), working(facts, RegionRole::Replica));
            let (here, there) = futures::future::try_join(both.0, both.1).await?;
            let trails = [here, there].concat();
            let wrong = unless_one_is_good(
                &trails,
                |one| one.trail.include_global_service_events() == Some(true),
                |one| format!("cloudtrail:DescribeTrails: {}: IncludeGlobalServiceEvents=false", one.name()),
            );
            Ok(wrong.into_iter().collect::<BTreeSet<_>>().into_iter().map(Occurrence::of).collect())
        })
    },
};
