//! What the users of a scenario must be.

use super::validate::span;
use super::{ArrivalProcess, CohortShare, ExpectedLimit, FlowShare, RetryPolicy};
use crate::files::{Document, FileFinding};
use crate::model::{Cohort, Expect, Flow, Percent, Rate, RegionRole, UserAction, format_duration};

/// Shares add up to 1 but for what adding binary fractions costs.
const SHARE_TOLERANCE: f64 = 1e-6;

/// Sessions are signed in by this part of the baseline, so that slow sign-ins end before the fault, too; our own choice.
const SIGNED_IN: u32 = 2;

/// Reports everything that is wrong with them.
pub(super) fn check(file: &mut Document) {
    arrivals(file);
    shares(file, "users.flows", |file, item| file.get::<FlowShare>(item).map(|flow| flow.label()));
    shares(file, "users.cohorts", |file, item| file.get::<CohortShare>(item).map(|cohort| cohort.label()));
    for flow in file.items("users.flows") {
        after(file, &flow);
    }
    for cohort in file.items("users.cohorts") {
        own_cache(file, &cohort);
        patience(file, &cohort);
        retry(file, &cohort);
    }
    for plan in file.items("users.sessions") {
        session(file, &plan);
    }
    expectations(file);
    if file.get::<u32>("users.most_in_flight") == Some(0) {
        let finding = FileFinding::at("users.most_in_flight", "no user may log in", "zero");
        file.report(finding.help("leave it out, or write how many logins may be under way at once"));
    }
}

fn arrivals(file: &mut Document) {
    let Some(process) = file.get::<ArrivalProcess>("users.arrivals.process") else { return };
    let belongs = [
        ("to", ArrivalProcess::Ramp, "to = \"50/s\""),
        ("over", ArrivalProcess::Ramp, "over = \"2m\""),
        ("again_after", ArrivalProcess::RetryStorm, "again_after = \"2s\""),
    ];
    for (key, of, example) in belongs {
        let path = format!("users.arrivals.{key}");
        let name = if of == ArrivalProcess::Ramp { "ramp" } else { "retry-storm" };
        match (process == of, file.has(&path)) {
            (true, false) => {
                let finding =
                    FileFinding::at("users.arrivals.process", format!("`{name}` needs `{key}`"), "not complete");
                file.report(finding.help(format!("add for example `{example}`")));
            }
            (false, true) => {
                let finding =
                    FileFinding::at(&path, format!("`{key}` belongs to `process = \"{name}\"`"), "has no effect");
                file.report(finding.help("take it out, or change the process"));
            }
            _ => {}
        }
        if span(file, &path).is_some_and(|time| time.is_zero()) {
            file.report(FileFinding::at(path, format!("`{key}` is zero"), "zero").help("write a time above zero"));
        }
    }
    let rates = ["rate", "to"].map(|key| file.get::<Rate>(&format!("users.arrivals.{key}")));
    if let [Some(rate), Some(to)] = rates
        && rate == to
    {
        let finding =
            FileFinding::at("users.arrivals.to", format!("a ramp from {rate} to {to} is none"), "the same rate");
        file.report(finding.help("write another rate, or `process = \"poisson\"`"));
    }
}

/// Shares of flows or of cohorts.
fn shares(file: &mut Document, list: &str, name: impl Fn(&Document, &str) -> Option<String>) {
    if file.get::<Vec<serde_json::Value>>(list).is_some_and(|items| items.is_empty()) {
        file.report(
            FileFinding::at(list, format!("`{list}` is empty"), "no user logs in")
                .help(format!("add `[[{list}]]` tables whose shares add up to 100%")),
        );
        return;
    }
    let items = file.items(list);
    let mut seen: Vec<(String, &str)> = Vec::new();
    let (mut sum, mut all_known) = (0.0, true);
    for item in &items {
        match file.get::<Percent>(&format!("{item}.share")) {
            Some(share) => sum += share.0,
            None => all_known = false,
        }
        let Some(name) = name(file, item) else {
            continue;
        };
        if let Some((_, first)) = seen.iter().find(|(earlier, _)| *earlier == name) {
            let finding = FileFinding::at(item, format!("`{name}` is there twice in `{list}`"), "again here");
            file.report(finding.and(*first, "first here").help("make them one, with the sum of their shares"));
        }
        seen.push((name, item));
    }
    if let (true, true, Some(last)) = (all_known, (sum - 1.0).abs() > SHARE_TOLERANCE, items.last()) {
        let message = format!("the shares of `{list}` add up to {}, not 100%", Percent(sum));
        let finding = FileFinding::at(format!("{last}.share"), message, format!("{} with this one", Percent(sum)));
        file.report(finding.help("every login has one of them: make the shares add up to 100%"));
    }
}

fn after(file: &mut Document, flow: &str) {
    let path = format!("{flow}.then");
    let machine = file.get::<Flow>(&format!("{flow}.flow")) == Some(Flow::ClientCredentials);
    if machine && file.has(&path) {
        let finding = FileFinding::at(path, "a machine has no user", "has no effect");
        file.report(finding.help("take it out: GetUser and GlobalSignOut need a user's access token"));
    }
    let path = format!("{flow}.users");
    if machine && file.has(&path) {
        file.report(FileFinding::at(path, "a machine has no user", "has no effect").help("take it out"));
    }
    let path = format!("{flow}.expect");
    if file.get::<Expect>(&path) == Some(Expect::Works) {
        let finding = FileFinding::at(path, "that a login works is expected of every flow", "says nothing");
        file.report(finding.help("take it out; \"refused\" is for flows that the replica may not serve"));
    }
}

