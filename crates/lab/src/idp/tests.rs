use axum::body::Body;
use axum::http::{Request, header};
use http_body_util::BodyExt;
use serde_json::Value;
use tower_service::Service;
use url::Url;

use super::*;

const ISSUER: &str = "https://idp.gameday.test:8443";
const REDIRECT_URI: &str = "https://auth.gameday.test:8443/oauth2/idpresponse";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn provider() -> Arc<Provider> {
    let client =
        ProviderClient { id: "pool".to_owned(), secret: Secret::new("s3cret"), redirect_uri: REDIRECT_URI.to_owned() };
    let options = ProviderOptions {
        issuer: ISSUER.to_owned(),
        signer: Signer::generate().unwrap(),
        client,
        password: Secret::new("right"),
        clock: Clock::start(1.0),
    };
    Provider::new(options).unwrap()
}

struct HttpAnswer {
    status: StatusCode,
    cookie: String,
    location: Option<Url>,
    body: String,
}

impl HttpAnswer {
    fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = self.location.as_ref()?.query_pairs();
        pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// What stands between two texts of the page.
    fn between(&self, before: &str, after: &str) -> String {
        let (_, rest) = self.body.split_once(before).unwrap();
        rest.split_once(after).unwrap().0.replace("&#38;", "&")
    }
}

async fn send(provider: &Arc<Provider>, request: Request<Body>) -> HttpAnswer {
    let response = provider.router().call(request).await.unwrap();
    let header = |name| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let cookie = header(header::SET_COOKIE).unwrap_or_default();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let location = header(header::LOCATION).map(|location| location.parse().unwrap());
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    HttpAnswer { status, cookie, location, body: String::from_utf8(body.to_vec()).unwrap() }
}

async fn get_from(provider: &Arc<Provider>, path: &str, headers: &[(header::HeaderName, &str)]) -> HttpAnswer {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    send(provider, request.body(Body::empty()).unwrap()).await
}

async fn post_to(provider: &Arc<Provider>, path: &str, cookie: &str, pairs: &[(&str, &str)]) -> HttpAnswer {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let request = Request::post(path).header(header::COOKIE, cookie).body(Body::from(body)).unwrap();
    send(provider, request).await
}

