//! GD705: whose keys the functions know that verify tokens.

use std::collections::BTreeSet;

use futures::future::try_join_all;

use super::super::{Check, CheckResult, Occurrence, REPLICA};
use super::seen;
use crate::preflight::facts::{Facts, Unavailable, found};
use gameday_core::model::{Predicts, Region, RegionRole, Severity};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD705",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "A function that verifies tokens does not know the keys of every token",
    why: "Preflight signed in at both Regions and read which issuers the tokens name. A function that is not configured \
          with the issuer or the JWKS of one of them refuses its tokens. The issuer ORIGINAL of a replicated pool is \
          the primary's, also at the replica; two independent pools have an issuer each.",
    remedy: "Configure the issuers or JWKS that the evidence names in the environment of the function, in both Regions, \
             and let it try all of them before it refuses a token:\n\n\
             ```sh\n\
             aws lambda update-function-configuration --region REGION --function-name FUNCTION --environment \\\n  \
             'Variables={JWKS_URLS=\"https://cognito-idp.PRIMARY_REGION.amazonaws.com/USER_POOL_ID/.well-known/jwks.json \
             https://cognito-idp.REPLICA_REGION.amazonaws.com/USER_POOL_ID/.well-known/jwks.json\"}'\n\
             ```\n\n\
             This command replaces all environment variables of the function: list the existing ones in `Variables`, \
             too.",
    calls: &["cognito-idp:InitiateAuth", "apigateway:GET", "lambda:GetFunctionConfiguration"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let tokens = seen(facts).await?;
    // Several Regions publish the keys of the UPDATED issuer.
    if tokens.iter().any(|token| token.updated) {
        return Ok(Vec::new());
    }
    let needed: BTreeSet<&str> = tokens.iter().map(|token| token.region.as_str()).collect();
    let both = RegionRole::ALL.map(async |role| {
        let functions = functions(facts, role).await?;
        let told = try_join_all(functions.iter().map(|function| judge(facts, role, function, &needed))).await?;
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
async fn judge(
    facts: &Facts,
    role: RegionRole,
    function: &str,
    needed: &BTreeSet<&str>,
) -> Result<Option<Occurrence>, Unavailable> {
    let region = &facts.site.region(role).region;
    let Some(configuration) = found(facts.function(role, function).await)? else {
        return Ok(Some(Occurrence::of(format!("{region}, {function}: the function does not exist"))));
    };
    let variables = configuration.environment().and_then(|environment| environment.variables());
    let names_of = |region: &Region| -> Vec<&str> {
        let host = region.host_of("cognito-idp");
        let all = variables.into_iter().flatten();
        all.filter(|(_, value)| value.contains(&host)).map(|(name, _)| name.as_str()).collect()
    };
    let (mut known, mut missing) = (BTreeSet::new(), Vec::new());
    for role in RegionRole::ALL {
        let region = &facts.site.region(role).region;
        let names = names_of(region);
        if names.is_empty() && needed.contains(region.as_str()) {
            missing.push(region.as_str());
        }
        known.extend(names);
    }
    if known.is_empty() {
        let why = "none of its environment variables names an issuer or a JWKS of the user pool";
        return Err(Unavailable::because(format!("where {function} gets its keys"), why));
    }
    let (known, missing) = (Vec::from_iter(known).join(", "), missing.join(", "));
    Ok((!missing.is_empty()).then(|| {
        Occurrence::of(format!("{region}, {function}: {known} (values redacted) names no issuer or JWKS of {missing}"))
    }))
}
