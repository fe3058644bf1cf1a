//! How long it takes to cut off 1, 20 and 200 subnets and to put them back, beside aws-az-failure-chaostoolkit, on the same
//! moto server and through the same proxy, which counts calls: directly, and with 100 ms more for each request.
//!
//! `SUBNETS` says how many subnets (`1,20,200`), `PYTHON` which Python has the packages of `benches/requirements.txt`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark may panic")]

#[path = "../tests/support/moto.rs"]
mod moto;
#[path = "../tests/support/wire.rs"]
mod wire;

use std::fmt::Write;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs};

use aws_sdk_ec2::types::Tag;
use gameday::cloud::{Access, Cloud};
use gameday::faults::{Executor, Journal, Part, Scope, State, Vpc, plan};
use gameday_core::env::Site;
use gameday_core::model::{Clock, RunId};
use gameday_core::scenario::FaultSpec;
use moto::Moto;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use wire::{Seen, Way, Wire};

const ZONE: &str = "us-east-1a";
/// What a request needs more on the slow way.
const ON_ITS_WAY: Duration = Duration::from_millis(100);

/// One injection and its restore.
#[derive(Debug, Clone, Copy, Default)]
struct Sample {
    inject_s: f64,
    /// From the first call that cuts to the last answer of one.
    cut_s: f64,
    restore_s: f64,
    /// From the first call that heals to the last answer of one.
    heal_s: f64,
    inject_calls: usize,
    restore_calls: usize,
}

/// What both are measured on.
struct Ground {
    wire: Wire,
    cloud: Cloud,
    site: Site,
    vpc: String,
    subnets: Vec<String>,
    folder: PathBuf,
    python: PathBuf,
}

/// The span and the number of calls of one direction. Both are asked of the proxy, which sees everybody alike.
fn span(seen: &[Seen], hurts: impl Fn(&str) -> bool) -> f64 {
    let calls = || seen.iter().filter(|seen| hurts(&seen.call.form));
    let (from, to) = (calls().map(|seen| seen.from).min(), calls().filter_map(|seen| seen.to).max());
    from.zip(to).map_or(f64::NAN, |(from, to)| to.duration_since(from).as_secs_f64())
}

fn is(form: &str, action: &str) -> bool {
    form.split('&').any(|pair| pair.strip_prefix("Action=") == Some(action))
}

impl Ground {
    async fn new(moto: &Moto, count: usize, folder: &Path, python: &Path) -> Self {
        let wire = Wire::start(moto.address());
        let cloud = Cloud::connect(&moto::site(folder, &moto.url(), &[])).await.unwrap();
        let (vpc, subnets) = moto::subnets(&cloud.primary.ec2, count).await;
        let tag = Tag::builder().key("AZ_FAILURE").value("True").build();
        cloud.primary.ec2.create_tags().set_resources(Some(subnets.clone())).tags(tag).send().await.unwrap();
        let site = moto::site(folder, &wire.url(), &subnets);
        Self { wire, cloud, site, vpc, subnets, folder: folder.to_owned(), python: python.to_owned() }
    }

    fn way(&self, way: Way) {
        self.wire.rule(move |_| way);
    }

    /// Past the proxy, so that looking is neither counted nor slowed down.
    async fn state(&self) -> State {
        let scope = Scope::of(Part::NetworkAcls, &self.cloud.primary.region, &self.vpc);
        State::describe(&self.cloud, &scope).await.unwrap()
    }

    /// Every subnet's lowest rules deny.
    async fn is_cut(&self) {
        let live = Vpc::describe(&self.cloud.primary, &self.vpc).await.unwrap();
        for subnet in &self.subnets {
            let acl = live.acl(&live.association(subnet).unwrap().acl).unwrap();
            for egress in [false, true] {
                let first = acl.rules.iter().filter(|rule| rule.egress == egress).min_by_key(|rule| rule.number);
                assert!(first.is_some_and(|rule| !rule.allow), "{subnet} is not cut off");
            }
        }
    }

