//! The pages of the checks: one as text, all as a list, and all as files.

use crate::cli::summary::empty_table;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use comfy_table::presets;

use super::word;
use crate::cli::{Exit, Failure, runs, text};
use crate::preflight::checks::{Check, RuleMetadata, all, is_guard_rail, pages};
use gameday_core::model::{Predicts, RegionRole};

/// Areas by the first digit of their codes.
const AREAS: [(char, &str); 10] = [
    ('0', "The drill itself"),
    ('1', "User pool"),
    ('2', "Keys"),
    ('3', "Replication"),
    ('4', "Triggers"),
    ('5', "Routing"),
    ('6', "Quotas"),
    ('7', "Tokens"),
    ('8', "Observability"),
    ('9', "Governance"),
];

/// The pages of codes, by area, in the order of the codes.
pub(super) fn by_area(codes: &[&str]) -> Vec<(&'static str, Vec<RuleMetadata>)> {
    let pages = pages();
    let of = |digit: char| {
        let in_area = |page: &&RuleMetadata| page.code[2..].starts_with(digit) && codes.contains(&page.code);
        pages.iter().filter(in_area).copied().collect::<Vec<RuleMetadata>>()
    };
    AREAS.into_iter().map(|(digit, area)| (area, of(digit))).filter(|(_, pages)| !pages.is_empty()).collect()
}

/// The page of a code, also by its number alone; if there is none, the error has the nearest code of the same area.
fn page(code: &str) -> Result<RuleMetadata, String> {
    let pages = pages();
    let named = code.trim().to_uppercase();
    let wanted = if named.starts_with(|first: char| first.is_ascii_digit()) { format!("GD{named:0>3}") } else { named };
    if let Some(page) = pages.iter().find(|page| page.code == wanted) {
        return Ok(*page);
    }
    let digits = |code: &str| code.trim_start_matches("GD").parse::<i32>().ok();
    let nearest = match digits(&wanted) {
        // Of codes in the same area the next one by number: letters that agree by chance say nothing.
        Some(number) => pages.iter().min_by_key(|page| digits(page.code).map_or(i32::MAX, |own| (own - number).abs())),
        None => pages.iter().max_by(|a, b| {
            let near = |page: &RuleMetadata| strsim::jaro_winkler(page.code, &wanted);
            near(a).total_cmp(&near(b))
        }),
    };
    let nearest = nearest.map(|page| format!("; the nearest is {}: {}", page.code, page.title)).unwrap_or_default();
    Err(format!("no check has the code {code}{nearest}"))
}

/// Reads a code of `run --ignore`.
///
/// # Errors
/// In words, for a code that cannot be ignored.
pub(crate) fn ignorable(code: &str) -> Result<String, String> {
    if code == crate::engine::STEADY_STATE {
        return Ok(code.to_owned());
    }
    let page = page(code)?;
    if is_guard_rail(page.code) {
        return Err(format!(
            "{} cannot be ignored: it protects the account, or it means that the run lacks something it needs ({})",
            page.code, page.title
        ));
    }
    Ok(page.code.to_owned())
}

/// Prints a page.
pub(super) fn explain(code: &str) -> Result<Exit, Failure> {
    let page = page(code).map_err(|error| Failure::with_help(error, "`gameday preflight --list` lists all of them"))?;
    let RuleMetadata { code, severity, title, why, remedy, .. } = page;
    let mut page_text = format!("{code}  {title}  ({})\n\n", word(severity));
    if let Some(prediction) = prediction(&page) {
        let _ = writeln!(page_text, "{prediction}\n");
    }
    if let Some(name) = page.anti_pattern() {
        let _ = writeln!(page_text, "Anti-pattern: {name}\n");
    }
    let _ = writeln!(page_text, "Why it matters\n\n{}\n", text::markdown(why, ""));
    let _ = writeln!(page_text, "What to do\n\n{}", text::markdown(remedy, ""));
    runs::put(None, &page_text).map(|()| Exit::Success)
}

/// Prints all codes.
pub(super) fn list() -> Result<Exit, Failure> {
    let mut table = empty_table();
    table.load_style(presets::NOTHING);
    for page in pages() {
        table.add_row([page.code, word(page.severity), page.title]);
    }
    runs::put(None, &table.to_string()).map(|()| Exit::Success)
}

