use super::policies;
use super::policy::{CONTEXT, statements};
use crate::model::{Predicts, Severity};
use crate::preflight::checks::{BOTH, Check, Sight};

pub const CHECK: Check = Check {
    code: "GD207",
    severity: Severity::Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "The key's policy trusts Cognito for every account or every pool",
    why: "A service principal is the same for all of AWS. Without `aws:SourceAccount` (or `aws:SourceArn`) Cognito may use your key on \
          behalf of somebody else's user pool: a confused deputy. Without the encryption context it may decrypt with it what was not \
          encrypted for this pool, which is a note.",
    remedy: "Add the conditions of the developer guide (\"Data protection in Amazon Cognito\") to the statement:\n\n\
             ```json\n\"Condition\": {\n  \"StringEquals\": { \"aws:SourceAccount\": \"ACCOUNT\" },\n  \
             \"StringLike\": { \"kms:EncryptionContext:aws:cognito-idp:userpool-arn\": \"arn:aws:cognito-idp:REGION:ACCOUNT:userpool/POOL\" }\n}\n```\n\n\
             ```\naws kms put-key-policy --region REGION --key-id ID --policy-name default --policy file://key-policy.json\n```",
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
                        sights.push(Sight::of(format!("{of}: {label} asks for no aws:SourceAccount")).at(held.role));
                    } else if statement.covers("kms:Decrypt") && !statement.asks_for_some("kms:EncryptionContext:") {
                        let evidence = format!("{of}: {label} asks for no {CONTEXT}");
                        sights.push(Sight::of(evidence).at(held.role).severity(Severity::Note));
                    }
                }
            }
            Ok(sights)
        })
    },
};
