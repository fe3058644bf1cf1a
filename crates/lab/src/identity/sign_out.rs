//! The end of sessions, before their time.

use serde_json::{Value, json};

use super::auth::required;
use super::directory::Change;
use super::session::token_hash;
use super::{Identity, Refusal};
use gameday_core::model::RegionRole;

impl Identity {
    pub(crate) fn global_sign_out(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.place(role);
        let user = self.bearer(place, input)?;
        self.commit(place, Change::SignOut(user.sub.clone(), self.clock.now()));
        Ok(json!({}))
    }

    pub(crate) fn admin_user_global_sign_out(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        self.check_pool(role, input)?;
        let place = self.place(role);
        let user = place.read().user(required(input, "Username")?)?;
        self.commit(place, Change::SignOut(user.sub.clone(), self.clock.now()));
        Ok(json!({}))
    }

    /// RevokeToken. A token that is not known is as good as revoked (RFC 7009, 2.2).
    pub(crate) fn revoke_token(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.place(role);
        let unauthorized = |message: String| Refusal::new("UnauthorizedException", message);
        let token = required(input, "Token")?;
        let client = self.known_client(role, input).map_err(|refusal| match refusal.code {
            // No error of RevokeToken's.
            "ResourceNotFoundException" => unauthorized(refusal.message),
            _ => refusal,
        })?;
        client.check_secret(input["ClientSecret"].as_str()).map_err(|refusal| unauthorized(refusal.message))?;
        if token.split('.').count() == 3 {
            // An access or ID token: "Exception that is thrown when an unsupported token is passed to an operation."
            let message = "Token type is not supported: only refresh tokens can be revoked";
            return Err(Refusal::new("UnsupportedTokenTypeException", message));
        }
        let grant = place.read().grant(&token_hash(token));
        if let Some(grant) = grant {
            if grant.client != client.id {
                return Err(unauthorized("The token was not issued to this client".to_owned()));
            }
            self.commit(place, Change::Revoke(grant.origin_jti.clone()));
        }
        Ok(json!({}))
    }
}
