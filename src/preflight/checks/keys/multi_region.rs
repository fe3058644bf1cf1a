use super::{held, key_id};
use crate::preflight::checks::{Check, Occurrence, REPLICA};
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD202",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "The Regions' keys are independent of each other",
    why: "*Anti-pattern: independent keys.* One key cannot decrypt what the other has encrypted: data must be \
          encrypted again on its way, and a backup or an export cannot be used in the other Region. A multi-Region key \
          (`mrk-`) has the same key material in both Regions, and native replication needs one.",
    remedy: "Create a multi-Region key, replicate it, and set it on the pool (GD201). An existing key cannot become \
             multi-Region.\n\n\
             ```sh\n\
             aws kms create-key --region PRIMARY_REGION --multi-region --policy file://key-policy.json\n\
             aws kms replicate-key --region PRIMARY_REGION --key-id mrk-KEY_ID --replica-region REPLICA_REGION \\\n  \
             --policy file://replica-policy.json\n\
             ```\n\n\
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
                .then(|| Occurrence::of(format!("cognito-idp:DescribeUserPool: KmsKeyArn is {}", told.join(" and "))));
            Ok(told.into_iter().collect())
        })
    },
};
