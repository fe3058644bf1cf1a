use crate::preflight::checks::{Check, Occurrence, REPLICA};
use gameday_core::model::RegionRole::{Primary, Replica};
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD201",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "The pool uses an AWS-owned key",
    why: "A native replica needs a customer-managed multi-Region key. With an AWS-owned key you can neither read the \
          key policy nor exclude a third party, and the requirement to encrypt data at rest under your own control is \
          not met.",
    remedy: "Create a multi-Region key, allow Cognito in its policy, and set it on the pool. `update-user-pool` resets \
             every setting that it does not receive: put the current settings of the pool into `pool.json`, in the \
             form that `aws cognito-idp update-user-pool --generate-cli-skeleton` prints.\n\n\
             ```sh\n\
             aws kms create-key --region PRIMARY_REGION --multi-region --policy file://key-policy.json\n\
             aws cognito-idp describe-user-pool --region PRIMARY_REGION --user-pool-id USER_POOL_ID\n\
             aws cognito-idp update-user-pool --region PRIMARY_REGION --cli-input-json file://pool.json \\\n  \
             --key-configuration KeyType=CUSTOMER_MANAGED_KEY,KmsKeyArn=KEY_ARN\n\
             ```",
    calls: &["cognito-idp:DescribeUserPool"],
    look: |facts| {
        Box::pin(async move {
            let (primary, replica) = tokio::try_join!(facts.key_arn(Primary), facts.key_arn(Replica))?;
            let clouds = [(&facts.cloud.primary.region, primary), (&facts.cloud.replica.region, replica)];
            let without = clouds.into_iter().filter(|(_, arn)| arn.is_none());
            let told = without.map(|(region, _)| {
                Occurrence::of(format!("cognito-idp:DescribeUserPool in {region}: KeyConfiguration has no KmsKeyArn"))
            });
            Ok(told.collect())
        })
    },
};
