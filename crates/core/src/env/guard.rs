//! What a run may do in an environment: the guard rails, and the dead-man switch.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::validate::bad_text;
use super::{AccountRules, Environment, Preflight, Runbook};
use crate::files::{Document, FileFinding};
use crate::model::{Partition, Percent, Region, RegionRole, Span};

/// EventBridge Scheduler fires within a minute of the time that it was given (EventBridge Scheduler user guide,
/// "Schedule types").
pub const SCHEDULER_PRECISION: Span = Span::secs(60);

/// Limits that hold for every scenario; preflight refuses what is outside.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Guard {
    /// Regions that faults may touch; both of the environment where this is left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<Region>,
    /// Tags that every target of a fault must carry.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub required_tags: BTreeMap<String, String>,
    /// Tags that no target of a fault may carry; the value `*` stands for any.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub forbidden_tags: BTreeMap<String, String>,
    /// Resources that no fault may touch: subnets, VPCs, network interfaces, functions, health checks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub forbidden_ids: Vec<String>,
    /// The longest that anything may be broken, from the first cut to the restore.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_duration: Option<Span>,
    /// The largest share of the subnets that the environment selects in a Region that faults may cover.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_share: Option<Percent>,
    /// When a run may begin and must have ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// How far descriptions may lag behind changes, in real time: a restore is believed only when it was seen complete twice, so far apart.
    /// 10 s where this is left out, since EC2 names no bound for its eventual consistency; less for an emulator that has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description_lag: Option<Span>,
    /// CloudWatch alarms that end a run as soon as one of them is in ALARM; preflight refuses to begin with one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alarms: Vec<AlarmRef>,
}

/// A CloudWatch alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlarmRef {
    /// Its name.
    pub name: String,
    /// In which Region it is.
    #[serde(default)]
    pub region: RegionRole,
}

/// A window of the week.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// An IANA time zone, as `Europe/Zurich`.
    pub time_zone: String,
    /// On these days; Monday to Friday where this is left out.
    #[serde(default = "working_days")]
    pub days: Vec<Weekday>,
    /// From this time of day: `"09:00"`.
    pub from: TimeOfDay,
    /// To this time of day, later than `from`: `"16:30"`.
    pub to: TimeOfDay,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Weekday {
    const ALL: [Self; 7] =
        [Self::Monday, Self::Tuesday, Self::Wednesday, Self::Thursday, Self::Friday, Self::Saturday, Self::Sunday];

    fn of(day: jiff::civil::Weekday) -> Self {
        Self::ALL[day.to_monday_zero_offset().unsigned_abs() as usize]
    }
}

fn working_days() -> Vec<Weekday> {
    Weekday::ALL[..5].to_vec()
}

/// A time of day, as `09:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct TimeOfDay(Time);

impl TryFrom<String> for TimeOfDay {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let time = Time::strptime("%H:%M", &text);
        time.map(Self).map_err(|_| format!("`{text}` is not a time of day; write it as \"09:00\""))
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        time.to_string()
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0.hour(), self.0.minute())
    }
}

impl Hours {
    /// Whether a moment lies in the window; an unknown time zone never does.
    pub fn contain(&self, moment: Timestamp) -> bool {
        let Ok(zone) = TimeZone::get(&self.time_zone) else { return false };
        let local = zone.to_datetime(moment);
        self.days.contains(&Weekday::of(local.weekday())) && (self.from.0..self.to.0).contains(&local.time())
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days: Vec<String> = self.days.iter().map(|day| format!("{day:?}")).collect();
        write!(f, "{} to {} {} on {}", self.from, self.to, self.time_zone, days.join(", "))
    }
}

/// One-time schedules of EventBridge Scheduler that heal the faults if the runner cannot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeadMan {
    /// The role that Scheduler assumes to heal; `gameday iam-policy` prints its policy.
    pub role_arn: String,
    /// The schedule group, which must exist.
    #[serde(default = "default_group")]
    pub group: String,
    /// How long after the planned end of a fault the schedule heals it; Scheduler takes up to a minute more.
    #[serde(default = "default_margin")]
    pub margin: Span,
}

fn default_group() -> String {
    "default".to_owned()
}

const fn default_margin() -> Span {
    Span::secs(60)
}

impl Environment {
    /// The same, with the rules that another file wrote: a lab knows none by itself.
    #[must_use]
    pub fn ruled_by(mut self, rules: &Rules) -> Self {
        self.production = rules.production;
        self.guard.clone_from(&rules.guard);
        if !rules.account.allowed.is_empty() {
            self.account.clone_from(&rules.account);
        }
        if rules.dead_man.is_some() {
            self.dead_man.clone_from(&rules.dead_man);
        }
        self.tags.clone_from(&rules.tags);
        self.runbook.clone_from(&rules.runbook);
        self.preflight = rules.preflight.clone().or(&self.preflight);
        self
    }

