//! What a replica may not do, tried there: each action straight at a Region, as a user would.

use std::sync::Arc;

use jiff::Timestamp;
use rand::Rng;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use aws_sdk_cognitoidentityprovider::types::AttributeType;

use gameday_core::model::{
    Event, Expect, Expectation, Flow, LoginOutcome, LoginStep, Percent, RegionRole, Secret, UserAction, Window,
    not_allowed,
};
use gameday_core::scenario::{ExpectedLimit, FlowShare};
use gameday_protocols::timer::Timer as _;

use super::accounts::{Account, Population, Who};
use super::attempt::LoginResult;
use super::attempt_context::{AttemptContext, LoginTrace, Lookup, service};
use super::load_generator::LoadGenerator;
use super::login_target::AppClient;

/// The population of users whose password may be reset; those of `[users]` stand in.
const RESETTABLE: &str = "sign-out";

/// The population of federated users, where no flow names another.
const FEDERATED: &str = "federated";

/// Who signs in through the provider for the first time.
const STRANGER: &str = "stranger-";

/// What users who sign up are called.
const NEWCOMER: &str = "gameday-";

/// What Cognito answers to a wrong password, and for a user who is disabled, locked or not there.
const USERS_OWN: &str = "NotAuthorizedException";

/// What came of an action.
enum ProbeOutcome {
    Works,
    /// The service refused, with its code.
    Refused(String),
    /// It cannot be told, and why.
    Unknown(String),
}

impl ProbeOutcome {
    fn of(outcome: &LoginOutcome) -> Self {
        match outcome {
            LoginOutcome::Succeeded => Self::Works,
            LoginOutcome::Rejected { code, .. } if not_allowed(outcome) => Self::Refused(code.clone()),
            LoginOutcome::Rejected { code, .. } if code == USERS_OWN => Self::Unknown(format!(
                "{code}: caused by the user's password or state, so it does not show what the Region allows"
            )),
            LoginOutcome::Rejected { code, .. } => Self::Unknown(code.clone()),
            other => Self::Unknown(other.label()),
        }
    }
}

/// A name that nobody has.
fn unheard_of(prefix: &str, random: &mut impl Rng) -> String {
    format!("{prefix}{:016x}", random.next_u64())
}

/// Something to try, and by whom.
#[derive(Debug)]
pub struct LimitProbe {
    /// What, where, and what is expected.
    pub limit: ExpectedLimit,
    actor: Option<Account>,
    /// The name of the user whom the pool has afterwards if this works, and did not have before.
    pub newcomer: Option<String>,
}

/// Somebody whom the pool did not have before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedUser {
    /// Where that was tried.
    pub role: RegionRole,
    /// The name that the pool has for them.
    pub name: String,
}

impl LoadGenerator {
    /// Draws who tries what, so that it can be recorded who may be new before anybody is.
    pub fn trials(&self, limits: &[ExpectedLimit]) -> Vec<LimitProbe> {
        let trial = |limit: &ExpectedLimit| {
            let actor = self.actor(limit.action);
            let newcomer = actor.as_ref().and_then(|actor| match limit.action {
                UserAction::SignUp => Some(actor.name.clone()),
                // As the pool names whom a provider sends (Cognito developer guide, "Adding user pool sign-in through a third party"); the
                // provider's subject is the name here.
                UserAction::FirstFederatedSignIn => {
                    let provider = self.door.managed.as_ref()?.identity_provider.as_ref()?;
                    Some(format!("{provider}_{}", actor.name))
                }
                UserAction::TotpSignIn | UserAction::PasswordReset | UserAction::PasswordChange => None,
            });
            LimitProbe { limit: limit.clone(), actor, newcomer }
        };
        limits.iter().map(trial).collect()
    }

    /// Tries everything at once, and writes what came of each. Whatever has no answer when `stop` comes is written so. Gives who is new.
    pub async fn try_limits(self: Arc<Self>, trials: Vec<LimitProbe>, stop: CancellationToken) -> Vec<CreatedUser> {
        let mut trying = JoinSet::new();
        for trial in trials {
            let (generator, stop) = (Arc::clone(&self), stop.clone());
            trying.spawn(async move { generator.try_limit(trial, &stop).await });
        }
        let mut arrived = Vec::new();
        while let Some(tried) = trying.join_next().await {
            arrived.extend(tried.ok().flatten());
        }
        arrived
    }

