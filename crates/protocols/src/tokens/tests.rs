use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use jiff::Timestamp;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};

use super::*;
use gameday_core::model::Clock;

/// Two keys, as of two Regions.
static KEYS: LazyLock<[EncodingKey; 2]> = LazyLock::new(|| {
    [(); 2].map(|()| {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        EncodingKey::from_rsa_pem(key.serialize_pem().as_bytes()).unwrap()
    })
});

fn document(key: &EncodingKey, key_id: &str) -> Vec<u8> {
    let mut jwk = Jwk::from_encoding_key(key, Algorithm::RS256).unwrap();
    jwk.common.key_id = Some(key_id.to_owned());
    serde_json::to_vec(&JwkSet { keys: vec![jwk] }).unwrap()
}

/// A source that counts, and that can be switched off.
struct CountingSource {
    up: AtomicBool,
    fetches: AtomicUsize,
    document: Vec<u8>,
}

impl CountingSource {
    fn new(key: usize) -> Arc<Self> {
        let document = document(&KEYS[key], &format!("key-{key}"));
        Arc::new(Self { up: AtomicBool::new(true), fetches: AtomicUsize::new(0), document })
    }

    fn source(self: &Arc<Self>, region: &str) -> Source {
        let server = Arc::clone(self);
        let fetch: Fetch = Arc::new(move || {
            let server = Arc::clone(&server);
            Box::pin(async move {
                server.fetches.fetch_add(1, Ordering::SeqCst);
                if server.up.load(Ordering::SeqCst) { Ok(server.document.clone()) } else { Err("down".to_owned()) }
            })
        });
        (region.into(), fetch)
    }
}

const POOL: &str = "us-east-1_POOL";

fn expected() -> Expectations {
    Expectations {
        pool_id: POOL.into(),
        client_ids: vec!["another".into(), "client".into()],
        regions: vec!["us-east-1".into(), "us-west-2".into()],
        required_claims: vec!["tenant".into()],
    }
}

fn now() -> Timestamp {
    "2026-06-03T04:05:06Z".parse().unwrap()
}

fn claims() -> Value {
    json!({
        "iss": format!("https://cognito-idp.us-east-1.amazonaws.com/{POOL}"),
        "token_use": "access",
        "client_id": "client",
        "exp": now().as_second() + 3600,
        "tenant": "retail",
    })
}

fn sign(key: usize, key_id: &str, claims: &Value) -> String {
    let mut header = Header::new(Algorithm::RS256);
    header.kid = Some(key_id.to_owned());
    encode(&header, claims, &KEYS[key]).unwrap()
}

async fn cache() -> JwksCache {
    let sources = vec![CountingSource::new(0).source("us-east-1"), CountingSource::new(1).source("us-west-2")];
    let cache = JwksCache::start(sources, Clock::start(1.0));
    cache.settled().await;
    cache
}

#[tokio::test]
async fn tokens_of_both_regions_and_both_issuers_pass() {
    let cache = cache().await;
    let good = cache.verify_access_token(&sign(0, "key-0", &claims()), &expected(), now()).unwrap();
    assert_eq!(good.region.as_str(), "us-east-1");
    assert_eq!(good.text("tenant"), Some("retail"));
    for issuer in ["https://cognito-idp.us-west-2", "https://issuer-cognito-idp.us-east-1"] {
        let mut claims = claims();
        claims["iss"] = format!("{issuer}.amazonaws.com/{POOL}").into();
        let good = cache.verify_access_token(&sign(1, "key-1", &claims), &expected(), now()).unwrap();
        assert_eq!(good.region.as_str(), "us-west-2");
    }
}

#[tokio::test]
async fn c23_an_issuer_is_of_its_partition() {
    let cache = cache().await;
    let china = Expectations { regions: vec!["cn-north-1".into()], ..expected() };
    let verify = |issuer: &str| {
        let mut claims = claims();
        claims["iss"] = format!("https://cognito-idp.cn-north-1.{issuer}/{POOL}").into();
        cache.verify_access_token(&sign(0, "key-0", &claims), &china, now()).map(drop)
    };
    assert_eq!(verify("amazonaws.com.cn"), Ok(()));
    assert_eq!(verify("amazonaws.com"), Err(TokenError::Issuer));
}

