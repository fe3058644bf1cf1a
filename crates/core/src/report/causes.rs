//! Why a run failed, and what to do about it.

use super::figures::link_name;
use super::summary::is_lab;
use super::view::{anomalies, predicted, predicted_by};
use super::words::{counted, measured, span_s, target};
use crate::measure::{BeforeCut, Failure, Outcome, PredictionOutcome, Verdict};
use crate::model::{Finding, LoginOutcome, Milestone, RegionRole, RunFailure, Severity};

/// Kinds of failure that are named on the first screen; the table of failures has all.
const MOST: usize = 3;

/// The steps of a failover, and what is said where one was not reached.
const CHAIN: [(Milestone, &str); 4] = [
    (Milestone::HealthCheckUnhealthy, "the health check did not report unhealthy"),
    (Milestone::DnsFlipAuthoritative, "the authoritative DNS servers did not switch to the replica"),
    (Milestone::DnsFlipResolver, "the resolvers did not switch to the replica"),
    (Milestone::FirstReplicaLogin, "no login succeeded at the replica"),
];

/// The gravest first.
pub(super) fn causes(outcome: &Outcome) -> Vec<String> {
    let mut causes = claims(outcome);
    causes.extend(anomalies(outcome, true));
    if outcome.exit_code == Some(1) {
        causes.extend(stopped(outcome));
        causes.extend(failures_at_replica(outcome));
        causes.extend(on_purpose(outcome));
        causes.extend(longest(outcome));
        if causes.is_empty() {
            causes.extend(open_objectives(outcome));
        }
    }
    causes
}

/// What is to be said where nothing but the objectives themselves shows why.
fn open_objectives(outcome: &Outcome) -> Vec<String> {
    let open = outcome.objectives.iter().filter(|objective| objective.verdict != Verdict::Met);
    let words = |objective: &crate::measure::ObjectiveResult| {
        let why = objective.reason.clone();
        let why = why.unwrap_or_else(|| format!("{}, target {}", measured(objective), target(objective)));
        format!("{} is {}: {why}.", objective.name, objective.verdict.as_str())
    };
    open.map(words).collect()
}

fn claims(outcome: &Outcome) -> Vec<String> {
    let sentence = |missing: &crate::measure::MissingClaim| {
        let lacking = LoginOutcome::ClaimMissing { claim: missing.claim.clone() };
        let same = |failure: &&Failure| failure.outcome == lacking && failure.region == missing.region;
        let failure = outcome.failures.iter().find(same);
        let codes = failure.map(|failure| predicted_by(outcome, failure)).unwrap_or_default();
        let place = missing.region.as_ref().map(|region| format!(" issued in {region}")).unwrap_or_default();
        format!(
            "{}{place} lacked the required claim {}: such logins look successful and are not.{}",
            counted(missing.count, "token"),
            missing.claim,
            predicted(&codes)
        )
    };
    outcome.logins.missing_claims.iter().map(sentence).collect()
}

fn open(outcome: &Outcome, name: &str) -> bool {
    outcome.objectives.iter().any(|objective| objective.name == name && objective.verdict == Verdict::Missed)
}

/// The first step of the failover that was not reached.
fn first_unreached(outcome: &Outcome) -> Option<(usize, &'static str)> {
    let unreached = |milestone| {
        let it = outcome.milestones.iter().find(|it| it.milestone == milestone)?;
        (it.at.is_none() && it.before == BeforeCut::No).then_some(())
    };
    unreached(Milestone::FirstReplicaLogin)?;
    CHAIN.into_iter().enumerate().find_map(|(index, (milestone, words))| unreached(milestone).map(|()| (index, words)))
}

/// Where the failover stopped.
fn stopped(outcome: &Outcome) -> Option<String> {
    outcome.zero_at?;
    let (index, words) = first_unreached(outcome)?;
    let before =
        CHAIN[..index].iter().rev().find_map(|(milestone, _)| Some((*milestone, outcome.milestone(*milestone)?)));
    let before = before.map(|(milestone, at)| {
        let done = match milestone {
            Milestone::HealthCheckUnhealthy => "The health check reported unhealthy",
            Milestone::DnsFlipAuthoritative => "The authoritative DNS servers switched",
            _ => "DNS switched to the replica",
        };
        format!("{done} {} after fault injection, but ", span_s(at))
    });
    Some(match before {
        Some(before) => format!("{before}{words}."),
        None => format!("The failover did not start: {words}."),
    })
}

/// The failures of logins at the replica, the most frequent first.
fn at_replica(outcome: &Outcome) -> Vec<&Failure> {
    let replica = outcome.region(RegionRole::Replica);
    outcome.failures.iter().filter(|failure| failure.region.as_ref() == Some(replica)).collect()
}

