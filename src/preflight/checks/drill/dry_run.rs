//! GD013: what AWS would refuse.

use crate::preflight::checks::{Check, Occurrence};
use crate::preflight::facts::Unavailable;
use gameday_core::model::Predicts;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD013",
    severity: gameday_core::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "AWS refuses a call that the faults need",
    why: "Each kind of call that creates, replaces or authorizes something is tested with `DryRun`, which changes \
          nothing. A service control policy, a permissions boundary or a missing permission is found before the fault, \
          and not between the fault and the restore.",
    remedy: "Grant the permission; the command prints the least-privilege policy. If a service control policy requires \
             tags on new resources, name them in `[tags]` of the environment file.\n\n\
             ```sh\n\
             gameday iam-policy SCENARIO --env FILE\n\
             ```",
    calls: &[
        "ec2:CreateNetworkAcl",
        "ec2:ReplaceNetworkAclAssociation",
        "ec2:CreateSecurityGroup",
        "ec2:AuthorizeSecurityGroupIngress",
        "ec2:CreateTags",
        "ec2:DescribeNetworkAcls",
    ],
    look: |facts| {
        Box::pin(async move {
            let plan = facts.plan().await?;
            let told = plan.dry_runs(&facts.cloud, &facts.run).await;
            let told = told.map_err(|error| Unavailable::because("a dry run", error.to_string()))?;
            if let Some(call) = told.ignored {
                let reason = format!("the endpoint executed {call} although DryRun was set; the call was reverted");
                return Err(Unavailable::because("a dry run", reason));
            }
            Ok(told.refused.iter().map(|(region, error)| Occurrence::of(format!("in {region}: {error}"))).collect())
        })
    },
};
