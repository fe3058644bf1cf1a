//! SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format"): the checks are its rules, the environment file is the place.

use serde_json::{Value, json};

use super::{PreflightDocument, summary};
use crate::preflight::checks::{RuleMetadata, pages};
use gameday_core::model::{Finding, Severity};

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Blocker => "error",
        Severity::Risk => "warning",
        Severity::Note => "note",
    }
}

fn rule(page: &RuleMetadata) -> Value {
    json!({
        "id": page.code,
        "shortDescription": { "text": page.title },
        "fullDescription": { "text": page.why },
        "help": { "text": page.remedy, "markdown": page.remedy },
        "defaultConfiguration": { "level": level(page.severity) },
    })
}

fn result(found: &Finding, rules: &[RuleMetadata], file: &str) -> Value {
    let mut result = json!({
        "ruleId": found.code,
        "ruleIndex": rules.iter().position(|page| page.code == found.code),
        "level": level(found.severity),
        "message": {
            "text": format!("{}: {}", found.title, found.evidence),
            "markdown": format!("{}: {}\n\nWhat to do: {}", found.title, found.evidence, found.remedy),
        },
        "locations": [{ "physicalLocation": { "artifactLocation": { "uri": file } } }],
        "partialFingerprints": { "finding/v1": gameday_core::model::sha256(format!("{} {}", found.code, found.evidence).as_bytes()) },
    });
    if let Some(by) = &found.accepted {
        let why = format!("{} (accepted by {} until {})", by.reason, by.owner, by.expires);
        result["suppressions"] = json!([{ "kind": "external", "status": "accepted", "justification": why }]);
    }
    result
}

/// The log of one run.
pub(super) fn log(told: &PreflightDocument) -> Value {
    let rules = pages();
    let lacks = told.not_checked.iter().map(|lack| {
        json!({
            "level": "warning",
            "message": { "text": format!("not checked: {}", lack.what) },
            "associatedRule": { "id": lack.code },
        })
    });
    let idle = told.idle.iter().map(|entry| json!({ "level": "warning", "message": { "text": entry } }));
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "gameday",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(rule).collect::<Vec<_>>(),
            } },
            "invocations": [{
                "executionSuccessful": true,
                "toolExecutionNotifications": lacks.chain(idle).collect::<Vec<_>>(),
            }],
            "properties": { "ready": told.ready, "summary": summary(told), "passed": told.passed },
            "results": told.findings.iter().map(|found| result(found, &rules, &told.file)).collect::<Vec<_>>(),
        }],
    })
}
