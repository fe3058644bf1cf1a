//! The Lambda triggers of the user pool, and their functions beside each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_cognitoidentityprovider::types::LambdaConfigType;
use futures::future::{try_join, try_join_all};

use super::lambda::Configuration;
use super::{Facts, Unavailable, found};
use gameday_core::model::RegionRole;

/// A trigger of the pool in one Region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// The function's ARN, with its version or alias where it has one.
    pub function: String,
    /// Of the event, where the trigger has several.
    pub version: Option<String>,
}

/// The functions of triggers that both Regions have.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The triggers that they are of, by their names in LambdaConfig.
    pub triggers: Vec<&'static str>,
    /// The primary's.
    pub primary: Deployed,
    /// The replica's.
    pub replica: Deployed,
}

/// A function that a trigger names.
#[derive(Debug, Clone)]
pub struct Deployed {
    /// Its ARN, as the trigger has it.
    pub arn: String,
    /// Nothing where there is no such function in its Region.
    pub configuration: Option<Arc<Configuration>>,
}

impl Deployed {
    /// The function's name.
    pub fn name(&self) -> &str {
        self.arn.split(':').nth(6).unwrap_or(&self.arn)
    }
}

impl Pair {
    /// Both functions, where both are there.
    pub fn both(&self) -> Option<(&Configuration, &Configuration)> {
        Some((self.primary.configuration.as_deref()?, self.replica.configuration.as_deref()?))
    }

    /// As `PreTokenGeneration and PostAuthentication`.
    pub fn label(&self) -> String {
        self.triggers.join(" and ")
    }
}

impl Facts {
    /// The pool's triggers in a Region by their names in LambdaConfig (Cognito API reference, LambdaConfigType).
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn triggers(&self, role: RegionRole) -> Result<BTreeMap<&'static str, Trigger>, Unavailable> {
        let pool = self.user_pool(role).await?;
        Ok(pool.lambda_config().map(of).unwrap_or_default())
    }

    /// The functions of every trigger that both Regions have, each pair of them once.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn trigger_functions(&self) -> Result<Arc<Vec<Pair>>, Unavailable> {
        self.once("the triggers' functions in both Regions", async {
            let roles = [RegionRole::Primary, RegionRole::Replica];
            let (primary, replica) = try_join(self.triggers(roles[0]), self.triggers(roles[1])).await?;
            let mut named: BTreeMap<(String, String), Vec<&'static str>> = BTreeMap::new();
            for (trigger, here) in &primary {
                let Some(there) = replica.get(trigger) else { continue };
                named.entry((here.function.clone(), there.function.clone())).or_default().push(trigger);
            }
            let pairs = named.into_iter().map(|((primary, replica), triggers)| async move {
                let deployed = async |role, arn: String| {
                    let configuration = found(self.function(role, &arn).await)?;
                    Ok::<_, Unavailable>(Deployed { arn, configuration })
                };
                let (primary, replica) = try_join(deployed(roles[0], primary), deployed(roles[1], replica)).await?;
                Ok::<_, Unavailable>(Pair { triggers, primary, replica })
            });
            try_join_all(pairs).await
        })
        .await
    }
}

fn of(config: &LambdaConfigType) -> BTreeMap<&'static str, Trigger> {
    let plain = [
        ("PreSignUp", &config.pre_sign_up),
        ("CustomMessage", &config.custom_message),
        ("PostConfirmation", &config.post_confirmation),
        ("PreAuthentication", &config.pre_authentication),
        ("PostAuthentication", &config.post_authentication),
        ("DefineAuthChallenge", &config.define_auth_challenge),
        ("CreateAuthChallenge", &config.create_auth_challenge),
        ("VerifyAuthChallengeResponse", &config.verify_auth_challenge_response),
        ("PreTokenGeneration", &config.pre_token_generation),
        ("UserMigration", &config.user_migration),
    ];
    let plain = plain.into_iter().filter_map(|(name, arn)| Some((name, arn.as_ref()?.clone(), None)));
    let mut versioned = Vec::new();
    // Where both stand there, this one says more.
    if let Some(it) = &config.pre_token_generation_config {
        versioned.push(("PreTokenGeneration", it.lambda_arn.clone(), Some(it.lambda_version.as_str().to_owned())));
    }
    if let Some(it) = &config.custom_sms_sender {
        versioned.push(("CustomSMSSender", it.lambda_arn.clone(), Some(it.lambda_version.as_str().to_owned())));
    }
    if let Some(it) = &config.custom_email_sender {
        versioned.push(("CustomEmailSender", it.lambda_arn.clone(), Some(it.lambda_version.as_str().to_owned())));
    }
    if let Some(it) = &config.inbound_federation {
        versioned.push(("InboundFederation", it.lambda_arn.clone(), Some(it.lambda_version.as_str().to_owned())));
    }
    let all = plain.chain(versioned);
    all.map(|(name, function, version)| (name, Trigger { function, version })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_cognitoidentityprovider::types::{
        PreTokenGenerationLambdaVersionType, PreTokenGenerationVersionConfigType,
    };

    #[test]
    fn a_versioned_trigger_stands_before_the_plain_one() {
        let versioned = PreTokenGenerationVersionConfigType::builder().lambda_arn("arn:new");
        let versioned = versioned.lambda_version(PreTokenGenerationLambdaVersionType::V20).build().unwrap();
        let config = LambdaConfigType::builder().pre_token_generation("arn:old").pre_sign_up("arn:up");
        let found = of(&config.pre_token_generation_config(versioned).build());
        let expected = Trigger { function: "arn:new".to_owned(), version: Some("V2_0".to_owned()) };
        assert_eq!((found.len(), &found["PreTokenGeneration"]), (2, &expected));
    }
}
