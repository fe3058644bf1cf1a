//! The health check: many checkers, each with a mind of its own.
//!
//! Route 53 developer guide, "How Amazon Route 53 determines whether a health check is healthy": a TCP connection within four seconds, then a
//! 2xx or 3xx status within two; within ten seconds where nothing but a TCP connection is asked for; a checker flips after `FailureThreshold`
//! consecutive results; the whole is healthy while more than 18 % of the checkers say so. Checkers do not coordinate, and do not verify
//! certificates. `RequestInterval` counts from one answer to the next request (Route 53 API reference, HealthCheckConfig); that it counts from a
//! time-out in the same way is assumed.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use rand::RngExt;
use rand::seq::IndexedRandom;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::estate::routing::HealthCheckFixture as Shape;
use super::topology;
use super::truth::{Fact, Truth};
use gameday_core::model::Draw;
use gameday_core::model::{Clock, Seed};
use gameday_protocols::net;
use gameday_protocols::timer::Timer as _;

/// For the TCP connection (Route 53 developer guide).
const CONNECT: Duration = Duration::from_secs(4);
/// For the TCP connection where that is all (Route 53 developer guide).
const CONNECT_ONLY: Duration = Duration::from_secs(10);
/// For the status, once connected (Route 53 developer guide).
const RESPONSE: Duration = Duration::from_secs(2);
/// Healthy while more than this share of checkers says so (Route 53 developer guide).
const HEALTHY_SHARE_PERCENT: usize = 18;
/// Where Route 53 has checkers (Route 53 API reference, `HealthCheckRegion`).
pub(crate) const CHECKER_REGIONS: [&str; 8] = [
    "us-east-1",
    "us-west-1",
    "us-west-2",
    "eu-west-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-northeast-1",
    "sa-east-1",
];
/// What a checker that only connects tells of a success.
const CONNECTED: &str = "Success: A TCP connection was established.";
const TIMED_OUT: &str = "Failure: Connection timed out. The endpoint or the internet connection is down, or requests are being blocked by \
                         your firewall.";

/// What the checkers ask.
#[derive(Debug, Clone)]
pub(crate) struct HealthOptions {
    /// How many checkers.
    pub checkers: u32,
    /// From the end of one checker's request to its next, in scenario time.
    pub interval: Duration,
    /// Consecutive results after which a checker flips.
    pub threshold: u32,
    /// The name in SNI and Host.
    pub name: String,
    /// What the name resolves to; each check takes one.
    pub addresses: Vec<SocketAddr>,
    /// In scenario time.
    pub clock: Clock,
    /// Phases and choices follow from it.
    pub seed: Seed,
    /// How they ask.
    pub shape: Shape,
    /// What they are answered at first: the lab's world is older than the lab, so they have flipped long ago where it is no success.
    pub status: u16,
}

impl HealthOptions {
    fn begins(&self) -> Result<String, String> {
        let status = http::StatusCode::from_u16(self.status).unwrap_or_default();
        match self.shape.kind.as_str() {
            "TCP" => Ok(CONNECTED.to_owned()),
            _ => judge(status),
        }
    }

    /// Where its checkers are.
    fn regions(&self) -> Vec<&'static str> {
        let chosen = |region: &&str| self.shape.regions.is_empty() || self.shape.regions.iter().any(|it| it == region);
        let regions: Vec<_> = CHECKER_REGIONS.into_iter().filter(chosen).collect();
        if regions.is_empty() { CHECKER_REGIONS.to_vec() } else { regions }
    }
}

/// What one checker saw last.
#[derive(Debug, Clone)]
pub(crate) struct Observation {
    /// Where the checker is.
    pub region: &'static str,
    pub address: IpAddr,
    /// As Route 53 words it.
    pub status: String,
    /// When, in scenario time.
    pub at: Timestamp,
}

#[derive(Debug)]
struct Checker {
    healthy: bool,
    /// Consecutive results against `healthy`.
    streak: u32,
    last: Observation,
}

impl Checker {
    /// Takes a result in; flips after `threshold` consecutive ones to the contrary.
    fn take(&mut self, success: bool, threshold: u32) {
        self.streak = if success == self.healthy { 0 } else { self.streak + 1 };
        if self.streak >= threshold {
            self.healthy = success;
            self.streak = 0;
        }
    }
}

/// What can be changed of a health check while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Says the opposite of what the checkers see.
    pub inverted: bool,
    /// Counts as healthy, whatever the checkers see; inverted, as unhealthy (Route 53 API reference, HealthCheckConfig).
    pub disabled: bool,
    /// Consecutive results after which a checker flips.
    pub threshold: u32,
    /// Counts the updates, from 1.
    pub version: u64,
    pub tags: BTreeMap<String, String>,
}

