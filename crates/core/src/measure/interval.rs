use jiff::Timestamp;

/// When something happened, in seconds of scenario time after `zero_at`: the last moment at which it certainly had
/// not happened, and the first at which it certainly had. The same shape serves for durations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Certainly not before.
    pub lower: f64,
    /// Certainly not after; at least `lower`.
    pub upper: f64,
}

impl Interval {
    /// From `lower` to `upper`; a lower bound above the upper one is drawn down to it.
    pub fn new(lower: f64, upper: f64) -> Self {
        Self { lower: lower.min(upper), upper }
    }

    /// An exact moment.
    pub fn exact(at: f64) -> Self {
        Self { lower: at, upper: at }
    }

    /// What may lie between an event inside `start` and an event inside `self`; below zero where
    /// `self` may have come first.
    #[must_use]
    pub fn since(self, start: Self) -> Self {
        Self { lower: to_nanos(self.lower - start.upper), upper: to_nanos(self.upper - start.lower) }
    }

    /// The same, for a duration that cannot be negative.
    #[must_use]
    pub fn at_least_zero(self) -> Self {
        Self { lower: self.lower.max(0.0), upper: self.upper.max(0.0) }
    }

    /// The middle: the best single figure, and the one that adds up along a chain.
    pub fn middle(self) -> f64 {
        f64::midpoint(self.lower, self.upper)
    }

    /// How unsure it is, in seconds.
    pub fn width(self) -> f64 {
        to_nanos(self.upper - self.lower)
    }
}

/// From `start` to `end` in seconds; negative where `end` came first.
pub fn seconds_between(start: Timestamp, end: Timestamp) -> f64 {
    end.duration_since(start).as_nanos() as f64 / 1e9
}

/// Event times have nanoseconds; what binary fractions add below that is noise.
pub(super) fn to_nanos(seconds: f64) -> f64 {
    (seconds * 1e9).round() / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_carries_both_bounds() {
        let start = Interval::new(0.1, 0.4);
        let end = Interval::new(29.9, 31.0);
        assert_eq!(end.since(start), Interval { lower: 29.5, upper: 30.9 });
        assert_eq!(start.since(end).at_least_zero(), Interval::exact(0.0));
        assert_eq!(Interval::new(3.0, 2.0), Interval::exact(2.0));
    }
}
