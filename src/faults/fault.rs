//! A fault whose targets are known, and what the kinds of faults plan from.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::OnceCell;

use crate::cloud::{CloudError, RegionClients, SecretError};
use gameday_core::env::Site;
use gameday_core::model::{Cidr, Region, RunId};
use gameday_core::scenario::FaultSpec;

use super::action::Action;
use super::change::Stage;
use super::changes::mark::{Mark, Marked};
use super::journal::JournalError;
use super::quota::AclQuotas;
use super::state::{Part, Scope};
use super::tags::{MARK_TAG, WAS_TAG};
use super::target::{Subnet, of_two_emulators, subnets};

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
    /// Where packets vanish.
    pub blast_radius: BlastRadius,
    /// Everything that it changes, in the order in which it is made.
    pub actions: Vec<Action>,
}

impl Fault {
    /// What it changes at some stages, with the Region.
    pub fn of(&self, stages: impl Fn(Stage) -> bool) -> Vec<(Region, Action)> {
        let actions = self.actions.iter().filter(|action| stages(action.stage()));
        actions.map(|action| (self.region.clone(), action.clone())).collect()
    }

    /// What hurts.
    pub fn cut(&self) -> Vec<(Region, Action)> {
        self.of(|stage| stage == Stage::Inject)
    }

    /// How long after the first cut its last turn is over; `longest` where it lasts until the restore.
    pub fn ends(&self, longest: Duration) -> Duration {
        self.spec.windows().last().and_then(|(_, to)| *to).unwrap_or(longest)
    }
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

/// Where packets of a fault vanish; nowhere, where it does something else.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BlastRadius {
    /// At every network interface of these subnets: VPC and subnet.
    pub subnets: BTreeSet<(String, String)>,
    /// At these network interfaces: VPC and interface.
    pub interfaces: BTreeSet<(String, String)>,
    /// The subnets that it reaches into, however it does.
    pub touches: BTreeSet<String>,
    /// On the way from the synthetic users to these addresses; health checkers do not notice.
    pub from_users_to: Vec<Cidr>,
    /// Whether connections that are open already may live on.
    pub stateful: bool,
}

impl BlastRadius {
    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.subnets.is_empty() && self.interfaces.is_empty() && self.from_users_to.is_empty()
    }

    /// The VPCs of what it covers.
    pub fn vpcs(&self) -> BTreeSet<&String> {
        self.subnets.iter().chain(&self.interfaces).map(|(vpc, _)| vpc).collect()
    }
}

/// What a kind of fault resolves to.
#[derive(Debug, Clone)]
pub(super) struct PlannedFault {
    /// What it covers.
    pub targets: Vec<Target>,
    /// Where packets vanish.
    pub blast_radius: BlastRadius,
    /// What it changes, in the order in which it is made.
    pub actions: Vec<Action>,
    /// What the state before and after is compared of.
    pub scope: Scope,
}

impl PlannedFault {
    /// A fault that covers subnets.
    pub(super) fn of_subnets(context: &PlanContext<'_>, subnets: &[Subnet], actions: Vec<Action>) -> Self {
        let mut scope = Scope::default();
        for subnet in subnets {
            scope.insert(Part::NetworkAcls, &context.clients.region, &subnet.vpc);
        }
        let target =
            |subnet: &Subnet| Target { id: subnet.id.clone(), label: subnet.label(), tags: subnet.tags.clone() };
        Self {
            targets: subnets.iter().map(target).collect(),
            blast_radius: BlastRadius {
                subnets: subnets.iter().map(|subnet| (subnet.vpc.clone(), subnet.id.clone())).collect(),
                touches: subnets.iter().map(|subnet| subnet.id.clone()).collect(),
                ..BlastRadius::default()
            },
            actions,
            scope,
        }
    }
}

/// What a kind of fault plans from.
#[derive(Clone, Copy)]
pub(super) struct PlanContext<'a> {
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
    /// The faults that are planned already.
    pub earlier: &'a [Fault],
    /// The subnets that the environment selects in that Region, described at most once.
    pub selected: &'a OnceCell<Vec<Subnet>>,
    /// The quotas of network ACLs in that Region, read at most once.
    pub quotas: &'a OnceCell<AclQuotas>,
    /// Who tells whose account this is.
    pub sts: &'a aws_sdk_sts::Client,
    /// The account, asked for at most once.
    pub account: &'a OnceCell<String>,
}

