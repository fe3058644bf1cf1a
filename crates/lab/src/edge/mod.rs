//! The front doors, and the blackhole in front of them.
//!
//! A denied packet vanishes: new connections hang as they do when a SYN is dropped, open ones stall without FIN or RST, and both go on by
//! themselves when the rule goes. Linux drops the SYNs for us when a listening socket's accept queue is full, so a front door that nobody
//! may reach shortens its queue to nothing and fills it with one connection of its own. Each network interface listens on one address for
//! the users, on one for health checkers and on one for authorizers, so that each can be shut alone.

mod gate;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use futures::FutureExt;
use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use self::gate::Connections;
use super::acl::Flow;
use super::http;
use super::topology;
use super::truth::{Fact, Truth};
use super::world::World;
use gameday_core::model::Clock;
use gameday_protocols::net::{self, TcpListener, TcpStream};

/// Room in the accept queue of a front door that packets reach.
pub(crate) const OPEN_BACKLOG: u32 = 1024;
/// A connection over loopback opens at once or, with the queue full, never; real time.
const FILLING: Duration = Duration::from_millis(20);

/// Notes when every front door of the primary is shut to the users, and when all are open again.
#[derive(Debug)]
pub(crate) struct Paths {
    state: Mutex<PathState>,
    truth: Arc<Truth>,
}

#[derive(Debug)]
struct PathState {
    shut: Vec<bool>,
    down: bool,
    /// When the last door acted.
    latest: Timestamp,
}

impl Paths {
    /// For that many front doors, all open.
    pub(crate) fn new(doors: usize, truth: Arc<Truth>) -> Self {
        Self { state: Mutex::new(PathState { shut: vec![false; doors], down: false, latest: Timestamp::MIN }), truth }
    }

    /// Says that one front door is now open or shut.
    fn set(&self, door: usize, shut: bool, at: Timestamp) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = state.shut.get_mut(door).filter(|known| **known != shut) {
            *known = shut;
            // Doors may tell later than they acted: the last to act decides.
            state.latest = state.latest.max(at);
        }
        let at = state.latest;
        let all = |wanted: bool| state.shut.iter().all(|known| *known == wanted);
        if !state.down && all(true) {
            state.down = true;
            self.truth.note(Fact::PathsDown, at);
        } else if state.down && all(false) {
            state.down = false;
            self.truth.note(Fact::PathsUp, at);
        }
    }
}

/// Whom an address of a front door is for: it is shut when none of them gets in.
#[derive(Debug, Clone)]
pub(crate) enum Callers {
    /// The synthetic users, and where to say that their path is shut, with this door's number there.
    Users(Option<(Arc<Paths>, usize)>),
    /// Health checkers at these addresses, and whoever a rule names.
    Checkers(Vec<IpAddr>),
    /// Authorizers at these addresses, who fetch keys.
    Authorizers(Vec<IpAddr>),
}

/// One address of a network interface that serves HTTPS.
pub(crate) struct HttpsEndpoint {
    pub listener: TcpListener,
    /// Where that is.
    pub at: SocketAddr,
    /// What decides about packets.
    pub world: Arc<World>,
    pub tls: TlsAcceptor,
    /// What it serves.
    pub router: Router,
    /// Who calls here.
    pub callers: Callers,
    /// Stamps when packets begin to vanish, and to pass.
    pub clock: Clock,
}

impl HttpsEndpoint {
    /// Serves until dropped.
    pub(crate) async fn serve(self) {
        let connections = Arc::new(Connections::default());
        let mut serving = JoinSet::new();
        let mut changed = self.world.subscribe();
        let mut filler: Option<Filler> = None;
        loop {
            changed.mark_unchanged();
            let shut = self.apply(&connections);
            let mut at = self.clock.now();
            match (&filler, shut) {
                (None, true) => {
                    let (own, full) = self.shut(&connections, &mut serving).await;
                    filler = Some(own);
                    at = full;
                }
                (Some(_), false) => {
                    if let Err(error) = net::set_backlog(&self.listener, OPEN_BACKLOG) {
                        tracing::error!(%error, at = %self.at, "cannot open the endpoint");
                    }
                    at = self.clock.now();
                    filler = None;
                }
                _ => {}
            }
            if let Callers::Users(Some((paths, door))) = &self.callers {
                paths.set(*door, shut, at);
            }
            self.accept_until_change(&mut changed, &connections, &mut serving, shut).await;
        }
    }

