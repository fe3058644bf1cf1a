use aws_sdk_cognitoidentityprovider::types::SchemaAttributeType;

use super::Schemas;
use crate::preflight::checks::{Check, Occurrence, REPLICA};
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD112",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "A custom attribute has different limits in the two Regions",
    why: "A value that fits the limits of one pool can violate the limits of the other. Users with such a value are \
          not copied, and after a failover they cannot sign in. The limits of an attribute are fixed when it is \
          created.",
    remedy: "Add an attribute with a new name and the wider limits to both pools, move the values, and use the new \
             attribute. The limits of an existing attribute cannot be changed.\n\n\
             ```sh\n\
             aws cognito-idp add-custom-attributes --region REGION --user-pool-id USER_POOL_ID --custom-attributes \
             \\\n  \
             'Name=ATTRIBUTE,AttributeDataType=String,Mutable=true,StringAttributeConstraints={MinLength=0,MaxLength=2048}'\n\
             ```",
    calls: &["cognito-idp:DescribeUserPool"],
    look: |facts| {
        Box::pin(async move {
            let schemas = Schemas::of(facts).await?;
            let (primary, replica) = (&facts.cloud.primary.region, &facts.cloud.replica.region);
            // Of another type they are another finding.
            let same = |(_, here, there): &(&str, &SchemaAttributeType, &SchemaAttributeType)| {
                here.attribute_data_type == there.attribute_data_type
            };
            let differ = schemas.shared().filter(same).filter(|(_, here, there)| limits(here) != limits(there));
            let sights = differ.map(|(name, here, there)| {
                Occurrence::of(format!(
                    "cognito-idp:DescribeUserPool: {name} has {} in {primary} and {} in {replica}",
                    limits(here),
                    limits(there)
                ))
            });
            Ok(sights.collect())
        })
    },
};

fn limits(attribute: &SchemaAttributeType) -> String {
    let shown = |value: Option<&str>| value.unwrap_or("-").to_owned();
    let text = attribute
        .string_attribute_constraints()
        .map(|limits| format!("MinLength {}, MaxLength {}", shown(limits.min_length()), shown(limits.max_length())));
    let number = attribute
        .number_attribute_constraints()
        .map(|limits| format!("MinValue {}, MaxValue {}", shown(limits.min_value()), shown(limits.max_value())));
    text.or(number).unwrap_or_else(|| "no limits".to_owned())
}
