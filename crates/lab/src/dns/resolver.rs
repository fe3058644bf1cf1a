use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hickory_proto::op::{LowerQuery, Message, Query, ResponseCode};
use hickory_proto::rr::{LowerName, RData, Record, RecordType};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use super::{Answer, Answerer, Zone, rotate};
use crate::topology;
use crate::truth::Truth;
use gameday_core::model::{Clock, RegionRole};
use gameday_protocols::net;

/// For one question to one server; real time, since both are on this host.
const UPSTREAM: Duration = Duration::from_millis(500);
/// How often each server is asked before the resolver gives up.
const ROUNDS: usize = 2;

/// A caching resolver that knows one zone.
#[derive(Debug)]
pub(crate) struct Resolver {
    zone: Arc<Zone>,
    upstream: Vec<SocketAddr>,
    clock: Clock,
    truth: Arc<Truth>,
    cache: Mutex<Cache>,
    turn: AtomicUsize,
}

#[derive(Debug, Default)]
struct Cache {
    entries: HashMap<(LowerName, RecordType), Cached>,
    /// What the failover record led to at last.
    role: Option<RegionRole>,
}

#[derive(Debug)]
struct Cached {
    answer: Answer,
    since: Timestamp,
    ttl_s: u32,
}

impl Cached {
    /// When it runs out.
    fn expires(&self) -> Timestamp {
        self.since.saturating_add(SignedDuration::from_secs(i64::from(self.ttl_s))).unwrap_or(Timestamp::MAX)
    }

    /// The answer as it is to be given at `now`: TTLs count down and are rounded down to whole seconds; `None` once one has run out.
    fn at(&self, now: Timestamp) -> Option<Answer> {
        let age = now.duration_since(self.since);
        if age >= SignedDuration::from_secs(i64::from(self.ttl_s)) {
            return None;
        }
        let mut answer = self.answer.clone();
        for record in answer.answers.iter_mut().chain(&mut answer.soa) {
            let left = SignedDuration::from_secs(i64::from(record.ttl)) - age;
            record.ttl = u32::try_from(left.as_secs()).unwrap_or(0);
        }
        Some(answer)
    }
}

/// How long an answer may be kept: its records' TTL, or for "not there" the smaller of the SOA's TTL and minimum (RFC 2308).
fn ttl_s(answer: &Answer) -> u32 {
    let negative = answer.soa.iter().map(|record| match &record.data {
        RData::SOA(soa) => record.ttl.min(soa.minimum),
        _ => record.ttl,
    });
    answer.answers.iter().map(|record| record.ttl).chain(negative).min().unwrap_or(0)
}

impl Resolver {
    /// Asks `upstream` about the zone and nobody about anything else.
    pub(crate) fn new(zone: Arc<Zone>, upstream: Vec<SocketAddr>, clock: Clock, truth: Arc<Truth>) -> Self {
        Self { zone, upstream, clock, truth, cache: Mutex::default(), turn: AtomicUsize::new(0) }
    }

    /// Asks the authoritative servers, a different one first each time.
    async fn fetch(&self, query: &Query) -> Option<Answer> {
        let first = self.turn.load(Ordering::Relaxed);
        for attempt in 0..ROUNDS * self.upstream.len() {
            let server = self.upstream.get((first + attempt) % self.upstream.len())?;
            match tokio::time::timeout(UPSTREAM, exchange(*server, query)).await {
                Ok(Ok(answer)) => return Some(answer),
                Ok(Err(error)) => tracing::debug!(%error, %server, "upstream"),
                Err(_) => tracing::debug!(%server, "upstream timed out"),
            }
        }
        None
    }

