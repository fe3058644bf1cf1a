//! A fault is a plan of mutations, each with its inverse, and a journal that is written first.
//!
//! Four steps, of which one hurts: *prepare* and *dismantle* change nothing that anybody feels,
//! *cut* and *heal* are a handful of calls.

mod action;
mod journal;
mod nacl_blackhole;
mod network;
mod plan;
mod restore;
mod target;

pub use action::{Action, Applied, CLONE_TAG, RUN_TAG};
pub use journal::{Contents, Journal, JournalError, read as read_journal};
pub use network::{AclRule, Vpc};
pub use plan::{Fault, FaultError, Injector, MutationSink, plan};
pub use restore::{Restored, restore};
pub use target::{Subnet, select};
