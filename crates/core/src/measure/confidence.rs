//! How sure a share is that was observed in a number of logins.

use statrs::distribution::{Beta, ContinuousCDF};

use super::interval::to_nanos;

/// What is left out on either side of a two-sided interval of 95 % confidence.
const TAIL: f64 = 0.025;

/// The exact interval of Clopper and Pearson for a share, at 95 % confidence: lower and upper end, from 0 to 1. It holds the true share in at least
/// 95 of 100 cases, whatever that share is (C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
/// binomial", Biometrika 26, 1934). Nothing for no trials.
pub fn clopper_pearson_95(successes: u64, trials: u64) -> Option<(f64, f64)> {
    if trials == 0 || successes > trials {
        return None;
    }
    let (good, bad) = (successes as f64, (trials - successes) as f64);
    // A beta distribution needs two positive parameters, which these are.
    let quantile = |a, b, at| Beta::new(a, b).map(|beta| to_nanos(beta.inverse_cdf(at))).ok();
    let lower = if successes == 0 { 0.0 } else { quantile(good, bad + 1.0, TAIL)? };
    let upper = if successes == trials { 1.0 } else { quantile(good + 1.0, bad, 1.0 - TAIL)? };
    let share = good / trials as f64;
    Some((lower.clamp(0.0, share), upper.clamp(share, 1.0)))
}

/// How many must succeed in a row for the lower end to reach a share; nothing where no number does.
pub fn least_for(share: f64) -> Option<u64> {
    // In a row the lower end is the number's root of the tail.
    let least = (TAIL.ln() / share.ln()).ceil();
    (share < 1.0 && least.is_finite()).then_some((least as u64).max(1))
}

/// What is left out on either side of the range that chance is granted between runs: a run lies outside once in a thousand.
const RARE_TAIL: f64 = 0.0005;

/// Where the `nth` smallest of `of` independent moments lies that may each be anywhere between 0 and 1 with the same chance: the ends between
/// which it is 999 times of a thousand. It has a beta distribution (H. A. David and H. N. Nagaraja, "Order Statistics", 2003, section 2.3).
/// All of it where `nth` is none of them.
pub fn order_statistic_range(nth: u32, of: u32) -> (f64, f64) {
    match Beta::new(f64::from(nth), f64::from(of) + 1.0 - f64::from(nth)) {
        Ok(beta) if (1..=of).contains(&nth) => (beta.inverse_cdf(RARE_TAIL), beta.inverse_cdf(1.0 - RARE_TAIL)),
        _ => (0.0, 1.0),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The bounds printed for the exact method in R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in
    /// Medicine 17, 1998, table I.
    #[test]
    fn the_published_intervals_come_out() {
        for (successes, trials, lower, upper) in
            [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0.0, 0.1684), (1, 29, 0.0009, 0.1776)]
        {
            let (low, high) = clopper_pearson_95(successes, trials).unwrap();
            assert!((low - lower).abs() < 5e-5 && (high - upper).abs() < 5e-5, "{successes}/{trials}: {low} {high}");
        }
        assert_eq!(clopper_pearson_95(0, 0), None);
        assert_eq!(
            (least_for(0.99), least_for(0.95), least_for(1.0), least_for(0.0)),
            (Some(368), Some(72), None, Some(1))
        );
        for share in [0.5, 0.9, 0.95, 0.99, 0.999] {
            let least = least_for(share).unwrap();
            let reached = |count: u64| clopper_pearson_95(count, count).is_some_and(|(lower, _)| lower >= share);
            assert!(reached(least) && !reached(least - 1), "{share}: {least}");
        }
        assert!(clopper_pearson_95(10, 10).is_some_and(|(lower, upper)| lower > 0.69 && upper > 1.0 - 1e-12));
    }

    proptest! {
        /// The ends are where the distribution function says, also for a million logins.
        #[test]
        fn the_ends_leave_out_what_they_should(trials in 1_u64..1_000_000, part in 0.0_f64..=1.0) {
            let successes = (trials as f64 * part) as u64;
            let (lower, upper) = clopper_pearson_95(successes, trials).unwrap();
            let (good, bad) = (successes as f64, (trials - successes) as f64);
            let near = |a: f64, b: f64, at: f64, tail: f64| (Beta::new(a, b).unwrap().cdf(at) - tail).abs() < 1e-3;
            prop_assert!(lower <= upper);
            prop_assert!(successes == 0 || near(good, bad + 1.0, lower, TAIL), "{successes}/{trials}: {lower}");
            prop_assert!(successes == trials || near(good + 1.0, bad, upper, 1.0 - TAIL), "{successes}/{trials}: {upper}");
        }

        #[test]
        fn more_logins_make_a_share_surer(trials in 1_u64..5_000, part in 0.0_f64..=1.0) {
            let successes = (trials as f64 * part) as u64;
            let width = |times: u64| clopper_pearson_95(successes * times, trials * times).map(|(low, high)| high - low).unwrap();
            prop_assert!(width(10) < width(1));
        }
    }
}
