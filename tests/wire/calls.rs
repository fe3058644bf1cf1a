//! Each call that changes something, of injecting and of restoring, goes wrong in turn.

use std::time::{Duration, Instant};

use futures::future::join_all;
use gameday_core::scenario::FaultSpec;

use super::place::{Arm, Place, Rehearsal, World, from_on, only};
use crate::proxy::{Seen, Way};

const THROTTLED: Way = Way::Refused(503, "RequestLimitExceeded");
const FAILED: Way = Way::Refused(500, "InternalError");
const DENIED: Way = Way::Refused(403, "UnauthorizedOperation");

/// How many calls change something when nothing goes wrong: of injecting, and of restoring.
pub async fn calls(place: &Place, fault: &FaultSpec) -> (usize, usize) {
    let rehearsal = place.rehearsal_of(fault).await;
    rehearsal.inject().await.unwrap();
    let inject = place.wire.changing();
    assert!(!rehearsal.differences().await.is_empty());
    rehearsal.restore().await;
    let restore = place.wire.changing();
    rehearsal.is_back("nothing went wrong").await;
    (inject, restore)
}

/// What the engine does: a fault that cannot be injected is restored from.
async fn there_and_back(rehearsal: &Rehearsal<'_>, what: &str) {
    let injected = rehearsal.inject().await;
    let restored = rehearsal.restore().await;
    assert_eq!(restored.left, Vec::<String>::new(), "{what}: {injected:?}");
}

/// One call of the whole way goes wrong once.
pub async fn one_goes(place: &Place, fault: &FaultSpec, number: usize, way: Way) {
    let rehearsal = place.rehearsal_of(fault).await;
    let what = format!("{fault}: call {number} {way:?}");
    place.wire.rule(only(number, way));
    there_and_back(&rehearsal, &what).await;
    assert!(place.wire.seen().iter().any(|seen| seen.way == way), "{what}: no such call");
    rehearsal.is_back(&what).await;
}

