//! Examples and exit codes at the end of each command's `--help`.

/// Of the program. The table holds for every command.
pub(super) const PROGRAM: &str = "Examples:
  gameday scenarios                                  the built-in scenarios
  gameday run full-failover                          rehearse in the built-in lab, about 5 min
  gameday run full-failover --speed 10               the same, ten times as fast
  gameday init --help                                describe your AWS environment in a file
  gameday preflight --env staging.toml               is it ready? changes nothing
  gameday plan full-failover --env staging.toml      every call that a run would make
  gameday rollback                                   restore what a killed run changed

Exit codes of every command:
  0  done; for a run: every objective met, everything restored
  1  the result is not the one wanted: an objective missed or inconclusive, a
     regression, a changed archive, users that could not be created
  2  wrong arguments or files
  3  refused before anything was changed
  4  stopped by a stop condition or a signal; a run has restored everything
  5  something could not be restored or removed; the message names the command
     that tries again";

pub(super) const RUN: &str = "Examples:
  gameday run full-failover                          in the built-in lab, about 5 min
  gameday run full-failover --time virtual           the same without waiting, in seconds
  gameday run full-failover --speed 10 --seed 7      faster, and repeatable
  gameday run my-scenario.toml --env staging.toml    on AWS; asks for confirmation
  gameday run full-failover --env staging.toml --ignore GD402

Exit codes: 0 every objective met; 1 an objective missed or inconclusive; 2 wrong arguments or files; 3 refused before fault injection (by \
preflight, or because there was no steady state); 4 stopped by a stop condition or a signal. After 0, 1 and 4 everything is restored. \
5 something could not be restored: the message names the command that tries again";

pub(super) const PLAN: &str = "Examples:
  gameday plan full-failover                         in the built-in lab
  gameday plan full-failover --env staging.toml --format json

Exit codes: 0 planned; 2 wrong arguments or files, or AWS could not be read";

pub(super) const IAM_POLICY: &str = "Examples:
  gameday iam-policy full-failover --env staging.toml
  gameday iam-policy full-failover --env staging.toml --of runner > runner.json
  aws iam put-role-policy --role-name ROLE --policy-name gameday \\
      --policy-document file://runner.json

Exit codes: 0 printed; 2 wrong arguments or files, or AWS could not be read";

pub(super) const PREFLIGHT: &str = "Examples:
  gameday preflight --env staging.toml               what is not ready, and what to do
  gameday preflight --env FILE --fail-on risk --baseline known.toml
  gameday preflight --env FILE --format sarif > preflight.sarif
  gameday preflight --explain GD402                  why a finding matters

A baseline file:
  schema_version = 1
  [[accept]]
  code = \"GD502\"
  owner = \"identity team\"
  reason = \"the record is shared until the new zone is live\"
  expires = \"2027-03-31\"

Exit codes: 0 READY: no finding with the severity of --fail-on or a higher one; 2 wrong arguments or files; 3 NOT READY";

pub(super) const ROLLBACK: &str = "Examples:
  gameday rollback                                   the newest run that was killed
  gameday rollback --all                             all of them; also searches their accounts
  gameday rollback reports/2026-01-01T000000Z-full-failover
  gameday rollback --discover --env FILE             without a journal, by tags and schedules

Exit codes: 0 nothing is left to restore, as far as could be checked; 2 wrong arguments or files; 5 something is left, or could not be checked";

pub(super) const REPORT: &str = "Examples:
  gameday report reports/2026-01-01T000000Z-full-failover
  gameday report DIR --format json | jq .objectives
  gameday report DIR --compress-log

Exit codes: 0 written; 2 wrong arguments or files";

