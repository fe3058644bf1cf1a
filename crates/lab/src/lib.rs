//! A simulator of Amazon Cognito, Route 53 and the AWS services around them, in two Regions on loopback.
//!
//! [`Lab::start`] opens both Regions inside the calling process, with real sockets: DNS servers, TLS endpoints, the APIs of AWS, network
//! ACLs that drop packets, health checkers that move the failover record. AWS SDKs, the AWS CLI, `dig` and clients of OpenID Connect work
//! with it. GameDay rehearses failovers against it; another project can use it as the AWS of its own tests.
//!
//! It models what a failover depends on: replication with a lag, packets that vanish, caches, unsynchronised health checkers, request
//! quotas, both forms of issuer, triggers that read a table in their Region. It does not model AWS's latencies or IAM policies.
//! `docs/lab.md` has the whole list.
//!
//! # The lab in a test
//!
//! ```
//! use aws_sdk_cognitoidentityprovider::config::{BehaviorVersion, Region};
//! use aws_sdk_cognitoidentityprovider::types::AuthFlowType;
//! use aws_sdk_cognitoidentityprovider::{Client, Config};
//! use gameday_core::env::{LabSettings, SecretRef};
//! use gameday_core::model::{Clock, Seed};
//! use gameday_lab::{Lab, LabOptions};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let settings = LabSettings { users: 1, ..LabSettings::default() };
//! let lab = Lab::start(LabOptions::new(settings, Clock::start(1.0), Seed(7))).await?;
//!
//! // The lab describes itself in the form of an environment file.
//! let environment = lab.environment();
//! let (pool, users) = (environment.pool.unwrap(), environment.users.unwrap());
//! let Some(SecretRef::Literal(password)) = users.password else { panic!("the users have a password") };
//! let primary = environment.primary.unwrap();
//!
//! let config = Config::builder()
//!     .behavior_version(BehaviorVersion::latest())
//!     .region(Region::new(primary.region.to_string()))
//!     .endpoint_url(&primary.endpoints["cognito-idp"])
//!     .allow_no_auth()
//!     .build();
//! let answer = Client::from_conf(config)
//!     .initiate_auth()
//!     .auth_flow(AuthFlowType::UserPasswordAuth)
//!     .client_id(&pool.client_id)
//!     .auth_parameters("USERNAME", &users.names[0])
//!     .auth_parameters("PASSWORD", password.expose())
//!     .send()
//!     .await?;
//! assert!(answer.authentication_result.is_some());
//!
//! lab.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! `examples/lab_in_a_test.rs` of this crate also signs in at the replica, and verifies the tokens with the keys that the lab serves over
//! HTTPS. GameDay's `examples/srp_login.rs` signs in by SRP.
//!
//! # What a lab offers
//!
//! [`Lab::environment`] names all of it; ports differ from lab to lab, so that several run at the same time.
//!
//! - **The APIs of AWS in each Region**: `RegionEnv::endpoints`, by service, over HTTP on loopback. Signed calls need the access key in
//!   `Environment::credentials`. A test injects a fault as an operator would: for example by network ACL entries with the EC2 API.
//! - **The endpoint**: one HTTPS name for Cognito's API, its key sets, managed login and a protected API. Its certificate comes from the
//!   authority in [`Lab::trust_root_pem`]. The name follows the failover record; `RegionEnv::direct` has names of one Region each.
//! - **DNS**: authoritative servers and a caching resolver, `Environment::dns`. The names below `gameday.test` resolve only there.
//! - **Users**: `Environment::users`, with one password that is new in each lab.
//! - **The ground truth**: [`Lab::truth_report`] tells when packets were dropped, the record moved, and users could sign in again, as the
//!   lab itself saw it.
//!
//! The clock may be faster than real time (`Clock::start(10.0)`), or virtual: inside `gameday_protocols::timer::block_on_virtual`, a lab
//! waits for nothing and opens no sockets of the system.
//!
//! # Configuration
//!
//! [`LabSettings`] has the figures that matter in a failover: users, TTL, checkers, replication lag, quotas, strategy. Everything else is a
//! document, [`estate::AccountFixture`]; `LabSettings::estate` changes single values of it, so that a test sees a broken account: a disabled
//! key, a missing trigger, a certificate that ends tomorrow.
//!
//! # Errors
//!
//! [`LabError`], from [`Lab::start`] alone. The usual one is [`LabError::Bind`]: an address of 127.0.0.0/8 or a port of it is not free. A
//! running lab reports nothing by itself; its services answer with the errors that AWS documents.
//!
//! # Platform
//!
//! Linux, where every address of 127.0.0.0/8 is local. It needs no root, no network namespace, and no route to anywhere else.

