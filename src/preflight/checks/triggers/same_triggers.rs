use super::super::{Check, CheckResult, Occurrence, REPLICA};
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, RegionRole, Severity};

/// Sign-in by custom authentication is nothing without these (Cognito developer guide, "Custom authentication challenge Lambda
/// triggers").
const DECISIVE: [&str; 3] = ["DefineAuthChallenge", "CreateAuthChallenge", "VerifyAuthChallengeResponse"];

/// GD401.
pub(super) const CHECK: Check = Check {
    code: "GD401",
    severity: Severity::Blocker,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "The Regions do not have the same Lambda triggers",
    why: "Lambda triggers are set in each Region; replication does not copy them. A replica without the \
          Pre-Token-Generation trigger issues tokens without the claims that APIs require, and one without its custom \
          authentication triggers signs in no users. The problem appears only after the failover.",
    remedy: "Set the missing trigger in the Region that lacks it, with a function of that Region. `update-user-pool` \
             resets every setting that it does not receive: put the current settings of the pool into `pool.json`, in \
             the form that `aws cognito-idp update-user-pool --generate-cli-skeleton` prints.\n\n\
             ```sh\n\
             aws cognito-idp describe-user-pool --region REGION --user-pool-id USER_POOL_ID\n\
             aws cognito-idp update-user-pool --region REGION --cli-input-json file://pool.json --lambda-config \
             file://triggers.json\n\
             ```",
    calls: &["cognito-idp:DescribeUserPool"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let both = tokio::try_join!(facts.triggers(RegionRole::Primary), facts.triggers(RegionRole::Replica));
    let (primary, replica) = both?;
    let (here, there) = (&facts.site.primary.region, &facts.site.replica.region);
    let mut sights = Vec::new();
    for (name, trigger) in &primary {
        let decisive = DECISIVE.contains(name) || (*name == "PreTokenGeneration" && facts.requires_claims());
        let worst = if decisive { Severity::Blocker } else { Severity::Risk };
        match replica.get(name) {
            None => sights.push(
                Occurrence::of(format!(
                    "cognito-idp:DescribeUserPool: LambdaConfig has {name} ({}) in {here}, and none in {there}",
                    trigger.function
                ))
                .severity(worst),
            ),
            Some(other) if other.version != trigger.version => {
                let version = |version: &Option<String>| version.clone().unwrap_or_else(|| "no version".to_owned());
                sights.push(
                    Occurrence::of(format!(
                        "cognito-idp:DescribeUserPool: {name} has LambdaVersion {} in {here}, and {} in {there}",
                        version(&trigger.version),
                        version(&other.version)
                    ))
                    .severity(worst),
                );
            }
            Some(_) => {}
        }
    }
    for (name, trigger) in replica.iter().filter(|(name, _)| !primary.contains_key(*name)) {
        let evidence = format!(
            "cognito-idp:DescribeUserPool: LambdaConfig has {name} ({}) in {there}, and none in {here}",
            trigger.function
        );
        sights.push(Occurrence::of(evidence).severity(Severity::Risk));
    }
    Ok(sights)
}