    async fn accept_until_change(
        &self,
        changed: &mut tokio::sync::watch::Receiver<u64>,
        connections: &Arc<Connections>,
        serving: &mut JoinSet<()>,
        shut: bool,
    ) {
        loop {
            tokio::select! {
                biased;
                // The world outlives its front doors, so this cannot end in a closed channel.
                _ = changed.changed() => return,
                accepted = self.listener.accept(), if !shut => match accepted {
                    Ok((tcp, client)) => self.take(tcp, client, connections, serving),
                    Err(error) => {
                        tracing::warn!(%error, "accept");
                        http::rest_after_accept_error().await;
                    }
                },
                Some(_) = serving.join_next(), if !serving.is_empty() => {}
            }
        }
    }

    /// Stalls or releases open connections, and tells by one and the same state whether new ones vanish.
    fn apply(&self, connections: &Connections) -> bool {
        self.world.read(|network| {
            connections.apply(network);
            match &self.callers {
                Callers::Users(_) => !network.admits_some(topology::USERS_ADDRESS, self.at),
                Callers::Authorizers(known) => !known.iter().any(|source| network.admits_some(*source, self.at)),
                Callers::Checkers(known) => {
                    let named = network.named_sources(self.at.ip());
                    // Nothing but loopback can reach a lab's front door.
                    let mut sources = known.iter().copied().chain(named.into_iter().filter(IpAddr::is_loopback));
                    !sources.any(|source| network.admits_some(source, self.at))
                }
            }
        })
    }

    fn take(&self, tcp: TcpStream, client: SocketAddr, connections: &Arc<Connections>, serving: &mut JoinSet<()>) {
        if client.ip() == topology::FILLER_ADDRESS {
            return;
        }
        drop(tcp.set_nodelay(true));
        let flow = Flow { client, server: self.at };
        let stream = self.world.read(|network| connections.add(tcp, flow, network));
        let (tls, router) = (self.tls.clone(), self.router.clone());
        serving.spawn(async move {
            if let Ok(stream) = tls.accept(stream).await {
                http::serve_stream(stream, router).await;
            }
        });
    }

    /// Makes the kernel drop every further SYN.
    async fn shut(&self, connections: &Arc<Connections>, serving: &mut JoinSet<()>) -> (Filler, Timestamp) {
        if let Err(error) = net::set_backlog(&self.listener, 0) {
            tracing::error!(%error, at = %self.at, "cannot close the endpoint");
        }
        // Whoever was in the queue connected before the cut; its packets vanish from here on.
        while let Some(Ok((tcp, client))) = self.listener.accept().now_or_never() {
            self.take(tcp, client, connections, serving);
        }
        let mut filling = Box::pin(net::connect_from(topology::FILLER_ADDRESS, self.at));
        // On loopback the first poll carries the whole handshake. Either the filler has the queue's one place now, or
        // somebody else was quicker: full it is, and nothing is gained by waiting for more.
        let first = futures::poll!(&mut filling);
        let at = self.clock.now();
        let waits = match first {
            std::task::Poll::Ready(Ok(stream)) => Some(stream),
            _ => tokio::time::timeout(FILLING, filling).await.ok().and_then(Result::ok),
        };
        (Filler { _waits: waits }, at)
    }
}

/// Keeps an accept queue full.
struct Filler {
    _waits: Option<TcpStream>,
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::acl::{ALL_PROTOCOLS, Action, Cidr, Entry};
    use crate::certificate;
    use gameday_core::model::{RegionRole, Seed};

