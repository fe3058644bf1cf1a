//! Sign-in at the identity provider: there, back again with its code, and what the pool asks it in between.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::http::{self, HeaderMap, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use headers::{Authorization, ContentType, HeaderMapExt};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use rustls::pki_types::ServerName;
use serde_json::{Map, Value};
use tokio_rustls::TlsConnector;
use uuid::Uuid;

use super::request::{CodeRequest, Error};
use super::session::start_session;
use super::{Desk, ManagedLogin, provider_callback};
use crate::identity::directory::{Change, Status, User};
use crate::identity::mfa::UserMfa;
use crate::identity::quota::Category;
use crate::identity::seeding::{federate, federated_name};
use crate::identity::{Identity, Place, Refusal};
use crate::web::{self, Parameters};
use gameday_core::model::{Clock, Secret};
use gameday_protocols::net::{self, Connection};

/// What the pool asks of the provider.
const SCOPES: &str = "openid email";

/// The cookie that ties a journey to the browser that began it, so that nobody can be signed in as somebody else.
const STATE_COOKIE: &str = "csrf-state";

/// The provider must have answered by then. Real time: what lies between it and the pool is no part of the rehearsal.
const PATIENCE: Duration = Duration::from_secs(10);

/// The identity provider, as the pool is registered there.
pub(crate) struct Upstream {
    /// Its issuer, which is also where its endpoints are.
    pub issuer: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its name, in its certificate.
    pub name: ServerName<'static>,
    /// Trusts its certificate.
    pub tls: TlsConnector,
    /// The pool's client ID there.
    pub client_id: String,
    /// The pool's secret there.
    pub client_secret: Secret,
    /// Its keys, once fetched.
    pub keys: RwLock<JwkSet>,
}

/// A sign-in under way at the provider.
pub(super) struct Journey {
    request: CodeRequest,
    nonce: String,
}

/// Sends the browser to the provider.
pub(super) fn send_away(desk: &Desk, request: CodeRequest) -> Response {
    let Some(ManagedLogin { origin, provider, .. }) = desk.identity.managed_login() else {
        return request.refuse(&Error::new("server_error"));
    };
    let (state, nonce) = (web::opaque(), web::opaque());
    let callback = provider_callback(origin);
    let pairs = [
        ("client_id", provider.client_id.as_str()),
        ("redirect_uri", &callback),
        ("response_type", "code"),
        ("scope", SCOPES),
        ("state", &state),
        ("nonce", &nonce),
    ];
    let mut response = web::found(&format!("{}/authorize?{}", provider.issuer, web::encoded(&pairs)));
    web::set_cookie(&mut response, STATE_COOKIE, &state);
    desk.place().managed.journeys.insert(state, Journey { request, nonce }, desk.now());
    response
}

/// Takes the browser back from the provider.
pub(super) async fn come_back(State(desk): State<Desk>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let parameters = Parameters::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default();
    let state = parameters.get("state").filter(|state| web::cookie(&headers, STATE_COOKIE).as_deref() == Some(*state));
    let journey = state.and_then(|state| desk.place().managed.journeys.take(state, desk.now()));
    let (Some(journey), Some(managed)) = (journey, desk.identity.managed_login()) else {
        return web::page_refused("An error was encountered with the requested page.\nInvalid state\n");
    };
    if let Some(refused) = desk.throttled(Category::UserFederation) {
        return refused;
    }
    let mut response = match arrive(&desk, managed, &journey, &parameters).await {
        Ok(user) => start_session(&desk, &journey.request, &user),
        Err(error) => journey.request.refuse(&error),
    };
    web::clear_cookie(&mut response, STATE_COOKIE);
    response
}

