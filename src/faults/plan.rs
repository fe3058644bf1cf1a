//! From a scenario's faults to actions, and their journaled execution.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use crate::cloud::{Cloud, CloudError, RegionClients, SecretError};
use crate::env::Site;
use crate::model::{Clock, Event, Mutation, Region, RunId, Window};
use crate::scenario::{FaultKind, FaultSpec};

use super::action::{Action, Applied};
use super::journal::{Journal, JournalError};
use super::nacl_blackhole;
use super::network::Vpc;
use super::target::{Subnet, select};

/// Calls in flight at once. EC2 throttles mutating calls by a bucket for each account and Region.
pub(super) const CALLS_IN_FLIGHT: usize = 16;
/// A call that is throttled or unclear is tried again so often while injecting; a revert has no such limit.
const INJECT_TRIES: u32 = 6;

/// Where mutations are told as they happen.
pub type MutationSink = Arc<dyn Fn(Event) + Send + Sync>;

/// A fault with its targets resolved to IDs; nothing is touched yet.
#[derive(Debug, Clone)]
pub struct Fault {
    /// As in the scenario.
    pub spec: FaultSpec,
    /// Where.
    pub region: Region,
    /// What it covers.
    pub subnets: Vec<Subnet>,
    /// Prepare and cut, in order.
    pub actions: Vec<Action>,
    /// The VPCs of its subnets as they were.
    pub before: BTreeMap<String, Vpc>,
}

/// A fault could not be planned or injected.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// The selection is empty.
    #[error("fault {0} selects no subnet: check the environment's `subnets` and the fault's `targets`")]
    NoTarget(usize),
    /// EC2 tells no network ACL of it.
    #[error("subnet {0} has no network ACL that EC2 describes")]
    NoAcl(String),
    /// The fault would not fit.
    #[error("{0}")]
    Quota(String),
    /// An AWS call failed.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The journal cannot be written; nothing more is changed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Credentials could not be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The run was told to stop.
    #[error("interrupted before the fault was complete")]
    Interrupted,
    /// What is described after the cut is not what was meant.
    #[error("after the cut, {0} of {1} changes are not there: {2}")]
    NotEffective(usize, usize, String),
}

/// Resolves the faults of a scenario to concrete targets and actions. Only reads.
///
/// # Errors
/// [`FaultError`].
pub async fn plan(faults: &[FaultSpec], site: &Site, cloud: &Cloud, run: &RunId) -> Result<Vec<Fault>, FaultError> {
    let mut planned = Vec::with_capacity(faults.len());
    for (index, spec) in faults.iter().enumerate() {
        let clients = cloud.region(spec.region);
        let subnets = select(clients, &site.region(spec.region).subnets, spec.targets.as_ref()).await?;
        if subnets.is_empty() {
            return Err(FaultError::NoTarget(index + 1));
        }
        let mut before = BTreeMap::new();
        for vpc in subnets.iter().map(|subnet| &subnet.vpc).collect::<BTreeSet<_>>() {
            before.insert(vpc.clone(), Vpc::describe(clients, vpc).await?);
        }
        let actions = match spec.kind {
            FaultKind::NaclBlackhole => nacl_blackhole::actions(&index.to_string(), run, &subnets, &before)?,
        };
        planned.push(Fault { spec: spec.clone(), region: clients.region.clone(), subnets, actions, before });
    }
    Ok(planned)
}

/// Makes actions: journal, call, journal.
#[derive(Clone)]
pub struct Injector {
    /// The run, for tags.
    pub run: RunId,
    /// Written first.
    pub journal: Arc<Journal>,
    /// Stamps the calls.
    pub clock: Clock,
    /// Told about every call.
    pub sink: MutationSink,
    /// Stops it between calls.
    pub stop: CancellationToken,
}

impl Injector {
    /// Makes the actions of one step of a fault: in the order of their kinds, and side by side
    /// within a kind.
    ///
    /// # Errors
    /// [`FaultError`]: the first one; every call that had begun has ended by then.
    pub async fn make(&self, clients: &RegionClients, actions: &[Action]) -> Result<(), FaultError> {
        let clones: Mutex<BTreeMap<String, String>> = Mutex::new(self.known_clones(&clients.region)?);
        let mut rest = actions;
        while let Some(first) = rest.first() {
            let kind = std::mem::discriminant(first);
            let length = rest.iter().take_while(|action| std::mem::discriminant(*action) == kind).count();
            let (batch, tail) = rest.split_at(length);
            rest = tail;
            self.batch(clients, batch, &clones).await?;
        }
        Ok(())
    }

