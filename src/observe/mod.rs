//! Observers: each asks one thing again and again and writes what it was told, with the moments of
//! question and answer. They conclude nothing.
//!
//! They are the instrument, so they have a thread of their own: the users' arithmetic (three modular
//! exponentiations a login) must not delay a look, since every delay widens a reported interval.

mod alarms;
mod checkers;
mod harness;

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use std::{io, thread};

use aws_sdk_cognitoidentityprovider::types::AttributeType;
use aws_sdk_route53::types::HealthCheckConfig;
use jiff::{SignedDuration, Timestamp};
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cloud::{Cloud, CloudError, RegionClients};
use gameday_core::env::{Canary, Observe, Pool};
use gameday_core::model::{Clock, DnsSource, Event, EventLog, RegionRole, Window};
use gameday_protocols::dns::{Doors, Server};
use gameday_protocols::net::{LocalFailure, connect};
use gameday_protocols::timer::Timer as _;

pub use alarms::in_alarm;
use checkers::CheckerTally;
pub use checkers::{Checkers, HEALTHY_SHARE};

/// A path probe gives up after this much scenario time.
const PATH_PATIENCE: Duration = Duration::from_secs(2);

/// The Regions' direct names are asked for again so often, in scenario time: half of the TTL of a load balancer's own name (60 s); our own choice.
const DOORS: Duration = Duration::from_secs(30);

/// A look starts so much real time before its period is over: the timer's granularity (tokio: 1 ms), other looks
/// and the kernel's wake-up then do not make two looks lie further apart than the period says.
const WAKE_UP: Duration = Duration::from_millis(8);

/// What a health check does with what its checkers see.
#[derive(Debug, Clone, Copy, Default)]
struct Setting {
    /// It counts as healthy, whatever they see.
    disabled: bool,
    /// It says the opposite.
    inverted: bool,
}

/// What the observers of a run look at.
#[derive(Debug, Clone)]
pub struct Targets {
    /// The health check.
    pub health_check_id: String,
    /// Whether its status may be another than its checkers': a fault inverts it, or it was disabled or inverted before the run.
    pub may_differ: bool,
    /// Its FailureThreshold.
    pub failure_threshold: u32,
    /// Its RequestInterval.
    pub request_interval: Duration,
    /// The record's name.
    pub record: String,
    /// The zone's name servers.
    pub authoritative: Vec<Server>,
    /// The users' resolvers.
    pub resolvers: Vec<Server>,
    /// The primary's front doors.
    pub primary: Vec<SocketAddr>,
    /// Which addresses lead to which Region.
    pub doors: Arc<Doors>,
    /// The pool and the canary user, where there is one.
    pub canary: Option<(Pool, Canary)>,
}

/// Runs all observers.
#[derive(Debug, Clone)]
pub struct Observers {
    /// What to look at.
    pub targets: Arc<Targets>,
    /// How often.
    pub periods: Observe,
    /// AWS clients.
    pub cloud: Cloud,
    /// Scenario time.
    pub clock: Clock,
    /// Where to write.
    pub log: Arc<EventLog>,
    /// The health checkers' reports so far.
    pub checkers: Arc<Checkers>,
}

impl Observers {
    /// Looks on a thread of its own until `stop`, in virtual time on this one; canaries are written until `stop_writing`. The
    /// receiver is done when all looks have ended.
    ///
    /// # Errors
    /// When the system gives no thread or no event queue.
    pub fn start(self, stop: CancellationToken, stop_writing: CancellationToken) -> io::Result<oneshot::Receiver<()>> {
        let (done, ended) = oneshot::channel();
        if Clock::is_virtual() {
            tokio::spawn(async move {
                self.run(stop, stop_writing).await;
                // Nobody may be waiting any more.
                let _ = done.send(());
            });
            return Ok(ended);
        }
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let looking = move || {
            runtime.block_on(self.run(stop, stop_writing));
            // Nobody may be waiting any more.
            let _ = done.send(());
        };
        thread::Builder::new().name("observers".to_owned()).spawn(looking)?;
        Ok(ended)
    }