#[tokio::test]
async fn each_wrong_thing_has_its_error() {
    let cache = cache().await;
    let verify = |token: &str, at| cache.verify_access_token(token, &expected(), at).unwrap_err();
    let changed = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        verify(&sign(0, "key-0", &claims), now())
    };
    let missing = TokenError::ClaimMissing { claim: "tenant".into() };
    assert_eq!(changed("tenant", json!(" ")), missing);
    assert_eq!(changed("tenant", Value::Null), missing);
    assert_eq!(changed("tenant", json!([])), missing);
    assert_eq!(
        changed("iss", json!("https://cognito-idp.us-east-1.amazonaws.com/us-east-1_OTHER")),
        TokenError::Issuer
    );
    assert_eq!(
        changed("iss", json!(format!("https://cognito-idp.eu-west-1.amazonaws.com/{POOL}"))),
        TokenError::Issuer
    );
    assert_eq!(changed("token_use", json!("id")), TokenError::TokenUse);
    assert_eq!(changed("client_id", json!("other")), TokenError::Client);
    assert_eq!(changed("exp", json!("tomorrow")), TokenError::Expired);

    let token = sign(0, "key-0", &claims());
    let after = |seconds: i64| now() + jiff::SignedDuration::from_secs(seconds);
    assert!(cache.verify_access_token(&token, &expected(), after(3659)).is_ok());
    assert_eq!(verify(&token, after(3660)), TokenError::Expired);

    // Signed by the other Region's key under this key's name; then a payload under another token's signature.
    assert_eq!(verify(&sign(1, "key-0", &claims()), now()), TokenError::Signature);
    let mut other = claims();
    other["tenant"] = json!("private");
    let other = sign(0, "key-0", &other);
    let parts: Vec<&str> = token.split('.').collect();
    let payload = other.split('.').nth(1).unwrap();
    assert_eq!(verify(&format!("{}.{payload}.{}", parts[0], parts[2]), now()), TokenError::Signature);

    assert_eq!(verify("", now()), TokenError::Malformed);
    assert_eq!(verify("a.b.c", now()), TokenError::Malformed);
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("key-0".into());
    let confused = encode(&header, &claims(), &EncodingKey::from_secret(b"public key")).unwrap();
    assert_eq!(verify(&confused, now()), TokenError::Algorithm);
}

fn id_claims() -> Value {
    let mut claims = claims();
    let fields = claims.as_object_mut().unwrap();
    fields.remove("client_id");
    fields.extend(
        [("token_use", "id"), ("aud", "client"), ("nonce", "n-1")].map(|(name, value)| (name.into(), value.into())),
    );
    claims["cognito:username"] = json!("someone");
    claims["cognito:groups"] = json!(["retail", "premium"]);
    claims
}

#[tokio::test]
async fn an_id_token_is_for_a_client_and_of_a_sign_in() {
    let cache = cache().await;
    let verify = |claims: &Value, nonce| cache.verify_id_token(&sign(0, "key-0", claims), &expected(), nonce, now());
    for nonce in [None, Some("n-1")] {
        let good = verify(&id_claims(), nonce).unwrap();
        assert_eq!((good.username(), good.client_id()), (Some("someone"), Some("client")));
        assert_eq!(good.groups().collect::<Vec<_>>(), ["retail", "premium"]);
        assert_eq!(good.expires().unwrap(), now() + jiff::SignedDuration::from_secs(3600));
    }
    assert_eq!(verify(&id_claims(), Some("n-2")), Err(TokenError::Nonce));
    let changed = |name: &str, value: Value| {
        let mut claims = id_claims();
        claims[name] = value;
        verify(&claims, Some("n-1")).unwrap_err()
    };
    assert_eq!(changed("nonce", Value::Null), TokenError::Nonce);
    assert_eq!(changed("aud", json!("other")), TokenError::Client);
    assert_eq!(changed("token_use", json!("access")), TokenError::NotIdToken);
    assert_eq!(changed("tenant", json!("")), TokenError::ClaimMissing { claim: "tenant".into() });
    // Neither kind passes for the other.
    assert_eq!(verify(&claims(), None), Err(TokenError::NotIdToken));
    let access = cache.verify_access_token(&sign(0, "key-0", &id_claims()), &expected(), now());
    assert_eq!(access, Err(TokenError::TokenUse));
}

