use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};

use super::harness::Stalls;
use super::history::LoginRef;
use super::interval::{Interval, seconds_between};
use super::possible::not_possible_at;
use super::refusals;
use super::timeline::{Answer, Probe, Timeline};
use crate::model::{
    DnsSource, LATE_MS, LoginOutcome, Milestone, Mutation, Phase, RegionRole, RunStarted, Step, Window,
};

/// So many logins must succeed at the replica, after the last one that did not, before its service
/// counts as sustained. Below that a single lucky login would decide.
pub(super) const SUSTAINED_LOGINS: usize = 10;

/// A state of which no look in so many of its observer's periods up to the cut tells was not known when the cut came; our own choice.
const RECENT_PERIODS: f64 = 5.0;

/// A milestone, and when it was reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reached {
    /// Which one.
    pub milestone: Milestone,
    /// Seconds after `zero_at`; nothing where it was not reached, or may have been before the cut.
    pub at: Option<Interval>,
    /// Whether it was so before the cut.
    pub before: BeforeCut,
}

/// Whether what a milestone stands for was so before the cut, so that the fault did not bring it about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BeforeCut {
    /// It was not, or it is not known to have been.
    No,
    /// It was.
    Already,
    /// It was so after the cut, and nothing that was seen shortly before the cut tells that it was not so already.
    Unseen,
}

impl Reached {
    /// What stands in its place where it has no bounds.
    pub fn absence(&self) -> &'static str {
        match self.before {
            BeforeCut::No => "not reached",
            BeforeCut::Already => "already so before the fault",
            BeforeCut::Unseen => "possibly so before the fault",
        }
    }
}

/// Every milestone in causal order; none is reached where nothing was cut, and none by the fault that was so before it.
pub(super) fn milestones(line: &Timeline<'_>, stalls: &Stalls, run: &RunStarted, hold_reached: bool) -> Vec<Reached> {
    let reader = line.zero.map(|zero| MilestoneReader { line, zero, hold_reached });
    let reached = |milestone| {
        let Some(reader) = &reader else { return Reached { milestone, at: None, before: BeforeCut::No } };
        let at = reader.read(milestone).map(|at| stalls.widen(reader.zero, at));
        match reader.before_cut(milestone, run) {
            BeforeCut::Unseen if at.is_none() => Reached { milestone, at, before: BeforeCut::No },
            BeforeCut::No => Reached { milestone, at, before: BeforeCut::No },
            before => Reached { milestone, at: None, before },
        }
    };
    Milestone::ALL.into_iter().map(reached).collect()
}

/// Which of the primary's addresses still opened after the last call that cuts was answered, and
/// never failed from there to the heal.
pub(super) fn not_bitten(line: &Timeline<'_>) -> Vec<(IpAddr, f64)> {
    if !line.stops_packets {
        return Vec::new();
    }
    let Some(cut) = line.first_cuts().map(|m| m.window.received).max() else { return Vec::new() };
    let still_open = |address: IpAddr, probes: &Vec<Probe>| match last_open(line, address, probes) {
        Some(last) if last >= cut && first_failed_after(line, address, probes, Some(last)).is_none() => {
            Some(seconds_between(cut, last))
        }
        _ => None,
    };
    line.paths.iter().filter_map(|(address, probes)| Some((*address, still_open(*address, probes)?))).collect()
}

/// When one DNS server's answers moved.
#[derive(Debug, Clone, Copy)]
pub(super) struct ServerMoves<'a> {
    pub source: DnsSource,
    pub server: &'a str,
    /// To the replica, before the heal.
    pub flipped: Option<Interval>,
    /// Back to the primary, after the heal, where it had left.
    pub back: Option<Interval>,
}

/// Of every server that was asked, authoritative ones first; none where nothing was cut.
pub(super) fn server_moves<'a>(line: &'a Timeline<'a>) -> Vec<ServerMoves<'a>> {
    let Some(zero) = line.zero else { return Vec::new() };
    let reader = MilestoneReader { line, zero, hold_reached: false };
    let moves = |source| {
        let of_server = |server| ServerMoves {
            source,
            server,
            flipped: reader.server_flipped(source, server),
            back: reader.server_back(source, server),
        };
        reader.servers(source).into_iter().map(of_server).collect::<Vec<_>>()
    };
    [DnsSource::Authoritative, DnsSource::Resolver].into_iter().flat_map(moves).collect()
}

