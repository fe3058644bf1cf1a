//! What an auditor takes away: all files of a run in one archive, with a manifest of their hashes, and the check that nothing of it was
//! changed since. The archive of a folder is always the same, byte for byte.

mod bundle;
mod manifest;
mod verify;

use std::path::PathBuf;

pub use bundle::{Bundle, bundle};
pub use manifest::{Caller, Chain, Entry, MANIFEST, Manifest, SUMS};
pub use verify::{Verified, verify};

/// An archive that cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The file system refused, or the archive is none.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no run to speak of.
    #[error("{path} is no folder of a run: {reason}")]
    NoRun {
        /// The folder.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
}

impl EvidenceError {
    fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        |source| Self::Io { path, source }
    }
}
