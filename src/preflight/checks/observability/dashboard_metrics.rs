//! GD809: whether the panel shows all that counts.

use super::dashboard::{shown, shows_both};
use super::{ROLES, RPO, WATCHED};
use crate::preflight::checks::{BOTH, Check, Occurrence};
use gameday_core::model::Predicts;
use gameday_core::model::Severity::Note;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD809",
    severity: Note,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "The cross-Region dashboard lacks a metric of the identity plane",
    why: "Sign-ins show that users get in, throttles that they do not, token refreshes that sessions survive, and the \
          lag what a failover would lose. The decision on a failback needs all four, from both Regions.",
    remedy: "Add the metric to a widget of the dashboard, with its Region in the options:\n\n\
             ```sh\n\
             aws cloudwatch get-dashboard --region REGION --dashboard-name DASHBOARD --query DashboardBody --output \
             text > dashboard.json\n\
             aws cloudwatch put-dashboard --region REGION --dashboard-name DASHBOARD --dashboard-body \
             file://dashboard.json\n\
             ```",
    calls: &["cloudwatch:ListDashboards", "cloudwatch:GetDashboard"],
    look: |facts| {
        Box::pin(async move {
            let dashboards = facts.dashboards().await?;
            let both: Vec<_> = dashboards.iter().filter(|dashboard| shows_both(facts, dashboard)).collect();
            // That there is none is GD808.
            if both.is_empty() {
                return Ok(Vec::new());
            }
            let all: Vec<_> = both.iter().flat_map(|dashboard| shown(dashboard)).collect();
            let mut left_out = Vec::new();
            for role in ROLES {
                let region = facts.site.region(role).region.as_str();
                let missing = |name: &&&str| !all.iter().any(|(_, own, there)| own == **name && there == region);
                left_out.extend(WATCHED.iter().filter(missing).map(|name| format!("{name} of {region}")));
            }
            if !all.iter().any(|(_, name, _)| name == RPO) {
                left_out.push(RPO.to_owned());
            }
            let names: Vec<&str> = both.iter().map(|dashboard| dashboard.name.as_str()).collect();
            let text = || format!("cloudwatch:GetDashboard: {} has no {}", names.join(", "), left_out.join(", no "));
            Ok((!left_out.is_empty()).then(|| Occurrence::of(text())).into_iter().collect())
        })
    },
};