    async fn ours(&self, way: Way, number: usize) -> Sample {
        let before = self.state().await;
        let cloud = Cloud::connect(&self.site).await.unwrap();
        // With its first call a client reads the system's certificates.
        Vpc::describe(&cloud.primary, &self.vpc).await.unwrap();
        let (run, clock) = (RunId(format!("gd-bench-{number}")), Clock::start(1.0));
        let path = self.folder.join(format!("journal-{number}.ndjson"));
        let stop = CancellationToken::new();
        self.way(way);

        let began = Instant::now();
        let plan = plan(&[FaultSpec::default()], &self.site, &cloud, &run).await.unwrap();
        let journal = Arc::new(Journal::create(&path, run, Access::of(&self.site), clock.now()).unwrap());
        let executor = Executor::new(Arc::clone(&journal), [cloud.primary.clone()], clock, Arc::new(|_| {}));
        for actions in [plan.prepare(), plan.cut_at(Duration::ZERO)] {
            executor.make(&actions, &stop).await.unwrap();
            executor.confirm(&actions).await.unwrap();
        }
        let inject_s = began.elapsed().as_secs_f64();
        let seen = self.wire.seen();
        // The clone's copied rules have other numbers.
        let denies = |form: &str| is(form, "CreateNetworkAclEntry") && form.contains("RuleAction=deny");
        let (cut_s, inject_calls) = (span(&seen, denies), seen.len());
        self.is_cut().await;

        self.way(way);
        let began = Instant::now();
        let restored = executor.restore(&stop).await;
        journal.close().unwrap();
        let restore_s = began.elapsed().as_secs_f64();
        assert_eq!(restored.left, Vec::<String>::new());
        let seen = self.wire.seen();
        let heal_s = span(&seen, |form| is(form, "DeleteNetworkAclEntry"));
        assert_eq!(before.differences(&self.state().await), Vec::<String>::new(), "ours left something");
        Sample { inject_s, cut_s, restore_s, heal_s, inject_calls, restore_calls: seen.len() }
    }

    async fn peers(&self, way: Way, number: usize) -> Sample {
        let before = self.state().await;
        let mut process = Command::new(&self.python)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/az_failure.py"))
            .args([ZONE, &self.vpc])
            .arg(self.folder.join(format!("peer-{number}.json")))
            .env("AWS_ENDPOINT_URL", self.wire.url())
            .envs([("AWS_ACCESS_KEY_ID", "testing"), ("AWS_SECRET_ACCESS_KEY", "testing")])
            .envs([
                ("AWS_REGION", "us-east-1"),
                ("AWS_CONFIG_FILE", "/dev/null"),
                ("AWS_EC2_METADATA_DISABLED", "true"),
            ])
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(fs::File::create(self.folder.join("peer.err")).unwrap())
            .spawn()
            .unwrap();
        self.way(way);
        let (mut stdin, mut stdout) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        let mut seconds = || {
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            let told = || fs::read_to_string(self.folder.join("peer.err")).unwrap_or_default();
            line.trim().parse::<f64>().unwrap_or_else(|_| panic!("the peer failed: {}", told()))
        };
        let moves = |form: &str| is(form, "ReplaceNetworkAclAssociation");
        let inject_s = tokio::task::block_in_place(&mut seconds);
        let seen = self.wire.seen();
        let (cut_s, inject_calls) = (span(&seen, moves), seen.len());
        self.is_cut().await;

        self.way(way);
        stdin.write_all(b"\n").unwrap();
        let restore_s = tokio::task::block_in_place(&mut seconds);
        assert!(process.wait().unwrap().success());
        let seen = self.wire.seen();
        let heal_s = span(&seen, moves);
        assert_eq!(before.differences(&self.state().await), Vec::<String>::new(), "the peer left something");
        Sample { inject_s, cut_s, restore_s, heal_s, inject_calls, restore_calls: seen.len() }
    }
}

