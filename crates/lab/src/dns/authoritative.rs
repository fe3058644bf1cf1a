use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hickory_proto::op::LowerQuery;
use rand::RngExt;

use super::{Answer, Answerer, Zone, rotate};
use crate::estate::routing::Routing;
use crate::health::HealthCheck;
use crate::truth::{Fact, Truth};
use gameday_core::model::{Clock, RegionRole, Seed};
use gameday_protocols::timer::Timer as _;

/// How long an authoritative server takes to hear of a flip, in scenario time: "a moment" (DOMAIN.md), spread so that servers disagree.
const HEARS_AFTER: std::ops::Range<f64> = 0.1..1.0;

/// What each authoritative server gives for the failover record.
#[derive(Debug)]
pub(crate) struct Views {
    given: Mutex<Vec<RegionRole>>,
    routing: Routing,
    truth: Arc<Truth>,
    clock: Clock,
}

impl Views {
    /// For that many servers, all of which give what the record gives while the health check says `healthy`.
    pub(crate) fn new(servers: usize, routing: Routing, healthy: bool, truth: Arc<Truth>, clock: Clock) -> Self {
        Self { given: Mutex::new(vec![routing.given(healthy); servers]), routing, truth, clock }
    }

    fn get(&self, server: usize) -> RegionRole {
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.get(server).copied().unwrap_or_default()
    }

    fn set(&self, server: usize, role: RegionRole) {
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let before = given.clone();
        if let Some(known) = given.get_mut(server) {
            *known = role;
        }
        if *given != before && given.iter().all(|known| *known == role) {
            self.truth.note(Fact::Authoritative(role), self.clock.now());
        }
    }

    /// Has one server follow the health check, each flip a moment later. Runs until dropped.
    pub(crate) async fn follow(self: Arc<Self>, server: usize, check: Arc<HealthCheck>, seed: Seed) {
        if self.routing.is_stale(server) {
            return;
        }
        let mut random = seed.stream(&format!("authoritative-{server}"));
        let mut health = check.subscribe();
        while health.changed().await.is_ok() {
            let healthy = *health.borrow_and_update();
            self.clock.sleep(Duration::from_secs_f64(random.random_range(HEARS_AFTER))).await;
            self.set(server, self.routing.given(healthy));
        }
    }
}

/// One authoritative server.
#[derive(Debug)]
pub(crate) struct Authoritative {
    zone: Arc<Zone>,
    views: Arc<Views>,
    server: usize,
    turn: AtomicUsize,
}

impl Authoritative {
    /// The server with that number.
    pub(crate) fn new(zone: Arc<Zone>, views: Arc<Views>, server: usize) -> Self {
        Self { zone, views, server, turn: AtomicUsize::new(0) }
    }
}

impl Answerer for Authoritative {
    const AUTHORITATIVE: bool = true;

    async fn answer(&self, query: &LowerQuery) -> Answer {
        let stale = self.views.routing.is_stale(self.server);
        let role = if stale { RegionRole::Primary } else { self.views.get(self.server) };
        let mut answer = self.zone.answer(query.name(), query.query_type(), role);
        if stale {
            answer.answers.truncate(1);
        }
        rotate(&mut answer.answers, self.turn.fetch_add(1, Ordering::Relaxed));
        answer
    }
}
