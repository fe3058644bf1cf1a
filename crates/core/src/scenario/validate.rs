//! What a scenario must be, beyond its shape, so that a run of it can work and its figures mean something.

use std::path::Path;
use std::time::Duration;

use super::{FaultKind, GroupMethod, Scenario};
use crate::files::{Document, FileFinding, FileProblems, Loaded};
use crate::model::{Percent, Rate, RegionRole, Span, format_duration};

/// The version of the scenario file that this GameDay reads.
const SCHEMA_VERSION: u32 = 1;
/// The recommended TTL of a failover record, where the environment does not tell.
const USUAL_TTL: Duration = Duration::from_mins(1);
/// Less steady state is no base line.
const LEAST_BASELINE: Duration = Duration::from_secs(10);
/// So many logins of a baseline are expected at least: a poisson process then brings the five that the gate needs in 97 of 100 runs.
const LEAST_LOGINS: f64 = 10.0;
/// What the chain takes at least on AWS, for the remedies.
pub(super) const CHAIN: &str = "on AWS detection takes 32s to 42s where packets vanish, and the DNS flip up to the record's TTL more, 60s as a rule";

/// Reads a scenario file and proves that it can work.
///
/// `ttl` is that of the environment's failover record; 60 s stand in where it is not known.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(path: &Path, ttl: Option<Duration>) -> Result<Loaded<Scenario>, FileProblems> {
    finish(Document::open::<Scenario>(path)?, ttl)
}

/// [`load`] for a text that is at hand; `name` stands for the file in diagnostics.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read_str(name: &str, text: &str, ttl: Option<Duration>) -> Result<Loaded<Scenario>, FileProblems> {
    finish(Document::parse::<Scenario>(Path::new(name), text), ttl)
}

/// The JSON Schema of scenario files.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Scenario).to_value()
}

fn finish(mut file: Document, ttl: Option<Duration>) -> Result<Loaded<Scenario>, FileProblems> {
    if file.is_toml() {
        head(&mut file);
        phases(&mut file, ttl);
        faults(&mut file);
        super::users::check(&mut file);
        stop(&mut file);
        steady_state(&mut file);
        slo(&mut file);
        super::objective::check(&mut file);
    }
    file.finish()
}

fn head(file: &mut Document) {
    if let Some(version) = file.get::<u32>("schema_version").filter(|version| *version != SCHEMA_VERSION) {
        let message = format!("schema_version {version} is not known");
        let finding = FileFinding::at("schema_version", message, format!("this GameDay reads {SCHEMA_VERSION}"));
        file.report(finding.help(format!("write `schema_version = {SCHEMA_VERSION}`")));
    }
    for (key, use_of_it) in [("title", "it heads the report"), ("hypothesis", "the report confirms or refutes it")] {
        if file.get::<String>(key).is_some_and(|text| text.trim().is_empty()) {
            file.report(
                FileFinding::at(key, format!("`{key}` is empty"), "empty")
                    .help(format!("write a sentence: {use_of_it}")),
            );
        }
    }
    let mut seen: Vec<String> = Vec::new();
    for item in file.items("required_claims") {
        let Some(claim) = file.get::<String>(&item) else {
            continue;
        };
        if claim.trim().is_empty() {
            file.report(
                FileFinding::at(item, "a required claim has no name", "empty").help("name a claim of the access token"),
            );
        } else if let Some(first) = seen.iter().position(|earlier| *earlier == claim) {
            let finding = FileFinding::at(item, format!("the claim `{claim}` is required twice"), "again here");
            file.report(finding.and(format!("required_claims[{first}]"), "first here").help("take one of them out"));
        }
        seen.push(claim);
    }
}

pub(super) fn span(file: &Document, path: &str) -> Option<Duration> {
    file.get::<Span>(path).map(|span| span.0)
}

