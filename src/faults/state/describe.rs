//! What descriptions of every kind are made with.

use std::collections::BTreeMap;

use super::{Attribute, Fact, FactKind, Resource, State, Value};
use crate::cloud::{CloudError, ErrorClass};
use gameday_core::model::Region;

/// Nothing of what is not there.
pub(crate) fn there<T>(answer: Result<T, CloudError>) -> Result<Option<T>, CloudError> {
    match answer {
        Ok(it) => Ok(Some(it)),
        Err(error) if error.class == ErrorClass::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// A text.
pub(crate) fn text(value: impl Into<String>) -> Value {
    Value::Text(value.into())
}

/// IDs, sorted.
pub(crate) fn ids<'a>(ids: impl Iterator<Item = &'a str>) -> Value {
    let mut ids: Vec<String> = ids.map(str::to_owned).collect();
    ids.sort();
    Value::Ids(ids)
}

impl State {
    /// Adds facts of a resource.
    pub fn add(
        &mut self,
        region: &Region,
        kind: FactKind,
        id: &str,
        facts: impl IntoIterator<Item = (Attribute, Value)>,
    ) {
        let resource = Resource { region: region.clone(), kind, id: id.to_owned() };
        let fact = |attribute| Fact { resource: resource.clone(), attribute };
        self.facts.extend(facts.into_iter().map(|(attribute, value)| (fact(attribute), value)));
    }

    /// Adds the tags of a resource.
    pub fn add_tags(&mut self, region: &Region, kind: FactKind, id: &str, tags: BTreeMap<String, String>) {
        self.add(region, kind, id, tags.into_iter().map(|(key, value)| (Attribute::Tag(key), Value::Text(value))));
    }
}
