//! The person who moves the record where no health check does: inverts it when no front door of the primary lets users in, and
//! takes that back.

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha12Rng;

use super::health::HealthCheck;
use super::topology;
use super::world::World;
use gameday_core::model::{Clock, RegionRole};
use gameday_protocols::timer::Timer as _;

/// From the outage to the inversion, in minutes of scenario time: what of the article's "30-60 min (manual process)" is not the resolvers'.
/// That every moment of it is as likely is our own choice.
const TO_REPLICA_MIN: Range<f64> = 30.0..58.0;
/// From the heal to the way back, in minutes: our own choice, since the person sits there already.
const TO_PRIMARY_MIN: Range<f64> = 5.0..15.0;

/// Sits there until the lab ends.
pub(crate) async fn work(clock: Clock, world: Arc<World>, health: Arc<HealthCheck>, mut random: ChaCha12Rng) {
    let mut changes = world.subscribe();
    let port = health.options().addresses.first().map_or(443, SocketAddr::port);
    let serves = || {
        let doors = topology::front_doors(RegionRole::Primary).map(|door| SocketAddr::new(door, port));
        world.read(|state| doors.iter().any(|door| state.admits_some(topology::USERS_ADDRESS, *door)))
    };
    loop {
        for (serving, after) in [(false, TO_REPLICA_MIN), (true, TO_PRIMARY_MIN)] {
            while serves() != serving {
                if changes.changed().await.is_err() {
                    return;
                }
            }
            clock.sleep(Duration::from_secs_f64(60.0 * random.random_range(after))).await;
            // By then it may be over: nothing is moved in either case.
            health.update(None, |settings| settings.inverted = !serves() && (settings.inverted || !serving));
        }
    }
}
