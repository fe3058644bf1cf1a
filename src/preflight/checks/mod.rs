//! The checks: one file each, with its code, its page and what it looks at. They only read, run side by side and
//! share their calls through [`Facts`].

pub mod anti_patterns;
pub mod drill;
pub mod governance;
pub mod guard;
pub mod keys;
pub mod observability;
pub mod pool;
pub mod quotas;
pub mod replication;
pub mod routing;
pub mod steps;
pub mod tokens;
pub mod triggers;

use std::collections::BTreeMap;

use futures::future::{BoxFuture, join_all, try_join};

use gameday_core::model::{Finding, Predicts, RegionRole, Severity};

use super::Findings;
use super::facts::{Facts, Unavailable};

/// A check.
pub struct Check {
    /// As `GD502`; the hundreds are the area.
    pub code: &'static str,
    /// How bad its finding is at worst.
    pub severity: Severity,
    /// The Regions that its finding is about, where a place does not tell another one.
    pub regions: &'static [RegionRole],
    /// What its finding says that a run will show.
    pub predicts: Predicts,
    /// What its finding says, in one line.
    pub title: &'static str,
    /// Why it matters for a failover: whole sentences, Markdown.
    pub why: &'static str,
    /// What to do, with commands or a Terraform snippet; Markdown.
    pub remedy: &'static str,
    /// The calls that it makes, as IAM actions.
    pub calls: &'static [&'static str],
    /// Looks; what it gives are the places where the finding holds.
    pub look: for<'a> fn(&'a Facts) -> BoxFuture<'a, CheckResult>,
}

/// What every code has to say for itself, whoever looks for it.
#[derive(Debug, Clone, Copy)]
pub struct RuleMetadata {
    /// As `GD502`.
    pub code: &'static str,
    /// How bad its finding is at worst.
    pub severity: Severity,
    /// The Regions that its finding is about, where a place does not tell another one.
    pub regions: &'static [RegionRole],
    /// What its finding says that a run will show.
    pub predicts: Predicts,
    /// What its finding says, in one line.
    pub title: &'static str,
    /// Why it matters for a failover: whole sentences, Markdown.
    pub why: &'static str,
    /// What to do; Markdown.
    pub remedy: &'static str,
}

/// What a check saw: where its finding holds, or why it could not look.
pub type CheckResult = Result<Vec<Occurrence>, Unavailable>;

/// One place where a finding holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// What was seen, API answers quoted. Never a secret.
    pub evidence: String,
    /// The command or snippet for this very place, where it is more than [`Check::remedy`] says.
    pub remedy: Option<String>,
    /// How bad it is here, where that is less than [`Check::severity`].
    pub severity: Option<Severity>,
    /// The Regions of this very place; [`Check::regions`] where there are none.
    pub regions: Vec<RegionRole>,
}

impl Occurrence {
    /// As bad as the check says, with the check's remedy.
    pub fn of(evidence: impl Into<String>) -> Self {
        Self { evidence: evidence.into(), remedy: None, severity: None, regions: Vec::new() }
    }

    /// With the command for this place.
    #[must_use]
    pub fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..self }
    }

    /// In this Region, and in those that were named before.
    #[must_use]
    pub fn at(mut self, role: RegionRole) -> Self {
        self.regions.push(role);
        self
    }

    /// Less bad than the check says.
    #[must_use]
    pub fn severity(self, severity: Severity) -> Self {
        Self { severity: Some(severity), ..self }
    }
}

/// The Regions of a finding.
pub const PRIMARY: &[RegionRole] = &[RegionRole::Primary];
/// The Regions of a finding.
pub const REPLICA: &[RegionRole] = &[RegionRole::Replica];
/// The Regions of a finding that is about both, or about the one that its place tells.
pub const BOTH: &[RegionRole] = &[RegionRole::Primary, RegionRole::Replica];

/// Every area, in the order of its hundreds.
const AREAS: [&[&Check]; 11] = [
    drill::ALL,
    pool::ALL,
    keys::ALL,
    replication::ALL,
    triggers::ALL,
    routing::ALL,
    quotas::ALL,
    tokens::ALL,
    observability::ALL,
    governance::ALL,
    guard::ALL,
];

/// Findings that keep everybody out of the Region that their evidence names: pool, key or replica do not serve there.
pub const KEEP_OUT: [&str; 7] = ["GD123", "GD203", "GD204", "GD205", "GD206", "GD301", "GD302"];