fn phases(file: &mut Document, ttl: Option<Duration>) {
    if let Some(baseline) = span(file, "phases.baseline").filter(|baseline| *baseline < LEAST_BASELINE) {
        let message = format!("a baseline of {} is too short to be one", format_duration(baseline));
        let finding =
            FileFinding::at("phases.baseline", message, format!("shorter than {}", format_duration(LEAST_BASELINE)));
        file.report(finding.help(
            "give steady state 30s or more, so that every flow and cohort logs in several times before the fault",
        ));
    }
    if span(file, "phases.outage").is_some_and(|outage| outage.is_zero()) {
        let finding = FileFinding::at("phases.outage", "there is no outage phase", "zero");
        file.report(finding.help(format!("give it more than the slowest objective: {CHAIN}")));
    }
    let needed = ttl.unwrap_or(USUAL_TTL);
    if let Some(hold) = span(file, "phases.hold").filter(|hold| *hold < needed) {
        let (of_whom, needed) =
            (if ttl.is_some() { "the record's TTL" } else { "the usual TTL" }, format_duration(needed));
        let message = format!("a hold of {} is shorter than {of_whom} of {needed}", format_duration(hold));
        let finding = FileFinding::at("phases.hold", message, format!("at least {needed}"));
        file.report(finding.help("a client that honours the TTL may ask DNS only after it has passed, so a shorter hold ends before all of them could move"));
    }
    if span(file, "phases.failback").is_some_and(|failback| failback.is_zero()) {
        let finding = FileFinding::at("phases.failback", "there is no failback phase", "zero");
        file.report(finding.help("the way back is part of every rehearsal: give it about as long as the outage phase"));
    }
}

fn faults(file: &mut Document) {
    if file.has("faults") && file.get::<Vec<serde_json::Value>>("faults").is_some_and(|faults| faults.is_empty()) {
        file.report(
            FileFinding::at("faults", "nothing breaks", "empty")
                .help("add a `[[faults]]` table with `kind = \"nacl-blackhole\"`"),
        );
    }
    for fault in file.items("faults") {
        ids(file, &format!("{fault}.targets.subnet_ids"), "subnet-", "a subnet's ID");
        ids(file, &format!("{fault}.targets.vpc_ids"), "vpc-", "a VPC's ID");
        ids(file, &format!("{fault}.targets.network_interface_ids"), "eni-", "a network interface's ID");
        fault_options(file, &fault);
        fault_times(file, &fault);
    }
    let late = |fault: &String| span(file, &format!("{fault}.at")).is_some_and(|at| !at.is_zero());
    let faults = file.items("faults");
    if let Some(first) = faults.first().filter(|_| faults.iter().all(late)) {
        let finding = FileFinding::at(format!("{first}.at"), "no fault begins at once", "counts from the first fault");
        file.report(finding.help("leave `at` out for the fault that comes first, and lengthen the baseline instead"));
    }
}

fn ids(file: &mut Document, list: &str, prefix: &str, what: &str) {
    for item in file.items(list) {
        let Some(id) = file.get::<String>(&item) else {
            continue;
        };
        if id.strip_prefix(prefix).is_none_or(str::is_empty) {
            let finding = FileFinding::at(item, format!("`{id}` is not {what}"), format!("not {what}"));
            file.report(finding.help(format!(
                "they look like \"{prefix}0a1b2c3d\"; select by `tags` or `zones` where you do not know them"
            )));
        }
    }
}

/// Options that belong to one kind of fault alone.
const OPTIONS: [(&str, &[FaultKind]); 9] = [
    ("cidrs", &[FaultKind::NaclDenyEntries, FaultKind::SecurityGroupBlackhole, FaultKind::ClientEgressBlackhole]),
    ("ports", &[FaultKind::NaclDenyEntries, FaultKind::SecurityGroupBlackhole]),
    ("direction", &[FaultKind::NaclDenyEntries]),
    ("method", &[FaultKind::SecurityGroupBlackhole]),
    ("trigger", &[FaultKind::LambdaTriggerBreak]),
    ("rate", &[FaultKind::ProvisionedLimit]),
    ("blocks", &[FaultKind::WafBlock]),
    ("targets.network_interface_ids", &[FaultKind::SecurityGroupBlackhole]),
    ("targets.load_balancers", &[FaultKind::SecurityGroupBlackhole]),
];

