use super::policies;
use super::policy::{CONTEXT, statements};
use crate::preflight::checks::{BOTH, Check, Occurrence};
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD207",
    severity: Severity::Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "The key policy trusts Cognito for every account or every pool",
    why: "All AWS accounts share Cognito's service principal. Without `aws:SourceAccount` (or `aws:SourceArn`), \
          Cognito can use your key for a user pool of another account (confused deputy). Without the encryption \
          context it can decrypt data that was not encrypted for this pool; that case is a note.",
    remedy: "Add the conditions of the developer guide (\"Data protection in Amazon Cognito\") to the statement:\n\n\
             ```json\n\
             \"Condition\": {\n  \
             \"StringEquals\": { \"aws:SourceAccount\": \"ACCOUNT_ID\" },\n  \
             \"StringLike\": { \"kms:EncryptionContext:aws:cognito-idp:userpool-arn\": \
             \"arn:aws:cognito-idp:REGION:ACCOUNT_ID:userpool/USER_POOL_ID\" }\n\
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
            let mut sights = Vec::new();
            for (held, policy) in policies(facts).await? {
                let of = format!("kms:GetKeyPolicy in {} of {}", held.region, held.arn);
                for statement in statements(&policy).iter().filter(|statement| statement.is_for_cognito()) {
                    let label = &statement.label;
                    // Log delivery tells its own context instead.
                    let bound = ["aws:SourceAccount", "aws:SourceArn", "kms:EncryptionContext:SourceArn"];
                    if !bound.iter().any(|key| statement.asks_for(key)) {
                        sights.push(
                            Occurrence::of(format!("{of}: {label} has no condition on aws:SourceAccount"))
                                .at(held.role),
                        );
                    } else if statement.covers("kms:Decrypt") && !statement.asks_for_some("kms:EncryptionContext:") {
                        let evidence = format!("{of}: {label} has no condition on {CONTEXT}");
                        sights.push(Occurrence::of(evidence).at(held.role).severity(Severity::Note));
                    }
                }
            }
            Ok(sights)
        })
    },
};
