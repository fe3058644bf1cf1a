//! Before anything is cut, steady state is proved, and everything must still be as it was planned: otherwise a run ends with exit code 3 and says why.

use std::process::{Command, Output};

use aws_sdk_ec2::types::{Filter, RuleAction};
use gameday::cloud::Cloud;
use gameday::faults::read_journal;
use gameday_core::model::{Event, Phase, SteadyFigures, SteadyState, Step};

use crate::support::{Lab, SHORT_TTL, current_phase, events, gameday, json, lab_with, short_scenario, tools};

/// A run that the gate refused: nothing was cut, nothing was even prepared, and the journal is closed.
struct Refused {
    report: String,
    steady: Option<SteadyState>,
}

impl Refused {
    fn of(out: &std::path::Path, done: &Output) -> Self {
        let said = String::from_utf8_lossy(&done.stderr).into_owned() + &String::from_utf8_lossy(&done.stdout);
        assert_eq!(done.status.code(), Some(3), "{said}");
        let (mut steady, mut cut) = (None, 0);
        for record in events(out) {
            match record.event {
                Event::SteadyState(found) => steady = Some(found),
                Event::Mutation(mutation) => cut += u32::from(mutation.step == Step::Cut),
                _ => {}
            }
        }
        assert_eq!(cut, 0, "{said}");
        assert!(read_journal(&out.join("journal.ndjson")).unwrap().closed, "{said}");
        let run = json(&out.join("run.json"));
        assert!(run["zero_at"].is_null() && run["exit_code"] == 3, "{said}");
        let report = std::fs::read_to_string(out.join("report.md")).unwrap();
        assert!(report.contains("REFUSED before fault injection"), "{report}");
        Self { report, steady }
    }

    fn unsteady(&self) -> Vec<&'static str> {
        self.steady.as_ref().unwrap().unsteady().map(|part| part.figures.name()).collect()
    }
}

#[test]
fn not_steady_users_who_cannot_sign_in() {
    let folder = tempfile::tempdir().unwrap();
    let environment = lab_with(folder.path(), &format!("{SHORT_TTL}user_authentication_rps = 1\n"));
    let scenario = short_scenario(folder.path());
    let text = std::fs::read_to_string(&scenario).unwrap().replace("rate = \"2/s\"", "rate = \"20/s\"");
    std::fs::write(&scenario, text).unwrap();
    let out = folder.path().join("run");
    let mut command = gameday();
    command.arg("run").arg(&scenario).args(["--time", "virtual", "--seed", "5", "--no-progress"]);
    // Preflight's own sign-ins are throttled, too, and are not what is tried here.
    command.args(["--ignore", "GD101", "--ignore", "GD102", "--ignore", "GD104", "--env"]);
    let refused = Refused::of(&out, &command.arg(&environment).arg("--out").arg(&out).output().unwrap());
    assert!(refused.unsteady().contains(&"logins at the primary"), "{:?}", refused.steady);
    let figures = refused.steady.as_ref().unwrap().parts.iter().map(|part| &part.figures);
    let mut shares = figures.filter_map(|figures| match figures {
        SteadyFigures::Logins { attempted, succeeded, .. } => Some(*succeeded as f64 / *attempted as f64),
        _ => None,
    });
    assert!(shares.next().unwrap() < 0.99);
    assert!(refused.report.contains("| before the fault | logins at the primary |"), "{}", refused.report);
}

/// A run that somebody disturbs in its baseline.
async fn disturbed(act: impl AsyncFnOnce(&Cloud, &Lab)) -> Refused {
    let folder = tempfile::tempdir().unwrap();
    let settings = lab_with(folder.path(), SHORT_TTL);
    let lab = Lab::start(folder.path(), &["--speed", "10", "--seed", "5", "--env", settings.to_str().unwrap()]);
    let scenario = short_scenario(folder.path());
    let text = std::fs::read_to_string(&scenario).unwrap().replace("baseline = \"15s\"", "baseline = \"60s\"");
    std::fs::write(&scenario, text).unwrap();
    let out = folder.path().join("run");
    let mut command: Command = gameday();
    command.arg("run").arg(&scenario).args(["--seed", "5", "--no-progress", "--env"]).arg(&lab.environment);
    command.arg("--out").arg(&out).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut run = tools::Running(command.spawn().unwrap());
    tools::within(std::time::Duration::from_mins(1), "the baseline", || {
        assert!(run.0.try_wait().unwrap().is_none(), "the run ended before its baseline");
        current_phase(&out) == Some(Phase::Baseline)
    });
    act(&Cloud::connect(&lab.site()).await.unwrap(), &lab).await;
    let during = lab.world().await;
    let status = run.0.wait().unwrap();
    let done = Output { status, stdout: Vec::new(), stderr: Vec::new() };
    let after = lab.world().await;
    assert_eq!(during.state, after.state, "what somebody did stays");
    assert!(!after.tags.iter().any(|tag| tag.contains("gameday:lock")), "the lock is given back: {:?}", after.tags);
    Refused::of(&out, &done)
}

#[tokio::test]
async fn not_steady_a_health_check_inverted_by_hand() {
    let refused = disturbed(async |cloud, lab| {
        let check = lab.site().dns.health_check_id;
        cloud.route53.update_health_check().health_check_id(check).inverted(true).send().await.unwrap();
    });
    let refused = refused.await;
    assert!(refused.unsteady().contains(&"record"), "{:?}", refused.steady);
}

#[tokio::test]
async fn a_subnet_moved_in_the_baseline_is_left_where_it_is() {
    let refused = disturbed(async |cloud, lab| {
        let ec2 = &cloud.primary.ec2;
        let tags = lab.site().primary.subnets.tags;
        let filters =
            tags.iter().map(|(key, value)| Filter::builder().name(format!("tag:{key}")).values(value).build());
        let subnets = ec2.describe_subnets().set_filters(Some(filters.collect())).send().await.unwrap();
        let of = Filter::builder().name("association.subnet-id").values(subnets.subnets()[0].subnet_id().unwrap());
        let acls = ec2.describe_network_acls().filters(of.build()).send().await.unwrap();
        let used = acls.network_acls().first().unwrap();
        let made = ec2.create_network_acl().vpc_id(used.vpc_id().unwrap()).send().await.unwrap();
        let made = made.network_acl().unwrap().network_acl_id().unwrap().to_owned();
        // It lets everything through, as the old one does, so that steady state stays.
        for egress in [false, true] {
            let call = ec2.create_network_acl_entry().network_acl_id(&made).rule_number(100).protocol("-1");
            let call = call.egress(egress).cidr_block("0.0.0.0/0");
            call.rule_action(RuleAction::Allow).send().await.unwrap();
        }
        let association = used.associations()[0].network_acl_association_id().unwrap();
        let call = ec2.replace_network_acl_association().association_id(association).network_acl_id(&made);
        call.send().await.unwrap();
    });
    let refused = refused.await;
    assert!(refused.report.contains("changed by someone else since preflight"), "{}", refused.report);
    assert_eq!(refused.unsteady(), Vec::<&str>::new(), "{:?}", refused.steady);
}
