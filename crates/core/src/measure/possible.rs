//! From when on a user could sign in at a Region: after every attempt that proves that it was not possible yet, and by the end of the first that did.
//!
//! An attempt proves it for whoever finds the way as it did. Clients that ask the resolver for every login find the same way, so that one proves it
//! for all of them; what a client keeps is its cohort's own. An attempt that reached the Region and was refused there proves it for its flow alone;
//! one that reached it and had no answer in time proves nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::history::{LoginRef, may_be_accepted};
use super::timeline::Timeline;
use crate::model::{Cohort, LoginOutcome, LoginStep, RegionRole};
use crate::scenario::{CohortShare, Scenario};

/// How the clients of each cohort find their way, by its name.
#[derive(Debug, Default)]
pub(super) struct Kinds(BTreeMap<String, Cohort>);

/// Those who find the same way at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Profile<'a> {
    /// Who goes to the replica without being led there.
    Itself,
    /// Who asks the resolver for every login.
    Fresh,
    /// Who keeps something, as only the others of the cohort do.
    Keeps(&'a str),
}

/// What the attempts of a profile prove.
#[derive(Debug, Default)]
struct Proofs<'a> {
    /// The start of the last attempt that did not get to the Region.
    way: Option<Timestamp>,
    /// The start of the last attempt that got there and was refused, by flow.
    refused: BTreeMap<&'a str, Timestamp>,
}

impl Kinds {
    pub(super) fn of(scenario: &Scenario) -> Self {
        let kind = |share: &CohortShare| (share.label(), share.cohort);
        Self(scenario.users.cohorts.iter().map(kind).collect())
    }

    fn profile<'a>(&self, cohort: &'a str) -> Profile<'a> {
        match self.0.get(cohort) {
            Some(Cohort::TriesReplica) => Profile::Itself,
            Some(Cohort::FreshLookup) => Profile::Fresh,
            _ => Profile::Keeps(cohort),
        }
    }
}

/// The start of the last attempt before `success`, and not before `from`, which proves that nobody could sign in at the Region yet; nothing where
/// none does.
pub(super) fn not_possible_at(
    line: &Timeline<'_>,
    role: RegionRole,
    (from, success): (Timestamp, Timestamp),
) -> Option<Timestamp> {
    let mut profiles: BTreeMap<Profile<'_>, Proofs<'_>> = BTreeMap::new();
    let mut flows: BTreeSet<&str> = BTreeSet::new();
    for login in line.logins.iter().filter(|login| login.counts() && asked(login)) {
        flows.insert(login.flow());
        let proofs = profiles.entry(line.kinds.profile(login.cohort())).or_default();
        if login.started() < from || login.started() >= success {
            continue;
        }
        match proof(&login, role) {
            Proof::OfTheWay => proofs.way = proofs.way.max(Some(login.started())),
            Proof::OfTheFlow => {
                let last = proofs.refused.entry(login.flow()).or_insert(login.started());
                *last = (*last).max(login.started());
            }
            Proof::None => {}
        }
    }
    let any = |profile| profiles.contains_key(&profile);
    let earliest = |profile: &Profile<'_>| match (role, profile) {
        // Who goes there without being led is there no later than who is led, and who keeps an answer no earlier.
        (RegionRole::Replica, Profile::Keeps(_)) => !any(Profile::Itself) && !any(Profile::Fresh),
        (RegionRole::Replica, Profile::Fresh) => !any(Profile::Itself),
        // What is kept may lead to the primary all the time; the others ask the resolver alike.
        (RegionRole::Primary, Profile::Itself) => !any(Profile::Fresh),
        _ => true,
    };
    let bound = |proofs: &Proofs<'_>| {
        let last = |flow: &&str| proofs.refused.get(flow).copied();
        // Somebody could, where one flow could.
        let refused = flows.iter().map(last).min().flatten();
        proofs.way.max(refused)
    };
    profiles.iter().filter(|(profile, _)| earliest(profile)).map(|(_, proofs)| bound(proofs)).min().flatten()
}

enum Proof {
    OfTheWay,
    OfTheFlow,
    None,
}

/// Whether the login was made at all.
fn asked(login: &LoginRef<'_>) -> bool {
    !matches!(login.outcome(), LoginOutcome::Shed | LoginOutcome::NoSession)
}

fn proof(login: &LoginRef<'_>, role: RegionRole) -> Proof {
    if login.role() != Some(role) {
        return Proof::OfTheWay;
    }
    match login.outcome() {
        LoginOutcome::DnsFailed | LoginOutcome::ConnectTimeout | LoginOutcome::TlsFailed => Proof::OfTheWay,
        LoginOutcome::ConnectionFailed { step } | LoginOutcome::Stalled { step }
            if matches!(step, LoginStep::Dns | LoginStep::Connect | LoginStep::Tls) =>
        {
            Proof::OfTheWay
        }
        // Packets pass, and an answer was late: the user's patience ended, which says nothing of whether a quicker one could.
        LoginOutcome::Succeeded | LoginOutcome::Stalled { .. } => Proof::None,
        outcome if login.api_sent().is_some() && may_be_accepted(outcome) => Proof::None,
        _ => Proof::OfTheFlow,
    }
}
