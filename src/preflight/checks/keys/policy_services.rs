use super::policies;
use super::policy::{COGNITO, LOG_DELIVERY, statements};
use crate::preflight::checks::{BOTH, Check, Occurrence};
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD210",
    severity: Severity::Note,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "The key policy allows services other than Cognito",
    why: "A key that several services share cannot be disabled, rotated or deleted for one of them only. Any principal \
          that can act through the other services may be able to decrypt users' data. Use a separate key for the user \
          pool.",
    remedy: "Give the other service its own key, and remove it from this policy. Read the policy, edit \
             `key-policy.json`, and write it back:\n\n\
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
                for statement in statements(&policy) {
                    let others = statement
                        .services()
                        .iter()
                        .filter(|service| !COGNITO.contains(service) && **service != LOG_DELIVERY);
                    sights.extend(others.map(|service| {
                        Occurrence::of(format!(
                            "kms:GetKeyPolicy in {} of {}: {} allows {service}",
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
