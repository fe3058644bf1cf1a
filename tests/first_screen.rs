//! What a reader finds in the first screen of a report, and that no number in it misleads.

use crate::synthetic::{World, hostile, outcome, started};
use crate::tools::in_repository;
use gameday_core::measure::Outcome;
use gameday_core::model::*;
use gameday_core::report::reports;
use serde_json::Value;

const ACCOUNT: &str = "111122223333";
const OPERATOR: &str = "arn:aws:sts::111122223333:assumed-role/gameday/operator";

/// A run, with who made it, in an environment of that kind.
fn made(mut records: Vec<Record>, kind: &str) -> Outcome {
    let caller = Event::Caller { account: ACCOUNT.into(), arn: OPERATOR.into() };
    records.insert(1, Record { seq: 0, at: records[0].at, event: caller });
    if let Event::RunStarted(run) = &mut records[0].event {
        run.environment_kind = kind.into();
    }
    outcome(&records).unwrap()
}

fn sample(kind: &str) -> Outcome {
    made(World::sample().run().0, kind)
}

fn report(outcome: &Outcome, name: &str) -> String {
    let (_, bytes) = reports(outcome).into_iter().find(|(file, _)| *file == name).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// The first screen of both formats that people read.
fn first_screens(outcome: &Outcome) -> [String; 2] {
    let (markdown, html) = (report(outcome, "report.md"), report(outcome, "report.html"));
    let end = markdown.find("## Limitations").or_else(|| markdown.find("## Timeline")).unwrap();
    [markdown[..end].to_owned(), html.split_once("</section>").unwrap().0.to_owned()]
}

fn committed(sample: &str, name: &str) -> String {
    std::fs::read_to_string(in_repository(&format!("reports/sample-{sample}/{name}"))).unwrap()
}

#[test]
fn a_lab_report_says_lab_on_its_first_screen() {
    let lab = sample("lab");
    let [markdown, html] = first_screens(&lab);
    assert!(markdown.starts_with("# LAB: ") && markdown.contains("a simulation on the runner"), "{markdown}");
    assert!(html.contains("<title>LAB: ") && html.contains("<h1><span class=\"lab\">LAB</span> "), "{html}");
    assert!(html.contains("a simulation on the runner") && html.contains("not how an AWS account behaves"), "{html}");
    assert!(report(&lab, "junit.xml").contains("<testsuites name=\"LAB: full-failover\""));
    let journal: Value = serde_json::from_str(&report(&lab, "journal.json")).unwrap();
    assert!(journal["experiment"]["title"].as_str().unwrap().starts_with("LAB: "));

    let aws = sample("aws");
    for name in ["report.md", "report.html", "junit.xml", "journal.json"] {
        assert!(!report(&aws, name).contains("LAB"), "{name}");
    }
}

#[test]
fn the_first_screen_says_when_where_and_by_whom() {
    for text in first_screens(&sample("aws")) {
        for part in
            [ACCOUNT, "assumed-role/gameday/operator", "us-east-1 (primary), us-west-2 (replica)", "2026-01-02 03:0"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
    // A log without the caller says that it is not known.
    let unknown = outcome(&World::sample().run().0).unwrap();
    assert!(first_screens(&unknown).iter().all(|text| text.contains("not recorded")));
}

#[test]
fn the_first_screen_has_verdict_objectives_meaning_and_what_to_do() {
    let outcome = sample("aws");
    for text in first_screens(&outcome) {
        assert!(text.contains("PASSED: all 6 objectives are met"), "{text}");
        for objective in &outcome.objectives {
            assert!(
                text.contains(&format!("{}</strong>. ", objective.name))
                    || text.contains(&format!("**{}**. ", objective.name))
            );
        }
        assert!(
            text.contains("The health check reported unhealthy ")
                && text.contains("after the fault took effect; target: at most ")
        );
        for part in ["What happened.", "The hypothesis is confirmed.", "What to do"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}

/// At 400 px no table of the first screen scrolls, and its first column is the verdict.
#[test]
fn the_verdict_is_visible_on_a_narrow_screen() {
    let [_, html] = first_screens(&sample("lab"));
    let (_, first) = html.split_once("<section class=\"first\"").unwrap();
    assert!(!first.contains("class=\"wide\""), "{first}");
    assert!(
        first.contains("<thead><tr><th scope=\"col\">Verdict</th>")
            && first.contains("<tr><td><span class=\"met\">met</span>")
    );
}

#[test]
fn the_first_screen_names_the_cause_of_a_failed_run() {
    let mut records = World::sample().run().0;
    for record in &mut records {
        if let Event::Login(login) = &mut record.event
            && login.role == Some(RegionRole::Replica)
        {
            let code = "UnexpectedLambdaException".into();
            login.outcome = LoginOutcome::Rejected { step: LoginStep::InitiateAuth, code };
        }
    }
    let failed = made(records, "aws");
    assert_eq!(failed.exit_code, Some(1));
    for text in first_screens(&failed) {
        for part in [
            "FAILED",
            "rejected at InitiateAuth (UnexpectedLambdaException)",
            "A Lambda trigger of the user pool failed there.",
            "but no login succeeded at the replica.",
            "Check the user pool's Lambda triggers in us-west-2",
        ] {
            assert!(text.replace("&#39;", "'").contains(part), "{part}: {text}");
        }
    }
    // What the scenario breaks on purpose is said to be that.
    let report = committed("silent-trigger-failure", "report.md");
    let (first, _) = report.split_once("## Timeline").unwrap();
    assert!(first.starts_with("# LAB: ") && first.contains("**Cause:**"), "{first}");
    assert!(
        first.contains("UnexpectedLambdaException") && first.contains("lambda-trigger-break in us-west-2 on purpose"),
        "{first}"
    );
}

#[test]
fn a_run_that_is_only_inconclusive_names_its_reason_first() {
    let mut records = World::sample().run().0;
    for record in &mut records {
        if let Event::Login(login) = &mut record.event
            && login.phase == Phase::Hold
            && login.arrival % 3 == 0
        {
            login.outcome = LoginOutcome::HarnessFailed { what: "no socket".into() };
        }
    }
    for text in first_screens(&made(records, "aws")) {
        assert!(text.contains("failed in GameDay itself: no socket") && text.contains("Reason: "), "{text}");
    }
}

/// Numbers with a minus sign in front of them and a unit of time after them.
fn negative_times(text: &str) -> Vec<&str> {
    let found = |(at, _): &(usize, &str)| {
        let rest = &text[at + 1..];
        let number = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').count();
        let unit: String = rest[number..].chars().skip(1).take_while(char::is_ascii_alphabetic).collect();
        let word_before = text[..*at].chars().next_back().is_some_and(char::is_alphanumeric);
        !word_before
            && number > 0
            && rest[number..].starts_with(' ')
            && ["s", "ms", "min", "h"].contains(&unit.as_str())
    };
    text.match_indices('-').filter(found).map(|(at, _)| text[at..].split('\n').next().unwrap()).collect()
}

#[test]
fn no_duration_is_negative() {
    let early = World { switched: 20.0, ..World::sample() }.run().0;
    for records in [World::sample().run().0, early, hostile()] {
        let outcome = outcome(&records).unwrap();
        for name in ["report.md", "report.html", "junit.xml"] {
            assert_eq!(negative_times(&report(&outcome, name)), [""; 0], "{name}");
        }
    }
    for sample in ["full-failover", "silent-trigger-failure", "retry-storm"] {
        assert_eq!(negative_times(&committed(sample, "report.md")), [""; 0], "{sample}");
    }
    assert_eq!(
        negative_times("took -0.83 s to 0.67 s, us-east-1 succeeded, -3 s"),
        ["-0.83 s to 0.67 s, us-east-1 succeeded, -3 s", "-3 s"]
    );
}

#[test]
fn no_percentile_of_too_few_logins() {
    let outcome = sample("lab");
    let markdown = report(&outcome, "report.md");
    let (_, logins) = markdown.split_once("## Logins").unwrap();
    let rows = logins.lines().filter(|line| line.starts_with("| ") && line.split(" | ").count() == 10);
    let mut few = 0;
    for row in rows.filter(|row| !row.contains("Attempted")) {
        let cells: Vec<&str> = row.trim_matches(['|', ' ']).split(" | ").collect();
        let (succeeded, p99): (u64, _) = (cells[3].parse().unwrap(), cells[8]);
        let expected = succeeded == 0 || p99 == format!("too few ({succeeded})");
        assert_eq!(succeeded < 100, expected, "{row}");
        few += u64::from(p99.starts_with("too few"));
    }
    assert!(few > 0 && markdown.contains("p99 needs 100"), "{markdown}");
}

#[test]
fn calls_are_shown_with_their_sum() {
    for sample in ["full-failover", "silent-trigger-failure"] {
        let report = committed(sample, "report.md");
        let row = report.lines().find(|line| line.starts_with("| API calls that changed something |")).unwrap();
        let (all, parts) = row.trim_start_matches("| API calls that changed something | ").split_once(" = ").unwrap();
        let parts = parts.split(" + ").map(|part| part.split(' ').next().unwrap().parse::<u32>().unwrap());
        assert_eq!(all.parse::<u32>().unwrap(), parts.sum::<u32>(), "{row}");
    }
}

/// Mermaid reads and shows the times of a Gantt chart in the reader's time zone: whole dates are the same in each, milliseconds since the
/// epoch are not.
#[test]
fn gantt_charts_begin_at_midnight_in_any_time_zone() {
    let markdown = report(&sample("lab"), "report.md");
    assert!(
        !markdown.contains("dateFormat x") && markdown.contains("dateFormat YYYY-MM-DD HH:mm:ss.SSS"),
        "{markdown}"
    );
    let bars: Vec<&str> = markdown.lines().filter(|line| line.contains(", 2001-01-01 ")).collect();
    assert!(bars.len() > 15, "{bars:?}");
    for bar in bars {
        let ends: Vec<&str> = bar.split("2001-01-01 ").skip(1).map(|end| end.trim_end_matches(", ")).collect();
        assert!(ends.len() == 2 && ends[0] < ends[1] && ends[0].len() == "00:00:00.000".len(), "{bar}");
    }
}

/// A drill that inverts the health check cuts nothing off.
#[test]
fn a_drill_without_an_outage_speaks_of_no_dropped_traffic() {
    let mut records = World::sample().run().0;
    for record in &mut records {
        if let Event::Mutation(mutation) = &mut record.event {
            mutation.ipv4 = false;
        }
    }
    let drill = report(&made(records, "aws"), "report.md");
    assert!(!drill.contains("traffic") && drill.contains("the fault is in force, according to the API"), "{drill}");
}

#[test]
fn a_lab_that_runs_faster_gives_no_time_of_day_of_its_own() {
    let log = std::fs::File::open(in_repository("reports/sample-full-failover/events.ndjson.zst")).unwrap();
    let log = String::from_utf8(zstd::decode_all(log).unwrap()).unwrap();
    let mut records: Vec<Record> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // The committed run is one in virtual time, which has a day of its own and says so.
    let virtually = committed("full-failover", "report.md");
    assert!(virtually.contains("| virtual time, 4 min "), "{virtually}");
    let Event::RunStarted(run) = &mut records[0].event else { panic!("the first record") };
    (run.speed, run.virtual_time) = (10.0, false);
    let wall = run.run_id.wall_time().unwrap();
    let report = report(&outcome(&records).unwrap(), "report.md");
    assert!(report.contains(&format!("{}; ", wall.strftime("%Y-%m-%d %H:%M:%S UTC"))), "{report}");
    let (_, phases) = report.split_once("| Phase | Started after |").unwrap();
    let (phases, _) = phases.split_once("\n\n").unwrap();
    assert!(!phases.contains("UTC"), "{phases}");
    assert_eq!(started().run_id.wall_time().unwrap().to_string(), "2026-01-02T03:04:05Z");
}

/// The figures on README's first screen are those of the committed sample, which the command beside them makes anew.
#[test]
fn readme_shows_the_sample() {
    let readme = std::fs::read_to_string(in_repository("README.md")).unwrap();
    assert!(readme.contains("`gameday run full-failover --time virtual --seed 7` prints these figures"));
    let report = committed("full-failover", "report.md");
    let mut compared = 0;
    for line in readme.lines().filter(|line| line.contains('┆')) {
        let cells: Vec<&str> = line.trim().trim_start_matches('│').split(['┆', '│']).map(str::trim).collect();
        let figure = match cells[..] {
            ["milestone" | "objective", ..] => continue,
            [name, figure, "", ..] | [name, figure] => (name, figure),
            [name, figure, ..] if !figure.starts_with("at ") => (name, figure),
            [name, _, figure, ..] => (name, figure),
            _ => panic!("{line}"),
        };
        let found = report.lines().any(|line| line.contains(figure.0) && line.contains(figure.1));
        assert!(found, "{figure:?} is not in the sample's report");
        compared += 1;
    }
    assert_eq!(compared, 7);
}

/// Plain words, as people say them: none that only this tool uses.
#[test]
fn documents_use_plain_words() {
    let homemade = [
        "nobody",
        "whoever",
        "so many",
        "stands",
        "beside",
        "told",
        "has not",
        "otherwise than",
        "of its own",
        "front door",
        "by hand",
        "put back",
        "heal",
        "heals",
        "the cut",
        "her",
    ];
    let mut texts: Vec<(String, String)> = Vec::new();
    for entry in std::fs::read_dir(in_repository("crates/core/templates")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            texts.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
    let outcome = sample("aws");
    texts.extend(["report.md", "metrics.txt", "junit.xml"].map(|name| (name.to_owned(), report(&outcome, name))));
    for (name, text) in texts.iter().filter(|(name, _)| !name.ends_with("askama.toml")) {
        // Title and hypothesis are the scenario's.
        let title = outcome.scenario.title.as_str();
        let lines = text.lines().filter(|line| !line.starts_with("Hypothesis: ") && !line.ends_with(title));
        for line in lines {
            let words = format!(
                " {} ",
                line.to_lowercase().replace(|c: char| !c.is_alphabetic() && !matches!(c, '_' | '-'), " ")
            );
            for word in homemade {
                assert!(!words.contains(&format!(" {word} ")), "{name}: {word}: {line}");
            }
        }
    }
}
