//! What users do with their own access token.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::auth::required;
use super::directory::User;
use super::{Identity, Place, Refusal};
use gameday_core::model::RegionRole;
use gameday_protocols::tokens::{Expectations, TokenError};

/// The scope that lets a token's user read and change themselves (Cognito developer guide, "Scopes, M2M, and resource servers").
pub(super) const USER_SCOPE: &str = "aws.cognito.signin.user.admin";

impl Identity {
    /// The user whose access token the input has. Unlike the protected API, which only verifies signatures, Cognito's own
    /// operations know of revoked tokens.
    pub(super) fn bearer(&self, place: &Place, input: &Value) -> Result<Arc<User>, Refusal> {
        Ok(self.holder(place, required(input, "AccessToken")?, USER_SCOPE)?.0)
    }

    /// The user of an access token that has a scope, and all its scopes.
    pub(super) fn holder(&self, place: &Place, token: &str, scope: &str) -> Result<(Arc<User>, String), Refusal> {
        let refused = |message: &str| Refusal::new("NotAuthorizedException", message);
        let claims = self.jwks.verify_access_token(token, &self.expected(&[]), self.clock.now());
        let claims = claims.map_err(|error| match error {
            TokenError::Expired => refused("Access Token has expired"),
            _ => refused("Invalid Access Token"),
        })?;
        let claim = |name| claims.text(name).unwrap_or_default();
        if !claim("scope").split(' ').any(|granted| granted == scope) {
            return Err(refused("Access Token does not have required scopes"));
        }
        let directory = place.read();
        let user = directory.user(claim("username"))?;
        if claim("sub") != user.sub {
            return Err(refused("Invalid Access Token"));
        }
        let began = claims.all.get("auth_time").and_then(Value::as_i64);
        let began = began.and_then(|second| Timestamp::from_second(second).ok()).unwrap_or(Timestamp::MIN);
        if directory.is_revoked(&user.sub, claim("origin_jti"), began) {
            return Err(refused("Access Token has been revoked"));
        }
        if !user.enabled {
            return Err(refused("User is disabled."));
        }
        Ok((user, claim("scope").to_owned()))
    }

    pub(crate) fn get_user(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let user = self.bearer(self.place(role), input)?;
        let mut answer = json!({ "Username": user.name, "UserAttributes": user.attribute_list() });
        user.mfa.describe(&mut answer);
        Ok(answer)
    }

    pub(crate) fn update_user_attributes(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.place(role);
        self.check_writable(place, "UpdateUserAttributes")?;
        let user = self.bearer(place, input)?;
        let changed = super::admin::attributes(place, input)?;
        self.change_user(place, &user.name, |user| user.attributes.extend(changed))?;
        Ok(json!({ "CodeDeliveryDetailsList": [] }))
    }

    /// What an access token of this pool says.
    pub(super) fn expected(&self, required_claims: &[&str]) -> Expectations {
        Expectations {
            pool_id: self.pool_id.clone(),
            client_ids: self.client_ids(),
            regions: vec![self.primary.region.clone(), self.replica.region.clone()],
            required_claims: required_claims.iter().map(|&claim| claim.to_owned()).collect(),
        }
    }
}
