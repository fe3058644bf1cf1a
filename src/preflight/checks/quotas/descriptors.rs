//! GD610: the sockets that this machine lets the runner open.

use super::super::{Check, Occurrence};
use crate::preflight::facts::Facts;
use gameday_core::env::{EnvironmentKind, Site, Timeouts};
use gameday_core::model::{Flow, Predicts, Severity};
use gameday_core::scenario::UserLoad;
use gameday_protocols::net::descriptors;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD610",
    severity: Severity::Risk,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "This machine allows fewer open sockets than the load needs",
    why: "During a blackhole many sockets are open at once: every login that hangs holds one, and uses another for \
          name look-ups. If none is left, logins and observer probes fail because of the runner. Such failures are \
          counted separately from failures of the service and excluded from the results, so results have gaps and \
          objectives can be inconclusive. The runner raises its soft limit to the hard limit when it starts.",
    remedy: "Raise the hard limit of open files: `ulimit -Hn 65536`, `LimitNOFILE=65536` in the systemd unit, or \
             `--ulimit nofile=65536` for the container. Or lower `users.most_in_flight` or the arrival rate of the \
             scenario.",
    calls: &[],
    look: |facts| Box::pin(async move { Ok(look(facts, descriptors())) }),
};

/// A TCP connection and a question to a resolver.
const PER_LOGIN: f64 = 2.0;
/// In a browser also managed login's host and an identity provider's.
const PER_BROWSER: f64 = 4.0;
/// Looks of one observer that may be under way at once (`observe`).
const LOOKS: u64 = 8;
/// Files, AWS clients, the runtime's own: our own choice, what a run without users has open, doubled.
const BASE: u64 = 128;

fn look(facts: &Facts, limit: Option<u64>) -> Vec<Occurrence> {
    let (site, users) = (&facts.site, &facts.scenario.users);
    let in_flight = in_flight(users, &site.timeouts);
    let needed = needed(users, site, in_flight);
    let sight = |limit| {
        Occurrence::of(format!(
            "up to {in_flight} concurrent logins need about {needed} descriptors; the limit of this process is {limit}"
        ))
    };
    limit.filter(|limit| *limit < needed).map(sight).into_iter().collect()
}

/// Logins that are under way at the peak while each of them hangs as long as its client is patient.
fn in_flight(users: &UserLoad, timeouts: &Timeouts) -> u64 {
    let arrivals = &users.arrivals;
    let rate = arrivals.to.map_or(arrivals.rate.0, |to| to.0.max(arrivals.rate.0));
    let patience = users.cohorts.iter().map(|cohort| cohort.login_timeout.unwrap_or(timeouts.login).0.as_secs_f64());
    let hanging = (rate * patience.fold(0.0, f64::max)).ceil() as u64;
    hanging.min(u64::from(users.most_in_flight))
}

fn needed(users: &UserLoad, site: &Site, in_flight: u64) -> u64 {
    let browser: f64 = users
        .flows
        .iter()
        .filter(|flow| matches!(flow.flow, Flow::ManagedLogin | Flow::Federated))
        .map(|flow| flow.share.0)
        .sum();
    let per_login = PER_LOGIN + (PER_BROWSER - PER_LOGIN) * browser;
    // The embedded lab holds the other end of each.
    let ends = if site.kind == EnvironmentKind::Lab { 2.0 } else { 1.0 };
    let sessions: u64 = users.sessions.iter().map(|plan| u64::from(plan.count)).sum();
    let logins = ((in_flight + sessions) as f64 * per_login * ends).ceil() as u64;
    // Health, the canary's reader and writer, two name servers, two resolvers and two addresses, at the least.
    logins + 9 * LOOKS * ends as u64 + BASE
}
