//! From an environment file to a site that the engine can work with; the embedded lab is started here.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::cloud::{Caller, Cloud};
use crate::preflight::{Findings, account};
use gameday_core::env::{self, Environment, EnvironmentKind, Site};
use gameday_core::files::{FileProblems, Loaded};
use gameday_core::model::TruthReport;
use gameday_core::model::{Clock, LONGEST_TEXT, Seed, read_text_at_most};
use gameday_core::scenario::Scenario;

use super::{Exit, Failure, Place, embedded, input, library};

/// An environment at hand.
pub(super) struct World {
    /// What the engine works with.
    pub site: Site,
    /// Scenario time.
    pub clock: Clock,
    /// The seed of every draw.
    pub seed: Seed,
    /// SHA-256 of the environment file.
    pub environment_sha256: String,
    /// The embedded lab, where it is one.
    lab: Option<embedded::Lab>,
    /// The running lab's ground truth, where it is one.
    truth_url: Option<String>,
}

/// Reads the scenario and the environment, and reports the problems of both. Without a scenario, the default one.
pub(super) fn read(scenario: Option<&Path>, place: &Place) -> Result<(Loaded<Scenario>, Loaded<Environment>), Failure> {
    if let Some(path) = scenario {
        input::want_scenario(path)?;
    }
    if let Some(path) = &place.env {
        input::want_environment(path)?;
    }
    let environment = environment(place.env.as_deref());
    let ttl = environment.as_ref().ok().and_then(|env| env.value.lab.as_ref()).map(|lab| lab.ttl.0);
    let scenario = scenario.map_or_else(library::default, |argument| library::load(argument, ttl));
    match (scenario, environment) {
        (Ok(scenario), Ok(environment)) => Ok((scenario, environment)),
        (Err(failure), Ok(_)) => Err(failure),
        (Ok(_), Err(problems)) => Err(problems.into()),
        (Err(first), Err(second)) => {
            first.print();
            Err(second.into())
        }
    }
}

/// Refuses an environment whose time cannot be simulated, where time is virtual.
///
/// # Errors
/// With the reason.
pub(super) fn simulable(environment: &Environment) -> Result<(), Failure> {
    let built_in = environment.kind == EnvironmentKind::Lab && environment.primary.is_none();
    if Clock::is_virtual() && !built_in {
        return Err(Failure::with_help(
            "--time virtual needs the built-in lab: the time of AWS and of another process cannot be simulated here",
            "Leave --time out, or give a lab environment that no other process runs",
        ));
    }
    Ok(())
}

/// Reads the environment file, or takes the built-in one.
pub(super) fn environment(path: Option<&Path>) -> Result<Loaded<Environment>, FileProblems> {
    path.map_or_else(|| Ok(env::built_in()), env::load)
}

impl World {
    /// Starts or joins what the environment describes.
    pub(super) async fn open(environment: Loaded<Environment>, place: &Place) -> Result<Self, Failure> {
        let seed = Seed(place.seed.unwrap_or_else(|| u64::from(rand::random::<u32>())));
        let (folder, environment_sha256) = (environment.folder().to_owned(), environment.sha256.clone());
        let environment = environment.value;
        let running = environment.primary.is_some();
        let speed = match (environment.kind, place.speed) {
            (EnvironmentKind::Aws, Some(_)) => {
                return Err(Failure::with_help(
                    "--speed is for the lab only; AWS runs in real time",
                    "Leave --speed out",
                ));
            }
            (EnvironmentKind::Lab, Some(speed)) if !running => speed,
            _ => 1.0,
        };
        if environment.kind == EnvironmentKind::Lab && !running {
            let rules = environment.rules();
            let clock = Clock::start(speed);
            let lab = embedded::start(environment, clock, seed).await?;
            let described = lab.environment().ruled_by(&rules);
            let site = complete(described, folder, Some(lab.trust_root_pem().to_owned()))?;
            return Ok(Self { site, clock, seed, environment_sha256, lab: Some(lab), truth_url: None });
        }
        let lab_clock = environment.lab.as_ref().and_then(|lab| lab.clock.clone());
        let clock = match (&lab_clock, place.speed) {
            (Some(clock), Some(speed)) if (clock.speed - speed).abs() > f64::EPSILON => {
                return Err(Failure::with_help(
                    format!("this lab runs at --speed {}, not {speed}", clock.speed),
                    "Leave --speed out; the running lab sets it",
                ));
            }
            (Some(clock), _) => Clock::aligned(clock.anchor, clock.speed),
            (None, _) => Clock::start(1.0),
        };
        let truth_url = environment.lab.as_ref().and_then(|lab| lab.truth_url.clone());
        let pem = trust_root(&environment, &folder)?;
        let site = complete(environment, folder, pem)?;
        Ok(Self { site, clock, seed, environment_sha256, lab: None, truth_url })
    }

    /// The lab's ground truth after a run; nothing on AWS.
    pub(super) async fn truth(&self, zero_at: Option<Timestamp>) -> Option<TruthReport> {
        if let Some(lab) = &self.lab {
            return Some(lab.truth_report(zero_at));
        }
        let url = self.truth_url.as_deref()?;
        fetch_truth(url, zero_at).await
    }

    /// Whether it ends with this process.
    pub(super) fn is_embedded(&self) -> bool {
        self.lab.is_some()
    }

    /// Ends the embedded lab.
    pub(super) async fn close(self) {
        if let Some(lab) = self.lab {
            lab.shutdown().await;
        }
    }
}

fn trust_root(environment: &Environment, folder: &Path) -> Result<Option<String>, Failure> {
    let Some(path) = environment.front_door.as_ref().and_then(|door| door.trust_root.as_ref()) else { return Ok(None) };
    let path = folder.join(path);
    let text = read_text_at_most(&path, LONGEST_TEXT);
    text.map(Some).map_err(|error| Failure::plain(format!("the trust root {}: {error}", path.display())))
}

fn complete(environment: Environment, folder: PathBuf, pem: Option<String>) -> Result<Site, Failure> {
    environment
        .complete(folder, pem)
        .map_err(|missing| Failure::plain(format!("the environment file lacks {}", missing.join(", "))))
}

async fn fetch_truth(url: &str, zero_at: Option<Timestamp>) -> Option<TruthReport> {
    let uri: http::Uri = url.parse().ok()?;
    let address = uri.authority()?.as_str().parse().ok()?;
    let query = zero_at.map(|zero| format!("?zero_at={zero}")).unwrap_or_default();
    let request = http::Request::get(format!("{}{query}", uri.path())).header("host", uri.authority()?.as_str());
    let request = request.body(bytes::Bytes::new()).ok()?;
    let mut connection =
        gameday_protocols::net::Connection::plain(gameday_protocols::net::connect(address).await.ok()?).await.ok()?;
    let response = connection.send(request).await.ok()?;
    serde_json::from_slice(response.body()).ok()
}

/// The AWS of a site, once its credentials belong to an account that the environment allows.
///
/// # Errors
/// With [`Exit::Refused`] for another account.
pub(super) async fn allowed(site: &Site) -> Result<(Cloud, Caller), Failure> {
    let cloud = Cloud::connect(site).await.map_err(|error| Failure::plain(error.to_string()))?;
    let mut found = Findings::default();
    if let Some(caller) = account(&cloud, site, &mut found).await {
        return Ok((cloud, caller));
    }
    let finding = found.findings.pop();
    let (text, help) = finding.map(|finding| (finding.evidence, finding.remedy)).unwrap_or_default();
    Err(Failure::with_help(format!("{text}; nothing was changed"), help).coded(Exit::Refused))
}
