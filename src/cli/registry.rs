//! Which runs have begun and not said that everything is restored: a small file for each, in a place that does not depend on the working
//! directory or on `--out`, so that every later call finds what a killed run left.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cloud::Access;
use gameday_core::files::write_private;
use gameday_core::model::RunId;

/// Names another folder than those of the XDG base directory specification.
const STATE_DIR: &str = "GAMEDAY_STATE_DIR";
/// A registration is smaller.
const LONGEST: u64 = 1 << 20;

/// A run that has begun.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Registration {
    /// Its ID.
    pub run: RunId,
    /// Its folder, an absolute path.
    pub folder: PathBuf,
    /// The environment and how to reach its account; no secret.
    pub access: Access,
    /// The environment file, an absolute path.
    pub environment_file: Option<PathBuf>,
    /// User and host.
    pub owner: String,
    /// Who makes it.
    pub process: Process,
    /// When it began.
    pub started_at: Timestamp,
}

/// A process of a machine, so that another one with its number is not taken for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    /// The machine's name.
    host: String,
    /// Its ID by machine-id(5), where it has one.
    machine: Option<String>,
    /// Which start of it, by random(4).
    boot: Option<String>,
    /// The process's PID namespace, by pid_namespaces(7): containers count for themselves.
    namespace: Option<String>,
    /// The process ID.
    pub id: u32,
    /// In clock ticks after the machine's start, by proc_pid_stat(5).
    started: Option<u64>,
}

impl Process {
    /// This one.
    pub(super) fn own() -> Self {
        let id = std::process::id();
        let line = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
        Self {
            host: host(),
            machine: line("/etc/machine-id").filter(|text| !text.is_empty()),
            boot: line("/proc/sys/kernel/random/boot_id"),
            namespace: fs::read_link("/proc/self/ns/pid").ok().map(|link| link.to_string_lossy().into_owned()),
            id,
            started: started(id),
        }
    }

    /// Whether it is known to have ended: it was of this machine, and is there no more. One of another machine may live.
    pub(super) fn is_dead(&self) -> bool {
        let own = Self::own();
        if self.host != own.host || self.machine != own.machine || self.boot.is_none() || own.boot.is_none() {
            return false;
        }
        self.boot != own.boot
            || (self.namespace == own.namespace && own.started.is_some() && started(self.id) != self.started)
    }
}

/// When a process was started; nothing for one that has ended, also where nobody has taken notice of that yet.
fn started(id: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name in brackets may hold anything.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// The machine's name.
pub(super) fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// A registration and its file.
#[derive(Debug, Clone)]
pub(super) struct Registered {
    /// What it says.
    pub run: Registration,
    file: PathBuf,
}

impl Registered {
    /// The run has nothing to put back any more.
    pub(super) fn remove(&self) {
        // One that stays is found to be finished by the next call.
        let _ = fs::remove_file(&self.file);
    }
}

/// What is registered.
#[derive(Debug, Default)]
pub(super) struct Registry {
    /// Runs.
    pub runs: Vec<Registered>,
    /// Registrations and folders that cannot be read, in words.
    pub unreadable: Vec<String>,
}

/// Registers a run; where that cannot be done, gives the reason.
///
/// # Errors
/// In words.
pub(super) fn register(run: Registration) -> Result<Registered, String> {
    let name = format!("{}.json", run.run);
    let text = serde_json::to_vec_pretty(&run).map_err(|error| error.to_string())?;
    let mut reasons = Vec::new();
    for folder in folders() {
        let file = folder.join(&name);
        let written = make(&folder).and_then(|()| write_private(&file, &text));
        // The name, too, must be on disk.
        match written.and_then(|()| File::open(&folder)?.sync_all()) {
            Ok(()) => return Ok(Registered { run, file }),
            Err(error) => reasons.push(format!("{}: {error}", folder.display())),
        }
    }
    Err(if reasons.is_empty() { format!("neither {STATE_DIR} nor HOME is set") } else { reasons.join("; ") })
}

/// Every registration of every place.
pub(super) fn read() -> Registry {
    let mut registry = Registry::default();
    for folder in folders() {
        let entries = match trusted(&folder).and_then(|()| fs::read_dir(&folder)) {
            Ok(entries) => entries,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
            Err(error) => {
                registry.unreadable.push(format!("{}: {error}", folder.display()));
                continue;
            }
        };
        for file in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            if file.extension() != Some(OsStr::new("json")) {
                continue;
            }
            match registration(&file) {
                Ok(run) => registry.runs.push(Registered { run, file }),
                // Its run has ended meanwhile.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => registry.unreadable.push(format!("{}: {error}", file.display())),
            }
        }
    }
    registry
}

fn registration(file: &Path) -> io::Result<Registration> {
    let mut text = Vec::new();
    File::open(file)?.take(LONGEST).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

/// Where registrations may be, the first that can be written first.
pub(super) fn folders() -> Vec<PathBuf> {
    let path = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| !path.as_os_str().is_empty());
    if let Some(folder) = path(STATE_DIR) {
        return vec![std::path::absolute(&folder).unwrap_or(folder)];
    }
    // By the XDG base directory specification a relative path counts for nothing.
    let state = path("XDG_STATE_HOME").filter(|path| path.is_absolute());
    let home = path("HOME").filter(|path| path.is_absolute()).map(|home| home.join(".local/state"));
    let mut folders: Vec<PathBuf> = state.into_iter().chain(home).map(|folder| folder.join("gameday")).collect();
    folders.push(Path::new("/var/tmp").join(format!("gameday-{}", rustix::process::geteuid().as_raw())));
    folders.dedup();
    folders
}

fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    trusted(folder)
}

/// What others may write there could lead a rollback anywhere.
fn trusted(folder: &Path) -> io::Result<()> {
    let there = fs::symlink_metadata(folder)?;
    let there = if there.is_symlink() && !folder.starts_with("/var/tmp") { fs::metadata(folder)? } else { there };
    let own = rustix::process::geteuid();
    // To root, whoever owns it, a folder of a user is as good.
    if there.is_dir() && (there.uid() == own.as_raw() || own.is_root()) && there.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(io::Error::new(ErrorKind::PermissionDenied, "not a folder that only its owner can write to"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_dead_only_where_that_is_certain() {
        let own = Process::own();
        assert!(own.started.is_some() && own.boot.is_some());
        assert!(!own.is_dead());
        assert!(Process { started: own.started.map(|at| at + 1), ..own.clone() }.is_dead(), "another with its number");
        assert!(Process { id: u32::MAX, ..own.clone() }.is_dead());
        assert!(Process { boot: Some("another".to_owned()), ..own.clone() }.is_dead(), "before a restart");
        assert!(!Process { host: "another".to_owned(), id: u32::MAX, ..own.clone() }.is_dead(), "of another machine");
        assert!(!Process { namespace: Some("pid:[1]".to_owned()), id: u32::MAX, ..own }.is_dead(), "of a container");
    }

    #[test]
    fn a_process_that_was_killed_and_not_waited_for_is_dead() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let there = Process { id: child.id(), started: started(child.id()), ..Process::own() };
        assert!(!there.is_dead());
        child.kill().unwrap();
        while !there.is_dead() {
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        child.wait().unwrap();
        assert!(there.is_dead());
    }
}
