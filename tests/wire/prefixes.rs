//! A journal that lost its end, at any of its lines: what is left of it is put back, it says that it is incomplete, and what it no longer tells
//! is found in the account.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_ec2::types::Tag;
use gameday::cloud::Access;
use gameday::faults::{Arming, Executor, Journal, RUN_TAG, discover, read_journal};
use gameday_core::model::{Clock, RunId};
use gameday_core::scenario::FaultSpec;
use tokio_util::sync::CancellationToken;

use super::place::{Arm, Place, Rehearsal, World};
use crate::crash::fault;
use crate::proxy::Way;

/// What every run does until its cut is complete, the dead-man switch included.
async fn inject(rehearsal: &Rehearsal<'_>) {
    let stop = CancellationToken::new();
    let settings = rehearsal.place.site.dead_man.clone();
    let arm: Vec<_> = settings
        .iter()
        .flat_map(|settings| {
            let longest = Duration::from_mins(5);
            rehearsal.plan.arm(&Arming { settings, run: &rehearsal.run, now: Clock::start(1.0).now(), longest })
        })
        .collect();
    for actions in [rehearsal.plan.prepare(), arm, rehearsal.plan.cut_at(Duration::ZERO)] {
        rehearsal.executor.make(&actions, &stop).await.unwrap();
    }
}

async fn restore(rehearsal: &Rehearsal<'_>, journal: Journal) -> Vec<String> {
    let clients = [rehearsal.place.primary().clone()];
    let executor = Executor::new(Arc::new(journal), clients, Clock::start(1.0), Arc::new(|_| {})).resuming();
    executor.restore(&CancellationToken::new()).await.left
}

/// What the account tells, as `gameday rollback --discover` puts it back; gives what could not be searched.
async fn discovered(rehearsal: &Rehearsal<'_>, name: &str, what: &str) -> Option<String> {
    let place = rehearsal.place;
    let mut found = BTreeMap::new();
    let searched = discover(place.primary(), &place.site, &mut found).await;
    for (run, left) in found {
        assert_eq!(run, rehearsal.run, "{what}");
        let path = rehearsal.folder.join(name);
        let journal = Journal::create(&path, RunId(run.0), Access::of(&place.site), Clock::start(1.0).now()).unwrap();
        journal.intend(&left.actions.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(restore(rehearsal, journal).await, Vec::<String>::new(), "{what}");
    }
    searched.err().map(|error| error.to_string())
}

async fn cut_at_every_line(spec: &FaultSpec, arm: Arm) {
    let world = World::of(arm);
    let place = world.place().await;
    let (mut kept, mut lines) = (1, 2);
    while kept < lines {
        let rehearsal = place.rehearsal_of(spec).await;
        inject(&rehearsal).await;
        rehearsal.let_go();
        let path = rehearsal.folder.join("journal.ndjson");
        let whole = std::fs::read_to_string(&path).unwrap();
        lines = whole.lines().count();
        let prefix: String = whole.lines().take(kept).flat_map(|line| [line, "\n"]).collect();
        std::fs::write(&path, prefix).unwrap();
        let what = format!("{spec}: {kept} of {lines} lines");
        let (journal, contents) = Journal::reopen(&path).unwrap();
        assert!(contents.incomplete.is_some(), "{what}");
        restore(&rehearsal, journal).await;
        // What healed it before it was found goes with it.
        assert_eq!(discovered(&rehearsal, "discovered.ndjson", &what).await, None, "{what}");
        assert!(read_journal(&path).unwrap().incomplete.is_some(), "{what}: it goes on saying so");
        rehearsal.is_back(&what).await;
        kept += 1;
    }
    println!("{spec}: {lines} lines");
}

/// The journal is lost, the tags of what was made are taken away, and one of the descriptions that the search needs is refused: what could not be
/// found stands, so what heals it stays.
async fn healers_stay(spec: &FaultSpec, arm: Arm, refused: &'static [&'static str]) {
    let world = World::of(arm);
    let place = world.place().await;
    for action in refused {
        let what = format!("{spec} in {arm:?} without {action}");
        let rehearsal = place.rehearsal_of(spec).await;
        inject(&rehearsal).await;
        let ec2 = &place.primary().ec2_mutating;
        let acls = place.primary().ec2.describe_network_acls().send().await.unwrap();
        for acl in acls.network_acls().iter().filter(|acl| acl.tags().iter().any(|tag| tag.key() == Some(RUN_TAG))) {
            let mut call = ec2.delete_tags().resources(acl.network_acl_id().unwrap());
            for tag in acl.tags() {
                call = call.tags(Tag::builder().key(tag.key().unwrap()).build());
            }
            call.send().await.unwrap();
        }
        let armed = schedules(&place).await;
        assert!(armed > 0, "{what}");
        place.wire.rule(
            move |call| if call.action == *action { Way::Refused(403, "UnauthorizedOperation") } else { Way::Open },
        );
        let error = discovered(&rehearsal, "partly.ndjson", &what).await;
        assert!(error.is_some(), "{what}");
        place.wire.open();
        assert_eq!(schedules(&place).await, armed, "{what}");
        assert_eq!(discovered(&rehearsal, "discovered.ndjson", &what).await, None, "{what}");
        assert_eq!(schedules(&place).await, 0, "{what}");
        rehearsal.is_back(&what).await;
    }
}