pub(super) const TREND: &str = "Examples:
  gameday trend reports/*                            on the terminal
  gameday trend reports/* --format html --out trend.html
  gameday trend reports/* --fail-on-regression       for CI

Exit codes: 0 done; 1 with --fail-on-regression: a regression beyond chance, or the latest run was not restored; 2 wrong arguments or files";

pub(super) const COMPARE: &str = "Examples:
  gameday compare reports/FIRST reports/SECOND
  gameday compare reports/FIRST reports/SECOND --format markdown

Exit codes: 0 done; 2 wrong arguments or files";

pub(super) const COMPARE_STRATEGIES: &str = "Examples:
  gameday compare-strategies                         in virtual time, about 1 min
  gameday compare-strategies --format markdown --seed 7 --out reports/strategies
  gameday compare-strategies --render                only the table, from earlier runs

Exit codes: 0 all strategies ran and are restored; 1 a figure is too uncertain to compare; 2 wrong arguments or files; 3 refused by preflight; \
4 aborted; 5 something could not be restored";

pub(super) const RUNBOOK: &str = "Examples:
  gameday runbook --env staging.toml --out RUNBOOK.md
  gameday runbook --env staging.toml --run reports/2026-01-01T000000Z-full-failover

Exit codes: 0 written; 2 wrong arguments or files";

pub(super) const EVIDENCE: &str = "Examples:
  gameday evidence reports/2026-01-01T000000Z-full-failover
  gameday evidence DIR --env FILE --bucket audit-evidence --retain-days 2557
  gameday evidence verify 2026-01-01T000000Z-full-failover.tar.zst --sha256 HEX

--bucket needs s3:GetBucketObjectLockConfiguration, s3:PutObject and, with --retain-days, s3:PutObjectRetention.

Exit codes: 0 written; 2 wrong arguments or files, or S3 refused; 3 the account is not allowed";

pub(super) const VERIFY: &str = "Examples:
  gameday evidence verify RUN.tar.zst --sha256 HEX   is this the archive whose SHA-256 was recorded?
  gameday evidence verify RUN.tar.zst                is it consistent?

CONSISTENT: the contents agree with each other. A person who recreates the whole archive, hashes included, passes this check too. \
GENUINE: also, its SHA-256 is the one given with --sha256.

Exit codes: 0 nothing is wrong; 1 it was changed; 2 it cannot be read";

pub(super) const LAB: &str = "Examples:
  gameday lab --out lab.toml                         prints what to connect to, and how
  gameday run full-failover --env lab.toml           in another terminal
  gameday lab --print-estate

Exit codes: 0 ended by Ctrl-C; 2 wrong arguments or files";

pub(super) const INIT: &str = "Examples:
  gameday init --region-primary eu-central-1 --region-replica eu-west-1 \\
      --user-pool-id eu-central-1_EXAMPLE --api-path /api/account

Exit codes: 0 written, also if something was not found: the output lists it; 2 wrong arguments or files, or AWS could not be read";

pub(super) const USERS: &str = "Examples:
  gameday users seed --env staging.toml --count 200
  gameday users purge --env staging.toml --dry-run";

pub(super) const SEED: &str = "Examples:
  gameday users seed --env staging.toml --count 200

The environment file names the list as `list = { file = \"users.csv\" }` in `[users]`; `gameday init` writes that line.
The command ends when the replica has the users, or after 2 min without them; `gameday preflight` signs them in there.

Exit codes: 0 all users are ready; 1 some are not; 2 wrong arguments or files; 3 refused, nothing was changed; 4 stopped by a signal";

pub(super) const PURGE: &str = "Examples:
  gameday users purge --env staging.toml --dry-run   lists them
  gameday users purge --env staging.toml

Exit codes: 0 all are deleted; 2 wrong arguments or files; 3 refused, nothing was changed; 4 stopped by a signal; 5 some are left";

pub(super) const SCENARIOS: &str = "Examples:
  gameday scenarios                                  all of them
  gameday scenarios single-az                        print one
  gameday scenarios single-az --out my-scenario.toml
  gameday run single-az

Exit codes: 0 done; 2 no such scenario, or the file exists already";

pub(super) const VALIDATE: &str = "Examples:
  gameday validate my-scenario.toml staging.toml
  gameday validate full-failover

Exit codes: 0 all are valid; 2 something is wrong with one of them";

pub(super) const SCHEMA: &str = "Examples:
  gameday schema scenario > scenario.schema.json

Exit codes: 0 printed; 2 wrong arguments";

pub(super) const COMPLETIONS: &str = "Examples:
  gameday completions bash > ~/.local/share/bash-completion/completions/gameday

Exit codes: 0 printed; 2 wrong arguments";
