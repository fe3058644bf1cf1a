//! The changes that faults are made of, by the service whose state they change.

pub mod network_acl;
