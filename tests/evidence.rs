//! `gameday evidence`: the archive of a run is always the same, tells of every change, and goes into a bucket with Object Lock.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::moto_server as moto;
use crate::support::{gameday, json, tools};
use aws_sdk_s3::types::{ObjectLockConfiguration, ObjectLockEnabled, ObjectLockMode};
use gameday::cloud::Cloud;
use serde_json::Value;

/// A run that ends before it cuts anything is a run too, and a quick one; the journal is that of the committed sample.
fn run(folder: &Path) -> PathBuf {
    let out = folder.join("run");
    let mut command = gameday();
    command.args(["run", "scenarios/full-failover.toml", "--env", "scenarios/broken/GD501-no-secondary-record.toml"]);
    let done = command.args(["--time", "virtual", "--seed", "3", "--no-progress", "--out"]).arg(&out).output().unwrap();
    assert_eq!(done.status.code(), Some(3), "{}", said(&done));
    let journal = tools::in_repository("reports/sample-full-failover/journal.ndjson");
    fs::copy(journal, out.join("journal.ndjson")).unwrap();
    out
}

/// A committed run that changed something, and put it back.
fn sample(folder: &Path) -> PathBuf {
    let out = folder.join("sample");
    fs::create_dir(&out).unwrap();
    for entry in fs::read_dir(tools::in_repository("reports/sample-full-failover")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, out.join(path.file_name().unwrap())).unwrap();
    }
    out
}

/// Without the breaks and the frame that a terminal's width asks for.
fn said(output: &Output) -> String {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    text.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn bundled(run: &Path, out: &Path) -> Output {
    gameday().arg("evidence").arg(run).arg("--out").arg(out).args(["--format", "json"]).output().unwrap()
}

fn verified(archive: &Path, more: &[&str]) -> (i32, Value) {
    let mut command = gameday();
    command.args(["evidence", "verify"]).arg(archive).args(["--format", "json"]).args(more);
    let done = command.output().unwrap();
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

/// The folder of an archive, by GNU tar.
fn unpacked(archive: &Path, folder: &Path) -> PathBuf {
    let (into, plain) = (folder.join("unpacked"), folder.join("plain.tar"));
    fs::create_dir(&into).unwrap();
    fs::write(&plain, zstd::decode_all(fs::File::open(archive).unwrap()).unwrap()).unwrap();
    assert!(Command::new("tar").arg("-xf").arg(&plain).arg("-C").arg(&into).status().unwrap().success());
    fs::read_dir(into).unwrap().next().unwrap().unwrap().path()
}

/// What is wrong with an archive of the folder after a change, which is undone.
fn problems(unpacked: &Path, change: impl FnOnce()) -> (i32, Vec<String>) {
    let names: Vec<_> = fs::read_dir(unpacked).unwrap().map(|entry| entry.unwrap().path()).collect();
    let before: Vec<_> = names.iter().map(|name| (name, fs::read(name).unwrap())).collect();
    change();
    let archive = unpacked.with_file_name("changed.tar.zst");
    forged(unpacked, &archive);
    for entry in fs::read_dir(unpacked).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    for (name, bytes) in before {
        fs::write(name, bytes).unwrap();
    }
    let (code, answer) = verified(&archive, &[]);
    // Folders are members of their own in other archives.
    let problems = answer["problems"].as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned());
    (code, problems.filter(|it| !it.ends_with("is not a file of a run")).collect())
}

fn edit(path: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.contains(from), "{}: {text}", path.display());
    fs::write(path, text.replacen(from, to, 1)).unwrap();
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
    let (code, answer) = verified(&first, &[]);
    assert_eq!((code, &answer["consistent"], &answer["genuine"]), (0, &Value::Bool(true), &Value::Null), "{answer}");
    assert_eq!(answer["sha256"], told["sha256"]);
    let derived: Vec<&str> = answer["derived"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!(derived.contains(&"report.md") && derived.contains(&"run.json"), "{answer}");

    // Software that we did not write finds the same hashes.
    let unpacked = unpacked(&first, folder.path());
    assert_eq!(unpacked.file_name().unwrap().to_str(), manifest["run_id"].as_str());
    let sums = || Command::new("sha256sum").args(["--check", "--quiet", "SHA256SUMS"]).current_dir(&unpacked).status();
    assert!(sums().unwrap().success());

    assert_eq!(problems(&unpacked, || {}).1, Vec::<String>::new());
    let at = |name: &str| unpacked.join(name);
    // A report that says something else: it does not follow from the event log.
    let (code, found) = problems(&unpacked, || edit(&at("report.md"), "REFUSED", "PASSED"));
    assert!(code == 1 && found.iter().any(|it| it.starts_with("report.md was changed")), "{found:?}");
    assert!(found.iter().any(|it| it == "report.md does not follow from the event log"), "{found:?}");
    let (_, found) = problems(&unpacked, || edit(&at("journal.ndjson"), "\"seq\":1", "\"seq\":7"));
    assert!(found.iter().any(|it| it.contains("the checksum does not match")), "{found:?}");
    let (_, found) = problems(&unpacked, || fs::remove_file(at("junit.xml")).unwrap());
    assert!(found.iter().any(|it| it == "junit.xml is missing"), "{found:?}");
    let (_, found) = problems(&unpacked, || fs::write(at("more.txt"), "x").unwrap());
    assert!(found.iter().any(|it| it == "more.txt is not in the manifest"), "{found:?}");
    let (_, found) =
        problems(&unpacked, || edit(&at("events.ndjson"), "\"schema_version\":2,", "\"schema_version\":99,"));
    assert!(found.iter().any(|it| it.starts_with("its event log cannot be evaluated")), "{found:?}");

    let changed = folder.path().join("changed.tar.zst");
    fs::write(&changed, "not an archive").unwrap();
    assert_eq!(verified(&changed, &[]).0, 2);
}

/// Its reports are those of its version, and no sign that somebody changed them.
#[test]
fn an_archive_of_an_older_version_is_consistent() {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path());
    edit(&run.join("events.ndjson"), "\"schema_version\":2,", "\"schema_version\":1,");
    edit(&run.join("run.json"), "\"schema_version\": 2,", "\"schema_version\": 1,");
    let archive = folder.path().join("old.tar.zst");
    let done = bundled(&run, &archive);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    let (code, answer) = verified(&archive, &[]);
    assert_eq!((code, &answer["consistent"]), (0, &Value::Bool(true)), "{answer}");
    assert_eq!(answer["derived"], serde_json::json!([]));
    let why = "their event log is of version 1, but this GameDay writes version 2";
    assert_eq!(answer["not_derived"], why, "{answer}");
}

