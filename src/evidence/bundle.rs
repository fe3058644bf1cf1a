use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use super::EvidenceError;
use super::manifest::{MANIFEST, Manifest, SUMS, files, hash};
use gameday_core::model::COMPRESSION;

/// An archive that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// What it holds.
    pub manifest: Manifest,
    /// Its length.
    pub bytes: u64,
    /// Its own hash: what to write down elsewhere.
    pub sha256: String,
}

/// Puts all files of a run's folder into a tar.zst file elsewhere that must not be there yet.
///
/// # Errors
///
/// The folder is no run's, the file lies in it, or something cannot be read or written; what was begun is removed.
pub fn bundle(folder: &Path, out: &Path) -> Result<Bundle, EvidenceError> {
    let parent = std::path::absolute(out).ok().and_then(|out| out.parent()?.canonicalize().ok());
    if parent.is_some() && parent == folder.canonicalize().ok() {
        return Err(EvidenceError::Inside { path: out.to_owned() });
    }
    let manifest = Manifest::of(folder, &files(folder)?)?;
    let file = File::options().write(true).create_new(true).open(out).map_err(EvidenceError::io(out))?;
    let written =
        write(folder, &manifest, file).and_then(|()| File::open(out).and_then(hash).map_err(EvidenceError::io(out)));
    match written {
        Ok((bytes, sha256)) => Ok(Bundle { manifest, bytes, sha256 }),
        Err(error) => {
            // It is ours: it was made above.
            let _ = std::fs::remove_file(out);
            Err(error)
        }
    }
}

fn write(folder: &Path, manifest: &Manifest, file: File) -> Result<(), EvidenceError> {
    let io = || EvidenceError::io(folder);
    let encoder = zstd::Encoder::new(file, COMPRESSION).map_err(io())?;
    let mut tar = tar::Builder::new(encoder);
    let root = &manifest.run_id;
    let time = u64::try_from(manifest.ended_at.as_second()).unwrap_or_default();
    let mut add = |name: &str, length: u64, from: &mut dyn Read| {
        let mut header = tar::Header::new_gnu();
        header.set_size(length);
        header.set_mode(0o644);
        header.set_mtime(time);
        tar.append_data(&mut header, format!("{root}/{name}"), from)
    };
    for (name, text) in [(MANIFEST, manifest.text()), (SUMS, manifest.sums())] {
        add(name, text.len() as u64, &mut text.as_bytes()).map_err(io())?;
    }
    for entry in &manifest.files {
        let path = folder.join(&entry.name);
        // Exactly as much as was hashed: a file that has grown since would break the archive; verifying tells if it was changed.
        let mut file = File::open(&path).map_err(EvidenceError::io(&path))?.take(entry.bytes);
        add(&entry.name, entry.bytes, &mut file).map_err(EvidenceError::io(&path))?;
    }
    let encoder = tar.into_inner().map_err(io())?;
    let mut file = encoder.finish().map_err(io())?;
    file.flush().and_then(|()| file.sync_all()).map_err(io())?;
    Ok(())
}
