//! The AWS twin: two Regions on loopback, with real DNS, TLS, sign-in, network ACLs that drop
//! packets, and health checkers. Answers on the wire; the engine cannot tell it from AWS.

pub mod acl;
pub mod api;
mod authorizers;
mod certificate;
pub mod dns;
pub mod edge;
mod environment;
pub mod estate;
pub mod health;
mod http;
pub mod identity;
mod idp;
mod ids;
mod operator;
pub mod services;
mod sockets;
mod start;
pub mod topology;
pub mod truth;
mod web;
pub mod world;

use std::io;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::task::JoinSet;

use self::api::sigv4::Keys;
use self::identity::Identity;
use self::start::{DnsServers, Ports};
use self::truth::Truth;
use self::world::World;
use gameday_core::env::{LabSettings, Observe, Timeouts};
use gameday_core::model::{Clock, Seed, TruthReport};
use gameday_protocols::net::TlsError;

/// What a lab is started with.
#[derive(Debug, Clone)]
pub struct LabOptions {
    /// Its own settings.
    pub settings: LabSettings,
    /// Handed through to its environment.
    pub observe: Observe,
    /// Handed through to its environment.
    pub timeouts: Timeouts,
    /// The environment's name.
    pub name: String,
    /// Scenario time.
    pub clock: Clock,
    /// Every draw follows from it.
    pub seed: Seed,
}

impl LabOptions {
    /// With what an environment file that says nothing hands through.
    pub fn new(settings: LabSettings, clock: Clock, seed: Seed) -> Self {
        let (observe, timeouts) = (Observe::default(), Timeouts::default());
        Self { settings, observe, timeouts, name: "lab".to_owned(), clock, seed }
    }
}

/// The lab could not start.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// No certificate could be made.
    #[error("the lab's certificate: {0}")]
    Certificate(String),
    /// An address of 127.0.0.0/8 or a port of it is not to be had.
    #[error("the lab cannot listen for {what} on loopback: {source}")]
    Bind {
        /// Which listener.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// `[[lab.estate]]` does not fit.
    #[error("{0}")]
    Estate(String),
    /// The user pool could not be set up.
    #[error("the lab's user pool: {0}")]
    Identity(String),
    /// The identity provider could not be set up.
    #[error("{0}")]
    Provider(String),
    /// TLS could not be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A running lab. Dropped, it ends.
pub struct Lab {
    options: LabOptions,
    ports: Ports,
    keys: Keys,
    identity: Arc<Identity>,
    world: Arc<World>,
    truth: Arc<Truth>,
    trust_root_pem: String,
    tasks: JoinSet<()>,
    _dns: DnsServers,
}

impl Lab {
    /// Starts a lab on free ports of this host's loopback addresses.
    ///
    /// # Errors
    /// [`LabError`].
    pub async fn start(options: LabOptions) -> Result<Self, LabError> {
        start::start(options).await
    }

    /// The certificate authority that the front doors' certificates come from, in PEM.
    pub fn trust_root_pem(&self) -> &str {
        &self.trust_root_pem
    }

    /// What really happened.
    pub fn truth_report(&self, zero_at: Option<Timestamp>) -> TruthReport {
        self.truth.report(zero_at)
    }

    /// The state of its networks.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Ends every task and waits until all have.
    pub async fn shutdown(mut self) {
        self.tasks.shutdown().await;
    }
}
