//! Finds out what an environment file says: from a user pool's ID to its app clients, its failover record, and the subnets behind it. Only
//! reads. What cannot be found is said in words, and left to whoever fills in the file.

mod network;
mod pool;
mod routing;

use std::net::IpAddr;

use futures::future::BoxFuture;

use crate::cloud::{Cloud, CloudError};
use gameday_core::model::RegionRole;

pub use pool::FoundClient;
pub use routing::{CheckTarget, Record};

/// Gives the addresses of a name, as users' resolvers do; none where there are none.
pub type Resolve<'a> = &'a (dyn Fn(String) -> BoxFuture<'a, Vec<IpAddr>> + Sync);

/// Where to begin.
#[derive(Debug, Clone)]
pub struct Question {
    /// The pool's ID at the primary.
    pub pool_id: String,
    /// The failover record's name, where its user says so.
    pub record: Option<String>,
}

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct Discovery {
    /// The account that the credentials belong to.
    pub account: Option<String>,
    /// The pool's name.
    pub pool_name: String,
    /// Whether the replica's Region knows a pool with that ID.
    pub replica_has_pool: bool,
    /// The app clients, those that need no secret and sign in by SRP first.
    pub clients: Vec<FoundClient>,
    /// The pool's custom domain.
    pub domain: Option<String>,
    /// Synthetic users that `gameday users seed` made.
    pub users: Vec<String>,
    /// The failover record.
    pub record: Option<Record>,
    /// The names of other failover records, where it is not clear which one is meant.
    pub other_records: Vec<String>,
    /// What the record's health check asks.
    pub target: Option<CheckTarget>,
    /// What leads to each Region's front door alone, primary first.
    pub direct: [Vec<String>; 2],
    /// The subnets of each Region's front door.
    pub subnets: [Vec<String>; 2],
    /// What could not be asked, and why.
    pub failed: Vec<String>,
}

/// Looks for everything.
///
/// # Errors
/// [`CloudError`] when the pool itself cannot be described: then nothing else could be found.
pub async fn look(cloud: &Cloud, question: &Question, resolve: Resolve<'_>) -> Result<Discovery, CloudError> {
    let mut found = Discovery::default();
    pool::look(cloud, &question.pool_id, &mut found).await?;
    match cloud.primary.caller().await {
        Ok(caller) => found.account = Some(caller.account),
        Err(error) => found.failed.push(error.to_string()),
    }
    routing::look(cloud, question.record.as_deref(), &mut found).await;
    for (number, role) in [RegionRole::Primary, RegionRole::Replica].into_iter().enumerate() {
        let mut names = found.direct[number].clone();
        if role == RegionRole::Primary {
            names.extend(found.target.iter().map(|target| target.host.clone()));
        }
        let mut addresses = Vec::new();
        for name in names {
            match name.parse() {
                Ok(address) => addresses.push(address),
                Err(_) => addresses.extend(resolve(name).await),
            }
        }
        let subnets = network::subnets(cloud.region(role), &addresses).await;
        found.subnets[number] = found.note(subnets).unwrap_or_default();
    }
    Ok(found)
}

impl Discovery {
    /// An answer, or nothing, with the reason among what failed.
    fn note<T>(&mut self, answer: Result<T, CloudError>) -> Option<T> {
        answer.map_err(|error| self.failed.push(error.to_string())).ok()
    }
}
