use crate::preflight::checks::{Check, Occurrence, REPLICA};
use aws_sdk_cognitoidentityprovider::types::{DomainDescriptionType, FailoverType};
use gameday_core::model::{Predicts, Region, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD126",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Nothing,
    title: "Managed login does not fail over",
    why: "Managed login fails over only if `Routing.Failover` of its domain names the secondary Region and a health \
          check. Without it, users of the login pages stay at the primary while API clients move to the replica. Whether a \
          prefix domain (`PREFIX.auth.REGION.amazoncognito.com`) can have it, AWS contradicts itself: the developer guide \
          says so, the API reference names custom domains alone.",
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
            Ok(domain
                .as_ref()
                .as_ref()
                .and_then(|domain| judge(domain, &facts.cloud.replica.region))
                .into_iter()
                .collect())
        })
    },
};

fn judge(domain: &DomainDescriptionType, replica: &Region) -> Option<Occurrence> {
    let failover = domain.routing().and_then(|routing| routing.failover());
    let lacks = match failover.map(FailoverType::secondary_region) {
        None => "no Routing.Failover".to_owned(),
        Some(region) if region != replica.as_str() => {
            format!("Routing.Failover.SecondaryRegion {region}, but the replica is in {replica}")
        }
        Some(_) => return None,
    };
    let evidence = format!("cognito-idp:DescribeUserPoolDomain: {} has {lacks}", domain.domain().unwrap_or("-"));
    if domain.custom_domain_config().is_some() {
        return Some(Occurrence::of(evidence));
    }
    Some(Occurrence::of(format!("{evidence}, and it is a prefix domain")).severity(Severity::Note))
}

#[cfg(test)]
mod tests {
    use aws_sdk_cognitoidentityprovider::types::{CustomDomainConfigType, RoutingType};

    use super::*;

    #[test]
    fn a_prefix_domain_without_routing_is_a_note() {
        let custom = CustomDomainConfigType::builder().certificate_arn("arn:aws:acm:us-east-1:1:certificate/1");
        let custom =
            DomainDescriptionType::builder().domain("login.example.com").custom_domain_config(custom.build().unwrap());
        let prefix = DomainDescriptionType::builder().domain("example");
        let replica = Region::from("us-west-2");
        let severity = |domain| judge(&domain, &replica).map(|sight| sight.severity);
        assert_eq!(severity(custom.clone().build()), Some(None));
        assert_eq!(severity(prefix.clone().build()), Some(Some(Severity::Note)));
        let to = |region: &str| {
            let failover = FailoverType::builder().secondary_region(region).primary_route53_health_check_id("1");
            RoutingType::builder().failover(failover.build().unwrap()).build()
        };
        assert_eq!(judge(&prefix.routing(to("us-west-2")).build(), &replica), None);
        let elsewhere = judge(&custom.routing(to("eu-west-1")).build(), &replica).unwrap();
        assert!(elsewhere.evidence.contains("eu-west-1, but the replica is in us-west-2"), "{}", elsewhere.evidence);
    }
}
