//! How long preflight takes over a pool with many app clients and triggers, and how many calls it makes: directly, and with 100 ms
//! more for each call, as from an office far from the Regions.
//!
//! `CLIENTS` says how many app clients the pool has more than the lab's own (45, which makes 50).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark may panic")]

#[path = "../tests/support/mod.rs"]
mod support;
#[path = "../tests/conformance/tools.rs"]
mod tools;
#[path = "../tests/support/wire.rs"]
mod wire;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs};

use serde_json::{Value, json};
use support::{Lab, gameday};
use wire::{Way, Wire};

/// What a call needs more on the slow way.
const ON_ITS_WAY: Duration = Duration::from_millis(100);
/// The aim of the slow way, in seconds.
const AIM_S: f64 = 3.0;
/// Of LambdaConfig, beside those that the healthy lab has (Cognito API reference, LambdaConfigType).
const TRIGGERS: [&str; 7] = [
    "PreSignUp",
    "PostConfirmation",
    "PreAuthentication",
    "CustomMessage",
    "DefineAuthChallenge",
    "CreateAuthChallenge",
    "VerifyAuthChallengeResponse",
];
/// The median of so many is told.
const SAMPLES: usize = 5;

/// An environment file of a lab whose pool has more app clients, and every trigger that the lab invokes or only tells of.
fn settings(folder: &Path, clients: usize) -> PathBuf {
    let mut text = "schema_version = 1\nname = \"bench\"\nkind = \"lab\"\n".to_owned();
    let mut add =
        |path: String, value: String| text.extend(["\n[[lab.estate]]\npath = \"", &path, "\"\nvalue = ", &value, "\n"]);
    for region in ["us-east-1", "us-west-2"] {
        for number in 0..clients {
            let flows = "[\"ALLOW_USER_SRP_AUTH\", \"ALLOW_REFRESH_TOKEN_AUTH\"]";
            let client = format!(
                "{{ name = \"app-{number:02}\", has_secret = false, own_secret = false, auth_flows = {flows}, token_minutes = 60, \
                 refresh_days = 30 }}"
            );
            add(format!("/cognito/pools/{region}/clients/-"), client);
        }
        for trigger in TRIGGERS {
            let function = format!("arn:aws:lambda:{region}:111122223333:function:gameday-sign-in-audit");
            add(format!("/triggers/{region}/{trigger}"), format!("{{ function = \"{function}\" }}"));
        }
    }
    let path = folder.join("bench.toml");
    fs::write(&path, text).unwrap();
    path
}

/// The lab's file with a proxy before each Region's control plane.
fn behind(lab: &Lab, folder: &Path) -> (PathBuf, Vec<Wire>) {
    let path = folder.join("behind.toml");
    let primary = wire::before(&lab.environment, &path, "primary", None);
    let replica = wire::before(&path, &path, "replica", None);
    (path, vec![primary, replica])
}

struct Sample {
    took_s: f64,
    calls: usize,
    not_checked: usize,
}

/// From the program's start to its end, so that nothing is left out.
fn sample(environment: &Path, wires: &[Wire], way: Way) -> Sample {
    for wire in wires {
        wire.rule(move |_| way);
    }
    let began = Instant::now();
    let done = gameday().args(["preflight", "--format", "json", "--env"]).arg(environment).output().unwrap();
    let took_s = began.elapsed().as_secs_f64();
    let told: Value = serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{done:?}"));
    Sample {
        took_s,
        calls: wires.iter().map(|wire| wire.seen().len()).sum(),
        not_checked: told["not_checked"].as_array().unwrap().len(),
    }
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let clients = env::var("CLIENTS").map_or(45, |clients| clients.parse().unwrap());
    let settings = settings(folder.path(), clients);
    let lab = Lab::start(folder.path(), &["--seed", "5", "--env", settings.to_str().unwrap()]);
    let (environment, wires) = behind(&lab, folder.path());
    let checks = gameday::preflight::checks::all().len();
    let mut rows = vec![json!({ "name": "checks", "value": checks, "unit": "" })];
    println!("{checks} checks\n\n{:<24}{:>10}{:>10}{:>14}", "way", "seconds", "calls", "not checked");
    for (name, way) in [("direct", Way::Open), ("100 ms for each call", Way::Late(ON_ITS_WAY))] {
        let mut samples: Vec<Sample> = Vec::new();
        for _ in 0..SAMPLES {
            samples.push(tokio::task::block_in_place(|| sample(&environment, &wires, way)));
        }
        samples.sort_by(|a, b| a.took_s.total_cmp(&b.took_s));
        let Sample { took_s, calls, not_checked } = &samples[SAMPLES / 2];
        println!("{name:<24}{took_s:>10.2}{calls:>10}{not_checked:>14}");
        rows.push(json!({ "name": format!("{name}, from start to end"), "value": took_s, "unit": "s" }));
        rows.push(json!({ "name": format!("{name}, calls"), "value": calls, "unit": "" }));
        if way != Way::Open {
            println!("\naim: under {AIM_S} s, {}", if *took_s < AIM_S { "met" } else { "missed" });
        }
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    fs::create_dir_all(&target).unwrap();
    let rows = serde_json::to_string_pretty(&json!({ "rows": rows })).unwrap() + "\n";
    fs::write(target.join("preflight.json"), rows).unwrap();
}
