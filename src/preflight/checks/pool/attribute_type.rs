use aws_sdk_cognitoidentityprovider::types::SchemaAttributeType;

use super::Schemas;
use crate::model::{Predicts, Severity};
use crate::preflight::checks::{Check, REPLICA, Sight};

pub const CHECK: Check = Check {
    code: "GD111",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "A custom attribute is of another kind in the other Region",
    why: "A value that one pool accepts is refused by the other where type, mutability or necessity differ, so that users cannot be \
          copied as they are, and a change at the standby fails after the failover. Type and mutability of an attribute are fixed when it \
          is created.",
    remedy: "An attribute cannot be changed. Add one of another name to both pools with the same type and `Mutable`, move the values, \
             and use that:\n\n\
             ```\naws cognito-idp add-custom-attributes --region REGION --user-pool-id POOL \\\n  \
             --custom-attributes Name=NAME,AttributeDataType=String,Mutable=true\n```\n\n\
             While the replica has no users yet, make its pool anew with the right schema.",
    calls: &["cognito-idp:DescribeUserPool"],
    look: |facts| {
        Box::pin(async move {
            let schemas = Schemas::of(facts).await?;
            let (primary, replica) = (&facts.cloud.primary.region, &facts.cloud.replica.region);
            let differ = schemas.shared().filter(|(_, here, there)| kind(here) != kind(there));
            let sights = differ.map(|(name, here, there)| {
                Sight::of(format!(
                    "cognito-idp:DescribeUserPool: {name} is {} in {primary} and {} in {replica}",
                    kind(here),
                    kind(there)
                ))
            });
            Ok(sights.collect())
        })
    },
};

fn kind(attribute: &SchemaAttributeType) -> String {
    format!(
        "AttributeDataType {}, Mutable {}, Required {}",
        attribute.attribute_data_type().map_or("-", |kind| kind.as_str()),
        attribute.mutable().unwrap_or_default(),
        attribute.required().unwrap_or_default()
    )
}
