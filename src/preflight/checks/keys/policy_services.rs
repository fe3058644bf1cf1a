use super::policies;
use super::policy::{COGNITO, LOG_DELIVERY, statements};
use crate::model::{Predicts, Severity};
use crate::preflight::checks::{BOTH, Check, Sight};

pub const CHECK: Check = Check {
    code: "GD210",
    severity: Severity::Note,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "The key's policy serves other services than Cognito",
    why: "A key that several services use cannot be disabled, rotated or deleted for one of them alone, and whoever may act through the \
          others may decrypt users' data with it. A user pool deserves a key of its own.",
    remedy: "Give the other service a key of its own, and take it out of this policy:\n\n\
             ```\naws kms put-key-policy --region REGION --key-id ID --policy-name default --policy file://key-policy.json\n```",
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
                        Sight::of(format!(
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
