//! Whose a difference is. What is left of a run is an error; what others changed meanwhile is news.

use std::collections::BTreeSet;

use super::{Attribute, Fact, FactKind, Own, Resource, State, Value};
use crate::faults::executor::ChangedByOthers;
use crate::faults::tags::{MARK_TAG, RUN_TAG, WAS_TAG};
use gameday_core::model::{Region, sha256};

/// What two descriptions differ in, by whose it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// What is not as it was by the run's own work, or carries its tags: resource and what is found.
    pub left: Vec<String>,
    /// What somebody else changed meanwhile.
    pub others: Vec<ChangedByOthers>,
    /// Rules of security groups that are as they were but for their ID.
    pub renewed: Vec<String>,
    /// SHA-256 of what is the run's own, as it was; the same as after unless something is left.
    pub before_sha256: String,
    /// SHA-256 of what is the run's own, as it is.
    pub after_sha256: String,
}

/// A difference, by whose it is.
enum Whose {
    Ours,
    Others,
    /// It was told already, with the resource that it is about.
    Told,
}

impl State {
    /// Compares it with a later description. `changed_by_others` are the resources that undoing found changed by somebody else, and left so.
    pub fn compare(&self, later: &Self, changed_by_others: &BTreeSet<String>) -> Comparison {
        let judge = Judge { before: self, later, changed_by_others };
        let mut comparison = Comparison::default();
        let mut whole: BTreeSet<&Resource> = BTreeSet::new();
        let mut excluded: BTreeSet<&Fact> = BTreeSet::new();
        let facts: BTreeSet<&Fact> = self.facts.keys().chain(later.facts.keys()).collect();
        for fact in facts {
            let Some(words) = fact.difference(self.facts.get(fact), later.facts.get(fact)) else { continue };
            let resource = &fact.resource;
            // A resource that is new or gone is one difference, however many facts it has.
            let [was_there, is_there] = [self, later].map(|state| state.has(resource));
            let words = match (was_there, is_there) {
                (true, true) => words,
                _ if !whole.insert(resource) => {
                    excluded.insert(fact);
                    continue;
                }
                (_, true) => judge.new_resource(resource),
                _ => format!("{resource} no longer exists"),
            };
            let whose = if was_there && is_there { judge.whose(fact) } else { judge.whose_whole(resource) };
            match whose {
                Whose::Ours => comparison.left.push(words),
                Whose::Others => {
                    excluded.insert(fact);
                    let (region, resource) = (resource.region.clone(), resource.id.clone());
                    comparison.others.push(ChangedByOthers { region, resource, found: words });
                }
                Whose::Told => {
                    excluded.insert(fact);
                }
            }
        }
        comparison.renewed = self.renewed(later);
        let digest = |state: &Self| state.digest_of(|fact| !excluded.contains(fact) && judge.is_own(fact));
        (comparison.before_sha256, comparison.after_sha256) = (digest(self), digest(later));
        comparison
    }

    fn facts_of<'a>(&'a self, resource: &'a Resource) -> impl Iterator<Item = &'a Fact> {
        let first = Fact { resource: resource.clone(), attribute: Attribute::Name };
        self.facts.range(first..).map(|(fact, _)| fact).take_while(|fact| fact.resource == *resource)
    }

    fn has(&self, resource: &Resource) -> bool {
        self.facts_of(resource).next().is_some()
    }

    fn get(&self, resource: &Resource, attribute: Attribute) -> Option<&Value> {
        self.facts.get(&Fact { resource: resource.clone(), attribute })
    }

