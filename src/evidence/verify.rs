use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufRead, Read};
use std::path::{Component, Path, PathBuf};

use super::EvidenceError;
use super::manifest::{Chain, MANIFEST, MANIFEST_VERSION, Manifest, ManifestEntry, SUMS, chain, copy, hash};
use gameday_core::measure::{self, History};
use gameday_core::model::{EVENT_LOG_VERSION, LONGEST_DOCUMENT, read_log};
use gameday_core::report;

/// What an archive turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What it says that it holds; nothing where it has no manifest that can be read.
    pub manifest: Option<Manifest>,
    /// Its own hash.
    pub sha256: String,
    /// What is wrong with it, in words; empty where everything in it fits together.
    pub problems: Vec<String>,
    /// Reports that follow from the event log byte for byte.
    pub derived: Vec<String>,
    /// Why reports were not derived again, where they were not.
    pub not_derived: Option<String>,
}

/// Checks an archive: every hash, no file more or less, the journal's chain, and that the reports follow from the event log. Whoever makes it all
/// anew passes; only its own hash, kept elsewhere, tells of that. Unpacks into a folder that must be empty.
///
/// # Errors
///
/// It cannot be read, or is no tar.zst.
pub fn verify(archive: &Path, scratch: &Path) -> Result<Verified, EvidenceError> {
    let (_, sha256) = File::open(archive).and_then(hash).map_err(EvidenceError::io(archive))?;
    let mut problems = Vec::new();
    let Unpacked { roots, files } = unpack(archive, scratch, &mut problems)?;
    let read = fs::read(scratch.join(MANIFEST)).map_err(|error| error.to_string()).and_then(|text| {
        let manifest = serde_json::from_slice::<Manifest>(&text).map_err(|error| error.to_string())?;
        Ok((manifest, text))
    });
    let (manifest, text) = match read {
        Ok(read) => read,
        Err(reason) => {
            problems.push(format!("{MANIFEST}: {reason}"));
            return Ok(Verified { manifest: None, sha256, problems, derived: Vec::new(), not_derived: None });
        }
    };
    if manifest.schema_version != MANIFEST_VERSION {
        let version = manifest.schema_version;
        problems.push(format!("{MANIFEST} has version {version}, but this GameDay reads version {MANIFEST_VERSION}"));
    }
    // Keys of which nobody knows would pass otherwise.
    if text != manifest.text().as_bytes() {
        problems.push(format!("{MANIFEST} does not have the form that GameDay writes"));
    }
    let others = roots.iter().filter(|root| **root != manifest.run_id);
    problems.extend(others.map(|root| format!("its folder is {root}, but its run is {}", manifest.run_id)));
    compare(&manifest, &files, &mut problems);
    if fs::read_to_string(scratch.join(SUMS)).ok() != Some(manifest.sums()) {
        problems.push(format!("{SUMS} and {MANIFEST} disagree"));
    }
    follow(&manifest, &files, scratch, &mut problems);
    let (derived, not_derived) = derive(&manifest, scratch, &mut problems);
    Ok(Verified { manifest: Some(manifest), sha256, problems, derived, not_derived })
}

/// The longest run that is unpacked: some 15 million logins. Our own choice, as those below.
const LONGEST_RUN: u64 = 8 << 30;
const MOST_MEMBERS: usize = 10_000;
const MOST_PROBLEMS: usize = 1_000;
/// The longest name of a file, with its folder (Linux, PATH_MAX).
const LONGEST_NAME: u64 = 4096;

/// What an archive really holds.
#[derive(Default)]
struct Unpacked {
    /// The folders of its files.
    roots: BTreeSet<String>,
    /// By name.
    files: BTreeMap<String, ManifestEntry>,
}

fn unpack(archive: &Path, scratch: &Path, problems: &mut Vec<String>) -> Result<Unpacked, EvidenceError> {
    let none = || EvidenceError::no_archive(archive);
    let file = File::open(archive).map_err(EvidenceError::io(archive))?;
    let decoder = zstd::Decoder::new(file).map_err(none())?.single_frame();
    let mut tar = tar::Archive::new(decoder);
    let (mut unpacked, mut long_name, mut room) = (Unpacked::default(), None, LONGEST_RUN);
    // Raw: the library would take names of any length into memory.
    for (number, member) in tar.entries().map_err(none())?.raw(true).enumerate() {
        let mut member = member.map_err(none())?;
        if member.header().entry_type().is_gnu_longname() && member.size() <= LONGEST_NAME {
            let mut bytes = Vec::new();
            member.read_to_end(&mut bytes).map_err(none())?;
            long_name = Some(String::from_utf8_lossy(&bytes).trim_end_matches('\0').into());
            continue;
        }
        let path: PathBuf = match long_name.take() {
            Some(name) => name,
            None => member.path().map_err(none())?.into_owned(),
        };
        if problems.len() > MOST_PROBLEMS || number > MOST_MEMBERS {
            return Err(none()(io::Error::other(format!("it has more than {MOST_MEMBERS} members or problems"))));
        }
        let Some((root, name)) = plain_name(&path).filter(|_| member.header().entry_type().is_file()) else {
            problems.push(format!("{} is not a file of a run", path.display()));
            continue;
        };
        let longest = if name.starts_with("events.ndjson") { room } else { LONGEST_DOCUMENT.min(room) };
        if member.size() > longest {
            return Err(none()(io::Error::other(format!(
                "{name} has {} bytes, more than a run writes",
                member.size()
            ))));
        }
        room -= member.size();
        let to = scratch.join(&name);
        if to.exists() {
            problems.push(format!("it contains {name} twice"));
            continue;
        }
        let mut to = File::create(&to).map_err(EvidenceError::io(&to))?;
        let (bytes, sha256) = copy(&mut member, &mut to).map_err(none())?;
        unpacked.roots.insert(root);
        unpacked.files.insert(name.clone(), ManifestEntry { name, bytes, sha256 });
    }
    let mut decoder = tar.into_inner();
    let follow = says_more(&mut decoder).and_then(|more| Ok(more || !decoder.finish().fill_buf()?.is_empty()));
    if follow.map_err(none())? {
        problems.push("there are bytes after its end".to_owned());
    }
    Ok(unpacked)
}

