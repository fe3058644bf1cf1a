//! `gameday rollback`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::cloud::{Access, RegionClients, reconnect};
use crate::faults::{Action, Discovered, Executor, Journal, JournalError, MutationSink, discover};
use gameday_core::model::{Clock, Event, Region, RunId};
use gameday_core::report::escape::shell_word;
use gameday_core::report::words::counted;

use super::output::{say, tell};
use super::registry::{self, Process};
use super::signals::Signals;
use super::unfinished::{FoundRuns, Unfinished};
use super::world::{self, World};
use super::{Exit, Failure, Place, RollbackArgs, pause, unfinished};

/// Restores what journals record, or what is found without a journal.
pub(super) async fn rollback(args: RollbackArgs) -> Result<Exit, Failure> {
    let give_up = CancellationToken::new();
    listen(&give_up)?;
    let work = Work { give_up, even_if_locked: args.even_if_locked };
    if let (true, Some(env)) = (args.discover, &args.env) {
        return Box::pin(work.discovered(env)).await;
    }
    if let Some(folder) = args.run_dir {
        return Box::pin(work.of_folder(&unfinished::at(&folder))).await;
    }
    Box::pin(work.of_all(unfinished::all(), args.all, args.env)).await
}

/// Whether one of several restores has failed: that decides the exit code of the command.
#[derive(Default)]
struct Worst(bool);

impl Worst {
    /// One that fails must not keep the others from being restored.
    fn take(&mut self, result: Result<Exit, Failure>) {
        match result {
            Ok(Exit::Success) => {}
            Ok(_) => self.0 = true,
            Err(failure) => {
                failure.print();
                self.0 = true;
            }
        }
    }

    fn exit(&self) -> Exit {
        if self.0 { Exit::NotRestored } else { Exit::Success }
    }
}

#[allow(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
fn not_restored(error: impl ToString) -> Failure {
    Failure::plain(error.to_string()).coded(Exit::NotRestored)
}

/// The command that looks in an account.
fn discover_command(env: Option<&Path>) -> String {
    format!("gameday rollback --discover --env {}", env.map_or_else(|| "FILE".to_owned(), shell_word))
}

struct Work {
    give_up: CancellationToken,
    even_if_locked: bool,
}

impl Work {
    /// The newest unfinished run, or all of them and the accounts of their environments.
    async fn of_all(&self, looked: FoundRuns, all: bool, env: Option<PathBuf>) -> Result<Exit, Failure> {
        let mut worst = Worst::default();
        for what in &looked.unreadable {
            say(&format!("could not search for runs: {what}"));
            worst.0 = true;
        }
        let known = looked.runs.iter().filter_map(|run| run.environment_file().map(Path::to_owned));
        let accounts: BTreeSet<PathBuf> = env.into_iter().chain(known).filter(|_| all).collect();
        if looked.runs.is_empty() {
            tell(&format!("no unfinished run in {}", unfinished::places()));
        }
        for run in &looked.runs {
            if let Some(process) = run.living() {
                let folder = shell_word(&run.folder);
                say(&format!(
                    "run {} is still in progress, in process {process}: {folder}. To stop it: kill -INT {process}",
                    run.name()
                ));
                worst.0 = true;
                continue;
            }
            if all {
                tell(&format!("{}:", run.folder.display()));
            }
            worst.take(Box::pin(self.of_folder(run)).await);
            if !all {
                break;
            }
        }
        for env in &accounts {
            worst.take(Box::pin(self.discovered(env)).await);
        }
        if accounts.is_empty() && looked.runs.is_empty() {
            tell(&format!("No account was searched. To search one: {}", discover_command(None)));
        }
        Ok(worst.exit())
    }

    /// Puts back what a run's journal records; without one, what is found in its account.
    async fn of_folder(&self, run: &Unfinished) -> Result<Exit, Failure> {
        let result = Box::pin(self.of_journal(run)).await;
        if matches!(result, Ok(Exit::Success)) {
            run.forget();
        }
        result
    }

