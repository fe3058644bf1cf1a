//! `gameday users`: synthetic users are created and deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressStyle};
use tokio_util::sync::CancellationToken;

use crate::cloud::{CloudError, ListedUser, RegionClients, read_list_file};
use crate::users::{GROUP, Made, Naming, Removed, Synthetics};
use gameday_core::env::{self, Environment, EnvironmentKind, Site, UserList};
use gameday_core::files::Loaded;
use gameday_core::model::{Clock, Secret};
use gameday_core::report::escape::shell_word;
use gameday_core::report::words::counted;

use super::confirm::{Consent, confirm};
use super::init::LIST;
use super::output::{say, tell};
use super::signals::Signals;
use super::world::{self, World};
use super::{Exit, Failure, Place, UsersCommand};

/// Names that one line shows.
const SHOWN: usize = 5;

/// Creates or deletes synthetic users.
pub(super) async fn users(command: UsersCommand) -> Result<Exit, Failure> {
    match command {
        UsersCommand::Seed(args) => {
            let prefix = &args.prefix;
            let what = format!("{} `{prefix}…` will be created in its user pool.", counted(args.count, "user"));
            let consent = Consent { yes: args.yes, name: args.confirm.as_deref(), look: "at the environment file" };
            let environment = load(&args.env)?;
            let list = listed(&environment);
            let out = args.out.clone().or_else(|| list.clone()).unwrap_or_else(|| environment.folder().join(LIST));
            let file = PasswordFile::new(&out)?;
            let (pool, replica) = Box::pin(open(environment, Some(consent), &what)).await?;
            let naming = pool.naming().await.map_err(|error| refused(&error))?;
            let names: Option<Vec<String>> = (1..=args.count).map(|number| naming.name(prefix, number)).collect();
            let names = names.ok_or_else(only_phones)?;
            file.check(&names)?;
            let stop = stop_by_signal()?;
            let (done, ready) = seed(&pool, names, file, &stop).await?;
            // Passwords do not go to an independent pool.
            if let Some(replica) = replica.filter(|_| !ready.is_empty() && !stop.is_cancelled()) {
                wait_for(&replica, &pool, (naming, prefix), &ready, &stop).await;
            }
            tell(&next(&args.env, &out, list.as_deref()));
            Ok(done)
        }
        UsersCommand::Purge(args) => {
            let prefix = &args.prefix;
            let what = format!("Every user `{prefix}…` in the group `{GROUP}` of its user pool will be deleted.");
            let consent = Consent { yes: args.yes, name: args.confirm.as_deref(), look: "with --dry-run" };
            // A dry run needs no confirmation.
            let environment = load(&args.env)?;
            let (pool, _) = Box::pin(open(environment, (!args.dry_run).then_some(consent), &what)).await?;
            purge(&pool, prefix, args.dry_run).await
        }
    }
}

/// The pool of an environment and the Region of its native replica, once its user and its account allow it.
async fn open(
    environment: Loaded<Environment>,
    consent: Option<Consent<'_>>,
    what: &str,
) -> Result<(Synthetics, Option<RegionClients>), Failure> {
    if let Some(consent) = consent {
        confirm(consent, &environment.value, what)?;
    }
    let place = Place { env: Some(environment.path.clone()), speed: None, seed: None };
    let world = Box::pin(World::open(environment, &place)).await?;
    let pool = connect(&world.site).await;
    world.close().await;
    pool
}

/// The environment, which need not have its users yet.
fn load(file: &Path) -> Result<Loaded<Environment>, Failure> {
    let environment = env::load_before_users(file)?;
    if environment.value.kind == EnvironmentKind::Lab && environment.value.primary.is_none() {
        return Err(Failure::with_help(
            "the built-in lab ends with this command, and so do its users",
            "Start a lab with `gameday lab --out lab.toml`, then give --env lab.toml",
        ));
    }
    Ok(environment)
}

/// The file of users that an environment names.
fn listed(environment: &Loaded<Environment>) -> Option<PathBuf> {
    match environment.value.users.as_ref()?.list.as_ref()? {
        UserList::File { file } => Some(environment.folder().join(file)),
        UserList::SecretsManager { .. } => None,
    }
}

/// The next steps once the users are created.
fn next(environment: &Path, out: &Path, list: Option<&Path>) -> String {
    let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let named = list.is_some_and(|list| whole(list) == whole(out));
    let first = if named {
        String::new()
    } else {
        format!(
            "replace the contents of `[users]` in {1} with `list = {{ file = {0} }}`, then ",
            toml::Value::from(whole(out).display().to_string()),
            environment.display()
        )
    };
    format!("Next: {first}gameday preflight --env {}", shell_word(environment))
}

async fn connect(site: &Site) -> Result<(Synthetics, Option<RegionClients>), Failure> {
    let (cloud, _) = world::allowed(site).await?;
    let replica = site.pool.replica_id.is_none().then_some(cloud.replica);
    Ok((Synthetics { cognito: cloud.primary.cognito, pool: site.pool.id.clone() }, replica))
}