async fn arrive(
    desk: &Desk,
    managed: &ManagedLogin,
    journey: &Journey,
    parameters: &Parameters,
) -> Result<Arc<User>, Error> {
    let Some(code) = parameters.get("code") else {
        let what = parameters.get("error_description").or(parameters.get("error")).unwrap_or("no code");
        return Err(Error::described("access_denied", what));
    };
    let clock = desk.identity.clock;
    let callback = provider_callback(&managed.origin);
    let asked = managed.provider.redeem(code, &callback, &journey.nonce, clock);
    let claims = tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err("no answer in time".to_owned()));
    let claims = claims.map_err(|why| {
        tracing::warn!(%why, "the identity provider's code was not redeemed");
        Error::described("invalid_request", format!("Exception processing authorization code: {why}"))
    })?;
    let told = |refusal: Refusal| Error::described("invalid_request", refusal.message);
    desk.identity.federated_user(desk.place(), &claims).map_err(told)
}

impl Upstream {
    /// Redeems a code for the claims of an ID token, all of which are verified.
    async fn redeem(
        &self,
        code: &str,
        callback: &str,
        nonce: &str,
        clock: Clock,
    ) -> Result<Map<String, Value>, String> {
        let tcp = net::connect(self.address).await.map_err(|error| error.to_string())?;
        let opened = Connection::open(&self.tls, self.name.clone(), tcp).await;
        let mut provider = opened.map_err(|error| error.to_string())?;
        let pairs = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", callback)];
        let mut request = self.request(http::Method::POST, "/token", web::encoded(&pairs));
        let credentials = Authorization::basic(&self.client_id, self.client_secret.expose());
        request.headers_mut().typed_insert(credentials);
        request.headers_mut().typed_insert(ContentType::form_url_encoded());
        let tokens: Value = ask(&mut provider, request).await?;
        let token = tokens["id_token"].as_str().ok_or("there is no ID token")?;
        let key_id = decode_header(token).map_err(|error| error.to_string())?.kid.ok_or("the ID token has no kid")?;
        if self.key(&key_id).is_none() {
            let keys = ask(&mut provider, self.request(http::Method::GET, "/jwks", String::new())).await?;
            *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        }
        let key = self.key(&key_id).ok_or("the ID token is signed by an unknown key")?;
        self.verify(token, &key, nonce, clock)
    }

    fn request(&self, method: http::Method, path: &str, body: String) -> http::Request<Bytes> {
        let mut request = http::Request::new(Bytes::from(body));
        *request.method_mut() = method;
        // Each path is one of two constants.
        *request.uri_mut() = path.parse().unwrap_or_default();
        let host = self.issuer.strip_prefix("https://").unwrap_or(&self.issuer);
        if let Ok(host) = header::HeaderValue::from_str(host) {
            request.headers_mut().insert(header::HOST, host);
        }
        request
    }

    fn key(&self, id: &str) -> Option<DecodingKey> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        DecodingKey::from_jwk(keys.find(id)?).ok()
    }

    /// OpenID Connect Core 1.0, section 3.1.3.7.
    fn verify(&self, token: &str, key: &DecodingKey, nonce: &str, clock: Clock) -> Result<Map<String, Value>, String> {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&[&self.client_id]);
        validation.set_issuer(&[&self.issuer]);
        validation.set_required_spec_claims(&["iss", "aud", "sub"]);
        // Time counts by the scenario's clock.
        validation.validate_exp = false;
        let claims = decode::<Map<String, Value>>(token, key, &validation).map_err(|error| error.to_string())?.claims;
        if claims.get("exp").and_then(Value::as_i64).is_none_or(|expires| expires <= clock.now().as_second()) {
            return Err("the ID token has expired".to_owned());
        }
        if claims.get("nonce").and_then(Value::as_str) != Some(nonce) {
            return Err("the ID token has another nonce".to_owned());
        }
        Ok(claims)
    }
}

