//! Exit codes and error messages.

use std::process::ExitCode;

use miette::Report;

/// How the program ends, by the table of exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done; for a run, every objective met and everything restored.
    Success,
    /// The result is not the one wanted; for a run, everything is restored.
    Missed,
    /// Refused before anything was changed.
    Refused,
    /// Stopped before the end; a run has restored everything.
    Aborted,
    /// Something could not be restored or removed.
    NotRestored,
}

impl Exit {
    /// From the exit code of a measured run.
    pub fn of(code: Option<u8>) -> Self {
        match code {
            Some(0) => Self::Success,
            Some(1) => Self::Missed,
            Some(3) => Self::Refused,
            Some(5) => Self::NotRestored,
            Some(_) | None => Self::Aborted,
        }
    }

    /// For the operating system.
    pub fn code(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Success => 0,
            Self::Missed => 1,
            Self::Refused => 3,
            Self::Aborted => 4,
            Self::NotRestored => 5,
        })
    }
}

/// An error message with its exit code: 2, wrong arguments or files, by default.
#[derive(Debug)]
pub struct Failure {
    report: Report,
    code: u8,
}

impl Failure {
    /// One sentence.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { report: miette::miette!("{}", text.into()), code: 2 }
    }

    /// One sentence, and what to do.
    pub fn with_help(text: impl Into<String>, help: impl Into<String>) -> Self {
        Self { report: miette::miette!(help = help.into(), "{}", text.into()), code: 2 }
    }

    /// With another exit code.
    #[must_use]
    pub fn coded(self, exit: Exit) -> Self {
        let code = match exit {
            Exit::NotRestored => 5,
            Exit::Refused => 3,
            Exit::Missed => 1,
            _ => 4,
        };
        Self { code, ..self }
    }

    /// Prints it to standard error.
    pub fn print(self) -> ExitCode {
        super::output::say(&format!("{:?}", self.report));
        ExitCode::from(self.code)
    }
}

impl<E: miette::Diagnostic + Send + Sync + 'static> From<E> for Failure {
    fn from(problems: E) -> Self {
        Self { report: Report::new(problems), code: 2 }
    }
}
