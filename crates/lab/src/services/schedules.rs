//! EventBridge Scheduler's one-time schedules, and what became of them.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rand::RngExt;
use serde::Serialize;
use serde_json::Value;

use gameday_core::model::Seed;

/// The group that every account has (EventBridge Scheduler user guide, "Managing a schedule group").
pub(crate) const DEFAULT_GROUP: &str = "default";
/// A schedule fires within this time after it is due: "60 second precision" (EventBridge Scheduler user guide, "Schedule types").
const PRECISION_S: f64 = 60.0;
/// Retries of a call that failed, where the schedule says nothing, and the most that it may say (API reference, RetryPolicy).
pub(crate) const RETRIES: u32 = 185;
/// The same for how long it is retried: a day.
pub(crate) const LONGEST_RETRY: Duration = Duration::from_hours(24);
/// The first wait before a retry, and the longest. AWS waits "with exponential backoff" (API reference, RetryPolicy) and gives no figures.
const FIRST_WAIT: Duration = Duration::from_secs(15);
const LONGEST_WAIT: Duration = Duration::from_hours(1);
/// Firings that are kept: a lab may run for days.
const FIRINGS_KEPT: usize = 1000;

/// Group and name.
pub(crate) type ScheduleKey = (String, String);

/// A schedule group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ScheduleGroup {
    /// When it was made.
    pub created: Timestamp,
}

/// A one-time schedule.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Schedule {
    /// The request that made it or changed it last, with defaults filled in.
    pub request: Value,
    /// The client token of the request that made it.
    pub token: Option<String>,
    /// When it is tried next; never once it has completed, or while it is disabled.
    pub due: Option<Timestamp>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub modified: Timestamp,
    /// When its call was first tried.
    pub began: Option<Timestamp>,
    /// Tries that failed.
    pub failed: u32,
    /// Tells it from what had the same name earlier.
    revision: u64,
}

/// Schedules and groups.
#[derive(Debug, Default)]
pub(crate) struct ScheduleStore {
    groups: BTreeMap<String, ScheduleGroup>,
    schedules: BTreeMap<ScheduleKey, Schedule>,
    revisions: u64,
}

/// What followed from a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Next {
    /// The call succeeded.
    Completed,
    /// It failed and will be tried again.
    Retried,
    /// It failed for the last time.
    GivenUp,
}

/// A call that a schedule made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Firing {
    /// The schedule's group.
    pub group: String,
    pub name: String,
    /// What it called, as `ec2:deleteNetworkAclEntry`.
    pub call: String,
    /// In scenario time.
    pub at: Timestamp,
    /// Counts the tries, from 1.
    pub attempt: u32,
    /// Why it failed, where it did.
    pub error: Option<String>,
    /// What followed; nothing where the schedule had been changed or deleted meanwhile.
    pub next: Option<Next>,
}

/// Calls in the order in which they were made.
#[derive(Debug, Default)]
pub(crate) struct ExecutionLog(VecDeque<Firing>);

impl ExecutionLog {
    /// Keeps one.
    pub(crate) fn note(&mut self, firing: Firing) {
        if self.0.len() == FIRINGS_KEPT {
            self.0.pop_front();
        }
        self.0.push_back(firing);
    }

    /// All that are kept.
    pub(crate) fn all(&self) -> Vec<Firing> {
        self.0.iter().cloned().collect()
    }
}

/// When a schedule for `at` fires: somewhere within the minute, by the seed and its name.
pub(crate) fn fires_at(at: Timestamp, seed: Seed, (group, name): &ScheduleKey) -> Timestamp {
    let late = seed.stream(&format!("schedule-{group}-{name}")).random_range(0.0..PRECISION_S);
    at.saturating_add(SignedDuration::from_secs_f64(late)).unwrap_or(Timestamp::MAX)
}

/// How long after the failed try of that number, from 1, the next one comes.
fn wait(failed: u32) -> Duration {
    FIRST_WAIT.saturating_mul(2_u32.saturating_pow(failed.saturating_sub(1))).min(LONGEST_WAIT)
}

impl Schedule {
    /// When it will be tried again after a failure now, if it will.
    fn retry(&self, now: Timestamp) -> Option<Timestamp> {
        let policy = &self.request["Target"]["RetryPolicy"];
        let retries = policy["MaximumRetryAttempts"].as_u64().map_or(RETRIES, |retries| retries as u32);
        let longest = policy["MaximumEventAgeInSeconds"].as_u64().map_or(LONGEST_RETRY, Duration::from_secs);
        let next = now.checked_add(wait(self.failed)).ok()?;
        let age = Duration::try_from(next.duration_since(self.began.unwrap_or(now))).ok()?;
        (self.failed <= retries && age <= longest).then_some(next)
    }
}

impl ScheduleStore {
    /// Groups by name, but for the default one.
    pub(crate) fn groups(&self) -> &BTreeMap<String, ScheduleGroup> {
        &self.groups
    }

    /// Whether there is a group.
    pub(crate) fn has_group(&self, name: &str) -> bool {
        name == DEFAULT_GROUP || self.groups.contains_key(name)
    }

    /// Makes a group.
    pub(crate) fn add_group(&mut self, name: &str, created: Timestamp) {
        self.groups.insert(name.to_owned(), ScheduleGroup { created });
    }

    /// Takes a group away, with its schedules.
    pub(crate) fn remove_group(&mut self, name: &str) {
        self.groups.remove(name);
        self.schedules.retain(|(group, _), _| group != name);
    }

