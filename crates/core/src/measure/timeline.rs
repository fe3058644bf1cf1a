//! The records of a run, sorted by kind.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use jiff::Timestamp;

use super::history::{CallBook, History, Logbook};
use super::interval::seconds_between;
use super::outage::Outage;
use super::possible::Kinds;
use crate::model::{DnsSource, Event, Mutation, RegionRole, Step, Window};
use crate::scenario::Scenario;

/// What the milestones are computed from.
#[derive(Debug)]
pub(super) struct Timeline<'a> {
    /// When the first call that cuts was sent.
    pub zero: Option<Timestamp>,
    /// When the first call that heals the fault that stands longest was sent.
    pub heal: Option<Timestamp>,
    /// What was cut and healed.
    calls_of_faults: Outage,
    pub mutations: Vec<&'a Mutation>,
    /// Those that make the outage: of the primary Region, where a fault is there.
    outage: Vec<&'a Mutation>,
    /// Whether packets vanish in that outage; an inverted health check stops none.
    pub stops_packets: bool,
    /// The faults that leave open connections alone.
    pub stateful: Vec<&'a str>,
    /// The primary's front doors that the faults cover, and which do.
    covered: BTreeMap<IpAddr, BTreeSet<u32>>,
    /// How many faults were planned.
    planned: u32,
    /// A fault stops none of our own packets.
    unseen: bool,
    pub health: Vec<Health>,
    pub answers: Vec<Answer<'a>>,
    /// Addresses that no direct name of a Region gives, and the servers that gave them.
    pub unknown: BTreeMap<IpAddr, BTreeSet<&'a str>>,
    /// By address, in the order of `sent`.
    pub paths: BTreeMap<IpAddr, Vec<Probe>>,
    pub writes: Vec<Write>,
    pub reads: Vec<Read>,
    pub logins: &'a Logbook,
    pub calls: &'a CallBook,
    /// How clients find their way.
    pub kinds: Kinds,
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
    pub(super) fn of(history: &'a History, scenario: &Scenario) -> Self {
        let mut line = Self {
            zero: None,
            heal: None,
            calls_of_faults: Outage::default(),
            mutations: Vec::new(),
            outage: Vec::new(),
            stops_packets: false,
            stateful: Vec::new(),
            covered: BTreeMap::new(),
            planned: 0,
            unseen: false,
            health: Vec::new(),
            answers: Vec::new(),
            unknown: BTreeMap::new(),
            paths: BTreeMap::new(),
            writes: Vec::new(),
            reads: Vec::new(),
            logins: &history.logins,
            calls: &history.calls,
            kinds: Kinds::of(scenario),
        };
        let records = &history.records;
        for record in records {
            line.add(&record.event);
        }
        let primary = records.iter().find_map(|record| match &record.event {
            Event::RunStarted(started) => Some(&started.primary),
            _ => None,
        });
        for mutation in &line.mutations {
            line.calls_of_faults.take(mutation, primary);
        }
        line.outage.clone_from(&line.mutations);
        if line.calls_of_faults.at_primary() {
            line.outage.retain(|m| Some(&m.region) == primary);
        }
        line.stops_packets = line.outage.iter().any(|m| m.step == Step::Cut && m.ipv4);
        if line.unseen || !line.covered.is_empty() {
            let covered = &line.covered;
            line.paths.retain(|address, _| covered.contains_key(address));
        }
        (line.zero, line.heal) = (line.calls_of_faults.began(), line.calls_of_faults.ended());
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
                self.planned += 1;
                for address in addresses {
                    self.covered.entry(*address).or_default().insert(self.planned);
                }
                self.unseen |= unseen;
                self.stateful.extend(stateful.then_some(fault.as_str()));
            }
            Event::Health { window, healthy, checkers, status_healthy } => self.health.push(Health {
                window: *window,
                healthy: *status_healthy,
                saying_healthy: *healthy,
                checkers: *checkers,
            }),
            Event::Answer { window, source, server, role, ttl_s, unknown, .. } => {
                for address in unknown {
                    self.unknown.entry(*address).or_default().insert(server);
                }
                // An answer of which nothing is known tells nothing.
                if role.is_none() && !unknown.is_empty() {
                    return;
                }
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
    pub(super) fn before_heal(&self, at: Timestamp) -> bool {
        self.heal.is_none_or(|heal| at <= heal)
    }

    /// When the first turn ended of the faults that cover an address.
    pub(super) fn first_turn_ended(&self, address: IpAddr) -> Option<Timestamp> {
        let covering = self.covered.get(&address);
        self.calls_of_faults.first_healed(|fault| covering.is_none_or(|of| of.contains(&fault)))
    }

    /// When the first call that heals was sent.
    pub(super) fn first_healed(&self) -> Option<Timestamp> {
        self.calls_of_faults.first_healed(|_| true)
    }

    /// Whether `at` lies before the end of the first turn of that call's fault.
    fn in_first_turn(&self, m: &Mutation, at: Timestamp) -> bool {
        self.calls_of_faults.first_healed(|fault| m.fault.is_none_or(|own| own == fault)).is_none_or(|heal| at <= heal)
    }

    /// The calls that cut in the first turn of their fault, on which IPv4 traffic hangs.
    pub(super) fn first_cuts(&self) -> impl Iterator<Item = &'a Mutation> {
        self.ipv4(Step::Cut).filter(|m| self.in_first_turn(m, m.window.sent))
    }

    /// The calls of a step on which IPv4 traffic hangs; all of that step where no packets are stopped.
    pub(super) fn ipv4(&self, step: Step) -> impl Iterator<Item = &'a Mutation> {
        let all = !self.stops_packets;
        self.outage.iter().copied().filter(move |m| m.step == step && (m.ipv4 || all))
    }

    /// From the first call that cuts, sent, to the last one, answered, in the fault's first turn, in seconds: the fault is
    /// not whole before, which widens every bound.
    pub(super) fn inject_took_s(&self) -> Option<f64> {
        let first_turn = |m: &&Mutation| m.step == Step::Cut && self.in_first_turn(m, m.window.sent);
        took_s(self.outage.iter().copied().filter(first_turn).map(|m| m.window))
    }

    /// The same for the calls that heal, in the last turn. What is healed once more for safety's sake counts once.
    pub(super) fn restore_took_s(&self) -> Option<f64> {
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
    pub(super) fn open_probe_s(&self) -> Option<f64> {
        let open = self.paths.values().flatten().filter(|probe| probe.open);
        let mut took: Vec<f64> = open.map(|probe| seconds_between(probe.departed, probe.window.received)).collect();
        took.sort_by(f64::total_cmp);
        took.get(took.len() / 2).copied()
    }
}

/// From the first that was sent to the last that was answered.
fn took_s(windows: impl Iterator<Item = Window>) -> Option<f64> {
    let whole = windows.reduce(|a, b| Window { sent: a.sent.min(b.sent), received: a.received.max(b.received) })?;
    Some(seconds_between(whole.sent, whole.received))
}
