use super::super::{Check, CheckResult, Occurrence, REPLICA};
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, Severity};

/// GD405.
pub(super) const CHECK: Check = Check {
    code: "GD405",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "A trigger's function has different code at the replica",
    why: "Functions are deployed to each Region separately. After a deployment to one Region only, the other Region \
          runs untested code, which can issue different claims from the moment of the failover.",
    remedy: "Deploy the same package to both Regions in one pipeline, and compare the hashes:\n\n\
             ```sh\n\
             aws lambda update-function-code --region REGION --function-name FUNCTION --s3-bucket BUCKET --s3-key \
             KEY\n\
             aws lambda get-function-configuration --region REGION --function-name FUNCTION --query CodeSha256\n\
             ```",
    calls: &["cognito-idp:DescribeUserPool", "lambda:GetFunctionConfiguration"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let pairs = facts.trigger_functions().await?;
    let (here, there) = (&facts.site.primary.region, &facts.site.replica.region);
    let differ = pairs.iter().filter_map(|pair| {
        let (primary, replica) = pair.both()?;
        let (one, other) = (primary.code_sha256()?, replica.code_sha256()?);
        (one != other).then(|| {
            let name = pair.replica.name();
            Occurrence::of(format!(
                "lambda:GetFunctionConfiguration: CodeSha256 of {name} ({}) is {one} in {here} and {other} in {there}",
                pair.label()
            ))
        })
    });
    Ok(differ.collect())
}
