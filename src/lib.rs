//! GameDay rehearses and measures the failover of an Amazon Cognito identity plane between two
//! AWS Regions. The modules, from what a run is asked to do to what it says:
//!
//! - [`cli`]: arguments, terminal output, wording of errors, exit codes
//! - [`scenario`], [`env`]: what is to happen, and where; read and checked by [`files`]
//! - [`preflight`]: what must hold before anything is touched
//! - [`engine`]: the phases of a run, and the way back on every way out
//! - [`faults`]: mutations and their inverses, the journal, the restore
//! - [`users`], [`observe`]: who logs in, who looks on; [`tokens`], [`srp`] and [`dns`] serve them
//! - [`cloud`]: AWS clients; [`discover`]: what an environment file says, found out
//! - [`measure`]: event log to outcome, without I/O
//! - [`report`]: outcome to documents, [`compare`]: whole runs beside each other, without I/O
//! - [`runbook`]: what people do in a failover, from environment and last run, without I/O
//! - [`evidence`]: a run's files in one archive, and whether they are as they were
//! - [`lab`]: the twin of AWS that answers on the wire
//! - [`net`]: sockets and TLS; [`timer`]: waiting by the clock
//! - [`model`]: the vocabulary of all

// A closed pipe makes these panic; `cli::output` is what prints.
#![warn(clippy::print_stdout, clippy::print_stderr)]
// What does not leave the crate is `pub(crate)`.
#![warn(unreachable_pub)]

pub mod cli;
pub mod cloud;
pub mod discover;
pub mod engine;
pub mod evidence;
pub mod faults;
pub mod observe;
pub mod preflight;
pub mod users;
