//! What became of the findings of preflight: each predicts something, and the run shows whether it came.

use super::failures::{Failure, Throttling};
use super::interval::Interval;
use super::logins::Logins;
use super::milestones::Reached;
use super::objectives::{ObjectiveResult, Verdict};
use crate::model::{Finding, LoginOutcome, Milestone, Phase, Predicts, Region, RegionRole, RunFailure, RunStarted};
use crate::scenario::Objective;

/// A finding of preflight, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prediction {
    /// What was found.
    pub finding: Finding,
    /// What it predicts.
    pub predicts: Predicts,
    /// Where.
    pub regions: Vec<RegionRole>,
    /// Whether what it predicts came.
    pub outcome: PredictionOutcome,
}

/// What became of a prediction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PredictionOutcome {
    /// It came true; how it was seen.
    CameTrue(String),
    /// It did not; what was seen instead.
    DidNot(String),
    /// The run does not tell; why.
    Untested(String),
}

impl PredictionOutcome {
    /// `came_true`, `did_not` or `untested`, as in `run.json`.
    pub fn verdict(&self) -> &'static str {
        match self {
            Self::CameTrue(_) => "came_true",
            Self::DidNot(_) => "did_not",
            Self::Untested(_) => "untested",
        }
    }

    /// What was seen.
    pub fn evidence(&self) -> &str {
        match self {
            Self::CameTrue(text) | Self::DidNot(text) | Self::Untested(text) => text,
        }
    }
}

/// What a finding predicts, and where.
fn predicts_of(finding: &Finding) -> (Predicts, Vec<RegionRole>) {
    match finding.predicts {
        Some(predicts) => (predicts, finding.regions.clone()),
        None => older(&finding.code),
    }
}

/// What the codes of 0.1.0 predicted, whose logs say neither that nor where. Some were about a function of either Region.
fn older(code: &str) -> (Predicts, Vec<RegionRole>) {
    use RegionRole::{Primary, Replica};
    let predicts = match code {
        "GD101" => return (Predicts::FailedLogins, vec![Primary]),
        "GD403" | "GD404" | "GD407" => return (Predicts::FailedLogins, vec![Primary, Replica]),
        "GD104" => Predicts::NoSessions,
        "GD510" => Predicts::UnknownAddress,
        "GD520" => Predicts::Unreached(Milestone::FirstPrimaryLoginAfterFailback),
        "GD502" | "GD507" => Predicts::SlowRecovery,
        // Found in the run, not before it.
        "GD103" => Predicts::Nothing,
        code => match code.as_bytes().get(2) {
            Some(b'1'..=b'4' | b'7') => Predicts::FailedLogins,
            Some(b'5') => Predicts::Unreached(Milestone::DnsFlipAuthoritative),
            Some(b'6') => Predicts::Throttling,
            _ => Predicts::Nothing,
        },
    };
    (predicts, vec![Replica])
}

/// What a run showed.
pub(super) struct Shown<'a> {
    pub run: &'a RunStarted,
    pub failure: Option<&'a RunFailure>,
    /// Whether anything was cut.
    pub cut: bool,
    pub logins: &'a Logins,
    pub failures: &'a [Failure],
    pub throttling: &'a [Throttling],
    pub milestones: &'a [Reached],
    /// Those on the time of recovery.
    pub recovery_time: Vec<&'a ObjectiveResult>,
}

/// The results of the objectives on the time of recovery.
pub(super) fn recovery_time<'a>(all: &[Objective], results: &'a [ObjectiveResult]) -> Vec<&'a ObjectiveResult> {
    let timed = |objective: &Objective| matches!(objective, Objective::Rto { .. } | Objective::SustainedRto { .. });
    all.iter().zip(results).filter(|(objective, _)| timed(objective)).map(|(_, result)| result).collect()
}

