//! One login, end to end: resolve, connect, sign in, verify the token, call the protected API, and again where the client retries. A
//! success counts only when all of it holds.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use rand_chacha::ChaCha12Rng;
use tokio_util::sync::CancellationToken;

use gameday_core::model::{FailedTry, LoginOutcome, LoginStep, Region, RegionRole, Secret, StepTime};
use gameday_core::scenario::FlowShare;
use gameday_protocols::timer::Timer as _;

use super::accounts::Who;
use super::attempt_context::{AttemptContext, Lookup};
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
    /// The address that it connected to.
    pub address: Option<IpAddr>,
    /// Who served.
    pub served: Option<(RegionRole, Region)>,
    /// When the protected API was asked.
    pub api_sent: Option<Timestamp>,
    /// What each step of the last try took.
    pub steps: Vec<StepTime>,
    /// Tries before the last one.
    pub earlier: Vec<FailedTry>,
    /// The access token of a sign-in.
    pub access: Option<Secret>,
    /// A refresh token for later, from a sign-in that gave one.
    pub refresh: Option<Secret>,
    /// The name that the pool has for whoever signed in.
    pub username: Option<String>,
    /// A user who set a new password and must be put back.
    pub to_put_back: Option<String>,
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
        to_put_back = ended.to_put_back.take().or(to_put_back);
        ended.to_put_back.clone_from(&to_put_back);
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
        let role = ended.served.map(|(role, _)| role);
        let LoginResult { at, outcome, api_sent, steps, .. } = ended;
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
        Err(_) => context.progress.unanswered(),
    };
    if outcome == LoginOutcome::Succeeded {
        context.keep_connection();
    } else {
        context.progress.break_off();
    }
    let progress = context.progress;
    let by_address = progress.address.and_then(|address| door.region_at(address));
    LoginResult {
        outcome,
        at: door.clock.now(),
        address: progress.address,
        served: progress.served.or_else(|| by_address.map(|(role, region)| (role, region.clone()))),
        api_sent: progress.api_sent,
        steps: progress.steps,
        earlier: Vec::new(),
        access: progress.access,
        refresh: progress.refresh,
        username: progress.username,
        to_put_back: progress.to_put_back,
    }
}

async fn whole(context: &mut AttemptContext<'_>, attempt: &LoginRequest<'_>) -> Result<(), LoginOutcome> {
    let signed = flows::sign_in(context, attempt.flow.flow, &attempt.who).await?;
    context.progress.refresh = signed.refresh;
    context.next(LoginStep::VerifyToken);
    let username = context.verify(signed.access.expose())?;
    context.progress.username.clone_from(&username);
    signed.id.as_ref().map_or(Ok(()), |id| context.verify_id(id.expose(), signed.nonce.as_deref()))?;
    context.protected_api(signed.access.expose()).await?;
    let refresh = match &attempt.who {
        // A refresh without rotation leaves the old token in force.
        Who::Token(token) => Some(context.progress.refresh.clone().unwrap_or_else(|| token.refresh.clone())),
        Who::Account(_) | Who::Machine => context.progress.refresh.clone(),
    };
    let session = flows::Session { access: &signed.access, refresh: refresh.as_ref(), username: username.as_deref() };
    flows::go_on(context, &attempt.flow.then, &session).await?;
    context.progress.end();
    context.progress.access = Some(signed.access);
    Ok(())
}
