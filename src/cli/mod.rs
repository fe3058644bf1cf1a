//! Arguments, terminal output, wording of errors, exit codes.

mod confirm;
mod diagnostics;
mod documents;
mod embedded;
mod evidence;
mod exit;
mod help;
mod iam;
mod identity;
mod init;
mod input;
#[cfg(feature = "lab")]
mod lab;
mod library;
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
mod scenarios;
mod signals;
mod strategies;
mod summary;
mod text;
mod unfinished;
mod users;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use gameday_core::model::Seed;

pub use exit::{Exit, Failure};
use preflight::{FailOn, PreflightFormat};

/// Rehearse and measure the failover of a Cognito identity plane between two AWS Regions.
///
/// A scenario defines what fails, who logs in, and what must hold. An environment defines where: a real AWS account, or, without --env,
/// the built-in lab, a simulation of two AWS Regions inside this program.
#[derive(Debug, Parser)]
#[command(name = "gameday", version, after_long_help = help::PROGRAM)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a scenario: inject the fault, measure, restore everything, write the reports
    #[command(after_long_help = help::RUN)]
    Run(RunArgs),
    /// List the built-in scenarios, print one, or write it to a file
    #[command(after_long_help = help::SCENARIOS)]
    Scenarios(scenarios::ScenariosArgs),
    /// Show every call that a run would make, with its inverse. Changes nothing
    #[command(after_long_help = help::PLAN)]
    Plan(PlanArgs),
    /// Print the least-privilege IAM policies for a run and for the dead-man role. Changes nothing
    #[command(after_long_help = help::IAM_POLICY)]
    IamPolicy(IamPolicyArgs),
    /// Check that the environment is ready for a failover and for a rehearsal. Changes only the canary attribute
    #[command(after_long_help = help::PREFLIGHT)]
    Preflight(PreflightArgs),
    /// Restore what an interrupted run changed, from its journal only
    ///
    /// Runs are registered when they start, in $GAMEDAY_STATE_DIR, or in $XDG_STATE_HOME/gameday or ~/.local/state/gameday, so this command
    /// finds them from every working directory.
    #[command(after_long_help = help::ROLLBACK)]
    Rollback(RollbackArgs),
    /// Regenerate the reports of a run from its event log only
    #[command(after_long_help = help::REPORT)]
    Report(ReportArgs),
    /// Compare runs over time: figures with their bounds, new and closed findings, regressions
    #[command(after_long_help = help::TREND)]
    Trend(runs::TrendArgs),
    /// Explain why two runs differ, step by step of the failover chain
    #[command(after_long_help = help::COMPARE)]
    Compare(runs::CompareArgs),
    /// Run one scenario with native replication, an event bridge and manual synchronization in the built-in lab, and compare the figures
    /// with the published ones
    #[command(after_long_help = help::COMPARE_STRATEGIES)]
    CompareStrategies(strategies::StrategiesArgs),
    /// Write an operator runbook for failover and failback, with the measured times of the last run. Makes no call to AWS
    #[command(after_long_help = help::RUNBOOK)]
    Runbook(runs::RunbookArgs),
    /// Put all files of a run into one archive for an auditor, with their hashes; or verify such an archive
    #[command(after_long_help = help::EVIDENCE)]
    Evidence(evidence::EvidenceArgs),
    /// Start only the lab, until Ctrl-C, for use with the AWS CLI, dig, SDKs or `run --env`
    #[command(after_long_help = help::LAB)]
    Lab(LabArgs),
    /// Discover your AWS resources, from the ID of a user pool, and write an environment file. Changes nothing in AWS
    #[command(after_long_help = help::INIT)]
    Init(init::InitArgs),
    /// Create synthetic users in the user pool, or delete them
    #[command(subcommand, after_long_help = help::USERS)]
    Users(UsersCommand),
    /// Validate scenarios and environment files. Runs nothing
    #[command(after_long_help = help::VALIDATE)]
    Validate(ValidateArgs),
    /// Print the JSON Schema of a file format, for editors
    #[command(after_long_help = help::SCHEMA)]
    Schema {
        /// The file format
        kind: SchemaKind,
    },
    /// Print a completion script for a shell
    #[command(after_long_help = help::COMPLETIONS)]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SchemaKind {
    /// Scenario files
    Scenario,
    /// Environment files
    Environment,
    /// Baseline files for `preflight --baseline`
    Baseline,
    /// The `run.json` of a run
    Run,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Human,
    /// For programs
    Json,
}