    fn deny(world: &World, on: bool) {
        let egress = false;
        let done: Result<(), Infallible> = world.change(|state| {
            let acl = &mut state.acls[0];
            acl.entries.retain(|entry| entry.rule_number != 1);
            if on {
                let (cidr, action) = (Cidr::ANY_V4, Action::Deny);
                acl.entries.push(Entry {
                    rule_number: 1,
                    egress,
                    cidr,
                    protocol: ALL_PROTOCOLS,
                    action,
                    ports: None,
                    icmp: None,
                });
            }
            Ok(())
        });
        done.unwrap();
    }

    fn revoke_groups(world: &World) {
        let done: Result<(), Infallible> = world.change(|state| {
            state.groups.iter_mut().for_each(|group| group.rules.clear());
            Ok(())
        });
        done.unwrap();
    }

    /// The primary's first front door, with a page that counts its visits.
    fn door() -> (SocketAddr, Arc<World>, Arc<Truth>, Arc<AtomicUsize>, JoinSet<()>, tokio_rustls::TlsConnector) {
        let address = topology::front_doors(RegionRole::Primary)[0];
        let listener = net::listen(SocketAddr::new(address, 0), OPEN_BACKLOG).unwrap();
        let at = listener.local_addr().unwrap();
        let world = Arc::new(World::new(Seed(1), at.port()));
        let certificate = certificate::make(&[topology::FRONT_DOOR], &[], None).unwrap();
        let visits = Arc::new(AtomicUsize::new(0));
        let counted = visits.clone();
        let page = axum::routing::get(move || async move { counted.fetch_add(1, Ordering::SeqCst).to_string() });
        let truth = Arc::new(Truth::default());
        let callers = Callers::Users(Some((Arc::new(Paths::new(1, truth.clone())), 0)));
        let (tls, router) = (certificate.acceptor, Router::new().route("/", page));
        let door = HttpsEndpoint { listener, at, world: world.clone(), tls, router, callers, clock: Clock::start(1.0) };
        let mut tasks = JoinSet::new();
        tasks.spawn(door.serve());
        (at, world, truth, visits, tasks, net::client_tls(Some(&certificate.trust_root_pem)).unwrap())
    }

    async fn connect(tls: &tokio_rustls::TlsConnector, at: SocketAddr) -> tokio_rustls::client::TlsStream<TcpStream> {
        let name = net::server_name(topology::FRONT_DOOR).unwrap();
        tls.connect(name, net::connect(at).await.unwrap()).await.unwrap()
    }

    async fn get(stream: &mut tokio_rustls::client::TlsStream<TcpStream>) -> String {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut buffer = [0; 1024];
        let length = stream.read(&mut buffer).await.unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    async fn shut(truth: &Truth) {
        while truth.report(None).milestones.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn what_a_client_sent_before_it_gave_up_is_never_served() {
        let (at, world, truth, visits, _tasks, tls) = door();
        let mut gives_up = connect(&tls, at).await;
        assert!(get(&mut gives_up).await.starts_with("HTTP/1.1 200"));
        deny(&world, true);
        shut(&truth).await;
        gives_up.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        drop(gives_up);
        tokio::time::sleep(Duration::from_millis(50)).await;
        deny(&world, false);
        assert!(get(&mut connect(&tls, at).await).await.starts_with("HTTP/1.1 200"));
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(visits.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_security_group_stops_new_connections_and_leaves_tracked_ones_alone() {
        let (at, world, truth, _, _tasks, tls) = door();
        let mut tracked = connect(&tls, at).await;
        assert!(get(&mut tracked).await.starts_with("HTTP/1.1 200"));
        revoke_groups(&world);
        shut(&truth).await;
        assert!(get(&mut tracked).await.starts_with("HTTP/1.1 200"));
        assert!(tokio::time::timeout(Duration::from_millis(100), net::connect(at)).await.is_err());
    }
}
