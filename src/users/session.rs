//! Users who signed in before the fault and go on working: calls of the protected API with their access token, new tokens by their
//! refresh token, wherever their client's DNS leads.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rand::RngExt;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use gameday_core::model::{
    Event, LoginOutcome, LoginStep, Percent, Phase, RegionRole, Secret, SessionCall, SessionStep, Window,
};
use gameday_core::scenario::{FlowShare, SessionPlan};
use gameday_protocols::timer::Timer as _;

use super::accounts::{Account, Token, Who};
use super::attempt::{LoginRequest, login};
use super::attempt_context::{AttemptContext, Lookup};
use super::client_profile::ClientProfile;
use super::load_generator::LoadGenerator;
use super::login_target::AppClient;

/// One session.
struct Session<'a> {
    generator: &'a Arc<LoadGenerator>,
    number: u64,
    plan: &'a SessionPlan,
    client: &'a AppClient,
    way: &'a ClientProfile,
    account: &'a Account,
    access: Secret,
    token: Token,
    choice: u32,
}

impl LoadGenerator {
    /// Opens every session of the load, and works in them until `stop`.
    pub(super) async fn work_in_sessions(self: Arc<Self>, stop: CancellationToken) {
        let mut working = JoinSet::new();
        let mut number = 0;
        for plan in 0..self.load.sessions.len() {
            for _ in 0..self.load.sessions[plan].count {
                let (generator, stop) = (Arc::clone(&self), stop.clone());
                working.spawn(async move { generator.session(plan, number, &stop).await });
                number += 1;
            }
        }
        while working.join_next().await.is_some() {}
    }

    async fn session(self: Arc<Self>, plan: usize, number: u64, stop: &CancellationToken) {
        let plan = &self.load.sessions[plan];
        let named = |way: &&ClientProfile| plan.cohort.as_ref().is_none_or(|name| way.label == *name);
        let users = self.door.population(plan.users.as_deref());
        let account = users.and_then(|users| users.accounts.get(number as usize % users.accounts.len().max(1)));
        let flow = self.load.sign_in_flow(plan.client.as_deref(), plan.users.as_deref());
        let client = self.door.client(flow, plan.client.as_deref());
        let (Some(way), Some(client), Some(account)) = (self.ways.iter().find(named), client, account) else { return };
        let mut draws = self.seed.stream(&format!("session-{number}"));
        // Sessions do not all do the same thing at the same moment.
        let begin = plan.call_every.0.mul_f64(draws.random::<f64>());
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = self.door.clock.sleep(begin) => {}
        }
        let empty = || Secret::new(String::new());
        let (access, choice) = (empty(), draws.random());
        let token = Token::new(account.name.clone(), None, empty());
        let mut session = Session { generator: &self, number, plan, client, way, account, access, token, choice };
        if session.sign_in(SessionStep::SignIn, stop).await.worked() {
            session.work(draws.random(), stop).await;
        }
    }
}

