//! A real account is changed only after a confirmation; one that real users depend on, only after a confirmation by name.

use std::io::IsTerminal;

use gameday_core::env::{Environment, EnvironmentKind};

use super::{Failure, output};

/// What the command line said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Consent<'a> {
    /// `--yes`.
    pub yes: bool,
    /// `--confirm NAME`.
    pub name: Option<&'a str>,
    /// How to check first, as the end of a sentence: `` with `gameday plan` ``.
    pub look: &'a str,
}

/// Asks for a confirmation unless the command line has it. `what` says what will be done.
pub(super) fn confirm(consent: Consent<'_>, environment: &Environment, what: &str) -> Result<(), Failure> {
    let name = &environment.name;
    if let Some(given) = consent.name {
        if given == name {
            return Ok(());
        }
        let text =
            format!("--confirm {given} does not match the name of the environment, `{name}`; nothing was changed");
        return Err(Failure::with_help(text, "Check --env: it may be the wrong environment"));
    }
    if !environment.production && (environment.kind == EnvironmentKind::Lab || consent.yes) {
        return Ok(());
    }
    let look = consent.look;
    let (kind, help) = if environment.production {
        ("a production environment", format!("Check first {look}; then give --confirm {name}"))
    } else {
        ("a real AWS environment", format!("Check first {look}; then answer the question on a terminal, or give --yes"))
    };
    if !std::io::stdin().is_terminal() {
        let given = if environment.production { "--confirm" } else { "--yes" };
        return Err(Failure::with_help(
            format!("`{name}` is {kind}, and {given} is missing; nothing was changed"),
            help,
        ));
    }
    output::ask(&format!("`{name}` is {kind}. {what}\nType the name of the environment to continue: "));
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    if read.is_ok() && answer.trim() == name {
        Ok(())
    } else {
        Err(Failure::with_help("not confirmed; nothing was changed", help))
    }
}
