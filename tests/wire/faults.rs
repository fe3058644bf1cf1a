//! Every other fault: each call that changes something goes wrong in turn.

use futures::future::join_all;
use gameday_core::model::Rate;
use gameday_core::scenario::{Direction, FaultKind, FaultSpec, GroupMethod};

use super::calls::{calls, one_goes};
use super::place::{Arm, Place, World, from_on};
use crate::proxy::Way;

const THROTTLED: Way = Way::Refused(400, "Throttling");
const FAILED: Way = Way::Refused(500, "InternalError");
const DENIED: Way = Way::Refused(403, "AccessDenied");

fn of(kind: FaultKind) -> FaultSpec {
    FaultSpec { kind, ..FaultSpec::default() }
}

fn faults() -> [FaultSpec; 7] {
    let groups = of(FaultKind::SecurityGroupBlackhole);
    [
        FaultSpec { direction: Some(Direction::Ingress), ..of(FaultKind::NaclDenyEntries) },
        FaultSpec { method: Some(GroupMethod::RevokeRules), ..groups.clone() },
        groups,
        of(FaultKind::ClientEgressBlackhole),
        of(FaultKind::HealthCheckInvert),
        of(FaultKind::LambdaTriggerBreak),
        of(FaultKind::WafBlock),
    ]
}

/// Permissions are lost before a call of injecting, or of restoring; a later rollback that has them puts everything back.
async fn denied_from(place: &Place, fault: &FaultSpec, number: usize, inject: usize) {
    let rehearsal = place.rehearsal_of(fault).await;
    let what = format!("{fault}: denied from call {number} on");
    place.wire.rule(from_on(number, DENIED));
    assert_eq!(rehearsal.inject().await.is_err(), number <= inject, "{what}");
    rehearsal.restore().await;
    let said = rehearsal.rollback().await;
    let untouched = rehearsal.differences().await.is_empty();
    assert_eq!(said.code, Some(if untouched { 0 } else { 5 }), "{what}: {said:?}");
    assert!(untouched || said.err.contains("not restored: "), "{what}: {said:?}");
    place.wire.open();
    let said = rehearsal.rollback().await;
    assert_eq!(said.code, Some(0), "{what}: {said:?}");
    rehearsal.is_back(&what).await;
}

/// Gives how many calls change something: of all faults, and the fewest of any way there or back.
async fn each_call(place: &Place, faults: &[FaultSpec]) -> (usize, usize) {
    let (mut all, mut least) = (0, usize::MAX);
    for fault in faults {
        let (inject, restore) = calls(place, fault).await;
        for number in 1..=inject + restore {
            for way in [THROTTLED, FAILED, Way::Reset] {
                one_goes(place, fault, number, way).await;
            }
            denied_from(place, fault, number, inject).await;
        }
        all += inject + restore;
        least = least.min(inject).min(restore);
    }
    println!("{all} calls of {} faults, each throttled, failed, reset and denied", faults.len());
    (all, least)
}

async fn each_call_of_each_fault(arm: Arm) {
    let (all, least) = each_call(&World::of(arm).place().await, &faults()).await;
    assert!(all >= 24 && least >= 1, "{all} calls to {arm:?}");
}

/// On the lab alone, as moto has no GetProvisionedLimit.
#[tokio::test(flavor = "multi_thread")]
async fn each_call_of_a_provisioned_limit_goes_wrong() {
    let fault = FaultSpec { rate: Some(Rate(300.0)), ..of(FaultKind::ProvisionedLimit) };
    let (all, least) = each_call(&Place::in_lab().await, &[fault]).await;
    // A mark and the limit, there and back.
    assert_eq!((all, least), (4, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_of_each_fault_to_the_lab_goes_wrong() {
    each_call_of_each_fault(Arm::Lab).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_of_each_fault_to_moto_goes_wrong() {
    each_call_of_each_fault(Arm::Moto).await;
}

/// Side by side, each call at a place of its own: the clients' patience is 10 s.
#[tokio::test(flavor = "multi_thread")]
async fn each_answer_to_each_fault_is_late() {
    let world = World::of(Arm::Moto);
    let mut late = Vec::new();
    for fault in faults() {
        let (inject, restore) = calls(&world.place().await, &fault).await;
        late.extend((1..=inject + restore).map(|number| (fault.clone(), number)));
    }
    println!("{} calls, each without an answer", late.len());
    let one = async |(fault, number): (FaultSpec, usize)| {
        let place = world.place().await;
        one_goes(&place, &fault, number, Way::Silent).await;
    };
    join_all(late.into_iter().map(one)).await;
}
