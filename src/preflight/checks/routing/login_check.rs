//! GD518: whether managed login turns with everything else.

use super::super::{Check, CheckResult, Occurrence, REPLICA};
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, RegionRole, Severity};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD518",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "Managed login fails over on a different health check",
    why: "The login pages follow the health check of the domain's `Routing.Failover`; the API follows that of the \
          record. With two health checks they can diverge: users sign in at one Region, and their applications redeem \
          codes and refresh tokens at the other, before the replication has copied them.",
    remedy: "Give the domain the record's health check and the replica's Region:\n\n\
             ```sh\n\
             aws cognito-idp update-user-pool-domain --region PRIMARY_REGION --user-pool-id USER_POOL_ID --domain \
             DOMAIN \\\n  \
             --custom-domain-config CertificateArn=CERTIFICATE_ARN \\\n  \
             --routing 'Failover={SecondaryRegion=REPLICA_REGION,PrimaryRoute53HealthCheckId=HEALTH_CHECK_ID}'\n\
             ```",
    calls: &["cognito-idp:DescribeUserPool", "cognito-idp:DescribeUserPoolDomain"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let domain = facts.domain().await?;
    let failover = domain.as_ref().as_ref().and_then(|domain| domain.routing()?.failover());
    // A domain that does not fail over at all is told of among the pool's findings.
    let Some(failover) = failover else { return Ok(Vec::new()) };
    let (wanted, region) = (&facts.site.dns.health_check_id, &facts.site.region(RegionRole::Replica).region);
    let other = failover.primary_route53_health_check_id() != wanted || failover.secondary_region() != region.as_str();
    let sight = || {
        Occurrence::of(format!(
            "Routing.Failover: to {} on health check {}; the record: to {region} on {wanted}",
            failover.secondary_region(),
            failover.primary_route53_health_check_id()
        ))
    };
    Ok(other.then(sight).into_iter().collect())
}
