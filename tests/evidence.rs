//! `gameday evidence`: the archive of a run is always the same, tells of every change, and goes into a bucket with Object Lock.

#![allow(clippy::large_futures, clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod support;

#[path = "support/moto.rs"]
mod moto;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use aws_sdk_s3::types::{ObjectLockConfiguration, ObjectLockEnabled, ObjectLockMode};
use gameday::cloud::Cloud;
use serde_json::Value;
use support::{gameday, json, tools};

/// A run that ends before it cuts anything is a run too, and a quick one; the journal is that of the committed sample.
fn run(folder: &Path) -> PathBuf {
    let out = folder.join("run");
    let mut command = gameday();
    command.args(["run", "scenarios/full-failover.toml", "--env", "scenarios/broken/GD501-no-secondary-record.toml"]);
    let done = command.args(["--speed", "10", "--seed", "3", "--no-progress", "--out"]).arg(&out).output().unwrap();
    assert_eq!(done.status.code(), Some(3), "{}", said(&done));
    let journal = tools::in_repository("reports/sample-full-failover/journal.ndjson");
    fs::copy(journal, out.join("journal.ndjson")).unwrap();
    out
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn bundled(run: &Path, out: &Path) -> Output {
    gameday().arg("evidence").arg(run).arg("--out").arg(out).args(["--format", "json"]).output().unwrap()
}

fn verified(archive: &Path) -> (i32, Value) {
    let done = gameday().args(["evidence", "verify"]).arg(archive).args(["--format", "json"]).output().unwrap();
    (done.status.code().unwrap(), serde_json::from_slice(&done.stdout).unwrap_or_default())
}

/// An archive of what a folder holds now, by GNU tar.
fn forged(folder: &Path, archive: &Path) {
    let tar = archive.with_extension("plain.tar");
    let parent = folder.parent().unwrap();
    let mut make = Command::new("tar");
    make.arg("--create").arg("--file").arg(&tar).arg("--directory").arg(parent);
    assert!(make.arg(folder.file_name().unwrap()).status().unwrap().success());
    let bytes = zstd::encode_all(fs::File::open(tar).unwrap(), 1).unwrap();
    fs::write(archive, bytes).unwrap();
}

#[test]
fn an_archive_is_always_the_same_and_tells_of_every_change() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path());
    let (first, second) = (folder.path().join("a.tar.zst"), folder.path().join("b.tar.zst"));
    let done = bundled(&run, &first);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    let told: Value = serde_json::from_slice(&done.stdout).unwrap();
    bundled(&run, &second);
    assert_eq!(fs::read(&first).unwrap(), fs::read(&second).unwrap());
    assert_eq!(bundled(&run, &first).status.code(), Some(2), "nothing is written over");
    let manifest = &told["manifest"];
    assert_eq!(manifest["run_id"], json(&run.join("run.json"))["run_id"]);
    assert_eq!(manifest["caller"]["account"], "111122223333");
    assert_eq!(manifest["journal"]["closed"], true);
    let (code, answer) = verified(&first);
    assert_eq!((code, &answer["genuine"], &answer["sha256"]), (0, &Value::Bool(true), &told["sha256"]), "{answer}");
    let derived: Vec<&str> = answer["derived"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!(derived.contains(&"report.md") && derived.contains(&"run.json"), "{answer}");

    // Software that we did not write finds the same hashes.
    let plain = folder.path().join("plain.tar");
    fs::write(&plain, zstd::decode_all(fs::File::open(&first).unwrap()).unwrap()).unwrap();
    assert!(Command::new("tar").arg("-xf").arg(&plain).arg("-C").arg(folder.path()).status().unwrap().success());
    let unpacked = folder.path().join(manifest["run_id"].as_str().unwrap());
    let sums = || Command::new("sha256sum").args(["--check", "--quiet", "SHA256SUMS"]).current_dir(&unpacked).status();
    assert!(sums().unwrap().success());

    let changed = folder.path().join("changed.tar.zst");
    let problems = |change: &dyn Fn()| {
        let names: Vec<_> = fs::read_dir(&unpacked).unwrap().map(|entry| entry.unwrap().path()).collect();
        let before: Vec<_> = names.iter().map(|name| (name, fs::read(name).unwrap())).collect();
        change();
        forged(&unpacked, &changed);
        for entry in fs::read_dir(&unpacked).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        for (name, bytes) in before {
            fs::write(name, bytes).unwrap();
        }
        let (code, answer) = verified(&changed);
        // Folders are members of their own in other archives.
        let problems = answer["problems"].as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned());
        (code, problems.filter(|it| !it.ends_with("is no file of a run")).collect::<Vec<_>>())
    };
    assert_eq!(problems(&|| {}).1, Vec::<String>::new());
    let at = |name: &str| unpacked.join(name);
    let edit = |name: &str, from: &str, to: &str| {
        let text = fs::read_to_string(at(name)).unwrap();
        assert!(text.contains(from), "{name}: {text}");
        fs::write(at(name), text.replacen(from, to, 1)).unwrap();
    };
    // A report that says something else, with its hashes made to fit: it does not follow from the event log.
    let (code, found) = problems(&|| edit("report.md", "REFUSED", "PASSED"));
    assert!(code == 1 && found.iter().any(|it| it.starts_with("report.md was changed")), "{found:?}");
    assert!(found.iter().any(|it| it == "report.md does not follow from the event log"), "{found:?}");
    let (_, found) = problems(&|| edit("journal.ndjson", "\"seq\":1", "\"seq\":7"));
    assert!(found.iter().any(|it| it.contains("the checksum does not match")), "{found:?}");
    let (_, found) = problems(&|| fs::remove_file(at("junit.xml")).unwrap());
    assert!(found.iter().any(|it| it == "junit.xml is missing"), "{found:?}");
    let (_, found) = problems(&|| fs::write(at("more.txt"), "x").unwrap());
    assert!(found.iter().any(|it| it == "more.txt is not in the manifest"), "{found:?}");
    let (_, found) = problems(&|| edit("manifest.json", "111122223333", "444455556666"));
    assert!(found.iter().any(|it| it == "manifest.json does not follow from the files"), "{found:?}");

    fs::write(&changed, "no archive").unwrap();
    assert_eq!(verified(&changed).0, 2);
    let nothing = bundled(folder.path(), &folder.path().join("nothing.tar.zst"));
    assert_eq!(nothing.status.code(), Some(2), "{}", said(&nothing));
    assert!(!folder.path().join("nothing.tar.zst").exists());
}

