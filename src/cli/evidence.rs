//! `gameday evidence`: the archive for an auditor, and its verification.

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
use super::{Exit, Failure, Format, Place, help};

const DAY_H: i64 = 24;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct EvidenceArgs {
    #[command(subcommand)]
    command: Option<EvidenceCommand>,
    /// The folder of the run
    #[arg(required = true)]
    run_dir: Option<PathBuf>,
    /// The archive to write, outside the folder of the run; an existing file is never overwritten [default: NAME-OF-THE-FOLDER.tar.zst]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Also upload it to this S3 bucket, which must have Object Lock; needs --env
    #[arg(long, value_name = "BUCKET", requires = "env")]
    bucket: Option<String>,
    /// The prefix of the object key
    #[arg(long, value_name = "TEXT", default_value = "gameday/", requires = "bucket")]
    prefix: String,
    /// Lock the object for N days; without it, the default retention of the bucket applies, which must be set
    #[arg(long, value_name = "N", requires = "bucket", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    retain_days: Option<u32>,
    /// The Object Lock mode for --retain-days
    #[arg(long, value_enum, default_value = "compliance", requires = "bucket")]
    mode: Mode,
    /// The environment file with the credentials and Regions to use
    #[arg(long, value_name = "FILE", requires = "bucket")]
    env: Option<PathBuf>,
    /// The output format
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum EvidenceCommand {
    /// Verify an archive: all hashes, the list of files, the hash chain of the journal, and that the reports follow from the event log
    #[command(after_long_help = help::VERIFY)]
    Verify {
        /// The archive
        file: PathBuf,
        /// The SHA-256 of the archive, as recorded when the archive was created
        #[arg(long, value_name = "HEX", value_parser = sha256)]
        sha256: Option<String>,
        /// The output format
        #[arg(long, value_enum, default_value = "human")]
        format: Format,
    },
}

/// The Object Lock mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Cannot be deleted or shortened by anyone, including the root user
    Compliance,
    /// Can be deleted or shortened with `s3:BypassGovernanceRetention`
    Governance,
}

/// Writes an archive, or verifies one.
pub(super) async fn evidence(args: EvidenceArgs) -> Result<Exit, Failure> {
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
            "An archive is never overwritten; give another file with --out"
        }
        EvidenceError::Io { .. } => return Failure::plain(error.to_string()),
        EvidenceError::NoRun { .. } => "Give the folder of a run with all its files",
        EvidenceError::NoFile { .. } => "Move it out of the folder of the run",
        EvidenceError::Inside { .. } => "Give a file outside the folder of the run with --out",
        EvidenceError::NoArchive { .. } => "Give an archive that `gameday evidence` wrote",
    };
    Failure::with_help(error.to_string(), help)
}

async fn make(args: &EvidenceArgs, folder: &Path) -> Result<Exit, Failure> {
    // Every check that can refuse comes before anything is written.
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
            lines.extend(stored.map(|stored| format!("uploaded to {stored}")));
            lines.push(
                "Record the SHA-256 in another place: `gameday evidence verify --sha256` then detects every change."
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
    name.map(PathBuf::from).ok_or_else(|| Failure::plain("give the name of the archive with --out"))
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
                            format!("the bucket {bucket} has no default retention, so it would not lock the archive"),
                            "Give the retention with --retain-days",
                        ));
                    }
                    return Ok(Self { s3, bucket: bucket.to_owned(), clock });
                }
                Err(error) => last = error.to_string(),
            }
        }
        Err(Failure::with_help(
            format!("the Object Lock settings of the bucket {bucket} cannot be read in either Region: {last}"),
            "Use a bucket with Object Lock in one of the two Regions",
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
                "Correct the cause, then run the same command with another --out",
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
            || "the AWS identity of the run is not known".to_owned(),
            |caller| format!("run by {} in account {}", caller.arn, caller.account),
        ));
        lines.push(manifest.journal.as_ref().map_or_else(
            || "no journal".to_owned(),
            |chain| {
                let end = if chain.closed { "everything was restored" } else { "NOT CLOSED" };
                format!("journal: {}, {end}, hash chain ends with {}", counted(chain.lines, "line"), chain.head_sha256)
            },
        ));
    }
    match &verified.not_derived {
        Some(why) => lines.push(format!("reports were not reproduced: {why}")),
        None => lines.push(format!("reproduced byte for byte from the event log: {}", verified.derived.join(", "))),
    }
    lines.extend(verified.problems.iter().map(|problem| format!("CHANGED: {problem}")));
    if verified.problems.is_empty() {
        lines.push(match genuine {
            Some(_) => "GENUINE: its SHA-256 is the recorded one, and its contents are consistent.".to_owned(),
            None => {
                "CONSISTENT: its contents agree with each other. Compare its SHA-256 with the recorded one.".to_owned()
            }
        });
    }
    lines.join("\n")
}
