//! Reads the files that people write: TOML, with every problem reported at once, each with its
//! place in the file, a label and a remedy.
//!
//! A [`Document`] is a parsed file on its way to a value. Its shape is checked against the JSON
//! Schema of the type that it is to become, so that the schema an editor uses and the messages
//! given here cannot differ; then its owner adds what only it can know, and finishes.

mod problem;
mod redact;
mod shape;
mod tree;

use std::fs::{self, Permissions};
use std::io::Write;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::{LabeledSpan, NamedSource};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;
use toml::de::DeTable;

use crate::model::{LONGEST_TEXT, Secret, read_at_most, sha256};

pub use problem::{FileFinding, FileProblems, FileText, Problem};
pub use shape::nearest;
pub use tree::Spans;

use problem::Pointer;
use redact::Redacted;
use shape::Shape;

/// A file that was read, and proved to be what its type wants.
#[derive(Debug, Clone)]
pub struct Loaded<T> {
    /// What it says.
    pub value: T,
    /// The path by which it was called.
    pub path: PathBuf,
    /// Its text without secrets, for diagnostics that come later.
    pub source: FileText,
    /// SHA-256 of its bytes, in lower-case hexadecimal digits.
    pub sha256: String,
    /// Where its values are.
    pub spans: Spans,
}

impl<T> Loaded<T> {
    /// The file's name without folder and ending.
    pub fn name(&self) -> String {
        self.path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned())
    }

    /// The folder from which paths in the file count.
    pub fn folder(&self) -> &Path {
        folder(&self.path)
    }
}

/// Reads a file of a type that has no rules beyond its shape.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read<T: DeserializeOwned + JsonSchema>(path: &Path) -> Result<Loaded<T>, FileProblems> {
    Document::open::<T>(path)?.finish()
}

/// [`read`] for a text that is at hand; `name` stands for the file in diagnostics.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read_str<T: DeserializeOwned + JsonSchema>(name: &str, text: &str) -> Result<Loaded<T>, FileProblems> {
    Document::parse::<T>(Path::new(name), text).finish()
}

/// Writes a file as a whole: beside its place, and then there. A link is followed; a device or a pipe is written to.
///
/// # Errors
/// A file that was there is as it was.
pub fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let there = fs::metadata(path).ok();
    let (path, permissions) = match there {
        // What is no file must not be replaced by one.
        Some(there) if !there.is_file() => return fs::write(path, bytes),
        Some(there) => (path.canonicalize()?, there.permissions()),
        // As any new file: the umask takes its part.
        None => (path.to_owned(), Permissions::from_mode(0o666)),
    };
    let mut file = tempfile::Builder::new().permissions(permissions).tempfile_in(folder(&path))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}

/// Writes a new file that its owner alone may read, in the place of whatever has that name: no link is followed, and no mode is taken over.
///
/// # Errors
/// What was there is as it was.
pub fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = tempfile::Builder::new().permissions(Permissions::from_mode(0o600)).tempfile_in(folder(path))?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// A file on its way to a value: parsed, its shape checked, open for its owner's findings.
#[derive(Debug)]
pub struct Document {
    path: PathBuf,
    text: Secret,
    /// What diagnostics show.
    source: FileText,
    redacted: Redacted,
    sha256: String,
    plain: Value,
    spans: Spans,
    problems: Vec<Problem>,
    parsed: bool,
    gaps: &'static [Gap],
}

/// A key that a file may lack while it is being filled in.
#[derive(Debug)]
pub struct Gap {
    /// The type that has it, as the schema calls it.
    pub of: &'static str,
    /// The table that has that type.
    pub table: &'static str,
    /// The key.
    pub key: &'static str,
    /// What stands for it, as TOML.
    pub placeholder: fn() -> toml::Value,
}

impl Document {
    /// Reads a file and checks that it has the shape of `T`.
    ///
    /// # Errors
    /// When it is not there, cannot be read, or is not UTF-8. What is wrong inside it is for [`Document::finish`].
    pub fn open<T: JsonSchema>(path: &Path) -> Result<Self, FileProblems> {
        Ok(Self::parse::<T>(path, &text_of(path)?))
    }

    /// [`Document::open`] for a file that may lack some keys, each of which then has a value that stands for nothing.
    ///
    /// # Errors
    /// As [`Document::open`].
    pub fn open_unfinished<T: JsonSchema>(path: &Path, gaps: &'static [Gap]) -> Result<Self, FileProblems> {
        let mut schema = schemars::schema_for!(T).to_value();
        for gap in gaps {
            let required = schema.pointer_mut(&format!("/$defs/{}/required", gap.of)).and_then(Value::as_array_mut);
            if let Some(required) = required {
                required.retain(|key| key.as_str() != Some(gap.key));
            }
        }
        let mut document = Self::shaped(path, &text_of(path)?, &schema);
        document.gaps = gaps;
        Ok(document)
    }

