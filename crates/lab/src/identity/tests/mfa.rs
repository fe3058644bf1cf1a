use aws_sdk_cognitoidentityprovider::operation::respond_to_auth_challenge::RespondToAuthChallengeOutput;
use aws_sdk_cognitoidentityprovider::types::{
    SoftwareTokenMfaConfigType, SoftwareTokenMfaSettingsType, UserPoolMfaType, VerifySoftwareTokenResponseType,
};

use super::*;

const TOTP_USER: &str = "synthetic-totp-01";

/// The code of `steps` steps of 30 s from now.
fn code(lab: &TestLab, secret: &Secret, steps: i64) -> String {
    let secret = totp_rs::Secret::try_from_base32(secret.expose()).unwrap();
    let totp = totp_rs::Builder::new().with_secret(secret).build().unwrap();
    totp.generate(u64::try_from(lab.clock.now().as_second() + 30 * steps).unwrap()).to_string()
}

impl TestLab {
    /// Begins by password, up to the challenge; gives its name and session.
    async fn challenged(&self, user: &str) -> (ChallengeNameType, String) {
        let request = self.client(RegionRole::Primary).initiate_auth().client_id(self.identity.client_id());
        let request = request.auth_flow(AuthFlowType::UserPasswordAuth).auth_parameters("USERNAME", user);
        let begun = request.auth_parameters("PASSWORD", self.identity.password().expose()).send().await.unwrap();
        assert!(begun.authentication_result.is_none());
        (begun.challenge_name.unwrap(), begun.session.unwrap())
    }

    async fn answer(
        &self,
        challenge: ChallengeNameType,
        session: &str,
        user: &str,
        code: Option<&str>,
    ) -> Result<RespondToAuthChallengeOutput, aws_sdk_cognitoidentityprovider::Error> {
        let request = self.client(RegionRole::Primary).respond_to_auth_challenge().client_id(self.identity.client_id());
        let mut request = request.challenge_name(challenge).session(session).challenge_responses("USERNAME", user);
        if let Some(code) = code {
            request = request.challenge_responses("SOFTWARE_TOKEN_MFA_CODE", code);
        }
        Ok(request.send().await?)
    }
}

fn token(enabled: bool) -> SoftwareTokenMfaSettingsType {
    SoftwareTokenMfaSettingsType::builder().enabled(enabled).preferred_mfa(enabled).build()
}

#[tokio::test]
async fn a_software_token_is_asked_for_after_the_password() {
    let lab = lab(settings(), 1.0).await;
    let password = lab.identity.password();
    let begun = lab.srp(RegionRole::Primary, TOTP_USER, &password).await.unwrap();
    assert_eq!(begun.challenge_name, Some(ChallengeNameType::SoftwareTokenMfa));
    assert_eq!(begun.challenge_parameters().unwrap()["USER_ID_FOR_SRP"], TOTP_USER);
    let session = begun.session.unwrap();
    let secret = lab.identity.totp_secret();
    let respond = async |user: &str, code: &str| {
        lab.answer(ChallengeNameType::SoftwareTokenMfa, &session, user, Some(code)).await
    };
    // Three steps away, too long, of another user: none ends the session.
    for wrong in [code(&lab, &secret, 3), format!("{} ", code(&lab, &secret, 0)), String::new()] {
        let refused = refusal(respond(TOTP_USER, &wrong).await);
        assert_eq!(refused, ("CodeMismatchException".to_owned(), "Invalid code received for user".to_owned()));
    }
    let other = refusal(respond("synthetic-totp-02", &code(&lab, &secret, 0)).await);
    assert_eq!(other.0, "NotAuthorizedException");
    // A clock that is half a minute late.
    let late = code(&lab, &secret, -1);
    let signed_in = respond(TOTP_USER, &late).await.unwrap().authentication_result.unwrap();
    assert_eq!(lab.account(RegionRole::Replica, &signed_in.access_token.unwrap()).await.0, 200);
    assert_eq!(refusal(respond(TOTP_USER, &code(&lab, &secret, 0)).await).0, "NotAuthorizedException");

    // The same code is of no use again; another user's is, and so is the next one.
    let (challenge, session) = lab.challenged(TOTP_USER).await;
    let used = refusal(lab.answer(challenge.clone(), &session, TOTP_USER, Some(&late)).await);
    let expired = ("ExpiredCodeException".to_owned(), "Your software token has already been used once.".to_owned());
    assert_eq!(used, expired);
    let next = code(&lab, &secret, 1);
    assert!(lab.answer(challenge.clone(), &session, TOTP_USER, Some(&next)).await.is_ok());
    let (_, session) = lab.challenged("synthetic-totp-02").await;
    assert!(lab.answer(challenge, &session, "synthetic-totp-02", Some(&code(&lab, &secret, 0))).await.is_ok());
}