    async fn run(self, stop: CancellationToken, stop_writing: CancellationToken) {
        let mut observers = JoinSet::new();
        let period = self.periods.health.0;
        observers.spawn(self.clone().repeat(period, stop.clone(), Self::health));
        for (source, servers, period) in [
            (DnsSource::Authoritative, &self.targets.authoritative, self.periods.authoritative.0),
            (DnsSource::Resolver, &self.targets.resolvers, self.periods.resolver.0),
        ] {
            for server in servers {
                let server = server.clone();
                let look = move |own: Self| own.answer(source, server.clone());
                observers.spawn(self.clone().repeat(period, stop.clone(), look));
            }
        }
        for address in self.targets.primary.clone() {
            let look = move |own: Self| own.path(address);
            observers.spawn(self.clone().repeat(self.periods.path.0, stop.clone(), look));
        }
        if self.targets.canary.is_some() {
            let period = self.periods.canary.0;
            observers.spawn(self.clone().write_canaries(stop_writing));
            observers.spawn(self.clone().repeat(period, stop.clone(), Self::read_canary));
        }
        observers.spawn(self.clone().repeat(DOORS, stop.clone(), Self::ask_for_doors));
        let (clock, log) = (self.clock, Arc::clone(&self.log));
        observers.spawn(async move { harness::watch(clock, &log, stop).await });
        while observers.join_next().await.is_some() {}
    }

    /// Starts a look within a period of the one before, beside the earlier ones, so that a look which
    /// hangs does not hide what follows. At most eight at once: more would only pile up.
    async fn repeat<L, F>(self, period: Duration, stop: CancellationToken, look: L)
    where
        L: Fn(Self) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let pause = period.saturating_sub(WAKE_UP.mul_f64(self.clock.speed())).max(period / 2);
        let mut next = self.clock.now();
        let mut looks = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = self.clock.sleep_until(next) => {}
            }
            next = self.clock.now().saturating_add(signed(pause)).unwrap_or(Timestamp::MAX);
            while looks.try_join_next().is_some() {}
            if looks.len() < 8 {
                looks.spawn(look(self.clone()));
            }
        }
        while looks.join_next().await.is_some() {}
    }

    fn window(&self, sent: Timestamp) -> Window {
        Window { sent, received: self.clock.now() }
    }

    fn gap(&self, window: Window, observer: &str, error: String) {
        self.log.write(Event::ObserverGap { window, observer: observer.to_owned(), error });
    }

    async fn health(self) {
        let sent = self.clock.now();
        let call = self.cloud.route53.get_health_check_status().health_check_id(&self.targets.health_check_id);
        let status = async { call.send().await.map_err(CloudError::of("route53:GetHealthCheckStatus")) };
        let (status, setting) = tokio::join!(status, self.setting());
        let window = self.window(sent);
        let (answer, setting) = match status.and_then(|status| Ok((status, setting?))) {
            Ok(answers) => answers,
            Err(error) => return self.gap(window, "health", error.to_string()),
        };
        let CheckerTally { healthy, checkers, unsure, status } =
            self.checkers.take(answer.health_check_observations(), window);
        let Some(seen) = status.or_else(|| setting.disabled.then_some(true)) else {
            let error =
                format!("{unsure} of {checkers} checkers may have had results that were not observed, and they decide");
            return self.gap(window, "health", error);
        };
        let status_healthy = (setting.disabled || seen) != setting.inverted;
        self.log.write(Event::Health { window, healthy, checkers, status_healthy });
    }

    /// How the health check takes what its checkers see; asked for only where that may matter, since Route 53 answers five
    /// requests a second.
    async fn setting(&self) -> Result<Setting, CloudError> {
        if !self.targets.may_differ {
            return Ok(Setting::default());
        }
        let call = self.cloud.route53.get_health_check().health_check_id(&self.targets.health_check_id);
        let answer = call.send().await.map_err(CloudError::of("route53:GetHealthCheck"))?;
        let config = answer.health_check.and_then(|check| check.health_check_config);
        let set = |of: fn(&HealthCheckConfig) -> Option<bool>| config.as_ref().and_then(of).unwrap_or_default();
        Ok(Setting { disabled: set(HealthCheckConfig::disabled), inverted: set(HealthCheckConfig::inverted) })
    }

    async fn answer(self, source: DnsSource, server: Server) {
        let sent = self.clock.now();
        let answer = server.addresses(&self.targets.record).await;
        let window = self.window(sent);
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return self.gap(window, server.label(), error.to_string()),
        };
        let doors = &self.targets.doors;
        if doors.meets_stranger(&answer.addresses) {
            self.clone().ask_for_doors().await;
        }
        let (role, unknown) = doors.judge(&answer.addresses);
        self.log.write(Event::Answer {
            window,
            source,
            server: server.label().to_owned(),
            addresses: answer.addresses,
            ttl_s: answer.ttl_s,
            role,
            unknown,
        });
    }

    /// Asks the Regions' direct names again, since a load balancer's addresses change.
    async fn ask_for_doors(self) {
        for (region, address) in self.targets.doors.ask_again().await {
            self.log.write(Event::Notice { text: format!("the endpoint in {region} has a new address: {address}") });
        }
    }

    async fn path(self, address: SocketAddr) {
        let sent = self.clock.now();
        let mut connecting = Box::pin(connect(address));
        // The first poll makes the system call that sends the SYN.
        let first = futures::poll!(&mut connecting);
        let departed = self.clock.now();
        let result = match first {
            Poll::Ready(result) => result.map(drop),
            // Given up: no answer came.
            Poll::Pending => match self.clock.timeout(PATH_PATIENCE, connecting).await {
                Ok(result) => result.map(drop),
                Err(_) => Err(io::ErrorKind::TimedOut.into()),
            },
        };
        let window = self.window(sent);
        match opened(&result) {
            Ok(open) => self.log.write(Event::Path { window, departed, address: address.ip(), open }),
            Err(own) => self.gap(window, "path", own.to_string()),
        }
    }

    async fn write_canaries(self, stop: CancellationToken) {
        // Later runs start higher than earlier ones, whatever these left behind.
        let base = u64::try_from(self.clock.anchor().as_millisecond()).unwrap_or_default();
        let first = self.clock.now();
        for turn in 0_u32.. {
            let at = first.saturating_add(signed(self.periods.canary.0 * turn)).unwrap_or(Timestamp::MAX);
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = self.clock.sleep_until(at) => {}
            }
            let Some((pool, canary)) = &self.targets.canary else { break };
            let sequence = base + u64::from(turn);
            let sent = self.clock.now();
            let result = write_canary(&self.cloud.primary, pool.id_at(RegionRole::Primary), canary, sequence).await;
            let window = self.window(sent);
            self.log.write(Event::CanaryWritten { window, sequence, acknowledged: result.is_ok() });
            if let Err(error) = result {
                self.gap(window, "canary writer", error.to_string());
            }
        }
    }

    async fn read_canary(self) {
        let Some((pool, canary)) = &self.targets.canary else { return };
        let sent = self.clock.now();
        let result = read_canary(&self.cloud.replica, pool.id_at(RegionRole::Replica), canary).await;
        let window = self.window(sent);
        match result {
            Ok(sequence) => self.log.write(Event::CanaryRead { window, sequence }),
            Err(error) => self.gap(window, "canary reader", error.to_string()),
        }
    }
}