#[derive(Debug, Args)]
struct Place {
    /// The environment file; without it, the built-in lab
    #[arg(long, value_name = "FILE")]
    env: Option<PathBuf>,
    /// Speed-up factor; only for the lab
    #[arg(long, value_name = "N", value_parser = speed)]
    speed: Option<f64>,
    /// Random seed; generated and printed if omitted
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
#[allow(clippy::struct_excessive_bools, reason = "each is an independent switch")]
struct RunArgs {
    /// The scenario: the name of a built-in one, such as full-failover, or the path of a file
    scenario: PathBuf,
    #[command(flatten)]
    place: Place,
    /// The folder for the files of the run [default: reports/<UTC date>T<time>Z-<scenario>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Do not ask for confirmation before changing anything in AWS
    #[arg(long)]
    yes: bool,
    /// Confirm by the name of the environment; required if it has `production = true`
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    /// Run without the dead-man switch, the schedules that restore everything if this machine fails
    #[arg(long)]
    no_dead_man: bool,
    /// Proceed even if logins at the replica fail
    #[arg(long)]
    allow_no_replica: bool,
    /// Proceed in spite of a finding that only predicts what the run will show, such as GD402; the report shows whether the prediction was
    /// right. Repeatable. Findings that protect the account are never ignored. `steady-state` proceeds without a steady state
    #[arg(long, value_name = "CODE", value_delimiter = ',', value_parser = preflight::ignorable)]
    ignore: Vec<String>,
    /// The output format of the summary at the end
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
    /// Print plain progress lines, also on a terminal
    #[arg(long)]
    no_progress: bool,
    /// How time passes: real, or virtual, which waits for nothing and repeats for the same seed (built-in lab only)
    #[arg(long, value_enum, default_value = "real", conflicts_with = "speed")]
    time: Time,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Time {
    /// Real time or a multiple of it (--speed), on real sockets
    Real,
    /// Simulated time and network, on one thread
    Virtual,
}

#[derive(Debug, Args)]
struct PlanArgs {
    /// The scenario: the name of a built-in one or the path of a file
    scenario: PathBuf,
    #[command(flatten)]
    place: Place,
    /// The output format
    #[arg(long, value_enum, default_value = "human")]
    format: Format,
    /// Plan without the dead-man switch (as `run --no-dead-man`)
    #[arg(long)]
    no_dead_man: bool,
}

#[derive(Debug, Args)]
struct IamPolicyArgs {
    /// The scenario: the name of a built-in one or the path of a file
    scenario: PathBuf,
    #[command(flatten)]
    place: Place,
    /// Print only this policy document, ready for `aws iam put-role-policy`; without it, all of them in one JSON object
    #[arg(long, value_enum)]
    of: Option<iam::PolicyOf>,
    /// Leave out what only the dead-man switch needs (for `run --no-dead-man`)
    #[arg(long)]
    no_dead_man: bool,
}

#[derive(Debug, Args)]
struct PreflightArgs {
    /// The scenario: the name of a built-in one or the path of a file [default: full-failover]
    scenario: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
    /// The output format
    #[arg(long, value_enum, default_value = "human")]
    format: PreflightFormat,
    /// Exit with code 3 if a finding has at least this severity
    #[arg(long, value_enum, default_value = "blocker")]
    fail_on: FailOn,
    /// A file of accepted findings, each with an owner, a reason and an expiry date
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Explain one check and exit
    #[arg(long, value_name = "CODE", exclusive = true)]
    explain: Option<String>,
    /// List the code, severity and title of every check and exit
    #[arg(long, exclusive = true)]
    list: bool,
    /// Write the pages of all checks into a folder
    #[arg(long, value_name = "DIR", exclusive = true, hide = true)]
    docs: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct RollbackArgs {
    /// The folder of the run; without it, the newest unfinished run that is registered or in reports/
    run_dir: Option<PathBuf>,
    /// Restore every unfinished run that is registered or in reports/, the newest first; then search their accounts and the one of --env
    #[arg(long, conflicts_with = "run_dir", group = "search")]
    all: bool,
    /// Search the account for changes that runs left behind, by tags and schedules, without a journal; needs --env
    #[arg(long, conflicts_with_all = ["run_dir", "all"], requires = "env", group = "search")]
    discover: bool,
    /// The environment file for --discover, or one more account to search with --all
    #[arg(long, value_name = "FILE", requires = "search")]
    env: Option<PathBuf>,
    /// With --discover or --all: also restore what is locked by a run that may still be in progress (its lock has not expired, and this
    /// machine does not know that it was killed)
    #[arg(long, requires = "search")]
    even_if_locked: bool,
}

#[derive(Debug, Args)]
struct ReportArgs {
    /// The folder of the run, with its events.ndjson or events.ndjson.zst
    run_dir: PathBuf,
    /// Compress the event log to events.ndjson.zst; every command reads that too
    #[arg(long)]
    compress_log: bool,
    /// Print one report to standard output instead of writing all of them
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
    /// journal.json, in the format of Chaos Toolkit
    Journal,
}

#[derive(Debug, Args)]
struct LabArgs {
    /// Write an environment file for --env, and next to it the CA certificate (.ca.pem) and the secrets (.secrets.toml)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the resources around the user pool as JSON and exit; the paths of `[[lab.estate]]` refer to them
    #[arg(long, conflicts_with = "out")]
    print_estate: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Subcommand)]
enum UsersCommand {
    /// Create synthetic users at the primary, and write their names and passwords to a file
    ///
    /// Each user is a member of the group `gameday-synthetic`, has a verified e-mail address at example.com, so that no message is ever
    /// sent, and has a random password. An existing user who is not in that group is never changed. Run the same command again to give the
    /// users new passwords, after an interruption or if the file is lost.
    ///
    /// It creates 8 users a second, well below the quotas of Cognito.
    #[command(after_long_help = help::SEED)]
    Seed(SeedArgs),
    /// Delete synthetic users: only those in the group `gameday-synthetic` whose names start with the prefix
    #[command(after_long_help = help::PURGE)]
    Purge(PurgeArgs),
}

#[derive(Debug, Args)]
struct SeedArgs {
    /// The environment file
    #[arg(long, value_name = "FILE")]
    env: PathBuf,
    /// Number of users to create
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=99_999))]
    count: u32,
    /// The start of their names; a number follows
    #[arg(long, value_name = "TEXT", default_value = "gameday-", value_parser = prefix)]
    prefix: String,
    /// The CSV file for names and passwords, readable only by its owner; without it, the list that the environment file names, or
    /// `users.csv` next to that file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Do not ask for confirmation before changing anything in AWS
    #[arg(long)]
    yes: bool,
    /// Confirm by the name of the environment; required if it has `production = true`
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
}