/// When the address was last proved open before the heal. A probe that opened after the heal was
/// sent may owe that to the heal, and proves nothing.
fn last_open(line: &Timeline<'_>, address: IpAddr, probes: &[Probe]) -> Option<Timestamp> {
    let ended = line.first_turn_ended(address);
    let open = |probe: &&Probe| probe.open && ended.is_none_or(|ended| probe.window.received <= ended);
    probes.iter().filter(open).map(|probe| probe.window.sent).max()
}

fn first_failed_after(
    line: &Timeline<'_>,
    address: IpAddr,
    probes: &[Probe],
    open: Option<Timestamp>,
) -> Option<Timestamp> {
    let ended = line.first_turn_ended(address);
    let failed = |probe: &&Probe| !probe.open && ended.is_none_or(|ended| probe.window.sent <= ended);
    let after = |sent: &Timestamp| open.is_none_or(|open| *sent > open) && line.zero.is_none_or(|zero| *sent >= zero);
    probes.iter().filter(failed).find(|probe| after(&probe.window.sent)).map(|probe| probe.departed)
}

/// A look at a state: whether it saw the one that a milestone stands for.
#[derive(Debug, Clone, Copy)]
struct Look {
    window: Window,
    new: bool,
}

struct MilestoneReader<'a> {
    line: &'a Timeline<'a>,
    zero: Timestamp,
    hold_reached: bool,
}

impl<'a> MilestoneReader<'a> {
    fn read(&self, milestone: Milestone) -> Option<Interval> {
        match milestone {
            Milestone::FaultEffective => self.fault_effective(),
            Milestone::FirstFailedLogin => self.first_failed_login(),
            Milestone::HealthCheckUnhealthy => self.unhealthy().map(|(interval, _)| interval),
            Milestone::DnsFlipAuthoritative => self.flipped(DnsSource::Authoritative),
            Milestone::DnsFlipResolver => self.flipped(DnsSource::Resolver),
            Milestone::FirstReplicaLogin => self.possible(RegionRole::Replica, self.zero, self.zero),
            Milestone::ReplicaSustained => self.sustained(),
            Milestone::FaultReverted => self.reverted().map(|reverted| reverted.within),
            Milestone::HealthCheckHealthy => self.healthy_again(),
            Milestone::DnsFailbackAuthoritative => self.failed_back(),
            Milestone::FirstPrimaryLoginAfterFailback => {
                let Reverted { last: from, answered, within } = self.reverted()?;
                // Between the calls that heal, some may get in where others cannot yet; and where the primary served somebody all the time,
                // only who begins after the heal shows that it is over.
                let healed = self.at(within.upper);
                let shows = if self.primary_served(from) { healed } else { answered.min(healed) };
                self.possible(RegionRole::Primary, from, shows)
            }
        }
    }

    /// Whether a login at the primary succeeded between the last cut and the heal.
    fn primary_served(&self, heal: Timestamp) -> bool {
        let cut = self.line.ipv4(Step::Cut).map(|m| m.window.received).filter(|cut| *cut < heal).max();
        let there = |login: &LoginRef<'_>| login.succeeded() && login.role() == Some(RegionRole::Primary);
        let meanwhile = |login: &LoginRef<'_>| cut.is_some_and(|cut| login.started() > cut) && login.ended() < heal;
        self.line.logins.iter().any(|login| there(&login) && meanwhile(&login))
    }

    fn at(&self, seconds: f64) -> Timestamp {
        let after = SignedDuration::try_from_secs_f64(seconds).unwrap_or_default();
        self.zero.checked_add(after).unwrap_or(self.zero)
    }

    fn after_zero(&self, at: Timestamp) -> f64 {
        seconds_between(self.zero, at)
    }

