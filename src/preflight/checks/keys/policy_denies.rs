use futures::future::try_join_all;

use super::policies;
use super::policy::{Call, statements};
use crate::model::{Predicts, Severity};
use crate::preflight::checks::{BOTH, Check, Sight};

pub const CHECK: Check = Check {
    code: "GD206",
    severity: Severity::Blocker,
    regions: BOTH,
    predicts: Predicts::FailedLogins,
    title: "The key's policy does not let Cognito use it for the pool of that Region",
    why: "A key policy is not replicated with the key: each Region has its own. The one of the replica must name the replica's ARN, which \
          has the replica's Region and the primary's pool ID. Copied as it is from the primary it names the wrong Region, and every sign-in \
          at the replica fails.",
    remedy: "Give the key in that Region a statement for the service principal of Cognito with the pool's ARN of that Region, as the \
             developer guide has it (\"Data protection in Amazon Cognito\"):\n\n\
             ```json\n{\n  \"Effect\": \"Allow\",\n  \
             \"Principal\": { \"Service\": [\"cognito-idp.amazonaws.com\", \"identitystore.amazonaws.com\"] },\n  \
             \"Action\": [\"kms:Encrypt\", \"kms:Decrypt\", \"kms:ReEncrypt*\", \"kms:GenerateDataKeyWithoutPlainText\"],\n  \
             \"Resource\": \"*\",\n  \"Condition\": {\n    \
             \"ArnEquals\": { \"aws:SourceArn\": \"arn:aws:cognito-idp:REGION:ACCOUNT:userpool/POOL\" },\n    \
             \"StringEquals\": { \"aws:SourceAccount\": \"ACCOUNT\" },\n    \
             \"StringLike\": { \"kms:EncryptionContext:aws:cognito-idp:userpool-arn\": \"arn:aws:cognito-idp:REGION:ACCOUNT:userpool/POOL\" }\n  \
             }\n}\n```\n\n\
             ```\naws kms put-key-policy --region REGION --key-id ID --policy-name default --policy file://key-policy.json\n```",
    calls: &["cognito-idp:DescribeUserPool", "kms:GetKeyPolicy"],
    look: |facts| {
        Box::pin(async move {
            let looks = policies(facts).await?.into_iter().map(async |(held, policy)| {
                let pool = facts.user_pool(held.role).await?;
                let arn = pool.arn().unwrap_or_default();
                let account = arn.split(':').nth(4).unwrap_or_default();
                let call = Call { account, pool_arn: arn };
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
                    format!("its conditions do not hold for {arn}: {}", failed.join("; "))
                };
                Ok(Some(Sight::of(format!("kms:GetKeyPolicy in {} of {}: {why}", held.region, held.arn)).at(held.role)))
            });
            Ok(try_join_all(looks).await?.into_iter().flatten().collect())
        })
    },
};
