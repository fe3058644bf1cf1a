use super::*;

/// The header and the payload of a token.
fn parts(token: &str) -> [Value; 2] {
    use base64::Engine as _;
    let mut parts = token.split('.').map(|part| {
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or(Value::Null)
    });
    [parts.next().unwrap(), parts.next().unwrap()]
}

#[tokio::test]
async fn both_regions_name_the_primary_and_sign_with_one_key_where_the_issuer_is_updated() {
    let lab = lab(LabSettings { issuer: Issuer::Updated, ..settings() }, 1.0).await;
    let expected = format!("https://issuer-cognito-idp.us-east-1.amazonaws.com/{}", lab.identity.pool_id());
    let mut keys = Vec::new();
    for (role, other) in [(RegionRole::Primary, RegionRole::Replica), (RegionRole::Replica, RegionRole::Primary)] {
        let access = lab.sign_in(role, "synthetic-0001").await.access_token.unwrap();
        let [header, payload] = parts(&access);
        assert_eq!(payload["iss"], expected);
        keys.push(header["kid"].clone());
        // The protected API of either Region takes it.
        assert_eq!((lab.account(role, &access).await.0, lab.account(other, &access).await.0), (200, 200));
    }
    assert_eq!(keys[0], keys[1]);
    let served = async |role| {
        let request = http::Request::get(format!("/{}/.well-known/jwks.json", lab.identity.pool_id()));
        lab.http(role, request, "").await
    };
    assert_eq!(served(RegionRole::Primary).await, served(RegionRole::Replica).await);
}

#[tokio::test]
async fn of_the_original_issuer_the_primary_alone_publishes_the_keys() {
    let lab = lab(LabSettings { issuer: Issuer::Original, ..settings() }, 1.0).await;
    let mut seen = Vec::new();
    for role in RegionRole::ALL {
        let [header, payload] = parts(&lab.sign_in(role, "synthetic-0001").await.access_token.unwrap());
        assert_eq!(payload["iss"], format!("https://cognito-idp.us-east-1.amazonaws.com/{}", lab.identity.pool_id()));
        seen.push(header["kid"].clone());
    }
    assert_eq!(seen[0], seen[1]);
    let served = async |role| {
        let request = http::Request::get(format!("/{}/.well-known/jwks.json", lab.identity.pool_id()));
        lab.http(role, request, "").await
    };
    let (status, keys) = served(RegionRole::Primary).await;
    assert_eq!((status, &keys["keys"][0]["kid"]), (200, &seen[0]));
    assert_eq!(served(RegionRole::Replica).await.0, 404);
}

#[tokio::test]
async fn independent_pools_have_an_issuer_and_a_key_each() {
    for (issuer, host) in [(Issuer::Original, "cognito-idp"), (Issuer::Updated, "issuer-cognito-idp")] {
        let lab = lab(LabSettings { issuer, strategy: Strategy::Bridge, ..settings() }, 1.0).await;
        let mut seen = Vec::new();
        for (role, region) in [(RegionRole::Primary, "us-east-1"), (RegionRole::Replica, "us-west-2")] {
            let [header, payload] = parts(&lab.sign_in(role, "synthetic-0001").await.access_token.unwrap());
            assert_eq!(payload["iss"], format!("https://{host}.{region}.amazonaws.com/{}", lab.identity.pool_id()));
            let request = http::Request::get(format!("/{}/.well-known/jwks.json", lab.identity.pool_id()));
            let (status, keys) = lab.http(role, request, "").await;
            assert_eq!((status, &keys["keys"][0]["kid"]), (200, &header["kid"]));
            seen.push(header["kid"].clone());
        }
        assert_ne!(seen[0], seen[1]);
    }
}
