use jiff::{SignedDuration, Timestamp};

use super::interval::{Interval, seconds_between, to_nanos};
use super::lag::{Lag, steady_state_lag};
use super::timeline::Timeline;

/// What would have been lost, had the primary been gone for good when the fault became effective.
///
/// Call that moment T0; it lies in an interval. Canary writes carry sequence numbers and replicate in
/// order. The newest canary visible at the replica at T0 was
/// - at least `n1`, the newest that a read had shown when T0 had certainly not come, and
/// - at most `n2`, the newest that the first read after T0 had certainly come shows (replication may have gone on meanwhile).
///
/// So a write is certainly lost when it was acknowledged before T0 and is newer than `n2`; and
/// everything that was written before canary `n1` was sent is certainly kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rpo {
    /// The age, at T0, of the oldest write that is certainly lost, in seconds; 0 where none is.
    pub lower_s: f64,
    /// How long before T0 canary `n1` was sent, in seconds: nothing older can be lost. Nothing where no read came before T0.
    pub upper_s: Option<f64>,
    /// Canary writes that the primary acknowledged until T0.
    pub writes_acknowledged: u64,
    /// Those of them that are certainly lost; nothing where no read came after T0.
    pub writes_lost: Option<u64>,
    /// The age, at T0, of the newest of the writes that were lost, in seconds: the last that the primary had acknowledged. At most as
    /// old as the newest that is certainly lost, which was not acknowledged before it was sent; at least as old as any that may
    /// have been acknowledged by then. Nothing where none is certainly lost.
    pub newest_lost_age: Option<Interval>,
    /// The replication lag before the fault.
    pub lag: Option<Lag>,
}

/// Nothing where no canary was written or the moment of the fault is not known.
pub(super) fn rpo(line: &Timeline<'_>, fault_effective: Option<Interval>) -> Option<Rpo> {
    let (zero, t0) = (line.zero?, fault_effective?);
    if line.writes.is_empty() {
        return None;
    }
    let (earliest, latest) = (after(zero, t0.lower), after(zero, t0.upper));
    let kept = line.reads.iter().filter(|read| read.window.received <= earliest).map(|read| read.sequence).max();
    let newest = line.reads.iter().find(|read| read.window.sent >= latest).map(|read| read.sequence);
    // Reads are eventually consistent: one may show less than an earlier one.
    let newest = newest.map(|n2| kept.map_or(n2, |n1| n2.max(n1)));
    // An older one may stand for `n1`, where the log lacks the write itself: it was sent earlier, so the bound still holds.
    let kept_write = kept.and_then(|n1| line.writes.iter().rev().find(|write| write.sequence <= n1));
    let acknowledged = || line.writes.iter().filter(|write| write.acknowledged);
    let lost = newest.map(|n2| {
        let lost = acknowledged().filter(move |write| write.sequence > n2 && write.window.received < earliest);
        (lost.clone().count() as u64, lost.map(|write| write.window.received).min())
    });
    let oldest_lost = lost.and_then(|(_, oldest)| oldest);
    let newest_lost_age = newest.and_then(|n2| {
        let certain = acknowledged().rfind(|write| write.sequence > n2 && write.window.received < earliest)?;
        let possible =
            acknowledged().filter(|write| write.window.sent <= latest).map(|write| write.window.received).max()?;
        let least = seconds_between(possible, earliest).max(0.0);
        Some(Interval::new(to_nanos(least), to_nanos(seconds_between(certain.window.sent, latest))))
    });
    Some(Rpo {
        lower_s: oldest_lost.map_or(0.0, |oldest| to_nanos(seconds_between(oldest, earliest))),
        upper_s: kept_write.map(|write| to_nanos(seconds_between(write.window.sent, latest))),
        writes_acknowledged: acknowledged().filter(|write| write.window.received <= latest).count() as u64,
        writes_lost: lost.map(|(count, _)| count),
        newest_lost_age,
        lag: steady_state_lag(line, zero),
    })
}

fn after(zero: Timestamp, seconds: f64) -> Timestamp {
    let offset = SignedDuration::from_nanos((seconds * 1e9).round() as i64);
    zero.checked_add(offset).unwrap_or(Timestamp::MAX)
}