    /// [`Document::open`] for a text that is at hand.
    pub fn parse<T: JsonSchema>(path: &Path, text: &str) -> Self {
        Self::shaped(path, text, &schemars::schema_for!(T).to_value())
    }

    fn shaped(path: &Path, text: &str, schema: &Value) -> Self {
        let (tree, errors) = DeTable::parse_recoverable(text);
        let redacted = Redacted::of(text);
        let mut document = Self {
            path: path.to_owned(),
            text: Secret::new(text),
            source: NamedSource::new(path.display().to_string(), Arc::from(redacted.text.as_str())),
            redacted,
            sha256: sha256(text.as_bytes()),
            plain: tree::plain_table(tree.get_ref()),
            spans: Spans::collect(text, tree.get_ref()),
            problems: Vec::new(),
            parsed: errors.is_empty(),
            gaps: &[],
        };
        let mut findings = Shape::check(text, schema, tree.get_ref(), document.parsed);
        // What follows on the line of a syntax error is a consequence of it.
        let broken: Vec<Range<usize>> = {
            let starts = errors.iter().filter_map(toml::de::Error::span).map(|span| span.start);
            starts.take(problem::MOST).map(|start| line_at(text, start)).collect()
        };
        findings.retain(|finding| match finding.at.first() {
            Some((Pointer::Span(span), _)) => !broken.iter().any(|line| line.contains(&span.offset())),
            _ => true,
        });
        for error in errors.iter().take(problem::MOST) {
            document.report(syntax(text, error));
        }
        for finding in findings {
            document.report(finding);
        }
        document
    }

    /// Whether the file is TOML at all. Where it is not, values may be missing that its author
    /// sees there, and checks across values would blame the wrong ones.
    pub fn is_toml(&self) -> bool {
        self.parsed
    }

    /// The value at a path, as `phases.hold` or `objectives[2].at_most`, if it is there and is a `U`.
    ///
    /// Checks ask for single values, so that one bad value does not keep the others from being checked.
    pub fn get<U: DeserializeOwned>(&self, path: &str) -> Option<U> {
        tree::lookup(&self.plain, path).and_then(|value| U::deserialize(value).ok())
    }

    /// Whether the file has anything at a path.
    pub fn has(&self, path: &str) -> bool {
        tree::lookup(&self.plain, path).is_some()
    }

    /// The paths of an array's items, as `objectives[0]`; none where there is no array.
    pub fn items(&self, path: &str) -> Vec<String> {
        let length = tree::lookup(&self.plain, path).and_then(Value::as_array).map_or(0, Vec::len);
        (0..length).map(|index| format!("{path}[{index}]")).collect()
    }

    /// The keys of a table, in no order that means anything; none where there is no table.
    pub fn keys(&self, path: &str) -> Vec<String> {
        tree::lookup(&self.plain, path)
            .and_then(Value::as_object)
            .map_or_else(Vec::new, |t| t.keys().cloned().collect())
    }

    /// The folder from which paths in the file count.
    pub fn folder(&self) -> &Path {
        folder(&self.path)
    }

    /// Adds a problem.
    pub fn report(&mut self, finding: FileFinding) {
        // What tells of a thousand is of no more use than what tells of the first of them.
        if self.problems.len() >= problem::MOST {
            return;
        }
        let labels = finding.at.into_iter().map(|(place, label)| {
            let span = match place {
                Pointer::Path(path) => self.spans.of(&path),
                Pointer::Span(span) => span,
            };
            LabeledSpan::new_with_span(Some(self.redacted.shown(label)), span)
        });
        let mut labels: Vec<LabeledSpan> = labels.collect();
        let mut message = self.redacted.shown(finding.message);
        let text = self.source.inner().as_bytes();
        if let Some(label) = labels.iter().find(|label| !can_be_drawn(text, label.offset())) {
            let line = text.iter().take(label.offset()).filter(|byte| **byte == b'\n').count() + 1;
            message = format!("line {line}: {message}");
            labels.clear();
        }
        let help = finding.help.map(|help| self.redacted.shown(help));
        self.problems.push(Problem { message, labels, help, source: self.source.clone() });
    }

    fn value<T: DeserializeOwned>(&self) -> Result<T, toml::de::Error> {
        if self.gaps.is_empty() {
            return toml::from_str(self.text.expose());
        }
        let mut whole: toml::Table = toml::from_str(self.text.expose())?;
        for Gap { table, key, placeholder, .. } in self.gaps {
            if let Some(toml::Value::Table(table)) = whole.get_mut(*table) {
                table.entry(*key).or_insert_with(placeholder);
            }
        }
        whole.try_into()
    }

