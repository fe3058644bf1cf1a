use std::fmt;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode, SourceSpan};

/// So many problems are looked for in a file, and so many of them are shown: who sees them mends these, and asks again.
pub(super) const MOST: usize = 200;
const SHOWN: usize = 25;

/// The text of a file under the name by which the user called it.
pub type FileText = NamedSource<Arc<str>>;

/// One thing that is wrong with a file.
#[derive(Debug, Clone)]
pub struct Problem {
    pub(super) message: String,
    pub(super) labels: Vec<LabeledSpan>,
    pub(super) help: Option<String>,
    pub(super) source: FileText,
}

impl Problem {
    /// Line and column where it is, both counted from 1; nothing for a file that could not be read at all.
    pub fn location(&self) -> Option<(usize, usize)> {
        let offset = self.labels.first()?.offset();
        let before = self.source.inner().get(..offset)?;
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Some((before.matches('\n').count() + 1, before[line_start..].chars().count() + 1))
    }

    /// The remedy.
    pub fn remedy(&self) -> Option<&str> {
        self.help.as_deref()
    }

    pub(super) fn order(&self) -> (usize, &str) {
        (self.labels.first().map_or(0, LabeledSpan::offset), &self.message)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl Diagnostic for Problem {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        if self.labels.is_empty() { None } else { Some(Box::new(self.labels.iter().cloned())) }
    }
}

/// Everything that is wrong with a file, in the order of its lines.
///
/// As a [`Diagnostic`] it is a headline with one related diagnostic for each problem, each of
/// which points into the file.
#[derive(Debug, Clone)]
pub struct FileProblems {
    file: String,
    problems: Vec<Problem>,
    /// How many there are, those that are not shown included.
    all: usize,
    /// Whether its text could be read; where not, its one problem is the whole message.
    is_read: bool,
}

impl FileProblems {
    pub(super) fn new(file: String, mut problems: Vec<Problem>) -> Self {
        problems.sort_by(|a, b| a.order().cmp(&b.order()));
        problems.dedup_by(|a, b| a.order() == b.order());
        let all = problems.len();
        problems.truncate(SHOWN);
        Self { file, problems, all, is_read: true }
    }

    /// A file that could not be read as text.
    pub(super) fn unreadable(file: &str, message: String, help: &str) -> Self {
        let source = NamedSource::new(file, Arc::from(""));
        let problem = Problem { message, labels: Vec::new(), help: Some(help.to_owned()), source };
        Self { file: file.to_owned(), problems: vec![problem], all: 1, is_read: false }
    }

    /// The file, as the user named it.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The problems, in the order of the file's lines; of many the first ones.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for FileProblems {
    /// One line: the file and how many problems it has.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (false, Some(problem)) = (self.is_read, self.problems.first()) {
            return f.write_str(&problem.message);
        }
        match self.all {
            1 => write!(f, "{} has a problem", self.file),
            n if n <= SHOWN => write!(f, "{} has {n} problems", self.file),
            n if n < MOST => write!(f, "{} has {n} problems; these are the first {SHOWN}", self.file),
            _ => write!(f, "{} has at least {MOST} problems; these are the first {SHOWN}", self.file),
        }
    }
}

impl std::error::Error for FileProblems {}

impl Diagnostic for FileProblems {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.problems.first().filter(|_| !self.is_read)?.help()
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        self.is_read.then(|| {
            Box::new(self.problems.iter().map(|problem| problem as &dyn Diagnostic))
                as Box<dyn Iterator<Item = &dyn Diagnostic>>
        })
    }
}

/// A problem as a check describes it: by the path of the value, as `phases.hold` or `objectives[2].at_most`.
#[derive(Debug, Clone)]
#[must_use = "hand it to Document::report"]
pub struct FileFinding {
    pub(super) message: String,
    /// Where it is, and what to say there; the first is the offending value.
    pub(super) at: Vec<(Pointer, String)>,
    pub(super) help: Option<String>,
}

/// Where a finding points.
#[derive(Debug, Clone)]
pub(super) enum Pointer {
    Path(String),
    Span(SourceSpan),
}

impl FileFinding {
    /// A finding at the value of a path: what is wrong, and the label under the value.
    pub fn at(path: impl Into<String>, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self { message: message.into(), at: vec![(Pointer::Path(path.into()), label.into())], help: None }
    }

    pub(super) fn span(span: SourceSpan, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self { message: message.into(), at: vec![(Pointer::Span(span), label.into())], help: None }
    }

    /// Says what to do.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Points at a second value that has to do with it.
    pub fn and(mut self, path: impl Into<String>, label: impl Into<String>) -> Self {
        self.at.push((Pointer::Path(path.into()), label.into()));
        self
    }
}
