use tokio::try_join;

use super::difference;
use crate::preflight::checks::{Check, Occurrence, REPLICA};
use gameday_core::model::RegionRole::{Primary, Replica};
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD114",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Nothing,
    title: "A group is missing in one Region",
    why: "Groups become the claim `cognito:groups`, which applications use to authorize users. If a group is missing, \
          its members still sign in, but with fewer permissions, or with more where a rule denies a group. A probe of \
          the login page does not detect this.",
    remedy: "Create the group with its role and precedence, and add its members:\n\n\
             ```sh\n\
             aws cognito-idp create-group --region REGION --user-pool-id USER_POOL_ID --group-name GROUP \\\n  \
             --role-arn ROLE_ARN --precedence NUMBER\n\
             aws cognito-idp admin-add-user-to-group --region REGION --user-pool-id USER_POOL_ID --username USERNAME \
             --group-name GROUP\n\
             ```\n\n\
             Groups cannot be created at a native replica: check whether the replication is complete (GD304).",
    calls: &["cognito-idp:ListGroups"],
    look: |facts| {
        Box::pin(async move {
            let (primary, replica) = try_join!(facts.groups(Primary), facts.groups(Replica))?;
            let [primary, replica] = [&primary, &replica]
                .map(|groups| groups.iter().filter_map(|group| group.group_name()).collect::<Vec<_>>());
            let told = difference(&primary, &replica);
            Ok(told.map(|told| Occurrence::of(format!("cognito-idp:ListGroups: {told}"))).into_iter().collect())
        })
    },
};
