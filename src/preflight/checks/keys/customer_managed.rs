use crate::model::RegionRole::{Primary, Replica};
use crate::model::{Predicts, Severity};
use crate::preflight::checks::{Check, REPLICA, Sight};

pub const CHECK: Check = Check {
    code: "GD201",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "The pool is encrypted with a key of AWS's own",
    why: "A native replica needs a multi-Region key of yours. A key of AWS's own is in nobody's hands here: you can neither see its \
          policy nor shut a third party out, and the requirement that data at rest be encrypted under your control is not met.",
    remedy: "Make a multi-Region key, give Cognito access to it by its policy, and set it:\n\n\
             ```\naws kms create-key --multi-region --policy file://key-policy.json\n\
             aws cognito-idp update-user-pool --user-pool-id POOL \\\n  \
             --key-configuration KeyType=CUSTOMER_MANAGED_KEY,KmsKeyArn=ARN ...\n```",
    calls: &["cognito-idp:DescribeUserPool"],
    look: |facts| {
        Box::pin(async move {
            let (primary, replica) = tokio::try_join!(facts.key_arn(Primary), facts.key_arn(Replica))?;
            let clouds = [(&facts.cloud.primary.region, primary), (&facts.cloud.replica.region, replica)];
            let without = clouds.into_iter().filter(|(_, arn)| arn.is_none());
            let told = without.map(|(region, _)| {
                Sight::of(format!("cognito-idp:DescribeUserPool in {region}: no KeyConfiguration with a KmsKeyArn"))
            });
            Ok(told.collect())
        })
    },
};
