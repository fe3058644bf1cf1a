//! `gameday evidence`: the archive for an auditor, and its check.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{ChecksumAlgorithm, ObjectLockMode, ObjectLockRetentionMode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand, ValueEnum};
use jiff::SignedDuration;
use serde_json::json;

use crate::cloud::CloudError;
use crate::evidence::{self, Bundle, EvidenceError, Verified};
use gameday_core::model::{Clock, RegionRole};
use gameday_core::report::words::counted;

use super::runs::put;
use super::world::{self, World};
use super::{Exit, Failure, Format, Place};

const DAY_H: i64 = 24;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct EvidenceArgs {
    #[command(subcommand)]
    command: Option<EvidenceCommand>,
    /// The folder of the run.
    #[arg(required = true)]
    run_dir: Option<PathBuf>,
    /// The archive to write, outside the run's folder; it is never written over. Without it, the folder's name with .tar.zst, in the current one.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Also put it into this S3 bucket, which must have Object Lock; needs --env.
    #[arg(long, value_name = "BUCKET", requires = "env")]
    bucket: Option<String>,
    /// What the object's key begins with.
    #[arg(long, value_name = "TEXT", default_value = "gameday/", requires = "bucket")]
    prefix: String,
    /// Lock the object for so many days; without it, for the bucket's default retention, which must be there then.
    #[arg(long, value_name = "N", requires = "bucket", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    retain_days: Option<u32>,
    /// How it is locked with --retain-days.
    #[arg(long, value_enum, default_value = "compliance", requires = "bucket")]
    mode: Mode,
    /// The environment whose credentials and Regions are used.
    #[arg(long, value_name = "FILE", requires = "bucket")]
    env: Option<PathBuf>,
    /// What goes to standard output.
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum EvidenceCommand {
    /// Check an archive: every hash, no file more or less, the journal's chain, and that the reports follow from the event log.
    #[command(after_long_help = "Examples:\n  \
        gameday evidence verify RUN.tar.zst --sha256 HEX             the one whose SHA-256 was written down?\n  \
        gameday evidence verify RUN.tar.zst                          does everything in it fit together?\n\n\
        CONSISTENT: whoever makes an archive anew, hashes and all, passes as well. GENUINE: its own SHA-256 is that of --sha256, too.\n\n\
        Exit codes: 0 nothing is wrong with it; 1 it was changed; 2 it cannot be read")]
    Verify {
        /// The archive.
        file: PathBuf,
        /// The archive's own SHA-256, as it was written down when the archive was made.
        #[arg(long, value_name = "HEX", value_parser = sha256)]
        sha256: Option<String>,
        /// What goes to standard output.
        #[arg(long, value_enum, default_value = "human")]
        format: Format,
    },
}

/// Who may shorten a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Nobody, the account's root included.
    Compliance,
    /// Whoever has `s3:BypassGovernanceRetention`.
    Governance,
}

/// Makes an archive, or checks one.
pub async fn evidence(args: EvidenceArgs) -> Result<Exit, Failure> {
    match (&args.command, &args.run_dir) {
        (Some(EvidenceCommand::Verify { file, sha256, format }), _) => check(file, sha256.as_deref(), *format),
        (None, Some(folder)) => make(&args, folder).await,
        (None, None) => Err(Failure::plain("give the folder of a run")),
    }
}

fn sha256(text: &str) -> Result<String, String> {
    let good = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if good { Ok(text.to_ascii_lowercase()) } else { Err("must have 64 hexadecimal digits".to_owned()) }
}

fn failed(error: &EvidenceError) -> Failure {
    let help = match error {
        EvidenceError::Io { source, .. } if source.kind() == ErrorKind::AlreadyExists => {
            "An archive is never written over: give a file that is not there yet with --out"
        }
        EvidenceError::Io { .. } => return Failure::plain(error.to_string()),
        EvidenceError::NoRun { .. } => "Give the folder of a run, with all files that the run left there",
        EvidenceError::NoFile { .. } => "Move it out of the folder of the run",
        EvidenceError::Inside { .. } => "Give a file outside the run's folder with --out",
        EvidenceError::NoArchive { .. } => "Give an archive that `gameday evidence` made",
    };
    Failure::with_help(error.to_string(), help)
}

