//! GD522: for which names the certificates are.

use super::super::{BOTH, Check, CheckResult, Occurrence};
use crate::preflight::facts::{Facts, Unavailable, covers, found};
use gameday_core::model::{Predicts, Region, RegionRole, Severity};
use gameday_protocols::net::CertificateProblem;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD522",
    severity: Severity::Risk,
    regions: BOTH,
    predicts: Predicts::FailedLogins,
    title: "A certificate does not cover the name that users connect to",
    why: "Users connect to the same name in both Regions. If the replica's certificate covers only its own Region's \
          name, or the certificate of the login domain does not cover that domain, every client fails in the TLS \
          handshake, before any request is logged.",
    remedy: "Request a certificate for the name in that Region, and attach it to the endpoint there:\n\n\
             ```sh\n\
             aws acm request-certificate --region REGION --domain-name NAME --validation-method DNS\n\
             ```",
    calls: &["route53:GetHealthCheck", "cognito-idp:DescribeUserPoolDomain", "acm:DescribeCertificate"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let (primary, replica) = futures::try_join!(facts.doors(RegionRole::Primary), facts.doors(RegionRole::Replica))?;
    let (judge, name, now) = (facts.judge()?, &facts.site.front_door.name, facts.clock.wall_now());
    let mut sights = Vec::new();
    let doors = [(RegionRole::Primary, &primary), (RegionRole::Replica, &replica)];
    for (role, door) in doors.into_iter().flat_map(|(role, doors)| doors.iter().map(move |door| (role, door))) {
        if let Err(flaw @ CertificateProblem::OtherName(_)) = judge.judge(&door.chain, name, now) {
            sights.push(Occurrence::of(format!("{}: {flaw}, not {name}", door.address)).at(role));
        }
    }
    sights.extend(login(facts).await?);
    Ok(sights)
}

/// The certificate of the login domain, by what Certificate Manager tells of it.
async fn login(facts: &Facts) -> Result<Option<Occurrence>, Unavailable> {
    let Some(login) = facts.login_certificate().await? else { return Ok(None) };
    let Some(role) = facts.site.role(&Region::from(login.region())) else {
        let reason = format!("it is in {}, which is neither of the two Regions", login.region());
        return Err(Unavailable::because(format!("certificate {}", login.arn), reason));
    };
    let Some(certificate) = found(facts.certificate(role, &login.arn).await)? else { return Ok(None) };
    let names = certificate.subject_alternative_names();
    let told = || format!("{} of login domain {} covers {}", login.arn, login.domain, names.join(", "));
    Ok((!covers(names, &login.domain)).then(|| Occurrence::of(told())))
}