async fn schedules(place: &Place) -> usize {
    place.primary().reading.scheduler.list_schedules().send().await.unwrap().schedules().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_healers_stay_where_the_search_fails() {
    let refused = &["DescribeNetworkAcls", "DescribeSecurityGroups", "DescribeTags"];
    healers_stay(&fault("kind = \"nacl-blackhole\""), Arm::Lab, refused).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s2_healers_stay_where_the_search_fails_on_moto() {
    healers_stay(&fault("kind = \"nacl-blackhole\""), Arm::Moto, &["DescribeNetworkAcls"]).await;
}

macro_rules! cut_at_every_line {
    ($($name:ident: $text:expr, $arm:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            cut_at_every_line(&fault($text), $arm).await;
        }
    )*};
}

// Not on moto: groups that are swapped, since moto deletes a group that interfaces use, which EC2 refuses; and limits, which moto has not.
cut_at_every_line! {
    nacl_blackhole: "kind = \"nacl-blackhole\"", Arm::Lab;
    nacl_deny_entries: "kind = \"nacl-deny-entries\"\nports = [\"443\"]", Arm::Lab;
    swapped_groups: "kind = \"security-group-blackhole\"", Arm::Lab;
    revoked_rules: "kind = \"security-group-blackhole\"\nmethod = \"revoke-rules\"", Arm::Lab;
    health_check_invert: "kind = \"health-check-invert\"", Arm::Lab;
    lambda_trigger_break: "kind = \"lambda-trigger-break\"", Arm::Lab;
    waf_block: "kind = \"waf-block\"", Arm::Lab;
    provisioned_limit: "kind = \"provisioned-limit\"\nrate = \"300/s\"", Arm::Lab;
    client_egress_blackhole: "kind = \"client-egress-blackhole\"", Arm::Lab;
    nacl_blackhole_on_moto: "kind = \"nacl-blackhole\"", Arm::Moto;
    nacl_deny_entries_on_moto: "kind = \"nacl-deny-entries\"\nports = [\"443\"]", Arm::Moto;
    revoked_rules_on_moto: "kind = \"security-group-blackhole\"\nmethod = \"revoke-rules\"", Arm::Moto;
    health_check_invert_on_moto: "kind = \"health-check-invert\"", Arm::Moto;
    lambda_trigger_break_on_moto: "kind = \"lambda-trigger-break\"", Arm::Moto;
    waf_block_on_moto: "kind = \"waf-block\"", Arm::Moto;
    client_egress_blackhole_on_moto: "kind = \"client-egress-blackhole\"", Arm::Moto;
}