    /// Puts back what a journal records, from that journal alone.
    async fn of_journal(&self, run: &Unfinished) -> Result<Exit, Failure> {
        let folder = &run.folder;
        let path = folder.join("journal.ndjson");
        let (journal, contents) = match Journal::reopen(&path) {
            Ok(opened) => opened,
            Err(error @ JournalError::NeverBegun { .. }) => {
                tell(&error.to_string());
                return Ok(Exit::Success);
            }
            Err(error @ JournalError::InUse { .. }) => return Err(not_restored(error)),
            Err(JournalError::Io { source, .. })
                if source.kind() == ErrorKind::NotFound && run.registered.is_none() =>
            {
                return Err(Failure::with_help(
                    format!("{} has no journal.ndjson", folder.display()),
                    format!(
                        "Give the folder of the run. If it is this one, search the account, which needs no journal: {}",
                        discover_command(None)
                    ),
                ));
            }
            Err(error) => return self.without_journal(run, &error).await,
        };
        if contents.torn {
            say("the last line of the journal is incomplete because of a crash; it is ignored");
        }
        if contents.access.embedded {
            tell("this run was in the embedded lab, which ended with it: nothing is left to restore");
            return Ok(Exit::Success);
        }
        if let Err(error) = OpenOptions::new().append(true).open(&path) {
            say(&format!(
                "warning: the restore cannot be recorded, because {} cannot be written: {error}",
                path.display()
            ));
        }
        let mut clients = Vec::new();
        for region in contents.actions.iter().map(|recorded| &recorded.region).collect::<BTreeSet<_>>() {
            clients.push(reconnect(&contents.access, region).await.map_err(not_restored)?);
        }
        super::identity::verify(&clients, &contents).await?;
        let again = format!("gameday rollback {}", shell_word(folder));
        self.restore(journal, &contents.run_id, clients, Clock::start(1.0), (&again, run.environment_file())).await
    }

    /// Without a usable journal, the account is searched instead.
    async fn without_journal(&self, run: &Unfinished, error: &JournalError) -> Result<Exit, Failure> {
        let Some(env) = run.environment_file() else {
            let help = format!("Search the account, which needs no journal: {}", discover_command(None));
            return Err(Failure::with_help(error.to_string(), help).coded(Exit::NotRestored));
        };
        say(&error.to_string());
        self.instead_of_journal(env).await
    }

    async fn instead_of_journal(&self, env: &Path) -> Result<Exit, Failure> {
        say(&format!("Searching the account instead, like this command: {}", discover_command(Some(env))));
        say(
            "This search does not find users that the run created or whose passwords it set, because users have no tags.",
        );
        Box::pin(self.discovered(env)).await
    }

    async fn restore(
        &self,
        journal: Journal,
        run: &RunId,
        clients: Vec<RegionClients>,
        clock: Clock,
        (again, env): (&str, Option<&Path>),
    ) -> Result<Exit, Failure> {
        let journal = Arc::new(journal);
        let executor = Executor::new(Arc::clone(&journal), clients, clock, teller()).resuming();
        let restored = executor.restore(&self.give_up).await;
        for note in &restored.notes {
            tell(&format!("note: {note}"));
        }
        tell(&format!("run {run}: {} of {} reverted", restored.reverted, counted(restored.mutations, "mutation")));
        if let Some(why) = journal.contents().incomplete.filter(|_| restored.left.is_empty()) {
            say(&format!("the journal is incomplete: {why}. What it records is restored; other changes may be left"));
            let Some(env) = env else {
                say(&format!("Search the account: {}", discover_command(None)));
                return Ok(Exit::NotRestored);
            };
            return self.instead_of_journal(env).await;
        }
        if restored.left.is_empty() {
            if let Err(error) = journal.close() {
                say(&format!(
                    "warning: everything is restored, but the journal could not be closed: {error}. To close it: {again}"
                ));
            }
            return Ok(Exit::Success);
        }
        for left in &restored.left {
            say(&format!("not restored: {left}"));
        }
        say(&format!("To try again:\n  {again}"));
        Ok(Exit::NotRestored)
    }

