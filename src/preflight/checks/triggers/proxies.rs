use aws_sdk_rds::types::DbProxyStatus;

use super::super::{Check, CheckResult, Occurrence, REPLICA};
use crate::preflight::facts::Facts;
use gameday_core::env::DependencyKind;
use gameday_core::model::{Predicts, RegionRole, Severity};

/// GD417.
pub(super) const CHECK: Check = Check {
    code: "GD417",
    severity: Severity::Blocker,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "The RDS Proxy that a trigger uses is missing in the replica's Region",
    why: "Functions connect to Aurora through an RDS Proxy of their Region, which must be created in each Region. If \
          it is missing or not available, the function waits for a name that does not exist, and the sign-in fails.",
    remedy: "Create the proxy in the replica's Region, register the cluster, and give its endpoint to the \
             function:\n\n\
             ```sh\n\
             aws rds create-db-proxy --region REPLICA_REGION --db-proxy-name PROXY --engine-family ENGINE_FAMILY \
             --role-arn ROLE_ARN \\\n  \
             --auth file://auth.json --vpc-subnet-ids SUBNET_ID SUBNET_ID\n\
             aws rds register-db-proxy-targets --region REPLICA_REGION --db-proxy-name PROXY --db-cluster-identifiers \
             CLUSTER\n\
             aws rds describe-db-proxies --region REPLICA_REGION --db-proxy-name PROXY\n\
             ```\n\n\
             If a function needs a proxy that no environment variable names, add it to `[[preflight.dependencies]]` of \
             the environment file.",
    calls: &["cognito-idp:DescribeUserPool", "lambda:GetFunctionConfiguration", "rds:DescribeDBProxies"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let there = &facts.site.replica.region;
    let mut named = facts.dependencies(DependencyKind::RdsProxy).await?;
    // An endpoint of the primary's Region is the primary's affair, or GD411's where the replica's function names it.
    named.retain(|proxy, _| !proxy.name.contains('.') || proxy.name.split('.').any(|label| label == there.as_str()));
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let proxies = facts.proxies(RegionRole::Replica).await?;
    let sights = named.iter().filter_map(|(dependency, by)| {
        let name = dependency.name.as_str();
        let said = format!("rds:DescribeDBProxies in {there}: {name}, named by {by},");
        let mut found =
            proxies.iter().filter(|proxy| proxy.db_proxy_name() == Some(name) || proxy.endpoint() == Some(name));
        let Some(proxy) = found.next() else {
            return Some(Occurrence::of(format!("{said} is not among the {} proxies there", proxies.len())));
        };
        let status = proxy.status().filter(|status| **status != DbProxyStatus::Available)?;
        Some(Occurrence::of(format!("{said} has the Status {}", status.as_str())))
    });
    Ok(sights.collect())
}