    /// Whether the milestone's state was there before the cut.
    fn before_cut(&self, milestone: Milestone, run: &RunStarted) -> BeforeCut {
        let already = |so: bool| if so { BeforeCut::Already } else { BeforeCut::No };
        match milestone {
            Milestone::FaultEffective => already(self.closed_before()),
            Milestone::FirstFailedLogin => already(self.failing_before()),
            Milestone::HealthCheckUnhealthy => {
                let looks = self.line.health.iter().map(|look| Look { window: look.window, new: !look.healthy });
                self.known_before(&looks.collect::<Vec<_>>(), Self::recent("health", run))
            }
            Milestone::DnsFlipAuthoritative => self.flipped_before(DnsSource::Authoritative, "authoritative", run),
            Milestone::DnsFlipResolver => self.flipped_before(DnsSource::Resolver, "resolver", run),
            Milestone::FirstReplicaLogin => already(self.served_by_replica_before()),
            Milestone::ReplicaSustained => {
                already(self.served_by_replica_before() && last_not_at_replica(self.line).is_none())
            }
            // What the heal brings about is judged by what was so at the heal.
            Milestone::FaultReverted
            | Milestone::HealthCheckHealthy
            | Milestone::DnsFailbackAuthoritative
            | Milestone::FirstPrimaryLoginAfterFailback => BeforeCut::No,
        }
    }

    /// How old, in seconds, the last look before the cut may be to tell of it; nothing where the log does not say how often there was one.
    fn recent(observer: &str, run: &RunStarted) -> Option<f64> {
        let period = run.poll_s.get(observer).filter(|period| **period > 0.0)?;
        Some((RECENT_PERIODS * period).max(LATE_MS / 1000.0 * run.speed))
    }

    /// By the looks at a state that may change by itself, in the order in which they were sent.
    fn known_before(&self, looks: &[Look], recent: Option<f64>) -> BeforeCut {
        let before = looks.iter().rfind(|look| look.window.received <= self.zero);
        if before.is_some_and(|look| look.new) {
            return BeforeCut::Already;
        }
        // A look that saw the old state after the cut was sent leaves nothing open.
        let first = looks.iter().find(|look| look.new && look.window.sent >= self.zero).map(|look| look.window.sent);
        let old = looks.iter().rfind(|look| !look.new && first.is_none_or(|first| look.window.sent < first));
        let age = old.map(|look| -self.after_zero(look.window.sent));
        match (recent, age) {
            (Some(recent), Some(age)) if age > recent => BeforeCut::Unseen,
            (Some(_), None) if first.is_some() => BeforeCut::Unseen,
            _ => BeforeCut::No,
        }
    }

    /// Whether every server gave the replica before the cut.
    fn flipped_before(&self, source: DnsSource, observer: &str, run: &RunStarted) -> BeforeCut {
        let recent = Self::recent(observer, run);
        let of = |server| {
            let new = |answer: &Answer<'_>| answer.role == Some(RegionRole::Replica);
            let looks = self.answers(source, server).map(|a| Look { window: a.window, new: new(a) });
            self.known_before(&looks.collect::<Vec<_>>(), recent)
        };
        let states: Vec<BeforeCut> = self.servers(source).into_iter().map(of).collect();
        match () {
            // One that is known to have given the primary is enough: not every server gave the replica then.
            () if states.is_empty() || states.contains(&BeforeCut::No) => BeforeCut::No,
            () if states.contains(&BeforeCut::Unseen) => BeforeCut::Unseen,
            () => BeforeCut::Already,
        }
    }

    /// Whether no address opened when it was last tried before the cut.
    fn closed_before(&self) -> bool {
        let last =
            |probes: &Vec<Probe>| probes.iter().rfind(|probe| probe.window.received <= self.zero).map(|p| p.open);
        let probed = self.probed();
        !probed.is_empty() && probed.iter().all(|(_, probes)| last(probes) == Some(false))
    }

    /// Whether the last login that ended before the cut had failed.
    fn failing_before(&self) -> bool {
        let before = self.line.logins.iter().filter(|login| login.counts() && login.ended() <= self.zero);
        before.max_by_key(|login| login.ended()).is_some_and(|login| !login.succeeded())
    }

    /// Whether the replica let anybody in before the cut.
    fn served_by_replica_before(&self) -> bool {
        let mut logins = self.line.logins.iter().filter(|login| login.ended() <= self.zero);
        let signed_in = |(role, _, received, outcome): (RegionRole, Timestamp, Timestamp, &LoginOutcome)| {
            role == RegionRole::Replica && received <= self.zero && *outcome == LoginOutcome::Succeeded
        };
        logins.any(|login| at_replica(&login)) || self.line.calls.sign_ins().any(signed_in)
    }

    /// From the last proof of the old state to the first proof of the new one, never before `floor`.
    fn between(&self, old: Option<Timestamp>, new: Timestamp, floor: Timestamp) -> Interval {
        let lower = old.map_or(floor, |old| old.max(floor));
        Interval::new(self.after_zero(lower), self.after_zero(new))
    }

