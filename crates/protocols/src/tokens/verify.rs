use std::time::Duration;

use jiff::Timestamp;
use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde_json::{Map, Value};

use super::JwksCache;
use gameday_core::model::Region;

/// How long after its expiry a token still passes, for clocks that disagree (RFC 7519, 4.1.4: "usually no more than a
/// few minutes").
pub const LEEWAY: Duration = Duration::from_mins(1);

/// What a token must say to be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectations {
    /// The user pool that issued it.
    pub pool_id: String,
    /// The app clients that it may have been issued to.
    pub client_ids: Vec<String>,
    /// The Regions that may have issued it.
    pub regions: Vec<Region>,
    /// Claims that must be there and not be empty. A Pre-Token-Generation trigger that fails silently leaves them out.
    pub required_claims: Vec<String>,
}

/// What a verified token said.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    /// The Region in whose key set the key was found.
    pub region: Region,
    /// Every claim.
    pub all: Map<String, Value>,
}

impl Claims {
    /// A claim that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.all.get(name)?.as_str()
    }

    /// A claim that is a whole number.
    pub fn number(&self, name: &str) -> Option<i64> {
        self.all.get(name)?.as_i64()
    }

    /// The name of the user whom it was issued to: `username` in an access token, `cognito:username` in an ID token; `None` in a token of the
    /// client credentials grant.
    pub fn username(&self) -> Option<&str> {
        self.text("username").or_else(|| self.text("cognito:username"))
    }

    /// The app client that it was issued to: `client_id` in an access token, `aud` in an ID token.
    pub fn client_id(&self) -> Option<&str> {
        self.text("client_id").or_else(|| self.text("aud"))
    }

    /// The groups that the user is in: `cognito:groups`.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.all.get("cognito:groups").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    /// When it expires: `exp` (RFC 7519, 4.1.4).
    pub fn expires(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.number("exp")?).ok()
    }
}

/// Why a token is not accepted. It contains nothing of the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// No Region's keys have come yet.
    #[error("no signing keys are known yet")]
    NoKeys,
    /// It is not a JSON web token (RFC 7519), or its header names no key.
    #[error("it is not a JSON web token")]
    Malformed,
    /// It is signed by another algorithm than RS256, the only one that Cognito uses.
    #[error("it is not signed by RS256")]
    Algorithm,
    /// No Region has the key that signed it. Both are being fetched again in the background.
    #[error("no Region has its signing key")]
    UnknownKey,
    /// The signature is wrong by every key of that ID.
    #[error("its signature is wrong")]
    Signature,
    /// Its `iss` names another user pool, or a Region that is not expected.
    #[error("its issuer is another user pool")]
    Issuer,
    /// Its `token_use` is not `access`.
    #[error("it is not an access token")]
    TokenUse,
    /// Its `token_use` is not `id`.
    #[error("it is not an ID token")]
    NotIdToken,
    /// The ID token belongs to another sign-in: its `nonce` differs (OpenID Connect Core, 3.1.3.7).
    #[error("its nonce is of another sign-in")]
    Nonce,
    /// It was issued to an app client that is not expected.
    #[error("it was issued to another app client")]
    Client,
    /// Its `exp` is more than [`LEEWAY`] ago.
    #[error("it has expired")]
    Expired,
    /// A required claim is missing or empty.
    #[error("the claim `{claim}` is missing")]
    ClaimMissing {
        /// The name of the claim.
        claim: String,
    },
}

/// What a token says of its signature, which nothing vouches for yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedBy {
    /// Its issuer, `iss`.
    pub issuer: String,
    /// The ID of the key, `kid`.
    pub key_id: String,
}

impl SignedBy {
    /// Reads it from a token.
    ///
    /// # Errors
    /// [`TokenError`], where it is no token or names no issuer or no key.
    pub fn of(token: &str) -> Result<Self, TokenError> {
        let key_id = decode_header(token).map_err(|error| refusal(error.kind()))?.kid.ok_or(TokenError::Malformed)?;
        let claims: Map<String, Value> = insecure_decode_claims(token).map_err(|error| refusal(error.kind()))?;
        let issuer = claims.get("iss").and_then(Value::as_str).ok_or(TokenError::Issuer)?.to_owned();
        Ok(Self { issuer, key_id })
    }
}

