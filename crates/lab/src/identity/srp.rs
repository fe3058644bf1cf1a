//! USER_SRP_AUTH.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::auth::{invalid_parameter, opaque, parameter, wrong_password};
use super::clients::AppClient;
use super::{Identity, Place, Refusal};
use gameday_protocols::srp::{ServerSession, TimestampError, check_timestamp};

/// A sign-in by SRP between its two calls.
pub(super) struct SrpChallenge {
    client: String,
    user: String,
    session: ServerSession,
    public_a: String,
}

impl Identity {
    pub(super) fn begin_srp(&self, place: &Place, client: &AppClient, parameters: &Value) -> Result<Value, Refusal> {
        let user = place.sign_in_candidate(parameter(parameters, "USERNAME")?)?;
        let verifier = user.verifier.as_ref().ok_or_else(wrong_password)?;
        let public_a = parameter(parameters, "SRP_A")?.to_owned();
        let session = ServerSession::new(verifier, &mut rand::rng());
        let block = STANDARD.encode(opaque());
        let challenge = json!({
            "ChallengeName": "PASSWORD_VERIFIER",
            "ChallengeParameters": {
                "SALT": verifier.salt_hex(),
                "SECRET_BLOCK": block,
                "SRP_B": session.public_b_hex(),
                "USERNAME": user.name,
                "USER_ID_FOR_SRP": verifier.user_id(),
            },
        });
        let waiting = SrpChallenge { client: client.id.clone(), user: user.name.clone(), session, public_a };
        place.challenges.insert(block, waiting, self.clock.now());
        Ok(challenge)
    }

    pub(super) fn finish_srp(&self, place: &Place, client: &AppClient, responses: &Value) -> Result<Value, Refusal> {
        let block = parameter(responses, "PASSWORD_CLAIM_SECRET_BLOCK")?;
        let signature = parameter(responses, "PASSWORD_CLAIM_SIGNATURE")?;
        let timestamp = parameter(responses, "TIMESTAMP")?;
        let username = parameter(responses, "USERNAME")?;
        // Clients of other makers have no scenario time.
        match check_timestamp(timestamp, &[self.clock.now(), self.clock.wall_now()]) {
            Ok(()) => {}
            Err(TimestampError::Form) => return Err(invalid_parameter(TimestampError::Form.to_string())),
            // Cognito tells nothing else of it (measured in ministack pull request 1758).
            Err(TimestampError::Spelling | TimestampError::Stale) => return Err(wrong_password()),
        }
        // A challenge is answered once, so that a signature cannot be guessed or replayed.
        let challenge = place.challenges.take(block, self.clock.now()).ok_or_else(wrong_password)?;
        let block = STANDARD.decode(block).map_err(|_| wrong_password())?;
        let proven = challenge.session.check(&challenge.public_a, &block, timestamp, signature);
        if client.id != challenge.client || username != challenge.user || !proven {
            return Err(wrong_password());
        }
        self.proven(place, client, &*place.sign_in_candidate(username)?)
    }
}