fn failures_at_replica(outcome: &Outcome) -> Option<String> {
    // Missing claims have a sentence of their own.
    let claims = |failure: &&Failure| matches!(failure.outcome, LoginOutcome::ClaimMissing { .. });
    let failures: Vec<&Failure> = at_replica(outcome).into_iter().filter(|failure| !claims(failure)).collect();
    let all: u64 = failures.iter().map(|failure| failure.count()).sum();
    let named =
        failures.iter().take(MOST).map(|it| format!("{} ({})", it.outcome.label(), counted(it.count(), "login")));
    let named: Vec<String> = named.collect();
    let first = failures.first()?;
    let why = why(&first.outcome).map(|why| format!(" {why}")).unwrap_or_default();
    let codes = predicted_by(outcome, first);
    Some(format!(
        "{} failed at {}: {}.{why}{}",
        counted(all, "login"),
        outcome.region(RegionRole::Replica),
        named.join(", "),
        predicted(&codes)
    ))
}

/// Faults that the scenario has at the replica itself.
fn on_purpose(outcome: &Outcome) -> Option<String> {
    let replica = outcome.region(RegionRole::Replica);
    let faults: Vec<&str> =
        outcome.faults.iter().filter(|it| it.region == *replica).map(|it| it.fault.as_str()).collect();
    (!faults.is_empty()).then(|| format!("The scenario injected {} in {replica} on purpose.", faults.join(", ")))
}

/// Where the time went, where it was too long.
fn longest(outcome: &Outcome) -> Option<String> {
    if !open(outcome, "rto") && !open(outcome, "sustained_rto") {
        return None;
    }
    let links = outcome.chain.links.iter().filter_map(|link| Some((link, link.cost?)));
    let (link, cost) = links.max_by(|(_, a), (_, b)| a.middle().total_cmp(&b.middle()))?;
    outcome.chain.total?;
    Some(format!("The longest part of the RTO was “{}”: {}.", link_name(link.to), span_s(cost.at_least_zero())))
}

/// The error codes of a Lambda trigger that failed (Cognito user pools API reference, InitiateAuth).
const OF_LAMBDA: [&str; 3] =
    ["UnexpectedLambdaException", "UserLambdaValidationException", "InvalidLambdaResponseException"];

/// What an error says about its cause.
fn why(outcome: &LoginOutcome) -> Option<&'static str> {
    Some(match outcome {
        LoginOutcome::Rejected { code, .. } if OF_LAMBDA.contains(&code.as_str()) => {
            "A Lambda trigger of the user pool failed there."
        }
        LoginOutcome::Rejected { code, .. } if code == "ResourceNotFoundException" => {
            "The app client or the user pool does not exist there."
        }
        LoginOutcome::Rejected { code, .. } if code == "NotAuthorizedException" => {
            "Cognito refused the credentials or the refresh token."
        }
        LoginOutcome::Rejected { code, .. } if code == "UserNotFoundException" => "The user does not exist there.",
        LoginOutcome::Throttled { .. } => "The request quota of the Region was exceeded.",
        LoginOutcome::ConnectTimeout | LoginOutcome::Stalled { .. } => "The endpoint did not answer.",
        LoginOutcome::TlsFailed => "The endpoint's certificate was not accepted.",
        LoginOutcome::ApiRefused { .. } => "The protected API did not accept the tokens.",
        LoginOutcome::ClaimMissing { .. } => "The tokens are incomplete.",
        _ => return None,
    })
}

/// What to do about an error at the replica.
fn remedy(outcome: &LoginOutcome, region: &str) -> String {
    match outcome {
        LoginOutcome::Rejected { code, .. } if OF_LAMBDA.contains(&code.as_str()) => {
            format!(
                "Check the user pool's Lambda triggers in {region}: their code, permissions and dependencies must be there."
            )
        }
        LoginOutcome::Rejected { code, .. } if code == "ResourceNotFoundException" => {
            format!("Create the app client in {region}, or configure the clients with the IDs of both Regions.")
        }
        LoginOutcome::Throttled { .. } => {
            format!("Raise the request quota of {region} before a failover, and make clients back off.")
        }
        LoginOutcome::ConnectTimeout | LoginOutcome::Stalled { .. } | LoginOutcome::TlsFailed => {
            format!("Check the network path and the certificate of the endpoint in {region}.")
        }
        LoginOutcome::ApiRefused { .. } => {
            "Make the protected API accept tokens of both Regions: cache the keys of both issuers.".to_owned()
        }
        LoginOutcome::ClaimMissing { claim } => {
            format!("Make the pre token generation trigger in {region} add the claim {claim}.")
        }
        other => format!("Find the cause of “{}” in {region}: “Failures” below says when it occurred.", other.label()),
    }
}

