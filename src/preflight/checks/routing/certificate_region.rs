//! GD525: where the login domain's certificate lies.

use super::super::{Check, CheckResult, Occurrence};
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, Severity};

/// Where Cognito takes certificates of custom domains from, whatever the pool's Region (Cognito developer guide, "Using your own domain for
/// managed login").
const REGION: &str = "us-east-1";

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD525",
    severity: Severity::Risk,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "The login domain's certificate is not in us-east-1",
    why: "A custom domain of managed login is served by CloudFront, which uses certificates from us-east-1 only, for a \
          pool in any Region and for its replica. With a certificate from another Region, the domain cannot be \
          changed, and a renewed certificate cannot be attached.",
    remedy: "Request the certificate in us-east-1, and attach it to the domain:\n\n\
             ```sh\n\
             aws acm request-certificate --region us-east-1 --domain-name DOMAIN --validation-method DNS\n\
             aws cognito-idp update-user-pool-domain --region PRIMARY_REGION --user-pool-id USER_POOL_ID --domain \
             DOMAIN \\\n  \
             --custom-domain-config CertificateArn=CERTIFICATE_ARN\n\
             ```",
    calls: &["cognito-idp:DescribeUserPoolDomain"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let Some(login) = facts.login_certificate().await? else { return Ok(Vec::new()) };
    let sight = || Occurrence::of(format!("CustomDomainConfig of {}: CertificateArn {}", login.domain, login.arn));
    Ok((login.region() != REGION).then(sight).into_iter().collect())
}
