//! What a client does after a try that failed: a pure function.

use std::time::Duration;

use rand::{Rng, RngExt};

use gameday_core::model::{LoginOutcome, Span};
use gameday_core::scenario::{Retry, RetryPolicy};

/// The longest wait of the AWS SDKs' standard retry mode (AWS SDKs and Tools reference guide, "Retry behavior").
const LONGEST: Duration = Duration::from_secs(20);

/// How long a client waits before its next try, after so many; nothing when it gives up.
pub(super) fn wait(retry: &Retry, tries: u32, rng: &mut impl Rng) -> Option<Duration> {
    if tries >= retry.tries {
        return None;
    }
    Some(match retry.policy {
        RetryPolicy::Fixed => retry.wait.0,
        RetryPolicy::Exponential => {
            let doubled = retry.wait.0.saturating_mul(1_u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX));
            let most = doubled.min(retry.longest.map_or(LONGEST, |Span(longest)| longest));
            most.mul_f64(rng.random::<f64>())
        }
    })
}

/// Whether another try may end otherwise. A wrong password stays wrong.
pub(super) fn may_help(outcome: &LoginOutcome) -> bool {
    match outcome {
        LoginOutcome::DnsFailed
        | LoginOutcome::ConnectTimeout
        | LoginOutcome::ConnectionFailed { .. }
        | LoginOutcome::Stalled { .. }
        | LoginOutcome::TlsFailed
        | LoginOutcome::Throttled { .. } => true,
        LoginOutcome::Rejected { code, .. } => {
            code.starts_with("HTTP 5") || matches!(code.as_str(), "InternalErrorException" | "ServiceUnavailable")
        }
        LoginOutcome::ApiRefused { status, .. } => *status >= 500 || *status == 429,
        LoginOutcome::Succeeded
        | LoginOutcome::TokenInvalid { .. }
        | LoginOutcome::ClaimMissing { .. }
        | LoginOutcome::ChallengeUnsupported { .. }
        | LoginOutcome::WrongRegion { .. }
        | LoginOutcome::Shed
        | LoginOutcome::NoSession
        | LoginOutcome::HarnessFailed { .. }
        | LoginOutcome::Cancelled => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use gameday_core::model::Seed;

    fn retry(policy: RetryPolicy, longest: Option<Span>) -> Retry {
        Retry { policy, tries: 40, wait: Span::millis(100), longest }
    }

    #[test]
    fn fixed_waits_are_all_the_same_and_end_with_the_tries() {
        let mut rng = Seed(1).stream("retry");
        let of = retry(RetryPolicy::Fixed, None);
        assert_eq!(wait(&of, 1, &mut rng), Some(Duration::from_millis(100)));
        assert_eq!(wait(&of, 39, &mut rng), Some(Duration::from_millis(100)));
        assert_eq!(wait(&of, 40, &mut rng), None);
    }

    proptest! {
        #[test]
        fn full_jitter_stays_below_a_bound_that_doubles(tries in 1_u32..40, seed: u64) {
            let mut rng = Seed(seed).stream("retry");
            let bound = |longest: f64| (0.1 * 2_f64.powi(tries as i32 - 1)).min(longest);
            let own = wait(&retry(RetryPolicy::Exponential, Some(Span::secs(5))), tries, &mut rng).unwrap();
            prop_assert!(own.as_secs_f64() <= bound(5.0));
            let usual = wait(&retry(RetryPolicy::Exponential, None), tries, &mut rng).unwrap();
            prop_assert!(usual.as_secs_f64() <= bound(20.0));
        }
    }

    #[test]
    fn the_whole_bound_is_used() {
        let mut rng = Seed(2).stream("retry");
        let of = retry(RetryPolicy::Exponential, None);
        let mean = (0..2000).map(|_| wait(&of, 3, &mut rng).unwrap().as_secs_f64()).sum::<f64>() / 2000.0;
        assert!((mean - 0.2).abs() < 0.01, "{mean}");
    }
}
