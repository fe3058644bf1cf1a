use aws_sdk_dynamodb::types::{ReplicaStatus, TableStatus};
use futures::future::try_join_all;

use super::super::{Check, CheckResult, Occurrence, REPLICA};
use crate::preflight::facts::{Facts, Unavailable};
use gameday_core::env::DependencyKind;
use gameday_core::model::{Predicts, RegionRole, Severity};

/// GD414.
pub(super) const CHECK: Check = Check {
    code: "GD414",
    severity: Severity::Blocker,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "A table that a trigger reads has no working replica in the replica's Region",
    why: "A function reads the DynamoDB table of its own Region. If the table is missing, the function fails, or omits \
          the claims that it would have found: DNS fails over, but the login fails silently. If the table exists but \
          is not a replica, its rows become outdated.",
    remedy: "Make the table a global table with a replica in that Region, and wait until it is ACTIVE:\n\n\
             ```sh\n\
             aws dynamodb update-table --region PRIMARY_REGION --table-name TABLE \\\n  \
             --replica-updates 'Create={RegionName=REPLICA_REGION}'\n\
             aws dynamodb describe-table --region REPLICA_REGION --table-name TABLE --query Table.TableStatus\n\
             ```\n\n\
             If a function needs a table that no environment variable names, add it to `[[preflight.dependencies]]` of \
             the environment file.",
    calls: &["cognito-idp:DescribeUserPool", "lambda:GetFunctionConfiguration", "dynamodb:DescribeTable"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let tables = facts.dependencies(DependencyKind::DynamodbTable).await?;
    let looked = tables.iter().map(|(table, by)| async move {
        let one = facts.table(RegionRole::Primary, &table.name);
        let (one, other) = tokio::try_join!(one, facts.table(RegionRole::Replica, &table.name))?;
        let (here, there) = (&facts.site.primary.region, &facts.site.replica.region);
        let said = format!("dynamodb:DescribeTable: {}, named by {by},", table.name);
        let Some(other) = other else {
            // A name that is no table's in either Region was no table's name.
            let sight = (one.is_some() || !table.guessed).then(|| {
                let command = format!(
                    "Make the table a global table: `aws dynamodb update-table --region {here} --table-name {} \
                     --replica-updates 'Create={{RegionName={there}}}'`",
                    table.name
                );
                Occurrence::of(format!("{said} does not exist in {there}")).remedy(command)
            });
            return Ok::<_, Unavailable>(sight);
        };
        // "ACTIVE - The table is ready for use"; it serves while it is UPDATING, too.
        let serves = |status: &TableStatus| [TableStatus::Active, TableStatus::Updating].contains(status);
        if let Some(status) = other.table_status().filter(|status| !serves(status)) {
            return Ok(Some(Occurrence::of(format!("{said} has TableStatus {status} in {there}"))));
        }
        let Some(one) = one else {
            return Ok(Some(
                Occurrence::of(format!("{said} does not exist in {here}"))
                    .at(RegionRole::Primary)
                    .severity(Severity::Risk),
            ));
        };
        let replica = one.replicas().iter().find(|replica| replica.region_name() == Some(there.as_str()));
        Ok(match replica.map(|replica| replica.replica_status()) {
            None => {
                let told = format!(
                    "{said} is an independent table in {there}: its Replicas in {here} do not list that Region"
                );
                Some(Occurrence::of(told).severity(Severity::Risk))
            }
            Some(Some(status)) if !matches!(status, ReplicaStatus::Active | ReplicaStatus::Updating) => {
                Some(Occurrence::of(format!("{said} has a replica in {there} with ReplicaStatus {status}")))
            }
            Some(_) => None,
        })
    });
    Ok(try_join_all(looked).await?.into_iter().flatten().collect())
}
