//! Aurora: the global cluster of the audit database, and the proxy in front of it in each Region.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::arn;
use crate::topology;
use gameday_core::model::RegionRole;

/// The name of the cluster, of its global cluster, and of the proxies.
pub(crate) const AUDIT: &str = "gameday-audit";
/// The endpoint that leads to the writer in whichever Region it is (Aurora user guide, "Connecting to Amazon Aurora Global Database").
pub(crate) const GLOBAL_ENDPOINT: &str = "gameday-audit.global-c7gdlab2xk1q.global.rds.amazonaws.com";

/// RDS, as far as it spans Regions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rds {
    /// By name.
    pub global_clusters: BTreeMap<String, GlobalCluster>,
    /// By Region, then by name.
    pub proxies: BTreeMap<String, BTreeMap<String, Proxy>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GlobalCluster {
    /// As `available`.
    pub status: String,
    /// As `aurora-postgresql`.
    pub engine: String,
    /// The endpoint of the writer.
    pub endpoint: String,
    /// Its clusters by Region.
    pub members: BTreeMap<String, Member>,
}

/// A cluster of a global cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Member {
    /// Its ARN.
    pub cluster: String,
    /// Whether it takes writes.
    pub writer: bool,
    /// `connected` or `pending-resync`.
    pub synchronization: String,
}

/// An RDS Proxy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Proxy {
    /// As `available`.
    pub status: String,
    /// The name that clients connect to.
    pub endpoint: String,
}

/// The endpoint of a Region's proxy.
pub(crate) fn proxy_endpoint(region: &str) -> String {
    format!("{AUDIT}.proxy-c7gdlab2xk1q.{region}.rds.amazonaws.com")
}

impl Rds {
    /// Nothing is wrong with it.
    pub(crate) fn healthy() -> Self {
        let roles = [RegionRole::Primary, RegionRole::Replica];
        let member = |role: RegionRole| {
            let member = Member {
                cluster: arn("rds", topology::region(role), &format!("cluster:{AUDIT}")),
                writer: role == RegionRole::Primary,
                synchronization: "connected".to_owned(),
            };
            (topology::region(role).to_owned(), member)
        };
        let proxy = |role: RegionRole| {
            let region = topology::region(role);
            let proxy = Proxy { status: "available".to_owned(), endpoint: proxy_endpoint(region) };
            (region.to_owned(), BTreeMap::from([(AUDIT.to_owned(), proxy)]))
        };
        let global = GlobalCluster {
            status: "available".to_owned(),
            engine: "aurora-postgresql".to_owned(),
            endpoint: GLOBAL_ENDPOINT.to_owned(),
            members: roles.map(member).into(),
        };
        Self { global_clusters: BTreeMap::from([(AUDIT.to_owned(), global)]), proxies: roles.map(proxy).into() }
    }
}
