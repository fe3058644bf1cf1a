use futures::future::try_join_all;
use serde_json::Value;

use super::super::{BOTH, Check, CheckResult, Occurrence};
use super::many;
use crate::preflight::facts::{Facts, Unavailable};
use gameday_core::model::{Predicts, RegionRole, Severity, matches};

const SERVICE: &str = "cognito-idp.amazonaws.com";

/// GD410.
pub(super) const CHECK: Check = Check {
    code: "GD410",
    severity: Severity::Blocker,
    regions: BOTH,
    predicts: Predicts::FailedLogins,
    title: "A trigger's function does not allow the pool of its Region to invoke it",
    why: "Cognito invokes a function as the pool's ARN in the same Region. The replica's ARN has the **replica's \
          Region** and the **primary's pool ID**. A resource policy that is copied from the primary allows only the \
          primary's ARN, and every sign-in at the replica fails with `UnexpectedLambdaException` and \
          `AccessDeniedException`.",
    remedy: "Allow the ARN that the pool has in that Region in the function's resource policy:\n\n\
             ```sh\n\
             aws lambda add-permission --region REPLICA_REGION --function-name FUNCTION --statement-id user-pool \\\n  \
             --action lambda:InvokeFunction --principal cognito-idp.amazonaws.com \\\n  \
             --source-arn arn:aws:cognito-idp:REPLICA_REGION:ACCOUNT_ID:userpool/USER_POOL_ID\n\
             ```",
    calls: &["cognito-idp:DescribeUserPool", "lambda:GetFunctionConfiguration", "lambda:GetPolicy"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let pairs = facts.trigger_functions().await?;
    let functions =
        pairs.iter().flat_map(|pair| [(RegionRole::Primary, &pair.primary), (RegionRole::Replica, &pair.replica)]);
    let there = functions.filter(|(_, function)| function.configuration.is_some());
    let looked = there.map(|(role, function)| async move {
        let (pool, policy) = tokio::try_join!(facts.user_pool(role), facts.function_policy(role, &function.arn))?;
        let region = &facts.cloud.region(role).region;
        let pool = pool.arn().unwrap_or_default().to_owned();
        let policy = policy.as_deref();
        if policy.is_some_and(|policy| allows(policy, &pool)) {
            return Ok(None);
        }
        let name = function.name();
        let told = match policy {
            Some(policy) => format!("the policy of {name} in {region} allows {}", sources(policy)),
            None => format!("{name} in {region} has no policy"),
        };
        let command = format!(
            "Allow the pool's ARN in the function's resource policy: `aws lambda add-permission --region {region} \
             --function-name {name} --statement-id user-pool --action lambda:InvokeFunction --principal {SERVICE} \
             --source-arn {pool}`"
        );
        let evidence = format!("lambda:GetPolicy: {told}; the pool's ARN there is {pool}");
        Ok::<_, Unavailable>(Some(Occurrence::of(evidence).at(role).remedy(command)))
    });
    Ok(try_join_all(looked).await?.into_iter().flatten().collect())
}

/// Whether a policy lets Cognito invoke for that pool. Operators other than those on the source's ARN and account are taken as met.
fn allows(policy: &Value, pool: &str) -> bool {
    let account = pool.split(':').nth(4).unwrap_or_default();
    let statements = many(&policy["Statement"]);
    statements.into_iter().filter(|statement| statement["Effect"] == "Allow" && is_for_cognito(statement)).any(
        |statement| {
            let conditions = statement["Condition"].as_object().into_iter().flatten();
            let mut keys = conditions.flat_map(|(_, keys)| keys.as_object().into_iter().flatten());
            keys.all(|(key, wanted)| {
                let one_of = |value: &str| {
                    many(wanted).into_iter().filter_map(Value::as_str).any(|pattern| matches(pattern, value))
                };
                match key.to_ascii_lowercase().as_str() {
                    "aws:sourcearn" => one_of(pool),
                    "aws:sourceaccount" => one_of(account),
                    _ => true,
                }
            })
        },
    )
}

fn is_for_cognito(statement: &Value) -> bool {
    let fits =
        |value: &Value, what: &str| many(value).into_iter().filter_map(Value::as_str).any(|one| matches(one, what));
    let principal = &statement["Principal"];
    let service = fits(principal, SERVICE) || fits(&principal["Service"], SERVICE) || fits(&principal["AWS"], "*");
    service && fits(&statement["Action"], "lambda:InvokeFunction")
}

/// For whom Cognito may invoke, in words.
fn sources(policy: &Value) -> String {
    let statements = many(&policy["Statement"]);
    let conditions = statements.into_iter().filter(|statement| is_for_cognito(statement)).map(|it| &it["Condition"]);
    let told: Vec<String> = conditions.map(|condition| format!("{SERVICE} where {condition}")).collect();
    if told.is_empty() { format!("nothing to {SERVICE}") } else { told.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const POOL: &str = "arn:aws:cognito-idp:us-west-2:111122223333:userpool/us-east-1_P";

    fn policy(condition: &Value) -> Value {
        json!({ "Statement": [{
            "Effect": "Allow", "Principal": { "Service": SERVICE }, "Action": "lambda:InvokeFunction", "Condition": condition,
        }] })
    }

    #[test]
    fn the_replicas_arn_must_be_allowed() {
        for condition in [
            json!({ "ArnLike": { "AWS:SourceArn": POOL } }),
            json!({ "ArnLike": { "aws:SourceArn": ["arn:x", "arn:aws:cognito-idp:*:111122223333:userpool/us-east-1_P"] } }),
            json!({ "StringEquals": { "AWS:SourceAccount": "111122223333" } }),
            Value::Null,
        ] {
            assert!(allows(&policy(&condition), POOL), "{condition}");
        }
        for condition in [
            json!({ "ArnLike": { "AWS:SourceArn": POOL.replace("us-west-2:", "us-east-1:") } }),
            json!({ "ArnLike": { "AWS:SourceArn": POOL }, "StringEquals": { "AWS:SourceAccount": "4" } }),
        ] {
            assert!(!allows(&policy(&condition), POOL), "{condition}");
        }
        let mut other = policy(&Value::Null);
        other["Statement"][0]["Principal"]["Service"] = "s3.amazonaws.com".into();
        assert!(!allows(&other, POOL));
        assert_eq!(sources(&other), "nothing to cognito-idp.amazonaws.com");
    }
}