    /// The probes of every address that was ever probed; nothing where none was after the cut. An
    /// address that fell silent counts: what is not known of it must not shorten an interval.
    fn probed(&self) -> Vec<(IpAddr, &Vec<Probe>)> {
        let after = || self.line.paths.values().flatten().any(|probe| probe.window.sent >= self.zero);
        if !self.line.stops_packets || !after() {
            return Vec::new();
        }
        self.line.paths.iter().map(|(address, probes)| (*address, probes)).collect()
    }

    /// Packets vanish at every address. A probe that fails proves it for the moment at which its first
    /// packet was under way, so one request's time after `sent`; that it is given up only seconds
    /// later, after retransmissions, does not make it less sure.
    fn fault_effective(&self) -> Option<Interval> {
        let probed = self.probed();
        if probed.is_empty() {
            if let Some(region) = refusals::region(self.line) {
                let (old, new) = refusals::begin(self.line, region, self.zero)?;
                return Some(self.between(old, new, self.zero));
            }
            let taken = self.line.first_cuts().filter(|m| m.error.is_none());
            let last = taken.map(|m| m.window.received).max()?;
            return Some(self.between(None, last, self.zero));
        }
        let request_s = self.line.open_probe_s().unwrap_or(0.0);
        let mut upper = 0.0_f64;
        let mut old = None;
        for (address, probes) in probed {
            let open = last_open(self.line, address, probes);
            let failed = first_failed_after(self.line, address, probes, open)?;
            upper = upper.max(self.after_zero(failed) + request_s);
            old = old.max(open);
        }
        let lower = old.map_or(0.0, |old| self.after_zero(old).max(0.0));
        Some(Interval::new(lower, super::interval::to_nanos(upper)))
    }

    /// Exact: it is the client's own giving up.
    fn first_failed_login(&self) -> Option<Interval> {
        let failed = |login: &LoginRef<'_>| login.ended() > self.zero && login.counts() && !login.succeeded();
        let first = self.line.logins.iter().filter(failed).map(LoginRef::ended).min()?;
        Some(Interval::exact(self.after_zero(first)))
    }

    /// With the moment after which it was certainly unhealthy.
    fn unhealthy(&self) -> Option<(Interval, Timestamp)> {
        let health = &self.line.health;
        let first = health.iter().find(|h| !h.healthy && h.window.sent >= self.zero)?.window;
        let old = health.iter().filter(|h| h.healthy && h.window.sent < first.sent).map(|h| h.window.sent).max();
        Some((self.between(old, first.received, self.zero), first.received))
    }

    /// Only what was unhealthy at the heal, or became so after it, can become healthy again.
    fn healthy_again(&self) -> Option<Interval> {
        let heal = self.line.heal?;
        let health = &self.line.health;
        let well = health.iter().filter(|h| h.healthy && h.window.sent < heal).map(|h| h.window.sent).max();
        let since = well.map_or(self.zero, |well| well.max(self.zero));
        let left = health.iter().find(|h| !h.healthy && h.window.sent >= since)?.window.received;
        let from = heal.max(left);
        let first = health.iter().find(|h| h.healthy && h.window.sent >= from)?.window;
        let old = health.iter().filter(|h| !h.healthy && h.window.sent < first.sent).map(|h| h.window.sent).max();
        Some(self.between(old, first.received, heal))
    }

