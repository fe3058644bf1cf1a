//! RDS's query protocol (API reference, version 2014-10-31): global clusters and proxies.

use http::StatusCode;

use super::query::Params;
use super::xml::{Element, list, node, text};
use super::{Reply, ServiceError, query_error, request_id};
use crate::estate::rds::{GlobalCluster, Proxy};
use crate::estate::{AccountFixture, arn};
use crate::topology;
use gameday_core::model::RegionRole;

/// Of its answers.
pub(super) const NAMESPACE: &str = "http://rds.amazonaws.com/doc/2014-10-31/";

/// Answers one request.
pub(super) fn handle(estate: &AccountFixture, role: RegionRole, params: &Params) -> Reply {
    match act(estate, role, params) {
        Ok((response, result)) => {
            let metadata = node("ResponseMetadata", vec![text("RequestId", request_id())]);
            Reply::xml(StatusCode::OK, &node(response, vec![result, metadata]).in_namespace(NAMESPACE))
        }
        Err(error) => query_error(&error, NAMESPACE),
    }
}

fn act(estate: &AccountFixture, role: RegionRole, params: &Params) -> Result<(&'static str, Element), ServiceError> {
    match params.get("Action") {
        Some("DescribeGlobalClusters") => {
            let result = vec![global_clusters(estate, role, params.get("GlobalClusterIdentifier"))?];
            Ok(("DescribeGlobalClustersResponse", node("DescribeGlobalClustersResult", result)))
        }
        Some("DescribeDBProxies") => {
            let result = vec![proxies(estate, role, params.get("DBProxyName"))?];
            Ok(("DescribeDBProxiesResponse", node("DescribeDBProxiesResult", result)))
        }
        action => {
            let message = format!("Could not find operation {} for version 2014-10-31", action.unwrap_or_default());
            Err(ServiceError::bad("InvalidAction", message))
        }
    }
}

/// Global clusters are seen in the Regions of their members.
fn global_clusters(estate: &AccountFixture, role: RegionRole, asked: Option<&str>) -> Result<Element, ServiceError> {
    let region = topology::region(role);
    let seen = estate.rds.global_clusters.iter().filter(|(name, cluster)| {
        cluster.members.contains_key(region) && asked.is_none_or(|asked| asked == name.as_str())
    });
    let seen: Vec<_> = seen.map(|(name, cluster)| global_cluster(name, cluster)).collect();
    match asked {
        Some(asked) if seen.is_empty() => Err(ServiceError {
            status: StatusCode::NOT_FOUND,
            code: "GlobalClusterNotFoundFault",
            message: format!("Global cluster {asked} not found"),
        }),
        _ => Ok(list("GlobalClusters", "GlobalClusterMember", seen)),
    }
}

fn global_cluster(name: &str, cluster: &GlobalCluster) -> Vec<Element> {
    let of = |writer| cluster.members.values().filter(move |member| member.writer == writer);
    let readers = || node("Readers", of(false).map(|member| text("member", &member.cluster)).collect());
    let members = of(true).chain(of(false)).map(|member| {
        vec![
            text("DBClusterArn", &member.cluster),
            text("IsWriter", member.writer),
            if member.writer { readers() } else { node("Readers", Vec::new()) },
            text("SynchronizationStatus", &member.synchronization),
        ]
    });
    vec![
        text("GlobalClusterIdentifier", name),
        text("GlobalClusterArn", arn("rds", "", &format!("global-cluster:{name}"))),
        text("Status", &cluster.status),
        text("Engine", &cluster.engine),
        text("Endpoint", &cluster.endpoint),
        text("StorageEncrypted", true),
        text("DeletionProtection", true),
        list("GlobalClusterMembers", "GlobalClusterMember", members),
    ]
}

fn proxies(estate: &AccountFixture, role: RegionRole, asked: Option<&str>) -> Result<Element, ServiceError> {
    let region = topology::region(role);
    let there = estate.rds.proxies.get(region).into_iter().flatten();
    let there = there.filter(|(name, _)| asked.is_none_or(|asked| asked == name.as_str()));
    let there: Vec<_> = there.map(|(name, it)| proxy(region, name, it)).collect();
    match asked {
        Some(asked) if there.is_empty() => Err(ServiceError {
            status: StatusCode::NOT_FOUND,
            code: "DBProxyNotFoundFault",
            message: format!("DB proxy {asked} not found."),
        }),
        _ => Ok(list("DBProxies", "member", there)),
    }
}

fn proxy(region: &str, name: &str, proxy: &Proxy) -> Vec<Element> {
    vec![
        text("DBProxyName", name),
        text("DBProxyArn", arn("rds", region, &format!("db-proxy:prx-{name}"))),
        text("Status", &proxy.status),
        text("EngineFamily", "POSTGRESQL"),
        text("Endpoint", &proxy.endpoint),
        text("RequireTLS", true),
        text("IdleClientTimeout", 1800),
    ]
}
