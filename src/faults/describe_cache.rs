//! What is described of a Region, shared by the changes that look at it: two hundred changes of one VPC need one
//! description, not two hundred.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Mutex;

use crate::cloud::{CloudError, RegionClients};
use gameday_core::model::Clock;

use super::network::Vpc;

type Described<T> = Arc<Mutex<Option<(Timestamp, Arc<T>)>>>;

/// How old a description may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Any will do.
    Any,
    /// Asked for at this moment or later.
    Since(Timestamp),
}

impl Freshness {
    fn covers(self, at: Timestamp) -> bool {
        match self {
            Self::Any => true,
            Self::Since(since) => at >= since,
        }
    }
}

/// Descriptions of one Region's resources, each with the moment before which it was asked for.
#[derive(Debug)]
pub struct DescribeCache {
    clients: RegionClients,
    clock: Clock,
    vpcs: Mutex<BTreeMap<String, Described<Vpc>>>,
}

impl DescribeCache {
    /// Nothing is described yet.
    pub fn new(clients: RegionClients, clock: Clock) -> Self {
        Self { clients, clock, vpcs: Mutex::default() }
    }

    /// A VPC as described freshly enough. Whoever asks at the same time shares one description; a failure is never kept.
    ///
    /// # Errors
    /// [`CloudError`].
    pub async fn vpc(&self, id: &str, fresh: Freshness) -> Result<Arc<Vpc>, CloudError> {
        let described = Arc::clone(self.vpcs.lock().await.entry(id.to_owned()).or_default());
        let mut described = described.lock().await;
        if let Some((_, known)) = described.as_ref().filter(|(at, _)| fresh.covers(*at)) {
            return Ok(Arc::clone(known));
        }
        let at = self.clock.now();
        let vpc = Arc::new(Vpc::describe(&self.clients, id).await?);
        *described = Some((at, Arc::clone(&vpc)));
        Ok(vpc)
    }

    /// The same, not older than now.
    ///
    /// # Errors
    /// [`CloudError`].
    pub async fn vpc_now(&self, id: &str) -> Result<Arc<Vpc>, CloudError> {
        self.vpc(id, Freshness::Since(self.clock.now())).await
    }
}
