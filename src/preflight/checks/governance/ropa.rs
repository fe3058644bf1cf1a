//! GD931: whether the record of processing activities tells of the replication.

use crate::model::Predicts;
use crate::model::Severity::Note;
use crate::preflight::checks::{BOTH, Check, Sight};

/// See its text.
pub const CHECK: Check = Check {
    code: "GD931",
    severity: Note,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "No Record of Processing Activities tells of the replication",
    why: "Replicating users to another Region is a processing of personal data of its own, with another place and perhaps another law. \
          The record (ROPA) must tell of it, with the controls that hold in both Regions; auditors ask for it by its number.",
    remedy: "Describe the replication in the ROPA (Regions, categories of data, encryption by your own key, retention), then name the \
             place in the environment file: `[preflight]` `ropa = \"ROPA-2026-017, section 4\"`",
    calls: &[],
    look: |facts| {
        Box::pin(async move {
            let named = facts.site.preflight.ropa.as_ref().is_some_and(|ropa| !ropa.trim().is_empty());
            let text = "`preflight.ropa` of the environment file is empty or left out";
            Ok((!named).then(|| Sight::of(text)).into_iter().collect())
        })
    },
};
