//! A stub resolver (RFC 1034, 5.3.1) that caches as different clients do, and queries to a single server.
//!
//! How long users stay with a failed Region depends on what their clients do with a DNS answer. [`CachePolicy`] names four ways: a client
//! that asks each time, one that keeps to the TTL, one with a fixed time of its own (as a JVM's `networkaddress.cache.ttl`), and one that
//! never asks again. [`ClientCache`] is such a client; [`Server`] is what it asks, and caches nothing. [`Doors`] knows which addresses
//! belong to which Region.
//!
//! ```
//! use std::net::IpAddr;
//! use std::time::Duration;
//!
//! use gameday_core::model::{Clock, Seed};
//! use gameday_protocols::dns::{CachePolicy, ClientCache, DnsError, Server};
//! use gameday_protocols::net::{UdpSocket, bind_udp};
//! use gameday_protocols::timer::{Timer, block_on_virtual};
//!
//! # /// Answers each query with an A record of 60 s for as long as it lives: the header, the question, and a record that points at it.
//! # async fn answer(socket: UdpSocket) {
//! #     let mut query = [0; 512];
//! #     while let Ok((_, from)) = socket.recv_from(&mut query).await {
//! #         let name = query[12..].iter().position(|byte| *byte == 0).unwrap();
//! #         let mut answer = query[..12 + name + 5].to_vec();
//! #         answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
//! #         answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 10]);
//! #         socket.send_to(&answer, from).await.unwrap();
//! #     }
//! # }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! block_on_virtual(Seed(7), || async {
//!     let socket = bind_udp("127.0.0.53:53".parse()?).await?;
//!     let at = socket.local_addr()?;
//!     // `answer` gives 192.0.2.10 with a TTL of 60 s.
//!     let server = tokio::spawn(answer(socket));
//!
//!     let clock = Clock::start(1.0);
//!     let resolver = Server::at(at, true, Duration::from_secs(2))?;
//!     let client = ClientCache::new(CachePolicy::Ttl, vec![resolver], clock);
//!     let expected: IpAddr = "192.0.2.10".parse()?;
//!     assert_eq!(client.addresses("auth.example.com").await?, [expected]);
//!
//!     // The server goes away. The client does not notice before the TTL is over.
//!     server.abort();
//!     assert_eq!(client.addresses("auth.example.com").await?, [expected]);
//!     clock.sleep(Duration::from_secs(61)).await;
//!     assert!(matches!(client.addresses("auth.example.com").await, Err(DnsError::Lookup { .. })));
//!     Ok(())
//! })?
//! # }
//! ```

mod doors;
mod provider;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Mutex;
use std::time::Duration;

use hickory_proto::rr::{RData, RecordType};
use hickory_resolver::Resolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::system_conf::read_system_conf;
use jiff::{SignedDuration, Timestamp};

use crate::net::LocalFailure;
pub use doors::{Direct, Doors};
use gameday_core::model::Clock;
use provider::Sockets;

/// The answer to a query for addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The addresses, sorted.
    pub addresses: Vec<IpAddr>,
    /// The lowest TTL of the records, in seconds.
    pub ttl_s: u32,
}

/// Why a name did not resolve.
#[derive(Debug, thiserror::Error)]
pub enum DnsError {
    /// No resolver could be made: none is configured, or the host's configuration cannot be read.
    #[error("the system's resolver configuration cannot be read: {0}")]
    System(String),
    /// The server did not answer in time, refused, or has no address of that name.
    #[error("{name} asked of {server}: {reason}")]
    Lookup {
        /// The name that was asked for.
        name: String,
        /// The server's [label](Server::label).
        server: String,
        /// What the resolver library reports.
        reason: String,
    },
    /// This machine could not send the query, so that the failure says nothing about the server.
    #[error("{name} could not be asked of {server}: {failure}")]
    Local {
        /// The name that was to be asked for.
        name: String,
        /// The server's [label](Server::label).
        server: String,
        /// What this machine lacked.
        failure: LocalFailure,
    },
}

impl DnsError {
    /// What this machine lacked, if that is why the name did not resolve.
    pub fn local(&self) -> Option<LocalFailure> {
        match self {
            Self::Local { failure, .. } => Some(*failure),
            Self::System(_) | Self::Lookup { .. } => None,
        }
    }
}

