//! From an outcome to documents: Markdown, HTML, JSON, JUnit, HdrHistogram log, OpenMetrics, Chaos Toolkit's journal.
//! Pure: the same outcome gives the same bytes.
//!
//! Names, tags and error texts come from AWS or from files. The templates escape every value by
//! their own format, so none of them can change a document's structure.

mod causes;
mod chaos;
mod charts;
pub mod escape;
mod figures;
mod hlog;
mod html;
mod json;
mod junit;
mod logins;
mod markdown;
mod openmetrics;
mod regions;
mod summary;
mod users;
mod view;
pub mod words;

pub use chaos::chaos_journal;
pub(crate) use figures::link_name;
pub use hlog::hlog;
pub use html::html;
pub use json::{run_json, run_schema};
pub use junit::junit;
pub(crate) use markdown::PALETTE;
pub use markdown::markdown;
pub use openmetrics::openmetrics;
pub use summary::shown_objectives;
pub use words::{headline, hypothesis_verdict, instant, measured, seconds, seconds_down, span_s, target};

use crate::measure::Outcome;

/// Every report of a run: the file's name and its bytes.
pub fn reports(outcome: &Outcome) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("report.md", markdown(outcome)),
        ("report.html", html(outcome)),
        ("run.json", run_json(outcome)),
        ("junit.xml", junit(outcome)),
        ("logins.hlog", hlog(outcome)),
        ("metrics.txt", openmetrics(outcome)),
        ("journal.json", chaos_journal(outcome)),
    ]
}