/// A member whose name leads out of the folder is never written.
#[test]
fn an_archive_that_leads_elsewhere_writes_nothing_there() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("evil.tar.zst");
    let mut tar = tar::Builder::new(Vec::new());
    for name in ["../../escaped", "run/../../escaped", "/tmp/gameday-escaped"] {
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(1);
        header.set_cksum();
        tar.append(&header, &b"x"[..]).unwrap();
    }
    fs::write(&archive, zstd::encode_all(&tar.into_inner().unwrap()[..], 1).unwrap()).unwrap();
    let (code, answer) = verified(&archive);
    let problems = answer["problems"].to_string();
    assert_eq!(code, 1, "{answer}");
    assert_eq!(problems.matches("is no file of a run").count(), 3, "{problems}");
    assert!(!Path::new("/tmp/gameday-escaped").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_is_locked_in_a_bucket_and_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path());
    let server = moto::Moto::start(&tools::python_tool("moto_server"), folder.path());
    let environment = moto::environment_file(folder.path(), &server.url());
    let site = moto::site(folder.path(), &server.url(), &[]);
    let s3 = Cloud::connect(&site).await.unwrap().primary.checked.s3;
    s3.create_bucket().bucket("plain").send().await.unwrap();
    s3.create_bucket().bucket("locked").object_lock_enabled_for_bucket(true).send().await.unwrap();
    let lock = ObjectLockConfiguration::builder().object_lock_enabled(ObjectLockEnabled::Enabled).build();
    s3.put_object_lock_configuration().bucket("locked").object_lock_configuration(lock).send().await.unwrap();
    let put = |bucket: &str, out: &str, more: &[&str]| {
        let mut command = gameday();
        command.arg("evidence").arg(&run).arg("--env").arg(&environment).args(["--bucket", bucket]).args(more);
        command.arg("--out").arg(folder.path().join(out)).output().unwrap()
    };
    let refused = put("plain", "plain.tar.zst", &["--retain-days", "30"]);
    assert_eq!(refused.status.code(), Some(2), "{}", said(&refused));
    assert!(!folder.path().join("plain.tar.zst").exists(), "refused before anything is written");
    let refused = put("locked", "open.tar.zst", &[]);
    assert!(said(&refused).contains("has no default retention"), "{}", said(&refused));
    let done = put("locked", "locked.tar.zst", &["--retain-days", "30"]);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    let id = json(&run.join("run.json"))["run_id"].as_str().unwrap().to_owned();
    let key = format!("gameday/{id}.tar.zst");
    let object = s3.get_object().bucket("locked").key(&key).send().await.unwrap();
    assert_eq!(object.object_lock_mode(), Some(&ObjectLockMode::Compliance));
    let days = (object.object_lock_retain_until_date().unwrap().secs() - jiff::Timestamp::now().as_second()) / 86_400;
    assert!((29..=30).contains(&days), "{days} days");
    let bytes = object.body.collect().await.unwrap().into_bytes();
    assert_eq!(bytes, fs::read(folder.path().join("locked.tar.zst")).unwrap());
}
