//! GD705: whose keys the functions know that verify tokens.

use std::collections::BTreeSet;

use futures::future::try_join_all;

use super::super::{Check, CheckResult, Occurrence, REPLICA};
use super::{ObservedToken, observed};
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
    calls: &["apigateway:GET", "lambda:GetFunctionConfiguration"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let tokens = observed(facts).await?;
    // Whichever Region's address it knows has the keys.
    if tokens.published_twice() {
        return Ok(Vec::new());
    }
    let mut needed = tokens.both().to_vec();
    needed.dedup_by_key(|token| &token.token.issuer);
    let both = RegionRole::ALL.map(async |role| {
        let functions = functions(facts, role).await?;
        let sights = try_join_all(functions.iter().map(|function| judge(facts, role, function, &needed))).await?;
        // Where there is one issuer, tokens of both Regions are refused here, and else those of the other Region.
        let sights = sights.into_iter().flatten().map(|sight| if tokens.shared() { sight.at(role) } else { sight });
        Ok::<_, Unavailable>(sights.collect::<Vec<_>>())
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

/// Where it gets its keys is in its environment, whose values stay out of the evidence.
async fn judge(
    facts: &Facts,
    role: RegionRole,
    function: &str,
    needed: &[&ObservedToken],
) -> Result<Option<Occurrence>, Unavailable> {
    let region = &facts.site.region(role).region;
    let Some(configuration) = found(facts.function(role, function).await)? else {
        return Ok(Some(Occurrence::of(format!("{region}, {function}: the function does not exist"))));
    };
    let variables = configuration.environment().and_then(|environment| environment.variables());
    let names_of = |region: &Region, updated: bool| -> Vec<&str> {
        let host = region.host_of("cognito-idp");
        let all = variables.into_iter().flatten();
        all.filter(|(_, value)| names(value, &host, updated)).map(|(name, _)| name.as_str()).collect()
    };
    let missing: Vec<&str> = needed
        .iter()
        .filter(|token| names_of(&Region::from(token.region.as_str()), token.updated).is_empty())
        .map(|token| token.token.issuer.as_str())
        .collect();
    if missing.is_empty() {
        return Ok(None);
    }
    let regions = RegionRole::ALL.map(|role| &facts.site.region(role).region);
    let known: BTreeSet<&str> = regions.iter().flat_map(|region| names_of(region, true)).collect();
    if known.is_empty() {
        let why = "none of its environment variables names an issuer or a JWKS of the user pool";
        return Err(Unavailable::because(format!("where {function} gets its keys"), why));
    }
    let (known, missing) = (Vec::from_iter(known).join(", "), missing.join(" and "));
    let evidence =
        format!("{region}, {function}: {known} (values redacted) names neither issuer nor JWKS of {missing}");
    Ok(Some(Occurrence::of(evidence)))
}

/// Whether a text names a Region's host of Cognito's API, or of issuers where `updated`.
fn names(text: &str, host: &str, updated: bool) -> bool {
    text.match_indices(host).any(|(at, _)| updated || !text[..at].ends_with("issuer-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_updated_issuers_host_is_not_the_original_ones() {
        let host = "cognito-idp.us-east-1.amazonaws.com";
        let original = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_A";
        let updated = "https://issuer-cognito-idp.us-east-1.amazonaws.com/us-east-1_A";
        assert!(names(original, host, false) && names(original, host, true));
        assert!(!names(updated, host, false) && names(updated, host, true));
        assert!(names(&format!("{updated} {original}"), host, false));
    }
}
