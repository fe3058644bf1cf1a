//! What a seed tells: which faults in which phases, what troubles the API, what others do, and how the run ends.

use std::fmt::Write as _;
use std::ops::Range;

use gameday_core::model::Seed;
use rand::{Rng, RngExt};

/// Everything that happens in one exploration.
#[derive(Debug)]
pub struct Story {
    pub seed: u64,
    /// The scenario's text.
    pub scenario: String,
    /// How long its phases last together at the most, in seconds.
    pub lasts: f64,
    pub dead_man: bool,
    pub ttl: u64,
    /// What goes wrong between the runner and AWS, and when.
    pub troubles: Vec<Trouble>,
    /// How far descriptions lag behind changes, in seconds.
    pub lag: f64,
    /// What others do, and when.
    pub others: Vec<(f64, Deed)>,
    /// When signals come.
    pub signals: Vec<f64>,
    pub death: Option<Death>,
    pub after: After,
}

/// A time in which some calls do not go well.
#[derive(Debug)]
pub struct Trouble {
    pub during: Range<f64>,
    /// The share of calls that it meets.
    pub odds: f64,
    pub what: What,
}

/// What becomes of a call that trouble meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    Throttled,
    ServerError,
    ExpiredCredentials,
    /// The call is made, and its answer does not come.
    LostAnswer,
    /// The call is made, and its connection is reset.
    Reset,
    /// The call does not arrive.
    LostCall,
    Late,
}

/// What others do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    NewAcl,
    NewGroup,
    RuleInAcl,
    RuleInGroup,
    MoveSubnet,
    OtherGroupOnInterface,
    HealthCheckThreshold,
    ReservedConcurrency,
}

/// When the runner dies.
#[derive(Debug, Clone, Copy)]
pub enum Death {
    /// At this await point, counted from the start.
    AtAwait(u64),
    /// At this call of those that change a resource, which arrives or does not.
    AtChange { number: usize, arrives: bool },
}

/// Who puts back what a dead runner left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// `gameday rollback` with the journal.
    Rollback,
    /// The dead-man switch, and then the rollback of what it leaves.
    DeadMan,
    /// A search of the account, since the journal is lost with the machine.
    Search,
}

const FAULTS: [&str; 9] = [
    "kind = \"nacl-blackhole\"",
    "kind = \"nacl-blackhole\"",
    "kind = \"nacl-blackhole\"\n[faults.targets]\nzones = [\"us-east-1a\"]",
    "kind = \"security-group-blackhole\"",
    "kind = \"security-group-blackhole\"\nmethod = \"revoke-rules\"",
    "kind = \"nacl-deny-entries\"\nports = [\"1-65535\"]",
    "kind = \"client-egress-blackhole\"",
    "kind = \"health-check-invert\"",
    "kind = \"lambda-trigger-break\"\nregion = \"primary\"\ntrigger = \"pre-token-generation\"",
];
const DEEDS: [Deed; 8] = [
    Deed::NewAcl,
    Deed::NewGroup,
    Deed::RuleInAcl,
    Deed::RuleInGroup,
    Deed::MoveSubnet,
    Deed::OtherGroupOnInterface,
    Deed::HealthCheckThreshold,
    Deed::ReservedConcurrency,
];
const TROUBLES: [What; 7] = [
    What::Throttled,
    What::ServerError,
    What::ExpiredCredentials,
    What::LostAnswer,
    What::Reset,
    What::LostCall,
    What::Late,
];

fn one_of<T: Copy>(draws: &mut impl Rng, all: &[T]) -> T {
    all[draws.random_range(0..all.len())]
}

