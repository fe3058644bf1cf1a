//! The `gameday` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    gameday::cli::main()
}
