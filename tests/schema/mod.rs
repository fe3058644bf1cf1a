//! JSON Schema as far as schemars writes it, and stricter: a keyword that is not known is an error, and so is a key that the schema does not list.

use std::collections::BTreeSet;

use gameday_core::model::*;
use gameday_core::report::run_schema;
use serde_json::{Value, json};

use super::synthetic::{PRIMARY, REPLICA, World, at, outcome};
use super::{edit, logins, rejected, run_json, sample, sessions, with_events};

/// A schema, and the properties that documents were seen to have.
pub struct Schema {
    root: Value,
    /// As `Group.attempted`.
    pub seen: BTreeSet<String>,
}

/// Keywords that say nothing about a document, or are looked at together with another.
const REMARKS: [&str; 6] = ["$schema", "$defs", "title", "description", "format", "required"];

impl Schema {
    pub fn new(root: Value) -> Self {
        Self { root, seen: BTreeSet::new() }
    }

    /// What is wrong with a document.
    pub fn errors(&mut self, document: &Value) -> Vec<String> {
        let mut errors = Vec::new();
        self.check(&self.root.clone(), "", document, "$", &mut errors);
        errors
    }

    fn check(&mut self, schema: &Value, name: &str, value: &Value, at: &str, errors: &mut Vec<String>) {
        let Some(schema) = schema.as_object() else {
            // `true` allows everything.
            return errors.extend((schema != &Value::Bool(true)).then(|| format!("{at}: {schema}")));
        };
        for (keyword, rule) in schema {
            let right = match keyword.as_str() {
                "type" => is_a(value, rule),
                "enum" => rule.as_array().unwrap().contains(value),
                "const" => rule == value,
                "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
                "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
                "anyOf" | "oneOf" => self.any(rule, name, value, at),
                "allOf" => {
                    rule.as_array().unwrap().iter().for_each(|part| self.check(part, name, value, at, errors));
                    true
                }
                "$ref" => {
                    let target = rule.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                    self.check(&self.root["$defs"][target].clone(), target, value, at, errors);
                    true
                }
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(rule, name, item, &format!("{at}[{index}]"), errors);
                    }
                    true
                }
                "properties" | "additionalProperties" => true,
                remark if REMARKS.contains(&remark) => true,
                unknown => {
                    errors.push(format!("{at}: the keyword {unknown} is not known here"));
                    true
                }
            };
            if !right {
                errors.push(format!("{at}: {value} is against {keyword} {rule}"));
            }
        }
        if let Some(object) = value.as_object() {
            self.object(&Value::Object(schema.clone()), name, object, at, errors);
        }
    }

    fn any(&mut self, rule: &Value, name: &str, value: &Value, at: &str) -> bool {
        rule.as_array().unwrap().iter().any(|part| {
            let mut errors = Vec::new();
            self.check(part, name, value, at, &mut errors);
            errors.is_empty()
        })
    }

    fn object(
        &mut self,
        schema: &Value,
        name: &str,
        object: &serde_json::Map<String, Value>,
        at: &str,
        errors: &mut Vec<String>,
    ) {
        for key in schema["required"].as_array().into_iter().flatten() {
            let key = key.as_str().unwrap();
            errors.extend((!object.contains_key(key)).then(|| format!("{at}: {key} is missing")));
        }
        if schema.get("properties").is_none() && schema.get("additionalProperties").is_none() {
            return;
        }
        for (key, value) in object {
            let at = format!("{at}.{key}");
            if let Some(property) = schema["properties"].get(key) {
                self.seen.insert(format!("{name}.{key}"));
                self.check(property, name, value, &at, errors);
            } else if let Some(others) = schema.get("additionalProperties").filter(|others| others.is_object()) {
                self.check(others, name, value, &at, errors);
            } else {
                errors.push(format!("{at} is not in the schema"));
            }
        }
    }

    /// Every property that the schema lists.
    pub fn properties(&self) -> BTreeSet<String> {
        let of = |name: &str, schema: &Value| -> Vec<String> {
            schema["properties"]
                .as_object()
                .into_iter()
                .flat_map(|all| all.keys())
                .map(|key| format!("{name}.{key}"))
                .collect()
        };
        let parts = self.root["$defs"].as_object().unwrap().iter().flat_map(|(name, schema)| of(name, schema));
        parts.chain(of("", &self.root)).collect()
    }
}

fn is_a(value: &Value, rule: &Value) -> bool {
    let one = |kind: &Value| match kind.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other}"),
    };
    rule.as_array().map_or_else(|| one(rule), |kinds| kinds.iter().any(one))
}

