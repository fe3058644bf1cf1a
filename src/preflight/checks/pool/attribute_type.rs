use aws_sdk_cognitoidentityprovider::types::SchemaAttributeType;

use super::Schemas;
use crate::preflight::checks::{Check, Occurrence, REPLICA};
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD111",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "A custom attribute has a different type in the two Regions",
    why: "If the type, `Mutable` or `Required` differ, one pool refuses a value that the other accepts. Users cannot \
          be copied unchanged, and after a failover a change of the attribute fails at the replica. Type and \
          mutability of an attribute are fixed when it is created.",
    remedy: "Add an attribute with a new name, the same type and the same `Mutable` to both pools, move the values, \
             and use the new attribute. An existing attribute cannot be changed.\n\n\
             ```sh\n\
             aws cognito-idp add-custom-attributes --region REGION --user-pool-id USER_POOL_ID \\\n  \
             --custom-attributes Name=ATTRIBUTE,AttributeDataType=String,Mutable=true\n\
             ```\n\n\
             If the pool in the replica's Region has no users yet, create it again with the right schema.",
    calls: &["cognito-idp:DescribeUserPool"],
    look: |facts| {
        Box::pin(async move {
            let schemas = Schemas::of(facts).await?;
            let (primary, replica) = (&facts.cloud.primary.region, &facts.cloud.replica.region);
            let differ = schemas.shared().filter(|(_, here, there)| kind(here) != kind(there));
            let sights = differ.map(|(name, here, there)| {
                Occurrence::of(format!(
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
