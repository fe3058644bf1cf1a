use crate::model::RegionRole::{Primary, Replica};
use crate::model::{Predicts, Severity};
use crate::preflight::checks::{Check, REPLICA, Sight};

/// By so much the counts may differ: they are estimates, and taken at different times.
const TOLERANCE: f64 = 0.05;

pub const CHECK: Check = Check {
    code: "GD304",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "The Regions do not have the same number of users",
    why: "The initial replication is not complete, or copying by hand has lost users: those who are not at the standby are told \
          `UserNotFoundException` there. The count is Cognito's estimate, so that a difference of up to 5 % is no finding; single users \
          are compared by GD305.",
    remedy: "Wait for the initial replication, and look again:\n\n\
             ```\naws cognito-idp describe-user-pool --region REGION --user-pool-id POOL --query UserPool.EstimatedNumberOfUsers\n```\n\n\
             With pools of their own, import the missing users (aws cognito-idp create-user-import-job).",
    calls: &["cognito-idp:DescribeUserPool"],
    look: |facts| {
        Box::pin(async move {
            let (primary, replica) = tokio::try_join!(facts.user_pool(Primary), facts.user_pool(Replica))?;
            let (here, there) = (primary.estimated_number_of_users(), replica.estimated_number_of_users());
            let apart = f64::from((here - there).abs());
            let told = (apart > TOLERANCE * f64::from(here.max(there))).then(|| {
                Sight::of(format!(
                    "cognito-idp:DescribeUserPool: EstimatedNumberOfUsers {here} in {} and {there} in {}",
                    facts.cloud.primary.region, facts.cloud.replica.region
                ))
            });
            Ok(told.into_iter().collect())
        })
    },
};
