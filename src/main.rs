//! The `gameday` command.
fn main() {}
