//! What the logins say that a reader must know, in words.

use std::collections::BTreeMap;

use super::failures::Throttling;
use super::history::{Logbook, LoginRef};
use super::interval::seconds_between;
use super::notes::Anomaly;
use crate::model::{LATE_MS, LoginOutcome, Region, RegionRole};

/// The error of Cognito's API for something that is not there (Cognito API reference, "Common errors").
const NOT_FOUND: &str = "ResourceNotFoundException";

/// `1 login`, `2 logins`.
pub(super) fn logins(count: u64) -> String {
    format!("{count} login{}", if count == 1 { "" } else { "s" })
}

fn were(count: u64) -> &'static str {
    if count == 1 { "was" } else { "were" }
}

pub(super) fn of_logins(book: &Logbook, throttling: &[Throttling], speed: f64, found: &mut Vec<Anomaly>) {
    late_starts(book, speed, found);
    app_client(book, found);
    keys(book, found);
    wrong_region(book, found);
    for at_region in throttling {
        found.push(throttled(at_region));
    }
    harness(book, found);
    let shed = book.iter().filter(|login| *login.outcome() == LoginOutcome::Shed).count() as u64;
    if shed > 0 {
        let text = format!(
            "{} {} shed: `most_in_flight` logins were already in progress, so the runner did not start more. What was shed \
             counts as failed, although no service failed.",
            logins(shed),
            were(shed)
        );
        found.push(Anomaly::new("shed", text));
    }
    let without = book.iter().filter(|login| *login.outcome() == LoginOutcome::NoSession).count() as u64;
    if without > 0 {
        let text = format!(
            "{} found no session and did not start: other logins used every refresh token of the flow. Preflight opens at most \
             100 sessions for each flow. Such logins count as failed, although no service failed.",
            logins(without)
        );
        found.push(Anomaly::new("no_session", text));
    }
}

/// What went wrong without any service.
fn harness(book: &Logbook, found: &mut Vec<Anomaly>) {
    let what = |login: LoginRef<'_>| match login.outcome() {
        LoginOutcome::HarnessFailed { what } => Some(what.clone()),
        _ => None,
    };
    for (what, count) in count(book, what) {
        let text = format!(
            "{} failed in GameDay itself: {what}. This is not counted, because no service failed. Correct \
             the environment or the machine; if both are right, please report a bug.",
            logins(count)
        );
        found.push(Anomaly::severe("harness_failed", text));
    }
}

fn late_starts(book: &Logbook, speed: f64, found: &mut Vec<Anomaly>) {
    let late_ms = |login: LoginRef<'_>| seconds_between(login.scheduled(), login.started()) * 1000.0;
    let limit_ms = LATE_MS * speed.max(1.0);
    let late = || book.iter().map(late_ms).filter(|ms| *ms > limit_ms);
    if let Some(worst) = late().reduce(f64::max) {
        let text = format!(
            "{} started more than {limit_ms:.0} ms late, at most {worst:.0} ms late: the runner was overloaded. \
             Latencies count from the scheduled start and include the delay.",
            logins(late().count() as u64)
        );
        found.push(Anomaly::of_runner("late_starts", text));
    }
}

/// Counts logins by what `key` takes from them.
fn count<'a, K: Ord>(book: &'a Logbook, key: impl Fn(LoginRef<'a>) -> Option<K>) -> BTreeMap<K, u64> {
    let mut counts = BTreeMap::new();
    for key in book.iter().filter_map(key) {
        *counts.entry(key).or_default() += 1;
    }
    counts
}

fn app_client(book: &Logbook, found: &mut Vec<Anomaly>) {
    let missing = |login: LoginRef<'_>| match login.outcome() {
        LoginOutcome::Rejected { code, .. } if code.contains(NOT_FOUND) => {
            (login.role() == Some(RegionRole::Replica)).then_some(())
        }
        _ => None,
    };
    for count in count(book, missing).into_values() {
        let text = format!(
            "{} at the replica {} rejected with {NOT_FOUND}: the app client ID does not exist at the replica's pool. Either \
             the pool is independent, or the client is not replicated yet. It is not a wrong password: no user of that client can \
             sign in there until its ID exists there or the client is configured for both Regions.",
            logins(count),
            were(count)
        );
        found.push(Anomaly::severe("app_client_missing", text));
    }
}

/// The protected API's words, where it refused a login because its source of keys did not answer.
fn without_keys(login: LoginRef<'_>) -> Option<&str> {
    match login.outcome() {
        LoginOutcome::ApiRefused { reason, .. } if tells_of_keys(reason) => Some(reason),
        _ => None,
    }
}

fn keys(book: &Logbook, found: &mut Vec<Anomaly>) {
    let reasons = count(book, without_keys);
    if let Some((reason, _)) = reasons.first_key_value() {
        let text = format!(
            "The protected API refused {} because it could not get the keys (its reason: {reason}). JWKS is fetched on the request \
             path, so token verification fails together with the Region that serves the keys. Cache the keys of both Regions, refresh them in \
             the background, and keep stale keys while a source is down.",
            logins(reasons.values().sum())
        );
        found.push(Anomaly::severe("jwks_on_request_path", text));
    }
}

/// Whether an API's reason says that it could not get the keys: "the keys of us-east-1 could not be fetched", "JWKS timeout".
fn tells_of_keys(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    reason.contains("jwks") || (reason.contains("key") && reason.contains("fetch"))
}

fn wrong_region(book: &Logbook, found: &mut Vec<Anomaly>) {
    let elsewhere = |login: LoginRef<'_>| match login.outcome() {
        LoginOutcome::WrongRegion { asked, served } => Some((asked.clone(), served.clone())),
        _ => None,
    };
    for ((asked, served), count) in count::<(Region, Region)>(book, elsewhere) {
        let text = format!(
            "{} went to an address of {asked} and got a token that {served} issued: requests to that address still reach \
             {served}, so DNS alone does not show the failover.",
            logins(count)
        );
        found.push(Anomaly::new("wrong_region", text));
    }
}

fn throttled(at: &Throttling) -> Anomaly {
    let share = |throttled: super::failures::Throttled| {
        let share = throttled.share().map(|share| format!(" ({:.2} %)", share * 100.0)).unwrap_or_default();
        format!("{} of {} logins{share}", throttled.throttled, throttled.attempted)
    };
    let region = &at.region;
    let text = match &at.raised {
        Some(raised) => format!(
            "{} were throttled at {region} before its limit was changed {:.2} s after fault injection, {} after that.",
            share(raised.before),
            raised.at_s,
            share(raised.after)
        ),
        None => format!("{} were throttled at {region}: its quota is below the rate of requests.", share(at.all)),
    };
    Anomaly::new("throttled", text)
}
