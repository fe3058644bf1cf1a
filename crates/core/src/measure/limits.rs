//! What a replica may not do, and whether it did.

use std::collections::BTreeMap;

use super::history::{LimitOutcome, Logbook};
use crate::model::{Event, Expect, Finding, Predicts, Record, Region, RegionRole, RunStarted, Severity};
use crate::scenario::{ExpectedLimit, FlowShare};

/// The code of a finding that a limit did not hold.
const SURPRISE: &str = "GD103";

/// What was expected of something that a replica may not do, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitResult {
    /// As `sign-up`; for logins `login by` and their flow.
    pub action: String,
    /// Where it was tried.
    pub region: Region,
    /// Its part.
    pub role: RegionRole,
    /// What the scenario expects.
    pub expect: Expect,
    /// What was seen, as an error's code.
    pub seen: String,
    /// Whether it came so; nothing where that could not be told.
    pub held: Option<bool>,
}

impl LimitResult {
    /// `held`, `surprise` or `unknown`, as in reports.
    pub fn verdict(&self) -> &'static str {
        match self.held {
            Some(true) => "held",
            Some(false) => "surprise",
            None => "unknown",
        }
    }

    /// The finding, where it did not hold.
    pub(super) fn finding(&self) -> Option<Finding> {
        let (action, region) = (&self.action, &self.region);
        let (title, remedy) = match self.expect {
            Expect::Refused => (
                format!("{action} works at the {}, which should refuse it", self.role.as_str()),
                "Find the cause: the pool may be independent instead of a replica, or the service has changed. Then \
                 correct `expect`; otherwise users make changes there that are lost at failback.",
            ),
            Expect::Works => (
                format!("{action} is refused at the {}, where it should work", self.role.as_str()),
                "Inform user support that this does not work during a failover, and correct `expect`; or find out \
                 what the replica lacks.",
            ),
        };
        (self.held == Some(false)).then(|| Finding {
            code: SURPRISE.to_owned(),
            severity: Severity::Risk,
            regions: vec![self.role],
            predicts: Some(Predicts::Nothing),
            title,
            evidence: format!("expected {} in {region}, seen: {}", self.expect.as_str(), self.seen),
            remedy: remedy.to_owned(),
            accepted: None,
            ignored: false,
        })
    }
}

/// What the scenario states, in its order, then the flows that a replica is expected to refuse and was asked for.
pub(super) fn limits(
    records: &[Record],
    book: &Logbook,
    stated: &[ExpectedLimit],
    asked: &[FlowShare],
    run: &RunStarted,
) -> Vec<LimitResult> {
    let tried: Vec<LimitResult> = records.iter().filter_map(tried).collect();
    let missing = |limit: &&ExpectedLimit| {
        !tried.iter().any(|seen| seen.action == limit.action.as_str() && seen.role == limit.region)
    };
    let missing = stated.iter().filter(missing).map(|limit| LimitResult {
        action: limit.action.as_str().to_owned(),
        region: run.region(limit.region).clone(),
        role: limit.region,
        expect: limit.expect,
        seen: "not tried".to_owned(),
        held: None,
    });
    let mut all: Vec<LimitResult> = tried.iter().cloned().chain(missing).collect();
    all.extend(flows(book, asked, &run.replica));
    all
}

fn tried(record: &Record) -> Option<LimitResult> {
    let Event::Expectation(tried) = &record.event else { return None };
    Some(LimitResult {
        action: tried.action.as_str().to_owned(),
        region: tried.region.clone(),
        role: tried.role,
        expect: tried.expect,
        seen: tried.seen.clone(),
        held: tried.held,
    })
}

fn flows(book: &Logbook, asked: &[FlowShare], replica: &Region) -> Vec<LimitResult> {
    let mut seen: BTreeMap<String, (BTreeMap<String, u64>, u64, u64)> = BTreeMap::new();
    // One whose logins never reached the replica proves nothing, and is not to be forgotten.
    seen.extend(
        asked.iter().filter(|flow| flow.expect == Some(Expect::Refused)).map(|flow| (flow.label(), Default::default())),
    );
    for login in book.iter() {
        match login.limit() {
            // By what it was refused: an error of another kind may only look like the limit.
            LimitOutcome::Held => {
                *seen.entry(login.flow().to_owned()).or_default().0.entry(login.outcome().label()).or_default() += 1;
            }
            LimitOutcome::Broken => seen.entry(login.flow().to_owned()).or_default().1 += 1,
            LimitOutcome::Untold => seen.entry(login.flow().to_owned()).or_default().2 += 1,
            LimitOutcome::Unconcerned => {}
        }
    }
    let result = |(flow, (refused, let_in, untold)): (String, (BTreeMap<String, u64>, u64, u64))| {
        let reached = !refused.is_empty() || let_in + untold > 0;
        let held = if let_in > 0 { Some(false) } else { (!refused.is_empty()).then_some(true) };
        let untold = (untold > 0).then(|| format!("{untold} failed with another error, which proves nothing"));
        let refused = refused.into_iter().map(|(label, count)| format!("{count} {label}"));
        let seen: Vec<String> = refused.chain([format!("{let_in} succeeded")]).chain(untold).collect();
        let seen = if reached { seen.join(", ") } else { "no login reached the replica".to_owned() };
        LimitResult {
            action: format!("login by {flow}"),
            region: replica.clone(),
            role: RegionRole::Replica,
            expect: Expect::Refused,
            seen,
            held,
        }
    };
    seen.into_iter().map(result).collect()
}
