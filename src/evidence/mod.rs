//! What an auditor takes away: all files of a run in one archive, with a manifest of their hashes, and the check that they fit together and
//! are what the archive was made of. The archive of a folder is always the same, byte for byte.

mod bundle;
mod manifest;
mod verify;

use std::path::{Path, PathBuf};

pub use bundle::{Bundle, bundle};
pub use manifest::{CallerIdentity, Chain, MANIFEST, Manifest, ManifestEntry, SUMS};
pub use verify::{Verified, verify};

/// An archive that cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is no run to speak of.
    #[error("{path} is not the folder of a run: {reason}")]
    NoRun {
        /// The folder.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// Something in the folder of a run that an archive cannot hold.
    #[error("{path} cannot be put into an archive: {reason}")]
    NoFile {
        /// What it is about.
        path: PathBuf,
        /// Why.
        reason: &'static str,
    },
    /// The archive would become a file of the run.
    #[error("{path} is in the folder of the run, so the next archive would contain it")]
    Inside {
        /// The archive.
        path: PathBuf,
    },
    /// It cannot be read as an archive.
    #[error("{path} is not an archive of a run: {source}")]
    NoArchive {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl EvidenceError {
    fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        |source| Self::Io { path, source }
    }

    fn no_archive(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::NoArchive { path, source }
    }
}