impl Settings {
    /// The status that DNS follows, where the checkers see `healthy`: Route 53 "stops performing health checks" of a disabled one
    /// and "considers the health check to be healthy"; inverted, that is unhealthy (Route 53 API reference, HealthCheckConfig).
    fn status(&self, healthy: bool) -> bool {
        (self.disabled || healthy) != self.inverted
    }
}

/// A running health check.
#[derive(Debug)]
pub(crate) struct HealthCheck {
    options: HealthOptions,
    settings: Mutex<Settings>,
    checkers: Mutex<Vec<Checker>>,
    healthy: watch::Sender<bool>,
    truth: Arc<Truth>,
}

impl HealthCheck {
    /// Starts the checkers. All of them agree at first.
    pub(crate) fn start(
        options: HealthOptions,
        truth: Arc<Truth>,
        tasks: &mut JoinSet<()>,
    ) -> Result<Arc<Self>, net::TlsError> {
        let now = options.clock.now();
        let phases: Vec<Duration> = (0..options.checkers)
            .map(|number| {
                options.interval.mul_f64(options.seed.stream(&format!("checker-{number}-phase")).random::<f64>())
            })
            .collect();
        for phase in &phases {
            truth.drew(Draw::CheckerPhaseS, phase.as_secs_f64());
        }
        let (begins, regions) = (options.begins(), options.regions());
        let healthy = begins.is_ok();
        let status = begins.unwrap_or_else(|failure| failure);
        let checkers = (0..options.checkers).zip(&phases).map(|(number, phase)| {
            let since_last = SignedDuration::try_from(options.interval.saturating_sub(*phase)).unwrap_or_default();
            let last = Observation {
                region: regions[number as usize % regions.len()],
                address: topology::checker_address(number),
                status: status.clone(),
                at: now.checked_sub(since_last).unwrap_or(now),
            };
            Checker { healthy, streak: 0, last }
        });
        let checkers = Mutex::new(checkers.collect());
        let settings = Settings {
            inverted: options.shape.inverted,
            disabled: options.shape.disabled,
            threshold: options.threshold,
            version: 1,
            tags: BTreeMap::from([("Name".to_owned(), "front-door".to_owned())]),
        };
        let tls = net::client_tls_unverified(options.shape.enable_sni)?;
        let healthy = watch::Sender::new(settings.status(healthy));
        let settings = Mutex::new(settings);
        let check = Arc::new(Self { options, settings, checkers, healthy, truth });
        for (number, phase) in (0..).zip(phases) {
            tasks.spawn(check.clone().run(number, now, phase, tls.clone()));
        }
        Ok(check)
    }

    /// Whether it is healthy now.
    pub(crate) fn is_healthy(&self) -> bool {
        *self.healthy.borrow()
    }

    /// Wakes when it flips.
    pub(crate) fn subscribe(&self) -> watch::Receiver<bool> {
        self.healthy.subscribe()
    }

    /// What each checker saw last.
    pub(crate) fn observations(&self) -> Vec<Observation> {
        let checkers = self.checkers.lock().unwrap_or_else(PoisonError::into_inner);
        checkers.iter().map(|checker| checker.last.clone()).collect()
    }

    /// How it asks.
    pub(crate) fn options(&self) -> &HealthOptions {
        &self.options
    }

