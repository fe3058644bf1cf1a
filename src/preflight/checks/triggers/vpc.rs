use aws_sdk_lambda::types::VpcConfigResponse;

use super::super::{Check, Occurrence, REPLICA};
use super::{Both, beside};
use crate::preflight::facts::lambda::Configuration;
use gameday_core::model::{Predicts, Severity};

/// GD413.
pub(super) const CHECK: Check = Check {
    code: "GD413",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "The replica's function has a different VPC configuration",
    why: "A function reaches databases and proxies through its VPC. If it is in a VPC at the primary but not at the \
          replica, it cannot reach private resources there. If it has only one subnet, it fails with that subnet's \
          Availability Zone.",
    remedy: "Connect the function to subnets in two Availability Zones of the replica's VPC:\n\n\
             ```sh\n\
             aws lambda update-function-configuration --region REPLICA_REGION --function-name FUNCTION \\\n  \
             --vpc-config SubnetIds=SUBNET_ID,SUBNET_ID,SecurityGroupIds=SECURITY_GROUP_ID\n\
             ```",
    calls: &["cognito-idp:DescribeUserPool", "lambda:GetFunctionConfiguration"],
    look: |facts| Box::pin(beside(facts, look)),
};

fn look(both: &Both<'_>) -> Vec<Occurrence> {
    let Both { name, primary, replica, here, there } = both;
    let mut sights = Vec::new();
    let said = "lambda:GetFunctionConfiguration";
    match (vpc(primary), vpc(replica)) {
        (Some(one), None) => sights.push(Occurrence::of(format!(
            "{said}: {name} is in {} in {here}, but in no VPC in {there}",
            one.vpc_id().unwrap_or_default()
        ))),
        (None, Some(other)) => {
            let id = other.vpc_id().unwrap_or_default();
            let sight = Occurrence::of(format!("{said}: {name} is in no VPC in {here}, but in {id} in {there}"));
            sights.push(sight.severity(Severity::Note));
        }
        (Some(one), Some(other)) => {
            let (ours, theirs) = (one.subnet_ids().len(), other.subnet_ids().len());
            if theirs < ours && theirs < 2 {
                sights.push(Occurrence::of(format!(
                    "{said}: {name} has {ours} subnets in {here}, but {theirs} in {there}: {}",
                    other.subnet_ids().join(", ")
                )));
            }
            if other.security_group_ids().is_empty() && !one.security_group_ids().is_empty() {
                sights.push(Occurrence::of(format!("{said}: {name} in {there} has no security group")));
            }
        }
        (None, None) => {}
    }
    sights
}

/// A function outside of every VPC has an empty one.
fn vpc(configuration: &Configuration) -> Option<&VpcConfigResponse> {
    configuration.vpc_config().filter(|vpc| vpc.vpc_id().is_some_and(|id| !id.is_empty()))
}
