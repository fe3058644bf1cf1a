//! A failover whose truth is known, and the event log that observers with given periods and request times
//! would have written of it.
#![allow(clippy::unwrap_used, clippy::wildcard_imports, reason = "a test may panic, and knows the whole vocabulary")]
#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use gameday_core::measure::{self, MeasureError, Outcome};
use gameday_core::model::*;
use jiff::{SignedDuration, Timestamp};
use rand::{Rng, RngExt};
use serde_json::json;

/// Seconds after the cut at which things truly happened, and how they were watched.
#[derive(Debug, Clone)]
pub struct World {
    pub seed: u64,
    /// By address: when packets began to vanish, and when they passed again after `heal`.
    pub cut: Vec<f64>,
    pub reverted: Vec<f64>,
    /// By address, where each has a fault of its own: when the call that cuts was sent, and when the call that heals, if that was before `heal`.
    pub faults: Option<Vec<(f64, Option<f64>)>>,
    pub unhealthy: f64,
    pub authoritative: Vec<f64>,
    pub resolvers: Vec<f64>,
    /// From here on, logins are scheduled to the replica, and from `back` on to the primary.
    pub switched: f64,
    pub heal: f64,
    pub healthy: f64,
    pub authoritative_back: Vec<f64>,
    pub back: f64,
    pub end: f64,
    /// Of health, DNS, path and canary observers.
    pub period: f64,
    /// Requests take between this and half as much again.
    pub request: f64,
    /// A busy runner pauses up to so long between stamping a path probe and sending its packet.
    pub pause: f64,
    /// Between two logins.
    pub gap: f64,
    pub lag: f64,
    /// Whether a login that could not connect tells which Region it asked.
    pub asked: bool,
    /// Tokens of the replica lack this claim.
    pub broken_claim: Option<String>,
    /// The runner was stopped from then to then: what was due starts when it goes on, and what came meanwhile is stamped then.
    pub stopped: Option<(f64, f64)>,
}

/// What truly happened, for comparison.
#[derive(Debug, Default)]
pub struct Truth {
    pub milestones: BTreeMap<Milestone, f64>,
    /// Age of the oldest canary write that had not replicated when the fault became effective, and their number.
    pub oldest_lost_s: f64,
    /// That of the newest; nothing where none was lost.
    pub newest_lost_s: Option<f64>,
    pub lost: u64,
}

pub const CONNECT_TIMEOUT: f64 = 3.0;
pub const PRIMARY: &str = "us-east-1";
pub const REPLICA: &str = "us-west-2";
const BASELINE: f64 = -30.0;

impl World {
    /// The failover of the sample reports.
    pub fn sample() -> Self {
        Self {
            seed: 7,
            cut: vec![0.21, 0.24],
            reverted: vec![180.11, 180.14],
            faults: None,
            unhealthy: 31.4,
            authoritative: vec![32.0, 32.1],
            resolvers: vec![61.7],
            switched: 62.0,
            heal: 180.05,
            healthy: 206.2,
            authoritative_back: vec![206.9, 207.0],
            back: 240.3,
            end: 260.0,
            period: 0.5,
            request: 0.04,
            pause: 0.0,
            gap: 0.5,
            lag: 1.2,
            asked: false,
            broken_claim: None,
            stopped: None,
        }
    }

    /// When the runner does what is due, or sees what came.
    fn awake(&self, at: f64) -> f64 {
        self.stopped.filter(|(from, to)| (*from..*to).contains(&at)).map_or(at, |(_, to)| to)
    }

    pub fn longest_request(&self) -> f64 {
        self.request * 1.5
    }

    pub fn run(&self) -> (Vec<Record>, Truth) {
        let mut log =
            Log { world: self, rng: Seed(self.seed).stream("synthetic"), events: Vec::new(), truth: Truth::default() };
        log.mutations();
        log.path();
        log.health();
        log.dns();
        log.logins();
        log.canaries();
        log.framework();
        log.finish()
    }
}

