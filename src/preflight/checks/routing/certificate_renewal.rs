//! GD524: whether Certificate Manager goes on renewing.

use aws_sdk_acm::types::{CertificateStatus, CertificateSummary, RenewalEligibility};
use jiff::Timestamp;

use super::super::{BOTH, Check, CheckResult, Occurrence};
use super::certificate_end::DAYS;
use crate::preflight::facts::{Facts, covers};
use gameday_core::model::{Predicts, RegionRole, Severity};

/// An imported certificate, which nobody renews by itself, is told of so many days before its end.
const IMPORTED_DAYS: i64 = 60;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD524",
    severity: Severity::Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "Certificate Manager does not keep a certificate of an endpoint valid",
    why: "ACM renews the certificates that it issued, as long as their DNS validation records exist; it does not renew \
          imported certificates. A certificate that is not issued, expires within 30 days, or is imported and expires \
          within 60 days will soon lock users out of its Region.",
    remedy: "Find out what ACM waits for, then restore the DNS validation records or import a new certificate:\n\n\
             ```sh\n\
             aws acm describe-certificate --region REGION --certificate-arn CERTIFICATE_ARN \\\n  \
             --query 'Certificate.[Status,NotAfter,RenewalSummary,DomainValidationOptions]'\n\
             ```",
    calls: &["acm:ListCertificates"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let now = facts.clock.wall_now();
    let roles = [RegionRole::Primary, RegionRole::Replica];
    let (primary, replica) = futures::try_join!(facts.certificates(roles[0]), facts.certificates(roles[1]))?;
    let mut sights = Vec::new();
    for (role, list) in roles.into_iter().zip([primary, replica]) {
        let region = &facts.site.region(role).region;
        for certificate in list.iter().filter(|certificate| is_ours(facts, certificate)) {
            let arn = certificate.certificate_arn().unwrap_or("-");
            sights.extend(
                judge(certificate, now).map(|what| Occurrence::of(format!("{region}, {arn}: {what}")).at(role)),
            );
        }
    }
    Ok(sights)
}

/// Whether it covers what users connect to, and something uses it.
fn is_ours(facts: &Facts, certificate: &CertificateSummary) -> bool {
    let mut names = certificate.subject_alternative_name_summaries().to_vec();
    names.extend(certificate.domain_name().map(str::to_owned));
    let login = facts.site.managed_login.as_ref().map(|login| login.domain.as_str());
    let hosts = [Some(facts.site.front_door.name.as_str()), login];
    certificate.in_use() == Some(true) && hosts.into_iter().flatten().any(|host| covers(&names, host))
}

fn judge(certificate: &CertificateSummary, now: Timestamp) -> Option<String> {
    let status = certificate.status()?;
    if *status != CertificateStatus::Issued {
        return Some(format!("Status {}", status.as_str()));
    }
    let ends = certificate.not_after()?.secs();
    let days = (ends - now.as_second()).div_euclid(24 * 3600);
    let renewed = certificate.renewal_eligibility() == Some(&RenewalEligibility::Eligible);
    let least = if renewed { DAYS } else { IMPORTED_DAYS };
    let eligible = if renewed { "ACM renews it" } else { "ACM does not renew it" };
    (days < least)
        .then(|| format!("expires in {days} days ({}); {eligible}", jiff::Timestamp::from_second(ends).unwrap_or(now)))
}
