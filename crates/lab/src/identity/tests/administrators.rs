use super::*;
use crate::identity::clients::AppClient;
use gameday_protocols::srp::secret_hash;

const USER: &str = "synthetic-0001";

impl TestLab {
    async fn admin_initiate(
        &self,
        role: RegionRole,
        client: &AppClient,
        flow: AuthFlowType,
        parameters: &[(&str, &str)],
    ) -> Result<
        aws_sdk_cognitoidentityprovider::operation::admin_initiate_auth::AdminInitiateAuthOutput,
        aws_sdk_cognitoidentityprovider::Error,
    > {
        let request = self.client(role).admin_initiate_auth().user_pool_id(self.identity.pool_id());
        let mut request = request.client_id(&client.id).auth_flow(flow);
        for (name, value) in parameters {
            request = request.auth_parameters(*name, *value);
        }
        Ok(request.send().await?)
    }
}

#[tokio::test]
async fn servers_sign_users_in_with_their_own_credentials() {
    let lab = lab(settings(), 1.0).await;
    let password = lab.identity.password();
    let confidential = lab.named("confidential");
    let hash = secret_hash(USER, &confidential.id, confidential.secret.as_ref().unwrap());
    let basic = [("USERNAME", USER), ("PASSWORD", password.expose()), ("SECRET_HASH", hash.as_str())];
    for role in RegionRole::ALL {
        for flow in [AuthFlowType::AdminUserPasswordAuth, AuthFlowType::AdminNoSrpAuth] {
            let signed_in = lab.admin_initiate(role, &lab.named("public"), flow.clone(), &basic[..2]).await.unwrap();
            let result = signed_in.authentication_result.unwrap();
            assert_eq!(lab.account(role, &result.access_token.unwrap()).await.0, 200);
            let refresh = [("REFRESH_TOKEN", result.refresh_token.as_deref().unwrap())];
            let renewed =
                lab.admin_initiate(role, &lab.named("public"), AuthFlowType::RefreshTokenAuth, &refresh).await;
            assert!(renewed.unwrap().authentication_result.is_some());
            assert!(lab.admin_initiate(role, &confidential, flow.clone(), &basic).await.is_ok());
            let without = lab.admin_initiate(role, &confidential, flow.clone(), &basic[..2]).await;
            assert_eq!(refusal(without).0, "NotAuthorizedException");
            let foreign = lab.admin_initiate(role, &lab.named("rotating"), flow, &basic[..2]).await;
            assert!(refusal(foreign).1.contains("not enabled for this client"));
        }
        let wrong = [("USERNAME", USER), ("PASSWORD", "Wrong-1234")];
        let wrong = lab.admin_initiate(role, &lab.named("public"), AuthFlowType::AdminUserPasswordAuth, &wrong).await;
        assert_eq!(refusal(wrong).1, "Incorrect username or password.");
        // Each operation has flows of its own, and this one needs a signature.
        let users = lab.admin_initiate(role, &lab.named("public"), AuthFlowType::UserPasswordAuth, &basic[..2]).await;
        assert_eq!(refusal(users).1, "Initiate Auth method not supported.");
        let servers = lab.initiate(role, AuthFlowType::AdminUserPasswordAuth, &basic[..2]).await;
        assert_eq!(refusal(servers).1, "Initiate Auth method not supported.");
        let post =
            http::Request::post("/").header("x-amz-target", "AWSCognitoIdentityProviderService.AdminInitiateAuth");
        assert_eq!(lab.http(role, post, "{}").await.1["__type"], "MissingAuthenticationTokenException");
    }
}

