use super::policies;
use super::policy::statements;
use crate::preflight::checks::{BOTH, Check, Occurrence};
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD208",
    severity: Severity::Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "The key policy allows every AWS principal",
    why: "`\"Principal\": \"*\"` in a key policy means every principal of every account. Only a condition that \
          restricts the caller (for example `kms:ViaService`, `kms:CallerAccount` or `aws:PrincipalOrgID`) limits it.",
    remedy: "Name the principals, or add a condition that restricts them:\n\n\
             ```json\n\
             \"Condition\": { \"StringEquals\": { \"kms:CallerAccount\": \"ACCOUNT_ID\" } }\n\
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
            let bound =
                ["kms:ViaService", "kms:CallerAccount", "aws:SourceAccount", "aws:SourceArn", "aws:PrincipalArn"];
            let mut sights = Vec::new();
            for (held, policy) in policies(facts).await? {
                let open = |statement: &super::policy::KeyStatement<'_>| {
                    let tied = bound.iter().any(|key| statement.asks_for(key))
                        || ["aws:PrincipalAccount", "aws:PrincipalOrg", "aws:SourceVpc"]
                            .iter()
                            .any(|begin| statement.asks_for_some(begin));
                    statement.is_for_anybody() && !tied
                };
                sights.extend(statements(&policy).iter().filter(|statement| open(statement)).map(|statement| {
                    Occurrence::of(format!(
                        "kms:GetKeyPolicy in {} of {}: {} has Principal * and no condition that restricts the caller",
                        held.region, held.arn, statement.label
                    ))
                    .at(held.role)
                }));
            }
            Ok(sights)
        })
    },
};