async fn make(args: &EvidenceArgs, folder: &Path) -> Result<Exit, Failure> {
    // Whatever can refuse, refuses before anything is written.
    let shelf = match (&args.bucket, &args.env) {
        (Some(bucket), Some(env)) => Some(Box::pin(Shelf::find(bucket, env, args)).await?),
        _ => None,
    };
    let out = match &args.out {
        Some(out) => out.clone(),
        None => beside(folder)?,
    };
    let bundle = evidence::bundle(folder, &out).map_err(|error| failed(&error))?;
    let stored = match &shelf {
        Some(shelf) => Some(Box::pin(shelf.put(args, &out, &bundle)).await?),
        None => None,
    };
    let manifest = &bundle.manifest;
    let text = match args.format {
        Format::Json => {
            let (path, sha256) = (out.display().to_string(), &bundle.sha256);
            let value = json!({ "path": path, "bytes": bundle.bytes, "sha256": sha256, "stored": stored, "manifest": manifest });
            format!("{value:#}")
        }
        Format::Human => {
            let mut lines = vec![
                format!("{}: {} of run {}", out.display(), counted(manifest.files.len(), "file"), manifest.run_id),
                format!("{} bytes, SHA-256 {}", bundle.bytes, bundle.sha256),
            ];
            lines.extend(stored.map(|stored| format!("put to {stored}")));
            lines.push(
                "Write the SHA-256 down elsewhere: `gameday evidence verify --sha256` tells whether anything was changed."
                    .into(),
            );
            lines.join("\n")
        }
    };
    put(None, &text)?;
    Ok(Exit::Success)
}

/// Named as the folder, in the current one.
fn beside(folder: &Path) -> Result<PathBuf, Failure> {
    let real = folder.canonicalize().map_err(|error| Failure::plain(format!("{}: {error}", folder.display())))?;
    let name = real.file_name().map(|name| format!("{}.tar.zst", name.to_string_lossy()));
    name.map(PathBuf::from).ok_or_else(|| Failure::plain("give the archive's name with --out"))
}

/// A bucket with Object Lock.
struct Shelf {
    s3: Client,
    bucket: String,
    clock: Clock,
}

impl Shelf {
    async fn find(bucket: &str, env: &Path, args: &EvidenceArgs) -> Result<Self, Failure> {
        let environment = world::environment(Some(env))?;
        let world =
            Box::pin(World::open(environment, &Place { env: Some(env.to_owned()), speed: None, seed: None })).await?;
        let clock = world.clock;
        let cloud = world::allowed(&world.site).await;
        world.close().await;
        let (cloud, _) = cloud?;
        let mut last = String::new();
        // A bucket answers in its own Region.
        for role in [RegionRole::Primary, RegionRole::Replica] {
            let s3 = cloud.region(role).checked.s3.clone();
            let call = s3.get_object_lock_configuration().bucket(bucket).send().await;
            match call.map_err(CloudError::of("s3:GetBucketObjectLockConfiguration")) {
                Ok(answer) => {
                    let lock = answer.object_lock_configuration;
                    let default = lock.and_then(|lock| lock.rule).and_then(|rule| rule.default_retention);
                    if default.is_none() && args.retain_days.is_none() {
                        return Err(Failure::with_help(
                            format!("the bucket {bucket} locks nothing by itself: it has no default retention"),
                            "Say for how long with --retain-days",
                        ));
                    }
                    return Ok(Self { s3, bucket: bucket.to_owned(), clock });
                }
                Err(error) => last = error.to_string(),
            }
        }
        Err(Failure::with_help(
            format!("the bucket {bucket} in neither Region tells of its Object Lock: {last}"),
            "Evidence belongs into a bucket with Object Lock, in one of the two Regions",
        ))
    }