async fn ask<T: serde::de::DeserializeOwned>(
    provider: &mut Connection,
    request: http::Request<Bytes>,
) -> Result<T, String> {
    let answer = provider.send(request).await.map_err(|error| error.to_string())?;
    if answer.status() != StatusCode::OK {
        let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let error = body["error"].as_str().unwrap_or("no error code");
        return Err(format!("the identity provider answered {} {error}", answer.status().as_u16()));
    }
    serde_json::from_slice(answer.body()).map_err(|error| error.to_string())
}

impl Identity {
    /// The pool's own user for somebody who signed in at the provider. The primary makes one for whom it sees for the first time; the
    /// replica cannot (Cognito developer guide, "Multi-Region replication for user pools").
    fn federated_user(&self, place: &Place, claims: &Map<String, Value>) -> Result<Arc<User>, Refusal> {
        let text = |name| claims.get(name).and_then(Value::as_str);
        let subject = text("sub").unwrap_or_default();
        match place.sign_in_candidate(&federated_name(subject)) {
            Err(refusal) if refusal.code == "UserNotFoundException" => {
                self.check_writable(place, "The first sign-in of a federated user")?;
                Ok(self.welcome(place, subject, text("email")))
            }
            found => found,
        }
    }

    /// Makes a user for a newcomer, with what the provider told.
    fn welcome(&self, place: &Place, subject: &str, email: Option<&str>) -> Arc<User> {
        let now = self.clock.now();
        let mut user = User {
            name: subject.to_owned(),
            sub: Uuid::new_v4().to_string(),
            status: Status::ExternalProvider,
            enabled: true,
            attributes: email.map(|email| ("email".to_owned(), email.to_owned())).into_iter().collect(),
            groups: BTreeSet::new(),
            verifier: None,
            mfa: UserMfa::default(),
            created: now,
            modified: now,
        };
        federate(&mut user, &self.pool_id);
        let user = Arc::new(user);
        self.commit(place, Change::Put(Arc::clone(&user)));
        user
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::identity::signer::Signer;

    const ISSUER: &str = "https://idp.gameday.test:8443";

    fn upstream() -> Upstream {
        Upstream {
            issuer: ISSUER.to_owned(),
            address: "127.0.6.1:8443".parse().unwrap(),
            name: net::server_name("idp.gameday.test").unwrap(),
            tls: net::client_tls_unverified(true).unwrap(),
            client_id: "pool".to_owned(),
            client_secret: Secret::new("s3cret"),
            keys: RwLock::new(JwkSet { keys: Vec::new() }),
        }
    }

    fn key(signer: &Signer) -> DecodingKey {
        let keys: JwkSet = serde_json::from_slice(&signer.jwks).unwrap();
        DecodingKey::from_jwk(&keys.keys[0]).unwrap()
    }

    #[test]
    fn an_id_token_counts_only_as_issued_for_this_journey() {
        let (signer, other) = (Signer::generate().unwrap(), Signer::generate().unwrap());
        let (upstream, clock) = (upstream(), Clock::start(1.0));
        let now = clock.now().as_second();
        let known = key(&signer);
        let verify = |signer: &Signer, changed: &[(&str, Value)]| {
            let mut claims = json!({ "iss": ISSUER, "aud": "pool", "sub": "u", "nonce": "n", "exp": now + 60 });
            for (name, value) in changed {
                claims[*name] = value.clone();
            }
            let token = signer.sign(claims.as_object().unwrap()).unwrap();
            upstream.verify(&token, &known, "n", clock)
        };
        assert_eq!(verify(&signer, &[]).unwrap()["sub"], "u");
        assert!(verify(&other, &[]).is_err(), "signed by another key");
        for (name, value) in [
            ("iss", json!("https://elsewhere.test")),
            ("aud", json!("other")),
            ("nonce", json!("m")),
            ("nonce", Value::Null),
            ("exp", json!(now)),
            ("exp", Value::Null),
            ("sub", Value::Null),
        ] {
            assert!(verify(&signer, &[(name, value.clone())]).is_err(), "{name} {value}");
        }
    }
}