/// Queries one server, or the system's resolvers, over UDP and then TCP. It caches nothing, and asks anew for each lookup, also for what is being
/// asked already: an answer is never older than its lookup.
#[derive(Clone)]
pub struct Server {
    label: String,
    config: ResolverConfig,
    options: ResolverOpts,
    sockets: Sockets,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("label", &self.label).finish_non_exhaustive()
    }
}

impl Server {
    /// One server. With `recursive`, queries have the RD bit (RFC 1035, 4.1.1); an authoritative server is asked without.
    /// `patience` is real time, for one try of two.
    ///
    /// # Errors
    /// [`DnsError::System`] when no resolver can be made.
    pub fn at(address: SocketAddr, recursive: bool, patience: Duration) -> Result<Self, DnsError> {
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
            connection.port = address.port();
            connection
        });
        let server = NameServerConfig::new(address.ip(), true, connections.into());
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
        Self::new(address.to_string(), config, plain(ResolverOpts::default(), recursive, patience))
    }

    /// The resolvers that this host is configured with.
    ///
    /// # Errors
    /// [`DnsError::System`], when their configuration cannot be read.
    pub fn system(patience: Duration) -> Result<Self, DnsError> {
        let (config, options) = read_system_conf().map_err(|error| DnsError::System(error.to_string()))?;
        Self::new("system resolver".to_owned(), config, plain(options, true, patience))
    }

    fn new(label: String, config: ResolverConfig, options: ResolverOpts) -> Result<Self, DnsError> {
        let server = Self { label, config, options, sockets: Sockets::default() };
        // What is wrong with the configuration comes out before the first lookup.
        server.resolver().map_err(|error| DnsError::System(error.to_string()))?;
        Ok(server)
    }

    /// For one lookup: of several at once a resolver sends one query, and gives its answer to all of them, whenever they began.
    fn resolver(&self) -> Result<Resolver<Sockets>, NetError> {
        let mut builder = Resolver::builder_with_config(self.config.clone(), self.sockets.clone());
        builder.options_mut().clone_from(&self.options);
        builder.build()
    }

    /// Its address, or `system resolver`.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The addresses of a name; an address is its own answer. IPv6 is asked for only where there is no IPv4.
    ///
    /// # Errors
    /// [`DnsError::Lookup`], or [`DnsError::Local`] where this machine could not ask.
    pub async fn addresses(&self, name: &str) -> Result<Answer, DnsError> {
        if let Ok(address) = name.parse::<IpAddr>() {
            return Ok(Answer { addresses: vec![address], ttl_s: u32::MAX });
        }
        let absolute = format!("{}.", name.trim_end_matches('.'));
        match self.lookup(&absolute, RecordType::A).await {
            Ok(answer) => Ok(answer),
            Err(local) if local.local().is_some() => Err(local),
            Err(first) => self.lookup(&absolute, RecordType::AAAA).await.map_err(|_| first),
        }
    }

    async fn lookup(&self, name: &str, kind: RecordType) -> Result<Answer, DnsError> {
        let fail = |reason: String| DnsError::Lookup { name: name.to_owned(), server: self.label.clone(), reason };
        let lacked = self.sockets.lacked();
        let resolver = self.resolver().map_err(|error| fail(error.to_string()))?;
        let lookup = resolver.lookup(name, kind).await.map_err(|error| match self.local(&error, lacked) {
            Some(failure) => DnsError::Local { name: name.to_owned(), server: self.label.clone(), failure },
            None => fail(error.to_string()),
        })?;
        let mut answer = Answer { addresses: Vec::new(), ttl_s: u32::MAX };
        for record in lookup.answers() {
            match &record.data {
                RData::A(address) => answer.addresses.push(IpAddr::V4(address.0)),
                RData::AAAA(address) => answer.addresses.push(IpAddr::V6(address.0)),
                RData::CNAME(_) => {}
                _ => continue,
            }
            answer.ttl_s = answer.ttl_s.min(record.ttl);
        }
        answer.addresses.sort();
        if answer.addresses.is_empty() { Err(fail("no address".to_owned())) } else { Ok(answer) }
    }

    /// What this machine lacked, where that is why a question failed that was asked when it had lacked something so often.
    fn local(&self, error: &NetError, lacked: u64) -> Option<LocalFailure> {
        match error {
            NetError::Io(error) => LocalFailure::of(error.as_ref()),
            // The pool of servers forgets the system's error, and has no connection then.
            NetError::NoConnections => self.sockets.lacked_since(lacked),
            _ => None,
        }
    }
}

