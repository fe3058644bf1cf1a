//! An observer that others could have written, beside a run at real speed: what it saw, and when, is what the report says.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::{Command, Stdio};

use jiff::Timestamp;
use serde::Deserialize;

use crate::support::{Lab, SHORT_TTL, bounds, gameday, json, lab_with, short_scenario};
use crate::tools::{self, python_tool};

#[derive(Deserialize)]
struct Watched {
    resolver: String,
    authoritative: Vec<String>,
    looks: BTreeMap<String, Vec<Look>>,
}

/// When a look began and ended, in seconds since the epoch, and what it saw.
#[derive(Deserialize)]
struct Look(f64, f64, serde_json::Value);

/// From the last look that saw the old state, before the first that saw the new one, to the end of that one: within a span of time.
fn change(looks: &[&Look], (from, to): (f64, f64), new: impl Fn(&serde_json::Value) -> bool) -> Option<(f64, f64)> {
    let within = || looks.iter().filter(|look| look.0 >= from && look.0 <= to);
    let first = within().filter(|look| new(&look.2)).map(|look| look.1).reduce(f64::min)?;
    let last = within().filter(|look| !new(&look.2) && look.0 < first).map(|look| look.0).reduce(f64::max)?;
    Some((last, first))
}

#[test]
fn an_independent_observer_sees_what_the_report_says() {
    let folder = tempfile::tempdir().unwrap();
    let settings = lab_with(folder.path(), SHORT_TTL);
    let lab = Lab::start(folder.path(), &["--speed", "1", "--seed", "5", "--env", settings.to_str().unwrap()]);
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/observer.py");
    let mut watching = Command::new(python_tool("python"));
    let watching = watching.arg(script).arg(&lab.environment).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut watching = tools::Running(watching.unwrap());
    let out = folder.path().join("run");
    let mut run = gameday();
    run.arg("run").arg(short_scenario(folder.path())).args(["--seed", "5", "--env"]).arg(&lab.environment);
    let done = run.arg("--out").arg(&out).arg("--no-progress").stdin(Stdio::null()).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    drop(watching.0.stdin.take());
    let mut told = String::new();
    watching.0.stdout.take().unwrap().read_to_string(&mut told).unwrap();
    let watched: Watched = serde_json::from_str(&told).unwrap();

    let report = json(&out.join("run.json"));
    let zero: Timestamp = report["zero_at"].as_str().unwrap().parse().unwrap();
    let zero = zero.as_nanosecond() as f64 / 1e9;
    let heal = zero + bounds(&report, "fault_reverted").unwrap().0;
    let (outage, after) = ((zero - 1.0, heal - 0.01), (heal - 1.0, f64::MAX));
    let of = |kind: &str| -> Vec<Vec<&Look>> {
        let named = watched.looks.iter().filter(|(name, _)| name.starts_with(kind));
        named.map(|(_, looks)| looks.iter().collect()).collect()
    };
    let is = |role: &'static str| move |saw: &serde_json::Value| saw == role;
    let every = |changes: Vec<Option<(f64, f64)>>, what: &str| {
        assert!(!changes.is_empty(), "{what}");
        let seen = |part: Option<(f64, f64)>| part.unwrap_or_else(|| panic!("{what} was not seen"));
        changes.into_iter().map(seen).reduce(|a, b| (a.0.max(b.0), a.1.max(b.1))).unwrap()
    };
    let sign_ins: Vec<&Look> = of("sign-in").into_iter().flatten().collect();
    let authoritative = || watched.authoritative.iter().flat_map(|server| of(&format!("dns {server}")));
    let seen = [
        // A connection that never opens was begun when packets already vanished.
        (
            "fault_effective",
            every(
                of("tcp")
                    .into_iter()
                    .map(|looks| {
                        change(&looks, outage, |saw| saw == false).map(|(last, _)| {
                            let began = looks.iter().filter(|look| look.0 > last && look.2 == false).map(|look| look.0);
                            (last, began.reduce(f64::min).unwrap())
                        })
                    })
                    .collect(),
                "the blackhole",
            ),
        ),
        (
            "dns_flip_authoritative",
            every(authoritative().map(|looks| change(&looks, outage, is("replica"))).collect(), "the flip"),
        ),
        (
            "dns_flip_resolver",
            every(
                of(&format!("dns {}", watched.resolver))
                    .into_iter()
                    .map(|looks| change(&looks, outage, is("replica")))
                    .collect(),
                "the resolver's flip",
            ),
        ),
        ("first_replica_login", every(vec![change(&sign_ins, outage, is("replica"))], "a sign-in at the replica")),
        (
            "fault_reverted",
            every(of("tcp").into_iter().map(|looks| change(&looks, after, |saw| saw == true)).collect(), "the heal"),
        ),
        (
            "dns_failback_authoritative",
            every(authoritative().map(|looks| change(&looks, after, is("primary"))).collect(), "the way back"),
        ),
        (
            "first_primary_login_after_failback",
            every(vec![change(&sign_ins, after, is("primary"))], "a sign-in at the primary"),
        ),
    ];
    for (milestone, (last, first)) in seen {
        let (lower, upper) = bounds(&report, milestone).unwrap_or_else(|| panic!("{milestone} was not reached"));
        let (last, first) = (last - zero, first - zero);
        println!("{milestone}: {last:.3} s to {first:.3} s, by the report {lower:.3} s to {upper:.3} s");
        assert!(
            last <= upper && lower <= first,
            "{milestone}: {last} to {first} s, and the report says {lower} to {upper} s"
        );
    }
}
