//! A fault is a plan of changes, each with its inverse, and a journal that is written first.
//!
//! One stage hurts: the *cut*. What is prepared before it and dismantled after it changes nothing that anybody
//! feels; cut and heal are a handful of calls.

mod action;
mod change;
mod changes;
mod crash;
mod describe_cache;
mod discover;
mod dry_run;
mod executor;
mod fault;
mod finder;
mod journal;
mod kinds;
mod network;
mod permits;
mod plan;
mod policy;
mod quota;
mod rate_limiter;
mod schedule;
mod seen;
mod snapshots;
mod state;
mod tags;
mod target;

pub use action::Action;
pub use change::{Applied, Change, MutationSink, RevertOutcome, Stage, Universal};
pub use changes::lock::{Holder, held_by_another};
pub use changes::user::{CreateUser, RequirePasswordChange};
pub use discover::{Discovered, discover};
pub use executor::{ChangedByOthers, DESCRIPTION_LAG, Executor, Restored};
pub use fault::{BlastRadius, Fault, FaultError, Target};
pub use journal::{Contents, Journal, JournalError, Recorded, access_of, chain, read as read_journal};
pub use network::{AclRule, Vpc};
pub use plan::{Arming, DryRuns, Original, Plan, plan};
pub use policy::Policies;
pub use seen::unseen_vpcs;
pub use state::{Attribute, Comparison, Fact, FactKind, Own, Part, Resource, Scope, State, Value};
pub use tags::{CLONE_TAG, LOCK_TAG, RUN_TAG};
pub use target::Subnet;
