//! Arguments, terminal output, wording of errors, exit codes.

mod confirm;
mod diagnostics;
mod documents;
mod embedded;
mod evidence;
mod exit;
mod iam;
mod identity;
mod init;
#[cfg(feature = "lab")]
mod lab;
mod output;
mod pause;
mod plan;
mod preflight;
mod progress;
mod registry;
mod resolution;
mod rollback;
mod run;
mod runs;
mod signals;
mod strategies;
mod summary;
mod unfinished;
mod users;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

pub use exit::{Exit, Failure};
use preflight::{FailOn, PreflightFormat};

/// Rehearse and measure the failover of a Cognito identity plane between two AWS Regions.
///
/// A scenario says what breaks, who logs in, and what must hold. An environment says where: a real
/// AWS account, or, without --env, the built-in lab, a two-Region twin of AWS inside this program.
#[derive(Debug, Parser)]
#[command(
    name = "gameday",
    version,
    after_long_help = "Examples:\n  \
        gameday run scenarios/full-failover.toml                     rehearse in the built-in lab, about 5 min\n  \
        gameday run scenarios/full-failover.toml --speed 10          the same, ten times faster\n  \
        gameday preflight --env environments/staging.toml            is everything ready? touches nothing\n  \
        gameday plan scenarios/full-failover.toml --env FILE         every call that a run would make\n  \
        gameday rollback reports/2026-01-01T000000Z-full-failover  put back what a killed run left\n  \
        gameday rollback --discover --env FILE                       the same, with no journal at all\n  \
        gameday users seed --env FILE --count 200                    synthetic users of your own pool\n\n\
        Exit codes:\n  \
        0  every objective met, everything restored\n  \
        1  an objective missed or inconclusive, everything restored\n  \
        2  bad arguments or files\n  \
        3  refused before anything was cut: by preflight, or since steady state was not there\n  \
        4  aborted by a stop condition or a signal, everything restored\n  \
        5  something could not be restored: the message says what, and the command that tries again"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a scenario: break, measure, put everything back, report.
    Run(RunArgs),
    /// Show every call that a run would make, with its inverse. Changes nothing.
    Plan(PlanArgs),
    /// Print the least IAM policy for a run, and the dead-man role's. Changes nothing.
    IamPolicy(IamPolicyArgs),
    /// Check that a failover can be rehearsed here, and would work. Changes nothing but an attribute of the canary.
    #[command(after_long_help = "Examples:\n  \
        gameday preflight --env environments/staging.toml            what would go wrong, and what to do\n  \
        gameday preflight --env FILE --fail-on risk --baseline known.toml\n  \
        gameday preflight --env FILE --format sarif > preflight.sarif\n  \
        gameday preflight --explain GD402                            why a finding matters\n\n\
        A baseline:\n  \
        schema_version = 1\n  \
        [[accept]]\n  \
        code = \"GD502\"\n  \
        owner = \"identity team\"\n  \
        reason = \"the record is shared until the new zone is live\"\n  \
        expires = \"2027-03-31\"\n\n\
        Exit codes: 0 nothing as bad as --fail-on; 2 bad arguments or files; 3 something is")]
    Preflight(PreflightArgs),
    /// Put back what an interrupted run left, from its journal alone.
    ///
    /// Runs that have begun are registered in $GAMEDAY_STATE_DIR, else in $XDG_STATE_HOME/gameday or ~/.local/state/gameday, so that this
    /// command finds them in every working directory.
    #[command(after_long_help = "Examples:\n  \
        gameday rollback                                             the newest run that was killed\n  \
        gameday rollback --all                                       all of them, and a look in their accounts\n  \
        gameday rollback reports/2026-01-01T000000Z-full-failover\n  \
        gameday rollback --discover --env FILE                       with no journal at all, by tags and schedules\n\n\
        Exit codes: 0 nothing is left, as far as was looked; 2 bad arguments or files; 5 something is left, or could not be looked at")]
    Rollback(RollbackArgs),
    /// Write the reports of a run again, from its event log alone.
    Report(ReportArgs),
    /// Compare runs over quarters: figures with their bounds, findings new and closed, regressions.
    #[command(after_long_help = "Examples:\n  \
        gameday trend reports/*                                      on the terminal\n  \
        gameday trend reports/* --format html --out trend.html\n  \
        gameday trend reports/* --fail-on-regression                 for CI\n\n\
        Exit codes: 0 no regression, or none asked for; 1 a regression beyond what chance explains, or a latest run that was not restored; 2 bad arguments or files")]
    Trend(runs::TrendArgs),
    /// Explain why two runs differ, link by link of the failover chain.
    Compare(runs::CompareArgs),
    /// Run one scenario on a native replica, a bridge of two pools and a pool kept by hand, in the built-in lab, beside the article's claims.
    #[command(after_long_help = "Examples:\n  \
        gameday compare-strategies                                   about 5 min at the default speed\n  \
        gameday compare-strategies --format markdown --seed 7 --out reports/strategies\n  \
        gameday compare-strategies --render                          the table again, from the runs that are there\n\n\
        Exit codes: 0 all of them ran and are restored; 2 bad arguments or files; 3 preflight refused; 4 aborted; 5 not restored")]
    CompareStrategies(strategies::StrategiesArgs),
    /// Write the runbook of a failover and of the way back, with the times that the last run measured. Asks AWS nothing.
    #[command(after_long_help = "Examples:\n  \
        gameday runbook --env environments/staging.toml --run reports/2026-01-01T000000Z-full-failover --out RUNBOOK.md")]
    Runbook(runs::RunbookArgs),
    /// Put all files of a run into one archive for an auditor, with their hashes; or check such an archive.
    #[command(after_long_help = "Examples:\n  \
        gameday evidence reports/2026-01-01T000000Z-full-failover\n  \
        gameday evidence DIR --env FILE --bucket audit-evidence --retain-days 2557\n  \
        gameday evidence verify 2026-01-01T000000Z-full-failover.tar.zst --sha256 HEX\n\n\
        --bucket asks for s3:GetBucketObjectLockConfiguration, s3:PutObject and, with --retain-days, s3:PutObjectRetention.")]
    Evidence(evidence::EvidenceArgs),
    /// Run the lab alone until Ctrl-C, for aws cli, dig, SDKs and `run --env`.
    Lab(LabArgs),
    /// Write an environment file by discovery, from a user pool's ID. Changes nothing in AWS.
    Init(init::InitArgs),
    /// Make synthetic users in the user pool, or remove them.
    #[command(subcommand)]
    Users(UsersCommand),
    /// Check scenario and environment files, without running anything.
    Validate(ValidateArgs),
    /// Print the JSON Schema of a file format, for editors.
    Schema {
        /// Which format.
        kind: SchemaKind,
    },
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SchemaKind {
    /// Scenario files.
    Scenario,
    /// Environment files.
    Environment,
    /// Baseline files of `preflight --baseline`.
    Baseline,
    /// The `run.json` of a run.
    Run,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Human,
    /// For programs.
    Json,
}

#[derive(Debug, Args)]
struct Place {
    /// The environment file; without it, the built-in lab.
    #[arg(long, value_name = "FILE")]
    env: Option<PathBuf>,
    /// Scenario seconds in one real second; the lab's alone.
    #[arg(long, value_name = "N", value_parser = speed)]
    speed: Option<f64>,
    /// The number from which every random draw follows; drawn and printed where left out.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if (0.1..=100.0).contains(&speed) => Ok(speed),
        Ok(_) => Err("must be from 0.1 to 100".to_owned()),
        Err(_) => Err("not a number".to_owned()),
    }
}

#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
struct RunArgs {
    /// The scenario file, as scenarios/full-failover.toml.
    scenario: PathBuf,
    #[command(flatten)]
    place: Place,
    /// The folder for the run's files; without it, reports/<UTC date>T<time>Z-<scenario>.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Do not ask before touching AWS.
    #[arg(long)]
    yes: bool,
    /// The environment's name, as a confirmation: what an environment with `production = true` asks for.
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    /// Go without schedules that heal the faults if this machine dies.
    #[arg(long)]
    no_dead_man: bool,
    /// Go on although nobody can log in at the replica.
    #[arg(long)]
    allow_no_replica: bool,
    /// Go on in spite of a finding that only predicts what the run will show, as GD402; the report tells what became of it. Repeatable.
    /// Findings that protect the account are never ignored. `steady-state` goes on from a baseline that is not steady.
    #[arg(long, value_name = "CODE", value_delimiter = ',', value_parser = preflight::ignorable)]
    ignore: Vec<String>,
    /// What goes to standard output at the end.
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
    /// Plain lines instead of live progress, also on a terminal.
    #[arg(long)]
    no_progress: bool,
}

#[derive(Debug, Args)]
struct PlanArgs {
    /// The scenario file.
    scenario: PathBuf,
    #[command(flatten)]
    place: Place,
    /// What goes to standard output.
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
    /// Without the schedules that heal if this machine dies, as `run --no-dead-man` does.
    #[arg(long)]
    no_dead_man: bool,
}

#[derive(Debug, Args)]
struct IamPolicyArgs {
    /// The scenario file.
    scenario: PathBuf,
    #[command(flatten)]
    place: Place,
    /// One policy document alone, ready for `aws iam put-role-policy`; all of them by name where this is left out.
    #[arg(long, value_enum)]
    of: Option<iam::PolicyOf>,
    /// For `run --no-dead-man`.
    #[arg(long)]
    no_dead_man: bool,
}

#[derive(Debug, Args)]
struct PreflightArgs {
    /// The scenario file; without it, the built-in full failover.
    scenario: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
    /// What goes to standard output.
    #[arg(long, value_enum, default_value = "human")]
    format: PreflightFormat,
    /// Exit with code 3 from this severity on.
    #[arg(long, value_enum, default_value = "blocker")]
    fail_on: FailOn,
    /// A file of findings that somebody accepts, each with an owner, a reason and a last day.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Print the page of one check, and look at nothing.
    #[arg(long, value_name = "CODE", exclusive = true)]
    explain: Option<String>,
    /// Print the code, severity and title of every check, and look at nothing.
    #[arg(long, exclusive = true)]
    list: bool,
    /// Write the pages of all checks into a folder.
    #[arg(long, value_name = "DIR", exclusive = true, hide = true)]
    docs: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct RollbackArgs {
    /// The folder of the run; without it, the newest unfinished one that is registered or under reports/.
    run_dir: Option<PathBuf>,
    /// Every unfinished run that is registered or under reports/, the newest first; then look in the accounts of --env and of their environments.
    #[arg(long, conflicts_with = "run_dir", group = "search")]
    all: bool,
    /// Look for what runs left in the account by their tags and schedules, without any journal; needs --env.
    #[arg(long, conflicts_with_all = ["run_dir", "all"], requires = "env", group = "search")]
    discover: bool,
    /// The environment file of --discover, or one more to look at with --all.
    #[arg(long, value_name = "FILE", requires = "search")]
    env: Option<PathBuf>,
    /// With --discover or --all, also what a run left whose lock has not expired, and of which this machine does not know that it was killed: it
    /// may still be going on.
    #[arg(long, requires = "search")]
    even_if_locked: bool,
}

#[derive(Debug, Args)]
struct ReportArgs {
    /// The folder of the run, with its events.ndjson, or events.ndjson.zst.
    run_dir: PathBuf,
    /// Compress the event log, to events.ndjson.zst; everything reads it as well.
    #[arg(long)]
    compress_log: bool,
    /// Print one report to standard output instead of writing all of them.
    #[arg(long, value_enum)]
    format: Option<ReportFormat>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ReportFormat {
    /// report.md
    #[value(alias = "md")]
    Markdown,
    /// report.html
    Html,
    /// run.json
    Json,
    /// junit.xml
    Junit,
    /// logins.hlog
    Hlog,
    /// metrics.txt
    Openmetrics,
    /// journal.json, as Chaos Toolkit writes it
    Journal,
}

#[derive(Debug, Args)]
struct LabArgs {
    /// Write an environment file that --env takes (and, beside it, its trust root and secrets).
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the resources around the user pool as JSON, which `[[lab.estate]]` paths lead into, and end.
    #[arg(long, conflicts_with = "out")]
    print_estate: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Subcommand)]
enum UsersCommand {
    /// Make synthetic users at the primary, and write their names and passwords to a file.
    ///
    /// Each becomes a member of the group `gameday-synthetic`, has an e-mail address at example.com that counts as verified, so that
    /// nothing is ever sent, and a random password of its own. A user who is there and not in that group is never touched. The same
    /// command again gives its users new passwords: after an interruption, or when the file is lost.
    ///
    /// It makes 8 users a second, well below Cognito's quotas.
    #[command(after_long_help = "Examples:\n  \
        gameday users seed --env environments/staging.toml --count 200\n\n\
        The environment file names the list as `list = { file = \"users.csv\" }` in `[users]`; `gameday init` writes that line.\n\n\
        Exit codes: 0 all are there; 2 bad arguments or files; 3 the account is not allowed, nothing touched; 4 some are missing")]
    Seed(SeedArgs),
    /// Delete synthetic users: those in the group `gameday-synthetic` whose names have the prefix, and nobody else.
    #[command(after_long_help = "Examples:\n  \
        gameday users purge --env environments/staging.toml --dry-run\n\n\
        Exit codes: 0 all are gone; 2 bad arguments or files; 3 the account is not allowed, nothing touched; 4 some are left")]
    Purge(PurgeArgs),
}

#[derive(Debug, Args)]
struct SeedArgs {
    /// The environment file.
    #[arg(long, value_name = "FILE")]
    env: PathBuf,
    /// How many users there shall be.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=99_999))]
    count: u32,
    /// What their names begin with; a number follows.
    #[arg(long, value_name = "TEXT", default_value = "gameday-", value_parser = prefix)]
    prefix: String,
    /// Where names and passwords go, as CSV that its owner alone can read; without it, the list that the environment file names, else
    /// `users.csv` beside that file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Do not ask before touching AWS.
    #[arg(long)]
    yes: bool,
    /// The environment's name, as a confirmation: what an environment with `production = true` asks for.
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
}

#[derive(Debug, Args)]
struct PurgeArgs {
    /// The environment file.
    #[arg(long, value_name = "FILE")]
    env: PathBuf,
    /// What their names begin with.
    #[arg(long, value_name = "TEXT", default_value = "gameday-", value_parser = prefix)]
    prefix: String,
    /// Only say who would be deleted.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask before touching AWS.
    #[arg(long)]
    yes: bool,
    /// The environment's name, as a confirmation: what an environment with `production = true` asks for.
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
}

/// An empty prefix would be everybody's; the rest is what user names may hold that e-mail addresses may, too.
fn prefix(text: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    match text.chars().count() {
        3..=64 if text.chars().all(good) => Ok(text.to_owned()),
        3..=64 => Err("letters, digits, `-`, `_` and `.` only".to_owned()),
        _ => Err("must have from 3 to 64 characters".to_owned()),
    }
}

#[derive(Debug, Args)]
struct ValidateArgs {
    /// Scenario and environment files.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// The program.
pub fn main() -> ExitCode {
    gameday_protocols::net::raise_descriptors();
    let cli = Cli::parse();
    diagnostics::start();
    let result = match cli.command {
        Command::Schema { kind } => documents::schema(kind),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "gameday", &mut script);
            output::print(&script).map(|()| Exit::Success)
        }
        Command::Validate(args) => documents::validate(&args),
        Command::Report(args) => documents::report(&args),
        Command::Trend(args) => runs::trend(&args),
        Command::Compare(args) => runs::compare(&args),
        Command::CompareStrategies(args) => work(strategies::compare(args)),
        Command::Runbook(args) => work(runs::runbook(args)),
        Command::Evidence(args) => work(evidence::evidence(args)),
        Command::Run(args) => work(run::run(args)),
        Command::Plan(args) => work(plan::plan(args)),
        Command::IamPolicy(args) => work(iam::iam_policy(args)),
        Command::Preflight(args) => work(preflight::preflight(args)),
        Command::Rollback(args) => work(rollback::rollback(args)),
        #[cfg(feature = "lab")]
        Command::Lab(args) => work(lab::lab(args)),
        #[cfg(not(feature = "lab"))]
        Command::Lab(_) => Err(embedded::missing()),
        Command::Init(args) => work(init::init(args)),
        Command::Users(command) => work(users::users(command)),
    };
    let code = match result {
        Ok(exit) => exit.code(),
        Err(failure) => failure.tell(),
    };
    output::flush();
    code
}

fn work(task: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::plain(format!("the runtime could not start: {error}")))?;
    let result = runtime.block_on(task);
    // What still hangs in a blocked connection has nothing to add.
    runtime.shutdown_background();
    result
}