/// The medians of what one of the two needed.
fn median(samples: &[Sample]) -> Sample {
    let middle = |value: fn(&Sample) -> f64| {
        let mut values: Vec<f64> = samples.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Sample {
        inject_s: middle(|sample| sample.inject_s),
        cut_s: middle(|sample| sample.cut_s),
        restore_s: middle(|sample| sample.restore_s),
        heal_s: middle(|sample| sample.heal_s),
        inject_calls: middle(|sample| sample.inject_calls as f64) as usize,
        restore_calls: middle(|sample| sample.restore_calls as f64) as usize,
    }
}

/// A line of the table.
struct Line {
    subnets: usize,
    way: &'static str,
    ours: Sample,
    peers: Sample,
}

#[tokio::main]
async fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = root.join("target/bench");
    fs::create_dir_all(&target).unwrap();
    let python = env::var_os("PYTHON").map_or_else(|| target.join("venv/bin/python"), PathBuf::from);
    let counts = env::var("SUBNETS").unwrap_or_else(|_| "1,20,200".to_owned());
    let mut lines = Vec::new();
    for count in counts.split(',').map(|count| count.trim().parse::<usize>().unwrap()) {
        let folder = tempfile::tempdir().unwrap();
        let moto = Moto::start(&python.with_file_name("moto_server"), folder.path());
        let ground = Box::pin(Ground::new(&moto, count, folder.path(), &python)).await;
        let runs = if count < 100 { 5 } else { 3 };
        for (way, name) in [(Way::Open, "direct"), (Way::Late(ON_ITS_WAY), "100 ms")] {
            let (mut ours, mut peers) = (Vec::new(), Vec::new());
            for number in 0..runs {
                // In turns, so that both meet the same machine.
                ours.push(ground.ours(way, lines.len() * 100 + number).await);
                peers.push(ground.peers(way, lines.len() * 100 + number).await);
            }
            eprintln!("{count} subnets, {name}:\n  ours {ours:?}\n  peer {peers:?}");
            lines.push(Line { subnets: count, way: name, ours: median(&ours), peers: median(&peers) });
        }
    }
    println!("{}", table(&lines));
    let rows = serde_json::to_string_pretty(&rows(&lines)).unwrap() + "\n";
    fs::write(target.join("inject.json"), rows).unwrap();
}

fn table(lines: &[Line]) -> String {
    let mut text = "| subnets | way | | inject | of it cut | calls | restore | of it heal | calls |\n".to_owned();
    text += "|---:|---|---|---:|---:|---:|---:|---:|---:|\n";
    for line in lines {
        let (subnets, way, ours, peers) = (line.subnets, line.way, line.ours, line.peers);
        for (who, of) in [("GameDay", ours), ("peer", peers)] {
            let Sample { inject_s, cut_s, restore_s, heal_s, inject_calls, restore_calls } = of;
            let _ = writeln!(
                text,
                "| {subnets} | {way} | {who} | {inject_s:.3} s | {cut_s:.3} s | {inject_calls} | {restore_s:.3} s | {heal_s:.3} s | {restore_calls} |"
            );
        }
        let _ = writeln!(
            text,
            "| {subnets} | {way} | **peer : GameDay** | {:.2} | {:.2} | | {:.2} | {:.2} | |",
            peers.inject_s / ours.inject_s,
            peers.cut_s / ours.cut_s,
            peers.restore_s / ours.restore_s,
            peers.heal_s / ours.heal_s
        );
    }
    text
}

fn rows(lines: &[Line]) -> Value {
    let mut rows = Vec::new();
    for line in lines {
        let name = |what: &str| format!("{} subnets {} {what}", line.subnets, line.way);
        for (who, of) in [("gameday", line.ours), ("peer", line.peers)] {
            let times = [("inject", of.inject_s), ("cut", of.cut_s), ("restore", of.restore_s), ("heal", of.heal_s)];
            for (what, value) in times {
                rows.push(json!({"name": name(&format!("{who} {what}")), "value": value, "unit": "s"}));
            }
            for (what, value) in [("inject calls", of.inject_calls), ("restore calls", of.restore_calls)] {
                rows.push(json!({"name": name(&format!("{who} {what}")), "value": value, "unit": "calls"}));
            }
        }
        let (ours, peers) = (line.ours, line.peers);
        for (what, ours, peers) in
            [("inject", ours.inject_s, peers.inject_s), ("restore", ours.restore_s, peers.restore_s)]
        {
            rows.push(json!({"name": name(&format!("{what} peer:gameday")), "value": peers / ours, "unit": "ratio"}));
            rows.push(json!({"name": name(&format!("{what} gameday:peer")), "value": ours / peers, "unit": "ratio"}));
        }
    }
    json!({ "rows": rows })
}
