//! A real account is touched only by who says so; one that real users depend on, only by who names it.

use std::io::IsTerminal;

use gameday_core::env::{Environment, EnvironmentKind};

use super::{Failure, output};

/// What the command line said.
#[derive(Debug, Clone, Copy)]
pub struct Consent<'a> {
    /// `--yes`.
    pub yes: bool,
    /// `--confirm NAME`.
    pub name: Option<&'a str>,
    /// Where to look first, as a sentence's end: `` with `gameday plan` ``.
    pub look: &'a str,
}

/// Asks where the command line did not say enough. `what` says what will be done.
pub fn confirm(consent: Consent<'_>, environment: &Environment, what: &str) -> Result<(), Failure> {
    let name = &environment.name;
    if let Some(given) = consent.name {
        if given == name {
            return Ok(());
        }
        let text = format!("--confirm {given}, but the environment's name is `{name}`; nothing was touched");
        return Err(Failure::with_help(text, "Look at --env again: it may be another one than you mean"));
    }
    if !environment.production && (environment.kind == EnvironmentKind::Lab || consent.yes) {
        return Ok(());
    }
    let look = consent.look;
    let (kind, help) = if environment.production {
        ("a production environment", format!("Look first {look}; then give --confirm {name}"))
    } else {
        ("a real AWS environment", format!("Look first {look}; then answer here, or give --yes"))
    };
    if !std::io::stdin().is_terminal() {
        let given = if environment.production { "--confirm" } else { "--yes" };
        return Err(Failure::with_help(format!("`{name}` is {kind} and {given} is not given"), help));
    }
    output::ask(&format!("`{name}` is {kind}. {what}\nType the environment's name to go on: "));
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    if read.is_ok() && answer.trim() == name {
        Ok(())
    } else {
        Err(Failure::with_help("not confirmed; nothing was touched", help))
    }
}
