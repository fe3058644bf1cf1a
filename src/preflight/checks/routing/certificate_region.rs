//! GD525: where the login domain's certificate lies.

use super::super::{Check, Looked, Sight};
use crate::model::{Predicts, Severity};
use crate::preflight::facts::Facts;

/// Where Cognito takes certificates of custom domains from, whatever the pool's Region (Cognito developer guide, "Using your own domain for
/// managed login").
const REGION: &str = "us-east-1";

/// See its text.
pub const CHECK: Check = Check {
    code: "GD525",
    severity: Severity::Risk,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "The login domain's certificate is not in us-east-1",
    why: "A custom domain of managed login is served by CloudFront, which takes certificates from us-east-1 alone, for a pool in whatever \
          Region and for its replica too. With one from elsewhere the domain cannot be changed any more, nor a renewed certificate be \
          attached to it.",
    remedy: "Request the certificate in us-east-1, and attach it to the domain:\n\n\
             ```sh\naws acm request-certificate --region us-east-1 --domain-name DOMAIN --validation-method DNS\n\
             aws cognito-idp update-user-pool-domain --user-pool-id POOL --domain DOMAIN --custom-domain-config CertificateArn=ARN\n```",
    calls: &["cognito-idp:DescribeUserPoolDomain"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> Looked {
    let Some(login) = facts.login_certificate().await? else { return Ok(Vec::new()) };
    let sight = || Sight::of(format!("CustomDomainConfig of {}: CertificateArn {}", login.domain, login.arn));
    Ok((login.region() != REGION).then(sight).into_iter().collect())
}
