use aws_sdk_rds::types::{GlobalCluster, GlobalClusterMemberSynchronizationStatus};

use super::super::{Check, CheckResult, Occurrence, REPLICA};
use crate::preflight::facts::Facts;
use crate::preflight::facts::dependencies::Dependency;
use gameday_core::env::DependencyKind;
use gameday_core::model::{Predicts, RegionRole, Severity};

/// GD416.
pub(super) const CHECK: Check = Check {
    code: "GD416",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "The database behind a trigger has no cluster in the replica's Region",
    why: "An Aurora cluster fails with its Region, unless a global cluster has a second cluster. A trigger that needs \
          the database then fails or works without its data, and there is no cluster to promote.",
    remedy: "Add a cluster in the replica's Region to the global cluster, and wait until it is connected:\n\n\
             ```sh\n\
             aws rds create-db-cluster --region REPLICA_REGION --db-cluster-identifier CLUSTER --engine ENGINE \\\n  \
             --global-cluster-identifier GLOBAL_CLUSTER\n\
             aws rds describe-global-clusters --region PRIMARY_REGION --global-cluster-identifier GLOBAL_CLUSTER\n\
             ```\n\n\
             If a function needs a database that no environment variable names, add it to `[[preflight.dependencies]]` \
             of the environment file.",
    calls: &["cognito-idp:DescribeUserPool", "lambda:GetFunctionConfiguration", "rds:DescribeGlobalClusters"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let named = facts.dependencies(DependencyKind::AuroraGlobalCluster).await?;
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let clusters = facts.global_clusters(RegionRole::Primary).await?;
    let (here, there) = (&facts.site.primary.region, &facts.site.replica.region);
    let sights = named.iter().filter_map(|(dependency, by)| {
        let said = format!("rds:DescribeGlobalClusters in {here}: {}, named by {by},", dependency.name);
        let Some(cluster) = clusters.iter().find(|cluster| is(cluster, dependency)) else {
            return Some(Occurrence::of(format!("{said} belongs to no global cluster")));
        };
        let members = cluster.global_cluster_members().iter();
        let mut member = members.filter(|member| region_of(member.db_cluster_arn()) == Some(there.as_str()));
        let Some(member) = member.next() else {
            return Some(Occurrence::of(format!("{said} has no cluster in {there} among its GlobalClusterMembers")));
        };
        let status = member.synchronization_status();
        let waits = status.filter(|status| **status != GlobalClusterMemberSynchronizationStatus::Connected)?;
        Some(Occurrence::of(format!("{said} has the SynchronizationStatus {} in {there}", waits.as_str())))
    });
    Ok(sights.collect())
}

/// Whether a global cluster, or one of its clusters, has that name.
fn is(cluster: &GlobalCluster, dependency: &Dependency) -> bool {
    let members = cluster.global_cluster_members().iter().filter_map(|member| member.db_cluster_arn());
    let mut members = members.filter_map(|arn| arn.rsplit(':').next());
    cluster.global_cluster_identifier() == Some(dependency.name.as_str()) || members.any(|name| name == dependency.name)
}

fn region_of(arn: Option<&str>) -> Option<&str> {
    arn?.split(':').nth(3)
}
