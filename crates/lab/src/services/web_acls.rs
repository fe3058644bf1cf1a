//! AWS WAF in one Region: web ACLs, which of them the user pool has, and whom that one refuses.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::lock;
use crate::estate::AccountFixture;
use crate::topology;
use gameday_core::model::RegionRole;

/// How long an association takes to reach everything that serves the pool. AWS says that it takes from a few seconds to a number of minutes (WAF
/// developer guide, "Timing for web ACL changes"); assumed to be the same each time.
const PROPAGATION: Duration = Duration::from_secs(3);
/// Web ACL capacity units of each rule; the lab has no figures of its own.
const CAPACITY: usize = 700;

/// The web ACLs of a Region.
#[derive(Debug)]
pub(crate) struct WebAcls {
    region: &'static str,
    state: Mutex<AssociationHistory>,
}

#[derive(Debug, Default)]
struct AssociationHistory {
    /// By ARN.
    acls: BTreeMap<String, WebAcl>,
    /// What the pool had, and since when it was asked for; the last one is what it has.
    associations: Vec<(Option<Timestamp>, Option<WebAcl>)>,
}

/// A web ACL: what CreateWebACL was asked for.
#[derive(Debug, Clone)]
pub(crate) struct WebAcl {
    /// Its members, as WebACL has them (WAFV2 API reference).
    pub described: Value,
    /// A new one after every change.
    pub lock_token: String,
    /// Its tags.
    pub tags: Value,
}

impl WebAcl {
    fn new(region: &str, name: &str, input: &Value) -> Self {
        let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{region}/{name}").as_bytes());
        let mut described = json!({
            "Name": name,
            "Id": id.to_string(),
            "ARN": format!("arn:aws:wafv2:{region}:{}:regional/webacl/{name}/{id}", topology::ACCOUNT),
            "Capacity": input["Rules"].as_array().map_or(0, Vec::len) * CAPACITY,
            "ManagedByFirewallManager": false,
        });
        let kept = [
            "DefaultAction",
            "Description",
            "Rules",
            "VisibilityConfig",
            "CustomResponseBodies",
            "CaptchaConfig",
            "ChallengeConfig",
            "TokenDomains",
            "AssociationConfig",
            "DataProtectionConfig",
            "ApplicationConfig",
        ];
        for key in kept {
            if let Some(value) = input.get(key).filter(|value| !value.is_null()) {
                described[key] = value.clone();
            }
        }
        let tags = input.get("Tags").cloned().unwrap_or_else(|| json!([]));
        // A number that follows from the name: nothing here depends on what it is, only on its being another one after a change.
        let lock_token = Uuid::new_v5(&id, b"1").to_string();
        Self { described, lock_token, tags }
    }

    /// Its ARN.
    pub(crate) fn arn(&self) -> &str {
        self.described["ARN"].as_str().unwrap_or_default()
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        self.described["Name"].as_str().unwrap_or_default()
    }

    /// What lists show of it.
    pub(crate) fn summary(&self) -> Value {
        json!({
            "Name": self.described["Name"],
            "Id": self.described["Id"],
            "ARN": self.described["ARN"],
            "Description": self.described.get("Description").cloned().unwrap_or_else(|| json!("")),
            "LockToken": self.lock_token,
        })
    }

    /// Whether it refuses a request: by the first rule, in the order of their numbers, that matches and allows or blocks, else by default.
    fn refuses(&self, path: &str, headers: &HeaderMap) -> bool {
        let mut rules: Vec<&Value> = self.described["Rules"].as_array().into_iter().flatten().collect();
        rules.sort_by_key(|rule| rule["Priority"].as_i64());
        let action = rules.into_iter().filter(|rule| matches(&rule["Statement"], path, headers)).find_map(|rule| {
            let action = rule["Action"].as_object()?;
            ["Allow", "Block"].into_iter().find(|name| action.contains_key(*name))
        });
        match action {
            Some(action) => action == "Block",
            None => self.described["DefaultAction"].get("Block").is_some(),
        }
    }
}

/// Whether a rule's statement matches. The lab evaluates byte matches of the path and of a header; groups of rules, which other companies and AWS
/// manage, match none of the synthetic users.
fn matches(statement: &Value, path: &str, headers: &HeaderMap) -> bool {
    let Some(wanted) = statement.get("ByteMatchStatement") else { return false };
    let field = &wanted["FieldToMatch"];
    let seen = if field.get("UriPath").is_some() {
        Some(path)
    } else {
        let name = field["SingleHeader"]["Name"].as_str().unwrap_or_default();
        headers.get(name).and_then(|value| value.to_str().ok())
    };
    let word = wanted["SearchString"].as_str().and_then(|word| STANDARD.decode(word).ok()).unwrap_or_default();
    let Some(seen) = seen.map(str::as_bytes) else { return false };
    match wanted["PositionalConstraint"].as_str() {
        Some("EXACTLY") => seen == word,
        Some("STARTS_WITH") => seen.starts_with(&word),
        Some("ENDS_WITH") => seen.ends_with(&word),
        _ => false,
    }
}

