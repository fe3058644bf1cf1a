//! What GameDay and its lab both speak: sockets and TLS ([`net`]), DNS ([`dns`]), sign-in by SRP ([`srp`]) and signed tokens
//! ([`tokens`]). [`timer`] waits by the scenario's clock.

// A closed pipe makes these panic.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod dns;
pub mod net;
pub mod srp;
pub mod timer;
pub mod tokens;