#[derive(Debug, Args)]
struct PurgeArgs {
    /// The environment file
    #[arg(long, value_name = "FILE")]
    env: PathBuf,
    /// The start of their names
    #[arg(long, value_name = "TEXT", default_value = "gameday-", value_parser = prefix)]
    prefix: String,
    /// Only list the users that would be deleted
    #[arg(long)]
    dry_run: bool,
    /// Do not ask for confirmation before changing anything in AWS
    #[arg(long)]
    yes: bool,
    /// Confirm by the name of the environment; required if it has `production = true`
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
}

/// An empty prefix would match every user; the allowed characters are those that user names and e-mail addresses have in common.
fn prefix(text: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    match text.chars().count() {
        3..=64 if text.chars().all(good) => Ok(text.to_owned()),
        3..=64 => Err("only letters, digits, `-`, `_` and `.` are allowed".to_owned()),
        _ => Err("must have 3 to 64 characters".to_owned()),
    }
}

#[derive(Debug, Args)]
struct ValidateArgs {
    /// Scenarios, by name or by file, and environment files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Reads the command line. A terminal without columns would get help and errors of one word a line.
fn parse() -> Cli {
    let mut command = Cli::command();
    if text::has_no_columns() {
        command = command.term_width(text::WIDTH.into());
        // Set by nobody else, so that it cannot fail.
        let _ = miette::set_hook(Box::new(|_| {
            Box::new(miette::MietteHandlerOpts::new().width(text::WIDTH.into()).build())
        }));
    }
    let matches = command.get_matches();
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit())
}

/// The program.
pub fn main() -> ExitCode {
    gameday_protocols::net::raise_descriptors();
    let command = parse().command;
    diagnostics::start();
    let result = match command {
        Command::Schema { kind } => documents::schema(kind),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "gameday", &mut script);
            output::print(&script).map(|()| Exit::Success)
        }
        Command::Scenarios(args) => scenarios::scenarios(&args),
        Command::Validate(args) => documents::validate(&args),
        Command::Report(args) => documents::report(&args),
        Command::Trend(args) => runs::trend(&args),
        Command::Compare(args) => runs::compare(&args),
        Command::CompareStrategies(mut args) if args.time() == Time::Virtual => {
            work_virtually(args.seed(), || strategies::compare(args))
        }
        Command::CompareStrategies(args) => work(strategies::compare(args)),
        Command::Runbook(args) => work(runs::runbook(args)),
        Command::Evidence(args) => work(evidence::evidence(args)),
        Command::Run(mut args) if args.time == Time::Virtual => {
            let seed = *args.place.seed.get_or_insert_with(|| u64::from(rand::random::<u32>()));
            work_virtually(Seed(seed), || run::run(args))
        }
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
        Err(failure) => failure.print(),
    };
    output::flush();
    code
}

fn work_virtually<F: Future<Output = Result<Exit, Failure>>>(
    seed: Seed,
    task: impl FnOnce() -> F,
) -> Result<Exit, Failure> {
    let done = gameday_protocols::timer::block_on_virtual(seed, task);
    done.map_err(|error| Failure::plain(format!("the runtime could not start: {error}")))?
}

fn work(task: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::plain(format!("the asynchronous runtime could not start: {error}")))?;
    let result = runtime.block_on(task);
    // A connection that is still blocked has nothing to add.
    runtime.shutdown_background();
    result
}
