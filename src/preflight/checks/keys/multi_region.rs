use super::{held, key_id};
use crate::model::{Predicts, Severity};
use crate::preflight::checks::{Check, REPLICA, Sight};

pub const CHECK: Check = Check {
    code: "GD202",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "The Regions' keys are independent of each other",
    why: "*Anti-pattern: independent keys.* What one key has encrypted the other cannot decrypt, so that data must be encrypted anew on its \
          way, and whatever comes with the data itself (a backup, an export) is of no use in the other Region. A multi-Region key (`mrk-`) \
          has the same material in both; native replication asks for one.",
    remedy: "A key cannot be made multi-Region later. Make a new one, replicate it, and set it on the pool:\n\n\
             ```\naws kms create-key --region PRIMARY --multi-region --policy file://key-policy.json\n\
             aws kms replicate-key --region PRIMARY --key-id mrk-ID --replica-region REPLICA --policy file://replica-policy.json\n```\n\n\
             In Terraform: `aws_kms_key { multi_region = true }` and `aws_kms_replica_key`.",
    calls: &["cognito-idp:DescribeUserPool"],
    look: |facts| {
        Box::pin(async move {
            let held = held(facts).await?;
            let single = held.iter().any(|held| !key_id(&held.arn).starts_with("mrk-"));
            let apart = held.windows(2).any(|pair| key_id(&pair[0].arn) != key_id(&pair[1].arn));
            let told: Vec<String> =
                held.iter().map(|held| format!("{} in {}", key_id(&held.arn), held.region)).collect();
            let told = (single || apart)
                .then(|| Sight::of(format!("cognito-idp:DescribeUserPool: KmsKeyArn is {}", told.join(" and "))));
            Ok(told.into_iter().collect())
        })
    },
};