fn fault_options(file: &mut Document, fault: &str) {
    let Some(kind) = file.get::<FaultKind>(&format!("{fault}.kind")) else {
        return;
    };
    let name = kind.as_str();
    for (option, of) in OPTIONS {
        let path = format!("{fault}.{option}");
        if !of.contains(&kind) && file.has(&path) {
            let finding = FileFinding::at(&path, format!("`{option}` means nothing to {name}"), "has no effect");
            let of: Vec<String> = of.iter().map(|kind| format!("`kind = \"{}\"`", kind.as_str())).collect();
            file.report(finding.help(format!("it belongs to {}", of.join(", "))));
        }
    }
    let narrow = format!("{fault}.targets");
    let one_target = matches!(
        kind,
        FaultKind::HealthCheckInvert
            | FaultKind::LambdaTriggerBreak
            | FaultKind::ProvisionedLimit
            | FaultKind::WafBlock
    );
    if one_target && file.has(&narrow) {
        let finding = FileFinding::at(narrow, format!("{name} has one target"), "has no effect");
        file.report(finding.help("take it out: the environment names the health check and the user pool"));
    }
    if kind == FaultKind::ProvisionedLimit {
        limit_rate(file, fault);
    }
    let region = file.get::<RegionRole>(&format!("{fault}.region"));
    if kind == FaultKind::HealthCheckInvert && region == Some(RegionRole::Replica) {
        let finding =
            FileFinding::at(format!("{fault}.region"), "the health check is the primary's", "not the replica's");
        file.report(finding.help("take it out, or write \"primary\""));
    }
    let revokes = file.get::<GroupMethod>(&format!("{fault}.method")) == Some(GroupMethod::RevokeRules);
    for option in ["cidrs", "ports"] {
        let path = format!("{fault}.{option}");
        if kind == FaultKind::SecurityGroupBlackhole && !revokes && file.has(&path) {
            let finding =
                FileFinding::at(path, format!("`{option}` needs `method = \"revoke-rules\"`"), "has no effect");
            file.report(finding.help("an empty group lets nothing in, whatever its address and port"));
        }
    }
    if kind == FaultKind::HealthCheckDisable {
        let message = "health-check-disable cannot rehearse a failover";
        let finding = FileFinding::at(format!("{fault}.kind"), message, "nothing would fail over");
        file.report(finding.help(
            "Route 53 takes a disabled health check for healthy, so the record never moves; write \"nacl-blackhole\"",
        ));
    }
    for (option, least) in [("targets.count", "a count of 0"), ("repeat", "a repetition of 0")] {
        let path = format!("{fault}.{option}");
        if file.get::<u32>(&path) == Some(0) {
            file.report(FileFinding::at(path, format!("{least} means no fault"), "nothing").help("write 1 or more"));
        }
    }
    let share = format!("{fault}.targets.percentage");
    if file.get::<Percent>(&share).is_some_and(|share| share.0 <= 0.0) {
        file.report(FileFinding::at(share, "0% of the targets are none", "nothing").help("write a share above 0%"));
    }
}

/// A provisioned limit is a whole number of requests a second.
fn limit_rate(file: &mut Document, fault: &str) {
    let path = format!("{fault}.rate");
    if !file.has(&path) {
        let finding = FileFinding::at(format!("{fault}.kind"), "provisioned-limit needs a `rate`", "no rate");
        file.report(finding.help("write how many sign-ins a second are to pass, for example `rate = \"300/s\"`"));
    }
    if file.get::<Rate>(&path).is_some_and(|rate| rate.0.fract() != 0.0 || rate.0 > f64::from(i32::MAX)) {
        let finding = FileFinding::at(path, "a limit is a whole number of requests a second", "not a whole number");
        file.report(finding.help("write for example \"300/s\""));
    }
}

