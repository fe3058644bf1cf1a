//! `gameday compare-strategies`: one scenario on each strategy of the lab, one after the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_cognitoidentityprovider::operation::initiate_auth::InitiateAuthError;
use aws_sdk_cognitoidentityprovider::types::{AttributeType, AuthFlowType};
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::task::AbortOnDropHandle;

use crate::cloud::{Cloud, CloudError};
use crate::engine;
use gameday_core::compare::{AcceptedPassword, CLAIMS, Claim, Comparison, Contender, Probed};
use gameday_core::env::{Pool, SecretRef, Site};
use gameday_core::measure::Outcome;
use gameday_core::model::{Clock, Event, EventLog, LONGEST_DOCUMENT, Phase, Record, RegionRole, Secret, read_at_most};
use gameday_core::model::{Draw, Seed, TruthReport};
use gameday_core::scenario::Phases;
use gameday_protocols::timer::Timer as _;

use super::output::say;
use super::run::RunObserver;
use super::summary::empty_table;
use super::world::World;
use super::{Exit, Failure, Format, Place, RunArgs, Time, run, runs, speed};

/// What the probe leaves in a run's folder.
const PROBED: &str = "probed.json";

/// The built-in scenario for it.
const SCENARIO: &str = "strategies";

/// The user whose password is changed is the last one of this population of the lab, which the scenario's users are not of.
const POPULATION: &str = "sign-out";

/// What is set at the primary with the passwords: what every bridge carries, and what came to the pool after it was written.
const ATTRIBUTES: [(&str, &str); 2] = [("custom:risk_profile", "elevated"), ("custom:branch", "4711")];

/// So long before the end of the baseline passwords and attributes are changed: our own choice, within the article's RPO of native replication.
const BEFORE_THE_CUT: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(super) struct StrategiesArgs {
    /// The scenario: the name of a built-in one or the path of a file
    #[arg(default_value = SCENARIO)]
    scenario: PathBuf,
    /// Run in real time on real sockets, N times faster; without it, time is virtual
    #[arg(long, value_name = "N", value_parser = speed)]
    speed: Option<f64>,
    /// Random seed of all runs; generated and printed if omitted
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The folder for the table, with one folder for each run
    #[arg(long, value_name = "DIR", default_value = "reports/strategies")]
    out: PathBuf,
    /// Run nothing; regenerate the table from the runs in --out
    #[arg(long, conflicts_with_all = ["scenario", "speed", "seed"])]
    render: bool,
    /// The output format
    #[arg(long, value_enum, default_value = "human")]
    format: StrategiesFormat,
}

impl StrategiesArgs {
    /// How time passes in its runs.
    pub(super) fn time(&self) -> Time {
        if self.speed.is_some() || self.render { Time::Real } else { Time::Virtual }
    }

    /// The seed of all its runs, drawn now where none is given.
    pub(super) fn seed(&mut self) -> Seed {
        Seed(*self.seed.get_or_insert_with(|| u64::from(rand::random::<u32>())))
    }
}

/// What the table is printed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum StrategiesFormat {
    /// For the terminal
    Human,
    /// For GitHub and GitLab; also written to `strategies.md`
    Markdown,
    /// For programs; also written to `strategies.json`
    Json,
}

/// Runs the scenario on each strategy and writes the table.
pub(super) async fn compare(mut args: StrategiesArgs) -> Result<Exit, Failure> {
    if !args.render {
        let seed = args.seed().0;
        for claim in CLAIMS {
            let folder = args.out.join(claim.strategy);
            let ended = Box::pin(run::run_with(of(&args, claim, seed, &folder)?, Probe::default())).await?;
            if !matches!(ended, Exit::Success | Exit::Missed) {
                return Ok(ended);
            }
        }
    }
    let comparison = comparison(&args.out)?;
    let markdown = comparison.markdown();
    let json = runs::json(&comparison)?;
    runs::put(Some(&args.out.join("strategies.md")), &markdown)?;
    runs::put(Some(&args.out.join("strategies.json")), &json)?;
    let text = match args.format {
        StrategiesFormat::Human => human(&comparison),
        StrategiesFormat::Markdown => markdown,
        StrategiesFormat::Json => json,
    };
    runs::put(None, &text)?;
    Ok(if comparison.unsure() { Exit::Missed } else { Exit::Success })
}