#[tokio::test]
async fn a_new_password_is_demanded_and_demanded_again() {
    let lab = lab(settings(), 1.0).await;
    let (user, client) = ("synthetic-new-01", lab.named("confidential"));
    let (pool, password) = (lab.identity.pool_id(), lab.identity.password());
    let hash = secret_hash(user, &client.id, client.secret.as_ref().unwrap());
    let parameters = [("USERNAME", user), ("PASSWORD", password.expose()), ("SECRET_HASH", hash.as_str())];
    for role in [RegionRole::Replica, RegionRole::Primary, RegionRole::Primary] {
        let demanded =
            lab.admin_initiate(role, &client, AuthFlowType::AdminUserPasswordAuth, &parameters).await.unwrap();
        assert_eq!(demanded.challenge_name, Some(ChallengeNameType::NewPasswordRequired));
        let session = demanded.session.unwrap();
        let answer = async |hash: Option<&str>| {
            let request = lab.client(role).admin_respond_to_auth_challenge().user_pool_id(pool).client_id(&client.id);
            let request = request.challenge_name(ChallengeNameType::NewPasswordRequired).session(&session);
            let mut request = request.challenge_responses("USERNAME", user);
            if let Some(hash) = hash {
                request = request.challenge_responses("SECRET_HASH", hash);
            }
            request.challenge_responses("NEW_PASSWORD", password.expose()).send().await
        };
        assert_eq!(refusal(answer(None).await).0, "NotAuthorizedException");
        if role == RegionRole::Replica {
            assert_eq!(refusal(answer(Some(&hash)).await).0, "OperationNotEnabledException");
            continue;
        }
        assert!(answer(Some(&hash)).await.unwrap().authentication_result.is_some());
        assert_eq!(refusal(answer(Some(&hash)).await).1, "Invalid session for the user.");
        let signed_in = lab.admin_initiate(role, &client, AuthFlowType::AdminUserPasswordAuth, &parameters).await;
        assert!(signed_in.unwrap().authentication_result.is_some());
        // Back to where it was.
        let set = lab.client(role).admin_set_user_password().user_pool_id(pool).username(user);
        set.password(password.expose()).permanent(false).send().await.unwrap();
    }
}

#[tokio::test]
async fn users_of_an_identity_provider_have_no_password() {
    let lab = lab(settings(), 1.0).await;
    let user = "GameDayIdP_synthetic-fed-01";
    let pool = lab.identity.pool_id();
    let shown =
        lab.client(RegionRole::Replica).admin_get_user().user_pool_id(pool).username(user).send().await.unwrap();
    assert_eq!(shown.user_status, Some(UserStatusType::ExternalProvider));
    let identities = shown.user_attributes().iter().find(|attribute| attribute.name() == "identities").unwrap();
    let identities: Value = serde_json::from_str(identities.value().unwrap()).unwrap();
    assert_eq!(
        (&identities[0]["userId"], &identities[0]["providerName"]),
        (&json!("synthetic-fed-01"), &json!("GameDayIdP"))
    );
    let password = lab.identity.password();
    assert_eq!(refusal(lab.srp(RegionRole::Primary, user, &password).await).1, "Incorrect username or password.");
    let parameters = [("USERNAME", user), ("PASSWORD", password.expose())];
    let refused = lab.initiate(RegionRole::Primary, AuthFlowType::UserPasswordAuth, &parameters).await;
    assert_eq!(refusal(refused).1, "Incorrect username or password.");
}

#[tokio::test]
async fn a_disabled_user_is_shut_out_everywhere() {
    let lab = lab(settings(), 1.0).await;
    let pool = lab.identity.pool_id();
    let primary = lab.client(RegionRole::Primary);
    let session = lab.sign_in(RegionRole::Primary, USER).await;
    primary.admin_disable_user().user_pool_id(pool).username(USER).send().await.unwrap();
    lab.replicated().await;
    let password = lab.identity.password();
    let refresh = [("REFRESH_TOKEN", session.refresh_token().unwrap())];
    for role in RegionRole::ALL {
        let disabled = ("NotAuthorizedException".to_owned(), "User is disabled.".to_owned());
        assert_eq!(refusal(lab.srp(role, USER, &password).await), disabled);
        assert_eq!(refusal(lab.initiate(role, AuthFlowType::RefreshTokenAuth, &refresh).await), disabled);
        let access = session.access_token().unwrap();
        assert_eq!(refusal(lab.client(role).get_user().access_token(access).send().await), disabled);
    }
    primary.admin_enable_user().user_pool_id(pool).username(USER).send().await.unwrap();
    lab.sign_in(RegionRole::Primary, USER).await;
}

