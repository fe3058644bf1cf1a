//! The changes that faults are made of, by the service whose state they change.

pub mod function;
pub mod group_rule;
pub mod health_check;
pub mod limit;
pub mod lock;
pub mod mark;
pub mod network_acl;
pub mod security_group;
pub mod user;
