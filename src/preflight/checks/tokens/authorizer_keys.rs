//! GD705: whose keys the functions know that verify tokens.

use futures::future::try_join_all;

use super::super::{Check, CheckResult, Occurrence, REPLICA};
use super::is_updated;
use crate::preflight::facts::{Facts, Unavailable, found};
use gameday_core::model::{Predicts, RegionRole, Severity};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD705",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "A function that verifies tokens knows the keys of one Region only",
    why: "With the issuer ORIGINAL, tokens of the replica can be signed with keys that the primary does not publish. \
          An authorizer that is configured with the primary's JWKS only then refuses all users who sign in after the \
          failover. One that is configured with the replica's JWKS only refuses all sessions from before it.",
    remedy: "Configure the issuers or JWKS of both Regions in the environment of the function, in both Regions, and \
             let it try both before it refuses a token:\n\n\
             ```sh\n\
             aws lambda update-function-configuration --region REGION --function-name FUNCTION --environment \\\n  \
             'Variables={JWKS_URLS=\"https://cognito-idp.PRIMARY_REGION.amazonaws.com/USER_POOL_ID/.well-known/jwks.json \
             https://cognito-idp.REPLICA_REGION.amazonaws.com/USER_POOL_ID/.well-known/jwks.json\"}'\n\
             ```\n\n\
             This command replaces all environment variables of the function: list the existing ones in `Variables`, \
             too.",
    calls: &["cognito-idp:DescribeUserPool", "apigateway:GET", "lambda:GetFunctionConfiguration"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    // With the UPDATED issuer one set of keys is all that there is.
    if is_updated(facts).await? {
        return Ok(Vec::new());
    }
    let both = [RegionRole::Primary, RegionRole::Replica].map(async |role| {
        let functions = functions(facts, role).await?;
        let told = try_join_all(functions.iter().map(|function| judge(facts, role, function))).await?;
        Ok::<_, Unavailable>(told.into_iter().flatten().collect::<Vec<_>>())
    });
    let both = try_join_all(both).await?;
    Ok(both.into_iter().flatten().collect())
}

/// The functions that API Gateway asks, and those that the environment file names.
async fn functions(facts: &Facts, role: RegionRole) -> Result<Vec<String>, Unavailable> {
    let known = facts.authorizers(role).await?;
    let mut functions: Vec<String> = known.iter().filter_map(|it| it.function().map(str::to_owned)).collect();
    functions.extend(facts.site.preflight.authorizers.iter().cloned());
    functions.sort();
    functions.dedup();
    Ok(functions)
}

/// What it is told is in its environment, whose values stay out of the evidence.
async fn judge(facts: &Facts, role: RegionRole, function: &str) -> Result<Option<Occurrence>, Unavailable> {
    let region = &facts.site.region(role).region;
    let Some(configuration) = found(facts.function(role, function).await)? else {
        return Ok(Some(Occurrence::of(format!("{region}, {function}: the function does not exist"))));
    };
    let variables = configuration.environment().and_then(|environment| environment.variables());
    let names_of = |host: &str| -> Vec<&str> {
        let all = variables.into_iter().flatten();
        all.filter(|(_, value)| value.contains(host)).map(|(name, _)| name.as_str()).collect()
    };
    let regions = [&facts.site.primary.region, &facts.site.replica.region];
    let named = regions.map(|region| names_of(&region.host_of("cognito-idp")));
    let sight = |known: &[&str], missing: &str| {
        let (at, known) = (region.as_str(), known.join(", "));
        Occurrence::of(format!("{at}, {function}: {known} (values redacted) names no issuer or JWKS of {missing}"))
    };
    match &named {
        [one, other] if one.is_empty() && other.is_empty() => {
            let why = "none of its environment variables names an issuer or a JWKS of the user pool";
            Err(Unavailable::because(format!("where {function} gets its keys"), why))
        }
        [one, other] if other.is_empty() => Ok(Some(sight(one, regions[1].as_str()))),
        [one, other] if one.is_empty() => Ok(Some(sight(other, regions[0].as_str()))),
        _ => Ok(None),
    }
}
