//! What is described of a Region, shared by the changes that look at it: two hundred changes of one VPC need one
//! description, not two hundred.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Mutex;

use crate::cloud::{CloudError, RegionClients};
use crate::model::Clock;

use super::network::Vpc;

type Described<T> = Arc<Mutex<Option<(Timestamp, Result<Arc<T>, CloudError>)>>>;

/// Descriptions of one Region's resources, each with the moment before which it was asked for.
#[derive(Debug)]
pub struct Live {
    clients: RegionClients,
    clock: Clock,
    vpcs: Mutex<BTreeMap<String, Described<Vpc>>>,
}

impl Live {
    /// Nothing is described yet.
    pub fn new(clients: RegionClients, clock: Clock) -> Self {
        Self { clients, clock, vpcs: Mutex::default() }
    }

    /// A VPC as described at `since` or later. Whoever asks at the same time shares one description, and one failure.
    ///
    /// # Errors
    /// [`CloudError`].
    pub async fn vpc(&self, id: &str, since: Timestamp) -> Result<Arc<Vpc>, CloudError> {
        let described = Arc::clone(self.vpcs.lock().await.entry(id.to_owned()).or_default());
        let mut described = described.lock().await;
        if let Some((at, result)) = described.as_ref()
            && *at >= since
        {
            return result.clone();
        }
        let at = self.clock.now();
        let result = Vpc::describe(&self.clients, id).await.map(Arc::new);
        *described = Some((at, result.clone()));
        result
    }
}
