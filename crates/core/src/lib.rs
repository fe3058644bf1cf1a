//! What GameDay knows without asking anybody: scenarios and environments, a run's event log, the figures that follow from it, and
//! the documents made of them. No AWS client, no async runtime and no socket belongs here.
//!
//! - [`scenario`], [`env`]: what is to happen, and where; read and checked by [`files`]
//! - [`measure`]: event log to outcome
//! - [`report`]: outcome to documents; [`compare`]: several runs at once
//! - [`runbook`]: what people do in a failover, from an environment and its last run
//! - [`model`]: the vocabulary of all

// A closed pipe makes these panic.
#![warn(clippy::print_stdout, clippy::print_stderr)]
// What does not leave the crate is `pub(crate)`.
#![warn(unreachable_pub)]

pub mod compare;
pub mod env;
pub mod files;
pub mod measure;
pub mod model;
pub mod report;
pub mod runbook;
pub mod scenario;
