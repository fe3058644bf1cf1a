use std::collections::BTreeSet;

use super::super::{Check, CheckResult, Occurrence, REPLICA};
use crate::preflight::facts::Facts;
use crate::preflight::facts::lambda::Configuration;
use gameday_core::model::{Predicts, Severity};

/// GD420.
pub(super) const CHECK: Check = Check {
    code: "GD420",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "The replica's function lacks environment variables of the primary's function",
    why: "Environment variables are set in each Region separately. If a variable was added at the primary only, the \
          same code behaves differently at the replica: it uses a default, or fails at the first sign-in after a \
          failover.",
    remedy: "Compare the variable names, and give the replica's function the same variables, with values for its own \
             Region. The last command replaces all variables of the function:\n\n\
             ```sh\n\
             aws lambda get-function-configuration --region PRIMARY_REGION --function-name FUNCTION --query \
             'keys(Environment.Variables)'\n\
             aws lambda get-function-configuration --region REPLICA_REGION --function-name FUNCTION --query \
             'keys(Environment.Variables)'\n\
             aws lambda update-function-configuration --region REPLICA_REGION --function-name FUNCTION --environment \
             file://variables.json\n\
             ```",
    calls: &["cognito-idp:DescribeUserPool", "lambda:GetFunctionConfiguration"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let pairs = facts.trigger_functions().await?;
    let (here, there) = (&facts.site.primary.region, &facts.site.replica.region);
    let sights = pairs.iter().filter_map(|pair| {
        let (primary, replica) = pair.both()?;
        let (ours, theirs) = (names(primary), names(replica));
        let missing: Vec<String> = ours.difference(&theirs).map(|name| format!("`{name}`")).collect();
        let name = pair.replica.name();
        (!missing.is_empty()).then(|| {
            let missing = missing.join(", ");
            Occurrence::of(format!(
                "lambda:GetFunctionConfiguration: {name} has {missing} in {here}, but not in {there}"
            ))
        })
    });
    Ok(sights.collect())
}

fn names(configuration: &Configuration) -> BTreeSet<&str> {
    let variables = configuration.environment().and_then(|environment| environment.variables());
    variables.into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}
