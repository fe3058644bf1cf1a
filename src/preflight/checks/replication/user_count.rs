use crate::preflight::checks::{Check, Occurrence, REPLICA};
use gameday_core::model::RegionRole::{Primary, Replica};
use gameday_core::model::{Predicts, Severity};

/// By so much the counts may differ: they are estimates, and taken at different times.
const TOLERANCE: f64 = 0.05;

pub(super) const CHECK: Check = Check {
    code: "GD304",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "The number of users differs between the Regions",
    why: "The initial replication is not complete, or a manual copy has lost users. After a failover the missing users \
          get `UserNotFoundException`. The count is Cognito's estimate, so a difference of up to 5 % is not reported; \
          GD305 compares single users.",
    remedy: "Wait for the initial replication, then compare the counts again:\n\n\
             ```sh\n\
             aws cognito-idp describe-user-pool --region REGION --user-pool-id USER_POOL_ID --query \
             UserPool.EstimatedNumberOfUsers\n\
             ```\n\n\
             With independent pools, import the missing users: `aws cognito-idp create-user-import-job --region \
             REPLICA_REGION --user-pool-id REPLICA_USER_POOL_ID --job-name JOB --cloud-watch-logs-role-arn ROLE_ARN`",
    calls: &["cognito-idp:DescribeUserPool"],
    look: |facts| {
        Box::pin(async move {
            let (primary, replica) = tokio::try_join!(facts.user_pool(Primary), facts.user_pool(Replica))?;
            let (here, there) = (primary.estimated_number_of_users(), replica.estimated_number_of_users());
            let apart = f64::from((here - there).abs());
            let told = (apart > TOLERANCE * f64::from(here.max(there))).then(|| {
                Occurrence::of(format!(
                    "cognito-idp:DescribeUserPool: EstimatedNumberOfUsers {here} in {} and {there} in {}",
                    facts.cloud.primary.region, facts.cloud.replica.region
                ))
            });
            Ok(told.into_iter().collect())
        })
    },
};