    fn servers(&self, source: DnsSource) -> Vec<&'a str> {
        let mut servers: Vec<&'a str> =
            self.line.answers.iter().filter(|a| a.source == source).map(|answer| answer.server).collect();
        servers.sort_unstable();
        servers.dedup();
        servers
    }

    fn answers<'b>(&'b self, source: DnsSource, server: &'b str) -> impl Iterator<Item = &'b Answer<'b>> {
        self.line.answers.iter().filter(move |a| a.source == source && a.server == server)
    }

    /// The last switch of one server's answers to `role`, not before `floor`.
    fn switched(&self, answers: &[&Answer<'_>], role: RegionRole, floor: Timestamp) -> Option<Interval> {
        let old = answers.iter().filter(|a| a.role != Some(role)).map(|a| a.window.sent).max();
        let new = answers.iter().filter(|a| a.role == Some(role) && a.window.sent >= floor);
        let new = new.filter(|a| old.is_none_or(|old| a.window.sent > old)).map(|a| a.window.received).min()?;
        Some(self.between(old, new, floor))
    }

    /// One server gives the replica: after the first detection, where it does so before the health check is healthy again. A fault whose turns
    /// lie far apart moves the record with each.
    fn server_flipped(&self, source: DnsSource, server: &str) -> Option<Interval> {
        let switched = |until: Option<Timestamp>| {
            let sent = |answer: &&Answer<'_>| {
                self.line.before_heal(answer.window.sent) && until.is_none_or(|until| answer.window.sent <= until)
            };
            let answers: Vec<&Answer<'_>> = self.answers(source, server).filter(sent).collect();
            self.switched(&answers, RegionRole::Replica, self.zero)
        };
        let health = || self.line.health.iter();
        let well = self.unhealthy().and_then(|(_, known)| {
            health().filter(|h| h.healthy && h.window.sent >= known).map(|h| h.window.sent).min()
        });
        // The record may go back before the look that sees the health check healthy, but not before the last one that does not.
        let ill =
            well.and_then(|well| health().filter(|h| !h.healthy && h.window.sent < well).map(|h| h.window.sent).max());
        ill.and_then(|ill| switched(Some(ill)))
            .or_else(|| well.and_then(|well| switched(Some(well))))
            .or_else(|| switched(None))
    }

    /// Every server of the source gives the replica.
    fn flipped(&self, source: DnsSource) -> Option<Interval> {
        every(self.servers(source).into_iter().map(|server| self.server_flipped(source, server)))
    }

    /// Whether a server gave the replica at the heal or after it.
    fn has_left(&self, source: DnsSource, server: &str) -> bool {
        let at_primary = |a: &&Answer<'_>| a.role == Some(RegionRole::Primary) && self.line.before_heal(a.window.sent);
        let last = self.answers(source, server).filter(at_primary).map(|a| a.window.sent).max();
        let since = last.map_or(self.zero, |last| last.max(self.zero));
        self.answers(source, server).any(|a| a.role == Some(RegionRole::Replica) && a.window.sent >= since)
    }

    /// One server that had left the primary gives it again.
    fn server_back(&self, source: DnsSource, server: &str) -> Option<Interval> {
        let heal = self.line.heal.filter(|_| self.has_left(source, server))?;
        let answers: Vec<&Answer<'_>> = self.answers(source, server).collect();
        self.switched(&answers, RegionRole::Primary, heal)
    }

    /// Every authoritative server that had left the primary gives it again.
    fn failed_back(&self) -> Option<Interval> {
        let source = DnsSource::Authoritative;
        let left = self.servers(source).into_iter().filter(|server| self.has_left(source, server));
        every(left.map(|server| self.server_back(source, server)))
    }

    /// A user could sign in at that Region, after `from`: by the end of the first login, or sign-in of a session, that asked after `shows` and did. What
    /// the replica serves after the heal is no failover any more.
    fn possible(&self, role: RegionRole, from: Timestamp, shows: Timestamp) -> Option<Interval> {
        let asked = |sent: Timestamp| sent >= shows && (role == RegionRole::Primary || self.line.before_heal(sent));
        let there = |login: &LoginRef<'_>| {
            let there = login.succeeded() && login.role() == Some(role) && login.ended() > shows;
            there && login.api_sent().is_none_or(asked)
        };
        // Of a session's sign-in it is not told when it asked the API: at the earliest when it began.
        let sign_ins = self
            .line
            .calls
            .sign_ins()
            .filter(|(of, sent, _, outcome)| *of == role && asked(*sent) && **outcome == LoginOutcome::Succeeded);
        let ends = self.line.logins.iter().filter(there).map(LoginRef::ended);
        let upper = ends.chain(sign_ins.map(|(_, _, received, _)| received)).min()?;
        Some(self.between(not_possible_at(self.line, role, (from, upper)), upper, from))
    }

    /// From here on every login succeeds at the replica, to the heal.
    fn sustained(&self) -> Option<Interval> {
        let last_bad = last_not_at_replica(self.line);
        let after = |login: &LoginRef<'_>| last_bad.is_none_or(|bad| login.scheduled() > bad);
        let good = || of_outage(self.line).filter(at_replica).filter(after);
        if !self.hold_reached || good().count() < SUSTAINED_LOGINS {
            return None;
        }
        // The first that was scheduled, since its success is the first that was meant to last.
        let first = good().min_by_key(|login| (login.scheduled(), login.arrival()))?;
        Some(self.between(last_bad, first.ended(), self.zero))
    }

    fn reverted(&self) -> Option<Reverted> {
        let heal = self.line.heal?;
        // The first try of each call counts: it may have taken effect although it failed, and one that is repeated for
        // safety's sake after it took effect heals nothing more.
        let mut first: Vec<&Mutation> = Vec::new();
        for m in self.line.ipv4(Step::Heal).filter(|m| m.window.sent >= heal) {
            match first.iter_mut().find(|o| o.call == m.call && o.resource == m.resource) {
                Some(o) if m.window.sent < o.window.sent => *o = m,
                Some(_) => {}
                None => first.push(m),
            }
        }
        let last = first.iter().map(|m| m.window.sent).max()?;
        let answered = first.iter().map(|m| m.window.received).max()?;
        let probed = self.probed();
        if probed.is_empty() {
            if let Some(region) = refusals::region(self.line) {
                let (old, new) = refusals::end(self.line, region, heal)?;
                return Some(Reverted { last, answered, within: self.between(old, new, last) });
            }
            let heals = self.line.ipv4(Step::Heal).filter(|m| m.window.sent >= heal && m.error.is_none());
            let taken = heals.map(|m| m.window.received).max()?;
            return Some(Reverted { last, answered, within: self.between(Some(last), taken, heal) });
        }
        // A probe that was sent before the heal and opens after it rode on a retransmission.
        let opened = |probes: &Vec<Probe>| {
            probes.iter().filter(|p| p.open && p.window.received >= heal).map(|p| p.window.received).min()
        };
        let (mut lower, mut upper) = (last, last);
        for (_, probes) in probed {
            let open = opened(probes)?;
            upper = upper.max(open);
            // A probe that still hung when another got through proves that the path was closed when it was sent.
            let hung = |probe: &&Probe| !probe.open && probe.window.sent < open && probe.window.received > open;
            lower = lower.max(probes.iter().filter(hung).map(|probe| probe.window.sent).max().unwrap_or(last));
        }
        Some(Reverted { last, answered, within: self.between(Some(lower), upper, heal) })
    }
}