#[test]
fn a_manifest_says_nothing_but_what_the_archive_is() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("a.tar.zst");
    bundled(&run(folder.path()), &archive);
    let unpacked = unpacked(&archive, folder.path());
    let manifest = unpacked.join("manifest.json");
    let (_, found) = problems(&unpacked, || edit(&manifest, "111122223333", "444455556666"));
    assert!(found.iter().any(|it| it == "manifest.json does not follow from the files"), "{found:?}");
    let (code, found) = problems(&unpacked, || edit(&manifest, "{\n", "{\n  \"approved_by\": \"everybody\",\n"));
    assert_eq!((code, &found[..]), (1, &["manifest.json does not have the form that GameDay writes".to_owned()][..]));
    // Whoever opens it never comes to an end.
    let (_, found) = problems(&unpacked, || edit(&manifest, "\"junit.xml\"", "\"/dev/zero\""));
    assert!(found.iter().any(|it| it == "/dev/zero is missing"), "{found:?}");
    let another = unpacked.with_file_name("another-run");
    fs::rename(&unpacked, &another).unwrap();
    let (_, found) = problems(&another, || {});
    assert!(found.len() == 1 && found[0].starts_with("its folder is another-run"), "{found:?}");
}

#[test]
fn nothing_may_follow_an_archive() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("a.tar.zst");
    bundled(&run(folder.path()), &archive);
    let whole = fs::read(&archive).unwrap();
    let plain = zstd::decode_all(&whole[..]).unwrap();
    let problems = |bytes: Vec<u8>| {
        fs::write(&archive, bytes).unwrap();
        verified(&archive, &[]).1["problems"].clone()
    };
    let packed = |more: &[u8]| zstd::encode_all(&[&plain[..], more].concat()[..], 1).unwrap();
    assert_eq!(problems(packed(&[0; 1024])), serde_json::json!([]), "other tools fill up a tar with zeros");
    let frame = zstd::encode_all(&b"more"[..], 1).unwrap();
    // RFC 8878, 3.1.2: a frame that decoders skip, of four bytes.
    let skipped = [&0x184D_2A50_u32.to_le_bytes()[..], &4_u32.to_le_bytes()[..], &b"more"[..]].concat();
    for bytes in [packed(b"more"), [&whole[..], &frame[..]].concat(), [&whole[..], &skipped[..]].concat()] {
        assert_eq!(problems(bytes), serde_json::json!(["there are bytes after its end"]));
    }
}

#[test]
fn an_archive_is_genuine_by_the_hash_that_was_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("a.tar.zst");
    let done = bundled(&run(folder.path()), &archive);
    let told: Value = serde_json::from_slice(&done.stdout).unwrap();
    let (code, answer) = verified(&archive, &["--sha256", &told["sha256"].as_str().unwrap().to_uppercase()]);
    assert_eq!((code, &answer["genuine"]), (0, &Value::Bool(true)), "{answer}");
    let other = "0".repeat(64);
    let (code, answer) = verified(&archive, &["--sha256", &other]);
    assert_eq!((code, &answer["consistent"], &answer["genuine"]), (1, &true.into(), &false.into()), "{answer}");
    assert_eq!(answer["problems"], serde_json::json!([format!("its SHA-256 is not {other}")]));
    assert_eq!(verified(&archive, &["--sha256", "abc"]).0, 2);
    let text = |more: &[&str]| said(&gameday().args(["evidence", "verify"]).arg(&archive).args(more).output().unwrap());
    assert!(text(&[]).contains("CONSISTENT: ") && !text(&[]).contains("GENUINE"), "{}", text(&[]));
    assert!(text(&["--sha256", told["sha256"].as_str().unwrap()]).contains("GENUINE: "));
}