impl JwksCache {
    /// Verifies an access token as it counts at `at`, by the keys of both Regions, without any I/O.
    ///
    /// # Errors
    /// [`TokenError`]: the first thing that is wrong, the signature before everything that it protects.
    pub fn verify_access_token(
        &self,
        token: &str,
        expected: &Expectations,
        at: Timestamp,
    ) -> Result<Claims, TokenError> {
        self.verify(token, expected, at, &|claims| {
            if claims.text("token_use") != Some("access") {
                return Err(TokenError::TokenUse);
            }
            to_one_of(claims.text("client_id"), expected)
        })
    }

    /// Verifies an ID token in the same way. `nonce` is what the client sent to begin the sign-in, where it sent one.
    ///
    /// # Errors
    /// [`TokenError`]: the first thing that is wrong, the signature before everything that it protects.
    pub fn verify_id_token(
        &self,
        token: &str,
        expected: &Expectations,
        nonce: Option<&str>,
        at: Timestamp,
    ) -> Result<Claims, TokenError> {
        self.verify(token, expected, at, &|claims| {
            if claims.text("token_use") != Some("id") {
                return Err(TokenError::NotIdToken);
            }
            to_one_of(claims.text("aud"), expected)?;
            if nonce.is_some() && claims.text("nonce") != nonce { Err(TokenError::Nonce) } else { Ok(()) }
        })
    }

    fn verify(
        &self,
        token: &str,
        expected: &Expectations,
        at: Timestamp,
        of_its_kind: &dyn Fn(&Claims) -> Result<(), TokenError>,
    ) -> Result<Claims, TokenError> {
        let claims = self.verify_signature(token)?;
        let issuers = expected.regions.iter().flat_map(|region| issuers(region, &expected.pool_id));
        let issuer = claims.text("iss").ok_or(TokenError::Issuer)?;
        if !issuers.into_iter().any(|known| known == issuer) {
            return Err(TokenError::Issuer);
        }
        of_its_kind(&claims)?;
        let expires = claims.number("exp").ok_or(TokenError::Expired)?;
        if at.as_second() >= expires.saturating_add_unsigned(LEEWAY.as_secs()) {
            return Err(TokenError::Expired);
        }
        match expected.required_claims.iter().find(|name| is_missing(claims.all.get(name.as_str()))) {
            Some(claim) => Err(TokenError::ClaimMissing { claim: claim.clone() }),
            None => Ok(claims),
        }
    }

    fn verify_signature(&self, token: &str) -> Result<Claims, TokenError> {
        let header = decode_header(token).map_err(|error| refusal(error.kind()))?;
        if header.alg != Algorithm::RS256 {
            return Err(TokenError::Algorithm);
        }
        let key_id = header.kid.ok_or(TokenError::Malformed)?;
        let keys = self.find(&key_id);
        if keys.is_empty() {
            self.want_refresh();
            return Err(if self.is_empty() { TokenError::NoKeys } else { TokenError::UnknownKey });
        }
        let mut validation = Validation::new(Algorithm::RS256);
        // Time counts by the scenario's clock, and an access token has no audience: both are checked by the caller.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        let mut refused = TokenError::Signature;
        for (region, key) in keys {
            match decode::<Map<String, Value>>(token, &key, &validation) {
                Ok(token) => {
                    return Ok(Claims { region, all: token.claims });
                }
                Err(error) => refused = refusal(error.kind()),
            }
        }
        Err(refused)
    }
}

fn to_one_of(client: Option<&str>, expected: &Expectations) -> Result<(), TokenError> {
    let known = client.is_some_and(|client| expected.client_ids.iter().any(|known| known == client));
    if known { Ok(()) } else { Err(TokenError::Client) }
}

fn refusal(error: &ErrorKind) -> TokenError {
    match error {
        ErrorKind::InvalidSignature | ErrorKind::InvalidRsaKey(_) | ErrorKind::InvalidKeyFormat => {
            TokenError::Signature
        }
        ErrorKind::InvalidAlgorithm | ErrorKind::InvalidAlgorithmName | ErrorKind::UnsupportedAlgorithm => {
            TokenError::Algorithm
        }
        _ => TokenError::Malformed,
    }
}

/// Both forms of a pool's issuer, ORIGINAL and UPDATED (Cognito developer guide, "Multi-Region replication for user pools").
fn issuers(region: &Region, pool_id: &str) -> [String; 2] {
    [
        format!("https://{}/{pool_id}", region.host_of("cognito-idp")),
        format!("https://{}/{pool_id}", region.host_of("issuer-cognito-idp")),
    ]
}

fn is_missing(claim: Option<&Value>) -> bool {
    match claim {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.trim().is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(fields)) => fields.is_empty(),
        Some(Value::Bool(_) | Value::Number(_)) => false,
    }
}
