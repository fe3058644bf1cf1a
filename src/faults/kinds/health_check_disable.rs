//! `health-check-disable`: refused, with the reason.

use super::{Kind, nothing_else};
use crate::faults::fault::FaultError;

pub(super) const KIND: Kind = Kind {
    plan: |_| {
        let why = "a disabled health check counts as healthy, so there would be no failover: use nacl-blackhole";
        Box::pin(async move { Err(FaultError::Refused(why)) })
    },
    permit: nothing_else,
};
