//! `gameday compare-strategies`: one scenario on each strategy of the lab, one after the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_cognitoidentityprovider::types::AuthFlowType;
use clap::{Args, ValueEnum};
use jiff::Timestamp;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::task::AbortOnDropHandle;

use crate::cloud::Cloud;
use crate::compare::{Accepted, CLAIMS, Claim, Comparison, Contender, Passwords};
use crate::env::{SecretRef, Site};
use crate::lab::truth::{Draw, TruthReport};
use crate::model::{Clock, Event, EventLog, Phase, Secret};

use super::summary::empty_table;
use super::world::World;
use super::{Exit, Failure, Format, Place, RunArgs, run, runs, speed};

/// What the probe leaves in a run's folder.
pub const PASSWORDS: &str = "passwords.json";

/// The scenario that is meant for it.
const SCENARIO: &str = "scenarios/strategies.toml";

/// The user whose password is changed is the last one of this population of the lab, which the scenario's users are not of.
const POPULATION: &str = "sign-out";

/// Native replica and bridge. The lab's `manual-sync` fails over after the right time, but no name is resolved in time from then on, so that
/// its runs do not count yet.
const COMPARED: usize = 2;

/// So long before the end of the baseline the passwords are changed: our own choice, within the article's RPO of native replication.
const BEFORE_THE_CUT: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub struct StrategiesArgs {
    /// The scenario file.
    #[arg(default_value = SCENARIO)]
    scenario: PathBuf,
    /// Scenario seconds in one real second.
    #[arg(long, value_name = "N", value_parser = speed, default_value = "30")]
    speed: f64,
    /// The number from which every random draw of all runs follows; drawn where left out.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The folder for the table and one folder for each run.
    #[arg(long, value_name = "DIR", default_value = "reports/strategies")]
    out: PathBuf,
    /// What goes to standard output.
    #[arg(long, value_enum, default_value = "human")]
    format: StrategiesFormat,
}

/// What the table is printed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StrategiesFormat {
    /// For the terminal.
    Human,
    /// For GitHub and GitLab; also in `strategies.md`.
    Markdown,
    /// For programs; also in `strategies.json`.
    Json,
}

/// Runs the scenario on each strategy and writes the table.
pub async fn compare(args: StrategiesArgs) -> Result<Exit, Failure> {
    let seed = args.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    fs::create_dir_all(&args.out).map_err(|error| fail(&args.out, &error))?;
    let mut contenders = Vec::new();
    for claim in CLAIMS.into_iter().take(COMPARED) {
        let folder = args.out.join(claim.strategy);
        let ended = Box::pin(run::run(of(&args, claim, seed, &folder)?)).await?;
        if !matches!(ended, Exit::Success | Exit::Missed) {
            return Ok(ended);
        }
        contenders.push(contender(claim, &folder)?);
    }
    let scenario = args.scenario.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let comparison = Comparison { scenario, speed: args.speed, seed, contenders };
    let markdown = comparison.markdown();
    let json = serde_json::to_string_pretty(&comparison).map_err(|error| Failure::plain(error.to_string()))?;
    runs::put(Some(&args.out.join("strategies.md")), &markdown)?;
    runs::put(Some(&args.out.join("strategies.json")), &json)?;
    let text = match args.format {
        StrategiesFormat::Human => human(&comparison),
        StrategiesFormat::Markdown => markdown,
        StrategiesFormat::Json => json,
    };
    runs::put(None, &text)?;
    Ok(Exit::Success)
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
        place: Place { env: Some(file), speed: Some(args.speed), seed: Some(seed) },
        out: Some(folder.to_owned()),
        yes: true,
        confirm: None,
        no_dead_man: false,
        allow_no_replica: false,
        ignore,
        format: Format::Human,
        no_progress: true,
        compared: true,
    })
}

fn contender(claim: Claim, folder: &Path) -> Result<Contender, Failure> {
    let run = runs::read(folder)?;
    let passwords: Passwords = read(&folder.join(PASSWORDS))?;
    let truth: TruthReport = read(&folder.join("truth.json"))?;
    let carried = truth.draws.get(&Draw::LagS).map_or(0, Vec::len);
    Ok(Contender::new(claim, &run, passwords, carried))
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let text = fs::read(path).map_err(|error| fail(path, &error))?;
    serde_json::from_slice(&text).map_err(|error| Failure::plain(format!("{}: {error}", path.display())))
}

fn fail(path: &Path, error: &std::io::Error) -> Failure {
    Failure::plain(format!("{}: {error}", path.display()))
}

