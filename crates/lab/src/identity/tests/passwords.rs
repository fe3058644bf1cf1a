use super::*;
use crate::identity::password::Purpose;
use gameday_protocols::srp::secret_hash;

const USER: &str = "synthetic-0001";

impl TestLab {
    /// The code that Cognito would have sent.
    fn code(&self, user: &str, purpose: Purpose) -> String {
        let place = self.identity.place(RegionRole::Primary);
        let sub = place.read().user(user).unwrap().sub.clone();
        place.codes.get(&(sub, purpose), self.clock.now()).unwrap().expose().to_owned()
    }

    async fn by_password(&self, user: &str, password: &str) -> Result<(), (String, String)> {
        let parameters = [("USERNAME", user), ("PASSWORD", password)];
        let request = self.initiate(RegionRole::Primary, AuthFlowType::UserPasswordAuth, &parameters);
        request.await.map(drop).map_err(|error| refusal::<(), _>(Err(error)))
    }
}

#[tokio::test]
async fn users_sign_up_at_the_primary() {
    let lab = lab(settings(), 1.0).await;
    let confidential = lab.named("confidential");
    let hash = secret_hash("maria", &confidential.id, confidential.secret.as_ref().unwrap());
    let sign_up = |role: RegionRole, hash: &str| {
        let email = AttributeType::builder().name("email").value("maria@bank.example").build().unwrap();
        let request = lab.client(role).sign_up().client_id(&confidential.id).secret_hash(hash);
        request.username("maria").password("Long-enough-1").user_attributes(email).send()
    };
    assert_eq!(refusal(sign_up(RegionRole::Replica, &hash).await).0, "OperationNotEnabledException");
    assert_eq!(refusal(sign_up(RegionRole::Primary, "wrong").await).0, "NotAuthorizedException");
    let signed_up = sign_up(RegionRole::Primary, &hash).await.unwrap();
    assert!(!signed_up.user_confirmed);
    assert_eq!(signed_up.code_delivery_details.unwrap().destination(), Some("m***@b***"));
    assert_eq!(refusal(sign_up(RegionRole::Primary, &hash).await).0, "UsernameExistsException");
    let early = lab.by_password("maria", "Long-enough-1").await.unwrap_err();
    assert_eq!(early, ("UserNotConfirmedException".to_owned(), "User is not confirmed.".to_owned()));

    let confirm = |code: String| {
        let request = lab.client(RegionRole::Primary).confirm_sign_up().client_id(&confidential.id).username("maria");
        request.secret_hash(&hash).confirmation_code(code).send()
    };
    let code = lab.code("maria", Purpose::ConfirmSignUp);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(refusal(confirm(wrong.to_owned()).await).0, "CodeMismatchException");
    confirm(code.clone()).await.unwrap();
    assert_eq!(refusal(confirm(code).await).0, "NotAuthorizedException");
    assert_eq!(lab.by_password("maria", "Long-enough-1").await, Ok(()));

    // Or an administrator confirms.
    let primary = lab.client(RegionRole::Primary);
    let request = primary.sign_up().client_id(lab.identity.client_id()).username("otto").password("Long-enough-1");
    assert!(request.send().await.unwrap().code_delivery_details.is_none());
    let confirm = || primary.admin_confirm_sign_up().user_pool_id(lab.identity.pool_id()).username("otto").send();
    confirm().await.unwrap();
    assert_eq!(refusal(confirm().await).0, "NotAuthorizedException");
    assert_eq!(lab.by_password("otto", "Long-enough-1").await, Ok(()));
}

#[tokio::test]
async fn forgotten_passwords_are_reset_by_a_code() {
    let lab = lab(settings(), 1.0).await;
    let primary = lab.client(RegionRole::Primary);
    let client = lab.identity.client_id();
    let forgot = |user: &'static str| primary.forgot_password().client_id(client).username(user).send();
    let confirm = |password: &'static str, code: String| {
        let request = primary.confirm_forgot_password().client_id(client).username(USER).password(password);
        request.confirmation_code(code).send()
    };
    assert_eq!(refusal(confirm("New-password-1", "123456".to_owned()).await).0, "ExpiredCodeException");
    let delivery = forgot(USER).await.unwrap().code_delivery_details.unwrap();
    assert_eq!(delivery.destination(), Some("s***@e***"));
    // Until the code is there, the old password goes on.
    assert_eq!(lab.by_password(USER, lab.identity.password().expose()).await, Ok(()));
    let code = lab.code(USER, Purpose::ResetPassword);
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(refusal(confirm("New-password-1", wrong.to_owned()).await).0, "CodeMismatchException");
    assert_eq!(refusal(confirm("short", code.clone()).await).0, "InvalidPasswordException");
    confirm("New-password-1", code.clone()).await.unwrap();
    assert_eq!(lab.by_password(USER, "New-password-1").await, Ok(()));
    assert_eq!(refusal(confirm("New-password-2", code).await).0, "ExpiredCodeException");
    let unready = refusal(forgot("synthetic-new-01").await);
    assert_eq!(unready.1, "User password cannot be reset in the current state.");

    // An administrator's reset shuts the user out until then.
    primary.admin_reset_user_password().user_pool_id(lab.identity.pool_id()).username(USER).send().await.unwrap();
    assert_eq!(lab.by_password(USER, "New-password-1").await.unwrap_err().0, "PasswordResetRequiredException");
    confirm("New-password-3", lab.code(USER, Purpose::ResetPassword)).await.unwrap();
    assert_eq!(lab.by_password(USER, "New-password-3").await, Ok(()));
}

