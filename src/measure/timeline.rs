//! The records of a run, sorted by kind.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

use super::history::{CallBook, History, Logbook};
use super::interval::seconds_between;
use crate::model::{DnsSource, Event, Mutation, Phase, RegionRole, Step, Window};
use crate::scenario::{FaultSpec, FaultWindow};

/// What the milestones are computed from.
#[derive(Debug)]
pub(super) struct Timeline<'a> {
    /// When the first call that cuts was sent.
    pub zero: Option<Timestamp>,
    /// When the first call that heals the fault that stands longest was sent, after the last cut: a flapping fault is over with its last turn,
    /// and an outage of several faults with the last of them.
    pub heal: Option<Timestamp>,
    /// When the first call that heals at all was sent: the end of a flapping fault's first turn.
    pub first_heal: Option<Timestamp>,
    pub mutations: Vec<&'a Mutation>,
    /// Those that make the outage: of the primary Region, where a fault is there.
    outage: Vec<&'a Mutation>,
    /// Whether packets vanish in that outage; an inverted health check stops none.
    pub stops_packets: bool,
    /// The faults that leave open connections alone.
    pub stateful: Vec<&'a str>,
    /// The primary's front doors that the faults cover.
    covered: BTreeSet<IpAddr>,
    /// A fault stops none of our own packets.
    unseen: bool,
    pub health: Vec<Health>,
    pub answers: Vec<Answer<'a>>,
    /// By address, in the order of `sent`.
    pub paths: BTreeMap<IpAddr, Vec<Probe>>,
    pub writes: Vec<Write>,
    pub reads: Vec<Read>,
    pub logins: &'a Logbook,
    pub calls: &'a CallBook,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Health {
    pub window: Window,
    pub healthy: bool,
    pub saying_healthy: u32,
    pub checkers: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Answer<'a> {
    pub window: Window,
    pub source: DnsSource,
    pub server: &'a str,
    pub ttl_s: u32,
    pub role: Option<RegionRole>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Probe {
    pub window: Window,
    pub departed: Timestamp,
    pub open: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Write {
    pub window: Window,
    pub sequence: u64,
    pub acknowledged: bool,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Read {
    pub window: Window,
    pub sequence: u64,
}

impl<'a> Timeline<'a> {
    pub fn of(history: &'a History, faults: &[FaultSpec]) -> Self {
        let mut line = Self {
            zero: None,
            heal: None,
            first_heal: None,
            mutations: Vec::new(),
            outage: Vec::new(),
            stops_packets: false,
            stateful: Vec::new(),
            covered: BTreeSet::new(),
            unseen: false,
            health: Vec::new(),
            answers: Vec::new(),
            paths: BTreeMap::new(),
            writes: Vec::new(),
            reads: Vec::new(),
            logins: &history.logins,
            calls: &history.calls,
        };
        let records = &history.records;
        for record in records {
            line.add(&record.event);
        }
        let primary = records.iter().find_map(|record| match &record.event {
            Event::RunStarted(started) => Some(&started.primary),
            _ => None,
        });
        let at_primary = |m: &&Mutation| Some(&m.region) == primary;
        line.outage.clone_from(&line.mutations);
        if line.mutations.iter().any(|m| m.step == Step::Cut && at_primary(m)) {
            line.outage.retain(at_primary);
        }
        line.stops_packets = line.outage.iter().any(|m| m.step == Step::Cut && m.ipv4);
        if line.unseen || !line.covered.is_empty() {
            let covered = std::mem::take(&mut line.covered);
            line.paths.retain(|address, _| covered.contains(address));
        }
        let sent = |step| line.outage.iter().filter(move |m| m.step == step).map(|m| m.window.sent);
        line.zero = sent(Step::Cut).min();
        let last_cut = sent(Step::Cut).max();
        let mut heals: Vec<Timestamp> = sent(Step::Heal).collect();
        heals.sort_unstable();
        let after_cut = heals.partition_point(|sent| last_cut.is_some_and(|cut| *sent < cut));
        let restore = records.iter().find_map(|record| match record.event {
            Event::PhaseStarted { phase: Phase::Restore } => Some(record.at),
            _ => None,
        });
        (line.first_heal, line.heal) =
            (heals.first().copied(), last_heal(&heals[after_cut..], line.zero, restore, faults));
        // Observers write when an answer is there, so a slow answer stands behind a later, faster one.
        line.health.sort_by_key(|health| health.window.sent);
        line.answers.sort_by_key(|answer| answer.window.sent);
        line.writes.sort_by_key(|write| (write.sequence, write.window.sent));
        line.reads.sort_by_key(|read| read.window.sent);
        for probes in line.paths.values_mut() {
            probes.sort_by_key(|probe| probe.window.sent);
        }
        line
    }

    fn add(&mut self, event: &'a Event) {
        match event {
            Event::Mutation(mutation) => self.mutations.push(mutation),
            Event::FaultPlanned { fault, addresses, unseen, stateful, .. } => {
                self.covered.extend(addresses);
                self.unseen |= unseen;
                self.stateful.extend(stateful.then_some(fault.as_str()));
            }
            Event::Health { window, healthy, checkers, status_healthy } => self.health.push(Health {
                window: *window,
                healthy: *status_healthy,
                saying_healthy: *healthy,
                checkers: *checkers,
            }),
            Event::Answer { window, source, server, role, ttl_s, .. } => {
                self.answers.push(Answer { window: *window, source: *source, server, ttl_s: *ttl_s, role: *role });
            }
            Event::Path { window, departed, address, open } => {
                self.paths.entry(*address).or_default().push(Probe {
                    window: *window,
                    departed: *departed,
                    open: *open,
                });
            }
            Event::CanaryWritten { window, sequence, acknowledged } => {
                self.writes.push(Write { window: *window, sequence: *sequence, acknowledged: *acknowledged });
            }
            Event::CanaryRead { window, sequence } => {
                self.reads.push(Read { window: *window, sequence: *sequence });
            }
            _ => {}
        }
    }

    /// Whether `at` lies before the heal; always, where nothing was healed.
    pub fn before_heal(&self, at: Timestamp) -> bool {
        self.heal.is_none_or(|heal| at <= heal)
    }

    /// Whether `at` lies before the end of the fault's first turn.
    pub fn in_first_turn(&self, at: Timestamp) -> bool {
        self.first_heal.is_none_or(|heal| at <= heal)
    }

    /// The calls of a step on which IPv4 traffic hangs; all of that step where no packets are stopped.
    pub fn ipv4(&self, step: Step) -> impl Iterator<Item = &'a Mutation> {
        let all = !self.stops_packets;
        self.outage.iter().copied().filter(move |m| m.step == step && (m.ipv4 || all))
    }

    /// From the first call that cuts, sent, to the last one, answered, in the fault's first turn, in seconds: the fault is
    /// not whole before, which widens every bound.
    pub fn cut_took_s(&self) -> Option<f64> {
        let first_turn = |m: &&Mutation| m.step == Step::Cut && self.in_first_turn(m.window.sent);
        took_s(self.outage.iter().copied().filter(first_turn).map(|m| m.window))
    }

    /// The same for the calls that heal, in the last turn. What is healed once more for safety's sake counts once.
    pub fn heal_took_s(&self) -> Option<f64> {
        let heal = self.heal?;
        let healed = |m: &&Mutation| m.step == Step::Heal && m.window.sent >= heal;
        let mut first: BTreeMap<&str, Window> = BTreeMap::new();
        for m in self.outage.iter().copied().filter(healed) {
            let known = first.entry(&m.resource).or_insert(m.window);
            if m.window.sent < known.sent {
                *known = m.window;
            }
        }
        took_s(first.into_values())
    }

    /// How long a request to the primary's front door takes while packets pass, in seconds: the
    /// median over the probes that opened. Nothing where none did.
    pub fn open_probe_s(&self) -> Option<f64> {
        let open = self.paths.values().flatten().filter(|probe| probe.open);
        let mut took: Vec<f64> = open.map(|probe| seconds_between(probe.departed, probe.window.received)).collect();
        took.sort_by(f64::total_cmp);
        took.get(took.len() / 2).copied()
    }
}

/// The first of the calls that heal, in the order in which they were sent, which belongs to the fault that stands longest. Calls do not tell whose
/// they are; the scenario tells when each fault ends, and what it does not end by itself is healed in the restore phase.
fn last_heal(
    heals: &[Timestamp],
    zero: Option<Timestamp>,
    restore: Option<Timestamp>,
    faults: &[FaultSpec],
) -> Option<Timestamp> {
    let at_primary = |fault: &&FaultSpec| fault.region == RegionRole::Primary;
    let everywhere = !faults.iter().any(|fault| at_primary(&fault));
    let windows: Vec<FaultWindow> =
        faults.iter().filter(|fault| everywhere || at_primary(fault)).flat_map(FaultSpec::windows).collect();
    let ends: Option<BTreeSet<Duration>> = windows.iter().map(|(_, end)| *end).collect();
    // Halfway between the last end and the one before it: both may come somewhat early or late.
    let planned = ends.zip(windows.iter().map(|(from, _)| *from).min()).and_then(|(ends, first)| {
        let mut latest = ends.into_iter().rev();
        let (last, before) = (latest.next()?, latest.next()?);
        let halfway = (last + before) / 2;
        zero?.checked_add(halfway.saturating_sub(first)).ok()
    });
    let since = |from: Timestamp| heals.iter().copied().find(|sent| *sent >= from);
    let several = windows.len() > 1;
    let known = || planned.and_then(since).or_else(|| restore.and_then(since));
    if several { known().or(heals.first().copied()) } else { heals.first().copied() }
}

/// From the first that was sent to the last that was answered.
fn took_s(windows: impl Iterator<Item = Window>) -> Option<f64> {
    let whole = windows.reduce(|a, b| Window { sent: a.sent.min(b.sent), received: a.received.max(b.received) })?;
    Some(seconds_between(whole.sent, whole.received))
}
