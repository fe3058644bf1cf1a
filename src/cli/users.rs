//! `gameday users`: synthetic users made and removed.

use crate::report::words::counted;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use tokio_util::sync::CancellationToken;

use crate::cloud::CloudError;
use crate::env::{self, EnvironmentKind, Site};
use crate::model::Secret;
use crate::users::{GROUP, Made, Removed, Synthetics};

use super::confirm::{Consent, confirm};
use super::output::{say, tell};
use super::signals::Signals;
use super::world::{self, World};
use super::{Exit, Failure, Place, UsersCommand};

/// Names that one line shows.
const SHOWN: usize = 5;

/// Makes or removes synthetic users.
pub async fn users(command: UsersCommand) -> Result<Exit, Failure> {
    match command {
        UsersCommand::Seed(args) => {
            let prefix = &args.prefix;
            let what = format!("{} `{prefix}…` will be made in its user pool.", counted(args.count, "user"));
            let consent = Consent { yes: args.yes, name: args.confirm.as_deref(), look: "at the environment file" };
            let names: Vec<String> = (1..=args.count).map(|number| format!("{prefix}{number:05}")).collect();
            let file = PasswordFile::new(&args.out, &names)?;
            let pool = Box::pin(open(&args.env, Some(consent), &what)).await?;
            seed(&pool, names, file).await
        }
        UsersCommand::Purge(args) => {
            let prefix = &args.prefix;
            let what = format!("Every user `{prefix}…` in the group `{GROUP}` of its user pool will be deleted.");
            let consent = Consent { yes: args.yes, name: args.confirm.as_deref(), look: "with --dry-run" };
            // Whoever only looks need not be sure.
            let pool = Box::pin(open(&args.env, (!args.dry_run).then_some(consent), &what)).await?;
            purge(&pool, prefix, args.dry_run).await
        }
    }
}

/// The pool of an environment, once its user and its account allow it.
async fn open(file: &Path, consent: Option<Consent<'_>>, what: &str) -> Result<Synthetics, Failure> {
    let environment = env::load_before_users(file)?;
    if environment.value.kind == EnvironmentKind::Lab && environment.value.primary.is_none() {
        return Err(Failure::with_help(
            "the built-in lab ends with this command, and its users with it",
            "Start a lab with `gameday lab --out lab.toml`, and give --env lab.toml",
        ));
    }
    if let Some(consent) = consent {
        confirm(consent, &environment.value, what)?;
    }
    let place = Place { env: Some(file.to_owned()), speed: None, seed: None };
    let world = Box::pin(World::open(environment, &place)).await?;
    let pool = connect(&world.site).await;
    world.close().await;
    pool
}

async fn connect(site: &Site) -> Result<Synthetics, Failure> {
    let (cloud, _) = world::allowed(site).await?;
    Ok(Synthetics { cognito: cloud.primary.cognito, pool: site.pool.id.clone() })
}

/// Stops at the first signal; what is under way ends first.
fn stop_by_signal() -> Result<CancellationToken, Failure> {
    let (mut signals, stop) = (Signals::listen()?, CancellationToken::new());
    let token = stop.clone();
    tokio::spawn(async move {
        let name = signals.next().await;
        say(&format!("{name}: ending with the users that are being worked on"));
        token.cancel();
    });
    Ok(stop)
}