/// Writes a file for each page, and an index; removes the files of codes that no longer exist.
pub(super) fn write(folder: &Path) -> Result<Exit, Failure> {
    let fail = |error: std::io::Error| Failure::plain(format!("{}: {error}", folder.display()));
    fs::create_dir_all(folder).map_err(fail)?;
    for entry in fs::read_dir(folder).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        let is_page = path.file_stem().is_some_and(|name| name.to_string_lossy().starts_with("GD"));
        if is_page && path.extension().is_some_and(|ending| ending == "md") {
            fs::remove_file(path).map_err(fail)?;
        }
    }
    let checks = all();
    for page in pages() {
        let check = checks.iter().find(|check| check.code == page.code).copied();
        fs::write(folder.join(format!("{}.md", page.code)), document(page, check)).map_err(fail)?;
    }
    fs::write(folder.join("README.md"), index()).map_err(fail)?;
    Ok(Exit::Success)
}

/// What a run is predicted to show; nothing where it could not show it.
fn prediction(page: &RuleMetadata) -> Option<String> {
    let place = match page.regions {
        [RegionRole::Primary] => "at the primary",
        [RegionRole::Replica] => "at the replica",
        _ => "in the Region that the finding names",
    };
    let words = match page.predicts {
        Predicts::Nothing => return None,
        Predicts::FailedLogins => format!("logins fail {place}"),
        Predicts::Throttling => format!("logins are throttled {place}"),
        Predicts::NoSessions => "token refreshes find no session from before the fault".to_owned(),
        Predicts::Unreached(milestone) => format!("the milestone `{}` is not reached", milestone.as_str()),
        Predicts::UnknownAddress => "users get an address that belongs to neither Region".to_owned(),
        Predicts::SlowRecovery => "an objective on the recovery time is missed".to_owned(),
    };
    Some(format!("Prediction for a run: {words}."))
}

fn document(page: RuleMetadata, check: Option<&Check>) -> String {
    let RuleMetadata { code, severity, title, why, remedy, .. } = page;
    let severity = word(severity);
    let looks = match check.map(|check| check.calls) {
        Some([]) => {
            "From the environment file, the scenario or the endpoints themselves; it makes no call to AWS.".to_owned()
        }
        Some(calls) => {
            let calls: Vec<String> = calls.iter().map(|call| format!("`{call}`")).collect();
            format!("By {}.", calls.join(", "))
        }
        None => "By steps that are part of every run.".to_owned(),
    };
    let ignore = if is_guard_rail(code) {
        "`gameday run --ignore` does not apply to it.".to_owned()
    } else {
        format!(
            "`gameday run --ignore {code}` continues anyway, and the report shows whether the prediction was right."
        )
    };
    let name = page.anti_pattern().map(|name| format!("Anti-pattern: {name}.\n\n")).unwrap_or_default();
    let prediction = prediction(&page).map(|prediction| format!("{prediction}\n\n")).unwrap_or_default();
    format!(
        "# {code}: {title}\n\nSeverity: {severity}, at worst. {ignore}\n\n{prediction}{name}## Why it matters\n\n{why}\n\n## What to do\n\n\
         {remedy}\n\n## How it is found\n\n{looks}\n\n[All checks](README.md)\n"
    )
}

fn index() -> String {
    let mut text =
        "# Preflight checks\n\nWhat `gameday preflight` checks, by area. These pages are generated from the checks \
                    themselves; `gameday preflight --explain CODE` prints one.\n"
            .to_owned();
    let pages = pages();
    for (digit, area) in AREAS {
        let mut of_area = pages.iter().filter(|page| page.code[2..].starts_with(digit)).peekable();
        if of_area.peek().is_none() {
            continue;
        }
        // Writing to a `String` cannot fail.
        let _ = write!(text, "\n## GD{digit}xx: {area}\n\n| Code | Severity | Finding |\n|---|---|---|\n");
        for page in of_area {
            let _ = writeln!(text, "| [{0}]({0}.md) | {1} | {2} |", page.code, word(page.severity), page.title);
        }
    }
    text
}