    fn tag(&self, resource: &Resource, key: &str) -> Option<&str> {
        match self.get(resource, Attribute::Tag(key.to_owned())) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether the run made it, by its tag, or named it.
    fn is_made(&self, resource: &Resource) -> bool {
        let run = self.run.as_ref().map(gameday_core::model::RunId::as_str);
        // Of schedules and web ACLs only the run's own are described.
        let own = match resource.kind {
            FactKind::Schedule => true,
            FactKind::WebAcl => self.has(resource),
            _ => self.tag(resource, RUN_TAG) == run,
        };
        run.is_some() && own
    }

    /// Rules of security groups that came back with another ID, which somebody may have written down.
    fn renewed(&self, later: &Self) -> Vec<String> {
        let renewed = |(fact, was): (&Fact, &String)| {
            let is = later.rule_ids.get(fact).filter(|is| *is != was)?;
            Some(format!("{}: {} has the ID {is}, and had {was}", fact.resource, fact.attribute))
        };
        self.rule_ids.iter().filter_map(renewed).collect()
    }

    fn digest_of(&self, chosen: impl Fn(&Fact) -> bool) -> String {
        let facts: Vec<(&Fact, &Value)> = self.facts.iter().filter(|(fact, _)| chosen(fact)).collect();
        sha256(serde_json::to_string(&facts).unwrap_or_default().as_bytes())
    }
}

struct Judge<'a> {
    before: &'a State,
    later: &'a State,
    changed_by_others: &'a BTreeSet<String>,
}