#[tokio::test]
async fn users_change_their_password_and_attributes() {
    let lab = lab(settings(), 1.0).await;
    let primary = lab.client(RegionRole::Primary);
    let access = lab.sign_in(RegionRole::Primary, USER).await.access_token.unwrap();
    let old = lab.identity.password();
    let change = |previous: &str| {
        let request = primary.change_password().access_token(&access).proposed_password("Proposed-1");
        request.previous_password(previous).send()
    };
    assert_eq!(refusal(change("Wrong-1234").await).1, "Incorrect username or password.");
    change(old.expose()).await.unwrap();
    assert_eq!(lab.by_password(USER, "Proposed-1").await, Ok(()));
    assert!(lab.by_password(USER, old.expose()).await.is_err());
    let update = |name: &str| {
        let attribute = AttributeType::builder().name(name).value("gold").build().unwrap();
        primary.update_user_attributes().access_token(&access).user_attributes(attribute).send()
    };
    update("custom:risk_profile").await.unwrap();
    assert_eq!(refusal(update("custom:unknown").await).0, "InvalidParameterException");
    let shown = primary.get_user().access_token(&access).send().await.unwrap();
    let profile = shown.user_attributes().iter().find(|attribute| attribute.name() == "custom:risk_profile");
    assert_eq!(profile.unwrap().value(), Some("gold"));
}

#[tokio::test]
async fn the_replica_changes_no_user() {
    let lab = lab(settings(), 1.0).await;
    let replica = lab.client(RegionRole::Replica);
    let (client, pool) = (lab.identity.client_id(), lab.identity.pool_id());
    let access = lab.sign_in(RegionRole::Replica, USER).await.access_token.unwrap();
    let attribute = || AttributeType::builder().name("email").value("a@b.example").build().unwrap();
    let preference = replica.set_user_mfa_preference().access_token(&access);
    let confirm = replica.confirm_forgot_password().client_id(client).username(USER).password("New-password-1");
    let change = replica.change_password().access_token(&access).previous_password("a").proposed_password("b");
    let user = |name: &'static str| name;
    let refused = [
        refusal(replica.confirm_sign_up().client_id(client).username(USER).confirmation_code("1").send().await),
        refusal(replica.resend_confirmation_code().client_id(client).username(USER).send().await),
        refusal(replica.forgot_password().client_id(client).username(USER).send().await),
        refusal(confirm.confirmation_code("1").send().await),
        refusal(change.send().await),
        refusal(replica.update_user_attributes().access_token(&access).user_attributes(attribute()).send().await),
        refusal(replica.associate_software_token().access_token(&access).send().await),
        refusal(replica.verify_software_token().access_token(&access).user_code("123456").send().await),
        refusal(preference.send().await),
        refusal(replica.admin_confirm_sign_up().user_pool_id(pool).username(USER).send().await),
        refusal(replica.admin_reset_user_password().user_pool_id(pool).username(USER).send().await),
        refusal(replica.admin_set_user_mfa_preference().user_pool_id(pool).username(USER).send().await),
        refusal(replica.admin_disable_user().user_pool_id(pool).username(USER).send().await),
        refusal(replica.admin_enable_user().user_pool_id(pool).username(USER).send().await),
        refusal(replica.create_group().user_pool_id(pool).group_name(user("new")).send().await),
        refusal(replica.delete_group().user_pool_id(pool).group_name("customers").send().await),
        refusal(
            replica
                .admin_remove_user_from_group()
                .user_pool_id(pool)
                .username(USER)
                .group_name("customers")
                .send()
                .await,
        ),
    ];
    for (code, message) in refused {
        assert_eq!(code, "OperationNotEnabledException", "{message}");
        assert!(message.contains("us-west-2, a read-only replica of this user pool; call us-east-1"), "{message}");
    }
}
