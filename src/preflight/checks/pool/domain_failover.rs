use crate::preflight::checks::{Check, Occurrence, REPLICA};
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD126",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Nothing,
    title: "Managed login does not fail over",
    why: "Managed login fails over only if `Routing.Failover` of its domain names the secondary Region and a health \
          check. Without it, users of the login pages stay at the primary while API clients move to the replica.",
    remedy: "Add the routing to the custom domain, with the health check of the failover record:\n\n\
             ```sh\n\
             aws cognito-idp update-user-pool-domain --region PRIMARY_REGION --domain DOMAIN --user-pool-id \
             USER_POOL_ID \\\n  \
             --custom-domain-config CertificateArn=CERTIFICATE_ARN \\\n  \
             --routing 'Failover={SecondaryRegion=REPLICA_REGION,PrimaryRoute53HealthCheckId=HEALTH_CHECK_ID}'\n\
             ```",
    calls: &["cognito-idp:DescribeUserPool", "cognito-idp:DescribeUserPoolDomain"],
    look: |facts| {
        Box::pin(async move {
            // Pools of their own have domains of their own, which DNS alone tells apart.
            if !facts.is_native() {
                return Ok(Vec::new());
            }
            let domain = facts.domain().await?;
            let Some(domain) = domain.as_ref() else { return Ok(Vec::new()) };
            let (name, replica) = (domain.domain().unwrap_or("-"), &facts.cloud.replica.region);
            let failover = domain.routing().and_then(|routing| routing.failover());
            let told = match failover.map(aws_sdk_cognitoidentityprovider::types::FailoverType::secondary_region) {
                None => Some("no Routing.Failover".to_owned()),
                Some(region) if region != replica.as_str() => {
                    Some(format!("Routing.Failover.SecondaryRegion {region}, but the replica is in {replica}"))
                }
                Some(_) => None,
            };
            let told =
                told.map(|told| Occurrence::of(format!("cognito-idp:DescribeUserPoolDomain: {name} has {told}")));
            Ok(told.into_iter().collect())
        })
    },
};
