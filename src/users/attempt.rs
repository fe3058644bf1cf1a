//! One login, end to end: resolve, connect, sign in, verify the token, call the protected API, and again where the client retries. A
//! success counts only when all of it holds.

use jiff::{SignedDuration, Timestamp};
use rand_chacha::ChaCha12Rng;
use tokio_util::sync::CancellationToken;

use gameday_core::model::{FailedTry, LoginOutcome, LoginStep};
use gameday_core::scenario::FlowShare;
use gameday_protocols::timer::Timer as _;
use gameday_protocols::tokens::SignedBy;

use super::accounts::Who;
use super::attempt_context::{AttemptContext, LoginTrace, Lookup};
use super::client_profile::ClientProfile;
use super::flows;
use super::login_target::{AppClient, LoginTarget};
use super::retry;

/// A login to make.
#[derive(Debug)]
pub struct LoginRequest<'a> {
    /// Latency counts from here.
    pub scheduled: Timestamp,
    /// How, and what follows.
    pub flow: &'a FlowShare,
    /// With which app client.
    pub client: &'a AppClient,
    /// Who.
    pub who: Who,
    /// Where to.
    pub lookup: Lookup<'a>,
    /// Chooses among the addresses of an answer.
    pub choice: u32,
    /// Draws the waits between tries.
    pub jitter: ChaCha12Rng,
}

/// What became of it.
#[derive(Debug)]
pub struct LoginResult {
    /// How the last try ended.
    pub outcome: LoginOutcome,
    /// When it did.
    pub at: Timestamp,
    /// What it left.
    pub trace: LoginTrace,
    /// Tries before the last one.
    pub earlier: Vec<FailedTry>,
}

/// Makes a login, and makes it again as the cohort's clients do, until `stop`.
pub async fn login(
    door: &LoginTarget,
    way: &ClientProfile,
    mut attempt: LoginRequest<'_>,
    stop: &CancellationToken,
) -> LoginResult {
    let mut earlier: Vec<FailedTry> = Vec::new();
    let mut began = attempt.scheduled;
    let mut to_put_back = None;
    loop {
        let mut ended = once(door, way, &attempt, began).await;
        // A try that was broken off may have set the password, and then the next one is not asked to.
        to_put_back = ended.trace.to_put_back.take().or(to_put_back);
        ended.trace.to_put_back.clone_from(&to_put_back);
        let tries = u32::try_from(earlier.len()).unwrap_or(u32::MAX).saturating_add(1);
        let again = way.retry.as_ref().filter(|_| retry::may_help(&ended.outcome));
        let Some(wait) = again.and_then(|policy| retry::wait(policy, tries, &mut attempt.jitter)) else {
            return LoginResult { earlier, ..ended };
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => return LoginResult { earlier, ..ended },
            () = door.clock.sleep(wait) => {}
        }
        let LoginResult { at, outcome, trace: LoginTrace { served, api_sent, steps, .. }, .. } = ended;
        let role = served.map(|(role, _)| role);
        earlier.push(FailedTry { ended: at, role, outcome, api_sent, steps });
        began = door.clock.now();
    }
}

/// One try, within the cohort's patience from `began`.
async fn once(door: &LoginTarget, way: &ClientProfile, attempt: &LoginRequest<'_>, began: Timestamp) -> LoginResult {
    let mut context = AttemptContext::new(door, way, attempt.client, attempt.lookup, attempt.choice);
    let patience = SignedDuration::try_from(way.login).unwrap_or(SignedDuration::MAX);
    let deadline = door.clock.instant(began.saturating_add(patience).unwrap_or(Timestamp::MAX));
    let work = Box::pin(whole(&mut context, attempt));
    let outcome = match tokio::time::timeout_at(deadline.into(), work).await {
        Ok(Ok(())) => LoginOutcome::Succeeded,
        Ok(Err(outcome)) => outcome,
        Err(_) => context.unanswered(),
    };
    if outcome == LoginOutcome::Succeeded {
        context.keep_connection();
    } else {
        context.break_off();
    }
    let mut trace = context.trace;
    let by_address = trace.address.and_then(|address| door.region_at(address));
    trace.served = trace.served.or_else(|| by_address.map(|(role, region)| (role, region.clone())));
    LoginResult { outcome, at: door.clock.now(), trace, earlier: Vec::new() }
}

async fn whole(context: &mut AttemptContext<'_>, attempt: &LoginRequest<'_>) -> Result<(), LoginOutcome> {
    let signed = flows::sign_in(context, attempt.flow.flow, &attempt.who).await?;
    context.trace.refresh = signed.refresh;
    context.trace.signed_by = SignedBy::of(signed.access.expose()).ok();
    context.next(LoginStep::VerifyToken);
    let username = context.verify(signed.access.expose())?;
    context.trace.username.clone_from(&username);
    signed.id.as_ref().map_or(Ok(()), |id| context.verify_id(id.expose(), signed.nonce.as_deref()))?;
    context.protected_api(signed.access.expose()).await?;
    let refresh = match &attempt.who {
        // A refresh without rotation leaves the old token in force.
        Who::Token(token) => Some(context.trace.refresh.clone().unwrap_or_else(|| token.refresh.clone())),
        Who::Account(_) | Who::Machine => context.trace.refresh.clone(),
    };
    let session = flows::SignedIn { access: &signed.access, refresh: refresh.as_ref(), username: username.as_deref() };
    flows::go_on(context, &attempt.flow.then, &session).await?;
    context.end();
    context.trace.access = Some(signed.access);
    Ok(())
}
