//! Exit codes and the wording of what went wrong.

use std::process::ExitCode;

use miette::Report;

/// How the program ends, by the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Every objective met, all restored.
    Success,
    /// An objective missed or inconclusive, all restored.
    Missed,
    /// Refused before anything was cut.
    Refused,
    /// Aborted, all restored.
    Aborted,
    /// Something could not be restored.
    NotRestored,
}

impl Exit {
    /// From the exit code that was measured.
    pub fn of(code: Option<u8>) -> Self {
        match code {
            Some(0) => Self::Success,
            Some(1) => Self::Missed,
            Some(3) => Self::Refused,
            Some(5) => Self::NotRestored,
            Some(_) | None => Self::Aborted,
        }
    }

    /// For the system.
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

/// Something is wrong with arguments or files: exit code 2, unless it says otherwise.
#[derive(Debug)]
pub struct Failure {
    report: Report,
    code: u8,
}

impl Failure {
    /// A sentence.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { report: miette::miette!("{}", text.into()), code: 2 }
    }

    /// A sentence, and what to do.
    pub fn with_help(text: impl Into<String>, help: impl Into<String>) -> Self {
        Self { report: miette::miette!(help = help.into(), "{}", text.into()), code: 2 }
    }

    /// With another exit code.
    #[must_use]
    pub fn coded(self, exit: Exit) -> Self {
        let code = match exit {
            Exit::NotRestored => 5,
            Exit::Refused => 3,
            _ => 4,
        };
        Self { code, ..self }
    }

    /// Prints it to standard error.
    pub fn tell(self) -> ExitCode {
        super::output::say(&format!("{:?}", self.report));
        ExitCode::from(self.code)
    }
}

impl<E: miette::Diagnostic + Send + Sync + 'static> From<E> for Failure {
    fn from(problems: E) -> Self {
        Self { report: Report::new(problems), code: 2 }
    }
}