/// How everything was healed.
struct Reverted {
    /// When the last call that heals after the last cut was sent: before it packets cannot have passed at every address.
    last: Timestamp,
    /// When all of these calls were answered.
    answered: Timestamp,
    within: Interval,
}

/// The logins that were scheduled from the cut to the heal.
fn of_outage<'a>(line: &Timeline<'a>) -> impl Iterator<Item = LoginRef<'a>> {
    let scheduled = |at| line.zero.is_some_and(|zero| at >= zero) && line.before_heal(at);
    line.logins.iter().filter(move |login| scheduled(login.scheduled()) && login.counts())
}

/// When the last of them was scheduled that the replica did not serve.
pub(super) fn last_not_at_replica(line: &Timeline<'_>) -> Option<Timestamp> {
    of_outage(line).filter(|login| !at_replica(login)).map(LoginRef::scheduled).max()
}

fn at_replica(login: &LoginRef<'_>) -> bool {
    login.succeeded() && login.role() == Some(RegionRole::Replica)
}

/// The moment at which all of them had happened; nothing where there are none or one is missing.
fn every(intervals: impl Iterator<Item = Option<Interval>>) -> Option<Interval> {
    intervals
        .reduce(|a, b| {
            let (a, b) = (a?, b?);
            Some(Interval { lower: a.lower.max(b.lower), upper: a.upper.max(b.upper) })
        })
        .flatten()
}

/// The phase in which a milestone should happen at the latest.
pub(super) fn due_in(milestone: Milestone) -> Phase {
    match milestone {
        Milestone::FaultEffective
        | Milestone::FirstFailedLogin
        | Milestone::HealthCheckUnhealthy
        | Milestone::DnsFlipAuthoritative
        | Milestone::DnsFlipResolver
        | Milestone::FirstReplicaLogin => Phase::Outage,
        Milestone::ReplicaSustained => Phase::Hold,
        Milestone::FaultReverted => Phase::Restore,
        Milestone::HealthCheckHealthy
        | Milestone::DnsFailbackAuthoritative
        | Milestone::FirstPrimaryLoginAfterFailback => Phase::Failback,
    }
}
