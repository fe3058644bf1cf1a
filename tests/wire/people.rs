//! What people and other processes do between a fault and its restore.

use gameday::cloud::{Access, RegionClients};
use gameday::faults::{Journal, JournalError, Vpc};
use gameday_core::model::RunId;
use jiff::Timestamp;

use super::place::{Arm, Place, World};

/// Points a subnet at an ACL, as somebody at a console would.
async fn move_by_hand(clients: &RegionClients, vpc: &str, subnet: &str, acl: &str) {
    let live = Vpc::describe(clients, vpc).await.unwrap();
    let association = live.association(subnet).unwrap().id.clone();
    let call = clients.ec2_mutating.replace_network_acl_association().association_id(association);
    call.network_acl_id(acl).send().await.unwrap();
}

async fn repaired_by_hand(arm: Arm) {
    let world = World::of(arm);
    let place = world.place().await;
    let clients = place.primary();
    let rehearsal = place.rehearsal().await;
    let targets: Vec<(String, String)> = rehearsal.plan.faults[0].blast_radius.subnets.iter().cloned().collect();
    let (vpc, first) = targets[0].clone();
    let before = Vpc::describe(clients, &vpc).await.unwrap();
    let original = before.association(&first).unwrap().acl.clone();

    // Back to where it was: nothing is left to do for it.
    rehearsal.inject().await.unwrap();
    move_by_hand(clients, &vpc, &first, &original).await;
    let said = rehearsal.rollback().await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(!said.out.contains(&format!("{first}: back")), "it needed no call: {said:?}");
    for (_, other) in &targets[1..] {
        assert!(said.out.contains(&format!("{other}: back to {original}")), "{said:?}");
    }
    rehearsal.is_back("moved back by hand").await;

    // To another ACL: it is said, and left so.
    let rehearsal = place.rehearsal().await;
    rehearsal.inject().await.unwrap();
    let own = clients.ec2_mutating.create_network_acl().vpc_id(&vpc).send().await.unwrap();
    let own = own.network_acl().unwrap().network_acl_id().unwrap().to_owned();
    move_by_hand(clients, &vpc, &first, &own).await;
    let said = rehearsal.rollback().await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains(&format!("{first} was moved to {own} by someone else and is left as it is")), "{said:?}");
    let after = Vpc::describe(clients, &vpc).await.unwrap();
    assert_eq!(after.association(&first).unwrap().acl, own);
    assert!(targets[1..].iter().all(|(_, other)| after.association(other).unwrap().acl == original));
    move_by_hand(clients, &vpc, &first, &original).await;
    clients.ec2_mutating.delete_network_acl().network_acl_id(&own).send().await.unwrap();
    rehearsal.is_back("moved elsewhere by hand").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subnet_of_the_lab_repaired_by_hand_is_left_alone() {
    repaired_by_hand(Arm::Lab).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subnet_in_moto_repaired_by_hand_is_left_alone() {
    repaired_by_hand(Arm::Moto).await;
}

/// A rollback is killed before and after each of its calls and journal writes; the next one finishes.
#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_that_is_killed_is_rolled_on_by_the_next() {
    let place = Place::in_lab().await;
    let list = tempfile::NamedTempFile::new().unwrap();
    let rehearsal = place.rehearsal().await;
    rehearsal.inject().await.unwrap();
    let said = rehearsal.rollback_with(&[("GAMEDAY_CRASH_POINTS", list.path().to_str().unwrap())]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let points: Vec<String> = std::fs::read_to_string(list.path()).unwrap().lines().map(str::to_owned).collect();
    for point in &points {
        let rehearsal = place.rehearsal().await;
        rehearsal.inject().await.unwrap();
        let number = point.split(' ').next().unwrap();
        let killed = rehearsal.rollback_with(&[("GAMEDAY_CRASH_AT", number)]).await;
        assert_eq!(killed.code, None, "{point}: {killed:?}");
        let said = rehearsal.rollback().await;
        assert_eq!(said.code, Some(0), "{point}: {said:?}");
        rehearsal.is_back(point).await;
    }
    println!("killed at each of {} points of a rollback", points.len());
    assert!(points.len() >= 14, "{points:?}");
}

/// A second fault on top of one whose process is gone: the subnets are on the first one's clone by then.
async fn again_after_a_crash(second_first: bool) {
    let place = Place::in_lab().await;
    let crashed = place.rehearsal().await;
    crashed.inject().await.unwrap();
    let second = place.rehearsal().await;
    second.inject().await.unwrap();
    if !second_first {
        // The first one's clone is what the second one has to give back.
        let said = crashed.rollback().await;
        assert_eq!(said.code, Some(5), "{said:?}");
        let (waits, first) = (format!("run {}", second.run), "roll back that run first");
        let left: Vec<&str> = said.err.lines().filter(|line| line.starts_with("not restored: ")).collect();
        assert!(left.len() == 3 && left.iter().all(|line| line.contains(&waits) && line.contains(first)), "{said:?}");
    }
    for rehearsal in [&second, &crashed] {
        let said = rehearsal.rollback().await;
        assert_eq!(said.code, Some(0), "{said:?}");
    }
    crashed.is_back("both are rolled back").await;
    for rehearsal in [&crashed, &second] {
        assert_eq!(rehearsal.rollback().await.code, Some(0));
    }
    assert_eq!(place.wire.changing(), 0, "another rollback has nothing to do");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_fault_after_a_crash_is_rolled_back_first() {
    again_after_a_crash(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_fault_after_a_crash_is_rolled_back_last() {
    again_after_a_crash(false).await;
}

/// A journal that cannot be made: the fault is not begun.
#[tokio::test]
async fn without_a_folder_for_its_journal_nothing_begins() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let access = || Access { environment: "test".to_owned(), ..Access::default() };
    for path in ["missing/journal.ndjson", "file/journal.ndjson"] {
        let made = Journal::create(&folder.path().join(path), RunId::from("gd-1"), access(), Timestamp::UNIX_EPOCH);
        assert!(matches!(made, Err(JournalError::Io { .. })), "{path}: {made:?}");
    }
}
