use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::{Check, CheckResult, Occurrence, REPLICA};
use crate::preflight::facts::lambda::Invoked;
use crate::preflight::facts::{Facts, Unavailable};
use gameday_core::model::{Predicts, RegionRole, Severity};

const TRIGGER: &str = "PreTokenGeneration";
/// The user that the event is of; no pool has it.
const NOBODY: &str = "gameday-preflight";

/// GD419.
pub(super) const CHECK: Check = Check {
    code: "GD419",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "The token trigger adds different claims at the replica",
    why: "The same code adds different claims if its environment variables, table or layers differ. Preflight invokes \
          the functions of both Regions with the same event of a user who does not exist, and compares the names of \
          the claims that they add. GD402 checks the claims that the scenario requires in a real token.",
    remedy: "Compare the function, its environment variables and the rows of its table between the Regions:\n\n\
             ```sh\n\
             aws lambda invoke --region REGION --function-name FUNCTION --payload fileb://event.json /dev/stdout\n\
             ```",
    calls: &["cognito-idp:DescribeUserPool", "lambda:GetFunctionConfiguration", "lambda:InvokeFunction"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let pairs = facts.trigger_functions().await?;
    let Some(pair) = pairs.iter().find(|pair| pair.triggers.contains(&TRIGGER) && pair.both().is_some()) else {
        return Ok(Vec::new());
    };
    if facts.site.preflight.invoke_triggers != Some(true) {
        return Err(Unavailable::setting("preflight.invoke_triggers"));
    }
    let claims = async |role: RegionRole, arn: &str| {
        let version = facts.triggers(role).await?.remove(TRIGGER).and_then(|trigger| trigger.version);
        let region = &facts.cloud.region(role).region;
        let event = event(&facts.site.pool.id, region.as_str(), &facts.site.pool.client_id, version.as_deref());
        match &*facts.invoked(role, arn, &event).await? {
            Invoked::Answer(answer) => Ok(added(answer)),
            Invoked::Threw(kind) => Err(Unavailable::because(
                format!("lambda:InvokeFunction in {region}"),
                format!("the function failed with {kind}"),
            )),
        }
    };
    let one = claims(RegionRole::Primary, &pair.primary.arn);
    let (one, other) = tokio::try_join!(one, claims(RegionRole::Replica, &pair.replica.arn))?;
    let (here, there) = (&facts.site.primary.region, &facts.site.replica.region);
    let known = |claim: &&String| !facts.scenario.required_claims.iter().any(|required| required == *claim);
    let listed = |claims: Vec<&String>| claims.into_iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ");
    let lost = listed(one.difference(&other).filter(known).collect());
    let more = listed(other.difference(&one).filter(known).collect());
    let name = pair.replica.name();
    let told = |verb: &str, claims: &str| {
        Occurrence::of(format!("lambda:InvokeFunction: {name} in {there} {verb} {claims}, unlike in {here}"))
    };
    let sights = [("omits", &lost), ("adds", &more)].into_iter().filter(|(_, claims)| !claims.is_empty());
    Ok(sights.map(|(verb, claims)| told(verb, claims)).collect())
}

/// An event as Cognito sends it (Cognito developer guide, "Pre token generation Lambda trigger").
fn event(pool: &str, region: &str, client: &str, version: Option<&str>) -> Value {
    let number = version.unwrap_or("V1_0").trim_start_matches('V').trim_end_matches("_0");
    json!({
        "version": number,
        "triggerSource": "TokenGeneration_Authentication",
        "region": region,
        "userPoolId": pool,
        "userName": NOBODY,
        "callerContext": { "awsSdkVersion": "gameday", "clientId": client },
        "request": {
            "userAttributes": { "sub": "00000000-0000-4000-8000-000000000000", "cognito:user_status": "CONFIRMED" },
            "groupConfiguration": { "groupsToOverride": [], "iamRolesToOverride": [], "preferredRole": null },
            "scopes": ["aws.cognito.signin.user.admin"],
        },
        "response": {},
    })
}

/// The names of the claims that an answer adds to any token.
fn added(answer: &Value) -> BTreeSet<String> {
    let response = &answer["response"];
    let details = &response["claimsAndScopeOverrideDetails"];
    let places = [&response["claimsOverrideDetails"], &details["accessTokenGeneration"], &details["idTokenGeneration"]];
    let claims = places.into_iter().filter_map(|place| place["claimsToAddOrOverride"].as_object());
    claims.flat_map(|claims| claims.keys().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_of_every_version_are_named() {
        let first = json!({ "response": { "claimsOverrideDetails": { "claimsToAddOrOverride": { "a": "1" } } } });
        assert_eq!(added(&first).into_iter().collect::<Vec<_>>(), ["a"]);
        let third = json!({ "response": { "claimsAndScopeOverrideDetails": {
            "accessTokenGeneration": { "claimsToAddOrOverride": { "b": "1" } },
            "idTokenGeneration": { "claimsToAddOrOverride": { "b": "1", "c": "2" } },
        } } });
        assert_eq!(added(&third).into_iter().collect::<Vec<_>>(), ["b", "c"]);
        assert!(added(&Value::Null).is_empty());
    }
}
