//! Every integration test, in one program: it is linked once, and its helpers are compiled once. Each file is a module of its own;
//! `cargo nextest run faults::` runs one.

#![allow(clippy::large_futures, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

#[path = "support/moto.rs"]
mod moto_server;
#[path = "support/names.rs"]
mod names;
#[path = "support/wire.rs"]
mod proxy;
mod support;
#[path = "../crates/core/tests/synthetic/mod.rs"]
mod synthetic;
#[path = "conformance/tools.rs"]
mod tools;

mod access;
mod architecture;
mod checks;
mod circles;
mod compare;
mod conformance;
mod crash;
mod descriptors;
mod evidence;
mod explore;
mod faults;
mod files;
mod first_screen;
mod flows;
mod forced_logins;
mod forced_pool;
mod forced_routing;
mod gate;
mod guard;
mod init;
mod lab_groups;
mod lab_network;
mod lab_oauth;
mod lab_services;
mod lab_triggers;
mod lab_users;
mod live;
mod lost_answers;
mod moto;
mod moto_checks;
mod output;
mod policy;
mod pool_checks;
mod predecessor;
mod put_back;
mod registry;
mod reports;
mod run;
mod signals;
mod stalls;
mod strategies;
mod synthetic_users;
mod third_party;
mod virtual_time;
mod wire;
mod words;
