//! GD605: what the replica lets through, beside what the drill itself sends.

use super::super::{Check, CheckResult, Occurrence, REPLICA};
use crate::preflight::facts::Facts;
use gameday_core::model::{Flow, Predicts, RegionRole, Severity};
use gameday_core::scenario::UserLoad;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD605",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Throttling,
    title: "The scenario sends more sign-ins than the replica allows",
    why: "After the failover the replica takes every sign-in and refresh of the drill, in addition to those of real \
          users. It answers requests above its enforced rate with `TooManyRequestsException`: the drill then measures \
          the quota, and throttles real users. Each step of managed login counts, and retries add to the rate.",
    remedy: "Lower `rate` (for a ramp, `to`) in `[users.arrivals]` of the scenario. If you want to rehearse \
             throttling, keep it. To allow the load, provision the rate at the replica:\n\n\
             ```sh\n\
             aws cognito-idp update-provisioned-limit --region REPLICA_REGION --requested-limit-value NUMBER \\\n  \
             --limit-definition 'LimitClass=API_CATEGORY,Attributes={Category=UserAuthentication}'\n\
             ```\n\n\
             Pools with managed login do not support `update-provisioned-limit` for UserAuthentication and \
             UserFederation: request a quota increase instead.",
    calls: &["cognito-idp:GetProvisionedLimit"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let enforced = f64::from(facts.sign_in_limit(RegionRole::Replica).await?.enforced);
    let wanted = peak(&facts.scenario.users);
    let region = &facts.site.replica.region;
    let sight = || {
        let throttled = 100.0 * (1.0 - enforced / wanted);
        Occurrence::of(format!(
            "the scenario's peak is {wanted:.1}/s of UserAuthentication; {region} enforces {enforced}/s: {throttled:.0} % would be throttled"
        ))
    };
    Ok((wanted > enforced).then(sight).into_iter().collect())
}

/// Requests of UserAuthentication in a second at the peak, at least: one for each sign-in or refresh. Machines' sign-ins have a category of
/// their own, ClientAuthentication.
fn peak(users: &UserLoad) -> f64 {
    let arrivals = &users.arrivals;
    let rate = arrivals.to.map_or(arrivals.rate.0, |to| to.0.max(arrivals.rate.0));
    let counted = users.flows.iter().filter(|flow| flow.flow != Flow::ClientCredentials);
    let share: f64 = counted.map(|flow| flow.share.0).sum();
    let sessions = users.sessions.iter().map(|plan| f64::from(plan.count) / plan.refresh_every.0.as_secs_f64());
    rate * share + sessions.sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(arrivals: &str, rest: &str) -> UserLoad {
        let text = format!(
            "[arrivals]\nprocess = \"constant\"\n{arrivals}\n[[flows]]\nflow = \"USER_SRP_AUTH\"\nshare = \"75%\"\n[[flows]]\n\
             flow = \"client-credentials\"\nshare = \"25%\"\n[[cohorts]]\ncohort = \"fresh-lookup\"\nshare = \"100%\"\n{rest}"
        );
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn the_peak_is_what_counts_as_a_sign_in() {
        assert!((peak(&users("rate = \"200/s\"", "")) - 150.0).abs() < 1e-9);
        let ramp = users("rate = \"20/s\"\nto = \"400/s\"\nover = \"1m\"", "");
        assert!((peak(&ramp) - 300.0).abs() < 1e-9);
        let sessions = "[[sessions]]\ncount = 60\nrefresh = \"REFRESH_TOKEN_AUTH\"\nrefresh_every = \"30s\"\ncall_every = \"5s\"\n";
        assert!((peak(&users("rate = \"20/s\"", sessions)) - 17.0).abs() < 1e-9);
    }
}
