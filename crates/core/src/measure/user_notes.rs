//! What the logins say that a reader must know, in words.

use std::collections::BTreeMap;

use super::failures::Throttling;
use super::history::{Logbook, LoginRef};
use super::interval::seconds_between;
use super::notes::Anomaly;
use crate::model::{LATE_MS, LoginOutcome, Region, RegionRole};

/// The error of Cognito's API for something that is not there (Cognito API reference, "Common errors").
const NOT_FOUND: &str = "ResourceNotFoundException";

pub(super) fn of_logins(book: &Logbook, throttling: &[Throttling], speed: f64, found: &mut Vec<Anomaly>) {
    late_starts(book, speed, found);
    app_client(book, found);
    keys(book, found);
    wrong_region(book, found);
    for at_region in throttling {
        found.push(throttled(at_region));
    }
    harness(book, found);
    let shed = book.iter().filter(|login| *login.outcome() == LoginOutcome::Shed).count();
    if shed > 0 {
        let text = format!(
            "{shed} logins were shed: as many were under way as `most_in_flight` allows, so the runner did not start them. They \
             count as failed, though no service failed them."
        );
        found.push(Anomaly::new("shed", text));
    }
    let without = book.iter().filter(|login| *login.outcome() == LoginOutcome::NoSession).count();
    if without > 0 {
        let text = format!(
            "{without} logins found no session: every refresh token of their flow was in use by others, so the runner did not start \
             them. Preflight opens at most 100 for each flow. They count as failed, though no service failed them."
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
            "{count} logins could not be made by GameDay itself: {what}. They count nowhere, since no service failed them. Correct \
             the environment or the machine; where these are right it is a bug, so please report it."
        );
        found.push(Anomaly::grave("harness_failed", text));
    }
}

fn late_starts(book: &Logbook, speed: f64, found: &mut Vec<Anomaly>) {
    let late_ms = |login: LoginRef<'_>| seconds_between(login.scheduled(), login.started()) * 1000.0;
    let limit_ms = LATE_MS * speed.max(1.0);
    let late = || book.iter().map(late_ms).filter(|ms| *ms > limit_ms);
    if let Some(worst) = late().reduce(f64::max) {
        let text = format!(
            "{} logins started more than {limit_ms:.0} ms late, the worst by {worst:.0} ms: the runner was overloaded. Their \
             latencies count from the scheduled instant and include the delay.",
            late().count()
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
            "{count} logins at the replica were rejected with {NOT_FOUND}: the app client ID does not exist at the replica's pool. Is \
             it an independent pool, or has the client not replicated yet? It is not a wrong password: no user of that client can \
             sign in there until its ID exists there or the client is configured for both Regions."
        );
        found.push(Anomaly::grave("app_client_missing", text));
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
            "The protected API refused {} logins because it could not get the keys (it said: {reason}). JWKS is fetched on the request \
             path, so that whoever verifies tokens fails with the Region that serves the keys. Cache both Regions' keys, refresh them in \
             the background, and keep stale ones while a source is down.",
            reasons.values().sum::<u64>()
        );
        found.push(Anomaly::grave("jwks_on_request_path", text));
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
            "{count} logins went to an address of {asked} and got a token that {served} issued: something behind that address still leads \
             to {served}, so the failover is not what DNS says it is."
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
            "{} were throttled at {region} before its limit was changed at {:.2} s after the cut, {} after.",
            share(raised.before),
            raised.at_s,
            share(raised.after)
        ),
        None => format!("{} were throttled at {region}: its quota is below what users ask of it.", share(at.all)),
    };
    Anomaly::new("throttled", text)
}