fn human(comparison: &Comparison) -> String {
    let mut table = empty_table();
    table.set_header(["strategy", "", "claimed", "measured", "beside the claim"]);
    for it in &comparison.contenders {
        let passwords = format!("{} at the cut, {} after the hold", it.at_cut(), it.at_end());
        table.add_row([it.claim.strategy, "RTO", it.claim.rto, &it.rto_text(), it.rto_verdict.text()]);
        table.add_row(["", "RPO", it.claim.rpo, &it.rpo_text(), it.rpo_verdict.text()]);
        table.add_row(["", "password at the replica", it.claim.passwords, &passwords, it.passwords_verdict.text()]);
        table.add_row(["", "changes carried", "", &it.carried.to_string(), ""]);
    }
    table.to_string()
}

/// Changes a user's password twice shortly before the cut, and sees which one works at the replica.
pub struct Probe {
    found: Arc<Mutex<Passwords>>,
    _task: AbortOnDropHandle<()>,
}

impl Probe {
    /// Follows the run's phases.
    pub fn start(world: &World, log: &Arc<EventLog>, baseline: Duration) -> Self {
        let found = Arc::new(Mutex::new(Passwords::default()));
        let (site, clock, told, log) = (world.site.clone(), world.clock, Arc::clone(&found), Arc::clone(log));
        let task = tokio::spawn(async move {
            // Without it nothing is tried, which the table tells.
            if let Some(user) = ProbeUser::of(&site).await {
                user.follow(clock, baseline, &log, &told).await;
            }
        });
        Self { found, _task: AbortOnDropHandle::new(task) }
    }

    /// What was found, as JSON.
    pub fn end(self) -> Vec<u8> {
        let found = *self.found.lock().unwrap_or_else(PoisonError::into_inner);
        serde_json::to_vec_pretty(&found).unwrap_or_default()
    }
}

struct ProbeUser {
    cloud: Cloud,
    pool: String,
    client: String,
    name: String,
    /// From the newest on.
    passwords: [(Accepted, Secret); 3],
}

impl ProbeUser {
    async fn of(site: &Site) -> Option<Self> {
        let population = site.users.populations.iter().find(|population| population.name == POPULATION)?;
        let Some(SecretRef::Literal(old)) = population.password.clone() else { return None };
        let new = || Secret::new(format!("Gd1-{:032x}", rand::random::<u128>()));
        Some(Self {
            cloud: Cloud::connect(site).await.ok()?,
            pool: site.pool.id.clone(),
            client: site.pool.client_id.clone(),
            name: population.names.last()?.clone(),
            passwords: [(Accepted::Newest, new()), (Accepted::Overtaken, new()), (Accepted::Old, old)],
        })
    }

    async fn follow(&self, clock: Clock, baseline: Duration, log: &EventLog, told: &Mutex<Passwords>) {
        let mut events = log.subscribe();
        let (mut due, mut changed) = (None, false);
        loop {
            let event = tokio::select! {
                event = events.recv() => event,
                () = clock.sleep_until(due.unwrap_or(Timestamp::MAX)), if due.is_some() => {
                    (due, changed) = (None, self.change().await);
                    continue;
                }
            };
            let record = match event {
                Ok(record) => record,
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            };
            let Event::PhaseStarted { phase } = &record.event else { continue };
            match phase {
                Phase::Baseline => due = record.at.checked_add(baseline.saturating_sub(BEFORE_THE_CUT)).ok(),
                Phase::Outage if changed => {
                    let accepted = self.accepted().await;
                    told.lock().unwrap_or_else(PoisonError::into_inner).at_cut = Some(accepted);
                }
                Phase::Restore if changed => {
                    let accepted = self.accepted().await;
                    told.lock().unwrap_or_else(PoisonError::into_inner).at_end = Some(accepted);
                    return;
                }
                _ => {}
            }
        }
    }

    /// To the overtaken password, then to the newest.
    async fn change(&self) -> bool {
        for (_, password) in self.passwords[..2].iter().rev() {
            let call = self.cloud.primary.cognito.admin_set_user_password().user_pool_id(&self.pool);
            let call = call.username(&self.name).password(password.expose()).permanent(true);
            if call.send().await.is_err() {
                return false;
            }
        }
        true
    }

    /// The newest password that signs in.
    async fn accepted(&self) -> Accepted {
        let cognito = &self.cloud.replica.cognito;
        for (which, password) in &self.passwords {
            let call = cognito.initiate_auth().client_id(&self.client).auth_flow(AuthFlowType::UserPasswordAuth);
            let call = call.auth_parameters("USERNAME", &self.name).auth_parameters("PASSWORD", password.expose());
            if call.send().await.is_ok() {
                return *which;
            }
        }
        Accepted::Nothing
    }
}
