//! How each part of the state is described, by the changes that touch it.

use super::change::Change;
use super::changes::{function, health_check, limit, mark, network_acl, security_group, web_acl};
use super::schedule;
use super::state::{Fact, Part, Resource, Scope, Snapshot, State};
use crate::cloud::{Cloud, CloudError};
use gameday_core::model::Region;

fn snapshot(part: Part) -> &'static Snapshot {
    match part {
        Part::NetworkAcls => &network_acl::snapshot::ACLS,
        Part::SecurityGroups => &security_group::snapshot::GROUPS,
        Part::GroupRules => &security_group::snapshot::RULES,
        Part::LoadBalancer => &security_group::snapshot::BALANCER,
        Part::HealthCheck => &health_check::SNAPSHOT,
        Part::Function => &function::SNAPSHOT,
        Part::Limit => &limit::SNAPSHOT,
        Part::UserPool => &mark::POOL_TAGS,
        Part::WebAcl => &web_acl::SNAPSHOT,
        Part::Schedules => &schedule::SNAPSHOT,
    }
}

impl Scope {
    /// Adds what a change of the run touches.
    pub fn own(&mut self, region: &Region, change: &dyn Change) {
        let Some((kind, attribute, own)) = change.owns() else { return };
        let id = change.touches();
        if let Some(part) = change.described_by() {
            self.insert(part, region, &id);
        }
        let resource = Resource { region: region.clone(), kind, id };
        self.own.insert(Fact { resource, attribute }, own);
    }

    /// The calls of its descriptions that know no resources.
    pub(super) fn reads(&self) -> impl Iterator<Item = &'static str> {
        self.parts.iter().flat_map(|(part, ..)| snapshot(*part).reads).copied()
    }
}

impl State {
    /// Describes everything in a scope. What is not there any more has no facts.
    ///
    /// # Errors
    /// [`CloudError`].
    pub async fn describe(cloud: &Cloud, scope: &Scope) -> Result<Self, CloudError> {
        let mut state = Self::of(scope);
        for (part, region, id) in &scope.parts {
            (snapshot(*part).describe)(cloud.of(region)?, id, &mut state).await?;
        }
        Ok(state)
    }
}
