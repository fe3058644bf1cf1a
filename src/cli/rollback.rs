//! `gameday rollback`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::cloud::{Access, Cloud, RegionClients, reconnect};
use crate::faults::{Action, Discovered, Executor, Journal, JournalError, MutationSink, discover};
use crate::model::{Clock, Event, Region, RunId};

use super::signals::{Signals, say};
use super::world::{self, World};
use super::{Exit, Failure, Place, RollbackArgs, unfinished};

/// Puts back what journals record, or what is found without any.
pub async fn rollback(args: RollbackArgs) -> Result<Exit, Failure> {
    let give_up = CancellationToken::new();
    listen(&give_up)?;
    if args.discover {
        return Box::pin(discovered(args, &give_up)).await;
    }
    if let Some(folder) = args.run_dir {
        return of_journal(&folder, &give_up).await;
    }
    let mut folders: Vec<PathBuf> = unfinished::of_reports().into_iter().map(|run| run.folder).collect();
    if args.all {
        return all(folders, &give_up).await;
    }
    if folders.is_empty() {
        let help = "Name the run's folder: gameday rollback DIR. Or look in the account: --discover --env FILE";
        return Err(Failure::with_help("no unfinished run under reports/", help));
    }
    of_journal(&folders.remove(0), &give_up).await
}

/// One that fails must not keep the others from being restored.
async fn all(folders: Vec<PathBuf>, give_up: &CancellationToken) -> Result<Exit, Failure> {
    if folders.is_empty() {
        println!("no unfinished run under reports/: nothing is left to put back");
    }
    let mut worst = Exit::Success;
    for folder in folders {
        println!("{}:", folder.display());
        match of_journal(&folder, give_up).await {
            Ok(Exit::Success) => {}
            Ok(_) => worst = Exit::NotRestored,
            Err(failure) => {
                failure.tell();
                worst = Exit::NotRestored;
            }
        }
    }
    Ok(worst)
}

#[allow(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
fn not_restored(error: impl ToString) -> Failure {
    Failure::plain(error.to_string()).coded(Exit::NotRestored)
}

/// Puts back what a journal records, from that journal alone.
async fn of_journal(folder: &Path, give_up: &CancellationToken) -> Result<Exit, Failure> {
    let path = folder.join("journal.ndjson");
    let (journal, contents) = match Journal::reopen(&path) {
        Ok(opened) => opened,
        Err(error @ JournalError::NeverBegun { .. }) => {
            tell(&error.to_string());
            return Ok(Exit::Success);
        }
        Err(JournalError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Err(Failure::with_help(
                format!("{} has no journal.ndjson", folder.display()),
                "Give the folder of the run. A run without a journal has touched nothing",
            ));
        }
        Err(error) => {
            let help = "Look in the account, which needs no journal: gameday rollback --discover --env FILE";
            return Err(Failure::with_help(error.to_string(), help).coded(Exit::NotRestored));
        }
    };
    if contents.torn {
        say("the journal's last line was torn by a crash and is cut off");
    }
    if contents.access.embedded {
        tell("this run was in the embedded lab, which ended with it: nothing is left to put back");
        return Ok(Exit::Success);
    }
    let mut clients = Vec::new();
    for region in contents.actions.iter().map(|recorded| &recorded.region).collect::<BTreeSet<_>>() {
        clients.push(reconnect(&contents.access, region).await.map_err(not_restored)?);
    }
    let again = format!("gameday rollback {}", folder.display());
    restore(journal, &contents.run_id, clients, Clock::start(1.0), &again, give_up).await
}

