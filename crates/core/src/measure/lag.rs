//! The lag of replication, by canary writes.

use jiff::Timestamp;

use super::interval::{seconds_between, to_nanos};
use super::logins::{histogram, latency, record_ms};
use super::timeline::{Read, Timeline, Write};

/// What a lag is judged by, in seconds: the service level objective, an alarm, and a call in the night (DOMAIN.md: "SLO 30 s, alarm 60 s, page 120 s").
pub const LAG_LEVELS_S: [(&str, f64); 3] = [("slo", 30.0), ("alarm", 60.0), ("page", 120.0)];

/// How long canary writes took, at most, to be visible at the replica in steady state: from sending the write to the
/// answer of the first read that shows it. In milliseconds of scenario time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lag {
    /// Acknowledged writes that were seen at the replica before the fault.
    pub samples: u64,
    /// Half of them were visible within so long.
    pub p50: f64,
    /// 90 %.
    pub p90: f64,
    /// 99 %.
    pub p99: f64,
    /// The longest.
    pub max: f64,
    /// Acknowledged writes, also those not seen before the fault, whose lag was beyond each of [`LAG_LEVELS_S`].
    pub beyond: [Beyond; 3],
}

/// How many writes took longer than a level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Beyond {
    /// Certainly: a read that was sent so long after the write's acknowledgement did not show it.
    pub certainly: u64,
    /// Possibly: no read that was answered within so long of the write's sending showed it, though the fault came so long after it.
    pub possibly: u64,
}

/// The lag of one acknowledged write.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LagPoint {
    /// When the write was sent, in seconds after `zero_at`.
    pub at_s: f64,
    /// At least: from its acknowledgement to sending the last read that did not show it, in milliseconds of scenario time.
    pub lower_ms: f64,
    /// At most: from its sending to the answer of the first read that shows it, in milliseconds. Nothing where none does.
    pub upper_ms: Option<f64>,
}

/// The lag of every acknowledged write of the run, in the order of their sequence; none where nothing was cut.
pub(super) fn lag_over_time(line: &Timeline<'_>) -> Vec<LagPoint> {
    let Some(zero) = line.zero else { return Vec::new() };
    let reads = Reads::of(line.reads.iter());
    line.writes.iter().filter(|write| write.acknowledged).map(|write| reads.point(write, zero)).collect()
}

/// Reads by what they showed.
struct Reads {
    /// Ascending.
    sequences: Vec<u64>,
    /// When the last of the reads up to here was sent.
    last_sent: Vec<Timestamp>,
    /// When the first of the reads from here on was answered.
    first_answered: Vec<Timestamp>,
}

impl Reads {
    fn of<'a>(reads: impl Iterator<Item = &'a Read>) -> Self {
        let mut reads: Vec<&Read> = reads.collect();
        reads.sort_by_key(|read| read.sequence);
        let later = |last: &mut Timestamp, read: &&Read| {
            *last = (*last).max(read.window.sent);
            Some(*last)
        };
        let earlier = |first: &mut Timestamp, read: &&Read| {
            *first = (*first).min(read.window.received);
            Some(*first)
        };
        let mut first_answered: Vec<Timestamp> = reads.iter().rev().scan(Timestamp::MAX, earlier).collect();
        first_answered.reverse();
        Self {
            sequences: reads.iter().map(|read| read.sequence).collect(),
            last_sent: reads.iter().scan(Timestamp::MIN, later).collect(),
            first_answered,
        }
    }

    fn point(&self, write: &Write, zero: Timestamp) -> LagPoint {
        let shows = self.sequences.partition_point(|sequence| *sequence < write.sequence);
        let ms = |from, to| to_nanos(seconds_between(from, to)) * 1000.0;
        let unseen = shows.checked_sub(1).and_then(|last| self.last_sent.get(last));
        let upper_ms = self.first_answered.get(shows).map(|answered| ms(write.window.sent, *answered));
        let lower_ms = unseen.map_or(0.0, |sent| ms(write.window.received, *sent).max(0.0));
        LagPoint {
            at_s: seconds_between(zero, write.window.sent),
            lower_ms: upper_ms.map_or(lower_ms, |upper| lower_ms.min(upper)),
            upper_ms,
        }
    }
}

/// Nothing where no write was seen at the replica before the fault.
pub(super) fn steady_state_lag(line: &Timeline<'_>, zero: Timestamp) -> Option<Lag> {
    let before = || line.writes.iter().filter(|write| write.acknowledged && write.window.received <= zero);
    let reads = Reads::of(line.reads.iter().filter(|read| read.window.received <= zero));
    let mut lags = histogram();
    let mut beyond = [Beyond::default(); 3];
    for (write, point) in before().map(|write| (write, reads.point(write, zero))) {
        if let Some(upper) = point.upper_ms {
            record_ms(&mut lags, upper);
        }
        // One that was not seen before the fault had at most until then.
        let most_ms = point.upper_ms.unwrap_or_else(|| seconds_between(write.window.sent, zero) * 1000.0);
        for (beyond, (_, level_s)) in beyond.iter_mut().zip(LAG_LEVELS_S) {
            beyond.certainly += u64::from(point.lower_ms > level_s * 1000.0);
            beyond.possibly += u64::from(most_ms > level_s * 1000.0);
        }
    }
    let lag = latency(&lags)?;
    Some(Lag { samples: lags.len(), p50: lag.p50, p90: lag.p90, p99: lag.p99, max: lag.max, beyond })
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::model::Window;

    fn window(sent_ms: i64, received_ms: i64) -> Window {
        let at = |ms| Timestamp::UNIX_EPOCH + SignedDuration::from_millis(ms);
        Window { sent: at(sent_ms), received: at(received_ms) }
    }

    #[test]
    fn a_lag_lies_between_the_last_read_without_and_the_first_with_it() {
        let read = |sent, received, sequence| Read { window: window(sent, received), sequence };
        let reads = [read(1000, 1100, 4), read(2000, 2100, 4), read(3000, 3100, 5), read(4000, 4100, 6)];
        let reads = Reads::of(reads.iter());
        let write = |sequence| Write { window: window(500, 600), sequence, acknowledged: true };
        let zero = Timestamp::UNIX_EPOCH + SignedDuration::from_millis(1500);
        assert_eq!(reads.point(&write(5), zero), LagPoint { at_s: -1.0, lower_ms: 1400.0, upper_ms: Some(2600.0) });
        assert_eq!(reads.point(&write(7), zero), LagPoint { at_s: -1.0, lower_ms: 3400.0, upper_ms: None });
        assert!(reads.point(&write(1), zero).lower_ms.abs() < 1e-9);
    }
}
