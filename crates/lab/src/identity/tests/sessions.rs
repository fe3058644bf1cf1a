use aws_sdk_cognitoidentityprovider::operation::get_tokens_from_refresh_token::GetTokensFromRefreshTokenOutput;

use super::*;
use crate::identity::clients::AppClient;

const USER: &str = "synthetic-out-01";

impl TestLab {
    async fn renew(
        &self,
        role: RegionRole,
        client: &AppClient,
        token: &str,
    ) -> Result<GetTokensFromRefreshTokenOutput, aws_sdk_cognitoidentityprovider::Error> {
        let secret = client.secret.as_ref().map(|secret| secret.expose().to_owned());
        let request = self.client(role).get_tokens_from_refresh_token().client_id(&client.id);
        Ok(request.set_client_secret(secret).refresh_token(token).send().await?)
    }

    /// Signs in to a client by password.
    async fn begin(&self, role: RegionRole, client: &AppClient, user: &str) -> AuthenticationResultType {
        let hash = client.secret.as_ref().map(|secret| gameday_protocols::srp::secret_hash(user, &client.id, secret));
        let request = self.client(role).initiate_auth().client_id(&client.id).auth_flow(AuthFlowType::UserPasswordAuth);
        let mut request = request.auth_parameters("USERNAME", user);
        request = request.auth_parameters("PASSWORD", self.identity.password().expose());
        if let Some(hash) = hash {
            request = request.auth_parameters("SECRET_HASH", hash);
        }
        request.send().await.unwrap().authentication_result.unwrap()
    }

    async fn get_user(&self, role: RegionRole, access: &str) -> Result<(), (String, String)> {
        let answer = self.client(role).get_user().access_token(access).send().await;
        answer.map(drop).map_err(|error| refusal::<(), _>(Err(error)))
    }
}

fn not_authorized(message: &str) -> (String, String) {
    ("NotAuthorizedException".to_owned(), message.to_owned())
}

#[tokio::test]
async fn without_rotation_a_refresh_token_serves_again_and_again() {
    let lab = lab(settings(), 1.0).await;
    for name in ["public", "confidential"] {
        let client = lab.named(name);
        let refresh = lab.begin(RegionRole::Primary, &client, USER).await.refresh_token.unwrap();
        lab.replicated().await;
        for role in [RegionRole::Replica, RegionRole::Primary, RegionRole::Replica] {
            let renewed = lab.renew(role, &client, &refresh).await.unwrap().authentication_result.unwrap();
            assert!(renewed.refresh_token.is_none());
            assert_eq!(lab.account(role, &renewed.access_token.unwrap()).await.0, 200);
        }
    }
    let confidential = lab.named("confidential");
    let refresh = lab.begin(RegionRole::Primary, &confidential, USER).await.refresh_token.unwrap();
    let mut wrong = confidential.clone();
    for secret in [Some(Secret::new("wrong")), None] {
        wrong.secret = secret;
        assert_eq!(refusal(lab.renew(RegionRole::Primary, &wrong, &refresh).await).0, "NotAuthorizedException");
    }
    let stolen = refusal(lab.renew(RegionRole::Primary, &lab.named("public"), &refresh).await);
    assert_eq!(stolen, not_authorized("Invalid Refresh Token"));
}

#[tokio::test]
async fn a_rotated_refresh_token_serves_through_its_grace_alone() {
    // The 10 s of grace pass in half a second.
    let lab = lab(settings(), 20.0).await;
    let client = lab.named("rotating");
    let first = lab.begin(RegionRole::Primary, &client, USER).await.refresh_token.unwrap();
    let before = lab.clock.now();
    let renewed = lab.renew(RegionRole::Primary, &client, &first).await.unwrap().authentication_result.unwrap();
    let second = renewed.refresh_token.unwrap();
    assert_ne!(first, second);
    let after = lab.clock.now();
    // The client lost the answer and asks again.
    let again = lab.renew(RegionRole::Primary, &client, &first).await.unwrap().authentication_result.unwrap();
    assert!(again.refresh_token.is_some());
    let refused = async {
        loop {
            let asked = lab.clock.now();
            if let Err(error) = lab.renew(RegionRole::Primary, &client, &first).await {
                return (asked, error);
            }
            assert!(asked < later(after, Duration::from_secs(10)), "it went on after its grace");
        }
    };
    let (_, error) = tokio::time::timeout(Duration::from_secs(30), refused).await.expect("it went on and on");
    assert!(lab.clock.now() >= later(before, Duration::from_secs(10)), "it ended before its grace");
    assert_eq!(refusal::<(), _>(Err(error)).0, "RefreshTokenReuseException");
    // The other Region knows it as well, and takes the token that came of it.
    lab.replicated().await;
    let there = refusal(lab.renew(RegionRole::Replica, &client, &first).await);
    assert_eq!(there.0, "RefreshTokenReuseException");
    let third = lab.renew(RegionRole::Replica, &client, &second).await.unwrap().authentication_result.unwrap();
    lab.replicated().await;
    assert!(lab.renew(RegionRole::Primary, &client, &third.refresh_token.unwrap()).await.is_ok());
}