    /// Looks in the account of an environment, and puts back what it finds.
    async fn discovered(&self, env: &Path) -> Result<Exit, Failure> {
        let again = discover_command(Some(env));
        let not_searched = |error: String| {
            let text = format!("the account of {} could not be searched: {error}", env.display());
            Failure::with_help(text, format!("Something may be left there. To try again: {again}"))
                .coded(Exit::NotRestored)
        };
        let place = Place { env: Some(env.to_owned()), speed: None, seed: None };
        let (_, environment) = world::read(None, &place)?;
        let world = Box::pin(World::open(environment, &place)).await?;
        let (cloud, caller) = world::allowed(&world.site).await?;
        let access = cloud.access(&world.site, &caller);
        let (mut found, mut worst) = (BTreeMap::new(), Worst::default());
        for clients in [&cloud.primary, &cloud.replica] {
            // What is left in the other Region is put back all the same.
            if let Err(error) = discover(clients, &world.site, &mut found).await {
                worst.take(Err(not_searched(format!("{}: {error}", clients.region))));
            }
        }
        if found.is_empty() && !worst.0 {
            tell(&format!(
                "no change by any run is left in {} and {} of `{}`",
                cloud.primary.region, cloud.replica.region, world.site.name
            ));
        }
        let registered = registry::read().runs;
        // The newest first: it may stand on what an older one left.
        for (run, left) in found.into_iter().rev() {
            let now = world.clock.now();
            let process = registered.iter().find(|registered| registered.run.run == run).map(|it| &it.run.process);
            let ended = process.is_some_and(Process::is_dead);
            let locked = left.holder.as_ref().filter(|holder| holder.until > now && !ended && !self.even_if_locked);
            if let Some(holder) = locked {
                say(&format!(
                    "not restored: {holder} may still be in progress. If it is not: {again} --even-if-locked"
                ));
                worst.0 = true;
                continue;
            }
            let clients = vec![cloud.primary.clone(), cloud.replica.clone()];
            let restored = match journal_of(&run, &left, &world, &access) {
                Ok(journal) => {
                    let path = journal.path().display();
                    tell(&format!("{run}: {} found; journal {path}", counted(left.actions.len(), "change")));
                    Box::pin(self.restore(journal, &run, clients, world.clock, (&again, None))).await
                }
                Err(error) => Err(not_restored(error)),
            };
            worst.take(restored);
        }
        Ok(worst.exit())
    }
}

/// A journal of what was found, so that this restore, too, survives a crash. It is kept beside other runs, else with the registered ones, else
/// in memory: nothing may delay a restore.
fn journal_of(run: &RunId, left: &Discovered, world: &World, access: &Access) -> Result<Journal, JournalError> {
    let at = world.clock.wall_now().strftime("%Y-%m-%dT%H%M%SZ");
    let name = format!("{at}-discovered-{run}");
    let now = world.clock.now();
    let actions = left.actions.iter().collect::<Vec<&(Region, Action)>>();
    let create = |folder: &Path| {
        let path = folder.join(&name).join("journal.ndjson");
        let made = std::fs::create_dir_all(folder.join(&name));
        made.map_err(|source| JournalError::Io { path: path.clone(), source })?;
        let journal = Journal::create(&path, run.clone(), access.clone(), now)?;
        journal.intend(&actions)?;
        Ok::<_, JournalError>(journal)
    };
    for folder in std::iter::once(PathBuf::from("reports")).chain(registry::folders()) {
        match create(&folder) {
            Ok(journal) => return Ok(journal),
            Err(error) => say(&format!("warning: the restore cannot be recorded there: {error}")),
        }
    }
    let journal = Journal::in_memory(run.clone(), access.clone(), now)?;
    journal.intend(&actions)?;
    Ok(journal)
}

fn teller() -> MutationSink {
    Arc::new(|event| match event {
        Event::Mutation(mutation) => match &mutation.error {
            None => tell(&format!("{} {}", mutation.call, mutation.resource)),
            Some(error) => tell(&format!("{} {}: {error}", mutation.call, mutation.resource)),
        },
        Event::Notice { text } | Event::ChangedByOthers { found: text, .. } => tell(&text),
        _ => {}
    })
}

fn listen(give_up: &CancellationToken) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let words =
        "SIGTSTP: the restore is suspended before its end, and the fault may still be in force. Continue with: fg";
    pause::announce(|| words.to_owned(), |_| ())?;
    let give_up = give_up.clone();
    tokio::spawn(async move {
        let name = signals.next().await;
        give_up.cancel();
        say(&format!("{name}: aborting the restore"));
    });
    Ok(())
}