async fn each_call_goes_wrong(arm: Arm) {
    let world = World::of(arm);
    let place = world.place().await;
    let (inject, restore) = calls(&place, &FaultSpec::default()).await;
    for number in 1..=inject + restore {
        for way in [THROTTLED, FAILED, Way::Reset] {
            one_goes(&place, &FaultSpec::default(), number, way).await;
        }
    }
    println!("{:?}: {inject} + {restore} calls, each throttled, failed and reset", world.arm());
    assert!(inject >= 7 && restore >= 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_to_the_lab_is_throttled_fails_and_is_reset() {
    each_call_goes_wrong(Arm::Lab).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_to_moto_is_throttled_fails_and_is_reset() {
    each_call_goes_wrong(Arm::Moto).await;
}

/// Side by side, each call at a place of its own: the clients' patience is 10 s.
async fn each_answer_is_late(arm: Arm) {
    let world = World::of(arm);
    let (inject, restore) = calls(&world.place().await, &FaultSpec::default()).await;
    let one = async |number| {
        let place = world.place().await;
        one_goes(&place, &FaultSpec::default(), number, Way::Silent).await;
    };
    join_all((1..=inject + restore).map(one)).await;
    println!("{arm:?}: {inject} + {restore} calls, each without an answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_answer_of_the_lab_is_late() {
    each_answer_is_late(Arm::Lab).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_answer_of_moto_is_late() {
    each_answer_is_late(Arm::Moto).await;
}

/// What was really made and needs undoing, by what was let through: an ACL, moved subnets, rules that deny.
fn made(seen: &[Seen]) -> usize {
    let needs_undoing = |seen: &&Seen| match seen.call.action.as_str() {
        "CreateNetworkAcl" | "ReplaceNetworkAclAssociation" => true,
        "CreateNetworkAclEntry" => seen.call.form.contains("RuleAction=deny"),
        _ => false,
    };
    seen.iter().filter(|seen| seen.way == Way::Open).filter(needs_undoing).count()
}

/// What was undone, by what was let through.
fn undone(seen: &[Seen]) -> usize {
    seen.iter().filter(|seen| seen.call.number.is_some() && seen.way == Way::Open).count()
}

/// Permissions are lost before a call of injecting, and are back for the restore; or lost before a call of either, and
/// only back for a later rollback.
async fn each_call_and_all_later_are_denied(arm: Arm) {
    let world = World::of(arm);
    let place = world.place().await;
    let (inject, restore) = calls(&place, &FaultSpec::default()).await;
    for number in 1..=inject {
        let (rehearsal, what) = (place.rehearsal().await, format!("denied from call {number} on until restoring"));
        place.wire.rule(from_on(number, DENIED));
        let error = rehearsal.inject().await.unwrap_err().to_string();
        assert!(error.contains("UnauthorizedOperation"), "{what}: {error}");
        place.wire.open();
        assert_eq!(rehearsal.restore().await.left, Vec::<String>::new(), "{what}");
        rehearsal.is_back(&what).await;
    }
    for number in 1..=inject {
        let (rehearsal, what) = (place.rehearsal().await, format!("denied from call {number} on"));
        place.wire.rule(from_on(number, DENIED));
        rehearsal.inject().await.unwrap_err();
        let left = made(&place.wire.seen());
        place.wire.rule(from_on(1, DENIED));
        names_what_is_left(&rehearsal, left, &what).await;
    }
    for number in 1..=restore {
        let (rehearsal, what) = (place.rehearsal().await, format!("denied from call {number} of restoring on"));
        rehearsal.inject().await.unwrap();
        let left = made(&place.wire.seen());
        place.wire.rule(from_on(number, DENIED));
        let restored = rehearsal.restore().await;
        let left = left - undone(&place.wire.seen());
        assert_eq!(restored.left.len(), left, "{what}: {restored:?}");
        names_what_is_left(&rehearsal, left, &what).await;
    }
    println!("{arm:?}: denied from each of {inject} + {restore} calls on");
}

/// A rollback that is not allowed to says exactly what is left; one that is allowed to puts it back.
async fn names_what_is_left(rehearsal: &Rehearsal<'_>, left: usize, what: &str) {
    rehearsal.place.wire.rule(from_on(1, DENIED));
    let said = rehearsal.rollback().await;
    let named: Vec<&str> = said.err.lines().filter(|line| line.starts_with("not restored: ")).collect();
    assert_eq!(named.len(), left, "{what}: {said:?}");
    assert_eq!(said.code, Some(if left == 0 { 0 } else { 5 }), "{what}: {said:?}");
    if left > 0 {
        let again = format!("gameday rollback {}", rehearsal.folder.display());
        assert!(
            said.err.contains(&again) && named.iter().all(|line| line.contains("UnauthorizedOperation")),
            "{said:?}"
        );
        let subnets = rehearsal.plan.faults[0].blast_radius.subnets.iter();
        let still: Vec<&String> = subnets.map(|(_, subnet)| subnet).filter(|id| said.err.contains(*id)).collect();
        let differences = rehearsal.differences().await.join("; ");
        assert!(still.iter().all(|subnet| differences.contains(*subnet)), "{what}: {differences} but {said:?}");
    }
    rehearsal.place.wire.open();
    let said = rehearsal.rollback().await;
    assert_eq!(said.code, Some(0), "{what}: {said:?}");
    rehearsal.is_back(what).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn permissions_for_the_lab_are_lost_at_each_call() {
    each_call_and_all_later_are_denied(Arm::Lab).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn permissions_for_moto_are_lost_at_each_call() {
    each_call_and_all_later_are_denied(Arm::Moto).await;
}

/// An endpoint that swallows everything for a while is asked until it answers, and a clock is shown meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_stalls_is_waited_for_with_a_visible_clock() {
    let place = Place::in_lab().await;
    let rehearsal = place.rehearsal().await;
    rehearsal.inject().await.unwrap();
    let began = Instant::now();
    let stall = Duration::from_secs(12);
    place.wire.rule(move |_| if began.elapsed() < stall { Way::Lost } else { Way::Open });
    let restored = rehearsal.restore().await;
    assert_eq!(restored.left, Vec::<String>::new());
    assert!(began.elapsed() >= stall);
    let clock: Vec<String> = rehearsal.notices().into_iter().filter(|told| told.contains("still restoring")).collect();
    // One every 5 s, and one for the call that got no answer.
    assert!(clock.len() >= 2 && clock[0].contains("5 s"), "{clock:?}");
    rehearsal.is_back("after a stall").await;
}
