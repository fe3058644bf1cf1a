//! What describes the pool, and whether it serves in a Region.

use serde_json::{Value, json};

use super::admin::SHORTEST_PASSWORD;
use super::auth::required;
use super::directory::epoch;
use super::{Identity, Place, Refusal, lock, pool_arn};
use crate::estate::AccountFixture;
use crate::estate::cognito::{Attribute, UserPool};
use crate::topology;
use gameday_core::env::Issuer;
use gameday_core::model::RegionRole;

/// Standard attributes that are text of up to 2048 characters, and others (Cognito developer guide, "Standard attributes").
const STANDARD_TEXTS: [&str; 14] = [
    "name",
    "given_name",
    "family_name",
    "middle_name",
    "nickname",
    "preferred_username",
    "profile",
    "picture",
    "website",
    "email",
    "gender",
    "zoneinfo",
    "locale",
    "phone_number",
];
const STANDARD_FLAGS: [&str; 2] = ["email_verified", "phone_number_verified"];

/// Why a Region's pool signs nobody in; nothing where it does. In the words of the API, where it documents any: of a replica that
/// is not ACTIVE the guide says that it has no sign-in, and of a key that cannot be used nothing, so that those are the errors
/// that InitiateAuth may answer with and that fit best.
pub(super) fn standing(estate: &AccountFixture, role: RegionRole, place_arn: &str) -> Option<Refusal> {
    let region = topology::region(role);
    let pool = estate.cognito.pools.get(region)?;
    if role == RegionRole::Replica && pool.id.is_none() {
        let listed = estate.cognito.replicas.iter().find(|replica| replica.region == region);
        match listed.map(|replica| replica.status.as_str()) {
            None => return Some(Refusal::new("ResourceNotFoundException", "User pool does not exist.")),
            Some("ACTIVE") => {}
            Some(status) => {
                let message = format!("Sign-in is not enabled in {region}: this replica of the user pool is {status}.");
                return Some(Refusal::new("OperationNotEnabledException", message));
            }
        }
        if pool.tier == "LITE" {
            let message = "Multi-Region replication is not available in the feature plan LITE.";
            return Some(Refusal::new("FeatureUnavailableInTierException", message));
        }
    }
    let arn = pool.key_arn.as_ref()?;
    let keys = estate.kms.get(region).into_iter().flatten();
    let why = match keys.into_iter().find(|key| key.arn(region) == *arn) {
        Some(key) => key.refusal(region, place_arn)?,
        None => format!("NotFoundException: Key '{arn}' does not exist"),
    };
    let message = format!("The user pool's key cannot be used: {why}");
    Some(Refusal::new("InvalidUserPoolConfigurationException", message))
}

fn described(attribute: &Attribute) -> Value {
    let mut described = json!({
        "Name": attribute.name,
        "AttributeDataType": attribute.data_type,
        "DeveloperOnlyAttribute": attribute.name.starts_with("dev:"),
        "Mutable": attribute.mutable,
        "Required": false,
    });
    let Some([least, most]) = &attribute.limits else { return described };
    match attribute.data_type.as_str() {
        "String" => described["StringAttributeConstraints"] = json!({ "MinLength": least, "MaxLength": most }),
        "Number" => described["NumberAttributeConstraints"] = json!({ "MinValue": least, "MaxValue": most }),
        _ => {}
    }
    described
}

fn standard() -> impl Iterator<Item = Value> {
    let attribute = |name: &str, data_type: &str, mutable: bool, required: bool| json!({ "Name": name, "AttributeDataType": data_type, "DeveloperOnlyAttribute": false, "Mutable": mutable, "Required": required });
    let text = move |name: &str, limits: [&str; 2], mutable, required| {
        let mut text = attribute(name, "String", mutable, required);
        text["StringAttributeConstraints"] = json!({ "MinLength": limits[0], "MaxLength": limits[1] });
        text
    };
    let mut updated = attribute("updated_at", "Number", true, false);
    updated["NumberAttributeConstraints"] = json!({ "MinValue": "0" });
    let subject = text("sub", ["1", "2048"], false, true);
    let birth = text("birthdate", ["10", "10"], true, false);
    let texts = STANDARD_TEXTS.into_iter().map(move |name| text(name, ["0", "2048"], true, false));
    let flags = STANDARD_FLAGS.into_iter().map(move |name| attribute(name, "Boolean", true, false));
    [subject, birth, updated].into_iter().chain(texts).chain(flags)
}

