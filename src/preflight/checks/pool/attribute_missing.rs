use super::Schemas;
use crate::preflight::checks::{BOTH, Check, Occurrence};
use gameday_core::model::RegionRole::{Primary, Replica};
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD110",
    severity: Severity::Risk,
    regions: BOTH,
    predicts: Predicts::FailedLogins,
    title: "A custom attribute is missing in one Region",
    why: "Users who are copied to a pool without the attribute lose its value. After a failover, every component that \
          reads it (a token trigger, an authorizer, the application) decides without it. The schema of a pool only \
          grows: an attribute can be added, but never renamed or removed.",
    remedy: "Add the attribute to the pool that lacks it, with the same type, mutability and limits as in the other \
             pool. They cannot be changed later.\n\n\
             ```sh\n\
             aws cognito-idp add-custom-attributes --region REGION --user-pool-id USER_POOL_ID \\\n  \
             --custom-attributes Name=ATTRIBUTE,AttributeDataType=String,Mutable=true\n\
             ```\n\n\
             Then copy the values of the attribute to the users of that pool.",
    calls: &["cognito-idp:DescribeUserPool"],
    look: |facts| {
        Box::pin(async move {
            let schemas = Schemas::of(facts).await?;
            let lacking = |these: &[_], those: &[_], here, there| {
                let [from, to] = [here, there].map(|role| &facts.site.region(role).region);
                names(these)
                    .into_iter()
                    .filter(|name| !names(those).contains(name))
                    .map(|name| {
                        Occurrence::of(format!(
                            "cognito-idp:DescribeUserPool: SchemaAttributes contains {name} in {from}, but not in {to}"
                        ))
                        .at(there)
                    })
                    .collect::<Vec<_>>()
            };
            let mut sights = lacking(&schemas.primary, &schemas.replica, Primary, Replica);
            sights.extend(lacking(&schemas.replica, &schemas.primary, Replica, Primary));
            Ok(sights)
        })
    },
};

fn names(attributes: &[aws_sdk_cognitoidentityprovider::types::SchemaAttributeType]) -> Vec<&str> {
    attributes.iter().filter_map(|attribute| attribute.name()).collect()
}