/// The run of one strategy, in an environment of its own that is kept beside it.
fn of(args: &StrategiesArgs, claim: Claim, seed: u64, folder: &Path) -> Result<RunArgs, Failure> {
    fs::create_dir_all(folder).map_err(|error| fail(folder, &error))?;
    let file = folder.join("environment.toml");
    // Patience and polls as coarse as a lab many times faster than real time needs; still far below what is compared.
    let text = format!(
        "schema_version = 1\nname = \"{0}\"\nkind = \"lab\"\n\n[lab]\nstrategy = \"{0}\"\n\n[timeouts]\nconnect = \"15s\"\nlogin = \"60s\"\n\n\
         [observe]\nhealth = \"2s\"\nauthoritative = \"2s\"\nresolver = \"2s\"\npath = \"2s\"\ncanary = \"2s\"\n",
        claim.strategy
    );
    fs::write(&file, text).map_err(|error| fail(&file, &error))?;
    // By hand the health check moves nothing by itself, which is what that strategy is.
    let ignore = if claim.strategy == "manual-sync" { vec!["GD505".to_owned()] } else { Vec::new() };
    Ok(RunArgs {
        scenario: args.scenario.clone(),
        place: Place { env: Some(file), speed: args.speed, seed: Some(seed) },
        out: Some(folder.to_owned()),
        yes: true,
        confirm: None,
        no_dead_man: false,
        allow_no_replica: false,
        ignore,
        format: Format::Human,
        no_progress: true,
        time: args.time(),
    })
}

/// From what the runs left.
fn comparison(out: &Path) -> Result<Comparison, Failure> {
    let mut contenders = Vec::new();
    for claim in CLAIMS {
        let folder = out.join(claim.strategy);
        let run = runs::read(&folder)?;
        let probed: Probed = read(&folder.join(PROBED))?;
        let truth: TruthReport = read(&folder.join("truth.json"))?;
        let carried = truth.draws.get(&Draw::LagS).map_or(0, Vec::len);
        contenders.push(Contender::new(claim, run, probed, carried));
    }
    Ok(Comparison { contenders })
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let text = read_at_most(path, LONGEST_DOCUMENT).map_err(|error| fail(path, &error))?;
    serde_json::from_slice(&text).map_err(|error| Failure::plain(format!("{}: {error}", path.display())))
}

fn fail(path: &Path, error: &std::io::Error) -> Failure {
    Failure::plain(format!("{}: {error}", path.display()))
}

fn human(comparison: &Comparison) -> String {
    let mut table = empty_table();
    table.set_header(["strategy", "", "claimed", "measured", "comparison"]);
    for it in &comparison.contenders {
        let passwords = format!("{} at fault injection, {} after the hold phase", it.at_cut(), it.at_end());
        table.add_row([it.claim.strategy, "RTO", it.claim.rto, &it.rto_text(), it.rto_verdict.text()]);
        table.add_row(["", "RPO", it.claim.rpo, &it.rpo_text(), it.rpo_verdict.text()]);
        table.add_row(["", "password at the replica", it.claim.passwords, &passwords, it.passwords_verdict.text()]);
        table.add_row(["", "attributes that differ", "", &it.diverged(), ""]);
        table.add_row(["", "changes replicated", "", &it.carried_text(), ""]);
        for caveat in &it.caveats {
            table.add_row(["", "caveat", "", caveat, ""]);
        }
    }
    table.to_string()
}

/// Changes a user's password twice and attributes once, shortly before the cut, and sees what the replica has of it.
#[derive(Default)]
struct Probe {
    found: Arc<Mutex<Probed>>,
    task: Option<AbortOnDropHandle<()>>,
}

impl RunObserver for Probe {
    fn start(&mut self, world: &World, log: &Arc<EventLog>, phases: &Phases) {
        let (site, clock, baseline) = (world.site.clone(), world.clock, phases.baseline.0);
        // From now on, so that no phase is missed.
        let (found, events) = (Arc::clone(&self.found), engine::subscribe(log));
        let task = tokio::spawn(async move {
            let followed = match ProbeUser::of(&site).await {
                Ok(user) => user.follow(clock, baseline, events, &found).await,
                Err(failed) => Err(failed),
            };
            if let Err(failed) = followed {
                say(&format!("warning: not every password and attribute was tested: {failed}"));
                lock(&found).failed = Some(failed);
            }
        });
        self.task = Some(AbortOnDropHandle::new(task));
    }

    fn end(self, _: &Outcome, folder: &Path) -> Result<(), Failure> {
        runs::put(Some(&folder.join(PROBED)), &runs::json(&*lock(&self.found))?)
    }
}

fn lock(found: &Mutex<Probed>) -> MutexGuard<'_, Probed> {
    found.lock().unwrap_or_else(PoisonError::into_inner)
}

struct ProbeUser {
    cloud: Cloud,
    pool: Pool,
    name: String,
    /// From the newest on.
    passwords: [(AcceptedPassword, Secret); 3],
}

impl ProbeUser {
    async fn of(site: &Site) -> Result<Self, String> {
        let population = site.users.populations.iter().find(|population| population.name == POPULATION);
        let population = population.ok_or_else(|| format!("the lab has no population {POPULATION}"))?;
        let Some(SecretRef::Literal(old)) = population.password.clone() else {
            return Err(format!("the password of the population {POPULATION} is not known"));
        };
        let new = || Secret::new(format!("Gd1-{:032x}", rand::random::<u128>()));
        Ok(Self {
            cloud: Cloud::connect(site).await.map_err(|error| error.to_string())?,
            pool: site.pool.clone(),
            name: population.names.last().cloned().ok_or("the population has no user")?,
            passwords: [
                (AcceptedPassword::Newest, new()),
                (AcceptedPassword::Overtaken, new()),
                (AcceptedPassword::Old, old),
            ],
        })
    }