    /// Schedules by group and name.
    pub(crate) fn schedules(&self) -> &BTreeMap<ScheduleKey, Schedule> {
        &self.schedules
    }

    /// Makes a schedule, or makes it anew.
    pub(crate) fn put(
        &mut self,
        key: ScheduleKey,
        request: Value,
        token: Option<String>,
        due: Option<Timestamp>,
        now: Timestamp,
    ) {
        self.revisions += 1;
        let known = self.schedules.get(&key);
        let created = known.map_or(now, |known| known.created);
        let token = token.or_else(|| known.and_then(|known| known.token.clone()));
        let (began, failed, revision) = (None, 0, self.revisions);
        self.schedules.insert(key, Schedule { request, token, due, created, modified: now, began, failed, revision });
    }

    /// Takes a schedule away; tells whether it was there.
    pub(crate) fn remove(&mut self, key: &ScheduleKey) -> bool {
        self.schedules.remove(key).is_some()
    }

    /// When the next one is due.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.schedules.values().filter_map(|schedule| schedule.due).min()
    }

    /// Those that are due, the earliest first.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<(ScheduleKey, Schedule)> {
        let due = self.schedules.iter().filter(|(_, schedule)| schedule.due.is_some_and(|due| due <= now));
        let mut due: Vec<_> = due.map(|(key, schedule)| (key.clone(), schedule.clone())).collect();
        due.sort_by_key(|(_, schedule)| schedule.due);
        due
    }

    /// Whether a schedule is still as it was when it became due.
    pub(crate) fn stands(&self, key: &ScheduleKey, tried: &Schedule) -> bool {
        self.schedules.get(key).is_some_and(|known| known.revision == tried.revision)
    }

    /// Notes how a try ended; gives what follows, unless the schedule was changed or deleted meanwhile.
    pub(crate) fn conclude(
        &mut self,
        key: &ScheduleKey,
        tried: &Schedule,
        succeeded: bool,
        now: Timestamp,
    ) -> Option<Next> {
        let known = self.schedules.get_mut(key).filter(|known| known.revision == tried.revision)?;
        if !succeeded {
            known.failed += 1;
            known.began.get_or_insert(now);
            known.due = known.retry(now);
            if known.due.is_some() {
                return Some(Next::Retried);
            }
        }
        known.due = None;
        // API reference, CreateSchedule, `ActionAfterCompletion`.
        if known.request["ActionAfterCompletion"] == "DELETE" {
            self.schedules.remove(key);
        }
        Some(if succeeded { Next::Completed } else { Next::GivenUp })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn key() -> ScheduleKey {
        (DEFAULT_GROUP.to_owned(), "heal".to_owned())
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn book(request: Value) -> ScheduleStore {
        let mut book = ScheduleStore::default();
        book.put(key(), request, None, Some(at(0)), at(0));
        book
    }

    #[test]
    fn a_failed_call_is_retried_ever_more_seldom_until_the_policy_ends_it() {
        let mut book = book(json!({ "Target": { "RetryPolicy": { "MaximumRetryAttempts": 2 } } }));
        let mut waits = Vec::new();
        while let Some(due) = book.next() {
            let (key, tried) = book.due(due).pop().unwrap();
            let next = book.conclude(&key, &tried, false, due).unwrap();
            waits.extend(book.next().map(|later| later.duration_since(due).as_secs()));
            assert_eq!(next, if waits.len() < tried.failed as usize + 1 { Next::GivenUp } else { Next::Retried });
        }
        assert_eq!(waits, [15, 30]);
        assert_eq!(book.schedules()[&key()].failed, 3);
    }

    #[test]
    fn an_old_call_is_not_retried() {
        let mut book = book(json!({ "Target": { "RetryPolicy": { "MaximumEventAgeInSeconds": 60 } } }));
        let mut tries = 0;
        while let Some(due) = book.next() {
            let (key, tried) = book.due(due).pop().unwrap();
            book.conclude(&key, &tried, false, due);
            tries += 1;
        }
        // At 0, 15 and 45 s; the next would be at 105 s.
        assert_eq!(tries, 3);
    }

    #[test]
    fn what_has_completed_goes_or_stays_as_asked_and_never_fires_again() {
        for (action, left) in [("DELETE", 0), ("NONE", 1)] {
            let mut book = book(json!({ "ActionAfterCompletion": action }));
            let (key, tried) = book.due(at(0)).pop().unwrap();
            assert_eq!(book.conclude(&key, &tried, true, at(0)), Some(Next::Completed));
            assert_eq!((book.schedules().len(), book.next()), (left, None));
        }
    }

    #[test]
    fn a_schedule_that_was_changed_meanwhile_is_left_as_it_is() {
        let mut book = book(json!({}));
        let (key, tried) = book.due(at(0)).pop().unwrap();
        book.put(key.clone(), json!({}), None, Some(at(100)), at(1));
        assert!(!book.stands(&key, &tried));
        assert_eq!(book.conclude(&key, &tried, true, at(2)), None);
        assert_eq!(book.next(), Some(at(100)));
    }

    proptest! {
        #[test]
        fn it_fires_within_the_minute_and_the_same_again(seed: u64, name in "[a-z]{1,8}") {
            let key = (DEFAULT_GROUP.to_owned(), name);
            let fires = fires_at(at(0), Seed(seed), &key);
            prop_assert!(fires >= at(0) && fires < at(60));
            prop_assert_eq!(fires, fires_at(at(0), Seed(seed), &key));
        }
    }
}