    async fn try_limit(&self, trial: LimitProbe, stop: &CancellationToken) -> Option<CreatedUser> {
        let LimitProbe { limit, actor, newcomer } = trial;
        let sent = self.door.clock.now();
        let mut named = None;
        let came = tokio::select! {
            biased;
            came = Box::pin(self.act(&limit, actor.as_ref(), &mut named)) => came,
            () = stop.cancelled() => ProbeOutcome::Unknown("no answer".to_owned()),
        };
        let arrived = newcomer.filter(|_| matches!(came, ProbeOutcome::Works));
        let arrived = arrived.map(|name| CreatedUser { role: limit.region, name: named.unwrap_or(name) });
        let (seen, refused) = match came {
            ProbeOutcome::Works => ("works".to_owned(), Some(false)),
            ProbeOutcome::Refused(code) => (code, Some(true)),
            ProbeOutcome::Unknown(why) => (why, None),
        };
        self.write_limit(&limit, sent, seen, refused.map(|refused| refused == (limit.expect == Expect::Refused)));
        arrived
    }

    fn write_limit(&self, limit: &ExpectedLimit, sent: Timestamp, seen: String, held: Option<bool>) {
        let Some((role, region)) = self.door.doors.regions().find(|(role, _)| *role == limit.region) else { return };
        let window = Window { sent, received: self.door.clock.now() };
        let (action, expect) = (limit.action, limit.expect);
        let written = Expectation { action, role, region: region.clone(), expect, held, seen, window };
        self.log.write(Event::Expectation(written));
    }

    /// `named` takes the name that the pool has for a federated user.
    async fn act(&self, limit: &ExpectedLimit, actor: Option<&Account>, named: &mut Option<String>) -> ProbeOutcome {
        let Some(actor) = actor else { return ProbeOutcome::Unknown("no user is available to try it".to_owned()) };
        let told = |done: Result<(), LoginOutcome>| ProbeOutcome::of(&done.err().unwrap_or(LoginOutcome::Succeeded));
        match limit.action {
            UserAction::TotpSignIn => match self.sign_in_at(Flow::UserSrp, actor, limit.region).await {
                Some(ended) => ProbeOutcome::of(&ended.outcome),
                None => ProbeOutcome::Unknown("no app client is available to try it".to_owned()),
            },
            UserAction::FirstFederatedSignIn => match self.sign_in_at(Flow::Federated, actor, limit.region).await {
                Some(ended) => {
                    named.clone_from(&ended.trace.username);
                    ProbeOutcome::of(&ended.outcome)
                }
                None => ProbeOutcome::Unknown("no app client is available to try it".to_owned()),
            },
            UserAction::SignUp => told(self.sign_up(actor, limit.region).await),
            UserAction::PasswordReset => told(self.reset(actor, limit.region).await),
            UserAction::PasswordChange => match self.sign_in_at(Flow::UserSrp, actor, limit.region).await {
                Some(LoginResult {
                    outcome: LoginOutcome::Succeeded,
                    trace: LoginTrace { access: Some(access), .. },
                    ..
                }) => told(self.change(actor, &access, limit.region).await),
                Some(ended) => ProbeOutcome::Unknown(format!("the sign-in failed: {}", ended.outcome.label())),
                None => ProbeOutcome::Unknown("no user is available to try it".to_owned()),
            },
        }
    }

    /// Who tries it; nothing where the environment has nobody.
    pub fn actor(&self, action: UserAction) -> Option<Account> {
        let door = &self.door;
        let mut random = self.seed.unique(&format!("actor of {action:?}"));
        let mut named = |name: &str, password: &Secret| Account {
            name: unheard_of(name, &mut random),
            password: password.clone(),
            totp_secret: None,
        };
        match action {
            UserAction::TotpSignIn => {
                let all = door.populations.values().flat_map(|population| &population.accounts);
                // The last one of them: flows that draw users begin with the first.
                all.filter(|account| account.totp_secret.is_some()).last().cloned()
            }
            UserAction::SignUp => {
                // Some characters of every kind that a password policy can ask for.
                let password =
                    Secret::new(format!("Gd1-{}", unheard_of("", &mut self.seed.unique("password of a newcomer"))));
                Some(named(NEWCOMER, &password))
            }
            UserAction::PasswordReset | UserAction::PasswordChange => {
                let last = |users: &Population| users.accounts.last().cloned();
                door.population(Some(RESETTABLE)).and_then(last).or_else(|| door.population(None).and_then(last))
            }
            UserAction::FirstFederatedSignIn => {
                let flow = self.load.flows.iter().find(|flow| flow.flow == Flow::Federated);
                let users = flow.and_then(|flow| flow.users.as_deref()).unwrap_or(FEDERATED);
                let known = door.population(Some(users))?.accounts.first()?;
                door.managed.as_ref()?.identity_provider.as_ref()?;
                Some(named(STRANGER, &known.password))
            }
        }
    }

