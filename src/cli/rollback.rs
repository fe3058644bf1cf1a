//! `gameday rollback`.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::cloud::reconnect;
use crate::faults::{Executor, Journal, JournalError, MutationSink, read_journal};
use crate::model::{Clock, Event};

use super::signals::{Signals, say};
use super::{Exit, Failure, RollbackArgs};

/// Puts back what a journal records, from that journal alone.
pub async fn rollback(args: RollbackArgs) -> Result<Exit, Failure> {
    let folder = args.run_dir.map_or_else(newest_unfinished, Ok)?;
    let path = folder.join("journal.ndjson");
    if !path.exists() {
        return Err(Failure::with_help(
            format!("{} has no journal.ndjson", folder.display()),
            "Give the folder of the run. A run without a journal has touched nothing",
        ));
    }
    let (journal, contents) = match Journal::reopen(&path) {
        Ok(opened) => opened,
        Err(error @ JournalError::NeverBegun { .. }) => {
            tell(&error.to_string());
            return Ok(Exit::Success);
        }
        Err(error) => return Err(Failure::plain(error.to_string()).coded(Exit::NotRestored)),
    };
    if contents.torn {
        say("the journal's last line was torn by a crash and is cut off");
    }
    if contents.access.embedded {
        tell("this run was in the embedded lab, which ended with it: nothing is left to put back");
        return Ok(Exit::Success);
    }
    let not_restored = |error: String| Failure::plain(error).coded(Exit::NotRestored);
    let mut clients = Vec::new();
    for region in contents.actions.iter().map(|recorded| &recorded.region).collect::<BTreeSet<_>>() {
        let client = reconnect(&contents.access, region).await;
        clients.push(client.map_err(|error| not_restored(error.to_string()))?);
    }
    let give_up = CancellationToken::new();
    listen(&give_up)?;
    let journal = Arc::new(journal);
    let executor = Executor::new(Arc::clone(&journal), clients, Clock::start(1.0), teller());
    let executor = executor.map_err(|error| not_restored(error.to_string()))?;
    let restored = executor.restore(&give_up).await.map_err(|error| not_restored(error.to_string()))?;
    for note in &restored.notes {
        tell(&format!("note: {note}"));
    }
    tell(&format!("{} of {} mutations of {} are reverted", restored.reverted, restored.mutations, contents.run_id));
    if restored.left.is_empty() {
        if let Err(error) = journal.close() {
            say(&format!("warning: nothing is left, but the journal could not be closed: {error}"));
        }
        return Ok(Exit::Success);
    }
    for left in &restored.left {
        say(&format!("left: {left}"));
    }
    say(&format!("Try again with:\n  gameday rollback {}", folder.display()));
    Ok(Exit::NotRestored)
}

fn teller() -> MutationSink {
    Arc::new(|event| match event {
        Event::Mutation(mutation) => match &mutation.error {
            None => tell(&format!("{} {}", mutation.call, mutation.resource)),
            Some(error) => tell(&format!("{} {}: {error}", mutation.call, mutation.resource)),
        },
        Event::Notice { text } => tell(&text),
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

fn newest_unfinished() -> Result<PathBuf, Failure> {
    let reports = Path::new("reports");
    let unfinished = |folder: &PathBuf| {
        let path = folder.join("journal.ndjson");
        path.exists()
            && match read_journal(&path) {
                Ok(contents) => !contents.closed && !contents.access.embedded,
                Err(error) => !matches!(error, JournalError::NeverBegun { .. }),
            }
    };
    let mut folders: Vec<PathBuf> = std::fs::read_dir(reports)
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).filter(unfinished).collect())
        .unwrap_or_default();
    folders.sort();
    folders.pop().ok_or_else(|| {
        Failure::with_help("no unfinished run under reports/", "Name the run's folder: gameday rollback DIR")
    })
}
