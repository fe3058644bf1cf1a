//! Replication: an ordered log from one Region to the other, each entry of which takes effect after a lag.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use rand_chacha::ChaCha12Rng;
use rand_distr::{Distribution, LogNormal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::directory::{Change, Directory};
use super::later;
use crate::truth::Truth;
use gameday_core::env::{LabSettings, Strategy};
use gameday_core::model::Clock;
use gameday_core::model::Draw;
use gameday_protocols::timer::Timer as _;

/// The spread of the log-normal lag: with it and a median of 1 s, one entry in a hundred takes over 5 s and one in a
/// thousand over 8 s. No figure is published (Cognito says "eventually consistent").
const SIGMA: f64 = 0.7;

/// The median delay of a bridge's queue. The article says "minutes (eventual lag)" of it; the figure is our own choice.
const BRIDGE_MEDIAN: Duration = Duration::from_secs(90);
/// The longest one; our own choice, within the 5 min that the article's RTO of a bridge begins with.
const BRIDGE_LONGEST: Duration = Duration::from_mins(4);
/// The spread of a bridge's log-normal delays, one in a hundred of which is over 3 min; our own choice.
const BRIDGE_SIGMA: f64 = 0.3;
/// A bridge's code names the attributes that it copies. This one came to the pool later, and nobody noticed: the article's "custom attributes
/// that silently diverge between regions".
const BRIDGE_LACKS: &str = "custom:branch";

/// What a link carries, and how long that takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Way {
    /// Everything, as Cognito's own replication: the median of the lag, and the longest.
    Native(Duration, Duration),
    /// Users and groups, through a queue.
    Bridge,
    /// Nothing.
    Closed,
}

impl Way {
    /// From the primary and back, by the strategy of the lab.
    pub(super) fn both(settings: &LabSettings) -> [Self; 2] {
        match settings.strategy {
            Strategy::NativeReplica => [Self::Native(settings.lag_median.0, settings.lag_max.0); 2],
            // Events of the primary's pool go to the other one, and none back.
            Strategy::Bridge => [Self::Bridge, Self::Closed],
            Strategy::ManualSync => [Self::Closed; 2],
        }
    }

    fn lag(self, rng: ChaCha12Rng) -> Lag {
        match self {
            Self::Native(median, longest) => Lag::new(median, longest, SIGMA, rng),
            Self::Bridge => Lag::new(BRIDGE_MEDIAN, BRIDGE_LONGEST, BRIDGE_SIGMA, rng),
            Self::Closed => Lag::new(Duration::ZERO, Duration::ZERO, SIGMA, rng),
        }
    }

    /// The change as it goes this way; nothing where it does not go at all.
    fn carried(self, change: Change) -> Option<Change> {
        let goes = match self {
            Self::Native(..) => !matches!(change, Change::Password(..)),
            Self::Bridge => matches!(
                change,
                Change::Put(_)
                    | Change::Password(..)
                    | Change::Delete(_)
                    | Change::PutGroup(_)
                    | Change::DeleteGroup(_)
            ),
            Self::Closed => false,
        };
        let change = match (self, change) {
            // A bridge cannot read a password's hash, so that the user goes without.
            (Self::Bridge, Change::Put(mut user)) => {
                Arc::make_mut(&mut user).attributes.remove(BRIDGE_LACKS);
                Change::Profile(user)
            }
            (_, change) => change,
        };
        goes.then_some(change)
    }
}

/// The sending end.
pub(super) struct ReplicationLink {
    way: Way,
    entries: mpsc::UnboundedSender<(Timestamp, Change)>,
    lag: Mutex<Lag>,
    truth: (Arc<Truth>, Draw),
}

/// The receiving end.
pub(super) type Entries = mpsc::UnboundedReceiver<(Timestamp, Change)>;

impl ReplicationLink {
    /// Its draws are noted in `truth`.
    pub(super) fn new(way: Way, rng: ChaCha12Rng, truth: (Arc<Truth>, Draw)) -> (Self, Entries) {
        let (entries, receiver) = mpsc::unbounded_channel();
        (Self { way, entries, lag: Mutex::new(way.lag(rng)), truth }, receiver)
    }

    /// Logs a change that took effect here at `now`. Call it in the order of the changes.
    pub(super) fn send(&self, change: Change, now: Timestamp) {
        let Some(change) = self.way.carried(change) else { return };
        let mut lag = self.lag.lock().unwrap_or_else(PoisonError::into_inner);
        let drawn = lag.draw();
        // Under the lag's lock, so that the draws are in order.
        self.truth.0.drew(self.truth.1, drawn.as_secs_f64());
        // Each password change has a message of its own, and no order among them.
        let due = if matches!(change, Change::Password(..)) { later(now, drawn) } else { lag.due(now, drawn) };
        if self.truth.1 == Draw::LagS {
            self.truth.0.wrote(now, due);
        }
        drop(lag);
        // Nobody receives any more once the lab is shut down.
        drop(self.entries.send((due, change)));
    }
}

