use std::time::{Duration, SystemTime};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use jiff::Timestamp;

use crate::measure::Outcome;

/// Turns the log's largest values, kept in microseconds, into milliseconds for the human reader.
const US_PER_MS: f64 = 1000.0;

/// `logins.hlog`: the successful logins' latencies in microseconds of scenario time, one interval for each phase in which
/// logins were scheduled, tagged with the phase. The tools of HdrHistogram's log format 1.3 read it.
#[expect(clippy::expect_used, reason = "writing histograms to memory")]
pub fn hlog(outcome: &Outcome) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let started = SystemTime::UNIX_EPOCH + since(Timestamp::UNIX_EPOCH, outcome.started_at);
    // Cannot fail: a `Vec` takes every write, and a count of logins is far below the format's 2^63.
    let proof = "a histogram in memory";
    let mut log = IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment("Latency of successful logins from their scheduled instant, microseconds; maximum in milliseconds")
        .with_start_time(started)
        .with_base_time(started)
        .with_max_value_divisor(US_PER_MS)
        .begin_log_with(&mut bytes, &mut serializer)
        .expect(proof);
    for span in &outcome.phases {
        let Some(histogram) = outcome.logins.histograms.get(&span.phase) else { continue };
        let start = since(outcome.started_at, span.start);
        let length = since(span.start, span.end.unwrap_or(outcome.last_at));
        // A phase's name has none of the characters that a tag must not have.
        log.write_histogram(histogram, start, length, Tag::new(span.phase.as_str())).expect(proof);
    }
    bytes
}

fn since(start: Timestamp, end: Timestamp) -> Duration {
    Duration::try_from(end.duration_since(start)).unwrap_or_default()
}