fn progress(count: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{pos} of {len} users {wide_bar} {eta}");
    ProgressBar::new(count as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// The first few of many names.
fn some(names: &[String]) -> String {
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}

fn refused(error: &CloudError) -> Failure {
    Failure::plain(format!("nothing was changed: {error}")).coded(Exit::Aborted)
}

async fn seed(pool: &Synthetics, names: Vec<String>, file: PasswordFile) -> Result<Exit, Failure> {
    pool.make_group().await.map_err(|error| refused(&error))?;
    let (stop, bar, wanted) = (stop_by_signal()?, progress(names.len()), names.len());
    let (mut ready, mut known, mut foreign, mut failed) = (Vec::new(), 0, Vec::new(), Vec::new());
    let count = |made| {
        bar.inc(1);
        match made {
            Made::Ready { name, password, was_there } => {
                known += usize::from(was_there);
                ready.push((name, password));
            }
            Made::Foreign(name) => foreign.push(name),
            Made::Failed(name, error) => {
                bar.suspend(|| say(&format!("{name}: {error}")));
                failed.push(name);
            }
        }
    };
    pool.seed(names, &stop, count).await;
    bar.finish_and_clear();
    let (done, path) = (ready.len(), file.path.clone());
    if done > 0 {
        file.write(ready)?;
    }
    let made = done - known;
    tell(&format!(
        "{} made, {known} of the group `{GROUP}` given a new password: {}",
        counted(made, "user"),
        path.display()
    ));
    if !foreign.is_empty() {
        tell(&format!("left alone, since they are there and not in that group: {}", some(&foreign)));
    }
    if !failed.is_empty() {
        tell(&format!("failed, try again with the same command: {}", some(&failed)));
    }
    Ok(if done == wanted { Exit::Success } else { Exit::Aborted })
}

async fn purge(pool: &Synthetics, prefix: &str, dry_run: bool) -> Result<Exit, Failure> {
    let census = pool.census(prefix).await.map_err(|error| refused(&error))?;
    let wanted = census.ours.len();
    if dry_run {
        tell(&format!("{} would be deleted: {}", counted(wanted, "user"), some(&census.ours)));
    }
    let (mut gone, mut failed) = (0, Vec::new());
    if !dry_run {
        let (stop, bar) = (stop_by_signal()?, progress(wanted));
        let count = |removed| {
            bar.inc(1);
            match removed {
                Removed::Gone => gone += 1,
                Removed::Failed(name, error) => {
                    bar.suspend(|| say(&format!("{name}: {error}")));
                    failed.push(name);
                }
            }
        };
        pool.purge(census.ours, &stop, count).await;
        bar.finish_and_clear();
        tell(&format!("{gone} of {} deleted", counted(wanted, "user")));
    }
    if !census.other_names.is_empty() {
        tell(&format!("left, in the group `{GROUP}` without the prefix `{prefix}`: {}", some(&census.other_names)));
    }
    if !census.not_members.is_empty() {
        tell(&format!("left, with the prefix and not in the group: {}", some(&census.not_members)));
    }
    if !failed.is_empty() {
        tell(&format!("failed, try again with the same command: {}", some(&failed)));
    }
    Ok(if dry_run || gone == wanted { Exit::Success } else { Exit::Aborted })
}

/// Where names and passwords go.
struct PasswordFile {
    path: PathBuf,
    /// Its rows so far, by name: passwords of users whom this run may not come to.
    old: BTreeMap<String, Row>,
}

/// Password and TOTP secret.
struct Row {
    password: Secret,
    totp_secret: Secret,
}

impl PasswordFile {
    /// Refuses a path that cannot be written, and a file that holds passwords of others.
    fn new(path: &Path, names: &[String]) -> Result<Self, Failure> {
        let fail = |error: String| Failure::plain(format!("{}: {error}; nothing was touched", path.display()));
        let folder = folder(path);
        if !folder.is_dir() {
            return Err(fail(format!("there is no folder {}", folder.display())));
        }
        let mut rows = BTreeMap::new();
        if path.exists() {
            let no_csv = || fail("there is a file that is no CSV of users".to_owned());
            let mut file = csv::ReaderBuilder::new().flexible(true).from_path(path).map_err(|_| no_csv())?;
            for row in file.records() {
                let row = row.map_err(|_| no_csv())?;
                let (Some(name), Some(password)) = (row.get(0), row.get(1)) else { return Err(no_csv()) };
                let totp_secret = Secret::new(row.get(2).unwrap_or_default());
                rows.insert(name.to_owned(), Row { password: Secret::new(password), totp_secret });
            }
            if rows.keys().any(|name| !names.contains(name)) {
                let text = format!("{} holds other users' passwords; nothing was touched", path.display());
                return Err(Failure::with_help(text, "Give another file with --out"));
            }
        }
        Ok(Self { path: path.to_owned(), old: rows })
    }

    /// Writes new passwords and those of users who kept theirs; all of it or nothing, readable by its owner alone.
    fn write(self, users: Vec<(String, Secret)>) -> Result<(), Failure> {
        let mut rows = self.old;
        for (name, password) in users {
            // A new password does not change how codes are made.
            let totp_secret = rows.remove(&name).map_or_else(|| Secret::new(""), |row| row.totp_secret);
            rows.insert(name, Row { password, totp_secret });
        }
        let fail = |error: String| {
            let text = format!("{}: {error}", self.path.display());
            Failure::with_help(text, "The users are made; the same command gives them new passwords")
                .coded(Exit::Aborted)
        };
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let beside = folder(&self.path).join(format!(".{name}.{:016x}", rand::random::<u64>()));
        let written = write_new(&beside, &rows).and_then(|()| fs::rename(&beside, &self.path));
        written.map_err(|error| {
            // What is half written has passwords that nobody needs.
            let _ = fs::remove_file(&beside);
            fail(error.to_string())
        })
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn write_new(path: &Path, rows: &BTreeMap<String, Row>) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let mut text = csv::Writer::from_writer(Vec::new());
    text.write_record(["username", "password", "totp_secret"])?;
    for (name, row) in rows {
        text.write_record([name.as_str(), row.password.expose(), row.totp_secret.expose()])?;
    }
    let bytes = text.into_inner().map_err(csv::IntoInnerError::into_error)?;
    file.write_all(&bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn passwords_are_written_whole_and_for_their_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.csv");
        let names = ["gameday-1".to_owned(), "gameday-2".to_owned()];
        let file = PasswordFile::new(&path, &names).unwrap();
        file.write(vec![(names[0].clone(), Secret::new("p,\"1"))]).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, "username,password,totp_secret\ngameday-1,\"p,\"\"1\",\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        // The same users may be written again; others' passwords are not lost.
        assert!(PasswordFile::new(&path, &names).is_ok());
        assert!(PasswordFile::new(&path, &names[1..]).is_err());
        assert!(PasswordFile::new(&folder.path().join("no/users.csv"), &names).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_run_that_comes_to_few_users_keeps_every_totp_secret_and_the_others_passwords() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.csv");
        fs::write(
            &path,
            "username,password,totp_secret\ngameday-2,two,KRSXG5DT\ngameday-1,one,JBSWY3DP\ngameday-3,three,\n",
        )
        .unwrap();
        let names = [1, 2, 3].map(|number| format!("gameday-{number}"));
        let file = PasswordFile::new(&path, &names).unwrap();
        file.write(vec![(names[1].clone(), Secret::new("new"))]).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let expected =
            "username,password,totp_secret\ngameday-1,one,JBSWY3DP\ngameday-2,new,KRSXG5DT\ngameday-3,three,\n";
        assert_eq!(text, expected);
    }
}