#[test]
fn a_journal_that_was_deleted_is_missed() {
    let folder = tempfile::tempdir().unwrap();
    let (run, archive) = (sample(folder.path()), folder.path().join("a.tar.zst"));
    let done = bundled(&run, &archive);
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    let unpacked = unpacked(&archive, folder.path());
    // The manifest and the sums made to fit.
    let (_, found) = problems(&unpacked, || {
        fs::remove_file(unpacked.join("journal.ndjson")).unwrap();
        let mut manifest = json(&unpacked.join("manifest.json"));
        manifest["journal"] = Value::Null;
        manifest["files"].as_array_mut().unwrap().retain(|file| file["name"] != "journal.ndjson");
        fs::write(unpacked.join("manifest.json"), format!("{manifest:#}\n")).unwrap();
        let sums = fs::read_to_string(unpacked.join("SHA256SUMS")).unwrap();
        let sums = sums.lines().filter(|line| !line.ends_with("journal.ndjson"));
        fs::write(unpacked.join("SHA256SUMS"), sums.collect::<Vec<_>>().join("\n") + "\n").unwrap();
    });
    assert!(found.iter().any(|it| it.ends_with("changes, but journal.ndjson is missing or empty")), "{found:?}");

    fs::remove_file(run.join("journal.ndjson")).unwrap();
    let refused = bundled(&run, &folder.path().join("b.tar.zst"));
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("journal.ndjson is missing or empty"), "{}", said(&refused));
}

#[test]
fn a_folder_that_an_archive_cannot_hold_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let run = sample(folder.path());
    let out = folder.path().join("a.tar.zst");
    let refused = |out: &Path| {
        let done = bundled(&run, out);
        assert_eq!(done.status.code(), Some(2), "{}", said(&done));
        assert!(!out.exists());
        said(&done)
    };
    let inside = refused(&run.join("a.tar.zst"));
    assert!(inside.contains("outside the folder of the run with --out"), "{inside}");
    let link = run.join("link");
    symlink("/etc/passwd", &link).unwrap();
    assert!(refused(&out).contains("it is not a regular file"));
    fs::remove_file(link).unwrap();
    fs::create_dir(run.join("more")).unwrap();
    assert!(refused(&out).contains("it is not a regular file"));
    fs::remove_dir(run.join("more")).unwrap();
    let name = run.join(OsStr::from_bytes(b"\xff.txt"));
    fs::write(&name, "x").unwrap();
    assert!(refused(&out).contains("its name is not"));
    fs::remove_file(name).unwrap();
    assert_eq!(bundled(&run, &out).status.code(), Some(0), "nothing else was wrong");
    let nothing = folder.path().join("nothing");
    fs::create_dir(&nothing).unwrap();
    let done = bundled(&nothing, &folder.path().join("b.tar.zst"));
    assert_eq!(done.status.code(), Some(2), "{}", said(&done));
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
    let (code, answer) = verified(&archive, &[]);
    let problems = answer["problems"].to_string();
    assert_eq!(code, 1, "{answer}");
    assert_eq!(problems.matches("is not a file of a run").count(), 3, "{problems}");
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

/// What a small file unpacks to is not taken into memory: a name of a gigabyte, as a tar may have it, or a line of a log.
#[test]
fn what_a_small_file_unpacks_to_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let write = |path: &Path, head: &[u8], length: u64| {
        let mut encoder = zstd::Encoder::new(std::fs::File::create(path).unwrap(), 1).unwrap();
        encoder.write_all(head).unwrap();
        std::io::copy(&mut std::io::repeat(b'x').take(length), &mut encoder).unwrap();
        encoder.finish().unwrap();
    };
    let within_memory = |arguments: &[&std::ffi::OsStr]| {
        let mut command = std::process::Command::new("prlimit");
        command.arg("--as=1073741824").arg(env!("CARGO_BIN_EXE_gameday")).args(arguments).output().unwrap()
    };
    let (length, mut header) = (1_200 << 20, tar::Header::new_gnu());
    header.set_path("././@LongLink").unwrap();
    header.set_size(length);
    header.set_entry_type(tar::EntryType::GNULongName);
    header.set_cksum();
    write(&at("bomb.tar.zst"), header.as_bytes(), length);
    let done = within_memory(&["evidence".as_ref(), "verify".as_ref(), at("bomb.tar.zst").as_ref()]);
    assert!(matches!(done.status.code(), Some(1 | 2)), "{done:?}");
    write(&at("events.ndjson.zst"), b"{\"", length);
    let done = within_memory(&["report".as_ref(), folder.path().as_ref()]);
    assert_eq!(done.status.code(), Some(2), "{done:?}");
    assert!(said(&done).contains("longer than 16 MiB"), "{}", said(&done));
}
