//! Second factors: time-based one-time passwords (RFC 6238), which Cognito calls software tokens.
//!
//! Users of a software token cannot sign in at a replica (Cognito developer guide, "Multi-Region replication for user pools",
//! limitations).

use rand::RngExt;
use serde_json::{Value, json};
use totp_rs::{Algorithm, Builder, Totp};

use super::auth::{Step, invalid_parameter, invalid_session, parameter, required};
use super::clients::AppClient;
use super::directory::{Change, User};
use super::{Identity, Place, Refusal};
use gameday_core::model::{RegionRole, Secret};

/// The factor's name in challenges and settings.
const SOFTWARE_TOKEN: &str = "SOFTWARE_TOKEN_MFA";

/// Bytes of a secret: 52 characters in base32, as Cognito's have.
const SECRET_BYTES: usize = 32;

/// Digits of a code, and seconds for which it is shown (what authenticator apps assume; RFC 6238, 5.2: a default of 30 s).
const DIGITS: u8 = 6;
const STEP_SECONDS: u64 = 30;

/// Steps by which a client's clock may be off (RFC 6238, 5.2: "at most one time step is allowed as the network delay").
const SKEW: u16 = 1;

/// `MfaConfiguration` of a pool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Demand {
    Off,
    /// Of users who have a factor.
    #[default]
    Optional,
    On,
}

impl Demand {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Demand::Off => "OFF",
            Demand::Optional => "OPTIONAL",
            Demand::On => "ON",
        }
    }
}

/// A pool's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PoolMfa {
    pub demand: Demand,
    /// Whether users may register software tokens.
    pub software_token: bool,
}

impl Default for PoolMfa {
    fn default() -> Self {
        Self { demand: Demand::default(), software_token: true }
    }
}

impl PoolMfa {
    fn describe(self) -> Value {
        json!({
            "SoftwareTokenMfaConfiguration": { "Enabled": self.software_token },
            "MfaConfiguration": self.demand.as_str(),
        })
    }
}

/// A user's settings.
#[derive(Debug, Clone, Default)]
pub(super) struct UserMfa {
    /// In base32; verified.
    pub secret: Option<Secret>,
    /// Given out, and not verified yet.
    pub candidate: Option<Secret>,
    pub enabled: bool,
    pub preferred: bool,
    pub device: Option<String>,
}

impl UserMfa {
    /// Adds the settings as GetUser and AdminGetUser show them.
    pub(super) fn describe(&self, answer: &mut Value) {
        if self.enabled {
            answer["UserMFASettingList"] = json!([SOFTWARE_TOKEN]);
        }
        if self.enabled && self.preferred {
            answer["PreferredMfaSetting"] = SOFTWARE_TOKEN.into();
        }
    }
}

/// How far a user has come who must register a factor before the sign-in ends.
#[derive(Debug, Clone)]
pub(super) enum Setup {
    Begun,
    Given(Secret),
    Verified,
}

/// Generates and checks codes of a secret in base32; nothing where it is none.
fn totp(secret: &Secret) -> Option<Totp> {
    let secret = totp_rs::Secret::try_from_base32(secret.expose()).ok()?;
    let builder = Builder::new().with_algorithm(Algorithm::SHA1).with_digits(DIGITS).with_skew(SKEW);
    builder.with_step_duration(STEP_SECONDS).with_secret(secret).build().ok()
}

/// A new secret, in base32.
pub(super) fn new_secret() -> Secret {
    let bytes: [u8; SECRET_BYTES] = rand::rng().random();
    Secret::new(totp_rs::Secret::from(bytes.to_vec()).to_base32())
}

fn not_enabled() -> Refusal {
    Refusal::new("SoftwareTokenMFANotFoundException", "Software Token MFA has not been enabled by the userPool.")
}

impl Identity {
    /// After the password: the second factor, where the user has or needs one.
    pub(super) fn second_factor(&self, place: &Place, client: &AppClient, user: &User) -> Result<Value, Refusal> {
        if !self.needs_code(place, user)? {
            return self.sign_in(place, client, user);
        }
        let (challenge, step) = if user.mfa.enabled {
            (SOFTWARE_TOKEN, Step::SoftwareToken)
        } else {
            ("MFA_SETUP", Step::MfaSetup(Setup::Begun))
        };
        let mut parameters = json!({ "USER_ID_FOR_SRP": user.name });
        match (&step, &user.mfa.device) {
            (Step::MfaSetup(_), _) => parameters["MFAS_CAN_SETUP"] = json!([SOFTWARE_TOKEN]).to_string().into(),
            (_, Some(device)) => parameters["FRIENDLY_DEVICE_NAME"] = device.clone().into(),
            _ => {}
        }
        let session = self.wait(place, client, user, step);
        Ok(json!({ "ChallengeName": challenge, "Session": session, "ChallengeParameters": parameters }))
    }