    fn known_clones(&self, region: &Region) -> Result<BTreeMap<String, String>, JournalError> {
        let made = self.journal.contents()?.actions.into_iter().filter(|recorded| recorded.region == *region);
        Ok(made.filter_map(|recorded| Some((recorded.action.clone_key().to_owned(), recorded.applied?.acl?))).collect())
    }

    async fn batch(
        &self,
        clients: &RegionClients,
        batch: &[Action],
        clones: &Mutex<BTreeMap<String, String>>,
    ) -> Result<(), FaultError> {
        if self.stop.is_cancelled() {
            return Err(FaultError::Interrupted);
        }
        let mut vpcs = BTreeMap::new();
        if matches!(batch.first(), Some(Action::Swap { .. })) {
            for vpc in batch.iter().map(Action::vpc).collect::<BTreeSet<_>>() {
                vpcs.insert(vpc.to_owned(), Vpc::describe(clients, vpc).await?);
            }
        }
        let ids = self.journal.intend(&clients.region, batch)?;
        let calls = ids.into_iter().zip(batch).map(|(id, action)| {
            let live = vpcs.get(action.vpc()).cloned().unwrap_or_default();
            self.one(clients, id, action, live, clones)
        });
        let results: Vec<Result<(), FaultError>> = stream::iter(calls).buffered(CALLS_IN_FLIGHT).collect().await;
        results.into_iter().collect()
    }

    async fn one(
        &self,
        clients: &RegionClients,
        id: u64,
        action: &Action,
        live: Vpc,
        clones: &Mutex<BTreeMap<String, String>>,
    ) -> Result<(), FaultError> {
        // A stop is noticed between calls; what was not made is recorded so, and needs no revert.
        let result = if self.stop.is_cancelled() {
            Err(FaultError::Interrupted)
        } else {
            self.call(clients, action, live, clones).await.map_err(FaultError::Cloud)
        };
        match result {
            Ok(applied) => {
                if let Some(acl) = &applied.acl {
                    lock(clones).insert(action.clone_key().to_owned(), acl.clone());
                }
                Ok(self.journal.outcome(id, Ok(applied))?)
            }
            // Left without an outcome: the restore looks what became of it.
            Err(FaultError::Cloud(error)) if error.is_transient() => Err(error.into()),
            Err(error) => {
                self.journal.outcome(id, Err(error.to_string()))?;
                Err(error)
            }
        }
    }

    async fn call(
        &self,
        clients: &RegionClients,
        action: &Action,
        mut live: Vpc,
        clones: &Mutex<BTreeMap<String, String>>,
    ) -> Result<Applied, CloudError> {
        let mut wait = Duration::from_millis(100);
        for attempt in 1.. {
            let clone = lock(clones).get(action.clone_key()).cloned();
            let sent = self.clock.now();
            let result = action.apply(clients, &self.run, clone.as_deref(), &live).await;
            let window = Window { sent, received: self.clock.now() };
            (self.sink)(Event::Mutation(Mutation {
                window,
                step: action.step(),
                call: action.call().to_owned(),
                resource: action.resource(),
                ipv4: action.cuts_ipv4(),
                error: result.as_ref().err().map(ToString::to_string),
            }));
            let error = match result {
                Ok(applied) => return Ok(applied),
                Err(error) => error,
            };
            let stale = error.class == crate::cloud::ErrorClass::NotFound && matches!(action, Action::Swap { .. });
            let exists = error.class == crate::cloud::ErrorClass::Exists;
            if attempt >= INJECT_TRIES || !(error.is_transient() || stale || exists) {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(5));
            // The call may have taken effect although its answer was lost.
            live = Vpc::describe(clients, action.vpc()).await?;
            if let Some(applied) = action.settled(&self.run, clone.as_deref(), &live) {
                return Ok(applied);
            }
        }
        unreachable!("the loop above returns")
    }

    /// Describes what is really blackholed after the cut.
    ///
    /// # Errors
    /// [`FaultError::NotEffective`] when it is not all that was meant, [`FaultError::Cloud`].
    pub async fn confirm(&self, clients: &RegionClients, fault: &Fault) -> Result<(), FaultError> {
        let clones = self.known_clones(&clients.region)?;
        let mut open = Vec::new();
        for vpc_id in fault.before.keys() {
            let vpc = Vpc::describe(clients, vpc_id).await?;
            for action in fault.actions.iter().filter(|action| action.vpc() == vpc_id) {
                let clone = clones.get(action.clone_key()).map(String::as_str);
                if action.settled(&self.run, clone, &vpc).is_none() {
                    open.push(action.resource());
                }
            }
        }
        if open.is_empty() {
            Ok(())
        } else {
            Err(FaultError::NotEffective(open.len(), fault.actions.len(), open.join("; ")))
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