    /// The value, if nothing was found wrong.
    ///
    /// # Errors
    /// Everything that was.
    pub fn finish<T: DeserializeOwned>(mut self) -> Result<Loaded<T>, FileProblems> {
        if self.problems.is_empty() {
            match self.value() {
                Ok(value) => {
                    let Self { path, source, sha256, spans, .. } = self;
                    return Ok(Loaded { value, path, source, sha256, spans });
                }
                // A rule of the type that its schema does not express.
                Err(error) => {
                    let finding = syntax(self.text.expose(), &error);
                    self.report(finding);
                }
            }
        }
        Err(FileProblems::new(self.source.name().to_owned(), self.problems))
    }
}

/// The text of a file that is to be shown.
fn text_of(path: &Path) -> Result<String, FileProblems> {
    let name = path.display().to_string();
    let bytes = read_at_most(path, LONGEST_TEXT).map_err(|error| {
        use std::io::ErrorKind;
        let (reason, help) = match error.kind() {
            ErrorKind::NotFound => ("no such file".to_owned(), not_found(path)),
            ErrorKind::IsADirectory => ("it is a folder".to_owned(), "give the path of a file".to_owned()),
            ErrorKind::FileTooLarge => {
                (error.to_string(), "give a scenario or an environment file; they have a few pages of text".to_owned())
            }
            _ => (error.to_string(), "check that you have permission to read it".to_owned()),
        };
        FileProblems::unreadable(&name, format!("cannot read {name}: {reason}"), &help)
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = String::from_utf8_lossy(&error.as_bytes()[..good]).matches('\n').count() + 1;
        let message = format!("{name} is not UTF-8 text: line {line} has a byte that does not belong there");
        FileProblems::unreadable(&name, message, "save it in the encoding UTF-8")
    })
}

/// What to do about a file that does not exist: the nearest name in its folder, where one is near.
fn not_found(path: &Path) -> String {
    let parent = folder(path);
    if !parent.is_dir() {
        return format!("the folder {} does not exist; paths are relative to the current folder", parent.display());
    }
    match nearest_file(path) {
        Some(near) => format!("did you mean {}?", near.display()),
        None => "check the path; paths are relative to the current folder".to_owned(),
    }
}

/// The file of the same folder and with the same extension whose name is nearest to that of a path, where one is near.
pub fn nearest_file(path: &Path) -> Option<PathBuf> {
    let stem = |file: &Path| Some(file.file_stem()?.to_str()?.to_owned());
    let same_kind = |file: &PathBuf| path.extension().is_none_or(|wanted| file.extension() == Some(wanted));
    let files: Vec<PathBuf> = fs::read_dir(folder(path)).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    let mut files: Vec<(String, PathBuf)> = files
        .into_iter()
        .filter(|file| file.is_file() && same_kind(file))
        .filter_map(|file| Some((stem(&file)?, file)))
        .collect();
    files.sort();
    let near = nearest(&stem(path)?, files.iter().map(|(stem, _)| stem.as_str()))?;
    let (_, file) = files.iter().find(|(stem, _)| stem == near)?;
    Some(path.with_file_name(file.file_name()?))
}

/// So many bytes before and after what is pointed at are drawn at most; our own choice.
const MOST_DRAWN: usize = 4000;

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Whether the lines around an offset fit on a terminal: with a longer one, all that is seen is that line.
fn can_be_drawn(text: &[u8], offset: usize) -> bool {
    let offset = offset.min(text.len());
    let (from, to) = (offset.saturating_sub(MOST_DRAWN), (offset + MOST_DRAWN).min(text.len()));
    let ends = |part: &[u8]| part.split(|byte| *byte == b'\n').count() > 2;
    (from == 0 || ends(&text[from..offset])) && (to == text.len() || ends(&text[offset..to]))
}

/// The line in which an offset is, its end included.
fn line_at(text: &str, offset: usize) -> Range<usize> {
    let bytes = text.as_bytes();
    let offset = offset.min(bytes.len());
    let start = bytes[..offset].iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    let end =
        bytes[offset..].iter().position(|byte| *byte == b'\n').map_or(bytes.len() + 1, |newline| offset + newline + 1);
    start..end
}

/// An error of the TOML parser, in a finding.
fn syntax(text: &str, error: &toml::de::Error) -> FileFinding {
    let message = error.message().lines().next().unwrap_or("not TOML").to_owned();
    let (label, help) = if message.contains("duplicate key") {
        (
            "given a second time",
            "give each key once; for one more fault, flow, cohort or objective write another `[[…]]` table",
        )
    } else if message.contains("values must be quoted") {
        ("a value is missing here, or lacks its quotes", "write texts, durations, shares and rates in quotes: \"90s\"")
    } else if message.starts_with("unclosed") || message.starts_with("invalid basic string") {
        ("ends here", "close what was opened on this line")
    } else {
        ("here", "see https://toml.io for how TOML is written")
    };
    let span = tree::first_line(text, error.span().unwrap_or_default());
    FileFinding::span(span, message, label).help(help)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
