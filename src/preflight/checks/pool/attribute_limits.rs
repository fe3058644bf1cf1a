use aws_sdk_cognitoidentityprovider::types::SchemaAttributeType;

use super::Schemas;
use crate::model::{Predicts, Severity};
use crate::preflight::checks::{Check, REPLICA, Sight};

pub const CHECK: Check = Check {
    code: "GD112",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "A custom attribute has other limits in the other Region",
    why: "A value within the limits of one pool can lie outside those of the other: such users fail to be copied, one by one, and are \
          missing when they are needed. Limits are fixed when the attribute is created.",
    remedy: "An attribute's limits cannot be changed. Add one of another name with the wider limits to both pools, move the values, and \
             use that:\n\n\
             ```\naws cognito-idp add-custom-attributes --region REGION --user-pool-id POOL --custom-attributes \\\n  \
             'Name=NAME,AttributeDataType=String,Mutable=true,StringAttributeConstraints={MinLength=0,MaxLength=2048}'\n```",
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
                Sight::of(format!(
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