/// Findings from which others follow: while another run is at work or has left its fault, logins, health check and paths fail.
pub const EXPLAIN_OTHERS: [&str; 1] = ["GD910"];

/// Every check, by code.
pub fn all() -> Vec<&'static Check> {
    let mut all: Vec<&Check> = AREAS.into_iter().flatten().copied().collect();
    all.sort_by_key(|check| check.code);
    all
}

/// The page of every code, in the order of the codes: of the checks, and of what a run's own steps find.
pub fn pages() -> Vec<RuleMetadata> {
    let mut pages: Vec<RuleMetadata> = all().into_iter().map(Check::page).chain(steps::ALL.iter().copied()).collect();
    pages.sort_by_key(|page| page.code);
    pages
}

/// Whether a code is no prediction but a guard rail: it protects an account, or a run lacks what it needs to begin.
pub fn is_guard_rail(code: &str) -> bool {
    matches!(code, "GD009" | "GD010" | "GD011" | "GD013" | "GD602" | "GD901")
        || code < "GD008"
        || guard::ALL.iter().any(|check| check.code == code)
}

/// Makes every check side by side; what they saw is in the order of their codes. Gives the codes of those that looked and found nothing.
pub async fn look(facts: &Facts, found: &mut Findings) -> Vec<&'static str> {
    let checks = all();
    let looked = join_all(checks.iter().map(|check| (check.look)(facts))).await;
    let mut passed = Vec::new();
    for (check, looked) in checks.into_iter().zip(looked) {
        match looked {
            Ok(sights) if sights.is_empty() => passed.push(check.code),
            Ok(sights) => found.findings.extend(sights.into_iter().map(|sight| check.page().finding(sight))),
            Err(missing) => found.not_checked(check.code, &missing),
        }
    }
    passed
}

/// Looks at both Regions side by side; what was seen, once for each text, with the Regions where it was the same.
async fn in_both<'a, F>(facts: &'a Facts, look: impl Fn(&'a Facts, RegionRole) -> F) -> CheckResult
where
    F: Future<Output = Result<Vec<String>, Unavailable>>,
{
    let (here, there) = try_join(look(facts, RegionRole::Primary), look(facts, RegionRole::Replica)).await?;
    let mut seen: BTreeMap<String, Vec<RegionRole>> = BTreeMap::new();
    for (role, texts) in [(RegionRole::Primary, here), (RegionRole::Replica, there)] {
        for text in texts {
            seen.entry(text).or_default().push(role);
        }
    }
    let sight = |(text, regions): (String, Vec<RegionRole>)| {
        let names: Vec<&str> = regions.iter().map(|role| facts.site.region(*role).region.as_str()).collect();
        Occurrence { regions, ..Occurrence::of(format!("{}: {text}", names.join(" and "))) }
    };
    Ok(seen.into_iter().map(sight).collect())
}

impl Check {
    /// Its page.
    pub const fn page(&self) -> RuleMetadata {
        let Self { code, severity, regions, predicts, title, why, remedy, .. } = *self;
        RuleMetadata { code, severity, regions, predicts, title, why, remedy }
    }
}

impl RuleMetadata {
    /// The name of the anti-pattern that it finds, if it is one.
    pub fn anti_pattern(&self) -> Option<&'static str> {
        anti_patterns::name(self.code)
    }

    /// Its finding at one place.
    pub fn finding(&self, sight: Occurrence) -> Finding {
        Finding {
            code: self.code.to_owned(),
            severity: sight.severity.unwrap_or(self.severity),
            regions: if sight.regions.is_empty() { self.regions.to_vec() } else { sight.regions },
            predicts: Some(self.predicts),
            title: self.title.to_owned(),
            evidence: sight.evidence,
            remedy: sight.remedy.unwrap_or_else(|| self.remedy.to_owned()),
            accepted: None,
            ignored: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_in_a_region_names_it_once() {
        for RuleMetadata { code, predicts, regions, .. } in pages() {
            let somewhere = matches!(predicts, Predicts::FailedLogins | Predicts::Throttling);
            assert!(!somewhere || !regions.is_empty(), "{code} does not say where");
            assert!(regions.windows(2).all(|pair| pair[0] < pair[1]), "{code}: {regions:?}");
        }
    }
}