impl Session<'_> {
    /// Calls and refreshes by turns, each at its own pace. `offset` is a share of the first pause before a refresh.
    async fn work(&mut self, offset: f64, stop: &CancellationToken) {
        let clock = self.generator.door.clock;
        let mut refresh_at = later(clock.now(), self.plan.refresh_every.0.mul_f64(0.5 + offset / 2.0));
        let mut call_at = later(clock.now(), self.plan.call_every.0);
        let mut signed_out = false;
        loop {
            let next = if signed_out { call_at } else { call_at.min(refresh_at) };
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = clock.sleep_until(next) => {}
            }
            if signed_out {
                let done = self.sign_in(SessionStep::SignInAgain, stop).await;
                signed_out = !done.worked();
                call_at = self.blocked_by(call_at, &done);
                refresh_at = later(clock.now(), self.plan.refresh_every.0);
            } else if next == call_at {
                let done = self.call().await;
                call_at = self.blocked_by(later(call_at, self.plan.call_every.0), &done);
                if matches!(done.outcome, LoginOutcome::ApiRefused { status: 401, .. }) {
                    // As clients do: a token that is not accepted is renewed at once.
                    refresh_at = clock.now();
                }
            } else {
                let done = self.renew().await;
                let pause = if done.worked() { self.plan.refresh_every } else { self.plan.call_every };
                refresh_at = later(clock.now(), pause.0);
                if refused(&done.outcome) {
                    let done = self.sign_in(SessionStep::SignInAgain, stop).await;
                    signed_out = !done.worked();
                    call_at = self.blocked_by(call_at, &done);
                } else if !done.worked() {
                    call_at = self.blocked_by(call_at, &done);
                }
            }
        }
    }

    /// A session does one thing at a time. Calls of the API that were due meanwhile were not made, and are written with the outcome of the
    /// request that blocked them: a stall would hide the very calls that it costs. Gives when the next call is due, from `due` on.
    fn blocked_by(&self, mut due: Timestamp, by: &CompletedStep) -> Timestamp {
        while due <= by.window.received {
            let window = Window { sent: due, ..by.window };
            self.write(SessionStep::ApiCall, &CompletedStep { window, ..by.clone() }, true);
            due = later(due, self.plan.call_every.0);
        }
        due
    }

    async fn sign_in(&mut self, step: SessionStep, stop: &CancellationToken) -> CompletedStep {
        let generator = self.generator;
        if let Some(users) = generator.door.population(self.plan.users.as_deref()) {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = generator.code_left(users, self.account) => {}
            }
        }
        let (sent, phase) = (generator.door.clock.now(), generator.phase.get());
        let (client, users) = (self.plan.client.clone(), self.plan.users.clone());
        let by = generator.load.sign_in_flow(client.as_deref(), users.as_deref());
        let flow = FlowShare::of(by, client, users, Percent(1.0));
        let wanted = LoginRequest {
            scheduled: sent,
            flow: &flow,
            client: self.client,
            who: Who::Account(self.account.clone()),
            lookup: Lookup::Profile,
            choice: self.choice,
            jitter: generator.seed.stream(&format!("session-retry-{}", self.number)),
        };
        let ended = login(&generator.door, self.way, wanted, stop).await;
        if let Some(user) = &ended.trace.to_put_back {
            generator.ask_again(user);
        }
        if let (Some(access), Some(refresh)) = (ended.trace.access, ended.trace.refresh) {
            self.access = access;
            self.token = Token::new(self.account.name.clone(), ended.trace.username, refresh);
        }
        let window = Window { sent, received: generator.door.clock.now() };
        let done =
            CompletedStep { window, phase, role: ended.trace.served.map(|(role, _)| role), outcome: ended.outcome };
        self.write(step, &done, false);
        done
    }

    async fn call(&mut self) -> CompletedStep {
        let token = self.access.clone();
        let work = async |context: &mut AttemptContext<'_>| context.protected_api(token.expose()).await;
        self.within_patience(SessionStep::ApiCall, work).await.0
    }

    async fn renew(&mut self) -> CompletedStep {
        let token = self.token.clone();
        let flow = self.plan.refresh;
        let work = async |context: &mut AttemptContext<'_>| {
            let signed = Box::pin(super::flows::sign_in(context, flow, &Who::Token(token.clone()))).await?;
            context.next(LoginStep::VerifyToken);
            context.verify(signed.access.expose())?;
            signed.id.as_ref().map_or(Ok(()), |id| context.verify_id(id.expose(), None))?;
            context.trace.access = Some(signed.access);
            context.trace.refresh = signed.refresh;
            Ok(())
        };
        let (done, access, refresh) = self.within_patience(SessionStep::Refresh, work).await;
        // A new refresh token counts even where the rest went wrong: rotation has ended the old one.
        if let Some(refresh) = refresh {
            self.token.refresh = refresh;
        }
        self.access = access.unwrap_or_else(|| self.access.clone());
        done
    }

    async fn within_patience(
        &self,
        step: SessionStep,
        work: impl AsyncFnOnce(&mut AttemptContext<'_>) -> Result<(), LoginOutcome>,
    ) -> (CompletedStep, Option<Secret>, Option<Secret>) {
        let door = &self.generator.door;
        let (sent, phase) = (door.clock.now(), self.generator.phase.get());
        let mut context = AttemptContext::new(door, self.way, self.client, Lookup::Profile, self.choice);
        let outcome = match door.clock.timeout(self.way.login, work(&mut context)).await {
            Ok(Ok(())) => LoginOutcome::Succeeded,
            Ok(Err(outcome)) => outcome,
            Err(_) => context.unanswered(),
        };
        if outcome == LoginOutcome::Succeeded {
            context.keep_connection();
        }
        let role = context.trace.address.and_then(|address| door.region_at(address)).map(|(role, _)| role);
        let done = CompletedStep { window: Window { sent, received: door.clock.now() }, phase, role, outcome };
        self.write(step, &done, false);
        (done, context.trace.access, context.trace.refresh)
    }

    fn write(&self, step: SessionStep, done: &CompletedStep, blocked: bool) {
        self.generator.log.write(Event::Session(Box::new(SessionCall {
            session: self.number,
            user: self.account.name.clone(),
            flow: self.plan.label(),
            cohort: self.way.label.clone(),
            step,
            window: done.window,
            phase: done.phase,
            role: done.role,
            outcome: done.outcome.clone(),
            blocked,
        })));
    }
}

/// What came of something that was done in a session.
#[derive(Clone)]
struct CompletedStep {
    window: Window,
    phase: Phase,
    role: Option<RegionRole>,
    outcome: LoginOutcome,
}

impl CompletedStep {
    fn worked(&self) -> bool {
        self.outcome == LoginOutcome::Succeeded
    }
}

/// The service answered, and will not give tokens for this refresh token.
fn refused(outcome: &LoginOutcome) -> bool {
    matches!(outcome, LoginOutcome::Rejected { .. }) && !super::retry::may_help(outcome)
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.saturating_add(SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX)
}
