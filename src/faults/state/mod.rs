//! The described state of what faults change and of what is beside it: taken before, and compared after.

mod compare;
mod describe;
mod fact;

use std::collections::{BTreeMap, BTreeSet};

use crate::cloud::{Cloud, CloudError};
use crate::model::{Region, RunId};

use super::changes::security_group::Grouped;

pub use compare::Comparison;
pub use fact::{Attribute, Fact, Kind, Own, Resource, Value};

/// What to describe, and which of it a run changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// The run, whose tags tell what it made and marked; nothing outside of any run.
    pub run: Option<RunId>,
    /// What the run's own actions change, and what they make of it. Everything else in the scope is others'.
    pub own: BTreeMap<Fact, Own>,
    /// VPCs, for their network ACLs and who uses them.
    pub vpcs: BTreeSet<(Region, String)>,
    /// VPCs, for their security groups and who uses them.
    pub groups: BTreeSet<(Region, String)>,
    /// Load balancers, for their own security groups; of interfaces and VPC endpoints, `groups` tells.
    pub balancers: BTreeSet<(Region, String)>,
    /// Security groups, for the IDs and tags of their rules.
    pub rules: BTreeSet<(Region, String)>,
    /// Health checks.
    pub health_checks: BTreeSet<(Region, String)>,
    /// Lambda functions.
    pub functions: BTreeSet<(Region, String)>,
    /// Regions, for the limit of sign-ins.
    pub limits: BTreeSet<Region>,
    /// User pools, by ARN, for their tags.
    pub pools: BTreeSet<(Region, String)>,
    /// Groups of schedules, for those of the run.
    pub schedules: BTreeSet<(Region, String)>,
}

impl Scope {
    /// Adds another scope.
    pub fn add(&mut self, other: Self) {
        self.run = self.run.take().or(other.run);
        self.own.extend(other.own);
        self.vpcs.extend(other.vpcs);
        self.groups.extend(other.groups);
        self.balancers.extend(other.balancers);
        self.rules.extend(other.rules);
        self.health_checks.extend(other.health_checks);
        self.functions.extend(other.functions);
        self.limits.extend(other.limits);
        self.pools.extend(other.pools);
        self.schedules.extend(other.schedules);
    }

    /// Adds what an action of the run changes.
    pub fn own(&mut self, region: &Region, action: &super::action::Action) {
        let Some((kind, attribute, own)) = action.change().owns() else { return };
        let id = action.change().touches();
        if kind == Kind::LoadBalancer {
            self.balancers.insert((region.clone(), id.clone()));
        }
        if matches!(attribute, Attribute::GroupRule { .. }) {
            self.rules.insert((region.clone(), id.clone()));
        }
        let resource = Resource { region: region.clone(), kind, id };
        self.own.insert(Fact { resource, attribute }, own);
    }
}

/// What was described, fact by fact.
#[derive(Debug, Clone, Default)]
pub struct State {
    run: Option<RunId>,
    own: BTreeMap<Fact, Own>,
    facts: BTreeMap<Fact, Value>,
    /// IDs of security group rules. A rule that was taken away and put back has another one.
    rule_ids: BTreeMap<Fact, String>,
}

/// The IDs of rules are not compared.
impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.facts == other.facts
    }
}

impl Eq for State {}

impl State {
    /// Describes everything in a scope. What is not there any more has no facts.
    ///
    /// # Errors
    /// [`CloudError`].
    pub async fn describe(cloud: &Cloud, scope: &Scope) -> Result<Self, CloudError> {
        let mut state = Self { run: scope.run.clone(), own: scope.own.clone(), ..Self::default() };
        state.network(cloud, scope).await?;
        state.services(cloud, scope).await?;
        Ok(state)
    }

    /// What is different in a later description of what the run itself is going to change, in words.
    pub fn own_differences(&self, later: &Self) -> Vec<String> {
        self.own.keys().filter_map(|fact| fact.difference(self.facts.get(fact), later.facts.get(fact))).collect()
    }

    /// Every difference to a later description, whosever it is, in words.
    pub fn differences(&self, later: &Self) -> Vec<String> {
        let facts = self.facts.keys().chain(later.facts.keys()).collect::<BTreeSet<_>>();
        facts.into_iter().filter_map(|fact| fact.difference(self.facts.get(fact), later.facts.get(fact))).collect()
    }
}

impl Grouped {
    /// What it is, as a fact names it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Interface(_) => Kind::NetworkInterface,
            Self::Balancer(_) => Kind::LoadBalancer,
            Self::Endpoint(_) => Kind::VpcEndpoint,
        }
    }
}
