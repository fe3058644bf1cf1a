use aws_sdk_cognitoidentityprovider::types::GroupType;
use tokio::try_join;

use crate::model::RegionRole::{Primary, Replica};
use crate::model::{Predicts, Severity};
use crate::preflight::checks::{Check, REPLICA, Sight};

pub const CHECK: Check = Check {
    code: "GD115",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Nothing,
    title: "A group has another role or precedence in the other Region",
    why: "The group with the lowest precedence decides which role an identity pool gives a user (`cognito:preferred_role`). With another \
          role or precedence at the standby, users act with other permissions from the moment of the failover.",
    remedy: "Bring the group into line:\n\n\
             ```\naws cognito-idp update-group --region REGION --user-pool-id POOL --group-name NAME \\\n  \
             --role-arn ROLE --precedence NUMBER\n```",
    calls: &["cognito-idp:ListGroups"],
    look: |facts| {
        Box::pin(async move {
            let (primary, replica) = try_join!(facts.groups(Primary), facts.groups(Replica))?;
            let differ = primary.iter().filter_map(|group| {
                let other = replica.iter().find(|other| other.group_name == group.group_name)?;
                let name = group.group_name().unwrap_or("-");
                (told(group) != told(other)).then(|| {
                    Sight::of(format!(
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