/// What became of each finding.
pub(super) fn predictions(findings: &[Finding], shown: &Shown<'_>) -> Vec<Prediction> {
    let of = |finding: &Finding| {
        let (predicts, regions) = predicts_of(finding);
        Prediction { finding: finding.clone(), predicts, outcome: shown.outcome(predicts, &regions), regions }
    };
    findings.iter().map(of).collect()
}

impl Prediction {
    /// Whether it predicted these logins' failure.
    pub fn explains(&self, failure: &Failure, run: &RunStarted) -> bool {
        let at = |role: RegionRole| failure.region.as_ref() == Some(run.region(role));
        let failed_there = |role: &RegionRole| match role {
            // What fails there after the cut is the fault's.
            RegionRole::Primary => at(*role) && failure.by_phase.contains_key(&Phase::Baseline),
            RegionRole::Replica => at(*role),
        };
        let came = matches!(self.outcome, PredictionOutcome::CameTrue(_));
        came && match self.predicts {
            Predicts::FailedLogins => self.regions.iter().any(failed_there),
            Predicts::Throttling => {
                self.regions.iter().any(|role| at(*role)) && matches!(failure.outcome, LoginOutcome::Throttled { .. })
            }
            Predicts::NoSessions => failure.outcome == LoginOutcome::NoSession,
            // Where the record does not move, whoever goes on to the primary finds nobody there.
            Predicts::Unreached(Milestone::DnsFlipAuthoritative) => !at(RegionRole::Replica),
            Predicts::UnknownAddress => failure.region.is_none(),
            // Where nobody comes back, those who stay at the replica get in.
            Predicts::Unreached(_) | Predicts::SlowRecovery | Predicts::Nothing => false,
        }
    }
}