#[tokio::test]
async fn a_sign_out_ends_all_sessions_in_both_regions() {
    let lab = lab(settings(), 1.0).await;
    let client = lab.named("public");
    for (here, there) in [(RegionRole::Primary, RegionRole::Replica), (RegionRole::Replica, RegionRole::Primary)] {
        let [one, two] = [lab.begin(here, &client, USER).await, lab.begin(there, &client, USER).await];
        let bystander = lab.begin(here, &client, "synthetic-0001").await;
        let [access, other_access] = [&one, &two].map(|session| session.access_token().unwrap());
        lab.client(here).global_sign_out().access_token(access).send().await.unwrap();
        assert_eq!(lab.get_user(here, access).await, Err(not_authorized("Access Token has been revoked")));
        lab.replicated().await;
        for role in RegionRole::ALL {
            for session in [&one, &two] {
                let refused = refusal(lab.renew(role, &client, session.refresh_token().unwrap()).await);
                assert_eq!(refused, not_authorized("Refresh Token has been revoked"));
            }
            assert_eq!(lab.get_user(role, other_access).await, Err(not_authorized("Access Token has been revoked")));
            // An API that only verifies signatures learns nothing of it.
            assert_eq!(lab.account(role, access).await.0, 200);
            assert_eq!(lab.get_user(role, bystander.access_token().unwrap()).await, Ok(()));
        }
        let fresh = lab.begin(there, &client, USER).await;
        assert_eq!(lab.get_user(there, fresh.access_token().unwrap()).await, Ok(()));
    }
    let kept = lab.begin(RegionRole::Primary, &client, "synthetic-0002").await;
    let request = lab.client(RegionRole::Primary).admin_user_global_sign_out().user_pool_id(lab.identity.pool_id());
    request.username("synthetic-0002").send().await.unwrap();
    let refused = lab.get_user(RegionRole::Primary, kept.access_token().unwrap()).await;
    assert_eq!(refused, Err(not_authorized("Access Token has been revoked")));
}

#[tokio::test]
async fn a_sign_out_waits_for_the_lag() {
    let lag = Span::secs(36_000);
    let lab = lab(LabSettings { lag_median: lag, lag_max: lag, ..settings() }, 1.0).await;
    let client = lab.named("public");
    let session = lab.begin(RegionRole::Primary, &client, USER).await;
    let access = session.access_token().unwrap();
    lab.client(RegionRole::Primary).global_sign_out().access_token(access).send().await.unwrap();
    assert_eq!(lab.get_user(RegionRole::Replica, access).await, Ok(()));
    assert!(lab.get_user(RegionRole::Primary, access).await.is_err());
}

#[tokio::test]
async fn one_session_is_revoked_by_its_refresh_token() {
    let lab = lab(settings(), 1.0).await;
    let client = lab.named("confidential");
    let (one, two) =
        (lab.begin(RegionRole::Replica, &client, USER).await, lab.begin(RegionRole::Replica, &client, USER).await);
    let replica = lab.client(RegionRole::Replica);
    let revoke = async |client: &AppClient, token: &str| {
        let request = replica.revoke_token().client_id(&client.id).token(token);
        let secret = client.secret.as_ref().map(|secret| secret.expose().to_owned());
        request.set_client_secret(secret).send().await
    };
    let (refresh, access) = (one.refresh_token().unwrap(), one.access_token().unwrap());
    let mut careless = client.clone();
    careless.secret = None;
    assert_eq!(refusal(revoke(&careless, refresh).await).0, "UnauthorizedException");
    assert_eq!(refusal(revoke(&lab.named("public"), refresh).await).0, "UnauthorizedException");
    assert_eq!(refusal(revoke(&client, access).await).0, "UnsupportedTokenTypeException");
    assert_eq!(lab.get_user(RegionRole::Replica, access).await, Ok(()));
    revoke(&client, "unknown").await.unwrap();
    revoke(&client, refresh).await.unwrap();
    lab.replicated().await;
    for role in RegionRole::ALL {
        let refused = refusal(lab.renew(role, &client, refresh).await);
        assert_eq!(refused, not_authorized("Refresh Token has been revoked"));
        assert_eq!(lab.get_user(role, access).await, Err(not_authorized("Access Token has been revoked")));
        assert!(lab.renew(role, &client, two.refresh_token().unwrap()).await.is_ok());
    }
}
