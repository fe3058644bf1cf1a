//! GD946: whether both web ACLs keep the same out.

use std::collections::BTreeSet;

use aws_sdk_wafv2::types::WebAcl;

use crate::preflight::checks::{BOTH, Check, Occurrence};
use gameday_core::model::Severity::Risk;
use gameday_core::model::{Predicts, RegionRole};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD946",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "The web ACLs of the two Regions have different rules",
    why: "Controls must be equivalent in both Regions. With a rule in one Region only, the failover either allows \
          requests that were blocked before, or blocks users who could sign in before.",
    remedy: "Define both web ACLs in one place (one Terraform module for both Regions), then compare their rules:\n\n\
             ```sh\n\
             aws wafv2 get-web-acl-for-resource --region REGION --query 'WebACL.Rules[].Name' \\\n  \
             --resource-arn arn:aws:cognito-idp:REGION:ACCOUNT_ID:userpool/USER_POOL_ID\n\
             ```",
    calls: &[
        "wafv2:GetWebACL",
        "wafv2:GetWebACLForResource",
        "cognito-idp:GetWebACLForResource",
        "cognito-idp:DescribeUserPool",
    ],
    look: |facts| {
        Box::pin(async move {
            let both = (facts.web_acl(RegionRole::Primary), facts.web_acl(RegionRole::Replica));
            let (here, there) = futures::future::try_join(both.0, both.1).await?;
            // That there is none is GD945.
            let (Some(here), Some(there)) = (here.as_ref(), there.as_ref()) else { return Ok(Vec::new()) };
            let (primary, replica) = (rules(here), rules(there));
            let alone = |own: &BTreeSet<&str>, other: &BTreeSet<&str>, role: RegionRole| {
                let only: Vec<&str> = own.difference(other).copied().collect();
                let region = &facts.site.region(role).region;
                (!only.is_empty()).then(|| format!("{} in {region} only", only.join(", ")))
            };
            let parts: Vec<String> =
                [alone(&primary, &replica, RegionRole::Primary), alone(&replica, &primary, RegionRole::Replica)]
                    .into_iter()
                    .flatten()
                    .collect();
            let text = || {
                format!(
                    "wafv2:GetWebACLForResource: rules of {} and {}: {}",
                    here.name(),
                    there.name(),
                    parts.join("; ")
                )
            };
            Ok((!parts.is_empty()).then(|| Occurrence::of(text())).into_iter().collect())
        })
    },
};

fn rules(acl: &WebAcl) -> BTreeSet<&str> {
    acl.rules().iter().map(aws_sdk_wafv2::types::Rule::name).collect()
}
