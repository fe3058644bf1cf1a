use std::collections::BTreeSet;

use super::super::{Check, Looked, REPLICA, Sight};
use crate::model::{Predicts, Severity};
use crate::preflight::facts::Facts;
use crate::preflight::facts::lambda::Configuration;

/// GD420.
pub const CHECK: Check = Check {
    code: "GD420",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "The replica's function lacks environment variables that the primary's has",
    why: "Variables are set in each Region by itself. One that was added at the primary alone makes the same code do something else at the \
          replica: a default, or an error at the first sign-in after a failover.",
    remedy: "Give the replica's function the same variables, with values of its own Region:\n\n\
             ```sh\naws lambda get-function-configuration --region REGION --function-name NAME \
             --query 'keys(Environment.Variables)'\n```",
    calls: &["cognito-idp:DescribeUserPool", "lambda:GetFunctionConfiguration"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> Looked {
    let pairs = facts.trigger_functions().await?;
    let (here, there) = (&facts.site.primary.region, &facts.site.replica.region);
    let sights = pairs.iter().filter_map(|pair| {
        let (primary, replica) = pair.both()?;
        let (ours, theirs) = (names(primary), names(replica));
        let missing: Vec<String> = ours.difference(&theirs).map(|name| format!("`{name}`")).collect();
        let name = pair.replica.name();
        (!missing.is_empty()).then(|| {
            let missing = missing.join(", ");
            Sight::of(format!("lambda:GetFunctionConfiguration: {name} has {missing} in {here}, and not in {there}"))
        })
    });
    Ok(sights.collect())
}

fn names(configuration: &Configuration) -> BTreeSet<&str> {
    let variables = configuration.environment().and_then(|environment| environment.variables());
    variables.into_iter().flatten().map(|(name, _)| name.as_str()).collect()
}