/// Stops at the first signal; what is under way ends first.
fn stop_by_signal() -> Result<CancellationToken, Failure> {
    let (mut signals, stop) = (Signals::listen()?, CancellationToken::new());
    let token = stop.clone();
    tokio::spawn(async move {
        let name = signals.next().await;
        say(&format!("{name}: stopping after the users in progress"));
        token.cancel();
    });
    Ok(stop)
}

fn progress(count: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{pos} of {len} users {msg}{wide_bar} {eta}");
    ProgressBar::new(count as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// The first few of many names.
fn some(names: &[String]) -> String {
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}

fn only_phones() -> Failure {
    Failure::with_help(
        "users of this pool have a phone number as their only name (UsernameAttributes), and no phone number is safe to invent; nothing was changed",
        "Create the users yourself with phone numbers of your own, and write a list of them: username,password",
    )
    .coded(Exit::Refused)
}

fn refused(error: &CloudError) -> Failure {
    Failure::plain(format!("{error}; nothing was changed")).coded(Exit::Refused)
}

/// Gives who can sign in, too.
async fn seed(
    pool: &Synthetics,
    names: Vec<String>,
    file: PasswordFile,
    stop: &CancellationToken,
) -> Result<(Exit, BTreeSet<String>), Failure> {
    pool.make_group().await.map_err(|error| refused(&error))?;
    let (bar, wanted) = (progress(names.len()), names.len());
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
    pool.seed(names, stop, count).await;
    bar.finish_and_clear();
    let (done, path) = (ready.len(), file.path.clone());
    let logins = ready.iter().map(|(name, _)| name.clone()).collect();
    if done > 0 {
        file.write(ready)?;
    }
    let made = done - known;
    tell(&format!(
        "{} created, {known} of the group `{GROUP}` with a new password: {}",
        counted(made, "user"),
        path.display()
    ));
    if !foreign.is_empty() {
        tell(&format!("not changed, because they exist and are not in that group: {}", some(&foreign)));
    }
    if !failed.is_empty() {
        tell(&format!("failed; run the same command again: {}", some(&failed)));
    }
    let exit = match (done == wanted, stop.is_cancelled()) {
        (true, _) => Exit::Success,
        (false, true) => Exit::Aborted,
        (false, false) => Exit::Missed,
    };
    Ok((exit, logins))
}

/// Waits until users can sign in at the replica, as preflight and every run try to. Where they cannot, that is said, and fails nothing.
async fn wait_for(
    replica: &RegionClients,
    pool: &Synthetics,
    named: (Naming, &str),
    users: &BTreeSet<String>,
    stop: &CancellationToken,
) {
    let (region, began) = (&replica.region, Clock::real_now());
    let bar = progress(users.len()).with_message(format!("at the replica ({region}) "));
    let missing = pool.arrived(&replica.cognito, named, users, stop, |there| bar.set_position(there as u64)).await;
    bar.finish_and_clear();
    let (all, after) = (counted(users.len(), "user"), Clock::real_now().duration_since(began).as_secs_f64());
    tell(&match missing {
        Ok(0) => format!("The replica ({region}) has them after {after:.1} s."),
        Ok(missing) => format!(
            "The replica ({region}) lacks {missing} of {all} after {after:.0} s. Until it has them, preflight finds that a login at the replica fails (GD102)."
        ),
        Err(error) => format!("Whether the replica ({region}) has them is not known: {error}"),
    });
}

async fn purge(pool: &Synthetics, prefix: &str, dry_run: bool) -> Result<Exit, Failure> {
    let census = pool.census(prefix).await.map_err(|error| refused(&error))?;
    let wanted = census.ours.len();
    if dry_run {
        let logins: Vec<String> = census.ours.iter().map(|user| user.login.clone()).collect();
        tell(&format!("{} would be deleted: {}", counted(wanted, "user"), some(&logins)));
    }
    let (mut gone, mut failed, mut is_stopped) = (0, Vec::new(), false);
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
        is_stopped = stop.is_cancelled();
        bar.finish_and_clear();
        tell(&format!("{gone} of {} deleted", counted(wanted, "user")));
    }
    if !census.other_names.is_empty() {
        tell(&format!(
            "not deleted, in the group `{GROUP}` without the prefix `{prefix}`: {}",
            some(&census.other_names)
        ));
    }
    if !census.not_members.is_empty() {
        tell(&format!("not deleted, with the prefix but not in the group: {}", some(&census.not_members)));
    }
    if !failed.is_empty() {
        tell(&format!("failed; run the same command again: {}", some(&failed)));
    }
    Ok(match (dry_run || gone == wanted, is_stopped) {
        (true, _) => Exit::Success,
        (false, true) => Exit::Aborted,
        (false, false) => Exit::NotRestored,
    })
}

/// Where names and passwords go.
struct PasswordFile {
    path: PathBuf,
    /// Its rows so far, by name: passwords of users that this command may not reach.
    old: BTreeMap<String, CsvRow>,
}

/// Password and TOTP secret.
struct CsvRow {
    password: Secret,
    totp_secret: Secret,
}

impl PasswordFile {
    /// Refuses a path that cannot be written, and a file that is no list of users.
    fn new(path: &Path) -> Result<Self, Failure> {
        let fail = |error: String| Failure::plain(format!("{}: {error}; nothing was changed", path.display()));
        let folder = folder(path);
        if !folder.is_dir() {
            return Err(fail(format!("the folder {} does not exist", folder.display())));
        }
        let mut rows = BTreeMap::new();
        if path.exists() {
            let users = read_list_file(path).map_err(|error| {
                Failure::with_help(
                    format!("{error}; nothing was changed"),
                    "Correct the file, or give another one with --out",
                )
            })?;
            for ListedUser { name, password, totp_secret } in users {
                let totp_secret = totp_secret.unwrap_or_else(|| Secret::new(""));
                rows.insert(name, CsvRow { password, totp_secret });
            }
        }
        Ok(Self { path: path.to_owned(), old: rows })
    }

    /// Refuses a file that holds passwords of others.
    fn check(&self, names: &[String]) -> Result<(), Failure> {
        if self.old.keys().all(|name| names.contains(name)) {
            return Ok(());
        }
        let text = format!("{} has passwords of other users; nothing was changed", self.path.display());
        Err(Failure::with_help(text, "Give another file with --out"))
    }

    /// Writes new passwords and those of users who kept theirs; all of it or nothing, readable by its owner alone.
    fn write(self, users: Vec<(String, Secret)>) -> Result<(), Failure> {
        let mut rows = self.old;
        for (name, password) in users {
            // A new password does not change how codes are made.
            let totp_secret = rows.remove(&name).map_or_else(|| Secret::new(""), |row| row.totp_secret);
            rows.insert(name, CsvRow { password, totp_secret });
        }
        let fail = |error: String| {
            let text = format!("{}: {error}", self.path.display());
            Failure::with_help(text, "The users were created; run the same command again to give them new passwords")
                .coded(Exit::Missed)
        };
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let beside = folder(&self.path).join(format!(".{name}.{:016x}", rand::random::<u64>()));
        let written = write_new(&beside, &rows).and_then(|()| fs::rename(&beside, &self.path));
        written.map_err(|error| {
            // A partly written file has passwords and no use.
            let _ = fs::remove_file(&beside);
            fail(error.to_string())
        })
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn write_new(path: &Path, rows: &BTreeMap<String, CsvRow>) -> std::io::Result<()> {
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
        let file = PasswordFile::new(&path).unwrap();
        file.write(vec![(names[0].clone(), Secret::new("p,\"1"))]).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, "username,password,totp_secret\ngameday-1,\"p,\"\"1\",\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        // The same users may be written again; others' passwords are not lost.
        assert!(PasswordFile::new(&path).unwrap().check(&names).is_ok());
        assert!(PasswordFile::new(&path).unwrap().check(&names[1..]).is_err());
        assert!(PasswordFile::new(&folder.path().join("no/users.csv")).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn a_list_that_others_can_read_is_refused_before_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.csv");
        fs::write(&path, "username,password\ngameday-1,hunter2\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(PasswordFile::new(&path).is_err());
        let text = read_list_file(&path).unwrap_err().to_string();
        assert!(text.contains("chmod 600") && !text.contains("hunter2"), "{text}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert!(PasswordFile::new(&path).is_ok());
    }

    #[test]
    fn a11_what_comes_next_is_said_with_what_the_environment_lacks() {
        let (file, list) = (Path::new("/e/e.toml"), Path::new("/e/users.csv"));
        assert_eq!(next(file, list, Some(list)), "Next: gameday preflight --env /e/e.toml");
        for named in [None, Some(Path::new("/e/other.csv"))] {
            let text = next(file, list, named);
            assert!(
                text.contains("`[users]` in /e/e.toml with `list = { file = \"/e/users.csv\" }`, then gameday"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_run_that_comes_to_few_users_keeps_every_totp_secret_and_the_others_passwords() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users.csv");
        let [one, two] = ["JBSWY3DPEHPK3PXPJBSWY3DPEH", "KRSXG5DTKRSXG5DTKRSXG5DTKR"];
        let text =
            format!("username,password,totp_secret\ngameday-2,two,{two}\ngameday-1,one,{one}\ngameday-3,three,\n");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let names = [1, 2, 3].map(|number| format!("gameday-{number}"));
        let file = PasswordFile::new(&path).unwrap();
        file.write(vec![(names[1].clone(), Secret::new("new"))]).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let expected =
            format!("username,password,totp_secret\ngameday-1,one,{one}\ngameday-2,new,{two}\ngameday-3,three,\n");
        assert_eq!(text, expected);
    }
}
