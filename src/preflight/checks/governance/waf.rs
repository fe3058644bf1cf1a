//! GD945: whether a web ACL stands before the pool in both Regions.

use super::in_both;
use crate::preflight::checks::{BOTH, Check};
use crate::preflight::facts::{Facts, Unavailable};
use gameday_core::model::Severity::Risk;
use gameday_core::model::{Predicts, RegionRole};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD945",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "No WAF web ACL protects the user pool of a Region",
    why: "Web ACLs are set in each Region and are not replicated. If the replica has none, a failover exposes it to \
          what the primary blocks, such as password spraying and bots.",
    remedy: "Associate a web ACL with the pool (in Terraform: `aws_wafv2_web_acl_association`, once for each \
             Region):\n\n\
             ```sh\n\
             aws wafv2 associate-web-acl --region REGION --web-acl-arn WEB_ACL_ARN \\\n  \
             --resource-arn arn:aws:cognito-idp:REGION:ACCOUNT_ID:userpool/USER_POOL_ID\n\
             ```",
    calls: &[
        "wafv2:GetWebACL",
        "wafv2:GetWebACLForResource",
        "cognito-idp:GetWebACLForResource",
        "cognito-idp:DescribeUserPool",
    ],
    look: |facts| Box::pin(in_both(facts, look)),
};

async fn look(facts: &Facts, role: RegionRole) -> Result<Vec<String>, Unavailable> {
    let none = facts.web_acl(role).await?.is_none();
    let text = format!("wafv2:GetWebACLForResource of {}: no WebACL", facts.pool_arn(role).await?);
    Ok(none.then_some(text).into_iter().collect())
}
