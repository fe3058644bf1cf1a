use aws_sdk_cognitoidentityprovider::types::GroupType;
use tokio::try_join;

use crate::preflight::checks::{Check, Occurrence, REPLICA};
use gameday_core::model::RegionRole::{Primary, Replica};
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD115",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Nothing,
    title: "A group has a different role or precedence in the two Regions",
    why: "The group with the lowest precedence decides which role an identity pool gives a user \
          (`cognito:preferred_role`). If the role or the precedence differs at the replica, users have other \
          permissions from the moment of the failover.",
    remedy: "Set the same role and precedence in both Regions:\n\n\
             ```sh\n\
             aws cognito-idp update-group --region REGION --user-pool-id USER_POOL_ID --group-name GROUP \\\n  \
             --role-arn ROLE_ARN --precedence NUMBER\n\
             ```",
    calls: &["cognito-idp:ListGroups"],
    look: |facts| {
        Box::pin(async move {
            let (primary, replica) = try_join!(facts.groups(Primary), facts.groups(Replica))?;
            let differ = primary.iter().filter_map(|group| {
                let other = replica.iter().find(|other| other.group_name == group.group_name)?;
                let name = group.group_name().unwrap_or("-");
                (told(group) != told(other)).then(|| {
                    Occurrence::of(format!(
                        "cognito-idp:ListGroups: {name} has {} in {} and {} in {}",
                        told(group),
                        facts.cloud.primary.region,
                        told(other),
                        facts.cloud.replica.region
                    ))
                })
            });
            Ok(differ.collect())
        })
    },
};

fn told(group: &GroupType) -> String {
    let precedence = group.precedence().map_or_else(|| "-".to_owned(), |precedence| precedence.to_string());
    format!("RoleArn {}, Precedence {precedence}", group.role_arn().unwrap_or("-"))
}