    /// Whether a user who gave the right password has to show a second factor, too; refused where none can be shown.
    pub(super) fn needs_code(&self, place: &Place, user: &User) -> Result<bool, Refusal> {
        let demand = place.read().mfa().demand;
        if demand == Demand::Off || (demand == Demand::Optional && !user.mfa.enabled) {
            return Ok(false);
        }
        if place.is_replica() {
            // The guide says that they cannot sign in there, not with which error. That is the one which the API reference gives for
            // what "is not available in the current region", and InitiateAuth and RespondToAuthChallenge may answer with it.
            let message = format!(
                "Sign-in with software token MFA is not enabled in {}, a replica of this user pool; call {} instead.",
                place.region, self.primary.region
            );
            return Err(Refusal::new("OperationNotEnabledException", message));
        }
        Ok(true)
    }

    /// Checks a code of a user's software token, which counts once.
    pub(super) fn check_code(&self, place: &Place, user: &User, code: &str) -> Result<(), Refusal> {
        let missing =
            || Refusal::new("SoftwareTokenMFANotFoundException", "Software Token MFA does not exist for the user.");
        let secret = user.mfa.secret.as_ref().ok_or_else(missing)?;
        let mismatch = || Refusal::new("CodeMismatchException", "Invalid code received for user");
        let step = self.matching_step(secret, code).ok_or_else(mismatch)?;
        // Whoever looks over a user's shoulder must not get in with the same code (RFC 6238, 5.2).
        if place.use_code(&user.sub, step) {
            return Ok(());
        }
        let message = "Your software token has already been used once.";
        Err(Refusal::new("ExpiredCodeException", message))
    }

    /// The answer to SOFTWARE_TOKEN_MFA.
    pub(super) fn take_code(
        &self,
        place: &Place,
        client: &AppClient,
        input: &Value,
        responses: &Value,
    ) -> Result<Value, Refusal> {
        let code = parameter(responses, "SOFTWARE_TOKEN_MFA_CODE")?;
        let waiting = self.waiting(place, client, input, responses)?;
        if !matches!(waiting.step, Step::SoftwareToken) {
            return Err(invalid_session());
        }
        let user = place.sign_in_candidate(&waiting.user)?;
        self.check_code(place, &user, code)?;
        self.end_wait(place, input)?;
        self.sign_in(place, client, &user)
    }

    /// The answer to MFA_SETUP, after the token was verified with the session.
    pub(super) fn finish_setup(
        &self,
        place: &Place,
        client: &AppClient,
        input: &Value,
        responses: &Value,
    ) -> Result<Value, Refusal> {
        let waiting = self.waiting(place, client, input, responses)?;
        if !matches!(waiting.step, Step::MfaSetup(Setup::Verified)) {
            return Err(invalid_session());
        }
        self.end_wait(place, input)?;
        let user = place.sign_in_candidate(&waiting.user)?;
        self.sign_in(place, client, &user)
    }

    /// The step of scenario time whose code that is.
    fn matching_step(&self, secret: &Secret, code: &str) -> Option<u64> {
        // The crate reads codes with spaces as well; Cognito wants six digits.
        let well_formed = code.len() == usize::from(DIGITS) && code.bytes().all(|byte| byte.is_ascii_digit());
        let second = u64::try_from(self.clock.now().as_second()).ok()?;
        totp(secret).filter(|_| well_formed)?.check(code, second)
    }

    pub(crate) fn associate_software_token(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.place(role);
        self.check_writable(place, "AssociateSoftwareToken")?;
        if !place.read().mfa().software_token {
            return Err(not_enabled());
        }
        let secret = new_secret();
        let mut answer = json!({ "SecretCode": secret.expose() });
        if by_session(input)? {
            answer["Session"] = self.advance(place, input, |_| Some(Setup::Given(secret)))?.into();
        } else {
            let user = self.bearer(place, input)?;
            self.change_user(place, &user.name, |user| user.mfa.candidate = Some(secret))?;
        }
        Ok(answer)
    }

    pub(crate) fn verify_software_token(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.place(role);
        self.check_writable(place, "VerifySoftwareToken")?;
        let code = required(input, "UserCode")?;
        let device = input["FriendlyDeviceName"].as_str().map(str::to_owned);
        let check = |secret: Option<&Secret>| {
            let secret = secret.cloned().ok_or_else(not_enabled)?;
            let mismatch = "Code mismatch and fail enable Software Token MFA";
            let mismatch = || Refusal::new("EnableSoftwareTokenMFAException", mismatch);
            self.matching_step(&secret, code).map(|_| secret).ok_or_else(mismatch)
        };
        let mut answer = json!({ "Status": "SUCCESS" });
        if by_session(input)? {
            let waiting = place.waiting.get(required(input, "Session")?, self.clock.now());
            let (secret, name) = match waiting {
                Some(waiting) => match waiting.step {
                    Step::MfaSetup(Setup::Given(secret)) => (check(Some(&secret))?, waiting.user),
                    _ => return Err(invalid_session()),
                },
                None => return Err(invalid_session()),
            };
            answer["Session"] = self.advance(place, input, |_| Some(Setup::Verified))?.into();
            self.change_user(place, &name, |user| {
                user.mfa = UserMfa { secret: Some(secret), candidate: None, enabled: true, preferred: true, device };
            })?;
        } else {
            let user = self.bearer(place, input)?;
            let secret = check(user.mfa.candidate.as_ref())?;
            self.change_user(place, &user.name, |user| {
                user.mfa.candidate = None;
                user.mfa.secret = Some(secret);
                user.mfa.device = device;
            })?;
        }
        Ok(answer)
    }

