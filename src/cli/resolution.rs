//! The best precision that a run of a scenario can have: the rate of logins decides how far apart samples are, and how many of them a success rate is based on.

use std::fmt::Write as _;

use serde_json::{Value, json};

use gameday_core::measure::{clopper_pearson_95, least_for};
use gameday_core::model::{Cohort, Phase};
use gameday_core::scenario::{Objective, Scenario};

/// The expected precision of figures about users.
pub(super) struct Resolution {
    /// About how far apart the bounds of the first login at a Region are, in seconds.
    pub first_login_s: f64,
    /// Objectives on shares with too few logins to prove them.
    pub shares: Vec<Share>,
}

/// An objective that the run cannot meet, even if everything works.
pub(super) struct Share {
    pub phase: Phase,
    pub target: f64,
    /// About how many logins.
    pub logins: u64,
    /// The most that they can prove.
    pub at_most: f64,
    /// How many would prove it; nothing if no number does.
    pub needed: Option<u64>,
}

impl Resolution {
    pub(super) fn of(scenario: &Scenario) -> Self {
        let (users, phases) = (&scenario.users, &scenario.phases);
        let rate = users.arrivals.rate.0;
        let of =
            |kind: Cohort| users.cohorts.iter().filter(move |share| share.cohort == kind).map(|share| share.share.0);
        // As the bounds are found: by clients that need not be led, else by those that ask afresh, else by each cohort for itself.
        let groups = [of(Cohort::TriesReplica).sum::<f64>(), of(Cohort::FreshLookup).sum::<f64>()];
        let alone = users.cohorts.iter().map(|share| share.share.0).fold(f64::INFINITY, f64::min);
        let share = groups.into_iter().find(|share| *share > 0.0).unwrap_or(alone);
        let short = |objective: &Objective| {
            let Objective::SuccessRate { phase, at_least, .. } = objective else { return None };
            let span = match phase {
                Phase::Baseline => phases.baseline.0,
                Phase::Hold => phases.hold.0,
                // These may end early.
                _ => return None,
            };
            let logins = (rate * span.as_secs_f64()) as u64;
            let at_most = clopper_pearson_95(logins, logins).map_or(0.0, |(lower, _)| lower);
            let share = Share { phase: *phase, target: at_least.0, logins, at_most, needed: least_for(at_least.0) };
            (at_most < at_least.0).then_some(share)
        };
        Self { first_login_s: 1.0 / (rate * share), shares: scenario.objectives.iter().filter_map(short).collect() }
    }

    pub(super) fn json(&self) -> Value {
        let share = |share: &Share| {
            json!({
                "phase": share.phase, "target": share.target, "logins": share.logins, "at_most": share.at_most, "needed": share.needed,
            })
        };
        json!({
            "first_login_s": self.first_login_s,
            "shares_that_cannot_be_met": self.shares.iter().map(share).collect::<Vec<_>>(),
        })
    }

    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "Resolution: the RTO and the first login at a Region are measured to about {:.1} s, the time between two logins that can show \
             them; a higher login rate improves this.",
            self.first_login_s
        );
        for Share { phase, target, logins, at_most, needed } in &self.shares {
            let enough = needed
                .map_or_else(|| "no number of logins can prove it".to_owned(), |needed| format!("{needed} are needed"));
            let _ = write!(
                text,
                "\nNote: the {} phase has about {logins} logins, which prove at most {:.2} %, so the objective of {:.2} % can only be inconclusive ({enough}).",
                phase.as_str(),
                at_most * 100.0,
                target * 100.0
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(edit: impl Fn(String) -> String) -> Scenario {
        let text = edit(include_str!("../../scenarios/full-failover.toml").to_owned());
        gameday_core::scenario::read_str("scenario.toml", &text, None).unwrap().value
    }

    #[test]
    fn arrivals_decide_the_resolution() {
        let plain = Resolution::of(&scenario(|text| text));
        assert!((plain.first_login_s - 1.0).abs() < 1e-9 && plain.shares.is_empty(), "{}", plain.text());
        let faster = Resolution::of(&scenario(|text| text.replace("rate = \"2/s\"", "rate = \"8/s\"")));
        assert!((faster.first_login_s - 0.25).abs() < 1e-9);
    }

    #[test]
    fn a_share_that_so_few_logins_cannot_prove_is_told_beforehand() {
        let of = |at_least: &str| {
            Resolution::of(&scenario(|text| text.replace("at_least = \"95%\"", &format!("at_least = \"{at_least}\""))))
        };
        let share = &of("99%").shares[0];
        assert_eq!((share.logins, share.needed), (120, Some(368)));
        assert!(of("99%").text().contains("about 120 logins, which prove at most 96.97 %"), "{}", of("99%").text());
        assert_eq!(of("100%").shares[0].needed, None);
    }
}