/// Whether a path is open; nothing is known of it where this machine could not even try.
fn opened(result: &io::Result<()>) -> Result<bool, LocalFailure> {
    match result {
        Ok(()) => Ok(true),
        Err(error) => LocalFailure::of(error).map_or(Ok(false), Err),
    }
}

async fn write_canary(clients: &RegionClients, pool: &str, canary: &Canary, sequence: u64) -> Result<(), CloudError> {
    let operation = "cognito-idp:AdminUpdateUserAttributes";
    let attribute = AttributeType::builder().name(&canary.attribute).value(sequence.to_string()).build();
    let attribute = attribute.map_err(|_| CloudError::incomplete(operation, "attribute name"))?;
    let call = clients.cognito.admin_update_user_attributes().user_pool_id(pool).username(&canary.username);
    call.user_attributes(attribute).send().await.map(drop).map_err(CloudError::of(operation))
}

async fn read_canary(clients: &RegionClients, pool: &str, canary: &Canary) -> Result<u64, CloudError> {
    let operation = "cognito-idp:AdminGetUser";
    let call = clients.cognito.admin_get_user().user_pool_id(pool).username(&canary.username);
    let answer = call.send().await.map_err(CloudError::of(operation))?;
    let attribute = answer.user_attributes().iter().find(|attribute| attribute.name() == canary.attribute);
    // A canary that was never written reads as 0.
    Ok(attribute.and_then(|attribute| attribute.value()?.parse().ok()).unwrap_or(0))
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_that_this_machine_could_not_make_closes_no_path() {
        let of = |errno: rustix::io::Errno| opened(&Err(errno.into()));
        assert_eq!(opened(&Ok(())), Ok(true));
        assert_eq!(of(rustix::io::Errno::CONNREFUSED), Ok(false));
        assert_eq!(opened(&Err(io::ErrorKind::TimedOut.into())), Ok(false));
        assert_eq!(of(rustix::io::Errno::MFILE), Err(LocalFailure::Descriptors));
        assert_eq!(of(rustix::io::Errno::ADDRNOTAVAIL), Err(LocalFailure::Ports));
    }
}
