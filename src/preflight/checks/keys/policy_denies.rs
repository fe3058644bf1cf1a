use futures::future::try_join_all;

use super::policies;
use super::policy::{KeyCall, statements};
use crate::preflight::checks::{BOTH, Check, Occurrence};
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD206",
    severity: Severity::Blocker,
    regions: BOTH,
    predicts: Predicts::FailedLogins,
    title: "The key policy does not let Cognito use the key for the pool of that Region",
    why: "A key policy is not replicated with the key: each Region has its own. The replica's key policy must name the \
          replica's ARN, which has the replica's Region and the primary's pool ID. A policy that is copied from the \
          primary names the wrong Region, and every sign-in at the replica fails.",
    remedy: "Add a statement for Cognito's service principals with the ARN that the pool has in that Region, as in the \
             developer guide (\"Data protection in Amazon Cognito\"):\n\n\
             ```json\n\
             {\n  \
             \"Effect\": \"Allow\",\n  \
             \"Principal\": { \"Service\": [\"cognito-idp.amazonaws.com\", \"identitystore.amazonaws.com\"] },\n  \
             \"Action\": [\"kms:Encrypt\", \"kms:Decrypt\", \"kms:ReEncrypt*\", \
             \"kms:GenerateDataKeyWithoutPlainText\"],\n  \
             \"Resource\": \"*\",\n  \
             \"Condition\": {\n    \
             \"ArnEquals\": { \"aws:SourceArn\": \"arn:aws:cognito-idp:REGION:ACCOUNT_ID:userpool/USER_POOL_ID\" },\n    \
             \"StringEquals\": { \"aws:SourceAccount\": \"ACCOUNT_ID\" },\n    \
             \"StringLike\": { \"kms:EncryptionContext:aws:cognito-idp:userpool-arn\": \
             \"arn:aws:cognito-idp:REGION:ACCOUNT_ID:userpool/USER_POOL_ID\" }\n  \
             }\n\
             }\n\
             ```\n\n\
             Read the policy, edit `key-policy.json`, and write it back:\n\n\
             ```sh\n\
             aws kms get-key-policy --region REGION --key-id KEY_ID --policy-name default --query Policy --output text \
             > key-policy.json\n\
             aws kms put-key-policy --region REGION --key-id KEY_ID --policy-name default --policy \
             file://key-policy.json\n\
             ```",
    calls: &["cognito-idp:DescribeUserPool", "kms:GetKeyPolicy"],
    look: |facts| {
        Box::pin(async move {
            let looks = policies(facts).await?.into_iter().map(async |(held, policy)| {
                let pool = facts.user_pool(held.role).await?;
                let arn = pool.arn().unwrap_or_default();
                let account = arn.split(':').nth(4).unwrap_or_default();
                let call = KeyCall { account, pool_arn: arn };
                let all = statements(&policy);
                let serving: Vec<_> = all
                    .iter()
                    .filter(|statement| statement.is_for_cognito() && statement.covers("kms:Decrypt"))
                    .collect();
                let failed: Vec<String> = serving.iter().filter_map(|statement| statement.fails(call)).collect();
                if failed.len() < serving.len() {
                    return Ok(None);
                }
                let why = if serving.is_empty() {
                    "no statement allows cognito-idp.amazonaws.com kms:Decrypt".to_owned()
                } else {
                    format!("its conditions do not match {arn}: {}", failed.join("; "))
                };
                Ok(Some(
                    Occurrence::of(format!("kms:GetKeyPolicy in {} of {}: {why}", held.region, held.arn)).at(held.role),
                ))
            });
            Ok(try_join_all(looks).await?.into_iter().flatten().collect())
        })
    },
};