/// What to do after the run, the most urgent first.
pub(super) fn next_steps(outcome: &Outcome) -> Vec<String> {
    let mut steps = match outcome.exit_code {
        Some(0) => vec![
            "Keep this report as evidence (“gameday evidence”), and repeat the run after each change of Cognito, DNS or clients."
                .to_owned(),
        ],
        Some(1) => after_failure(outcome),
        Some(3) => after_refusal(outcome),
        Some(4) => {
            vec!["Nothing is left to restore. Remove the reason for the abort, then run the scenario again.".to_owned()]
        }
        Some(_) => vec!["Run “gameday rollback” with the run's folder now: changes are still in place.".to_owned()],
        None if outcome.mutations.is_empty() => vec!["Run the scenario again.".to_owned()],
        None => vec!["Run “gameday rollback” with the run's folder now: changes may still be in place.".to_owned()],
    };
    steps.extend(predictions(outcome));
    if outcome.changed_by_others() > 0 {
        steps.push("Check the resources that others changed during the run: GameDay did not restore them.".to_owned());
    }
    if outcome.anomalies.iter().any(|anomaly| !anomaly.severe) {
        steps.push("Read “Limitations of this run” below before you use the figures.".to_owned());
    }
    if is_lab(outcome) && matches!(outcome.exit_code, Some(0 | 1)) {
        steps.push("Run the scenario on a test account: only that tests your own configuration.".to_owned());
    }
    steps
}

fn after_refusal(outcome: &Outcome) -> Vec<String> {
    if matches!(outcome.failure, Some(RunFailure::Refused(_))) {
        return vec![
            "No fault was injected. Bring the environment back to steady state, then run the scenario again."
                .to_owned(),
        ];
    }
    let blocks = |finding: &&Finding| finding.severity == Severity::Blocker && !finding.ignored;
    let codes: Vec<&str> = outcome.findings.iter().filter(blocks).map(|finding| finding.code.as_str()).collect();
    match codes.first() {
        Some(first) => vec![format!(
            "Correct {} ({}); “gameday preflight --explain {first}” says how. Then run the scenario again.",
            counted(codes.len(), "blocker"),
            codes.join(", ")
        )],
        None => vec!["Correct the blocker that preflight found, then run the scenario again.".to_owned()],
    }
}

fn after_failure(outcome: &Outcome) -> Vec<String> {
    let mut steps = Vec::new();
    let replica = outcome.region(RegionRole::Replica);
    let mut regions = at_replica(outcome).into_iter().take(MOST).map(|it| remedy(&it.outcome, replica.as_str()));
    steps.extend(regions.next());
    if on_purpose(outcome).is_some() {
        steps.push(
            "This failure was injected on purpose: add an alarm on failed logins at the replica, because the health check and DNS do not show it."
                .to_owned(),
        );
    }
    let unreached = first_unreached(outcome).map(|(index, _)| CHAIN[index].0);
    match unreached {
        Some(Milestone::HealthCheckUnhealthy) => {
            steps.push("Make the health check test what users need: its target must fail with the primary.".to_owned());
        }
        Some(Milestone::DnsFlipAuthoritative) => {
            steps.push("Check the failover routing of the DNS record and its health check.".to_owned());
        }
        Some(Milestone::DnsFlipResolver) => {
            steps.push("Lower the TTL of the record, and check the resolvers.".to_owned());
        }
        _ => {}
    }
    for objective in &outcome.objectives {
        let step = match (objective.verdict, objective.name.as_str()) {
            (Verdict::Missed, "detection") => {
                "Shorten the request interval or the failure threshold of the health check."
            }
            (Verdict::Missed, "rto" | "sustained_rto") if unreached.is_none() => {
                "Shorten the longest part of the RTO: see “Where the recovery time went” below."
            }
            (Verdict::Missed, "rpo") => "Find the cause of the replication lag, or accept a larger RPO.",
            (Verdict::Missed, "failback") => "Check health check, TTL and client caches on the way back.",
            (Verdict::Missed, "sessions_kept") => {
                "Find the cause of the refused calls: see “Sessions across the outage”."
            }
            (Verdict::Missed, name) if name.contains("throttled_share") => {
                "Raise the request quota of the Region before a failover, and make clients back off."
            }
            (Verdict::Inconclusive, _) => {
                "Run again for the inconclusive objectives, with more logins or a longer phase: the reason is given with each."
            }
            _ => continue,
        };
        if !steps.iter().any(|known| known == step) {
            steps.push(step.to_owned());
        }
    }
    if outcome.limits.iter().any(|limit| limit.held != Some(true)) {
        steps.push("Check the limits of the replica that did not hold: see “Limits of the replica”.".to_owned());
    }
    steps
}

/// Findings of preflight that the run confirmed.
fn predictions(outcome: &Outcome) -> Option<String> {
    let confirmed = outcome.predictions.iter().filter(|it| matches!(it.outcome, PredictionOutcome::CameTrue(_)));
    let mut codes: Vec<&str> = confirmed.map(|it| it.finding.code.as_str()).collect();
    codes.dedup();
    (!codes.is_empty()).then(|| format!("Correct the findings that the run confirmed: {}.", codes.join(", ")))
}
