//! GD518: whether managed login turns with everything else.

use super::super::{Check, Looked, REPLICA, Sight};
use crate::model::{Predicts, RegionRole, Severity};
use crate::preflight::facts::Facts;

/// See its text.
pub const CHECK: Check = Check {
    code: "GD518",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "Managed login fails over on another health check",
    why: "The login pages move by the health check of the domain's `Routing.Failover`, the API by that of the record. On two different ones \
          they part: users sign in at one Region, and their applications redeem codes and refresh tokens at the other, before the replication \
          has brought them there.",
    remedy: "Give the domain the record's health check, and the replica's Region:\n\n\
             ```sh\naws cognito-idp update-user-pool-domain --user-pool-id POOL --domain DOMAIN --custom-domain-config CertificateArn=ARN \
             --routing 'Failover={SecondaryRegion=REPLICA,PrimaryRoute53HealthCheckId=ID}'\n```",
    calls: &["cognito-idp:DescribeUserPool", "cognito-idp:DescribeUserPoolDomain"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> Looked {
    let domain = facts.domain().await?;
    let failover = domain.as_ref().as_ref().and_then(|domain| domain.routing()?.failover());
    // A domain that does not fail over at all is told of among the pool's findings.
    let Some(failover) = failover else { return Ok(Vec::new()) };
    let (wanted, region) = (&facts.site.dns.health_check_id, &facts.site.region(RegionRole::Replica).region);
    let other = failover.primary_route53_health_check_id() != wanted || failover.secondary_region() != region.as_str();
    let sight = || {
        Sight::of(format!(
            "Routing.Failover: {} on {}; the record: {region} on {wanted}",
            failover.secondary_region(),
            failover.primary_route53_health_check_id()
        ))
    };
    Ok(other.then(sight).into_iter().collect())
}