#[tokio::test]
async fn users_of_software_tokens_do_not_get_in_at_the_replica() {
    let lab = lab(settings(), 1.0).await;
    let password = lab.identity.password();
    let (code, message) = refusal(lab.srp(RegionRole::Replica, TOTP_USER, &password).await);
    assert_eq!(code, "OperationNotEnabledException");
    assert!(message.contains("us-west-2") && message.contains("us-east-1"), "{message}");
    // Whoever does not know the password learns nothing of it.
    let wrong = refusal(lab.srp(RegionRole::Replica, TOTP_USER, &Secret::new("Wrong-1234")).await);
    assert_eq!(wrong.0, "NotAuthorizedException");
}

#[tokio::test]
async fn users_register_a_software_token() {
    let lab = lab(settings(), 1.0).await;
    let primary = lab.client(RegionRole::Primary);
    let user = "synthetic-0001";
    let access = lab.sign_in(RegionRole::Primary, user).await.access_token.unwrap();
    let prefer = async |enabled| {
        let request = primary.set_user_mfa_preference().access_token(&access);
        request.software_token_mfa_settings(token(enabled)).send().await
    };
    let unverified = refusal(prefer(true).await);
    assert_eq!(unverified.1, "User has not verified software token mfa");
    let given = primary.associate_software_token().access_token(&access).send().await.unwrap();
    let secret = Secret::new(given.secret_code.unwrap());
    let verify = async |code: &str| {
        primary.verify_software_token().access_token(&access).user_code(code).friendly_device_name("phone").send().await
    };
    assert_eq!(refusal(verify("000000").await).0, "EnableSoftwareTokenMFAException");
    let verified = verify(&code(&lab, &secret, 0)).await.unwrap();
    assert_eq!(verified.status, Some(VerifySoftwareTokenResponseType::Success));
    // Verified is not enabled.
    lab.sign_in(RegionRole::Primary, user).await;
    prefer(true).await.unwrap();
    let shown = primary.get_user().access_token(&access).send().await.unwrap();
    assert_eq!(shown.user_mfa_setting_list(), ["SOFTWARE_TOKEN_MFA"]);
    assert_eq!(shown.preferred_mfa_setting(), Some("SOFTWARE_TOKEN_MFA"));
    let (challenge, session) = lab.challenged(user).await;
    let signed_in = lab.answer(challenge, &session, user, Some(&code(&lab, &secret, 1))).await;
    assert!(signed_in.unwrap().authentication_result.is_some());

    // An administrator turns it off; it reaches the replica.
    let pool = lab.identity.pool_id();
    let off = primary.admin_set_user_mfa_preference().user_pool_id(pool).username(user);
    off.software_token_mfa_settings(token(false)).send().await.unwrap();
    lab.replicated().await;
    lab.sign_in(RegionRole::Replica, user).await;
    let shown = lab.client(RegionRole::Replica).admin_get_user().user_pool_id(pool).username(user).send().await;
    assert!(shown.unwrap().user_mfa_setting_list().is_empty());
}

#[tokio::test]
async fn a_pool_may_demand_a_second_factor() {
    let lab = lab(settings(), 1.0).await;
    let pool = lab.identity.pool_id();
    let primary = lab.client(RegionRole::Primary);
    let user = "synthetic-0001";
    let set = async |client: &Client, demand| {
        let tokens = SoftwareTokenMfaConfigType::builder().enabled(true).build();
        let request = client.set_user_pool_mfa_config().user_pool_id(pool).mfa_configuration(demand);
        request.software_token_mfa_configuration(tokens).send().await
    };
    let refused = refusal(set(lab.client(RegionRole::Replica), UserPoolMfaType::On).await);
    assert_eq!(refused.0, "OperationNotEnabledException");
    set(primary, UserPoolMfaType::On).await.unwrap();
    lab.replicated().await;
    let shown = lab.client(RegionRole::Replica).get_user_pool_mfa_config().user_pool_id(pool).send().await.unwrap();
    assert_eq!(shown.mfa_configuration, Some(UserPoolMfaType::On));

    let (challenge, session) = lab.challenged(user).await;
    assert_eq!(challenge, ChallengeNameType::MfaSetup);
    let early = lab.answer(ChallengeNameType::MfaSetup, &session, user, None).await;
    assert_eq!(refusal(early).0, "NotAuthorizedException");
    let given = primary.associate_software_token().session(&session).send().await.unwrap();
    let (secret, session) = (Secret::new(given.secret_code.unwrap()), given.session.unwrap());
    let code_now = code(&lab, &secret, 0);
    let verified = primary.verify_software_token().session(&session).user_code(code_now).send().await.unwrap();
    let session = verified.session.unwrap();
    let signed_in = lab.answer(ChallengeNameType::MfaSetup, &session, user, None).await.unwrap();
    assert!(signed_in.authentication_result.is_some());
    let (challenge, _) = lab.challenged(user).await;
    assert_eq!(challenge, ChallengeNameType::SoftwareTokenMfa);

    // With the demand off, nobody is asked, in neither Region.
    set(primary, UserPoolMfaType::Off).await.unwrap();
    lab.replicated().await;
    lab.sign_in(RegionRole::Replica, TOTP_USER).await;
}