impl Identity {
    pub(super) fn check_pool(&self, role: RegionRole, input: &Value) -> Result<(), Refusal> {
        let id = required(input, "UserPoolId")?;
        let place = self.place(role);
        let gone = place.refuses.as_ref().is_some_and(|refusal| refusal.code == "ResourceNotFoundException");
        if id == place.pool_id && !gone {
            return Ok(());
        }
        Err(Refusal::new("ResourceNotFoundException", format!("User pool {id} does not exist.")))
    }

    fn estate_of(&self, place: &Place) -> Result<&UserPool, Refusal> {
        let missing = || Refusal::new("ResourceNotFoundException", "User pool does not exist.");
        self.estate.cognito.pools.get(place.region.as_str()).ok_or_else(missing)
    }

    pub(crate) fn describe_user_pool(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        self.check_pool(role, input)?;
        let place = self.place(role);
        let pool = self.estate_of(place)?;
        let own = pool.attributes.iter().map(described);
        let mut described = json!({
            "Id": place.pool_id,
            "Name": "gameday-lab",
            "Arn": self.arn_of(place),
            "Status": "Enabled",
            "CreationDate": epoch(self.created),
            "LastModifiedDate": epoch(self.created),
            "EstimatedNumberOfUsers": place.read().len(),
            "MfaConfiguration": place.read().mfa().demand.as_str(),
            "DeletionProtection": pool.deletion_protection,
            "UserPoolTier": pool.tier,
            "UsernameConfiguration": { "CaseSensitive": true },
            "Policies": { "PasswordPolicy": {
                "MinimumLength": SHORTEST_PASSWORD,
                "RequireUppercase": true,
                "RequireLowercase": true,
                "RequireNumbers": true,
                "RequireSymbols": true,
                "TemporaryPasswordValidityDays": 7,
            } },
            "AdminCreateUserConfig": { "AllowAdminCreateUserOnly": false },
            "SchemaAttributes": standard().chain(own).collect::<Vec<_>>(),
            "LambdaConfig": place.hooks.described(),
            "UserPoolTags": *lock(&place.tags),
            "IssuerConfiguration": { "Type": match self.issuer {
                Issuer::Original => "ORIGINAL",
                Issuer::Updated => "UPDATED",
            } },
        });
        // Without it a key of AWS's own is meant (Cognito developer guide, "Data protection in Amazon Cognito").
        if let Some(arn) = &pool.key_arn {
            described["KeyConfiguration"] = json!({ "KeyType": "CUSTOMER_MANAGED_KEY", "KmsKeyArn": arn });
        }
        if pool.remembers_devices {
            described["DeviceConfiguration"] =
                json!({ "ChallengeRequiredOnNewDevice": false, "DeviceOnlyRememberedOnUserPrompt": false });
        }
        if let Some(domain) = &self.estate.cognito.domain {
            described["CustomDomain"] = domain.name.clone().into();
        }
        Ok(json!({ "UserPool": described }))
    }

    pub(crate) fn list_user_pool_replicas(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        self.check_pool(role, input)?;
        let arn = |region: &str| pool_arn(&region.into(), &self.account, &self.pool_id);
        let listed = self.estate.cognito.replicas.iter().map(|replica| {
            json!({
                "RegionName": replica.region,
                "Status": replica.status,
                "Role": replica.role,
                "UserPoolArn": arn(&replica.region),
            })
        });
        Ok(json!({ "UserPoolReplicas": listed.collect::<Vec<_>>() }))
    }

    pub(crate) fn describe_user_pool_domain(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let name = required(input, "Domain")?;
        let domain = self.estate.cognito.domain.as_ref().filter(|domain| domain.name == name);
        // Of a domain that is not there Cognito tells nothing, without an error.
        let Some(domain) = domain else { return Ok(json!({ "DomainDescription": {} })) };
        let mut described = json!({
            "UserPoolId": self.place(role).pool_id,
            "AWSAccountId": self.account,
            "Domain": domain.name,
            "S3Bucket": "aws-cognito-prod-iad-assets",
            "CloudFrontDistribution": "d111111abcdef8.cloudfront.net",
            "Version": epoch(self.created).round().to_string(),
            "Status": "ACTIVE",
            "CustomDomainConfig": { "CertificateArn": domain.certificate_arn },
            "ManagedLoginVersion": 2,
        });
        if let Some(failover) = &domain.failover {
            described["Routing"] = json!({ "Failover": {
                "SecondaryRegion": failover.secondary_region,
                "PrimaryRoute53HealthCheckId": failover.health_check_id,
            } });
        }
        Ok(json!({ "DomainDescription": described }))
    }

    fn arn_of(&self, place: &Place) -> String {
        pool_arn(&place.region, &self.account, &place.pool_id)
    }
}
