//! The described state of what faults change and of what is beside it: taken before, and compared after.

mod compare;
mod describe;
mod fact;

use std::collections::{BTreeMap, BTreeSet};

use futures::future::BoxFuture;

use crate::cloud::{CloudError, RegionClients};
use gameday_core::model::{Region, RunId};

pub use compare::Comparison;
pub(super) use describe::{ids, text, there};
pub use fact::{Attribute, Fact, FactKind, Own, Resource, Value};

/// How something that changes touch is described.
pub(super) struct Snapshot {
    /// Calls that know no resources, beyond those of every run.
    pub(super) reads: &'static [&'static str],
    /// Adds what it is now; nothing where it is not there.
    pub(super) describe: for<'a> fn(&'a RegionClients, &'a str, &'a mut State) -> BoxFuture<'a, Result<(), CloudError>>,
}

/// What can be described before and after. In this order it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The network ACLs of a VPC, and who uses them.
    NetworkAcls,
    /// The security groups of a VPC, and who has them.
    SecurityGroups,
    /// The IDs and tags of a security group's rules.
    GroupRules,
    /// A load balancer's own security groups.
    LoadBalancer,
    /// A health check.
    HealthCheck,
    /// A Lambda function.
    Function,
    /// The limit of sign-ins.
    Limit,
    /// A user pool's tags, by its ARN.
    UserPool,
    /// A user pool's web ACL, by the pool's ARN, and the web ACLs of the run.
    WebAcl,
    /// The run's schedules in a group.
    Schedules,
}

/// What to describe, and which of it a run changes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// The run, whose tags tell what it made and marked; nothing outside of any run.
    pub run: Option<RunId>,
    /// What the run's own actions change, and what they make of it. Everything else in the scope is others'.
    pub own: BTreeMap<Fact, Own>,
    /// What is described: what it is, where, and its ID, ARN or name.
    pub(super) parts: BTreeSet<(Part, Region, String)>,
}

impl Scope {
    /// Of one thing.
    pub fn of(part: Part, region: &Region, id: &str) -> Self {
        Self::default().with(part, region, id)
    }

    /// And of another one.
    #[must_use]
    pub fn with(mut self, part: Part, region: &Region, id: &str) -> Self {
        self.insert(part, region, id);
        self
    }

    /// And of another one.
    pub fn insert(&mut self, part: Part, region: &Region, id: &str) {
        self.parts.insert((part, region.clone(), id.to_owned()));
    }

    /// Where and what of a kind is described.
    pub fn all(&self, part: Part) -> impl Iterator<Item = (&Region, &str)> {
        self.parts.iter().filter(move |(of, ..)| *of == part).map(|(_, region, id)| (region, id.as_str()))
    }

    /// Adds another scope.
    pub fn add(&mut self, other: Self) {
        self.run = self.run.take().or(other.run);
        self.own.extend(other.own);
        self.parts.extend(other.parts);
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
    /// Nothing yet of a scope.
    pub(super) fn of(scope: &Scope) -> Self {
        Self { run: scope.run.clone(), own: scope.own.clone(), ..Self::default() }
    }

    /// The run, where it is described for one.
    pub(super) fn run(&self) -> Option<&RunId> {
        self.run.as_ref()
    }

    /// Remembers the ID of a security group's rule.
    pub(super) fn add_rule_id(&mut self, region: &Region, group: &str, attribute: Attribute, id: String) {
        let resource = Resource { region: region.clone(), kind: FactKind::SecurityGroup, id: group.to_owned() };
        self.rule_ids.insert(Fact { resource, attribute }, id);
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
