//! From a scenario's faults to changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::cloud::{Cloud, CloudError, RegionClients, SecretError};
use crate::env::Site;
use crate::model::{Event, Region, RunId};
use crate::scenario::FaultSpec;

use super::action::Action;
use super::change::Stage;
use super::journal::JournalError;
use super::kinds;
use super::state::Scope;
use super::target::{Subnet, select};

/// Where mutations are told as they happen.
pub type MutationSink = Arc<dyn Fn(Event) + Send + Sync>;

/// What a scenario's faults will change; nothing is touched yet.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Each fault, in the order of the scenario.
    pub faults: Vec<Fault>,
    /// What the state before and after is compared of.
    pub scope: Scope,
}

/// A fault with its targets resolved to IDs.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Counted from 1.
    pub number: usize,
    /// As in the scenario.
    pub spec: FaultSpec,
    /// Where its changes are made.
    pub region: Region,
    /// What it covers.
    pub targets: Vec<Target>,
    /// In which subnets packets vanish: VPC and subnet.
    pub subnets: BTreeSet<(String, String)>,
    /// Everything that it changes, in the order in which it is made.
    pub actions: Vec<Action>,
}

/// Something that a fault covers.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Its ID.
    pub id: String,
    /// Its name and place, where it has them.
    pub label: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

/// What a kind of fault resolves to.
#[derive(Debug, Clone)]
pub struct Planned {
    /// What it covers.
    pub targets: Vec<Target>,
    /// In which subnets packets vanish: VPC and subnet.
    pub subnets: BTreeSet<(String, String)>,
    /// What it changes, in the order in which it is made.
    pub actions: Vec<Action>,
    /// What the state before and after is compared of.
    pub scope: Scope,
}

impl Planned {
    /// A fault that covers subnets.
    pub fn of_subnets(ask: &Ask<'_>, subnets: &[Subnet], actions: Vec<Action>) -> Self {
        let vpcs = subnets.iter().map(|subnet| (ask.clients.region.clone(), subnet.vpc.clone())).collect();
        let target =
            |subnet: &Subnet| Target { id: subnet.id.clone(), label: subnet.label(), tags: subnet.tags.clone() };
        Self {
            targets: subnets.iter().map(target).collect(),
            subnets: subnets.iter().map(|subnet| (subnet.vpc.clone(), subnet.id.clone())).collect(),
            actions,
            scope: Scope { vpcs },
        }
    }
}

/// What a kind of fault plans from.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// The fault's number, from 1.
    pub number: usize,
    /// As in the scenario.
    pub spec: &'a FaultSpec,
    /// Where.
    pub site: &'a Site,
    /// Clients of the fault's Region.
    pub clients: &'a RegionClients,
    /// The run, for tags and tokens.
    pub run: &'a RunId,
}

impl Ask<'_> {
    /// The subnets of the Region that the environment selects and the fault narrows down.
    ///
    /// # Errors
    /// [`FaultError::NoTarget`], [`FaultError::Cloud`].
    pub async fn subnets(&self) -> Result<Vec<Subnet>, FaultError> {
        let selector = &self.site.region(self.spec.region).subnets;
        self.chosen(select(self.clients, selector, self.spec.targets.as_ref()).await?)
    }

    /// What is left of the candidates, in the order of their IDs, after `count` and `percentage`.
    ///
    /// # Errors
    /// [`FaultError::NoTarget`] when nothing is.
    pub fn chosen<T>(&self, mut found: Vec<T>) -> Result<Vec<T>, FaultError> {
        if let Some(targets) = &self.spec.targets {
            // What the binary fraction has too much must not add a target: 7% of 100 are 7.
            let share = targets.percentage.map(|share| (found.len() as f64 * share.0 - 1e-9).ceil() as usize);
            let count = targets.count.map(|count| count as usize);
            found.truncate(share.unwrap_or(usize::MAX).min(count.unwrap_or(usize::MAX)));
        }
        if found.is_empty() { Err(FaultError::NoTarget(self.number)) } else { Ok(found) }
    }
}

/// A fault could not be planned or injected.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// The selection is empty.
    #[error("fault {0} selects nothing: check the environment's `subnets` and the fault's `targets`")]
    NoTarget(usize),
    /// Two faults would change the same resource, and neither could put it back.
    #[error("faults {0} and {1} both cover {2}: give each targets of its own")]
    Overlap(usize, usize, String),
    /// EC2 tells no network ACL of it.
    #[error("subnet {0} has no network ACL that EC2 describes")]
    NoAcl(String),
    /// The fault would not fit.
    #[error("{0}")]
    Quota(String),
    /// The fault cannot do what it is meant to.
    #[error("{0}")]
    Refused(&'static str),
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
    #[error("after they were made, {0} of {1} changes are not there: {2}")]
    NotEffective(usize, usize, String),
    /// A fault that ended in the course of the run could not be undone.
    #[error("fault {0} could not be healed: {1}")]
    NotHealed(usize, String),
}

/// Resolves the faults of a scenario to concrete targets and changes. Only reads.
///
/// # Errors
/// [`FaultError`].
pub async fn plan(faults: &[FaultSpec], site: &Site, cloud: &Cloud, run: &RunId) -> Result<Plan, FaultError> {
    let mut plan = Plan { faults: Vec::with_capacity(faults.len()), scope: Scope::default() };
    for (number, spec) in (1..).zip(faults) {
        let clients = cloud.region(spec.region);
        let planned = kinds::plan(&Ask { number, spec, site, clients, run }).await?;
        let Planned { targets, subnets, actions, scope } = planned;
        for earlier in &plan.faults {
            let both = targets.iter().find(|target| earlier.targets.iter().any(|other| other.id == target.id));
            if let Some(both) = both {
                return Err(FaultError::Overlap(earlier.number, number, both.label.clone()));
            }
        }
        plan.scope.add(scope);
        plan.faults.push(Fault {
            number,
            spec: spec.clone(),
            region: clients.region.clone(),
            targets,
            subnets,
            actions,
        });
    }
    Ok(plan)
}

impl Fault {
    /// What it changes at some stages, with the Region.
    pub fn of(&self, stages: impl Fn(Stage) -> bool) -> Vec<(Region, Action)> {
        let actions = self.actions.iter().filter(|action| stages(action.stage()));
        actions.map(|action| (self.region.clone(), action.clone())).collect()
    }

    /// What hurts.
    pub fn cut(&self) -> Vec<(Region, Action)> {
        self.of(|stage| stage == Stage::Cut)
    }
}

impl Plan {
    /// What hurts of the faults that begin at a moment after the first cut.
    pub fn cut_at(&self, at: Duration) -> Vec<(Region, Action)> {
        let begins = |fault: &&Fault| fault.spec.windows().first().is_some_and(|(from, _)| *from == at);
        self.faults.iter().filter(begins).flat_map(Fault::cut).collect()
    }

    /// Everything that is made before anything hurts.
    pub fn prepare(&self) -> Vec<(Region, Action)> {
        self.faults.iter().flat_map(|fault| fault.of(|stage| stage < Stage::Cut)).collect()
    }
}
