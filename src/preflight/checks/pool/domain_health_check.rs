use crate::model::Severity;
use crate::preflight::checks::{Check, Sight};

pub const CHECK: Check = Check {
    code: "GD127",
    severity: Severity::Risk,
    title: "Managed login fails over on another health check than the record",
    why: "Two health checks do not flip together: while one Region serves the login pages the other one serves the API, and sessions, \
          codes and lockout counters of one are unknown to the other. Both must follow one health check.",
    remedy: "Give the domain the health check of the failover record (`dns.health_check_id` of the environment file):\n\n\
             ```\naws cognito-idp update-user-pool-domain --domain NAME --user-pool-id POOL \\\n  \
             --custom-domain-config CertificateArn=ARN \\\n  \
             --routing 'Failover={SecondaryRegion=REGION,PrimaryRoute53HealthCheckId=ID}'\n```",
    calls: &["cognito-idp:DescribeUserPool", "cognito-idp:DescribeUserPoolDomain"],
    look: |facts| {
        Box::pin(async move {
            let domain = facts.domain().await?;
            let failover = domain.as_ref().as_ref().and_then(|domain| domain.routing()?.failover());
            let Some(failover) = failover else { return Ok(Vec::new()) };
            let (theirs, ours) = (failover.primary_route53_health_check_id(), &facts.site.dns.health_check_id);
            let told = (theirs != ours).then(|| {
                Sight::of(format!(
                    "cognito-idp:DescribeUserPoolDomain: Routing.Failover.PrimaryRoute53HealthCheckId {theirs}, the failover record has \
                     {ours}"
                ))
            });
            Ok(told.into_iter().collect())
        })
    },
};