impl Story {
    pub fn of(seed: u64) -> Self {
        let draws = &mut Seed(seed).stream("story");
        let ttl = one_of(draws, &[5, 20]);
        let (scenario, lasts) = scenario(draws, ttl);
        let troubles = (0..[0, 1, 1, 2, 3][draws.random_range(0..5)]).map(|_| trouble(draws, lasts)).collect();
        let lag = if draws.random_bool(0.4) { draws.random_range(0.1..8.0) } else { 0.0 };
        let mut others: Vec<(f64, Deed)> = (0..[0, 0, 1, 2][draws.random_range(0..4)])
            .map(|_| (draws.random_range(0.0..lasts), one_of(draws, &DEEDS)))
            .collect();
        others.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut signals: Vec<f64> =
            (0..[0, 0, 0, 1, 1, 2, 3][draws.random_range(0..7)]).map(|_| draws.random_range(0.0..lasts)).collect();
        signals.sort_by(f64::total_cmp);
        let death = draws.random_bool(0.5).then(|| {
            if draws.random_bool(0.5) {
                // As often among the first ten as among thousands.
                Death::AtAwait(10_f64.powf(draws.random_range(0.5..3.5)) as u64)
            } else {
                Death::AtChange { number: draws.random_range(1..50), arrives: draws.random_bool(0.5) }
            }
        });
        let dead_man = draws.random_bool(0.7);
        let after = match draws.random_range(0..4) {
            0 if dead_man => After::DeadMan,
            1 => After::Search,
            _ => After::Rollback,
        };
        if death.is_some() && after == After::DeadMan {
            // Its calls set what was there before, whoever changed that meanwhile: Scheduler cannot look first.
            others.retain(|(_, deed)| !matches!(deed, Deed::OtherGroupOnInterface | Deed::ReservedConcurrency));
        }
        Self { seed, scenario, lasts, dead_man, ttl, troubles, lag, others, signals, death, after }
    }
}

/// A scenario and how long it lasts at the most, in seconds.
fn scenario(draws: &mut impl Rng, ttl: u64) -> (String, f64) {
    let baseline = draws.random_range(10..20);
    let (outage, hold, failback) =
        (draws.random_range(20..100), ttl + draws.random_range(1..30), draws.random_range(10..100));
    let mut text = format!(
        "schema_version = 1\ntitle = \"Exploration\"\nhypothesis = \"Everything is put back.\"\n\
         [phases]\nbaseline = \"{baseline}s\"\noutage = \"{outage}s\"\nhold = \"{hold}s\"\nfailback = \"{failback}s\"\n\
         [users.arrivals]\nprocess = \"poisson\"\nrate = \"{:.1}/s\"\n\
         [[users.flows]]\nflow = \"USER_SRP_AUTH\"\nshare = \"50%\"\n\
         [[users.flows]]\nflow = \"USER_PASSWORD_AUTH\"\nshare = \"50%\"\n\
         [[users.cohorts]]\ncohort = \"fresh-lookup\"\nshare = \"60%\"\n\
         [[users.cohorts]]\ncohort = \"honours-ttl\"\nshare = \"40%\"\n\
         [[objectives]]\nmetric = \"rto\"\nat_most = \"{}s\"\n",
        // As many as prove steady state.
        draws.random_range(0.0..0.8) + 14.0 / baseline as f64,
        outage / 2,
    );
    let count = [1, 1, 1, 2, 3][draws.random_range(0..5)];
    let mut chosen: Vec<&str> = Vec::new();
    while chosen.len() < count {
        let fault = one_of(draws, &FAULTS);
        // No two of one kind on the same targets.
        let kind = fault.lines().next().unwrap_or_default();
        if !chosen.iter().any(|other| other.starts_with(kind)) {
            chosen.push(fault);
        }
    }
    for (index, fault) in chosen.iter().enumerate() {
        let (kind, more) = fault.split_once('\n').unwrap_or((fault, ""));
        let _ = write!(text, "[[faults]]\n{kind}\n");
        // The first begins with the outage; it may end before it, and come again.
        if index > 0 && draws.random_bool(0.5) {
            let _ = writeln!(text, "at = \"{}s\"", draws.random_range(1..outage / 2));
        } else if draws.random_bool(0.25) {
            let turn = draws.random_range(2..=outage / 5);
            let _ = writeln!(text, "for = \"{turn}s\"\nrepeat = 2\nevery = \"{}s\"", turn * 2);
        }
        let _ = writeln!(text, "{more}");
    }
    (text, (baseline + outage + hold + failback) as f64 + 60.0)
}

fn trouble(draws: &mut impl Rng, lasts: f64) -> Trouble {
    // Mostly after preflight, which ends a run that cannot call AWS.
    let from = draws.random_range(0.0..lasts).max(if draws.random_bool(0.8) { 8.0 } else { 0.0 });
    let odds = one_of(draws, &[0.03, 0.2, 0.6, 1.0]);
    Trouble { during: from..from + draws.random_range(1.0..60.0), odds, what: one_of(draws, &TROUBLES) }
}
