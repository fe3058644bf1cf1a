//! The changes that faults are made of, by the service whose state they change.

pub(super) mod function;
pub(super) mod group_rule;
pub(super) mod health_check;
pub(super) mod limit;
pub(super) mod lock;
pub(super) mod mark;
pub(super) mod network_acl;
pub(super) mod security_group;
pub(super) mod user;
pub(super) mod web_acl;
