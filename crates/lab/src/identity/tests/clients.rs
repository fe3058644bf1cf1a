use aws_sdk_cognitoidentityprovider::operation::initiate_auth::InitiateAuthOutput;
use aws_sdk_cognitoidentityprovider::types::OAuthFlowType;

use super::*;
use crate::identity::clients::AppClient;
use gameday_protocols::srp::secret_hash;

impl TestLab {
    pub(crate) fn named(&self, name: &str) -> AppClient {
        self.identity.clients().iter().find(|client| client.name == name).unwrap().clone()
    }

    async fn at_client(
        &self,
        role: RegionRole,
        client: &AppClient,
        flow: AuthFlowType,
        parameters: &[(&str, &str)],
    ) -> Result<InitiateAuthOutput, aws_sdk_cognitoidentityprovider::Error> {
        let mut request = self.client(role).initiate_auth().client_id(&client.id).auth_flow(flow);
        for (name, value) in parameters {
            request = request.auth_parameters(*name, *value);
        }
        Ok(request.send().await?)
    }
}

fn tokens(answer: InitiateAuthOutput) -> AuthenticationResultType {
    answer.authentication_result.unwrap()
}

const USER: &str = "synthetic-0001";

#[tokio::test]
async fn a_client_with_a_secret_wants_its_hash() {
    let lab = lab(settings(), 1.0).await;
    let (public, confidential) = (lab.named("public"), lab.named("confidential"));
    let password = lab.identity.password();
    let secret = confidential.secret.clone().unwrap();
    let right = secret_hash(USER, &confidential.id, &secret);
    let flow = AuthFlowType::UserPasswordAuth;
    for role in RegionRole::ALL {
        let basic = [("USERNAME", USER), ("PASSWORD", password.expose())];
        let hashed = [basic[0], basic[1], ("SECRET_HASH", right.as_str())];
        let without = refusal(lab.at_client(role, &confidential, flow.clone(), &basic).await);
        let id = &confidential.id;
        let message = format!("Client {id} is configured with secret but SECRET_HASH was not received");
        assert_eq!(without, ("NotAuthorizedException".to_owned(), message));
        // Of another user, of another client, and not of that length.
        let others = [secret_hash("other", id, &secret), secret_hash(USER, &public.id, &secret), "x".to_owned()];
        for wrong in others {
            let parameters = [basic[0], basic[1], ("SECRET_HASH", wrong.as_str())];
            let refused = refusal(lab.at_client(role, &confidential, flow.clone(), &parameters).await);
            let message = format!("SecretHash does not match for the client: {id}");
            assert_eq!(refused, ("NotAuthorizedException".to_owned(), message));
        }
        let unwanted = refusal(lab.at_client(role, &public, flow.clone(), &hashed).await);
        assert_eq!(unwanted.0, "NotAuthorizedException");
        let signed_in = tokens(lab.at_client(role, &confidential, flow.clone(), &hashed).await.unwrap());
        assert_eq!(lab.account(role, &signed_in.access_token.unwrap()).await.0, 200);
        // Its refresh token is of use to no other client, and not without the hash.
        let refresh = signed_in.refresh_token.unwrap();
        let token = ("REFRESH_TOKEN", refresh.as_str());
        let renew = AuthFlowType::RefreshTokenAuth;
        let stolen = refusal(lab.at_client(role, &public, renew.clone(), &[token]).await);
        assert_eq!(stolen.1, "Invalid Refresh Token");
        assert_eq!(refusal(lab.at_client(role, &confidential, renew.clone(), &[token]).await).0, without.0);
        let renewed = lab.at_client(role, &confidential, renew, &[token, ("SECRET_HASH", &right)]).await;
        assert!(tokens(renewed.unwrap()).access_token.is_some());
    }
}

#[tokio::test]
async fn a_client_takes_part_in_its_own_flows_alone() {
    let lab = lab(settings(), 1.0).await;
    let password = lab.identity.password();
    let parameters = [("USERNAME", USER), ("PASSWORD", password.expose()), ("REFRESH_TOKEN", "x")];
    let cases = [
        ("rotating", AuthFlowType::RefreshTokenAuth),
        ("web", AuthFlowType::UserPasswordAuth),
        ("web", AuthFlowType::UserSrpAuth),
        ("service", AuthFlowType::UserPasswordAuth),
    ];
    for (name, flow) in cases {
        let refused = refusal(lab.at_client(RegionRole::Primary, &lab.named(name), flow, &parameters).await);
        assert_eq!(refused.0, "InvalidParameterException", "{name}");
        assert!(refused.1.contains("not enabled for this client"), "{name}: {}", refused.1);
    }
    let rotating = lab.named("rotating");
    let signed_in =
        lab.at_client(RegionRole::Primary, &rotating, AuthFlowType::UserPasswordAuth, &parameters[..2]).await;
    let access = tokens(signed_in.unwrap()).access_token.unwrap();
    assert_eq!(lab.account(RegionRole::Replica, &access).await.0, 200);
}

#[tokio::test]
async fn the_pool_tells_of_its_clients() {
    let lab = lab(settings(), 1.0).await;
    let pool = lab.identity.pool_id();
    let mut names = Vec::new();
    let replica = lab.client(RegionRole::Replica);
    let mut pages = replica.list_user_pool_clients().user_pool_id(pool).max_results(2).into_paginator().send();
    while let Some(page) = pages.next().await {
        names.extend(page.unwrap().user_pool_clients().iter().map(|c| c.client_name().unwrap().to_owned()));
    }
    assert_eq!(names, ["public", "confidential", "rotating", "web", "service"]);
    let describe = async |name| {
        let client = lab.named(name);
        let described = replica.describe_user_pool_client().user_pool_id(pool).client_id(&client.id).send().await;
        described.unwrap().user_pool_client.unwrap()
    };
    let confidential = describe("confidential").await;
    assert_eq!(confidential.client_secret(), Some(lab.named("confidential").secret.unwrap().expose()));
    let rotation = describe("rotating").await.refresh_token_rotation.unwrap();
    assert_eq!(rotation.retry_grace_period_seconds(), Some(10));
    let web = describe("web").await;
    assert_eq!(web.allowed_o_auth_flows(), [OAuthFlowType::Code]);
    assert_eq!(web.supported_identity_providers(), ["COGNITO", "GameDayIdP"]);
    assert!(describe("public").await.client_secret().is_none());
    let shown = format!("{:?}", lab.named("service"));
    assert!(!shown.contains(lab.named("service").secret.unwrap().expose()));
}
