use std::collections::BTreeSet;

use futures::future::try_join_all;
use serde_json::Value;

use super::super::{Check, CheckResult, Occurrence, REPLICA};
use super::many;
use crate::preflight::facts::{Facts, Unavailable};
use gameday_core::model::{Predicts, Severity};

/// GD418.
pub(super) const CHECK: Check = Check {
    code: "GD418",
    severity: Severity::Blocker,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "The replica function's execution role allows only resources of the primary's Region",
    why: "Roles are global, but the ARNs in their policies are not. If a policy names only the table or the secret in \
          the primary's Region, the function in the replica's Region cannot use its own: it fails with \
          `AccessDeniedException`, or omits the claims.",
    remedy: "Allow the resource in both Regions, or use a wildcard for the Region:\n\n\
             ```json\n\
             \"Resource\": \"arn:aws:dynamodb:*:ACCOUNT_ID:table/TABLE\"\n\
             ```\n\n\
             ```sh\n\
             aws iam put-role-policy --role-name ROLE --policy-name POLICY --policy-document file://policy.json\n\
             ```",
    calls: &[
        "cognito-idp:DescribeUserPool",
        "lambda:GetFunctionConfiguration",
        "iam:ListAttachedRolePolicies",
        "iam:GetPolicy",
        "iam:GetPolicyVersion",
        "iam:ListRolePolicies",
        "iam:GetRolePolicy",
    ],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let pairs = facts.trigger_functions().await?;
    let configurations = pairs.iter().filter_map(|pair| pair.replica.configuration.as_deref());
    let roles: BTreeSet<&str> = configurations.filter_map(|configuration| configuration.role()).collect();
    let (here, there) = (facts.site.primary.region.as_str(), facts.site.replica.region.as_str());
    let looked = roles.into_iter().map(|arn| async move {
        let name = arn.rsplit('/').next().unwrap_or(arn);
        let Some(documents) = facts.role_documents(name).await? else {
            return Ok::<_, Unavailable>(vec![Occurrence::of(format!("iam:ListAttachedRolePolicies: {name}: NoSuchEntity"))]);
        };
        let unmatched = unmatched(documents.iter().map(AsRef::as_ref), here, there);
        let sight = |arn: &str| {
            Occurrence::of(format!(
                "iam:GetPolicyVersion, iam:GetRolePolicy: {name} allows {arn}, but no resource of that service in {there}"
            ))
        };
        Ok(unmatched.iter().map(|arn| sight(arn)).collect())
    });
    Ok(try_join_all(looked).await?.into_iter().flatten().collect())
}

/// Resources of the first Region that are allowed, while none of the same service is in the second one.
fn unmatched<'a>(documents: impl Iterator<Item = &'a Value>, here: &str, there: &str) -> BTreeSet<String> {
    let statements = documents.flat_map(|document| many(&document["Statement"]));
    let allowed = statements.filter(|statement| statement["Effect"] == "Allow");
    let resources: Vec<&str> =
        allowed.flat_map(|statement| many(&statement["Resource"])).filter_map(Value::as_str).collect();
    let place = |arn: &str| {
        let mut parts = arn.split(':').skip(2).map(str::to_owned);
        Some((parts.next()?, parts.next()?))
    };
    let reaches = |service: &str| {
        resources.iter().any(|resource| {
            **resource == *"*"
                || place(resource).is_some_and(|(own, region)| {
                    gameday_core::model::matches(&own, service) && gameday_core::model::matches(&region, there)
                })
        })
    };
    let first = resources
        .iter()
        .filter(|resource| place(resource).is_some_and(|(service, region)| region == here && !reaches(&service)));
    first.map(|resource| (*resource).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(resources: &Value) -> Vec<String> {
        let document = json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": resources } });
        unmatched([&document].into_iter(), "us-east-1", "us-west-2").into_iter().collect()
    }

    #[test]
    fn a_region_of_its_own_needs_a_resource_of_its_own() {
        let table = |region: &str| format!("arn:aws:dynamodb:{region}:1:table/t");
        assert_eq!(found(&json!(table("us-east-1"))), [table("us-east-1")]);
        assert_eq!(found(&json!([table("us-east-1"), "arn:aws:s3:::bucket"])), [table("us-east-1")]);
        for fine in [
            json!([table("us-east-1"), table("us-west-2")]),
            json!([table("us-east-1"), table("us-*")]),
            json!([table("us-east-1"), "*"]),
            json!("arn:aws:s3:::bucket"),
            json!(table("us-west-2")),
        ] {
            assert!(found(&fine).is_empty(), "{fine}");
        }
    }
}
