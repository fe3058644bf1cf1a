//! GD922: whether what Cognito does is among what is recorded.

use aws_sdk_cloudtrail::operation::get_event_selectors::GetEventSelectorsOutput;
use aws_sdk_cloudtrail::types::ReadWriteType;
use futures::future::try_join_all;

use super::{in_both, working};
use crate::preflight::checks::{BOTH, Check};
use crate::preflight::facts::{Facts, Unavailable};
use gameday_core::model::Severity::Risk;
use gameday_core::model::{Predicts, RegionRole};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD922",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "The trails of a Region exclude management events",
    why: "Cognito's calls are management events: sign-ins as well as changes of the pool. A trail with custom \
          selectors can exclude reads, writes or both, and the audit log of a failover is then incomplete.",
    remedy: "Record all management events:\n\n\
             ```sh\n\
             aws cloudtrail put-event-selectors --region HOME_REGION --trail-name TRAIL \\\n  \
             --event-selectors '[{\"ReadWriteType\":\"All\",\"IncludeManagementEvents\":true}]'\n\
             ```",
    calls: &["cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "cloudtrail:GetEventSelectors"],
    look: |facts| Box::pin(in_both(facts, look)),
};

async fn look(facts: &Facts, role: RegionRole) -> Result<Vec<String>, Unavailable> {
    let trails = working(facts, role).await?;
    let selectors = trails.iter().map(|one| facts.event_selectors(role, &one.trail));
    let selectors = try_join_all(selectors).await?;
    if selectors.iter().any(|selectors| records_all(selectors)) {
        return Ok(Vec::new());
    }
    let told = trails.iter().zip(&selectors);
    Ok(told
        .map(|(one, selectors)| format!("cloudtrail:GetEventSelectors: {}: {}", one.name(), tell(selectors)))
        .collect())
}

/// Whether a trail records reads and writes of the control planes.
fn records_all(selectors: &GetEventSelectorsOutput) -> bool {
    let basic = selectors.event_selectors().iter().any(|selector| {
        selector.include_management_events().unwrap_or(true)
            && selector.read_write_type().is_none_or(|kind| *kind == ReadWriteType::All)
    });
    // Management events, with no further field that narrows them.
    let advanced = selectors.advanced_event_selectors().iter().any(|selector| {
        let fields = selector.field_selectors();
        let only = fields.len() == 1;
        only && fields.iter().any(|field| field.field() == "eventCategory" && field.equals() == ["Management"])
    });
    basic || advanced
}

fn tell(selectors: &GetEventSelectorsOutput) -> String {
    let basic = selectors.event_selectors().iter().map(|selector| {
        let kind = selector.read_write_type().map_or("-", ReadWriteType::as_str);
        let management = selector.include_management_events().unwrap_or(true);
        format!("ReadWriteType={kind}, IncludeManagementEvents={management}")
    });
    let advanced = selectors.advanced_event_selectors().iter().map(|selector| {
        let fields = selector.field_selectors().iter();
        let fields: Vec<String> =
            fields.map(|field| format!("{}={}", field.field(), field.equals().join("|"))).collect();
        fields.join(", ")
    });
    let all: Vec<String> = basic.chain(advanced).collect();
    if all.is_empty() { "no selector".to_owned() } else { all.join("; ") }
}
