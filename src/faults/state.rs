//! The described state of what faults change: taken before, and compared after.

use std::collections::{BTreeMap, BTreeSet};

use crate::cloud::{Cloud, CloudError};
use crate::model::{Region, sha256};

use super::network::Vpc;

/// What to describe.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// VPCs, for their network ACLs and who uses them.
    pub vpcs: BTreeSet<(Region, String)>,
}

impl Scope {
    /// Adds another scope.
    pub fn add(&mut self, other: Self) {
        self.vpcs.extend(other.vpcs);
    }
}

/// What was described: facts by resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State(BTreeMap<String, BTreeMap<String, String>>);

impl State {
    /// Describes everything in a scope.
    ///
    /// # Errors
    /// [`CloudError`].
    pub async fn describe(cloud: &Cloud, scope: &Scope) -> Result<Self, CloudError> {
        let mut state = BTreeMap::new();
        for (region, vpc) in &scope.vpcs {
            let described = Vpc::describe(cloud.of(region)?, vpc).await?;
            state.insert(format!("{vpc} in {region}"), described.facts());
        }
        Ok(Self(state))
    }

    /// What is different in a later description, in words.
    pub fn differences(&self, later: &Self) -> Vec<String> {
        let mut words = Vec::new();
        let nothing = BTreeMap::new();
        for resource in self.0.keys().chain(later.0.keys()).collect::<BTreeSet<_>>() {
            let was = self.0.get(resource).unwrap_or(&nothing);
            let is = later.0.get(resource).unwrap_or(&nothing);
            for fact in was.keys().chain(is.keys()).collect::<BTreeSet<_>>() {
                match (was.get(fact), is.get(fact)) {
                    (Some(was), Some(is)) if was != is => {
                        words.push(format!("{resource}: {fact} was {was}, is {is}"));
                    }
                    (Some(_), None) => words.push(format!("{resource}: {fact} is gone")),
                    (None, Some(is)) => words.push(format!("{resource}: {fact} is new: {is}")),
                    _ => {}
                }
            }
        }
        words
    }

    /// SHA-256 of everything in it.
    pub fn digest(&self) -> String {
        sha256(serde_json::to_string(&self.0).unwrap_or_default().as_bytes())
    }
}