async fn restore(
    journal: Journal,
    run: &RunId,
    clients: Vec<RegionClients>,
    clock: Clock,
    again: &str,
    give_up: &CancellationToken,
) -> Result<Exit, Failure> {
    let journal = Arc::new(journal);
    let executor = Executor::new(Arc::clone(&journal), clients, clock, teller());
    let restored = executor.restore(give_up).await;
    for note in &restored.notes {
        tell(&format!("note: {note}"));
    }
    tell(&format!("{} of {} mutations of {run} are reverted", restored.reverted, restored.mutations));
    if let Some(why) = journal.contents().incomplete.filter(|_| restored.left.is_empty()) {
        say(&format!("the journal is incomplete: {why}. What it tells is put back; what it does not tell may be left"));
        say("Look in the account: gameday rollback --discover --env FILE");
        return Ok(Exit::NotRestored);
    }
    if restored.left.is_empty() {
        if let Err(error) = journal.close() {
            say(&format!("warning: nothing is left, but the journal could not be closed: {error}"));
        }
        return Ok(Exit::Success);
    }
    for left in &restored.left {
        say(&format!("left: {left}"));
    }
    say(&format!("Try again with:\n  {again}"));
    Ok(Exit::NotRestored)
}

/// Looks in the account of an environment, and puts back what it finds.
async fn discovered(args: RollbackArgs, give_up: &CancellationToken) -> Result<Exit, Failure> {
    let place = Place { env: args.env, speed: None, seed: None };
    let (_, environment) = world::read(None, &place)?;
    let file = place.env.as_deref().unwrap_or(Path::new("FILE")).display().to_string();
    let world = Box::pin(World::open(environment, &place)).await?;
    let cloud = Cloud::connect(&world.site).await.map_err(|error| Failure::plain(error.to_string()))?;
    let mut found = BTreeMap::new();
    for clients in [&cloud.primary, &cloud.replica] {
        let looked = discover(clients, &world.site, &mut found).await;
        looked.map_err(|error| not_restored(format!("{} cannot be searched: {error}", clients.region)))?;
    }
    if found.is_empty() {
        println!("nothing of any run is left in {} and {}", cloud.primary.region, cloud.replica.region);
        return Ok(Exit::Success);
    }
    let again = format!("gameday rollback --discover --env {file}");
    let mut worst = Exit::Success;
    // The newest first: it may stand on what an older one left.
    for (run, left) in found.into_iter().rev() {
        let now = world.clock.now();
        if let Some(holder) = left.holder.as_ref().filter(|holder| holder.until > now && !args.even_if_locked) {
            say(&format!("left alone: {holder} may still be going on. If not: {again} --even-if-locked"));
            worst = Exit::NotRestored;
            continue;
        }
        let clients = vec![cloud.primary.clone(), cloud.replica.clone()];
        let journal = journal_of(&run, &left, &world).map_err(not_restored)?;
        tell(&format!("{run}: {} changes found; journal {}", left.actions.len(), journal.path().display()));
        if restore(journal, &run, clients, world.clock, &again, give_up).await? != Exit::Success {
            worst = Exit::NotRestored;
        }
    }
    Ok(worst)
}

/// A journal of what was found, so that this restore, too, survives a crash.
fn journal_of(run: &RunId, left: &Discovered, world: &World) -> Result<Journal, JournalError> {
    let at = world.clock.wall_now().strftime("%Y-%m-%dT%H%M%SZ");
    let folder = Path::new("reports").join(format!("{at}-discovered-{run}"));
    let path = folder.join("journal.ndjson");
    std::fs::create_dir_all(&folder).map_err(|source| JournalError::Io { path: path.clone(), source })?;
    let journal = Journal::create(&path, run.clone(), Access::of(&world.site), world.clock.now())?;
    journal.intend(&left.actions.iter().collect::<Vec<&(Region, Action)>>())?;
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

/// A reader that went away, or a full disk, must not stop a restore or change its exit code.
fn tell(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

fn listen(give_up: &CancellationToken) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let give_up = give_up.clone();
    tokio::spawn(async move {
        let name = signals.next().await;
        give_up.cancel();
        say(&format!("{name}: giving up what cannot be restored now"));
    });
    Ok(())
}