    async fn follow(
        &self,
        clock: Clock,
        baseline: Duration,
        mut events: Receiver<Arc<Record>>,
        found: &Mutex<Probed>,
    ) -> Result<(), String> {
        let (mut due, mut changed) = (None, false);
        loop {
            let event = tokio::select! {
                biased;
                event = events.recv() => event,
                () = clock.sleep_until(due.unwrap_or(Timestamp::MAX)), if due.is_some() => {
                    self.change().await?;
                    (due, changed) = (None, true);
                    continue;
                }
            };
            let record = match event {
                Ok(record) => record,
                Err(RecvError::Lagged(_)) => return Err("events arrived faster than they could be read".to_owned()),
                Err(RecvError::Closed) => return Err("the run ended before the test was complete".to_owned()),
            };
            let Event::PhaseStarted { phase } = &record.event else { continue };
            match phase {
                Phase::Baseline => due = record.at.checked_add(baseline.saturating_sub(BEFORE_THE_CUT)).ok(),
                Phase::Outage | Phase::Restore if !changed => {
                    return Err("the baseline ended before the passwords and attributes were changed".to_owned());
                }
                Phase::Outage => {
                    let accepted = self.accepted().await?;
                    lock(found).at_cut = Some(accepted);
                }
                Phase::Restore => {
                    let (accepted, diverged) = (self.accepted().await?, self.diverged().await?);
                    let mut found = lock(found);
                    (found.at_end, found.diverged) = (Some(accepted), Some(diverged));
                    return Ok(());
                }
                _ => {}
            }
        }
    }

    /// To the overtaken password, then to the newest; and the attributes.
    async fn change(&self) -> Result<(), String> {
        let cognito = &self.cloud.primary.cognito;
        let pool = self.pool.id_at(RegionRole::Primary);
        for (_, password) in self.passwords[..2].iter().rev() {
            let call = cognito.admin_set_user_password().user_pool_id(pool).username(&self.name);
            let call = call.password(password.expose()).permanent(true).send();
            call.await
                .map_err(CloudError::of("cognito-idp:AdminSetUserPassword"))
                .map_err(|error| error.to_string())?;
        }
        let call = ATTRIBUTES.into_iter().fold(
            cognito.admin_update_user_attributes().user_pool_id(pool).username(&self.name),
            |call, (name, value)| call.user_attributes(attribute(name, value)),
        );
        let done = call.send().await.map_err(CloudError::of("cognito-idp:AdminUpdateUserAttributes"));
        done.map(drop).map_err(|error| error.to_string())
    }

    /// The newest password that signs in.
    async fn accepted(&self) -> Result<AcceptedPassword, String> {
        let cognito = &self.cloud.replica.cognito;
        for (which, password) in &self.passwords {
            let call =
                cognito.initiate_auth().client_id(&self.pool.client_id).auth_flow(AuthFlowType::UserPasswordAuth);
            let call = call.auth_parameters("USERNAME", &self.name).auth_parameters("PASSWORD", password.expose());
            match call.send().await {
                Ok(_) => return Ok(*which),
                // Anything else says nothing of the password.
                Err(error) if error.as_service_error().is_some_and(refuses) => {}
                Err(error) => return Err(CloudError::of("cognito-idp:InitiateAuth")(error).to_string()),
            }
        }
        Ok(AcceptedPassword::Nothing)
    }

    /// The attributes that do not have their new value at the replica.
    async fn diverged(&self) -> Result<Vec<String>, String> {
        let call = self.cloud.replica.cognito.admin_get_user().user_pool_id(self.pool.id_at(RegionRole::Replica));
        let shown = call.username(&self.name).send().await.map_err(CloudError::of("cognito-idp:AdminGetUser"));
        let shown = shown.map_err(|error| error.to_string())?;
        let there = |(name, value): &(&str, &str)| {
            shown.user_attributes().iter().any(|shown| shown.name() == *name && shown.value() == Some(value))
        };
        let differ = ATTRIBUTES.into_iter().filter(|attribute| !there(attribute));
        Ok(differ.map(|(name, _)| name.to_owned()).collect())
    }
}

/// Whether the pool knows neither that user nor that password.
fn refuses(error: &InitiateAuthError) -> bool {
    error.is_not_authorized_exception() || error.is_user_not_found_exception()
}

fn attribute(name: &str, value: &str) -> AttributeType {
    #[expect(clippy::expect_used, reason = "a name is all that is asked for")]
    AttributeType::builder().name(name).value(value).build().expect("an attribute with its name")
}
