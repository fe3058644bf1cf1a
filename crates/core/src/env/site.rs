//! An environment that is complete.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{
    AccountRules, CredentialRef, DeadMan, Dns, EnvironmentKind, FrontDoor, Guard, ManagedLogin, Observe, Pool,
    Preflight, RegionEnv, Runbook, Timeouts, Users,
};
use crate::model::{Region, RegionRole};

/// An environment whose every part that a run needs is there.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// The name in reports and confirmations.
    pub name: String,
    /// AWS or the lab.
    pub kind: EnvironmentKind,
    /// Whether real users depend on it.
    pub production: bool,
    /// Which accounts a run may touch.
    pub account: AccountRules,
    /// Limits that hold for every scenario.
    pub guard: Guard,
    /// What heals the faults if the runner cannot.
    pub dead_man: Option<DeadMan>,
    /// Tags on everything that a run makes.
    pub tags: BTreeMap<String, String>,
    /// Credentials for AWS calls.
    pub credentials: Option<CredentialRef>,
    /// The Region that serves in steady state.
    pub primary: RegionEnv,
    /// The Region that takes over.
    pub replica: RegionEnv,
    /// The user pool and its app client.
    pub pool: Pool,
    /// What the users connect to.
    pub front_door: FrontDoor,
    /// Managed login, where the pool has a domain for it.
    pub managed_login: Option<ManagedLogin>,
    /// The trust root in PEM, where the public ones are not meant.
    pub trust_root_pem: Option<String>,
    /// The failover record, its health check, and whom to ask.
    pub dns: Dns,
    /// The synthetic users' accounts.
    pub users: Users,
    /// The users' patience.
    pub timeouts: Timeouts,
    /// How often observers look.
    pub observe: Observe,
    /// What preflight cannot discover by itself.
    pub preflight: Preflight,
    /// Whom the runbook names.
    pub runbook: Runbook,
    /// The folder from which paths of the file count.
    pub folder: PathBuf,
}

impl Site {
    /// The Region with that part.
    pub fn region(&self, role: RegionRole) -> &RegionEnv {
        match role {
            RegionRole::Primary => &self.primary,
            RegionRole::Replica => &self.replica,
        }
    }

    /// The part of a Region by its name.
    pub fn role(&self, region: &Region) -> Option<RegionRole> {
        if *region == self.primary.region {
            Some(RegionRole::Primary)
        } else if *region == self.replica.region {
            Some(RegionRole::Replica)
        } else {
            None
        }
    }
}
