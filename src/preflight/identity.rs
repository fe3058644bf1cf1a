//! Who runs this: whether AWS can be asked at all, whose credentials they are, how long they last, and where calls really go.

use jiff::SignedDuration;
use std::time::Duration;

use super::checks::{Occurrence, RuleMetadata, steps};
use super::{Findings, PreflightInput};
use crate::cloud::{Ambient, Caller, Cloud, Expiry, IdentityError, Renewal, Surroundings, expiry};
use gameday_core::env::Site;
use gameday_core::model::{AccountId, Severity};

/// What a restore may take after the planned end: ours to choose. 200 subnets are back within 2 min at EC2's request rates
/// (docs/benchmarks.md), and what describes lag behind is waited for.
const RESTORE_MARGIN: Duration = Duration::from_mins(10);

/// Whose credentials they are, where they belong to an account that the environment allows; finds it otherwise.
pub async fn account(cloud: &Cloud, site: &Site, found: &mut Findings) -> Option<Caller> {
    let caller = match cloud.primary.caller().await {
        Ok(caller) => caller,
        Err(error) => {
            let (page, sight) = finding(&error);
            found.add(page, sight);
            return None;
        }
    };
    let Caller { account, arn } = &caller;
    if site.account.allowed.iter().any(|allowed| allowed.as_str() == account) {
        return Some(caller);
    }
    let list: Vec<&str> = site.account.allowed.iter().map(AccountId::as_str).collect();
    let evidence = format!("sts:GetCallerIdentity answered {account} ({arn}); allowed: {}", list.join(", "));
    found.add(steps::ACCOUNT, Occurrence::of(evidence));
    None
}

/// What cannot be reached, what is missing and what AWS refuses are three things, with three remedies.
fn finding(error: &IdentityError) -> (RuleMetadata, Occurrence) {
    let sight = Occurrence::of(error.to_string());
    match error {
        IdentityError::Unreachable(_) => (steps::UNREACHABLE, sight),
        IdentityError::NoCredentials(_) => (steps::NO_CREDENTIALS, sight),
        IdentityError::Profile(profile) => (steps::NO_CREDENTIALS, sight.remedy(profile.remedy())),
        IdentityError::Refused(_) => (steps::CREDENTIALS, sight),
    }
}

/// What the process brings with it: how long its credentials last, and where its environment sends calls.
pub(super) async fn surroundings(question: &PreflightInput<'_>, cloud: &Cloud, found: &mut Findings) {
    if let Some(sight) = redirected([&cloud.primary.ambient, &cloud.replica.ambient]) {
        found.add(steps::REDIRECTED, sight);
    }
    let Some(provider) = &cloud.credentials else { return };
    match expiry(provider, &Surroundings::of_process()).await {
        Err(error) => found.not_checked(steps::EXPIRY.code, &error),
        Ok(None) => {}
        Ok(Some(expiry)) => {
            let longest = question.clock.real(question.scenario.phases.longest()) + RESTORE_MARGIN;
            let longest = SignedDuration::try_from(longest).unwrap_or(SignedDuration::MAX);
            let end = question.clock.wall_now().saturating_add(longest).unwrap_or(jiff::Timestamp::MAX);
            if let Some(sight) = too_short(expiry, end) {
                found.add(steps::EXPIRY, sight);
            }
        }
    }
}

fn too_short(expiry: Expiry, end: jiff::Timestamp) -> Option<Occurrence> {
    let Expiry { at, renewal } = expiry;
    let told = |more: &str| {
        let margin = RESTORE_MARGIN.as_secs() / 60;
        Occurrence::of(format!(
            "the credentials expire at {at:.0}; the run can last until {end:.0}, including {margin} min for the restore{more}"
        ))
    };
    match renewal {
        _ if at >= end => None,
        Renewal::ByItself => None,
        Renewal::WhileSessionLasts => {
            Some(told(". They are renewed as long as their session lasts").severity(Severity::Risk))
        }
        Renewal::None => Some(told("")),
    }
}

fn redirected(regions: [&Ambient; 2]) -> Option<Occurrence> {
    let all: std::collections::BTreeSet<String> = regions
        .into_iter()
        .flat_map(|ambient| ambient.redirects.iter().map(|(service, url)| format!("{service} to {url}")))
        .collect();
    let list: Vec<String> = all.into_iter().collect();
    (!list.is_empty()).then(|| {
        Occurrence::of(format!(
            "AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_<SERVICE> or the profile redirects {}",
            list.join(", ")
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::{CloudError, ErrorClass, ProfileError};

    #[test]
    fn a13_what_is_wrong_on_the_way_is_not_a_refusal() {
        let code = |error: IdentityError| finding(&error).0.code;
        assert_eq!(code(IdentityError::Unreachable("refused".into())), "GD009");
        assert_eq!(code(IdentityError::NoCredentials("none".into())), "GD010");
        assert_eq!(code(IdentityError::Profile(ProfileError::Missing("bank-sso".into()))), "GD010");
        let refused = CloudError {
            operation: "sts:GetCallerIdentity",
            class: ErrorClass::Denied,
            code: Some("InvalidClientTokenId".into()),
            message: "no".into(),
        };
        assert_eq!(code(IdentityError::Refused(refused)), "GD001");
    }

    #[test]
    fn c20_credentials_must_outlast_the_restore() {
        let end = "2026-11-29T22:08:00Z".parse().unwrap();
        let severity = |at: &str, renewal| {
            let sight = too_short(Expiry { at: at.parse().unwrap(), renewal }, end)?;
            Some(sight.severity.unwrap_or(steps::EXPIRY.severity))
        };
        assert_eq!(severity("2026-11-29T22:02:00Z", Renewal::None), Some(Severity::Blocker));
        assert_eq!(severity("2026-11-29T22:02:00Z", Renewal::WhileSessionLasts), Some(Severity::Risk));
        assert_eq!(severity("2026-11-29T22:02:00Z", Renewal::ByItself), None);
        assert_eq!(severity("2026-11-29T22:08:00Z", Renewal::None), None);
    }

    #[test]
    fn c03_a_service_that_the_environment_sends_elsewhere_is_named_once() {
        let ambient =
            Ambient { redirects: [("kms".to_owned(), "http://10.0.0.1".to_owned())].into(), ..Ambient::default() };
        let sight = redirected([&ambient, &ambient]).unwrap();
        assert_eq!(sight.evidence.matches("kms to http://10.0.0.1").count(), 1, "{}", sight.evidence);
        assert_eq!(redirected([&Ambient::default(), &Ambient::default()]), None);
    }
}
