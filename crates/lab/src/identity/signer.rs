use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use jiff::Timestamp;
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey};
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize, SigningKey as _};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::access::USER_SCOPE;
use super::directory::{Grant, User};
use super::trigger::Added;

/// One Region's signing key.
#[derive(Clone)]
pub(crate) struct Signer {
    /// The header of every token, encoded: Cognito's have `kid` and `alg` alone.
    header: String,
    key: Arc<KeyPair>,
    /// The JWKS document with its public half.
    pub jwks: Bytes,
}

impl Signer {
    /// Makes a 2048-bit RSA key, which takes a while.
    pub(crate) fn generate() -> Result<Self, String> {
        let failed = |error: &dyn std::fmt::Display| format!("no signing key could be made: {error}");
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).map_err(|error| failed(&error))?;
        let key = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).map_err(|error| failed(&error))?;
        let key_id = Uuid::new_v4().to_string();
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::RS256).map_err(|error| failed(&error))?;
        jwk.common.key_id = Some(key_id.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        let jwks = serde_json::to_vec(&JwkSet { keys: vec![jwk] }).map_err(|error| failed(&error))?;
        let header = URL_SAFE_NO_PAD.encode(json!({ "kid": key_id, "alg": "RS256" }).to_string());
        Ok(Self { header, key: Arc::new(pair), jwks: jwks.into() })
    }

    /// A token with these claims, in the compact form (RFC 7515, 3.1). jsonwebtoken would read and check the key for each of
    /// them, which takes longer than signing.
    pub(crate) fn sign(&self, claims: &Map<String, Value>) -> Result<String, String> {
        let failed = |error: &dyn std::fmt::Display| format!("signing failed: {error}");
        let claims = serde_json::to_vec(claims).map_err(|error| failed(&error))?;
        let signed = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(claims));
        let signature = self.key.sign(signed.as_bytes()).map_err(|error| failed(&error))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// Where and for whom tokens are issued.
pub(super) struct Issue<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    /// How long access and ID tokens are good.
    pub validity: Duration,
    pub user: &'a User,
    pub grant: &'a Grant,
    /// The client's, for the ID token.
    pub nonce: Option<&'a str>,
    pub at: Timestamp,
}

/// Where and for which client a token of its own is issued.
pub(super) struct MachineIssue<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    /// How long the token is good.
    pub validity: Duration,
    pub scopes: &'a [String],
    pub at: Timestamp,
}

/// The tokens of one sign-in or refresh.
pub(super) struct Issued {
    pub access: String,
    pub id: String,
    /// The access token's ID.
    pub jti: String,
}

impl Issue<'_> {
    /// Signs an access and an ID token. Costs two RSA signatures.
    pub(super) fn sign(&self, signer: &Signer, added: Added) -> Result<Issued, String> {
        let event_id = Uuid::new_v4().to_string();
        let jti = Uuid::new_v4().to_string();
        let mut access = self.common("access", &event_id, &jti);
        access.insert("client_id".into(), self.client_id.into());
        // Tokens that the API, not managed login, issues have but one scope (Cognito developer guide, "Understanding the access
        // token").
        let scopes = self.grant.scopes.as_ref();
        access.insert("scope".into(), scopes.map_or_else(|| USER_SCOPE.to_owned(), |scopes| scopes.join(" ")).into());
        access.insert("username".into(), self.user.name.clone().into());
        access.extend(added.access);
        let access = signer.sign(&access)?;
        let mut id = self.common("id", &event_id, &Uuid::new_v4().to_string());
        id.insert("aud".into(), self.client_id.into());
        id.insert("cognito:username".into(), self.user.name.clone().into());
        id.extend(self.user.attributes.iter().map(|(name, value)| (name.clone(), attribute_claim(name, value))));
        if self.grant.scopes.is_some() {
            id.insert("at_hash".into(), at_hash(&access).into());
        }
        if let Some(nonce) = self.nonce {
            id.insert("nonce".into(), nonce.into());
        }
        id.extend(added.id);
        Ok(Issued { access, id: signer.sign(&id)?, jti })
    }

    fn common(&self, token_use: &str, event_id: &str, jti: &str) -> Map<String, Value> {
        let issued_at = self.at.as_second();
        let claims = json!({
            "sub": self.user.sub,
            "iss": self.issuer,
            "origin_jti": self.grant.origin_jti,
            "event_id": event_id,
            "token_use": token_use,
            "auth_time": self.grant.auth_time.as_second(),
            "exp": issued_at + self.validity.as_secs().cast_signed(),
            "iat": issued_at,
            "jti": jti,
        });
        let mut claims = match claims {
            Value::Object(claims) => claims,
            // The macro above writes an object.
            _ => Map::new(),
        };
        if !self.user.groups.is_empty() {
            claims.insert("cognito:groups".into(), self.user.groups.iter().cloned().collect());
        }
        claims
    }
}

impl MachineIssue<'_> {
    /// Signs an access token; gives its ID as well.
    pub(super) fn sign(&self, signer: &Signer, added: Added) -> Result<(String, String), String> {
        let jti = Uuid::new_v4().to_string();
        let issued_at = self.at.as_second();
        let mut claims = Map::new();
        claims.insert("sub".into(), self.client_id.into());
        claims.insert("token_use".into(), "access".into());
        claims.insert("scope".into(), self.scopes.join(" ").into());
        claims.insert("auth_time".into(), issued_at.into());
        claims.insert("iss".into(), self.issuer.into());
        claims.insert("exp".into(), (issued_at + self.validity.as_secs().cast_signed()).into());
        claims.insert("iat".into(), issued_at.into());
        claims.insert("version".into(), 2.into());
        claims.insert("jti".into(), jti.clone().into());
        claims.insert("client_id".into(), self.client_id.into());
        claims.extend(added.access);
        Ok((signer.sign(&claims)?, jti))
    }
}

/// What ties an ID token to the access token beside it (OpenID Connect Core 1.0, section 3.1.3.6: the left half of its hash).
fn at_hash(access: &str) -> String {
    let hash = digest::digest(&digest::SHA256, access.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash.as_ref()[..digest::SHA256_OUTPUT_LEN / 2])
}

/// An attribute as a claim: text, but for the list of a federated user's identities.
fn attribute_claim(name: &str, value: &str) -> Value {
    let list = (name == "identities").then(|| serde_json::from_str(value).ok()).flatten();
    list.unwrap_or_else(|| value.into())
}