/// Applies entries when they are due, until the sender is gone: one after the other, but for password changes.
pub(super) async fn replicate(mut entries: Entries, to: Arc<RwLock<Directory>>, clock: Clock) {
    let (in_order, mut waiting) = mpsc::unbounded_channel();
    let mut under_way = JoinSet::new();
    let replica = Arc::clone(&to);
    under_way.spawn(async move {
        while let Some((due, change)) = waiting.recv().await {
            apply(&replica, due, change, clock).await;
        }
    });
    while let Some((due, change)) = entries.recv().await {
        if matches!(change, Change::Password(..)) {
            let to = Arc::clone(&to);
            under_way.spawn(async move { apply(&to, due, change, clock).await });
        } else {
            // Its receiver ends after this sender.
            drop(in_order.send((due, change)));
        }
        while under_way.try_join_next().is_some() {}
    }
    drop(in_order);
    while under_way.join_next().await.is_some() {}
}

async fn apply(to: &RwLock<Directory>, due: Timestamp, change: Change, clock: Clock) {
    clock.sleep_until(due).await;
    to.write().unwrap_or_else(PoisonError::into_inner).apply(change);
}

struct Lag {
    rng: ChaCha12Rng,
    /// Nothing for a median of zero: no lag at all.
    distribution: Option<LogNormal<f64>>,
    longest: Duration,
    last_due: Timestamp,
}

impl Lag {
    fn new(median: Duration, longest: Duration, sigma: f64, rng: ChaCha12Rng) -> Self {
        let distribution = (!median.is_zero()).then(|| LogNormal::new(median.as_secs_f64().ln(), sigma).ok()).flatten();
        Self { rng, distribution, longest, last_due: Timestamp::MIN }
    }

    fn draw(&mut self) -> Duration {
        let drawn = self.distribution.map_or(0.0, |distribution| distribution.sample(&mut self.rng));
        Duration::try_from_secs_f64(drawn).unwrap_or(Duration::MAX).min(self.longest)
    }

    fn due(&mut self, now: Timestamp, lag: Duration) -> Timestamp {
        // The log keeps its order: no entry overtakes an earlier one.
        self.last_due = self.last_due.max(later(now, lag));
        self.last_due
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::directory::Status;
    use super::*;
    use gameday_core::model::{Secret, Seed};
    use gameday_protocols::srp;

    fn lags(seed: u64, median_s: u64, gaps_ms: &[u64]) -> Vec<(Timestamp, Timestamp)> {
        let rng = Seed(seed).stream("lag");
        let mut lag = Lag::new(Duration::from_secs(median_s), Duration::from_secs(8), SIGMA, rng);
        let mut now = Timestamp::UNIX_EPOCH;
        let mut draw = |gap: &u64| {
            now = later(now, Duration::from_millis(*gap));
            let drawn = lag.draw();
            (now, lag.due(now, drawn))
        };
        gaps_ms.iter().map(&mut draw).collect()
    }

    proptest! {
        #[test]
        fn entries_keep_their_order_and_the_cut(seed: u64, gaps in prop::collection::vec(0_u64..20_000, 1..50)) {
            let drawn = lags(seed, 1, &gaps);
            prop_assert!(drawn.is_sorted_by_key(|(_, due)| *due));
            for (now, due) in &drawn {
                prop_assert!(due >= now && *due <= later(*now, Duration::from_secs(8)));
            }
            prop_assert_eq!(drawn, lags(seed, 1, &gaps));
            prop_assert!(lags(seed, 0, &gaps).iter().all(|(now, due)| now == due));
        }
    }

    fn sent(way: Way, changes: impl IntoIterator<Item = Change>) -> Vec<(Timestamp, Change)> {
        let (link, mut entries) = ReplicationLink::new(way, Seed(7).stream("lag"), (Arc::default(), Draw::LagS));
        for change in changes {
            link.send(change, Timestamp::UNIX_EPOCH);
        }
        std::iter::from_fn(|| entries.try_recv().ok()).collect()
    }

    #[test]
    fn a_bridge_takes_minutes_and_its_password_changes_overtake_each_other() {
        let verifier = srp::Verifier::new("us-east-1_LAB", "user", &Secret::new("Gd1-password"), &[1; 16]);
        let password = |_| Change::Password("user".to_owned(), verifier.clone(), Status::Confirmed);
        let raced = sent(Way::Bridge, (0..50).map(password));
        assert!(!raced.is_sorted_by_key(|(due, _)| *due), "none was overtaken");
        let queued = sent(Way::Bridge, (0..50).map(|number| Change::Delete(number.to_string())));
        assert!(queued.is_sorted_by_key(|(due, _)| *due));
        let epoch = Timestamp::UNIX_EPOCH;
        for (due, _) in raced.iter().chain(&queued) {
            let delay = due.duration_since(epoch).as_secs();
            assert!((20..=240).contains(&delay), "{delay} s");
        }
    }

    #[test]
    fn sessions_stay_behind_a_bridge_and_everything_without_one() {
        let signed_out = || [Change::SignOut("sub".to_owned(), Timestamp::UNIX_EPOCH)];
        assert!(sent(Way::Bridge, signed_out()).is_empty());
        assert!(sent(Way::Closed, [Change::Delete("user".to_owned())]).is_empty());
        assert_eq!(sent(Way::Native(Duration::from_secs(1), Duration::from_secs(8)), signed_out()).len(), 1);
    }

    #[test]
    fn the_median_is_as_set() {
        // So far apart that order never delays an entry.
        let drawn = lags(7, 1, &[20_000; 2001]);
        let mut lags: Vec<f64> = drawn.iter().map(|(now, due)| due.duration_since(*now).as_secs_f64()).collect();
        lags.sort_by(f64::total_cmp);
        assert!((0.9..1.1).contains(&lags[1000]), "median {}", lags[1000]);
        assert!(lags[2000] > 5.0);
    }
}
