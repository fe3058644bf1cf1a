//! GD931: whether the record of processing activities tells of the replication.

use crate::preflight::checks::{BOTH, Check, Occurrence};
use gameday_core::model::Predicts;
use gameday_core::model::Severity::Note;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD931",
    severity: Note,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "The Record of Processing Activities does not name the replication",
    why: "Replicating users to another Region is a separate processing of personal data, in another place and perhaps \
          under another law. The record (ROPA) must describe it, with the controls in both Regions; auditors ask for \
          its number.",
    remedy: "Describe the replication in the ROPA (Regions, categories of data, encryption with your own key, \
             retention), then name the entry in the environment file:\n\n\
             ```toml\n\
             [preflight]\n\
             ropa = \"ROPA-2026-017, section 4\"\n\
             ```",
    calls: &[],
    look: |facts| {
        Box::pin(async move {
            let named = facts.site.preflight.ropa.as_ref().is_some_and(|ropa| !ropa.trim().is_empty());
            let text = "`preflight.ropa` of the environment file is empty or missing";
            Ok((!named).then(|| Occurrence::of(text)).into_iter().collect())
        })
    },
};
