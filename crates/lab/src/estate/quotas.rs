//! The account's request rates in each Region, where they are not what AWS gives everybody: raised, or left behind.

use gameday_core::model::RegionRole;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::topology;

/// The rates of one Region, by category as the Cognito API names it (`UserAuthentication`). What is left out is as `[lab]` says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rates {
    /// What is enforced.
    pub provisioned: BTreeMap<String, u32>,
    /// What Service Quotas allows at most.
    pub service_quotas: BTreeMap<String, u32>,
}

/// Both Regions as AWS gives them to everybody.
pub(crate) fn healthy() -> BTreeMap<String, Rates> {
    RegionRole::ALL.map(|role| (topology::region(role).to_owned(), Rates::default())).into()
}
