//! The reports of runs whose truth is known, for programs that read such documents.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use gameday_core::model::{Event, Phase, Record, RunFailure};
use gameday_core::report::reports;

use super::synthetic::{World, at, hostile, outcome, started};
use super::tools::{in_repository, node_modules, passes};

/// A folder for each run.
pub struct Reports(tempfile::TempDir);

/// A whole run, one full of hostile names, one that was killed, and one that preflight refused.
fn runs() -> [(&'static str, Vec<Record>); 4] {
    let sample = World::sample().run().0;
    let killed = sample.iter().filter(|record| record.at < at(100.0)).cloned().collect();
    let events = [
        Event::RunStarted(Box::new(started())),
        Event::PhaseStarted { phase: Phase::Preflight },
        Event::RunEnded { failure: Some(RunFailure::PreflightRefused) },
    ];
    let refused = (0..).zip(events).map(|(seq, event)| Record { seq, at: at(seq as f64), event }).collect();
    [("sample", sample), ("hostile", hostile()), ("killed", killed), ("refused", refused)]
}

impl Reports {
    pub fn write() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, records) in runs() {
            let run = folder.path().join(name);
            fs::create_dir(&run).unwrap();
            for (file, bytes) in reports(&outcome(&records).unwrap()) {
                fs::write(run.join(file), bytes).unwrap();
            }
        }
        Self(folder)
    }

    /// By that script; it must succeed.
    pub fn read(&self, interpreter: &Path, script: &str) {
        // Chaos Toolkit asks whether the program of each activity is there.
        let program = Path::new(env!("CARGO_BIN_EXE_gameday")).parent().unwrap();
        let found = std::env::var_os("PATH").unwrap_or_default();
        let folders = [program.to_path_buf()].into_iter().chain(std::env::split_paths(&found));
        let path = std::env::join_paths(folders).unwrap().into_string().unwrap();
        let runs = runs().map(|(name, _)| self.0.path().join(name).to_str().unwrap().to_owned()).join(" ");
        let variables = BTreeMap::from([("RUNS".to_owned(), runs), ("PATH".to_owned(), path)]);
        passes(interpreter, script, self.0.path(), &variables);
    }

    /// In a browser, one after the other, and the trend of the sample runs; pictures go to `target/screenshots`.
    pub fn browsed(&self, chromium: &Path, node: &Path) {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let of_runs = runs().map(|(name, _)| self.0.path().join(name).join("report.html"));
        for page in of_runs.into_iter().chain([in_repository("reports/sample-quarters/trend.html")]) {
            let variables = [
                ("REPORT", text(&page)),
                ("SHOTS", text(&in_repository("target/screenshots"))),
                ("CHROMIUM", text(chromium)),
                ("NODE_MODULES", text(&node_modules())),
            ];
            let variables = variables.map(|(name, value)| (name.to_owned(), value)).into();
            passes(node, "report_html.mjs", self.0.path(), &variables);
        }
    }
}