fn own_cache(file: &mut Document, cohort: &str) {
    let path = format!("{cohort}.caches_for");
    let of_its_own = file.get::<Cohort>(&format!("{cohort}.cohort")) == Some(Cohort::CachesFor);
    match (of_its_own, file.has(&path)) {
        (true, false) => {
            let finding = FileFinding::at(format!("{cohort}.cohort"), "`caches-for` needs a time", "for how long?");
            file.report(finding.help("add `caches_for = \"5m\"`"));
        }
        (false, true) => {
            let finding = FileFinding::at(path, "`caches_for` belongs to `cohort = \"caches-for\"`", "has no effect");
            file.report(finding.help("take it out, or change the cohort"));
        }
        _ => {}
    }
}

fn patience(file: &mut Document, cohort: &str) {
    let [connect, login] = ["connect_timeout", "login_timeout"].map(|key| format!("{cohort}.{key}"));
    for path in [&connect, &login] {
        if span(file, path).is_some_and(|time| time.is_zero()) {
            file.report(FileFinding::at(path, "a wait of no time is no wait", "zero").help("write a time above zero"));
        }
    }
    if let (Some(short), Some(long)) = (span(file, &connect), span(file, &login))
        && short >= long
    {
        let finding = FileFinding::at(connect, "a connection may take as long as a whole login", "too long");
        file.report(finding.and(login, "the login").help("make `connect_timeout` shorter than `login_timeout`"));
    }
}

fn retry(file: &mut Document, cohort: &str) {
    let path = |key: &str| format!("{cohort}.retry.{key}");
    if let Some(tries) = file.get::<u32>(&path("tries")).filter(|tries| *tries < 2) {
        let finding = FileFinding::at(path("tries"), format!("{tries} tries are no retry"), "the first one counts");
        file.report(finding.help("write 2 or more, or take `retry` out"));
    }
    if span(file, &path("wait")).is_some_and(|wait| wait.is_zero()) {
        let finding = FileFinding::at(path("wait"), "a client that does not wait floods a service in trouble", "zero");
        file.report(finding.help("write a time above zero"));
    }
    if file.has(&path("longest")) && file.get::<RetryPolicy>(&path("policy")) == Some(RetryPolicy::Fixed) {
        let finding =
            FileFinding::at(path("longest"), "`longest` belongs to `policy = \"exponential\"`", "has no effect");
        file.report(finding.help("take it out: with `fixed` every wait is the same"));
    }
    if let (Some(wait), Some(longest)) = (span(file, &path("wait")), span(file, &path("longest")))
        && longest < wait
    {
        let finding = FileFinding::at(path("longest"), "the longest wait is shorter than the first", "too short");
        file.report(finding.and(path("wait"), "the first").help("make `longest` at least `wait`"));
    }
}

fn session(file: &mut Document, plan: &str) {
    let path = |key: &str| format!("{plan}.{key}");
    if file.get::<u32>(&path("count")) == Some(0) {
        file.report(
            FileFinding::at(path("count"), "no sessions", "zero").help("write how many, or take the table out"),
        );
    }
    if let Some(flow) = file.get::<Flow>(&path("refresh")).filter(|flow| !flow.refreshes()) {
        let finding = FileFinding::at(path("refresh"), format!("{} needs no session", flow.as_str()), "not a refresh");
        file.report(finding.help("write \"REFRESH_TOKEN_AUTH\" or \"GET_TOKENS_FROM_REFRESH_TOKEN\""));
    }
    for key in ["refresh_every", "call_every"] {
        if span(file, &path(key)).is_some_and(|time| time.is_zero()) {
            file.report(FileFinding::at(path(key), format!("`{key}` is zero"), "zero").help("write a time above zero"));
        }
    }
    if let (Some(call), Some(baseline)) = (span(file, &path("call_every")), span(file, "phases.baseline"))
        && call > baseline / SIGNED_IN
    {
        let message = "a session signs in within its first `call_every`, which must be well before the fault";
        let finding = FileFinding::at(path("call_every"), message, "too long");
        let at_most = format_duration(baseline / SIGNED_IN);
        file.report(
            finding
                .and("phases.baseline", "the time before the fault")
                .help(format!("write at most {at_most}, half of the baseline, or lengthen the baseline")),
        );
    }
    let cohorts: Vec<String> = file
        .items("users.cohorts")
        .iter()
        .filter_map(|item| file.get::<CohortShare>(item).map(|cohort| cohort.label()))
        .collect();
    if let Some(cohort) = file.get::<String>(&path("cohort")).filter(|name| !cohorts.contains(name)) {
        let finding =
            FileFinding::at(path("cohort"), format!("there is no cohort `{cohort}`"), "not among `users.cohorts`");
        file.report(finding.help(format!("the cohorts are {}", cohorts.join(", "))));
    }
}

fn expectations(file: &mut Document) {
    let mut seen: Vec<((UserAction, RegionRole), String)> = Vec::new();
    for item in file.items("expectations") {
        let Some(limit) = file.get::<ExpectedLimit>(&item) else { continue };
        let key = (limit.action, limit.region);
        if let Some((_, first)) = seen.iter().find(|(known, _)| *known == key) {
            let message = format!("`{}` is expected twice", limit.action.as_str());
            file.report(
                FileFinding::at(&item, message, "again here").and(first, "first here").help("take one of them out"),
            );
        }
        seen.push((key, item));
    }
}
