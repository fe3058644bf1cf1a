use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Component, Path};

use super::EvidenceError;
use super::manifest::{Chain, Entry, MANIFEST, MANIFEST_VERSION, Manifest, SUMS, chain, copy, hash};
use crate::measure::{self, History};
use crate::model::read_log;
use crate::report;

/// What an archive turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What it says that it holds; nothing where it has no manifest that can be read.
    pub manifest: Option<Manifest>,
    /// Its own hash.
    pub sha256: String,
    /// What is wrong with it, in words; empty for what is as it was.
    pub problems: Vec<String>,
    /// Reports that follow from the event log byte for byte.
    pub derived: Vec<String>,
    /// Why reports were not derived again, where they were not.
    pub not_derived: Option<String>,
}

/// Checks an archive: every hash, no file more or less, the journal's chain, and that the reports follow from the event log. Unpacks into a
/// folder that must be empty.
///
/// # Errors
///
/// It cannot be read, or is no tar.zst.
pub fn verify(archive: &Path, scratch: &Path) -> Result<Verified, EvidenceError> {
    let io = || EvidenceError::io(archive);
    let (_, sha256) = File::open(archive).and_then(hash).map_err(io())?;
    let mut problems = Vec::new();
    let decoder = zstd::Decoder::new(File::open(archive).map_err(io())?).map_err(io())?;
    let mut found: BTreeMap<String, Entry> = BTreeMap::new();
    for member in tar::Archive::new(decoder).entries().map_err(io())? {
        let mut member = member.map_err(io())?;
        let path = member.path().map_err(io())?.into_owned();
        let Some(name) = plain_name(&path).filter(|_| member.header().entry_type().is_file()) else {
            problems.push(format!("{} is no file of a run", path.display()));
            continue;
        };
        let unpacked = scratch.join(&name);
        if unpacked.exists() {
            problems.push(format!("{name} is in it twice"));
            continue;
        }
        let mut to = File::create(&unpacked).map_err(EvidenceError::io(&unpacked))?;
        let (bytes, sha256) = copy(&mut member, &mut to).map_err(io())?;
        found.insert(name.clone(), Entry { name, bytes, sha256 });
    }
    let manifest = fs::read(scratch.join(MANIFEST)).map_err(|error| error.to_string());
    let manifest = manifest.and_then(|text| serde_json::from_slice(&text).map_err(|error| error.to_string()));
    let manifest: Manifest = match manifest {
        Ok(manifest) => manifest,
        Err(reason) => {
            problems.push(format!("{MANIFEST}: {reason}"));
            return Ok(Verified { manifest: None, sha256, problems, derived: Vec::new(), not_derived: None });
        }
    };
    if manifest.schema_version != MANIFEST_VERSION {
        let version = manifest.schema_version;
        problems.push(format!("{MANIFEST} has version {version}, and this GameDay reads version {MANIFEST_VERSION}"));
    }
    compare(&manifest, &found, &mut problems);
    if fs::read_to_string(scratch.join(SUMS)).ok() != Some(manifest.sums()) {
        problems.push(format!("{SUMS} does not say what {MANIFEST} says"));
    }
    follow(&manifest, scratch, &mut problems);
    let (derived, not_derived) = derive(&manifest, scratch, &mut problems);
    Ok(Verified { manifest: Some(manifest), sha256, problems, derived, not_derived })
}

/// `RUN/NAME`, and nothing that leads elsewhere.
fn plain_name(path: &Path) -> Option<String> {
    match path.components().collect::<Vec<_>>()[..] {
        [Component::Normal(_), Component::Normal(name)] => Some(name.to_str()?.to_owned()),
        _ => None,
    }
}

fn compare(manifest: &Manifest, found: &BTreeMap<String, Entry>, problems: &mut Vec<String>) {
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

/// That journal and event log say what the manifest says.
fn follow(manifest: &Manifest, scratch: &Path, problems: &mut Vec<String>) {
    let told: Result<Option<Chain>, _> = chain(scratch);
    match told {
        Err(error) => problems.push(error.to_string()),
        Ok(found) if found != manifest.journal => {
            problems.push("the journal's chain of hashes does not end as the manifest says".to_owned());
        }
        Ok(_) => {}
    }
    let names: Vec<String> = manifest.files.iter().map(|file| file.name.clone()).collect();
    match Manifest::of(scratch, &names) {
        Ok(again) if again != *manifest => problems.push(format!("{MANIFEST} does not follow from the files")),
        Ok(_) => {}
        Err(error) => problems.push(error.to_string()),
    }
}

/// Derives the reports again where this GameDay is the one that wrote them.
fn derive(manifest: &Manifest, scratch: &Path, problems: &mut Vec<String>) -> (Vec<String>, Option<String>) {
    let own = env!("CARGO_PKG_VERSION");
    if manifest.tool_version != own {
        return (
            Vec::new(),
            Some(format!("they were written by GameDay {}, and this is {own}", manifest.tool_version)),
        );
    }
    let mut history = History::default();
    let outcome = read_log(&scratch.join("events.ndjson"), |record| history.take(record))
        .map_err(|error| error.to_string())
        .and_then(|()| measure::outcome(&history).map_err(|error| error.to_string()));
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => return (Vec::new(), Some(error)),
    };
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