pub fn at(seconds: f64) -> Timestamp {
    let zero: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
    zero + SignedDuration::from_nanos((seconds * 1e9).round() as i64)
}

fn window(sent: f64, received: f64) -> Window {
    Window { sent: at(sent), received: at(received) }
}

pub fn address(part: u8, host: usize) -> IpAddr {
    Ipv4Addr::new(127, 0, part, 10 + host as u8).into()
}

pub fn scenario(objectives: &serde_json::Value) -> serde_json::Value {
    json!({
        "schema_version": 1,
        "title": "The primary Region's front door vanishes",
        "hypothesis": "Users keep logging in at the replica within two minutes.",
        "required_claims": ["tenant_id"],
        "phases": { "baseline": "30s", "outage": "2m", "hold": "1m", "failback": "2m" },
        "faults": [{ "kind": "nacl-blackhole", "region": "primary" }],
        "users": {
            "arrivals": { "process": "constant", "rate": "2/s" },
            "flows": [{ "flow": "USER_SRP_AUTH", "share": "100%" }],
            "cohorts": [{ "cohort": "honours-ttl", "share": "50%" }, { "cohort": "fresh-lookup", "share": "50%" }]
        },
        "objectives": objectives,
    })
}

pub fn all_objectives() -> serde_json::Value {
    json!([
        { "metric": "detection", "at_most": "45s" },
        { "metric": "rto", "at_most": "2m" },
        { "metric": "sustained_rto", "at_most": "2m" },
        { "metric": "rpo", "at_most": "30s" },
        { "metric": "failback", "at_most": "2m" },
        { "metric": "success_rate", "region": "replica", "phase": "hold", "at_least": "95%" }
    ])
}

pub fn started() -> RunStarted {
    RunStarted {
        schema_version: EVENT_LOG_VERSION,
        run_id: "gd-20260102t030405z-1a2b3c".into(),
        tool_version: "0.1.0".into(),
        scenario_name: "full-failover".into(),
        scenario_sha256: "5c".repeat(32),
        scenario: scenario(&all_objectives()),
        environment_name: "lab".into(),
        environment_kind: "lab".into(),
        environment_sha256: "e5".repeat(32),
        primary: PRIMARY.into(),
        replica: REPLICA.into(),
        record: "auth.lab.example.".into(),
        speed: 1.0,
        virtual_time: false,
        seed: 7,
        poll_s: [("health", 0.5), ("path", 0.5)].map(|(name, s)| (name.to_owned(), s)).into(),
        host: "linux x86_64".into(),
        clock_sync: Some(ClockSync { synchronised: true, at_most_off_ms: 1.5 }),
    }
}

struct Log<'a, R> {
    world: &'a World,
    rng: R,
    events: Vec<(f64, Event)>,
    truth: Truth,
}