impl Judge<'_> {
    /// What of a run's own is compared: what its actions change, and what it made or marked.
    fn is_own(&self, fact: &Fact) -> bool {
        self.before.own.contains_key(fact) || matches!(self.whose(fact), Whose::Ours)
    }

    fn whose(&self, fact: &Fact) -> Whose {
        let Fact { resource, attribute } = fact;
        let told = self.changed_by_others.contains(&resource.id);
        if self.later.is_made(resource) {
            return Whose::Ours;
        }
        if let Attribute::Tag(key) = attribute {
            return if self.is_left_mark(fact, key) { Whose::Ours } else { Whose::Others };
        }
        if let Some(value) = self.later.facts.get(fact)
            && self.refers_to_made(&resource.region, value)
        {
            return if told { Whose::Told } else { Whose::Ours };
        }
        match self.before.own.get(fact) {
            Some(_) if told => Whose::Told,
            Some(own) if self.is_made_of(fact, own) => Whose::Ours,
            _ => Whose::Others,
        }
    }

    /// The same of a resource that is new or gone, by all of its facts.
    fn whose_whole(&self, resource: &Resource) -> Whose {
        let facts = self.before.facts_of(resource).chain(self.later.facts_of(resource));
        facts.fold(Whose::Others, |found, fact| match (found, self.whose(fact)) {
            (Whose::Ours, _) | (_, Whose::Ours) => Whose::Ours,
            (Whose::Told, _) | (_, Whose::Told) => Whose::Told,
            _ => Whose::Others,
        })
    }

    /// Whether it is what the run makes of it.
    fn is_made_of(&self, fact: &Fact, own: &Own) -> bool {
        let is = self.later.facts.get(fact);
        // Nobody but AWS deletes a Region's every network ACL and security group: that is a look at another place.
        let seen = |resource: &Resource| {
            let network = matches!(resource.kind, FactKind::NetworkAcl | FactKind::SecurityGroup);
            network && resource.region == fact.resource.region
        };
        let sees_nothing = |state: &State| !state.facts.keys().any(|fact| seen(&fact.resource));
        if is.is_none() && sees_nothing(self.later) && !sees_nothing(self.before) {
            return true;
        }
        match (own, is) {
            (Own::Is(text), Some(Value::Text(is))) => text == is,
            // The group is there without it.
            (Own::Gone, None) => self.later.has(&fact.resource),
            // Back, but without what it had; what somebody added is theirs.
            (Own::Gone, Some(Value::Rule { tags, .. })) => match self.before.facts.get(fact) {
                Some(Value::Rule { tags: was, .. }) => was.iter().any(|(key, value)| tags.get(key) != Some(value)),
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether a tag is one that the run marks things with. The tags that tell how things were belong to the run of the mark beside them.
    fn is_left_mark(&self, fact: &Fact, key: &str) -> bool {
        let run = self.before.run.as_ref().map(gameday_core::model::RunId::as_str);
        let is_new = self.later.facts.contains_key(fact) && !self.before.facts.contains_key(fact);
        let mark = self.later.tag(&fact.resource, MARK_TAG);
        is_new && run.is_some() && (key == MARK_TAG || key.starts_with(WAS_TAG)) && (mark.is_none() || mark == run)
    }

    fn refers_to_made(&self, region: &Region, value: &Value) -> bool {
        let made = |kind, id: &String| {
            let resource = Resource { region: region.clone(), kind, id: id.clone() };
            self.later.is_made(&resource)
        };
        let kinds = [FactKind::NetworkAcl, FactKind::SecurityGroup, FactKind::WebAcl];
        value.ids().iter().any(|id| kinds.into_iter().any(|kind| made(kind, id)))
    }

    /// What to say of a resource that was not there before.
    fn new_resource(&self, resource: &Resource) -> String {
        if self.later.is_made(resource) {
            return format!("{resource} still exists");
        }
        let name = match self.later.get(resource, Attribute::Name) {
            Some(Value::Text(name)) if resource.kind == FactKind::SecurityGroup => Some(name.as_str()),
            _ => self.later.tag(resource, "Name"),
        };
        match (name, self.later.tag(resource, RUN_TAG)) {
            (_, Some(run)) => format!("{resource} is new, of run {run}"),
            (Some(name), None) => format!("{resource} ({name}) is new"),
            (None, None) => format!("{resource} is new"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::state::{Scope, ids, text};
    use gameday_core::model::RunId;

    const POOL: &str = "arn:aws:cognito-idp:us-east-1:111122223333:userpool/us-east-1_A";
    const ORIGINAL: &str = "arn:aws:wafv2:us-east-1:111122223333:regional/webacl/identity/1";
    const COPY: &str = "arn:aws:wafv2:us-east-1:111122223333:regional/webacl/gd-1-1/2";

    /// A pool that has a web ACL, and a run's copies.
    fn state(has: Option<&str>, copies: &[&str]) -> State {
        let region = Region::from("us-east-1");
        let attribute = Attribute::WebAcl;
        let resource = Resource { region: region.clone(), kind: FactKind::UserPool, id: POOL.to_owned() };
        let own = [(Fact { resource, attribute: attribute.clone() }, Own::Refers)].into();
        let mut state = State::of(&Scope { run: Some(RunId::from("gd-1")), own, ..Scope::default() });
        state.add(&region, FactKind::UserPool, POOL, [(attribute, ids(has.into_iter()))]);
        for copy in copies {
            state.add(&region, FactKind::WebAcl, copy, [(Attribute::Name, text("gd-1-1"))]);
        }
        state
    }

    #[test]
    fn a_copy_of_the_web_acl_that_is_left_is_the_runs_own() {
        let compared = |before: &State, later: &State| before.compare(later, &BTreeSet::new());
        for has in [Some(ORIGINAL), None] {
            let before = state(has, &[]);
            let on_it = compared(&before, &state(Some(COPY), &[COPY]));
            assert_eq!((on_it.left.len(), on_it.others.len()), (2, 0), "{on_it:?}");
            let beside = compared(&before, &state(has, &[COPY]));
            assert_eq!((beside.left.len(), beside.others.len()), (1, 0), "{beside:?}");
            assert_ne!(beside.before_sha256, beside.after_sha256);
            let another = compared(&before, &state(Some("arn:aws:wafv2:another"), &[]));
            assert_eq!((another.left.len(), another.others.len()), (0, 1), "{another:?}");
            assert_eq!(
                compared(&before, &before),
                Comparison {
                    before_sha256: on_it.before_sha256.clone(),
                    after_sha256: on_it.before_sha256.clone(),
                    ..Comparison::default()
                }
            );
        }
    }
}