#[tokio::test]
async fn groups_are_made_listed_and_deleted() {
    let lab = lab(settings(), 1.0).await;
    let pool = lab.identity.pool_id();
    let primary = lab.client(RegionRole::Primary);
    let create = || primary.create_group().user_pool_id(pool).group_name("gameday").description("synthetic").send();
    assert_eq!(create().await.unwrap().group.unwrap().description(), Some("synthetic"));
    assert_eq!(refusal(create().await).0, "GroupExistsException");
    for user in [USER, "synthetic-0002", "synthetic-0003"] {
        primary.admin_add_user_to_group().user_pool_id(pool).username(user).group_name("gameday").send().await.unwrap();
    }
    let taken = primary.admin_remove_user_from_group().user_pool_id(pool).username("synthetic-0002");
    taken.group_name("gameday").send().await.unwrap();
    lab.replicated().await;
    let replica = lab.client(RegionRole::Replica);
    let mut members = Vec::new();
    let request = replica.list_users_in_group().user_pool_id(pool).group_name("gameday").limit(1);
    let mut pages = request.into_paginator().send();
    while let Some(page) = pages.next().await {
        members.extend(page.unwrap().users().iter().map(|user| user.username().unwrap().to_owned()));
    }
    assert_eq!(members, [USER, "synthetic-0003"]);
    let names = async |user: Option<&str>| {
        let groups = match user {
            Some(user) => {
                let request = replica.admin_list_groups_for_user().user_pool_id(pool).username(user);
                request.send().await.unwrap().groups.unwrap()
            }
            None => replica.list_groups().user_pool_id(pool).send().await.unwrap().groups.unwrap(),
        };
        groups.iter().map(|group| group.group_name().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(Some(USER)).await, ["customers", "gameday"]);
    assert_eq!(names(None).await, ["customers", "gameday", "staff", &format!("{pool}_GameDayIdP")]);
    primary.delete_group().user_pool_id(pool).group_name("gameday").send().await.unwrap();
    lab.replicated().await;
    let gone = replica.get_group().user_pool_id(pool).group_name("gameday").send().await;
    assert_eq!(refusal(gone), ("ResourceNotFoundException".to_owned(), "Group not found.".to_owned()));
    assert_eq!(names(Some(USER)).await, ["customers"]);
}

#[tokio::test]
async fn users_are_found_by_a_filter() {
    let lab = lab(settings(), 1.0).await;
    let found = async |filter: &str| {
        let request = lab.client(RegionRole::Replica).list_users().user_pool_id(lab.identity.pool_id()).limit(4);
        let mut pages = request.filter(filter).into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| refusal::<(), _>(Err(error)).0)?;
            names.extend(page.users().iter().map(|user| user.username().unwrap().to_owned()));
        }
        Ok::<_, String>(names)
    };
    assert_eq!(found("username ^= \"synthetic-00\"").await.unwrap().len(), 3);
    assert_eq!(found("username ^= \"synthetic-new\"").await.unwrap().len(), 10);
    assert_eq!(found("\"email\"=\"synthetic-0002@example.com\"").await.unwrap(), ["synthetic-0002"]);
    assert_eq!(found("cognito:user_status = \"EXTERNAL_PROVIDER\"").await.unwrap().len(), 10);
    assert!(found("status = \"Disabled\"").await.unwrap().is_empty());
    for wrong in ["username", "username = x", "custom:tenant = \"retail\""] {
        assert_eq!(found(wrong).await, Err("InvalidParameterException".to_owned()), "{wrong}");
    }
}