impl Shown<'_> {
    fn outcome(&self, predicts: Predicts, regions: &[RegionRole]) -> PredictionOutcome {
        if predicts == Predicts::Nothing {
            return PredictionOutcome::Untested("a run does not show it".to_owned());
        }
        if self.failure == Some(&RunFailure::PreflightRefused) {
            return PredictionOutcome::Untested("the run was refused".to_owned());
        }
        match predicts {
            Predicts::FailedLogins => self.failed_logins(regions),
            Predicts::NoSessions => self.no_sessions(),
            _ if !self.cut => PredictionOutcome::Untested("no fault was injected".to_owned()),
            Predicts::Unreached(Milestone::FirstPrimaryLoginAfterFailback) => self.failback(),
            Predicts::Unreached(Milestone::DnsFlipAuthoritative) => self.failover(),
            Predicts::Unreached(milestone) => self.unreached(milestone),
            Predicts::UnknownAddress => self.unseen(),
            Predicts::SlowRecovery => self.slow(),
            Predicts::Throttling => self.throttled(regions),
            Predicts::Nothing => PredictionOutcome::Untested(String::new()),
        }
    }

    /// Whether logins failed in any of the Regions.
    fn failed_logins(&self, regions: &[RegionRole]) -> PredictionOutcome {
        let mut outcome = PredictionOutcome::Untested("the finding names no Region".to_owned());
        for role in regions {
            outcome = match role {
                RegionRole::Primary => self.logins_at(&self.run.primary, Some(Phase::Baseline)),
                RegionRole::Replica if !self.cut => PredictionOutcome::Untested("no fault was injected".to_owned()),
                RegionRole::Replica => self.logins_at(&self.run.replica, None),
            };
            if matches!(outcome, PredictionOutcome::CameTrue(_)) {
                break;
            }
        }
        outcome
    }

    /// In one phase, or in all of them.
    fn logins_at(&self, region: &Region, phase: Option<Phase>) -> PredictionOutcome {
        let count = |failure: &Failure| match phase {
            Some(phase) => failure.by_phase.get(&phase).copied().unwrap_or_default(),
            None => failure.count(),
        };
        let mine = self.failures.iter().filter(|failure| failure.region.as_ref() == Some(region));
        let mut failed: Vec<(u64, String)> =
            mine.map(|failure| (count(failure), failure.outcome.label())).filter(|(count, _)| *count > 0).collect();
        failed.sort_by(|a, b| b.cmp(a));
        let groups = self.logins.by_phase_and_region.iter();
        let groups =
            groups.filter(|((of, at), _)| phase.is_none_or(|phase| *of == phase) && at.as_ref() == Some(region));
        let (attempted, succeeded) =
            groups.fold((0, 0), |(all, good), (_, group)| (all + group.attempted, good + group.succeeded));
        match failed.first() {
            Some((most, label)) => {
                let all: u64 = failed.iter().map(|(count, _)| count).sum();
                PredictionOutcome::CameTrue(format!(
                    "{all} of {attempted} logins at {region} failed, {most} of them: {label}"
                ))
            }
            None if succeeded > 0 => {
                PredictionOutcome::DidNot(format!("{succeeded} logins at {region} succeeded, none failed"))
            }
            None => PredictionOutcome::Untested(format!("no login was attempted at {region}")),
        }
    }

    fn reached(&self, milestone: Milestone) -> Option<Interval> {
        self.milestones.iter().find(|reached| reached.milestone == milestone)?.at
    }

    fn no_sessions(&self) -> PredictionOutcome {
        let none = |failure: &&Failure| failure.outcome == LoginOutcome::NoSession;
        let without = self.failures.iter().filter(none).map(Failure::count).sum();
        match without {
            0_u64 => PredictionOutcome::DidNot("every refresh had a session".to_owned()),
            _ => PredictionOutcome::CameTrue(format!("{without} refreshes had no session to refresh")),
        }
    }

    fn failback(&self) -> PredictionOutcome {
        let back = self.reached(Milestone::FirstPrimaryLoginAfterFailback);
        let healed = self.reached(Milestone::FaultReverted).is_some();
        match back {
            Some(at) => PredictionOutcome::DidNot(format!(
                "a login succeeded at the primary at most {:.1} s after fault injection",
                at.upper
            )),
            None if healed => {
                PredictionOutcome::CameTrue("no login succeeded at the primary after the fault was removed".to_owned())
            }
            None => PredictionOutcome::Untested("the fault was not removed".to_owned()),
        }
    }

    /// Whether the record moved, and whoever followed it got to no Region that the run knows.
    fn unseen(&self) -> PredictionOutcome {
        let nowhere = self.failures.iter().filter(|failure| failure.region.is_none()).map(Failure::count).sum();
        let seen = self.reached(Milestone::DnsFlipAuthoritative);
        match (seen, nowhere) {
            (Some(at), _) => {
                PredictionOutcome::DidNot(format!("the record changed at most {:.1} s after fault injection", at.upper))
            }
            (None, 0_u64) if self.reached(Milestone::FirstReplicaLogin).is_none() => {
                PredictionOutcome::Untested("no login was sent anywhere else".to_owned())
            }
            (None, 0) => PredictionOutcome::CameTrue(
                "logins succeeded at the replica, and no change of the record was observed".to_owned(),
            ),
            (None, _) => PredictionOutcome::CameTrue(format!("{nowhere} logins reached no known Region")),
        }
    }

    fn failover(&self) -> PredictionOutcome {
        match self.reached(Milestone::DnsFlipAuthoritative) {
            None => PredictionOutcome::CameTrue("the record did not switch to the replica".to_owned()),
            Some(at) => PredictionOutcome::DidNot(format!(
                "the record switched to the replica at most {:.1} s after fault injection",
                at.upper
            )),
        }
    }

    fn unreached(&self, milestone: Milestone) -> PredictionOutcome {
        let name = milestone.as_str();
        match self.reached(milestone) {
            None => PredictionOutcome::CameTrue(format!("{name} was not reached")),
            Some(at) => {
                PredictionOutcome::DidNot(format!("{name} was reached at most {:.1} s after fault injection", at.upper))
            }
        }
    }

    fn slow(&self) -> PredictionOutcome {
        let (mut missed, mut met) = (Vec::new(), Vec::new());
        for objective in &self.recovery_time {
            match objective.verdict {
                Verdict::Missed => missed.push(objective.name.as_str()),
                Verdict::Met => met.push(objective.name.as_str()),
                Verdict::Inconclusive => {}
            }
        }
        match (missed.is_empty(), met.is_empty()) {
            (false, _) => PredictionOutcome::CameTrue(format!("missed: {}", missed.join(", "))),
            (true, false) => PredictionOutcome::DidNot(format!("met: {}", met.join(", "))),
            (true, true) => PredictionOutcome::Untested(
                "there is no objective for the recovery time, or none was conclusive".to_owned(),
            ),
        }
    }

    fn throttled(&self, regions: &[RegionRole]) -> PredictionOutcome {
        let names = || regions.iter().map(|role| self.run.region(*role));
        let throttled =
            self.throttling.iter().find(|at| at.all.throttled > 0 && names().any(|name| at.region == *name));
        if let Some(Throttling { region, all, .. }) = throttled {
            return PredictionOutcome::CameTrue(format!(
                "{} of {} logins at {region} were throttled",
                all.throttled, all.attempted
            ));
        }
        let names: Vec<&str> = names().map(Region::as_str).collect();
        PredictionOutcome::DidNot(format!("no login at {} was throttled", names.join(" and ")))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::measure::failures::Throttled;
    use crate::measure::logins::Group;
    use crate::measure::milestones::BeforeCut;
    use crate::measure::objectives::Unit;
    use crate::model::LoginOutcome::{ConnectTimeout, NoSession, Succeeded};
    use crate::model::{LoginStep, Severity};

    const PRIMARY: &str = "us-east-1";
    const REPLICA: &str = "us-west-2";

    fn refusal() -> LoginOutcome {
        LoginOutcome::Rejected { step: LoginStep::InitiateAuth, code: "NotAuthorizedException".into() }
    }

    /// A run that was cut and healed, in which nothing else was seen yet.
    struct SeenRun {
        run: RunStarted,
        failure: Option<RunFailure>,
        cut: bool,
        logins: Logins,
        failures: Vec<Failure>,
        throttling: Vec<Throttling>,
        milestones: Vec<Reached>,
        recovery_time: Vec<ObjectiveResult>,
    }

    impl SeenRun {
        fn nothing() -> Self {
            let run = RunStarted {
                schema_version: crate::model::EVENT_LOG_VERSION,
                run_id: "gd-20260102t030405z-1a2b3c".into(),
                tool_version: String::new(),
                scenario_name: String::new(),
                scenario_sha256: String::new(),
                scenario: serde_json::Value::Null,
                environment_name: String::new(),
                environment_kind: String::new(),
                environment_sha256: String::new(),
                primary: PRIMARY.into(),
                replica: REPLICA.into(),
                record: String::new(),
                speed: 1.0,
                virtual_time: false,
                seed: 0,
                poll_s: BTreeMap::new(),
                host: String::new(),
                clock_sync: None,
            };
            Self {
                run,
                failure: None,
                cut: true,
                logins: Logins::default(),
                failures: Vec::new(),
                throttling: Vec::new(),
                milestones: Vec::new(),
                recovery_time: Vec::new(),
            }
            .reached(Milestone::FaultReverted)
        }

        fn reached(mut self, milestone: Milestone) -> Self {
            self.milestones.push(Reached { milestone, at: Some(Interval::exact(90.0)), before: BeforeCut::No });
            self
        }

        /// So many logins of a phase at a Region, or at none; those that did not succeed failed like this.
        fn logins(mut self, phase: Phase, region: Option<&str>, counts: (u64, u64), outcome: LoginOutcome) -> Self {
            let (attempted, succeeded) = counts;
            let region: Option<Region> = region.map(Region::from);
            let group = Group { attempted, succeeded, ..Group::default() };
            self.logins.by_phase_and_region.insert((phase, region.clone()), group);
            if attempted > succeeded {
                let by_phase = [(phase, attempted - succeeded)].into();
                self.failures.push(Failure { outcome, region, by_phase, first_s: None, last_s: None });
            }
            self
        }

        fn objective(mut self, name: &str, verdict: Verdict) -> Self {
            self.recovery_time.push(ObjectiveResult {
                name: name.to_owned(),
                demand: String::new(),
                target: 60.0,
                unit: Unit::Seconds,
                lower: None,
                upper: None,
                observed: None,
                verdict,
                reason: None,
            });
            self
        }

        fn throttled(mut self, region: &str, throttled: u64) -> Self {
            let all = Throttled { attempted: 10, throttled };
            self.throttling.push(Throttling { region: region.into(), all, windows: Vec::new(), raised: None });
            self
        }

        /// A finding of an older log, which says by its code alone what it predicts.
        fn older(&self, code: &str) -> Prediction {
            self.prediction(code, None, &[])
        }

        fn predicted(&self, predicts: Predicts, regions: &[RegionRole]) -> &'static str {
            self.prediction("GD999", Some(predicts), regions).outcome.verdict()
        }

        fn prediction(&self, code: &str, predicts: Option<Predicts>, regions: &[RegionRole]) -> Prediction {
            let finding = Finding {
                code: code.to_owned(),
                severity: Severity::Blocker,
                regions: regions.to_vec(),
                predicts,
                title: String::new(),
                evidence: String::new(),
                remedy: String::new(),
                accepted: None,
                ignored: true,
            };
            let shown = Shown {
                run: &self.run,
                failure: self.failure.as_ref(),
                cut: self.cut,
                logins: &self.logins,
                failures: &self.failures,
                throttling: &self.throttling,
                milestones: &self.milestones,
                recovery_time: self.recovery_time.iter().collect(),
            };
            predictions(&[finding], &shown).pop().unwrap()
        }

        fn verdict(&self, code: &str) -> &'static str {
            self.older(code).outcome.verdict()
        }

        /// The labels of the failures that a finding explains.
        fn explained(&self, code: &str) -> Vec<LoginOutcome> {
            self.explained_by(&self.older(code))
        }

        fn explained_by(&self, predicted: &Prediction) -> Vec<LoginOutcome> {
            let mine = self.failures.iter().filter(|failure| predicted.explains(failure, &self.run));
            mine.map(|failure| failure.outcome.clone()).collect()
        }
    }

    #[test]
    fn what_breaks_the_replica_is_seen_in_logins_there_and_nowhere_else() {
        let nobody = SeenRun::nothing().logins(Phase::Outage, Some(PRIMARY), (9, 0), ConnectTimeout);
        let refused = SeenRun::nothing().logins(Phase::Outage, Some(PRIMARY), (9, 0), ConnectTimeout).logins(
            Phase::Hold,
            Some(REPLICA),
            (7, 2),
            refusal(),
        );
        let fine = SeenRun::nothing().logins(Phase::Hold, Some(REPLICA), (7, 7), Succeeded);
        for code in ["GD102", "GD116", "GD203", "GD301", "GD404", "GD702"] {
            assert_eq!(nobody.verdict(code), "untested", "{code}");
            assert_eq!(refused.verdict(code), "came_true", "{code}");
            assert_eq!(fine.verdict(code), "did_not", "{code}");
            assert_eq!(refused.explained(code), [refusal()], "{code}");
        }
        let told = refused.older("GD203").outcome;
        assert_eq!(
            told.evidence(),
            "5 of 7 logins at us-west-2 failed, 5 of them: rejected at InitiateAuth (NotAuthorizedException)"
        );
    }

    #[test]
    fn what_breaks_the_primary_is_seen_before_the_cut() {
        let before = SeenRun::nothing().logins(Phase::Baseline, Some(PRIMARY), (5, 0), refusal());
        // What fails after the cut is the fault's.
        let after = SeenRun::nothing().logins(Phase::Baseline, Some(PRIMARY), (5, 5), Succeeded).logins(
            Phase::Outage,
            Some(PRIMARY),
            (5, 0),
            ConnectTimeout,
        );
        assert_eq!((before.verdict("GD101"), after.verdict("GD101")), ("came_true", "did_not"));
        assert_eq!(before.explained("GD101"), [refusal()]);
        assert!(after.explained("GD101").is_empty());
        // A function of either Region: an older log does not say of which.
        assert_eq!(before.verdict("GD404"), "came_true");
        assert_eq!(before.explained("GD404"), [refusal()]);
    }

    #[test]
    fn a_prediction_holds_in_the_regions_that_the_finding_names() {
        use RegionRole::{Primary, Replica};
        let before = SeenRun::nothing().logins(Phase::Baseline, Some(PRIMARY), (5, 0), refusal());
        let there = SeenRun::nothing().logins(Phase::Hold, Some(REPLICA), (5, 0), refusal());
        let fails = Predicts::FailedLogins;
        let verdicts =
            |seen: &SeenRun| [&[Primary][..], &[Replica], &[Primary, Replica]].map(|at| seen.predicted(fails, at));
        assert_eq!(verdicts(&before), ["came_true", "untested", "came_true"]);
        assert_eq!(verdicts(&there), ["untested", "came_true", "came_true"]);
        assert_eq!(verdicts(&SeenRun { cut: false, ..there }), ["untested"; 3]);
        let at_primary = before.prediction("GD203", Some(fails), &[Primary]);
        assert_eq!(before.explained_by(&at_primary), [refusal()]);
        let at_replica = before.prediction("GD203", Some(fails), &[Replica]);
        assert!(before.explained_by(&at_replica).is_empty());
        let throttled = SeenRun::nothing().throttled(PRIMARY, 4);
        let throttling = [&[Primary][..], &[Replica]].map(|at| throttled.predicted(Predicts::Throttling, at));
        assert_eq!(throttling, ["came_true", "did_not"]);
        // What it says goes before what its code once said.
        assert_eq!(before.prediction("GD101", Some(Predicts::Nothing), &[Primary]).outcome.verdict(), "untested");
    }

    #[test]
    fn any_milestone_may_be_predicted_to_stay_away() {
        let sustained = Predicts::Unreached(Milestone::ReplicaSustained);
        let reached = SeenRun::nothing().reached(Milestone::ReplicaSustained);
        assert_eq!(SeenRun::nothing().predicted(sustained, &[]), "came_true");
        assert_eq!(reached.predicted(sustained, &[]), "did_not");
    }

    #[test]
    fn objectives_on_the_time_of_recovery_are_told_by_what_they_are() {
        let at_most = crate::model::Span(std::time::Duration::from_mins(1));
        let all = [Objective::Rto { at_most }, Objective::Failback { at_most }, Objective::SustainedRto { at_most }];
        let seen = ["rto", "failback", "sustained_rto"].into_iter();
        let seen = seen.fold(SeenRun::nothing(), |seen, name| seen.objective(name, Verdict::Met));
        let timed = recovery_time(&all, &seen.recovery_time);
        assert_eq!(timed.iter().map(|result| result.name.as_str()).collect::<Vec<_>>(), ["rto", "sustained_rto"]);
    }

    #[test]
    fn a_record_that_does_not_move_leaves_users_at_the_primary() {
        let stays = SeenRun::nothing().logins(Phase::Outage, Some(PRIMARY), (9, 0), ConnectTimeout);
        let moved = SeenRun::nothing().reached(Milestone::DnsFlipAuthoritative);
        assert_eq!((stays.verdict("GD501"), moved.verdict("GD501")), ("came_true", "did_not"));
        assert_eq!(stays.explained("GD501"), [ConnectTimeout]);
    }

    #[test]
    fn a_record_that_never_comes_back_keeps_users_away() {
        let away = SeenRun::nothing().logins(Phase::Outage, Some(REPLICA), (9, 9), Succeeded);
        let back = SeenRun::nothing().reached(Milestone::FirstPrimaryLoginAfterFailback);
        let mut broken_off = SeenRun::nothing();
        broken_off.milestones.clear();
        let verdicts = [away, back, broken_off].map(|seen| seen.verdict("GD520"));
        assert_eq!(verdicts, ["came_true", "did_not", "untested"]);
    }

    #[test]
    fn who_gets_to_a_place_without_a_name_is_seen_nowhere() {
        let invalid = LoginOutcome::TokenInvalid { reason: "iss".into() };
        let lost = SeenRun::nothing().logins(Phase::Hold, None, (8, 0), invalid.clone());
        assert_eq!(lost.explained("GD510"), [invalid]);
        let unseen = SeenRun::nothing().reached(Milestone::FirstReplicaLogin);
        let moved = SeenRun::nothing().reached(Milestone::DnsFlipAuthoritative);
        let verdicts = [lost, unseen, moved, SeenRun::nothing()].map(|seen| seen.verdict("GD510"));
        assert_eq!(verdicts, ["came_true", "came_true", "did_not", "untested"]);
    }

    #[test]
    fn refreshes_without_a_session_are_their_own_failure() {
        let without = SeenRun::nothing().logins(Phase::Baseline, None, (8, 0), NoSession).logins(
            Phase::Hold,
            Some(REPLICA),
            (3, 2),
            refusal(),
        );
        assert_eq!((without.verdict("GD104"), SeenRun::nothing().verdict("GD104")), ("came_true", "did_not"));
        assert_eq!(without.explained("GD104"), [NoSession]);
    }

    #[test]
    fn slowness_is_a_matter_of_the_objectives_on_time() {
        let with = |verdict| SeenRun::nothing().objective("rto", verdict);
        let verdicts =
            [Verdict::Missed, Verdict::Met, Verdict::Inconclusive].map(|verdict| with(verdict).verdict("GD502"));
        assert_eq!(verdicts, ["came_true", "did_not", "untested"]);
    }

    #[test]
    fn throttling_counts_at_the_replica_alone() {
        let throttled = LoginOutcome::Throttled { step: LoginStep::InitiateAuth };
        let there =
            SeenRun::nothing().throttled(REPLICA, 4).logins(Phase::Hold, Some(REPLICA), (4, 0), throttled.clone());
        let here = SeenRun::nothing().throttled(PRIMARY, 4);
        assert_eq!((there.verdict("GD604"), here.verdict("GD604")), ("came_true", "did_not"));
        assert_eq!(there.explained("GD604"), [throttled]);
    }

    #[test]
    fn a_run_that_broke_nothing_tested_nothing() {
        let failing = || SeenRun::nothing().logins(Phase::Baseline, Some(PRIMARY), (5, 0), refusal());
        let refused = SeenRun { failure: Some(RunFailure::PreflightRefused), ..failing() };
        let uncut = SeenRun { cut: false, ..failing() };
        for code in ["GD101", "GD404", "GD501", "GD502", "GD510", "GD520", "GD604"] {
            assert_eq!(refused.verdict(code), "untested", "{code}");
            let at_primary = ["GD101", "GD404"].contains(&code);
            assert_eq!(uncut.verdict(code), if at_primary { "came_true" } else { "untested" }, "{code}");
        }
        // Nothing that a run could show.
        for code in ["GD103", "GD008", "GD801", "GD945"] {
            assert_eq!(failing().verdict(code), "untested", "{code}");
        }
    }
}
