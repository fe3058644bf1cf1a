//! GD808: whether one panel shows both Regions.

use serde_json::Value;

use super::ROLES;
use crate::preflight::checks::{BOTH, Check, Occurrence};
use crate::preflight::facts::Facts;
use crate::preflight::facts::cloudwatch::{COGNITO, Dashboard};
use gameday_core::model::Predicts;
use gameday_core::model::Severity::Note;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD808",
    severity: Note,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "No dashboard shows the identity plane of both Regions",
    why: "During a failover you must see where users are: sign-ins fall in one Region and rise in the other. Two \
          consoles do not show that, and one of them may be in the Region that is down.",
    remedy: "Create one dashboard whose widgets name the Region of each metric (`\"region\"` in the options of the \
             metric):\n\n\
             ```sh\n\
             aws cloudwatch put-dashboard --region REPLICA_REGION --dashboard-name identity-plane --dashboard-body \
             file://dashboard.json\n\
             ```",
    calls: &["cloudwatch:ListDashboards", "cloudwatch:GetDashboard"],
    look: |facts| {
        Box::pin(async move {
            let dashboards = facts.dashboards().await?;
            if dashboards.iter().any(|dashboard| shows_both(facts, dashboard)) {
                return Ok(Vec::new());
            }
            let names: Vec<&str> = dashboards.iter().map(|dashboard| dashboard.name.as_str()).collect();
            let told = if names.is_empty() {
                "no dashboard".to_owned()
            } else {
                format!("{}; none shows metrics of {COGNITO} from both Regions", names.join(", "))
            };
            Ok(vec![Occurrence::of(format!("cloudwatch:ListDashboards: {told}"))])
        })
    },
};

/// Whether a dashboard has Cognito's metrics of both Regions.
pub(super) fn shows_both(facts: &Facts, dashboard: &Dashboard) -> bool {
    let shown = shown(dashboard);
    ROLES.iter().all(|role| {
        let region = facts.site.region(*role).region.as_str();
        shown.iter().any(|(namespace, _, own)| namespace == COGNITO && own == region)
    })
}

/// The metrics of a dashboard: namespace, name, Region. A dot stands for what the metric before has there, three for all of it (CloudWatch
/// API reference, "Dashboard body structure and syntax").
pub(super) fn shown(dashboard: &Dashboard) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for widget in dashboard.body["widgets"].as_array().into_iter().flatten() {
        let properties = &widget["properties"];
        let mut before: [String; 2] = Default::default();
        for metric in properties["metrics"].as_array().into_iter().flatten().filter_map(Value::as_array) {
            let mut texts = metric.iter().filter_map(Value::as_str);
            match texts.next() {
                Some("...") => {}
                Some(namespace) => {
                    let given = [namespace, texts.next().unwrap_or_default()];
                    for (known, given) in before.iter_mut().zip(given).filter(|(_, given)| *given != ".") {
                        given.clone_into(known);
                    }
                }
                // An expression.
                None => continue,
            }
            let options = metric.last().filter(|last| last.is_object());
            let region = options.and_then(|options| options["region"].as_str()).or(properties["region"].as_str());
            let [namespace, name] = before.clone();
            found.push((namespace, name, region.unwrap_or_default().to_owned()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dots_stand_for_what_came_before() {
        let metrics = json!([
            ["AWS/Cognito", "SignInSuccesses", "UserPool", "p", { "region": "us-west-2" }],
            [".", "SignInThrottles", ".", "."],
            ["...", { "region": "us-west-2" }],
            [{ "expression": "m1 + m2" }],
        ]);
        let body =
            json!({ "widgets": [{ "properties": { "region": "us-east-1", "metrics": metrics } }, { "type": "text" }] });
        let shown = shown(&Dashboard { name: "d".to_owned(), body });
        let shown: Vec<_> = shown.iter().map(|(_, name, region)| (name.as_str(), region.as_str())).collect();
        let expected =
            [("SignInSuccesses", "us-west-2"), ("SignInThrottles", "us-east-1"), ("SignInThrottles", "us-west-2")];
        assert_eq!(shown, expected);
    }
}