impl<R: Rng> Log<'_, R> {
    fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * (self.rng.next_u64() as f64 / u64::MAX as f64)
    }

    fn request(&mut self) -> f64 {
        self.uniform(self.world.request, self.world.longest_request())
    }

    fn push(&mut self, at: f64, event: Event) {
        self.events.push((at, event));
    }

    /// When a poll was sent and answered, and when it looked.
    fn polls(&mut self, from: f64) -> Vec<(f64, f64, f64)> {
        let mut sent = from + self.uniform(0.0, self.world.period);
        let mut polls = Vec::new();
        while sent < self.world.end {
            sent = self.world.awake(sent);
            let received = sent + self.request();
            let looked = self.uniform(sent, received);
            polls.push((sent, self.world.awake(received), looked));
            sent += self.world.period;
        }
        polls
    }

    fn mutation(&mut self, sent: f64, received: f64, step: Step, resource: &str, fault: Option<u32>) {
        let call = match step {
            Step::Cut => "ec2:CreateNetworkAclEntry",
            Step::Heal => "ec2:DeleteNetworkAclEntry",
            Step::Prepare | Step::Dismantle => "ec2:ReplaceNetworkAclAssociation",
        };
        let ipv4 = matches!(step, Step::Cut | Step::Heal);
        let (call, resource) = (call.to_owned(), resource.to_owned());
        let region = PRIMARY.into();
        let mutation =
            Mutation { window: window(sent, received), region, step, call, resource, ipv4, fault, error: None };
        self.push(received, Event::Mutation(mutation));
    }

    fn mutations(&mut self) {
        let world = self.world;
        self.mutation(-2.0, -1.9, Step::Prepare, "subnet-0a", None);
        for (index, (cut, reverted)) in world.cut.iter().zip(&world.reverted).enumerate() {
            let acl = format!("acl-{index}");
            let own = world.faults.as_ref().map(|faults| faults[index]);
            let fault = own.map_or(1, |_| index as u32 + 1);
            self.mutation(own.map_or(0.0, |(from, _)| from), cut + 0.05, Step::Cut, &acl, Some(fault));
            let heal = own.and_then(|(_, early)| early).unwrap_or(world.heal + 0.01 * index as f64);
            self.mutation(heal, reverted + 0.02, Step::Heal, &acl, Some(fault));
        }
        self.mutation(world.heal + 1.0, world.heal + 1.1, Step::Dismantle, "subnet-0a", None);
        let latest = |times: &[f64]| times.iter().copied().fold(f64::MIN, f64::max);
        self.truth.milestones.insert(Milestone::FaultEffective, latest(&world.cut));
        self.truth.milestones.insert(Milestone::FaultReverted, latest(&world.reverted));
    }

    fn path(&mut self) {
        let mut pauses = Seed(self.world.seed).stream("pauses");
        for (index, (cut, reverted)) in self.world.cut.iter().zip(&self.world.reverted).enumerate() {
            for (sent, received, _) in self.polls(-5.0) {
                let passes = |at: f64| at < *cut || at >= *reverted;
                let took = (received - sent).min(self.world.longest_request());
                let pause = pauses.random_range(0.0..=1.0) * self.world.pause;
                let (departed, way, took) = (at(sent + pause), pause + took / 2.0, pause + took);
                // The kernel sends the first packet again after one second.
                let (received, open) = if passes(sent + way) {
                    (sent + took, true)
                } else if passes(sent + 1.0 + way) {
                    (sent + 1.0 + took, true)
                } else {
                    (sent + CONNECT_TIMEOUT, false)
                };
                let received = self.world.awake(received);
                self.push(
                    received,
                    Event::Path { window: window(sent, received), departed, address: address(1, index), open },
                );
            }
        }
    }

    fn health(&mut self) {
        let world = self.world;
        for (sent, received, look) in self.polls(-10.0) {
            let status_healthy = look < world.unhealthy || look >= world.healthy;
            let healthy = if status_healthy { 16 } else { 0 };
            self.push(
                received,
                Event::Health { window: window(sent, received), healthy, checkers: 16, status_healthy },
            );
        }
        self.truth.milestones.insert(Milestone::HealthCheckUnhealthy, world.unhealthy);
        self.truth.milestones.insert(Milestone::HealthCheckHealthy, world.healthy);
    }

    fn dns(&mut self) {
        let world = self.world;
        let latest = |times: &[f64]| times.iter().copied().fold(f64::MIN, f64::max);
        for (index, (flip, back)) in world.authoritative.iter().zip(&world.authoritative_back).enumerate() {
            self.answers(DnsSource::Authoritative, &format!("ns{index}"), *flip, *back);
        }
        for (index, flip) in world.resolvers.iter().enumerate() {
            self.answers(DnsSource::Resolver, &format!("resolver{index}"), *flip, world.back);
        }
        self.truth.milestones.insert(Milestone::DnsFlipAuthoritative, latest(&world.authoritative));
        self.truth.milestones.insert(Milestone::DnsFlipResolver, latest(&world.resolvers));
        self.truth.milestones.insert(Milestone::DnsFailbackAuthoritative, latest(&world.authoritative_back));
    }

    fn answers(&mut self, source: DnsSource, server: &str, flip: f64, back: f64) {
        for (sent, received, look) in self.polls(-10.0) {
            let replica = look >= flip && look < back;
            let (role, part) = if replica { (RegionRole::Replica, 2) } else { (RegionRole::Primary, 1) };
            let answer = Event::Answer {
                window: window(sent, received),
                source,
                server: server.to_owned(),
                addresses: vec![address(part, 0)],
                ttl_s: 60,
                role: Some(role),
                unknown: Vec::new(),
            };
            self.push(received, answer);
        }
    }

    fn phase_at(&self, at: f64) -> Phase {
        let world = self.world;
        let hold = world.switched + 5.0 * world.gap;
        let starts = [
            (world.heal + 2.0, Phase::Failback),
            (world.heal, Phase::Restore),
            (hold.min(world.heal - 0.01), Phase::Hold),
            (0.6, Phase::Outage),
            (-3.0, Phase::Inject),
        ];
        starts.into_iter().find(|(start, _)| at >= *start).map_or(Phase::Baseline, |(_, phase)| phase)
    }

    fn logins(&mut self) {
        let world = self.world;
        let mut scheduled = BASELINE + 1.0;
        for arrival in 0.. {
            scheduled += self.uniform(world.gap * 0.5, world.gap);
            if scheduled > world.end {
                break;
            }
            self.login(arrival, scheduled);
        }
    }

    fn login(&mut self, arrival: u64, scheduled: f64) {
        let world = self.world;
        let due = scheduled;
        let scheduled = world.awake(scheduled);
        // The way is asked for when a login starts.
        let started = scheduled + 0.001;
        let replica = started >= world.switched && started < world.back;
        let cut = world.cut.iter().copied().fold(f64::MAX, f64::min);
        let steps = [self.request(), self.request(), self.request()];
        let api_sent = world.awake(scheduled + steps.iter().sum::<f64>());
        let took = self.request();
        // A draw that nothing needs any more, so that the worlds of all seeds stay as they are.
        self.uniform(0.0, took);
        let ended = api_sent + took;
        // A login that the cut surprised in its middle gives up after it.
        let gave_up = ended.max(scheduled + CONNECT_TIMEOUT);
        let vanished = !replica && ended >= cut && scheduled < world.reverted.iter().copied().fold(0.0, f64::max);
        let (role, region) = if replica { (RegionRole::Replica, REPLICA) } else { (RegionRole::Primary, PRIMARY) };
        let (outcome, ended) = match &world.broken_claim {
            _ if vanished => (LoginOutcome::ConnectTimeout, gave_up),
            Some(claim) if replica => (LoginOutcome::ClaimMissing { claim: claim.clone() }, api_sent),
            _ => (LoginOutcome::Succeeded, ended),
        };
        if vanished {
            let first = self.truth.milestones.entry(Milestone::FirstFailedLogin).or_insert(ended);
            *first = first.min(ended);
        }
        let ended = world.awake(ended);
        let connected = outcome != LoginOutcome::ConnectTimeout;
        let step = |(step, s): (LoginStep, f64)| StepTime { step, ms: (s * 1e6).round() / 1e3, ended: true };
        let names = [LoginStep::Dns, LoginStep::Connect, LoginStep::InitiateAuth];
        let login = Login {
            arrival,
            scheduled: at(due),
            started: at(started),
            ended: at(ended),
            phase: self.phase_at(scheduled),
            user: Some(format!("user-{:03}", arrival % 20)),
            flow: if arrival.is_multiple_of(4) { Flow::UserPassword } else { Flow::UserSrp }.as_str().to_owned(),
            cohort: if arrival.is_multiple_of(2) { Cohort::HonoursTtl } else { Cohort::FreshLookup }
                .as_str()
                .to_owned(),
            address: Some(address(if replica { 2 } else { 1 }, 0)),
            region: (connected || world.asked).then(|| region.into()),
            role: (connected || world.asked).then_some(role),
            api_sent: (outcome == LoginOutcome::Succeeded).then(|| at(api_sent)),
            outcome,
            at_replica: None,
            earlier: Vec::new(),
            retry_of: None,
            steps: if connected { names.into_iter().zip(steps).map(step).collect() } else { Vec::new() },
        };
        self.push(ended, Event::Login(Box::new(login)));
    }

    fn canaries(&mut self) {
        let world = self.world;
        let effective = self.truth.milestones[&Milestone::FaultEffective];
        let mut visible: Vec<f64> = Vec::new();
        for (index, (sent, received, committed)) in self.polls(-25.0).into_iter().enumerate() {
            let acknowledged = received < world.cut[0];
            let received = if acknowledged { received } else { sent + CONNECT_TIMEOUT };
            let sequence = index as u64 + 1;
            self.push(received, Event::CanaryWritten { window: window(sent, received), sequence, acknowledged });
            if !acknowledged {
                continue;
            }
            // Replication keeps the order.
            let lag = self.uniform(world.lag * 0.2, world.lag);
            visible.push((committed + lag).max(visible.last().copied().unwrap_or(f64::MIN)));
            if visible[index] > effective {
                self.truth.lost += 1;
                let age = effective - committed;
                self.truth.oldest_lost_s = self.truth.oldest_lost_s.max(age);
                self.truth.newest_lost_s = Some(self.truth.newest_lost_s.map_or(age, |newest| newest.min(age)));
            }
        }
        for (sent, received, look) in self.polls(-24.0) {
            let sequence = visible.iter().filter(|at| **at <= look).count() as u64;
            self.push(received, Event::CanaryRead { window: window(sent, received), sequence });
        }
    }

    fn framework(&mut self) {
        let world = self.world;
        self.push(BASELINE - 2.0, Event::PhaseStarted { phase: Phase::Preflight });
        // Where each address has a fault of its own, its plan says so.
        let covered = |index| if world.faults.is_some() { vec![address(1, index)] } else { Vec::new() };
        for index in 0..world.faults.as_ref().map_or(1, Vec::len) {
            self.push(
                BASELINE - 1.9,
                Event::FaultPlanned {
                    fault: "nacl-blackhole".into(),
                    region: PRIMARY.into(),
                    targets: vec!["subnet-0a (front-door-a)".into(), "subnet-0b (front-door-b)".into()],
                    addresses: covered(index),
                    unseen: false,
                    stateful: false,
                },
            );
        }
        let hold = (world.switched + 5.0 * world.gap).min(world.heal - 0.01);
        let starts = [
            (BASELINE, Phase::Baseline),
            (-3.0, Phase::Inject),
            (0.6, Phase::Outage),
            (hold, Phase::Hold),
            (world.heal - 0.001, Phase::Restore),
            (world.heal + 2.0, Phase::Failback),
            (world.end, Phase::Verify),
        ];
        for (at, phase) in starts {
            self.push(at, Event::PhaseStarted { phase });
        }
        let count = 1 + world.cut.len() as u32;
        self.push(world.heal + 1.9, Event::Restored { mutations: count, reverted: count, not_reverted: Vec::new() });
    }

    fn finish(mut self) -> (Vec<Record>, Truth) {
        let world = self.world;
        if world.broken_claim.is_none() {
            self.truth.milestones.insert(Milestone::ReplicaSustained, world.switched);
            // Whoever asks for the way from then on gets in, whether anybody does or not.
            self.truth.milestones.insert(Milestone::FirstReplicaLogin, world.switched);
        }
        self.truth.milestones.insert(Milestone::FirstPrimaryLoginAfterFailback, world.back);
        self.events.sort_by(|a, b| a.0.total_cmp(&b.0));
        let last = self.events.last().unwrap().0 + 0.5;
        let sha = "ab".repeat(32);
        let compared = Event::StateCompared {
            identical: true,
            differences: Vec::new(),
            before_sha256: sha.clone(),
            after_sha256: sha,
        };
        self.push(last, compared);
        self.push(last + 0.1, Event::RunEnded { failure: None });
        if let Some((from, to)) = world.stopped {
            let late_ms = (to - from) * 1000.0;
            self.push(to, Event::HarnessStalled { window: window(from, to), late_ms, slept_ms: 0.0 });
        }
        let first = (BASELINE - 3.0, Event::RunStarted(Box::new(started())));
        let events = std::iter::once(first).chain(self.events);
        let record =
            |(seq, (seconds, event)): (usize, (f64, Event))| Record { seq: seq as u64, at: at(seconds), event };
        (events.enumerate().map(record).collect(), self.truth)
    }
}

