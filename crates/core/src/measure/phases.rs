use jiff::Timestamp;

use crate::model::{Event, Phase, Record, RunFailure};

/// When a phase lasted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhaseSpan {
    /// Which one.
    pub phase: Phase,
    /// When it began.
    pub start: Timestamp,
    /// When the next one began or the run ended; nothing where the log breaks off in it.
    pub end: Option<Timestamp>,
}

/// The phases in the order in which they were run.
pub(super) fn phases(records: &[Record]) -> Vec<PhaseSpan> {
    let mut spans: Vec<PhaseSpan> = Vec::new();
    for record in records {
        let next = match &record.event {
            Event::PhaseStarted { phase } => Some(*phase),
            Event::RunEnded { .. } => None,
            _ => continue,
        };
        if let Some(open) = spans.last_mut()
            && open.end.is_none()
        {
            open.end = Some(record.at);
        }
        spans.extend(next.map(|phase| PhaseSpan { phase, start: record.at, end: None }));
    }
    spans
}

/// How far the run got.
#[derive(Debug)]
pub(super) struct Progress {
    spans: Vec<PhaseSpan>,
    aborted: Option<Timestamp>,
    failed: bool,
}

impl Progress {
    pub(super) fn of(records: &[Record], spans: &[PhaseSpan], failure: Option<&RunFailure>) -> Self {
        let aborted = records.iter().find(|record| matches!(record.event, Event::Abort { .. })).map(|record| record.at);
        let failed = aborted.is_none() && matches!(failure, Some(RunFailure::Aborted(_)));
        Self { spans: spans.to_vec(), aborted, failed }
    }

    /// Whether the phase was run to its own end: it ended, and nothing stopped the run before that.
    pub(super) fn completed(&self, phase: Phase) -> bool {
        let Some(end) = self.spans.iter().find(|span| span.phase == phase).and_then(|span| span.end) else {
            return false;
        };
        !self.failed && self.aborted.is_none_or(|at| end <= at)
    }

    /// Whether the run went past the phase by itself: it completed the phase, or the one before it, after which
    /// the phase was left out (nothing to hold where the replica never served).
    pub(super) fn passed(&self, phase: Phase) -> bool {
        let later = self.spans.iter().any(|span| span.phase > phase);
        match self.spans.iter().rev().find(|span| span.phase <= phase) {
            Some(last) if last.phase == phase => self.completed(phase),
            Some(last) => later && self.completed(last.phase),
            None => false,
        }
    }

    /// When the phase, or the last one before it that was run, ended.
    pub(super) fn end_of(&self, phase: Phase) -> Option<Timestamp> {
        self.spans.iter().rev().find(|span| span.phase <= phase).and_then(|span| span.end)
    }
}