fn plain(mut options: ResolverOpts, recursive: bool, patience: Duration) -> ResolverOpts {
    options.cache_size = 0;
    options.attempts = 2;
    options.timeout = patience;
    options.use_hosts_file = ResolveHosts::Never;
    options.recursion_desired = recursive;
    options.edns0 = true;
    options
}

/// How long a client keeps an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CachePolicy {
    /// Not at all: each connection asks.
    Nothing,
    /// For its TTL (RFC 1035, 3.2.1).
    Ttl,
    /// For this time, whatever the TTL.
    For(Duration),
    /// Until the process ends.
    Forever,
}

/// The DNS cache of one cohort of clients.
#[derive(Debug)]
pub struct ClientCache {
    keeping: CachePolicy,
    servers: Vec<Server>,
    clock: Clock,
    kept: Mutex<HashMap<String, (Vec<IpAddr>, Timestamp)>>,
}

impl ClientCache {
    /// An empty cache in front of resolvers, which are tried in order.
    pub fn new(keeping: CachePolicy, servers: Vec<Server>, clock: Clock) -> Self {
        Self { keeping, servers, clock, kept: Mutex::new(HashMap::new()) }
    }

    /// The addresses of a name, as a client of this cohort finds them.
    ///
    /// # Errors
    /// [`DnsError::Lookup`] or [`DnsError::Local`] when no resolver answers and nothing is kept.
    pub async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, DnsError> {
        let asked = self.clock.now();
        if let Some((addresses, until)) = self.lock().get(name)
            && *until > asked
        {
            return Ok(addresses.clone());
        }
        let mut failed = None;
        for server in &self.servers {
            match server.addresses(name).await {
                Ok(answer) => {
                    self.keep(name, &answer, asked);
                    return Ok(answer.addresses);
                }
                // What this machine could not ask may have been answered.
                Err(error) => failed = failed.filter(|known: &DnsError| known.local().is_some()).or(Some(error)),
            }
        }
        Err(failed.unwrap_or_else(|| DnsError::System("no resolver is configured".to_owned())))
    }

    fn keep(&self, name: &str, answer: &Answer, asked: Timestamp) {
        // Counted from before the question, so that a client never keeps an answer longer than its TTL.
        let until = match self.keeping {
            CachePolicy::Nothing => return,
            CachePolicy::Ttl => asked.saturating_add(SignedDuration::from_secs(answer.ttl_s.into())),
            CachePolicy::For(time) => {
                asked.saturating_add(SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX))
            }
            CachePolicy::Forever => Ok(Timestamp::MAX),
        };
        let until = until.unwrap_or(Timestamp::MAX);
        self.lock().insert(name.to_owned(), (answer.addresses.clone(), until));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, (Vec<IpAddr>, Timestamp)>> {
        self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::bind_udp;
    use crate::timer::{Timer as _, block_on_virtual};
    use gameday_core::model::Seed;

    /// An A record of `address` for the question of a query.
    fn answer(query: &[u8], address: [u8; 4]) -> Vec<u8> {
        let name = query[12..].iter().position(|byte| *byte == 0).unwrap();
        let mut answer = query[..12 + name + 5].to_vec();
        answer[2..12].copy_from_slice(&[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend(address);
        answer
    }

    #[test]
    fn a_lookup_does_not_take_the_answer_to_an_earlier_one() {
        block_on_virtual(Seed(7), || async {
            let socket = bind_udp("127.0.0.53:53".parse().unwrap()).await.unwrap();
            let at = socket.local_addr().unwrap();
            let clock = Clock::start(1.0);
            // The number of the query, one after the other.
            tokio::spawn(async move {
                let mut query = [0; 512];
                for number in 1.. {
                    let (_, from) = socket.recv_from(&mut query).await.unwrap();
                    clock.sleep(Duration::from_millis(300)).await;
                    socket.send_to(&answer(&query, [192, 0, 2, number]), from).await.unwrap();
                }
            });
            let server = Server::at(at, true, Duration::from_secs(2)).unwrap();
            let asked = async |after_ms| {
                clock.sleep(Duration::from_millis(after_ms)).await;
                server.addresses("auth.example.com").await.unwrap().addresses
            };
            let (one, other) = tokio::join!(asked(0), asked(100));
            assert_eq!((one, other), (vec![IpAddr::from([192, 0, 2, 1])], vec![IpAddr::from([192, 0, 2, 2])]));
        })
        .unwrap();
    }
}
