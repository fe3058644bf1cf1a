use tokio::try_join;

use super::difference;
use crate::model::RegionRole::{Primary, Replica};
use crate::model::{Predicts, Severity};
use crate::preflight::checks::{Check, REPLICA, Sight};

pub const CHECK: Check = Check {
    code: "GD114",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Nothing,
    title: "A group is missing in one Region",
    why: "Groups become the claim `cognito:groups`, by which applications decide what a user may do. Where a group is missing its \
          members sign in as before and may do less, or where a rule denies a group, more: nothing fails that a probe of the login page \
          would see.",
    remedy: "Make the group, with its role and precedence, and put its members into it:\n\n\
             ```\naws cognito-idp create-group --region REGION --user-pool-id POOL --group-name NAME \\\n  \
             --role-arn ROLE --precedence NUMBER\n```\n\n\
             A native replica takes no groups of its own: look whether replication is complete (GD304).",
    calls: &["cognito-idp:ListGroups"],
    look: |facts| {
        Box::pin(async move {
            let (primary, replica) = try_join!(facts.groups(Primary), facts.groups(Replica))?;
            let [primary, replica] = [&primary, &replica]
                .map(|groups| groups.iter().filter_map(|group| group.group_name()).collect::<Vec<_>>());
            let told = difference(&primary, &replica);
            Ok(told.map(|told| Sight::of(format!("cognito-idp:ListGroups: {told}"))).into_iter().collect())
        })
    },
};