impl PlanContext<'_> {
    /// The subnets of the Region that the environment selects and the fault narrows down.
    ///
    /// # Errors
    /// [`FaultError::NoTarget`], [`FaultError::Cloud`].
    pub(super) async fn subnets(&self) -> Result<Vec<Subnet>, FaultError> {
        self.chosen(self.all_subnets().await?)
    }

    /// The same, whatever `count` and `percentage` say.
    ///
    /// # Errors
    /// [`FaultError::Cloud`].
    pub(super) async fn all_subnets(&self) -> Result<Vec<Subnet>, FaultError> {
        let selector = &self.site.region(self.spec.region).subnets;
        let all = self.selected.get_or_try_init(|| subnets(self.clients, selector)).await?;
        let targets = self.spec.targets.as_ref();
        Ok(all.iter().filter(|subnet| targets.is_none_or(|targets| subnet.is_of(targets))).cloned().collect())
    }

    /// Refuses subnets of another account, whose network ACLs are that account's alone to change.
    ///
    /// # Errors
    /// [`FaultError::SharedSubnet`], [`FaultError::Cloud`].
    pub(super) async fn refuse_shared(&self, subnets: &[Subnet]) -> Result<(), FaultError> {
        let endpoints = &self.site.region(self.spec.region).endpoints;
        if subnets.iter().all(|subnet| subnet.owner.is_none()) || of_two_emulators(endpoints) {
            return Ok(());
        }
        let account = async || {
            let operation = "sts:GetCallerIdentity";
            let caller = self.sts.get_caller_identity().send().await.map_err(CloudError::of(operation))?;
            caller.account.ok_or_else(|| CloudError::incomplete(operation, "account"))
        };
        let account = self.account.get_or_try_init(account).await?;
        match subnets.iter().find_map(|subnet| Some((subnet, subnet.shared_with(account)?))) {
            Some((subnet, owner)) => Err(FaultError::SharedSubnet(subnet.label(), owner.to_owned())),
            None => Ok(()),
        }
    }

    /// Tells on a resource what is about to change; `tags` are those that it has, `was` how things are, by the mark's
    /// own part of the key.
    ///
    /// # Errors
    /// [`FaultError::Marked`] when another run told there how things were.
    pub(super) fn mark(
        &self,
        on: Marked,
        tags: &BTreeMap<String, String>,
        was: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Action, FaultError> {
        if let Some(other) = tags.get(MARK_TAG).filter(|other| *other != self.run.as_str()) {
            return Err(FaultError::Marked(on.id().to_owned(), other.clone()));
        }
        let mut tags = BTreeMap::from([(MARK_TAG.to_owned(), self.run.to_string())]);
        tags.extend(was.into_iter().map(|(key, value)| (format!("{WAS_TAG}{key}"), value)));
        Ok(Action::Mark(Mark { on, tags }))
    }

    /// What is left of the candidates, in the order of their IDs, after `count` and `percentage`.
    ///
    /// # Errors
    /// [`FaultError::NoTarget`] when nothing is.
    pub(super) fn chosen<T>(&self, mut found: Vec<T>) -> Result<Vec<T>, FaultError> {
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
    #[error("fault {0} selects no target: check the environment's `subnets` and the fault's `targets`")]
    NoTarget(usize),
    /// Two faults would change the same resource, and neither could put it back.
    #[error("faults {0} and {1} both cover {2}: give each one different targets")]
    Overlap(usize, usize, String),
    /// EC2 tells no network ACL of it.
    #[error("EC2 describes no network ACL for subnet {0}")]
    NoAcl(String),
    /// Another account's, which shares it.
    #[error(
        "subnet {0} is shared by account {1} (AWS RAM): only that account can change its network ACL and its VPC; run GameDay there, or exclude the subnet"
    )]
    SharedSubnet(String, String),
    /// The fault would not fit.
    #[error("{0}")]
    Quota(String),
    /// The fault cannot do what it is meant to.
    #[error("{0}")]
    Refused(&'static str),
    /// A network interface belongs to a service whose API GameDay does not speak.
    #[error("{0} is managed by another service ({1}): exclude it with `targets`, or use nacl-blackhole")]
    Unreachable(String, String),
    /// A security group is used outside the targets, too.
    #[error("{1} also uses {0}, but the fault does not select it: use `method = \"swap-groups\"`")]
    Shared(String, String),
    /// A rule that could not be put back.
    #[error(
        "{0}: the rule {1} refers to a group over an inactive VPC peering connection, so it could not be restored: delete it, or use `method = \"swap-groups\"`"
    )]
    Stale(String, String),
    /// A run that is not rolled back has marked it; how things were would be lost.
    #[error("{0} is marked by run {1}: roll back that run first, with `gameday rollback`")]
    Marked(String, String),
    /// The pool has no such trigger.
    #[error("user pool {1} has no {0} trigger in {2}")]
    NoTrigger(&'static str, String, Region),
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
    /// What the plan recorded is not what is there now; nothing was cut.
    #[error("changed by someone else since preflight: {0}")]
    Changed(String),
    /// What is described after the cut is not what was meant.
    #[error("{0} of {1} changes are not in effect after injection: {2}")]
    NotEffective(usize, usize, String),
    /// A fault that ended in the course of the run could not be undone.
    #[error("fault {0} could not be removed: {1}")]
    NotHealed(usize, String),
}
