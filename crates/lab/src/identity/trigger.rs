//! The pool's Lambda triggers in one Region: what users' sign-ins wait for, and where the claims come from.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::directory::User;
use super::{Identity, Place, Refusal, pool_arn};
use crate::estate::lambda::Triggers;
use crate::services::{Functions, Uninvoked};
use gameday_core::model::{AccountId, Region};

const SERVICE: &str = "cognito-idp.amazonaws.com";
const PRE_TOKEN: &str = "PreTokenGeneration";
const POST_AUTHENTICATION: &str = "PostAuthentication";

/// The triggers of a Region's pool, and what runs them.
pub(super) struct Hooks {
    triggers: Triggers,
    pub functions: Arc<Functions>,
    /// The pool's ARN in this Region, for which functions are invoked.
    source: String,
}

/// Claims that go into tokens.
#[derive(Debug, Clone, Default)]
pub(super) struct Added {
    pub access: Map<String, Value>,
    pub id: Map<String, Value>,
}

/// For what tokens are issued (Cognito developer guide, "Pre token generation Lambda trigger": `triggerSource`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occasion {
    Authentication,
    ManagedLogin,
    Refresh,
    ClientCredentials,
}

impl Occasion {
    fn as_str(self) -> &'static str {
        match self {
            Self::Authentication => "TokenGeneration_Authentication",
            Self::ManagedLogin => "TokenGeneration_HostedAuth",
            Self::Refresh => "TokenGeneration_RefreshTokens",
            Self::ClientCredentials => "TokenGeneration_ClientCredentials",
        }
    }
}

impl Hooks {
    pub(super) fn new(
        region: &Region,
        account: &AccountId,
        pool_id: &str,
        triggers: Triggers,
        functions: Arc<Functions>,
    ) -> Self {
        Self { triggers, functions, source: pool_arn(region, account, pool_id) }
    }

    /// As DescribeUserPool tells of them.
    pub(super) fn described(&self) -> Value {
        let mut config = Map::new();
        for (name, trigger) in &self.triggers {
            config.insert(name.clone(), trigger.function.clone().into());
            if let Some(version) = &trigger.version {
                let versioned = json!({ "LambdaVersion": version, "LambdaArn": trigger.function });
                config.insert(format!("{name}Config"), versioned);
            }
        }
        config.into()
    }

    /// What a trigger's function answers; nothing where the pool has none.
    fn invoke(&self, name: &str, event: &Value) -> Result<Option<Value>, Refusal> {
        let Some(trigger) = self.triggers.get(name) else { return Ok(None) };
        match self.functions.invoke_for(SERVICE, &self.source, &trigger.function, event) {
            Ok(answer) => Ok(Some(answer)),
            // An error of Lambda's own (Cognito API reference, InitiateAuth: UnexpectedLambdaException), in the words of re:Post,
            // "Resolve Lambda trigger errors in Amazon Cognito": "PreSignUp invocation failed due to error AccessDeniedException."
            Err(Uninvoked::Refused(code, _)) => {
                Err(Refusal::new("UnexpectedLambdaException", format!("{name} invocation failed due to error {code}.")))
            }
            // An error that the function threw (the same page).
            Err(Uninvoked::Failed(_, message)) => {
                Err(Refusal::new("UserLambdaValidationException", format!("{name} failed with error {message}.")))
            }
        }
    }

    fn version(&self) -> &str {
        self.triggers.get(PRE_TOKEN).and_then(|trigger| trigger.version.as_deref()).unwrap_or("V1_0")
    }
}

impl Identity {
    /// What the Post-Authentication trigger says to a sign-in, that managed login's code leads to as well.
    pub(super) fn after_authentication(&self, place: &Place, client_id: &str, user: &User) -> Result<(), Refusal> {
        let mut event = self.event(place, "1", "PostAuthentication_Authentication", client_id);
        event["userName"] = user.name.clone().into();
        event["request"] = json!({ "userAttributes": attributes(user), "newDeviceUsed": false });
        place.hooks.invoke(POST_AUTHENTICATION, &event).map(drop)
    }

    /// What the Pre-Token-Generation trigger adds to the tokens of a user, or of a machine.
    pub(super) fn claims_to_add(
        &self,
        place: &Place,
        occasion: Occasion,
        client_id: &str,
        user: Option<&User>,
        scopes: &[String],
    ) -> Result<Added, Refusal> {
        let version = place.hooks.version();
        // Cognito developer guide, "Pre token generation Lambda trigger": only events of version three come for machines, and the first
        // version knows ID tokens alone.
        if occasion == Occasion::ClientCredentials && version != "V3_0" {
            return Ok(Added::default());
        }
        let number = version.trim_start_matches('V').trim_end_matches("_0");
        let mut event = self.event(place, number, occasion.as_str(), client_id);
        event["request"] = json!({ "scopes": scopes });
        if let Some(user) = user {
            event["userName"] = user.name.clone().into();
            event["request"]["userAttributes"] = attributes(user);
            event["request"]["groupConfiguration"] = json!({ "groupsToOverride": user.groups });
        }
        let Some(answer) = place.hooks.invoke(PRE_TOKEN, &event)? else { return Ok(Added::default()) };
        let response = &answer["response"];
        let claims = |claims: &Value| claims.as_object().cloned().unwrap_or_default();
        if version == "V1_0" {
            let id = claims(&response["claimsOverrideDetails"]["claimsToAddOrOverride"]);
            return Ok(Added { id, ..Added::default() });
        }
        let of = |token: &str| claims(&response["claimsAndScopeOverrideDetails"][token]["claimsToAddOrOverride"]);
        Ok(Added { access: of("accessTokenGeneration"), id: of("idTokenGeneration") })
    }

    /// What every event has (Cognito developer guide, "Lambda trigger event").
    fn event(&self, place: &Place, version: &str, source: &str, client_id: &str) -> Value {
        json!({
            "version": version,
            "triggerSource": source,
            "region": place.region,
            "userPoolId": self.pool_id,
            "callerContext": { "awsSdkVersion": "gameday-lab", "clientId": client_id },
            "response": {},
        })
    }
}

fn attributes(user: &User) -> Value {
    let attributes = user.attributes.iter().map(|(name, value)| (name.clone(), value.clone().into()));
    let own = [("sub".to_owned(), user.sub.clone().into())];
    attributes.chain(own).collect::<Map<_, _>>().into()
}