#![warn(unreachable_pub)]

mod acl;
mod api;
mod authorizers;
mod certificate;
mod dns;
mod edge;
mod environment;
pub mod estate;
mod health;
mod http;
mod identity;
mod idp;
mod ids;
mod operator;
mod services;
mod sockets;
mod start;
mod topology;
mod truth;
mod web;
mod world;

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
    /// What it simulates: the table `[lab]` of an environment file.
    pub settings: LabSettings,
    /// How a run observes: the lab only passes it on, in [`Lab::environment`].
    pub observe: Observe,
    /// Timeouts of a run: the lab only passes them on, in [`Lab::environment`].
    pub timeouts: Timeouts,
    /// The name of the environment that [`Lab::environment`] gives.
    pub name: String,
    /// Scenario time, by which everything in the lab waits.
    pub clock: Clock,
    /// IDs and random draws follow from it; passwords, client secrets and signing keys are new in each lab.
    pub seed: Seed,
}

impl LabOptions {
    /// Options with the defaults of an environment file that sets nothing else; the name is `lab`.
    pub fn new(settings: LabSettings, clock: Clock, seed: Seed) -> Self {
        let (observe, timeouts) = (Observe::default(), Timeouts::default());
        Self { settings, observe, timeouts, name: "lab".to_owned(), clock, seed }
    }
}

/// Why the lab could not start.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// No certificate authority, or no certificate of it, could be made.
    #[error("the lab's certificate: {0}")]
    Certificate(String),
    /// An address of 127.0.0.0/8 or a port of it is not to be had.
    #[error("the lab cannot listen for {what} on loopback: {source}")]
    Bind {
        /// The listener, as `the endpoints`.
        what: &'static str,
        /// The operating system's error.
        source: io::Error,
    },
    /// Loopback has no latency that could be chosen.
    #[error("`lab.latency_max` is for virtual time: add `--time virtual`, or leave it out")]
    Latency,
    /// A change in `LabSettings::estate` (`[[lab.estate]]`) leads to no place in [`estate::AccountFixture`], or has a value that does not fit.
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

/// A running lab. It ends when it is dropped; [`Lab::shutdown`] also waits until it has ended.
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
    /// Most of the time goes into RSA keys, and into an SRP verifier for each user. Call it within a tokio runtime.
    ///
    /// # Errors
    /// [`LabError`], when an address or a port is not free or the settings do not fit.
    pub async fn start(options: LabOptions) -> Result<Self, LabError> {
        start::start(options).await
    }

    /// The certificate authority that signed the certificates of the endpoints and of the identity provider, in PEM.
    pub fn trust_root_pem(&self) -> &str {
        &self.trust_root_pem
    }

    /// What really happened, and when: the milestones of the first fault after `zero_at`, or since the start, with seconds after `zero_at`;
    /// and the random draws.
    pub fn truth_report(&self, zero_at: Option<Timestamp>) -> TruthReport {
        self.truth.report(zero_at)
    }

    /// Ends every task and waits until all have.
    pub async fn shutdown(mut self) {
        self.tasks.shutdown().await;
    }
}