impl WebAcls {
    /// The one that the estate has in a Region, in front of the user pool.
    pub(crate) fn new(role: RegionRole, estate: &AccountFixture) -> Self {
        let region = topology::region(role);
        let mut state = AssociationHistory::default();
        let first = estate.governance.web_acls.get(region).map(|acl| {
            let visibility = |name: &str| {
                json!({ "SampledRequestsEnabled": true, "CloudWatchMetricsEnabled": true, "MetricName": name })
            };
            let rule = |(priority, name): (usize, &String)| {
                json!({
                    "Name": name,
                    "Priority": priority,
                    "Statement": { "ManagedRuleGroupStatement": { "VendorName": "AWS", "Name": name } },
                    "OverrideAction": { "None": {} },
                    "VisibilityConfig": visibility(name),
                })
            };
            let rules: Vec<Value> = acl.rules.iter().enumerate().map(rule).collect();
            let input = json!({
                "DefaultAction": { "Allow": {} },
                "Rules": rules,
                "VisibilityConfig": visibility(&acl.name),
            });
            WebAcl::new(region, &acl.name, &input)
        });
        state.associations.push((None, first.clone()));
        state.acls.extend(first.map(|acl| (acl.arn().to_owned(), acl)));
        Self { region, state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, AssociationHistory> {
        lock(&self.state)
    }

    /// The Region's name.
    pub(crate) fn region(&self) -> &'static str {
        self.region
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<WebAcl> {
        self.lock().acls.values().cloned().collect()
    }

    /// The one with that ARN.
    pub(crate) fn get(&self, arn: &str) -> Option<WebAcl> {
        self.lock().acls.get(arn).cloned()
    }

    /// Makes one; nothing where the name is taken.
    pub(crate) fn create(&self, name: &str, input: &Value) -> Option<WebAcl> {
        let mut state = self.lock();
        if state.acls.values().any(|acl| acl.name() == name) {
            return None;
        }
        let made = WebAcl::new(self.region, name, input);
        state.acls.insert(made.arn().to_owned(), made.clone());
        Some(made)
    }

    /// Deletes one that the pool does not have; whether it could.
    pub(crate) fn delete(&self, arn: &str) -> bool {
        let mut state = self.lock();
        let free = state.associations.last().and_then(|(_, used)| used.as_ref()).is_none_or(|used| used.arn() != arn);
        if free {
            state.acls.remove(arn);
        }
        free
    }

    /// The one that the pool has.
    pub(crate) fn of_pool(&self) -> Option<WebAcl> {
        self.lock().associations.last()?.1.clone()
    }

    /// Gives the pool another one, or none.
    pub(crate) fn associate(&self, acl: Option<WebAcl>, now: Timestamp) {
        let mut state = self.lock();
        let arn = |acl: &Option<WebAcl>| acl.as_ref().map(|acl| acl.arn().to_owned());
        if state.associations.last().is_none_or(|(_, used)| arn(used) != arn(&acl)) {
            state.associations.push((Some(now), acl));
        }
    }

    /// Whether a request to the user pool is refused.
    pub(crate) fn refuses(&self, path: &str, headers: &HeaderMap, now: Timestamp) -> bool {
        let state = self.lock();
        let in_force = |since: &Option<Timestamp>| {
            since.is_none_or(|since| since.checked_add(PROPAGATION).is_ok_and(|from| from <= now))
        };
        let acl = state.associations.iter().rev().find(|(since, _)| in_force(since)).and_then(|(_, acl)| acl.as_ref());
        acl.is_some_and(|acl| acl.refuses(path, headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::FixtureNames;

    #[test]
    fn the_first_rule_that_decides_refuses_once_it_is_in_force() {
        let estate = AccountFixture::healthy(FixtureNames { pool_id: "us-east-1_LAB", client_id: "client" });
        let acls = WebAcls::new(RegionRole::Primary, &estate);
        let rule = |priority, action: &str, field: Value, constraint: &str, word: &str| {
            json!({
                "Name": format!("rule-{priority}"), "Priority": priority, "Action": { action: {} },
                "Statement": { "ByteMatchStatement": {
                    "FieldToMatch": field, "PositionalConstraint": constraint, "SearchString": STANDARD.encode(word),
                } },
            })
        };
        let header = json!({ "SingleHeader": { "Name": "x-gameday-run" } });
        let rules = [
            rule(2, "Block", json!({ "UriPath": {} }), "STARTS_WITH", "/"),
            rule(1, "Allow", header, "EXACTLY", "gd-1"),
        ];
        let before = acls.of_pool().unwrap();
        let made = acls.create("other", &json!({ "DefaultAction": { "Allow": {} }, "Rules": rules })).unwrap();
        assert!(acls.create("other", &json!({})).is_none());
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        acls.associate(Some(made.clone()), at(10));
        assert!(!acls.delete(made.arn()));
        let tagged = HeaderMap::from_iter([("x-gameday-run".parse().unwrap(), "gd-1".parse().unwrap())]);
        assert!(!acls.refuses("/", &HeaderMap::new(), at(12)), "it takes a while");
        assert!(acls.refuses("/", &HeaderMap::new(), at(13)));
        assert!(!acls.refuses("/", &tagged, at(13)));
        acls.associate(Some(before), at(20));
        assert!(acls.refuses("/", &HeaderMap::new(), at(22)) && !acls.refuses("/", &HeaderMap::new(), at(23)));
        assert!(acls.delete(made.arn()) && acls.get(made.arn()).is_none());
    }
}