    async fn sign_in_at(&self, flow: Flow, actor: &Account, region: RegionRole) -> Option<LoginResult> {
        let flow = FlowShare::of(flow, None, None, Percent(1.0));
        self.direct(self.ways.first()?, &flow, Who::Account(actor.clone()), &self.door.addresses_of(region)).await
    }

    /// The app client of what is no sign-in: the pool's own.
    fn own_client(&self) -> Option<&AppClient> {
        self.door.client(Flow::UserSrp, None)
    }

    /// One call straight at a Region, within the patience of the first cohort's clients.
    async fn once(
        &self,
        region: RegionRole,
        call: impl AsyncFnOnce(&mut AttemptContext<'_>) -> Result<(), LoginOutcome>,
    ) -> Result<(), LoginOutcome> {
        let (Some(client), Some(way)) = (self.own_client(), self.ways.first()) else {
            return Err(LoginOutcome::harness("no app client or no cohort is available to try it"));
        };
        let addresses = self.door.addresses_of(region);
        let lookup = Lookup::Fixed(&addresses);
        let mut context = AttemptContext::new(&self.door, way, client, lookup, 0);
        match self.door.clock.timeout(way.login, call(&mut context)).await {
            Ok(done) => done,
            Err(_) => Err(context.unanswered()),
        }
    }

    async fn sign_up(&self, newcomer: &Account, region: RegionRole) -> Result<(), LoginOutcome> {
        let call = async |context: &mut AttemptContext<'_>| {
            let connection = context.connection().await?;
            let email = AttributeType::builder().name("email").value(format!("{}@example.com", newcomer.name)).build();
            // `email` has the one member that its builder wants.
            let email = email.map_err(|_| LoginOutcome::harness("the e-mail address is invalid"))?;
            let call = context.cognito(&connection).sign_up().client_id(&context.client.id).username(&newcomer.name);
            let call = call.password(newcomer.password.expose()).user_attributes(email);
            let call = call.set_secret_hash(context.secret_hash(&newcomer.name));
            call.send().await.map(drop).map_err(service(LoginStep::InitiateAuth))
        };
        self.once(region, call).await
    }

    async fn reset(&self, user: &Account, region: RegionRole) -> Result<(), LoginOutcome> {
        let call = async |context: &mut AttemptContext<'_>| {
            let connection = context.connection().await?;
            let call =
                context.cognito(&connection).forgot_password().client_id(&context.client.id).username(&user.name);
            let call = call.set_secret_hash(context.secret_hash(&user.name));
            call.send().await.map(drop).map_err(service(LoginStep::InitiateAuth))
        };
        self.once(region, call).await
    }

    async fn change(&self, user: &Account, access: &Secret, region: RegionRole) -> Result<(), LoginOutcome> {
        let call = async |context: &mut AttemptContext<'_>| {
            let connection = context.connection().await?;
            let password = user.password.expose();
            let call = context.cognito(&connection).change_password().access_token(access.expose());
            let call = call.previous_password(password).proposed_password(password);
            call.send().await.map(drop).map_err(service(LoginStep::InitiateAuth))
        };
        self.once(region, call).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c04_a_user_who_cannot_sign_in_tells_nothing_of_the_region() {
        let rejected = |code: &str| LoginOutcome::Rejected { step: LoginStep::InitiateAuth, code: code.to_owned() };
        let ProbeOutcome::Unknown(why) = ProbeOutcome::of(&rejected("NotAuthorizedException")) else {
            panic!("it is told")
        };
        assert!(why.contains("password") && why.contains("NotAuthorizedException"), "{why}");
        assert!(matches!(ProbeOutcome::of(&rejected("OperationNotEnabledException")), ProbeOutcome::Refused(_)));
    }
}
