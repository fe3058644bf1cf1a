//! What became of the users who had signed in before the fault.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::history::{CallBook, CallRef};
use super::interval::seconds_between;
use super::timeline::Timeline;
use crate::model::{LoginOutcome, RegionRole, SessionStep};

/// The sessions of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sessions {
    /// All of them.
    pub all: SessionOutcomes,
    /// By how they are refreshed, and the cohort of their clients.
    pub by_plan: BTreeMap<(String, String), SessionOutcomes>,
    /// Sessions whose first sign-in had not succeeded when the fault began; counted nowhere else.
    pub not_opened: u64,
    /// Calls of the protected API between the cut and the heal.
    pub api_in_outage: SessionCalls,
    /// Calls of the protected API that were answered with a refusal between the cut and the heal.
    pub api_refused_in_outage: u64,
    /// Those of `api_in_outage` that were not made: something else of the session had no answer yet when they fell due, and they share how
    /// that ended.
    pub api_blocked_in_outage: u64,
    /// The longest time in which a session was without the API and then had it again, at most, in seconds: from sending the last call that
    /// worked to the answer of the next one that did; where none failed in between, what that one took.
    pub longest_without_api_s: Option<f64>,
    /// Sessions whose last call of the API failed.
    pub without_api_to_the_end: u64,
    /// Refreshes at the replica.
    pub refreshes_at_replica: SessionCalls,
    /// Refreshes at the primary after the heal.
    pub refreshes_after_failback: SessionCalls,
}

/// What became of sessions that were opened. The four add up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SessionOutcomes {
    /// Sessions whose first sign-in succeeded before the fault.
    pub opened: u64,
    /// Never refused anything; stalls and retries are allowed.
    pub kept: u64,
    /// Refused something at times, but went on without a new sign-in.
    pub interrupted: u64,
    /// Had to sign in again, and could.
    pub forced: u64,
    /// Nothing that they tried after the heal worked, or the last thing that they tried was refused.
    pub lost: u64,
}

/// Calls of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SessionCalls {
    /// Calls that ended.
    pub tried: u64,
    /// Those that succeeded.
    pub worked: u64,
}

impl SessionCalls {
    fn add(&mut self, call: &CallRef<'_>) {
        self.tried += 1;
        self.worked += u64::from(succeeded(call));
    }
}

enum Fate {
    Kept,
    Interrupted,
    Forced,
    Lost,
}

/// Nothing where there were no sessions.
pub(super) fn sessions(book: &CallBook, line: &Timeline<'_>) -> Option<Sessions> {
    let mut found = Sessions::default();
    for calls in book.by_session() {
        let Some(first) = calls.first() else { continue };
        // A session that was opened later has nothing to lose by the fault.
        let in_time = |call: &CallRef<'_>| line.zero.is_none_or(|zero| call.received <= zero);
        let signed_in = |call: &CallRef<'_>| call.step == SessionStep::SignIn && succeeded(call) && in_time(call);
        let opened = calls.iter().any(signed_in);
        if !opened {
            found.not_opened += 1;
            continue;
        }
        let fate = fate(&calls, line.heal);
        let plan = found.by_plan.entry(first.plan.clone()).or_default();
        for outcomes in [&mut found.all, plan] {
            outcomes.opened += 1;
            match fate {
                Fate::Kept => outcomes.kept += 1,
                Fate::Interrupted => outcomes.interrupted += 1,
                Fate::Forced => outcomes.forced += 1,
                Fate::Lost => outcomes.lost += 1,
            }
        }
        found.calls(&calls, line);
    }
    (found.all.opened + found.not_opened > 0).then_some(found)
}

impl Sessions {
    fn calls(&mut self, calls: &[CallRef<'_>], line: &Timeline<'_>) {
        let healed = |call: &CallRef<'_>| line.heal.is_some_and(|heal| call.sent >= heal);
        for call in calls {
            let in_outage = line.zero.is_some_and(|zero| call.sent >= zero) && !healed(call);
            match (call.step, call.role) {
                (SessionStep::ApiCall, _) if in_outage => {
                    self.api_in_outage.tried += 1;
                    // What the heal let through did not work in the outage.
                    self.api_in_outage.worked += u64::from(succeeded(call) && line.before_heal(call.received));
                    self.api_refused_in_outage += u64::from(call.outcome.is_refusal() && !call.blocked);
                    self.api_blocked_in_outage += u64::from(call.blocked);
                }
                (SessionStep::Refresh, Some(RegionRole::Replica)) => self.refreshes_at_replica.add(call),
                (SessionStep::Refresh, Some(RegionRole::Primary)) if healed(call) => {
                    self.refreshes_after_failback.add(call);
                }
                _ => {}
            }
        }
        let (longest, to_the_end) = without_api(calls);
        self.longest_without_api_s = self.longest_without_api_s.into_iter().chain(longest).reduce(f64::max);
        self.without_api_to_the_end += u64::from(to_the_end);
    }
}

fn succeeded(call: &CallRef<'_>) -> bool {
    *call.outcome == LoginOutcome::Succeeded
}

fn fate(calls: &[CallRef<'_>], heal: Option<Timestamp>) -> Fate {
    // What was not made adds nothing to what held it up.
    let made = || calls.iter().filter(|call| !call.blocked);
    let mut after = made().filter(|call| heal.is_some_and(|heal| call.sent >= heal)).peekable();
    let nothing_worked = after.peek().is_some() && !after.any(succeeded);
    let last_refused = made().next_back().is_some_and(|call| call.outcome.is_refusal());
    let again = made().any(|call| call.step == SessionStep::SignInAgain && succeeded(call));
    if nothing_worked || last_refused {
        Fate::Lost
    } else if again {
        Fate::Forced
    } else if made().any(|call| call.outcome.is_refusal()) {
        Fate::Interrupted
    } else {
        Fate::Kept
    }
}

/// The longest time in which a session may have been without the API, and whether it was to the end.
fn without_api(calls: &[CallRef<'_>]) -> (Option<f64>, bool) {
    let (mut worked, mut failing, mut longest): (Option<Timestamp>, Option<Timestamp>, Option<f64>) =
        (None, None, None);
    for call in calls.iter().filter(|call| call.step == SessionStep::ApiCall) {
        if !succeeded(call) {
            failing.get_or_insert(call.sent);
            continue;
        }
        // It may have vanished as soon as the last call that worked had left. One that hung and then worked was without it meanwhile.
        let since = failing.map_or(call.sent, |first| worked.unwrap_or(first));
        let without = seconds_between(since, call.received);
        longest = Some(longest.map_or(without, |longest| longest.max(without)));
        (worked, failing) = (Some(call.sent), None);
    }
    (longest, failing.is_some())
}
