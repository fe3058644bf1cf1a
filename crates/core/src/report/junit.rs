use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::escape::one_line;
use super::summary::{is_lab, shown_objectives};
use super::words::{headline, measured, target};
use crate::measure::{Outcome, Verdict};

/// `junit.xml`: each objective is a test case, and so are each expected limit, the restoration and the completion of the run. A run of the lab
/// says so in the name. No wall time is written, so that the same log gives the same bytes.
#[expect(clippy::expect_used, reason = "writing XML to memory")]
pub fn junit(outcome: &Outcome) -> Vec<u8> {
    let lab = if is_lab(outcome) { "LAB: " } else { "" };
    let mut report = Report::new(one_line(&format!("{lab}{}", outcome.run.scenario_name)));
    let mut objectives = TestSuite::new("objectives");
    objectives.add_property(("run_id", one_line(outcome.run.run_id.as_str()).as_str()));
    objectives.add_property(("environment", one_line(&outcome.run.environment_name).as_str()));
    objectives.add_property(("environment_kind", one_line(&outcome.run.environment_kind).as_str()));
    objectives.add_property(("seed", outcome.run.seed.to_string().as_str()));
    objectives.add_test_cases(shown_objectives(outcome).iter().map(objective));
    let mut run = TestSuite::new("run");
    run.add_test_cases([ended(outcome), restored(outcome)]);
    report.add_test_suite(objectives);
    if !outcome.limits.is_empty() {
        let mut limits = TestSuite::new("expectations");
        limits.add_test_cases(outcome.limits.iter().map(limit));
        report.add_test_suite(limits);
    }
    report.add_test_suite(run);
    // Cannot fail: a `String` takes every write, and names without control characters are valid XML.
    let mut text = report.to_string().expect("XML in memory");
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text.into_bytes()
}

fn objective(objective: &crate::measure::ObjectiveResult) -> TestCase {
    let status = if objective.verdict == Verdict::Met {
        TestCaseStatus::success()
    } else {
        let reason = objective.reason.as_ref().map(|reason| format!("; {reason}")).unwrap_or_default();
        let message =
            format!("{}: {}, target {}{reason}", objective.verdict.as_str(), measured(objective), target(objective));
        failed(objective.verdict.as_str(), &message)
    };
    let mut case = TestCase::new(one_line(&objective.name), status);
    case.set_classname("objectives");
    case.set_system_out(one_line(&format!(
        "{}: {}, target {}",
        objective.demand,
        measured(objective),
        target(objective)
    )));
    case
}

fn limit(limit: &crate::measure::LimitResult) -> TestCase {
    let message = format!("expected {} in {}, seen: {}", limit.expect.as_str(), limit.region, limit.seen);
    let status = if limit.held == Some(true) { TestCaseStatus::success() } else { failed(limit.verdict(), &message) };
    let mut case = TestCase::new(one_line(&format!("{} at the {}", limit.action, limit.role.as_str())), status);
    case.set_classname("expectations");
    case.set_system_out(one_line(&message));
    case
}

fn ended(outcome: &Outcome) -> TestCase {
    // An objective that is not met is its own test case.
    let status = match outcome.exit_code {
        Some(0 | 1) => TestCaseStatus::success(),
        _ => failed("run", &headline(outcome)),
    };
    let mut case = TestCase::new("completed", status);
    case.set_classname("run");
    case
}

fn restored(outcome: &Outcome) -> TestCase {
    let rollback = &outcome.rollback;
    let status = if outcome.mutations.is_empty() {
        let mut status = TestCaseStatus::skipped();
        status.set_message("nothing was changed");
        status
    } else if !rollback.reported || rollback.state_identical.is_none() {
        failed("unknown", "the log does not record whether everything was restored")
    } else if rollback.not_reverted.is_empty() && rollback.state_identical == Some(true) {
        TestCaseStatus::success()
    } else {
        let left: Vec<&str> = rollback.not_reverted.iter().chain(&rollback.differences).map(String::as_str).collect();
        failed("left", &format!("not restored: {}", left.join("; ")))
    };
    let mut case = TestCase::new("everything_restored", status);
    case.set_classname("run");
    case
}

fn failed(kind: &str, message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_type(kind).set_message(one_line(message));
    status
}