    /// What can be changed, as it is now.
    pub(crate) fn settings(&self) -> Settings {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes it, unless it was changed since `version`; tells whether it did. DNS follows at once.
    pub(crate) fn update(&self, version: Option<u64>, change: impl FnOnce(&mut Settings)) -> bool {
        let checkers = self.checkers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        if version.is_some_and(|version| version != settings.version) {
            return false;
        }
        change(&mut settings);
        settings.version += 1;
        self.conclude(&checkers, &settings, self.options.clock.now());
        true
    }

    /// Changes its tags, which nothing depends on.
    pub(crate) fn tag(&self, added: BTreeMap<String, String>, removed: &[String]) {
        let mut settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        settings.tags.retain(|key, _| !removed.contains(key));
        settings.tags.extend(added);
    }

    async fn run(self: Arc<Self>, number: u32, start: Timestamp, phase: Duration, tls: tokio_rustls::TlsConnector) {
        let clock = self.options.clock;
        let mut random = self.options.seed.stream(&format!("checker-{number}"));
        let after = |at: Timestamp, span: Duration| {
            at.checked_add(SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX)
        };
        let mut due = after(start, phase);
        loop {
            clock.sleep_until(due).await;
            // A disabled one is not asked for; the choice is drawn all the same, so that later ones stay as they are.
            let target = self.options.addresses.choose(&mut random);
            if let Some(target) = target.filter(|_| !self.settings().disabled) {
                let outcome = self.ask(topology::checker_address(number), *target, &tls).await;
                self.take(number, outcome);
            }
            due = after(clock.now(), self.options.interval.max(Duration::from_millis(1)));
        }
    }

    fn take(&self, number: u32, outcome: Result<String, String>) {
        let mut checkers = self.checkers.lock().unwrap_or_else(PoisonError::into_inner);
        let settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        let at = self.options.clock.now();
        if let Some(checker) = checkers.get_mut(number as usize) {
            checker.take(outcome.is_ok(), settings.threshold);
            checker.last.status = outcome.unwrap_or_else(|failure| failure);
            checker.last.at = at;
        }
        self.conclude(&checkers, &settings, at);
    }

    /// Under both locks, so that the facts are in order.
    fn conclude(&self, checkers: &[Checker], settings: &Settings, at: Timestamp) {
        let seen = is_healthy(checkers.iter().filter(|checker| checker.healthy).count(), checkers.len());
        let healthy = settings.status(seen);
        self.healthy.send_if_modified(|known| {
            let flipped = *known != healthy;
            if flipped {
                self.truth.note(Fact::Health { healthy }, at);
            }
            *known = healthy;
            flipped
        });
    }

    /// One check, with Route 53's words for the outcome.
    async fn ask(&self, from: IpAddr, to: SocketAddr, tls: &tokio_rustls::TlsConnector) -> Result<String, String> {
        let clock = self.options.clock;
        let connects_only = self.options.shape.kind == "TCP";
        let patience = if connects_only { CONNECT_ONLY } else { CONNECT };
        let tcp = clock.timeout(patience, net::connect_from(from, to)).await.map_err(|_| TIMED_OUT.to_owned())?;
        let tcp = tcp.map_err(|error| format!("Failure: {error}"))?;
        if connects_only {
            return Ok(CONNECTED.to_owned());
        }
        let exchange = async {
            let name = net::server_name(&self.options.name).map_err(|error| error.to_string())?;
            let mut connection = net::Connection::open(tls, name, tcp).await.map_err(|error| error.to_string())?;
            let request = http::Request::get(self.options.shape.path.as_deref().unwrap_or("/"))
                .header(http::header::HOST, net::host_header(&self.options.name, to.port()))
                .header(http::header::USER_AGENT, "Amazon-Route53-Health-Check-Service (GameDay lab)")
                .body(Bytes::new())
                .map_err(|error| error.to_string())?;
            connection.send(request).await.map(|response| response.status()).map_err(|error| error.to_string())
        };
        match clock.timeout(RESPONSE, exchange).await {
            Err(_) => {
                Err("Failure: The endpoint did not respond to the health check request within the timeout limit."
                    .to_owned())
            }
            Ok(Err(error)) => Err(format!("Failure: {error}")),
            Ok(Ok(status)) => judge(status),
        }
    }
}

/// What a status means to a checker, in Route 53's words.
fn judge(status: http::StatusCode) -> Result<String, String> {
    let good = status.is_success() || status.is_redirection();
    let told = format!("{}: HTTP Status Code {}", if good { "Success" } else { "Failure" }, words(status));
    if good { Ok(told) } else { Err(told) }
}

fn words(status: http::StatusCode) -> String {
    format!("{}, {}", status.as_u16(), status.canonical_reason().unwrap_or("Unknown"))
}

fn is_healthy(healthy: usize, checkers: usize) -> bool {
    healthy * 100 > checkers * HEALTHY_SHARE_PERCENT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_of_sixteen_are_too_few_and_three_enough() {
        assert!(!is_healthy(2, 16));
        assert!(is_healthy(3, 16));
        assert!(!is_healthy(18, 100));
        assert!(is_healthy(19, 100));
    }

    #[test]
    fn inverted_it_says_the_opposite_and_disabled_nothing_of_what_is_seen() {
        let status = |disabled, inverted, seen| {
            let settings = Settings { inverted, disabled, threshold: 3, version: 1, tags: BTreeMap::new() };
            settings.status(seen)
        };
        assert!(status(false, false, true) && !status(false, false, false));
        assert!(!status(false, true, true) && status(false, true, false));
        assert!(status(true, false, true) && status(true, false, false));
        assert!(!status(true, true, true) && !status(true, true, false));
    }

    #[test]
    fn only_consecutive_results_flip_a_checker() {
        let last = Observation {
            region: "us-east-1",
            address: topology::checker_address(0),
            status: String::new(),
            at: Timestamp::UNIX_EPOCH,
        };
        let mut checker = Checker { healthy: true, streak: 0, last };
        for success in [false, false, true, false, false] {
            checker.take(success, 3);
            assert!(checker.healthy);
        }
        checker.take(false, 3);
        assert!(!checker.healthy);
        for success in [true, true, false, true, true] {
            checker.take(success, 3);
            assert!(!checker.healthy);
        }
        checker.take(true, 3);
        assert!(checker.healthy);
    }
}