#[tokio::test]
async fn the_keys_of_both_regions_are_tried_before_a_token_is_rejected() {
    let same_name = |region: &str, key: usize| (region.into(), document(&KEYS[key], "same"));
    let cache = JwksCache::of_documents([same_name("us-east-1", 0), same_name("us-west-2", 1)]).unwrap();
    for (key, region) in [(0, "us-east-1"), (1, "us-west-2")] {
        let good = cache.verify_access_token(&sign(key, "same", &claims()), &expected(), now()).unwrap();
        assert_eq!(good.region.as_str(), region);
    }
    assert!(JwksCache::of_documents([("us-east-1".into(), b"{}".to_vec())]).is_err());
}

#[tokio::test]
async fn keys_are_fetched_again_when_they_are_ten_minutes_old() {
    let server = CountingSource::new(0);
    // The TTL passes in a tenth of a second.
    let clock = Clock::start(6000.0);
    let cache = JwksCache::start(vec![server.source("us-east-1")], clock);
    cache.complete().await;
    let first = cache.status()[0].1.fetched_at.unwrap();
    eventually(|| server.fetches.load(Ordering::SeqCst) >= 2 && cache.status()[0].1.fetched_at.unwrap() > first).await;
    let second = cache.status()[0].1.fetched_at.unwrap();
    assert!(second.duration_since(first).unsigned_abs() >= TTL, "{first} {second}");
}

#[tokio::test]
async fn errors_hold_nothing_of_the_token() {
    let cache = cache().await;
    let token = sign(0, "marked-key", &claims());
    let error = cache.verify_access_token(&token, &expected(), now()).unwrap_err();
    assert_eq!(error, TokenError::UnknownKey);
    assert!(!format!("{error} {error:?}").contains("marked"));
}

/// Waits for something that a background task brings about.
async fn eventually(what: impl Fn() -> bool) {
    let waited = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waited).await.expect("it never happened");
}

#[tokio::test]
async fn unknown_keys_cause_one_refresh_not_a_storm() {
    let server = CountingSource::new(0);
    // 10 s of scenario time, the least gap, pass in half a second.
    let cache = JwksCache::start(vec![server.source("us-east-1")], Clock::start(20.0));
    cache.settled().await;
    let token = sign(1, "key-9", &claims());
    for _ in 0..500 {
        assert_eq!(cache.verify_access_token(&token, &expected(), now()), Err(TokenError::UnknownKey));
    }
    assert_eq!(server.fetches.load(Ordering::SeqCst), 1, "nothing is fetched on the request path");
    eventually(|| server.fetches.load(Ordering::SeqCst) == 2).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(server.fetches.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_source_that_is_down_keeps_its_last_keys() {
    let server = CountingSource::new(0);
    // The TTL passes in a tenth of a second.
    let cache = JwksCache::start(vec![server.source("us-east-1")], Clock::start(6000.0));
    cache.settled().await;
    server.up.store(false, Ordering::SeqCst);
    eventually(|| cache.status()[0].1.error.is_some()).await;
    assert!(cache.verify_access_token(&sign(0, "key-0", &claims()), &expected(), now()).is_ok());
    server.up.store(true, Ordering::SeqCst);
    eventually(|| cache.status()[0].1.error.is_none()).await;
}

#[tokio::test]
async fn without_any_key_the_error_says_so() {
    let server = CountingSource::new(0);
    server.up.store(false, Ordering::SeqCst);
    let cache = JwksCache::start(vec![server.source("us-east-1")], Clock::start(1.0));
    cache.settled().await;
    let verified = cache.verify_access_token(&sign(0, "key-0", &claims()), &expected(), now());
    assert_eq!(verified, Err(TokenError::NoKeys));
    let empty: Fetch = Arc::new(|| Box::pin(async { Ok(br#"{"keys": []}"#.to_vec()) }));
    let cache = JwksCache::start(vec![("us-east-1".into(), empty)], Clock::start(1.0));
    cache.settled().await;
    assert!(cache.status()[0].1.error.as_ref().unwrap().contains("no RS256 key"));
}