    /// Replaces the input's session by that of the next stage of a factor's registration.
    fn advance(
        &self,
        place: &Place,
        input: &Value,
        next: impl FnOnce(&Setup) -> Option<Setup>,
    ) -> Result<String, Refusal> {
        let session = required(input, "Session")?;
        let waiting = place.waiting.take(session, self.clock.now()).ok_or_else(invalid_session)?;
        let Step::MfaSetup(stage) = &waiting.step else { return Err(invalid_session()) };
        let stage = next(stage).ok_or_else(invalid_session)?;
        let client = self.client_at(place.role, &waiting.client).ok_or_else(invalid_session)?;
        let user = place.sign_in_candidate(&waiting.user)?;
        Ok(self.wait(place, client, &user, Step::MfaSetup(stage)))
    }

    pub(crate) fn set_user_mfa_preference(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.place(role);
        self.check_writable(place, "SetUserMFAPreference")?;
        let user = self.bearer(place, input)?;
        self.prefer(place, &user.name, input)
    }

    pub(crate) fn admin_set_user_mfa_preference(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.writable(role, input, "AdminSetUserMFAPreference")?;
        self.prefer(place, required(input, "Username")?, input)
    }

    fn prefer(&self, place: &Place, name: &str, input: &Value) -> Result<Value, Refusal> {
        for (settings, factor) in [("SMSMfaSettings", "SMS_MFA"), ("EmailMfaSettings", "EMAIL_OTP")] {
            if input[settings]["Enabled"] == true {
                let message = format!("User does not have delivery config set to turn on {factor}");
                return Err(invalid_parameter(message));
            }
        }
        let settings = &input["SoftwareTokenMfaSettings"];
        let flag = |name| settings[name].as_bool().unwrap_or(false);
        let (enabled, preferred) = (flag("Enabled"), flag("PreferredMfa"));
        if enabled && place.read().user(name)?.mfa.secret.is_none() {
            return Err(invalid_parameter("User has not verified software token mfa"));
        }
        if settings.is_object() {
            self.change_user(place, name, |user| {
                user.mfa.enabled = enabled;
                user.mfa.preferred = enabled && preferred;
            })?;
        }
        Ok(json!({}))
    }

    pub(crate) fn get_user_pool_mfa_config(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        self.check_pool(role, input)?;
        Ok(self.place(role).read().mfa().describe())
    }

    pub(crate) fn set_user_pool_mfa_config(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.writable(role, input, "SetUserPoolMfaConfig")?;
        let demand = match input["MfaConfiguration"].as_str() {
            None | Some("OFF") => Demand::Off,
            Some("OPTIONAL") => Demand::Optional,
            Some("ON") => Demand::On,
            Some(_) => return Err(invalid_parameter("MfaConfiguration must be OFF, ON or OPTIONAL")),
        };
        let software_token = input["SoftwareTokenMfaConfiguration"]["Enabled"] == true;
        if demand != Demand::Off && !software_token {
            return Err(invalid_parameter("The lab's user pool has software tokens as its only second factor"));
        }
        let mfa = PoolMfa { demand, software_token };
        self.commit(place, Change::PoolMfa(mfa));
        Ok(mfa.describe())
    }
}

/// Whether an operation goes by a sign-in's session; otherwise it goes by an access token.
fn by_session(input: &Value) -> Result<bool, Refusal> {
    match (input["AccessToken"].is_string(), input["Session"].is_string()) {
        (true, false) => Ok(false),
        (false, true) => Ok(true),
        _ => Err(invalid_parameter("Exactly one of AccessToken and Session is needed")),
    }
}

impl Place {
    /// Whether a user had not used the code of that step yet; from now on it is used.
    fn use_code(&self, sub: &str, step: u64) -> bool {
        let mut used = self.used_codes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let steps = used.entry(sub.to_owned()).or_default();
        // Older codes are refused anyway, once the clock has moved on.
        steps.retain(|used| used + 2 * u64::from(SKEW) >= step);
        let fresh = !steps.contains(&step);
        if fresh {
            steps.push(step);
        }
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_rfc() {
        // RFC 6238, appendix B: the secret "12345678901234567890"; the last six of its eight digits.
        let secret = Secret::new("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        for (second, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            let totp = totp(&secret).unwrap();
            assert_eq!(totp.generate(second).to_string(), code);
            assert_eq!(totp.check(code, second + STEP_SECONDS), Some(second / STEP_SECONDS));
            assert_eq!(totp.check(code, second + 2 * STEP_SECONDS), None);
        }
        assert!(totp(&Secret::new("not base32!")).is_none());
        assert_eq!(new_secret().expose().len(), 52);
    }
}