fn query(changed: &[(&str, &str)]) -> String {
    let mut pairs = vec![
        ("response_type", "code"),
        ("client_id", "pool"),
        ("redirect_uri", REDIRECT_URI),
        ("scope", "openid email phone"),
        ("state", "a&b"),
        ("nonce", "n-1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    pairs.retain(|(name, _)| changed.iter().all(|(other, _)| other != name));
    let pairs = pairs.into_iter().chain(changed.iter().copied());
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("/authorize?{query}")
}

/// Fills in the form.
async fn sign_in(provider: &Arc<Provider>, user: &str, password: &str) -> HttpAnswer {
    let form = get_from(provider, &query(&[]), &[]).await;
    assert_eq!(form.status, StatusCode::OK, "{}", form.body);
    let (action, csrf) = (form.between("action=\"", "\""), form.between("name=\"_csrf\" value=\"", "\""));
    let fields = [("_csrf", csrf.as_str()), ("username", user), ("password", password)];
    post_to(provider, &action, &form.cookie, &fields).await
}

async fn redeem(provider: &Arc<Provider>, changed: &[(&str, &str)]) -> HttpAnswer {
    let code = sign_in(provider, "stranger-1", "right").await.parameter("code").unwrap();
    let mut pairs = vec![
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
        ("client_id", "pool"),
        ("client_secret", "s3cret"),
    ];
    pairs.retain(|(name, _)| changed.iter().all(|(other, _)| other != name));
    pairs.extend(changed);
    post_to(provider, "/token", "", &pairs).await
}

#[tokio::test]
async fn a_user_signs_in_and_the_client_learns_who_it_is() {
    let provider = provider();
    let back = sign_in(&provider, "synthetic-fed-07", "right").await;
    assert_eq!((back.status, back.parameter("state").as_deref()), (StatusCode::FOUND, Some("a&b")));
    assert!(back.location.as_ref().unwrap().as_str().starts_with(REDIRECT_URI));
    let code = back.parameter("code").unwrap();
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
        ("client_id", "pool"),
        ("client_secret", "s3cret"),
    ];
    let tokens = post_to(&provider, "/token", "", &pairs).await;
    assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.body);
    // The code is spent.
    assert_eq!(post_to(&provider, "/token", "", &pairs).await.json()["error"], "invalid_grant");

    let discovered = get_from(&provider, "/.well-known/openid-configuration", &[]).await.json();
    assert_eq!(discovered["issuer"], ISSUER);
    let keys = discovered["jwks_uri"].as_str().unwrap().strip_prefix(ISSUER).unwrap();
    let keys: JwkSet = serde_json::from_str(&get_from(&provider, keys, &[]).await.body).unwrap();
    let tokens = tokens.json();
    let id_token = tokens["id_token"].as_str().unwrap();
    let header = jsonwebtoken::decode_header(id_token).unwrap();
    let key = DecodingKey::from_jwk(keys.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::RS256);
    validation.set_audience(&["pool"]);
    validation.set_issuer(&[ISSUER]);
    let claims = jsonwebtoken::decode::<Value>(id_token, &key, &validation).unwrap().claims;
    assert_eq!((&claims["sub"], &claims["nonce"]), (&json!("synthetic-fed-07"), &json!("n-1")));
    assert_eq!((&claims["email"], &claims["name"]), (&json!("synthetic-fed-07@example.com"), &Value::Null));

    let asked = async |token: &str| {
        get_from(&provider, "/userinfo", &[(header::AUTHORIZATION, &format!("Bearer {token}"))]).await
    };
    let told = asked(tokens["access_token"].as_str().unwrap()).await.json();
    assert_eq!((&told["sub"], &told["email"]), (&claims["sub"], &claims["email"]));
    assert_eq!(asked(id_token).await.status, StatusCode::UNAUTHORIZED, "an ID token is no access token");
    assert_eq!(asked("x.y.z").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn wrong_passwords_unknown_users_and_foreign_forms_are_refused() {
    let provider = provider();
    for (user, password) in
        [("stranger-1", "wrong"), ("stranger-", "right"), ("synthetic-fed-7", "right"), ("synthetic-0001", "right")]
    {
        let answer = sign_in(&provider, user, password).await;
        assert_eq!(answer.location, None, "{user}");
        assert!(answer.body.contains("Incorrect username or password."), "{user}");
    }
    let form = get_from(&provider, &query(&[]), &[]).await;
    let csrf = form.between("name=\"_csrf\" value=\"", "\"");
    let fields = [("_csrf", csrf.as_str()), ("username", "stranger-1"), ("password", "right")];
    for cookie in ["", "XSRF-TOKEN=other", "XSRF-TOKEN="] {
        let answer = post_to(&provider, &query(&[]), cookie, &fields).await;
        assert_eq!((answer.status, answer.location), (StatusCode::BAD_REQUEST, None), "{cookie}");
    }
}

#[tokio::test]
async fn wrong_requests_are_told_to_the_client_only_where_it_is_known() {
    let provider = provider();
    for changed in [("client_id", "other"), ("redirect_uri", "https://elsewhere.test/")] {
        let answer = get_from(&provider, &query(&[changed]), &[]).await;
        assert_eq!((answer.status, answer.location), (StatusCode::BAD_REQUEST, None), "{changed:?}");
    }
    for (changed, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("scope", "email"), "invalid_scope"),
        (("code_challenge_method", "plain"), "invalid_request"),
    ] {
        let answer = get_from(&provider, &query(&[changed]), &[]).await;
        assert_eq!((answer.parameter("error").as_deref(), answer.parameter("code")), (Some(error), None));
        assert_eq!(answer.parameter("state").as_deref(), Some("a&b"));
    }
}

#[tokio::test]
async fn tokens_need_the_secret_the_verifier_and_the_redirect_uri() {
    let provider = provider();
    assert_eq!(redeem(&provider, &[]).await.status, StatusCode::OK);
    for (changed, error) in [
        (("client_secret", "wrong"), "invalid_client"),
        (("client_id", "other"), "invalid_client"),
        (("code_verifier", "wrong"), "invalid_grant"),
        (("redirect_uri", "https://elsewhere.test/"), "invalid_grant"),
        (("code", "wrong"), "invalid_grant"),
        (("grant_type", "password"), "unsupported_grant_type"),
    ] {
        assert_eq!(redeem(&provider, &[changed]).await.json()["error"], error, "{changed:?}");
    }
}