/// Whether anything but the zeros that fill up a tar is left to read.
fn says_more(from: &mut impl Read) -> io::Result<bool> {
    let mut block = vec![0; 1 << 16];
    loop {
        match from.read(&mut block)? {
            0 => return Ok(false),
            read if block[..read].iter().any(|byte| *byte != 0) => return Ok(true),
            _ => {}
        }
    }
}

/// RUN and NAME of `RUN/NAME`, and of nothing that leads elsewhere.
fn plain_name(path: &Path) -> Option<(String, String)> {
    match path.components().collect::<Vec<_>>()[..] {
        [Component::Normal(root), Component::Normal(name)] => {
            Some((root.to_str()?.to_owned(), name.to_str()?.to_owned()))
        }
        _ => None,
    }
}

fn compare(manifest: &Manifest, found: &BTreeMap<String, ManifestEntry>, problems: &mut Vec<String>) {
    for expected in &manifest.files {
        match found.get(&expected.name) {
            None => problems.push(format!("{} is missing", expected.name)),
            Some(entry) if entry != expected => {
                problems.push(format!("{} was changed: its SHA-256 is {}", expected.name, entry.sha256));
            }
            Some(_) => {}
        }
    }
    let known = |name: &str| name == MANIFEST || name == SUMS || manifest.files.iter().any(|file| file.name == name);
    problems.extend(found.keys().filter(|name| !known(name)).map(|name| format!("{name} is not in the manifest")));
}

/// That journal and event log say what the manifest says. Only what was unpacked is opened: the manifest may name anything.
fn follow(manifest: &Manifest, found: &BTreeMap<String, ManifestEntry>, scratch: &Path, problems: &mut Vec<String>) {
    let told: Result<Option<Chain>, _> = chain(scratch);
    match told {
        Err(error) => problems.push(error.to_string()),
        Ok(found) if found != manifest.journal => {
            problems.push("the hash chain of the journal does not end as the manifest says".to_owned());
        }
        Ok(_) => {}
    }
    let names: Vec<String> = found.keys().filter(|name| *name != MANIFEST && *name != SUMS).cloned().collect();
    match Manifest::of(scratch, &names) {
        Ok(again) if again != *manifest => problems.push(format!("{MANIFEST} does not follow from the files")),
        Ok(_) => {}
        Err(EvidenceError::NoRun { reason, .. }) => problems.push(reason),
        Err(error) => problems.push(error.to_string()),
    }
}

/// Derives the reports again where this GameDay is the one that wrote them.
fn derive(manifest: &Manifest, scratch: &Path, problems: &mut Vec<String>) -> (Vec<String>, Option<String>) {
    let own = env!("CARGO_PKG_VERSION");
    if manifest.tool_version != own {
        return (
            Vec::new(),
            Some(format!("they were written by GameDay {}, but this is GameDay {own}", manifest.tool_version)),
        );
    }
    let mut history = History::default();
    let outcome = read_log(&scratch.join("events.ndjson"), |record| history.take(record))
        .map_err(|error| error.to_string())
        .and_then(|()| measure::outcome(&history).map_err(|error| error.to_string()));
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            problems.push(format!("its event log cannot be evaluated: {error}"));
            return (Vec::new(), None);
        }
    };
    // A log of an older version gives reports of this one.
    let version = outcome.run.schema_version;
    if version != EVENT_LOG_VERSION {
        let why =
            format!("their event log is of version {version}, but this GameDay writes version {EVENT_LOG_VERSION}");
        return (Vec::new(), Some(why));
    }
    let mut derived = Vec::new();
    for (name, bytes) in report::reports(&outcome) {
        match fs::read(scratch.join(name)) {
            Ok(found) if found == bytes => derived.push(name.to_owned()),
            Ok(_) => problems.push(format!("{name} does not follow from the event log")),
            // Whether it should be there, the manifest tells.
            Err(_) => {}
        }
    }
    (derived, None)
}