/// The same log with other objectives.
pub fn with_objectives(mut records: Vec<Record>, objectives: &serde_json::Value) -> Vec<Record> {
    let Event::RunStarted(run) = &mut records[0].event else { panic!("the first record") };
    run.scenario = scenario(objectives);
    records
}

/// What is measured of records that are at hand.
pub fn outcome(records: &[Record]) -> Result<Outcome, MeasureError> {
    measure::outcome(&records.iter().cloned().collect())
}

/// Everything that a document's syntax could be broken with.
pub const HOSTILE: &str = "x|y`z`<script>alert(1)</script>\n# H *b* [l](http://evil.example) \"q\" ' & ]]> --> ;:,\u{202e}\u{1b}[31m ```\
    \r\n| a | b |\n```mermaid\n\"} 1\n# EOF\n\\\" {{ 7 * 7 }} ${HOME} <img src=x onerror=alert(1)> style=\"x\" \t%%{init}%% \u{0}end";

/// The sample run in which every text that comes from files or from AWS is [`HOSTILE`], with the limits and failures that it
/// could be in, too.
pub fn hostile() -> Vec<Record> {
    let mut records = World { broken_claim: Some(HOSTILE.into()), ..World::sample() }.run().0;
    for record in &mut records {
        match &mut record.event {
            Event::RunStarted(run) => {
                run.scenario = scenario(&all_objectives());
                run.scenario["title"] = HOSTILE.into();
                run.scenario["hypothesis"] = HOSTILE.into();
                (run.environment_name, run.record, run.host) = (HOSTILE.into(), HOSTILE.into(), HOSTILE.into());
                (run.scenario_name, run.replica) = (HOSTILE.into(), HOSTILE.into());
            }
            Event::FaultPlanned { targets, .. } => targets.push(HOSTILE.into()),
            Event::StateCompared { differences, .. } => differences.push(HOSTILE.into()),
            Event::Restored { not_reverted, .. } => not_reverted.push(HOSTILE.into()),
            Event::Mutation(mutation) => {
                (mutation.resource, mutation.error) =
                    (HOSTILE.into(), (mutation.step == Step::Dismantle).then(|| HOSTILE.into()));
            }
            Event::Login(login) => {
                // Two cohorts, so that each has a line.
                if login.arrival % 2 == 0 {
                    login.cohort = HOSTILE.into();
                }
                if login.role == Some(RegionRole::Replica) {
                    login.region = Some(HOSTILE.into());
                }
                if login.outcome == LoginOutcome::ConnectTimeout && login.arrival % 3 == 0 {
                    login.outcome = LoginOutcome::Rejected { step: LoginStep::InitiateAuth, code: HOSTILE.into() };
                }
            }
            _ => {}
        }
    }
    let extra = [
        Event::Notice { text: HOSTILE.into() },
        Event::NotChecked { what: HOSTILE.into() },
        Event::Finding(Finding {
            code: HOSTILE.into(),
            severity: Severity::Risk,
            regions: Vec::new(),
            predicts: None,
            title: HOSTILE.into(),
            evidence: HOSTILE.into(),
            remedy: HOSTILE.into(),
            accepted: None,
            ignored: false,
        }),
    ];
    let place = records.len() - 1;
    records.splice(place..place, extra.map(|event| Record { seq: 0, at: at(1.0), event }));
    records
}