/// A run in which everything happened that `run.json` has keys for.
fn eventful() -> Value {
    let window = Window { sent: at(120.0), received: at(120.5) };
    let raised = Mutation {
        fault: None,
        window,
        region: REPLICA.into(),
        step: Step::Prepare,
        call: "cognito-idp:UpdateProvisionedLimit".into(),
        resource: "UserAuthentication".into(),
        ipv4: false,
        error: None,
    };
    let (role, region, seen) = (RegionRole::Replica, REPLICA.into(), "NotAuthorizedException".into());
    let (action, expect, held) = (UserAction::SignUp, Expect::Refused, Some(false));
    let tried = Expectation { action, role, region, expect, held, seen, window };
    let finding = Finding {
        code: "GD502".into(),
        severity: Severity::Risk,
        regions: vec![RegionRole::Replica],
        predicts: Some(Predicts::Unreached(Milestone::DnsFlipAuthoritative)),
        title: "The TTL is long".into(),
        evidence: "3600 s".into(),
        remedy: "Shorten it.".into(),
        accepted: Some(Accepted { owner: "sre".into(), reason: "known".into(), expires: "2026-06-30".into() }),
        ignored: true,
    };
    let stalled = Event::HarnessStalled { window, late_ms: 500.0, slept_ms: 0.0 };
    let others =
        Event::ChangedByOthers { region: Some(PRIMARY.into()), resource: "acl-9".into(), found: "a rule more".into() };
    let figures = SteadyFigures::HealthCheck { healthy: Some(false), reporting_healthy: 0, checkers: 16 };
    let parts = vec![SteadyPart { steady: false, figures }];
    let gate =
        Event::SteadyState(SteadyState { judged_at: JudgedAt::BeforeFault, steady: false, ignored: true, parts });
    let events = [Event::Mutation(raised), Event::Expectation(tried), Event::Finding(finding), stalled, others, gate];
    let mut records = with_events(events.into_iter().chain(sessions()));
    edit(&mut records, |event| {
        if let Event::Restored { not_reverted, .. } = event {
            not_reverted.push("acl-1: AccessDenied".into());
        }
        if let Event::Health { window, status_healthy, .. } = event {
            *status_healthy &= window.received > at(0.0);
        }
    });
    logins(&mut records, |login| {
        let late = login.role == Some(RegionRole::Replica) && login.arrival % 3 == 0;
        if late && login.ended <= at(120.0) {
            login.outcome = LoginOutcome::Throttled { step: LoginStep::InitiateAuth };
        } else if late {
            login.outcome = LoginOutcome::ClaimMissing { claim: "tenant_id".into() };
        } else if login.arrival == 1 {
            login.outcome = rejected("NotAuthorizedException");
        } else if login.arrival == 2 {
            login.outcome = LoginOutcome::HarnessFailed { what: "no descriptor".into() };
        } else if login.arrival == 4 {
            login.retry_of = Some(1);
            let (ended, outcome) = (login.started, LoginOutcome::ConnectTimeout);
            login.earlier = vec![FailedTry { ended, role: None, outcome, api_sent: None, steps: Vec::new() }];
        }
    });
    run_json(&outcome(&records).unwrap())
}

#[test]
fn run_json_is_what_its_schema_says() {
    let mut schema = Schema::new(run_schema());
    let mut quiet = World::sample().run().0;
    quiet.retain(|record| record.at < at(-1.0));
    let aborted = run_json(&outcome(&quiet).unwrap());
    let documents = [run_json(&sample()), eventful(), aborted];
    for document in &documents {
        assert_eq!(schema.errors(document), Vec::<String>::new());
    }
    assert_eq!(documents[1]["primary"], PRIMARY);
    // The schema promises nothing that no document has.
    let unseen: Vec<String> = schema.properties().difference(&schema.seen).cloned().collect();
    assert_eq!(unseen, Vec::<String>::new());
}

/// Changes `at` of the document.
fn changed(document: &Value, at: &str, change: impl FnOnce(&mut Value)) -> Value {
    let mut document = document.clone();
    change(document.pointer_mut(at).unwrap());
    document
}

#[test]
fn a_document_that_is_not_as_the_schema_says_is_found() {
    let document = run_json(&sample());
    let mut schema = Schema::new(run_schema());
    let mut wrong = |document: &Value| !schema.errors(document).is_empty();
    for key in document.as_object().unwrap().keys() {
        let without = changed(&document, "", |root| {
            root.as_object_mut().unwrap().remove(key);
        });
        assert!(wrong(&without), "{key} is not required");
    }
    for at in ["/speed", "/milestones/0/lower_s", "/availability/windows/3/attempted", "/lag_over_time/0/lower_ms"] {
        assert!(wrong(&changed(&document, at, |value| *value = json!("many"))), "{at} may be text");
    }
    for at in ["", "/logins", "/rpo/lag_ms", "/propagation/0", "/availability/error_budget"] {
        assert!(wrong(&changed(&document, at, |value| value["unheard_of"] = json!(1))), "{at} may have any key");
    }
}

#[test]
fn the_committed_schema_is_the_programs() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/schema/run.schema.json");
    let committed: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(committed, run_schema());
}
