use aws_sdk_secretsmanager::types::StatusType;
use futures::future::try_join_all;

use super::super::{Check, CheckResult, Occurrence, REPLICA};
use crate::preflight::facts::{Facts, Unavailable};
use gameday_core::env::DependencyKind;
use gameday_core::model::{Predicts, RegionRole, Severity};

/// GD415.
pub(super) const CHECK: Check = Check {
    code: "GD415",
    severity: Severity::Blocker,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "A secret that a trigger needs is not replicated to the replica's Region",
    why: "Secrets Manager does not replicate a secret by default. A function without the secret in its Region cannot \
          connect to its database, and every sign-in that needs it fails. A replica of the secret that is not in sync \
          contains the password from before the last rotation.",
    remedy: "Replicate the secret, with a key of the replica's Region:\n\n\
             ```sh\n\
             aws secretsmanager replicate-secret-to-regions --region PRIMARY_REGION --secret-id SECRET_ID \\\n  \
             --add-replica-regions Region=REPLICA_REGION,KmsKeyId=KEY_ID\n\
             ```\n\n\
             If a function needs a secret that no environment variable names, add it to `[[preflight.dependencies]]` \
             of the environment file.",
    calls: &["cognito-idp:DescribeUserPool", "lambda:GetFunctionConfiguration", "secretsmanager:DescribeSecret"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let secrets = facts.dependencies(DependencyKind::Secret).await?;
    let looked = secrets.iter().map(|(secret, by)| async move {
        let one = facts.secret(RegionRole::Primary, &secret.name);
        let (one, other) = tokio::try_join!(one, facts.secret(RegionRole::Replica, &secret.name))?;
        let (here, there) = (&facts.site.primary.region, &facts.site.replica.region);
        let said = format!("secretsmanager:DescribeSecret: {}, named by {by},", secret.name);
        if other.is_none() {
            // A name that is no secret's in either Region was no secret's name.
            let sight = (one.is_some() || !secret.guessed).then(|| {
                let command = format!(
                    "Replicate the secret: `aws secretsmanager replicate-secret-to-regions --region {here} --secret-id {} \
                     --add-replica-regions Region={there}`",
                    secret.name
                );
                Occurrence::of(format!("{said} does not exist in {there}")).remedy(command)
            });
            return Ok::<_, Unavailable>(sight);
        }
        let replicas = one.iter().flat_map(|one| one.replication_status());
        let mut replica = replicas.filter(|replica| replica.region() == Some(there.as_str()));
        Ok(match replica.next().map(|replica| (replica.status(), replica.status_message())) {
            None => {
                let told = format!(
                    "{said} is an independent secret in {there}: ReplicationStatus in {here} does not list that Region"
                );
                Some(Occurrence::of(told).severity(Severity::Risk))
            }
            Some((Some(status), message)) if *status != StatusType::InSync => {
                let message = message.map(|message| format!(" ({message})")).unwrap_or_default();
                Some(Occurrence::of(format!("{said} has the Status {status}{message} in {there}")))
            }
            Some(_) => None,
        })
    });
    Ok(try_join_all(looked).await?.into_iter().flatten().collect())
}