    async fn put(&self, args: &EvidenceArgs, file: &Path, bundle: &Bundle) -> Result<String, Failure> {
        let key = format!("{}{}.tar.zst", args.prefix, bundle.manifest.run_id);
        let unread = |error: &dyn std::fmt::Display| Failure::plain(format!("{}: {error}", file.display()));
        let body = ByteStream::from_path(file).await.map_err(|error| unread(&error))?;
        let bytes: Vec<u8> = (0..bundle.sha256.len())
            .step_by(2)
            .filter_map(|at| u8::from_str_radix(bundle.sha256.get(at..at + 2)?, 16).ok())
            .collect();
        let mut call =
            self.s3.put_object().bucket(&self.bucket).key(&key).body(body).checksum_sha256(STANDARD.encode(bytes));
        call = call.checksum_algorithm(ChecksumAlgorithm::Sha256);
        // An object that is there stays what it is.
        call = call.if_none_match("*").content_type("application/zstd");
        if let Some(days) = args.retain_days {
            let mode = match args.mode {
                Mode::Compliance => ObjectLockRetentionMode::Compliance,
                Mode::Governance => ObjectLockRetentionMode::Governance,
            };
            let until = self.clock.wall_now().checked_add(SignedDuration::from_hours(DAY_H * i64::from(days)));
            let until = until.map_err(|error| Failure::plain(error.to_string()))?;
            call = call
                .object_lock_mode(ObjectLockMode::from(mode.as_str()))
                .object_lock_retain_until_date(DateTime::from_secs(until.as_second()));
        }
        let done = call.send().await.map_err(CloudError::of("s3:PutObject"));
        let done = done.map_err(|error| {
            Failure::with_help(
                format!("{error}; the archive is at {}", file.display()),
                "Mend what is wrong, and put it there with the same command and another --out",
            )
        })?;
        let version = done.version_id.map(|id| format!(", version {id}")).unwrap_or_default();
        Ok(format!("s3://{}/{key}{version}", self.bucket))
    }
}

fn check(file: &Path, expected: Option<&str>, format: Format) -> Result<Exit, Failure> {
    let scratch = tempfile::tempdir().map_err(|error| Failure::plain(format!("a temporary folder: {error}")))?;
    let mut verified = evidence::verify(file, scratch.path()).map_err(|error| failed(&error))?;
    let consistent = verified.problems.is_empty();
    let genuine = expected.map(|expected| consistent && expected == verified.sha256);
    if let Some(expected) = expected
        && expected != verified.sha256
    {
        verified.problems.push(format!("its SHA-256 is not {expected}"));
    }
    let Verified { manifest, sha256, problems, derived, not_derived } = &verified;
    let text = match format {
        Format::Json => {
            let value = json!({
                "consistent": consistent,
                "genuine": genuine,
                "sha256": sha256,
                "problems": problems,
                "derived": derived,
                "not_derived": not_derived,
                "manifest": manifest,
            });
            format!("{value:#}")
        }
        Format::Human => human(file, &verified, genuine),
    };
    put(None, &text)?;
    Ok(if problems.is_empty() { Exit::Success } else { Exit::Missed })
}

fn human(file: &Path, verified: &Verified, genuine: Option<bool>) -> String {
    let mut lines = vec![format!("{}, SHA-256 {}", file.display(), verified.sha256)];
    if let Some(manifest) = &verified.manifest {
        lines.push(format!(
            "run {} of {}: {} in {}, GameDay {}",
            manifest.run_id, manifest.started_at, manifest.scenario, manifest.environment, manifest.tool_version
        ));
        lines.push(manifest.caller.as_ref().map_or_else(
            || "who made it in AWS is not known".to_owned(),
            |caller| format!("made by {} in account {}", caller.arn, caller.account),
        ));
        lines.push(manifest.journal.as_ref().map_or_else(
            || "no journal".to_owned(),
            |chain| {
                let end = if chain.closed { "everything was restored" } else { "NOT CLOSED" };
                format!("journal: {}, {end}, chain ends with {}", counted(chain.lines, "line"), chain.head_sha256)
            },
        ));
    }
    match &verified.not_derived {
        Some(why) => lines.push(format!("reports were not derived again: {why}")),
        None => lines.push(format!("follow from the event log byte for byte: {}", verified.derived.join(", "))),
    }
    lines.extend(verified.problems.iter().map(|problem| format!("CHANGED: {problem}")));
    if verified.problems.is_empty() {
        lines.push(match genuine {
            Some(_) => {
                "GENUINE: its SHA-256 is the one that was written down, and everything in it fits together.".to_owned()
            }
            None => {
                "CONSISTENT: everything in it fits together; compare its SHA-256 with the one that was written down."
                    .to_owned()
            }
        });
    }
    lines.join("\n")
}
