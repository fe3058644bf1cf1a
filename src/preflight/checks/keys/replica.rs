use futures::future::try_join_all;

use super::{held, key_id};
use crate::preflight::checks::{BOTH, Check, Occurrence};
use crate::preflight::facts::found;
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD203",
    severity: Severity::Blocker,
    regions: BOTH,
    predicts: Predicts::FailedLogins,
    title: "The pool's key does not exist in one Region",
    why: "A multi-Region key exists only in the Regions to which it was replicated. A pool whose key is not in its own \
          Region cannot decrypt there: every sign-in fails.",
    remedy: "Replicate the key, with a policy that names the pool's ARN of that Region (GD206):\n\n\
             ```sh\n\
             aws kms replicate-key --region PRIMARY_REGION --key-id mrk-KEY_ID --replica-region REPLICA_REGION \\\n  \
             --policy file://replica-policy.json\n\
             ```",
    calls: &["cognito-idp:DescribeUserPool", "kms:DescribeKey"],
    look: |facts| {
        Box::pin(async move {
            let held = held(facts).await?;
            let looks = held.iter().map(async |held| found(facts.key(held.role, &held.arn).await));
            let keys = try_join_all(looks).await?;
            let gone = held.iter().zip(keys).filter(|(_, key)| key.is_none());
            let told = gone.map(|(held, _)| {
                Occurrence::of(format!("kms:DescribeKey in {}: NotFoundException for {}", held.region, held.arn))
                    .at(held.role)
                    .remedy(format!(
                        "Replicate the key, with a policy that names the pool's ARN of that Region (GD206):\n\n\
                     ```sh\n\
                     aws kms replicate-key --region {} --key-id {} --replica-region {} \
                     --policy file://replica-policy.json\n\
                     ```",
                        facts.cloud.primary.region,
                        key_id(&held.arn),
                        held.region
                    ))
            });
            Ok(told.collect())
        })
    },
};