/// A fault's `at`, `for`, `repeat` and `every`: do they fit each other and the phases?
fn fault_times(file: &mut Document, fault: &str) {
    let path = |key: &str| format!("{fault}.{key}");
    let (at, lasts, every) = (span(file, &path("at")), span(file, &path("for")), span(file, &path("every")));
    let repeat = file.get::<u32>(&path("repeat")).unwrap_or(1);
    if lasts.is_some_and(|lasts| lasts.is_zero()) {
        file.report(
            FileFinding::at(path("for"), "a fault of no time is none", "zero").help("leave it out, or write a time"),
        );
    }
    if repeat > 1 {
        for key in ["for", "every"] {
            if !file.has(&path(key)) {
                let finding =
                    FileFinding::at(path("repeat"), format!("`repeat` needs `{key}`"), "repeats what never ends");
                file.report(finding.help("write for example `for = \"20s\"`, `repeat = 3`, `every = \"40s\"`"));
            }
        }
    } else if file.has(&path("every")) {
        let finding = FileFinding::at(path("every"), "`every` without `repeat` means nothing", "has no effect");
        file.report(finding.help("add `repeat`, or take it out"));
    }
    if let (Some(lasts), Some(every)) = (lasts, every)
        && repeat > 1
        && lasts >= every
    {
        let finding = FileFinding::at(path("every"), "the fault begins again before it has ended", "too soon");
        file.report(finding.and(path("for"), "lasts so long").help("make `every` longer than `for`"));
    }
    let Some(long) =
        ["outage", "hold"].iter().map(|phase| span(file, &format!("phases.{phase}"))).sum::<Option<Duration>>()
    else {
        return;
    };
    let later = every.unwrap_or_default().saturating_mul(repeat.saturating_sub(1));
    let last = at.unwrap_or_default().saturating_add(later).saturating_add(lasts.unwrap_or_default());
    if last > long {
        let key = ["every", "for", "at"].into_iter().find(|key| file.has(&path(key))).unwrap_or("kind");
        let message = format!(
            "the fault ends {} after the first one begins, but outage and hold last {}",
            format_duration(last),
            format_duration(long)
        );
        let finding = FileFinding::at(path(key), message, "too late");
        file.report(
            finding
                .and("phases.outage", "the outage phase")
                .and("phases.hold", "the hold phase")
                .help("everything is restored after the hold: shorten the fault, or lengthen the phases"),
        );
    }
}

fn slo(file: &mut Document) {
    if file.get::<Percent>("slo.availability").is_some_and(|share| share.0 >= 1.0 || share.0 <= 0.0) {
        let finding = FileFinding::at(
            "slo.availability",
            "an availability of 0% or 100% leaves no error budget to count",
            "no budget",
        );
        file.report(finding.help("write what is promised, for example \"99.9%\""));
    }
    if span(file, "slo.window").is_some_and(|window| window.is_zero()) {
        let finding = FileFinding::at("slo.window", "an objective over no time is none", "zero");
        file.report(finding.help("write the time over which the objective holds, for example \"720h\" for 30 days"));
    }
}

/// Can steady state be proved?
fn steady_state(file: &mut Document) {
    if file.get::<Percent>("steady_state.success_rate").is_some_and(|share| share.0 <= 0.0) {
        let finding =
            FileFinding::at("steady_state.success_rate", "a success rate of at least 0% always holds", "zero");
        file.report(finding.help("write the share that must succeed before anything is cut, for example \"99%\""));
    }
    if span(file, "steady_state.replication_lag").is_some_and(|lag| lag.is_zero()) {
        let finding = FileFinding::at("steady_state.replication_lag", "no replication is without lag", "zero");
        file.report(finding.help("write a time above zero, for example \"30s\""));
    }
    let (Some(baseline), Some(rate)) = (span(file, "phases.baseline"), file.get::<Rate>("users.arrivals.rate")) else {
        return;
    };
    let logins = rate.0 * baseline.as_secs_f64();
    if baseline >= LEAST_BASELINE && logins < LEAST_LOGINS {
        let message = format!("{logins:.1} logins are too few to prove steady state");
        let finding = FileFinding::at("phases.baseline", message, "too short for the rate");
        file.report(
            finding
                .and("users.arrivals.rate", "so few arrive")
                .help("make it so long that at least 10 logins start in it"),
        );
    }
}

fn stop(file: &mut Document) {
    for (path, what) in [
        ("stop.max_outage", "a run that may never be without a login would stop at once"),
        ("stop.replica_success_rate.for", "a rate over no time is none"),
    ] {
        if span(file, path).is_some_and(|time| time.is_zero()) {
            file.report(FileFinding::at(path, what, "zero").help("write a time above zero"));
        }
    }
    if file.get::<Percent>("stop.replica_success_rate.below").is_some_and(|share| share.0 <= 0.0) {
        let finding = FileFinding::at("stop.replica_success_rate.below", "no rate is below 0%", "never");
        file.report(finding.help("write the share below which to give up, for example \"80%\""));
    }
}