    /// The rules of this file.
    pub fn rules(&self) -> Rules {
        Rules {
            production: self.production,
            account: self.account.clone(),
            guard: self.guard.clone(),
            dead_man: self.dead_man.clone(),
            tags: self.tags.clone(),
            preflight: self.preflight.clone(),
            runbook: self.runbook.clone(),
        }
    }
}

/// What a file says of what is allowed, and of what preflight cannot discover.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    production: bool,
    account: AccountRules,
    guard: Guard,
    dead_man: Option<DeadMan>,
    tags: BTreeMap<String, String>,
    preflight: Preflight,
    runbook: Runbook,
}

/// Tags of an environment, at the most: a resource has 50 (EC2 user guide, "Tag restrictions"), and the run's own need room.
const TAGS_AT_MOST: usize = 20;

/// Reports tags that AWS refuses, or that would be taken for the run's own.
fn tags(file: &mut Document) {
    let keys = file.keys("tags");
    if keys.len() > TAGS_AT_MOST {
        let message = format!("{} tags are more than {TAGS_AT_MOST}", keys.len());
        file.report(
            FileFinding::at("tags", message, "too many")
                .help("a resource has 50 tags, and a run needs room for its own"),
        );
    }
    for key in keys {
        let path = format!("tags.{key}");
        let reserved = ["aws:", "gameday:"].iter().any(|prefix| key.to_ascii_lowercase().starts_with(prefix));
        let long = key.chars().count() > 128 || bad_text(file, &path, |value| value.chars().count() <= 256).is_some();
        if reserved || long || key == "Name" {
            let (message, help) = if long {
                (format!("the tag `{key}` is too long"), "a key has 128 characters at the most, a value 256")
            } else {
                (
                    format!("the tag `{key}` is reserved"),
                    "AWS keeps `aws:` for itself; `gameday:` and `Name` are the run's own",
                )
            };
            file.report(FileFinding::at("tags", message, "refused").help(help));
        }
    }
}

/// Reports everything that is wrong with the guard rails, the dead-man switch and the tags.
pub(super) fn check(file: &mut Document) {
    tags(file);
    for path in file.items("guard.regions") {
        let known = ["primary.region", "replica.region"].map(|path| file.get::<String>(path));
        let region = file.get::<String>(&path);
        if known.iter().any(Option::is_some) && region.is_some() && !known.contains(&region) {
            let finding = FileFinding::at(path, "neither Region of this environment", "not one of the two");
            file.report(finding.help("name the primary's or the replica's Region"));
        }
    }
    if file.get::<Percent>("guard.max_share").is_some_and(|share| share.0 <= 0.0) {
        let finding = FileFinding::at("guard.max_share", "0% of the subnets allows no fault", "nothing");
        file.report(finding.help("write a share above 0%, or leave it out"));
    }
    let zone = file.get::<String>("guard.hours.time_zone");
    if let Some(zone) = zone.filter(|zone| TimeZone::get(zone).is_err()) {
        let finding = FileFinding::at("guard.hours.time_zone", format!("there is no time zone `{zone}`"), "not known");
        file.report(finding.help("write an IANA name, as \"Europe/Zurich\" or \"UTC\""));
    }
    let times = ["guard.hours.from", "guard.hours.to"].map(|path| file.get::<TimeOfDay>(path));
    if let [Some(from), Some(to)] = times
        && from >= to
    {
        let finding =
            FileFinding::at("guard.hours.to", format!("the window from {from} to {to} is empty"), "too early");
        file.report(finding.help("a window lies within one day: make `to` later than `from`"));
    }
    let role = file.get::<String>("dead_man.role_arn");
    if let Some(role) = role.filter(|role| !(Partition::named_in(role).is_some() && role.contains(":role/"))) {
        let finding = FileFinding::at("dead_man.role_arn", format!("`{role}` is not a role's ARN"), "not a role's ARN");
        file.report(finding.help("it has the form \"arn:aws:iam::111122223333:role/gameday-dead-man\""));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_counts_in_its_own_time_zone() {
        let hours: Hours = toml::from_str("time_zone = \"Europe/Zurich\"\nfrom = \"09:00\"\nto = \"16:30\"\n").unwrap();
        let at = |text: &str| hours.contain(text.parse().unwrap());
        // A Tuesday in winter: Zurich is an hour ahead of UTC.
        assert!(at("2026-11-24T08:00:00Z") && at("2026-11-24T15:29:59Z"));
        assert!(!at("2026-11-24T07:59:59Z") && !at("2026-11-24T15:30:00Z"));
        // A Saturday; and summer time.
        assert!(!at("2026-11-28T10:00:00Z"));
        assert!(at("2026-07-01T07:00:00Z") && !at("2026-07-01T14:30:00Z"));
    }
}
