use super::Schemas;
use crate::model::RegionRole::{Primary, Replica};
use crate::model::{Predicts, Severity};
use crate::preflight::checks::{BOTH, Check, Sight};

pub const CHECK: Check = Check {
    code: "GD110",
    severity: Severity::Risk,
    regions: BOTH,
    predicts: Predicts::FailedLogins,
    title: "A custom attribute is missing in one Region",
    why: "Users who are copied to a pool without the attribute lose it, and whatever reads it after the failover (a token trigger, an \
          authorizer, the application) decides without it. The schema of a pool only ever grows: an attribute can be added, never \
          renamed or removed, so that the two Regions cannot be brought together later by taking one away.",
    remedy: "Add the attribute to the pool that lacks it, exactly as the other has it; it can never be changed afterwards:\n\n\
             ```\naws cognito-idp add-custom-attributes --region REGION --user-pool-id POOL \\\n  \
             --custom-attributes Name=NAME,AttributeDataType=String,Mutable=true\n```\n\n\
             Then copy its values to the users there.",
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
                        Sight::of(format!(
                            "cognito-idp:DescribeUserPool: SchemaAttributes has {name} in {from} and not in {to}"
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