    /// Notes where the failover record leads, at the moment from which whoever had asked would have been told so: nobody need ask just then. `expired` is
    /// when what was kept ran out.
    fn note(&self, cache: &mut Cache, query: &LowerQuery, answer: &Answer, expired: Option<Timestamp>) {
        if query.query_type() != RecordType::A || query.name().to_string().trim_end_matches('.') != topology::FRONT_DOOR
        {
            return;
        }
        let address = answer.answers.iter().find_map(|record| record.data.ip_addr());
        let mut roles = [RegionRole::Primary, RegionRole::Replica].into_iter();
        let role = roles.find(|role| address.is_some_and(|address| topology::front_doors(*role).contains(&address)));
        if role.is_some() && role != cache.role {
            cache.role = role;
            self.truth.leads_to(role.unwrap_or_default(), expired, self.clock.now());
        }
    }

    async fn look_up(&self, query: &LowerQuery) -> Answer {
        let key = (query.name().clone(), query.query_type());
        // Held across the fetch: whoever asks for the same name meanwhile gets the same answer, and one question goes out.
        let mut cache = self.cache.lock().await;
        if let Some(answer) = cache.entries.get(&key).and_then(|cached| cached.at(self.clock.now())) {
            return answer;
        }
        let expired = cache.entries.get(&key).map(Cached::expires);
        let Some(answer) = self.fetch(query.original()).await else {
            return Answer::code(ResponseCode::ServFail);
        };
        let since = self.clock.now();
        self.note(&mut cache, query, &answer, expired);
        let cached = Cached { ttl_s: ttl_s(&answer), answer: answer.clone(), since };
        if cached.ttl_s > 0 && matches!(answer.code, ResponseCode::NoError | ResponseCode::NXDomain) {
            cache.entries.insert(key, cached);
        } else {
            cache.entries.remove(&key);
        }
        answer
    }
}

impl Answerer for Resolver {
    const AUTHORITATIVE: bool = false;

    async fn answer(&self, query: &LowerQuery) -> Answer {
        if !self.zone.holds(query.name()) {
            return Answer::code(ResponseCode::Refused);
        }
        let mut answer = self.look_up(query).await;
        rotate(&mut answer.answers, self.turn.fetch_add(1, Ordering::Relaxed));
        answer
    }
}

/// One question over UDP. Foreign datagrams are ignored.
async fn exchange(server: SocketAddr, query: &Query) -> std::io::Result<Answer> {
    let mut message = Message::query();
    message.add_query(query.clone());
    let question = message.to_vec().map_err(std::io::Error::other)?;
    let socket = net::bind_udp(SocketAddr::new(topology::RESOLVER_ADDRESS, 0)).await?;
    socket.send_to(&question, server).await?;
    let mut buffer = [0; 4096];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await?;
        let Ok(answer) = Message::from_vec(&buffer[..length]) else { continue };
        if from == server && answer.metadata.id == message.metadata.id && answer.queries.first() == Some(query) {
            let is_soa = |record: &Record| record.record_type() == RecordType::SOA;
            let soa = if answer.answers.is_empty() {
                answer.authorities.into_iter().filter(is_soa).collect()
            } else {
                Vec::new()
            };
            return Ok(Answer { code: answer.metadata.response_code, answers: answer.answers, soa });
        }
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::rr::Name;
    use hickory_proto::rr::rdata::A;

    use super::*;

    #[test]
    fn ttls_count_down_round_down_and_run_out() {
        let record = Record::from_rdata(Name::root(), 60, RData::A(A::new(127, 0, 1, 10)));
        let answer = Answer { code: ResponseCode::NoError, answers: vec![record], soa: Vec::new() };
        let since = Timestamp::UNIX_EPOCH;
        let cached = Cached { ttl_s: ttl_s(&answer), answer, since };
        let ttl_after = |ms| cached.at(since + SignedDuration::from_millis(ms)).map(|answer| answer.answers[0].ttl);
        assert_eq!(ttl_after(0), Some(60));
        assert_eq!(ttl_after(1), Some(59));
        assert_eq!(ttl_after(59_500), Some(0));
        assert_eq!(ttl_after(60_000), None);
    }
}
