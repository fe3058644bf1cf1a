//! A journal that lost its end, at any of its lines: what is left of it is put back, it says that it is incomplete, and what it no longer tells
//! is found in the account.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gameday::cloud::Access;
use gameday::faults::{Arming, Executor, Journal, discover, read_journal};
use gameday::model::{Clock, RunId};
use gameday::scenario::FaultSpec;
use tokio_util::sync::CancellationToken;

use super::place::{Place, Rehearsal};
use crate::crash::fault;

/// What every run does until its cut is complete, the dead-man switch included.
async fn inject(rehearsal: &Rehearsal<'_>) {
    let stop = CancellationToken::new();
    let settings = rehearsal.place.site.dead_man.clone();
    let arm = settings.iter().flat_map(|settings| {
        let longest = Duration::from_mins(5);
        rehearsal.plan.arm(&Arming { settings, run: &rehearsal.run, now: Clock::start(1.0).now(), longest })
    });
    for actions in [rehearsal.plan.prepare(), arm.collect(), rehearsal.plan.cut_at(Duration::ZERO)] {
        rehearsal.executor.make(&actions, &stop).await.unwrap();
    }
}

async fn restore(rehearsal: &Rehearsal<'_>, journal: Journal) -> Vec<String> {
    let clients = [rehearsal.place.primary().clone()];
    let executor = Executor::new(Arc::new(journal), clients, Clock::start(1.0), Arc::new(|_| {})).resuming();
    executor.restore(&CancellationToken::new()).await.left
}

async fn cut_at_every_line(spec: &FaultSpec) {
    let place = Place::in_lab_at(if format!("{spec}").contains("provisioned") { 20.0 } else { 1.0 }).await;
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
        let mut found = BTreeMap::new();
        discover(place.primary(), &place.site, &mut found).await.unwrap();
        for (run, left) in found {
            assert_eq!(run, rehearsal.run, "{what}");
            let path = rehearsal.folder.join("discovered.ndjson");
            let journal =
                Journal::create(&path, RunId(run.0), Access::of(&place.site), Clock::start(1.0).now()).unwrap();
            journal.intend(&left.actions.iter().collect::<Vec<_>>()).unwrap();
            assert_eq!(restore(&rehearsal, journal).await, Vec::<String>::new(), "{what}");
        }
        assert!(read_journal(&path).unwrap().incomplete.is_some(), "{what}: it goes on saying so");
        rehearsal.is_back(&what).await;
        kept += 1;
    }
    println!("{spec}: {lines} lines");
}

macro_rules! cut_at_every_line {
    ($($name:ident: $text:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            cut_at_every_line(&fault($text)).await;
        }
    )*};
}

cut_at_every_line! {
    nacl_blackhole: "kind = \"nacl-blackhole\"";
    nacl_deny_entries: "kind = \"nacl-deny-entries\"\nports = [\"443\"]";
    swapped_groups: "kind = \"security-group-blackhole\"";
    revoked_rules: "kind = \"security-group-blackhole\"\nmethod = \"revoke-rules\"";
    health_check_invert: "kind = \"health-check-invert\"";
    lambda_trigger_break: "kind = \"lambda-trigger-break\"";
    provisioned_limit: "kind = \"provisioned-limit\"\nrate = \"300/s\"";
    client_egress_blackhole: "kind = \"client-egress-blackhole\"";
}
