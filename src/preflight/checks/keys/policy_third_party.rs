use super::policies;
use super::policy::statements;
use crate::preflight::checks::{BOTH, Check, Occurrence};
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD209",
    severity: Severity::Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "The key policy allows a third party",
    why: "Every principal that may use the pool's key can read what it encrypts. If another account can use the key, \
          users' data is not under your control alone, which is what the encryption must prove to an auditor. Accounts \
          in `account.allowed` of the environment file are not third parties.",
    remedy: "Remove the principal from the policy. If the account is yours, add it to `account.allowed` instead. Read \
             the policy, edit `key-policy.json`, and write it back:\n\n\
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
                let own = held.arn.split(':').nth(4).unwrap_or_default();
                let ours = |account: &str| {
                    account == own || facts.site.account.allowed.iter().any(|allowed| allowed.as_str() == account)
                };
                for statement in statements(&policy) {
                    let third = statement
                        .principals()
                        .iter()
                        .filter(|principal| account(principal).is_some_and(|it| !ours(it)));
                    sights.extend(third.map(|principal| {
                        Occurrence::of(format!(
                            "kms:GetKeyPolicy in {} of {}: {} allows {principal}",
                            held.region, held.arn, statement.label
                        ))
                        .at(held.role)
                    }));
                }
            }
            Ok(sights)
        })
    },
};

/// The account of a principal: an ARN, or its number alone. A principal that was deleted has neither.
fn account(principal: &str) -> Option<&str> {
    let number = principal.split(':').nth(4).unwrap_or(principal);
    (number.len() == 12 && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(number)
}
