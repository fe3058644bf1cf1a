use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, RwLock};

use axum::Router;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use jsonwebtoken::jwk::JwkSet;
use rand::Rng;
use tokio::task::JoinSet;

use super::api::sigv4::Keys;
use super::api::{self, Control};
use super::authorizers;
use super::certificate::{self, Certificate};
use super::dns::{self, Authoritative, Resolver, Views, Zone};
use super::edge::{Callers, HttpsEndpoint, OPEN_BACKLOG, Paths};
use super::estate::AccountFixture;
use super::health::{HealthCheck, HealthOptions};
use super::http;
use super::identity::{Identity, IdentityOptions, ManagedLogin, Signer, Upstream, provider_callback};
use super::idp::{self, Provider};
use super::services::Services;
use super::sockets::at_same_port;
use super::topology;
use super::truth::Truth;
use super::world::World;
use super::{Lab, LabError, LabOptions, operator, web};
use gameday_core::env::{HealthTarget, Strategy};
use gameday_core::model::{AccountId, Region, RegionRole, Secret};
use gameday_protocols::net;
use gameday_protocols::timer;

/// The lab's access key; its secret comes from the seed.
const ACCESS_KEY: &str = "AKIDGAMEDAYLAB000000";
/// For listeners that nothing ever shuts.
const BACKLOG: u32 = 1024;

/// Where a running lab listens.
#[derive(Debug, Clone)]
pub(crate) struct Ports {
    /// Of every front door.
    pub front_door: u16,
    /// Of the authoritative servers.
    pub authoritative: u16,
    /// Of the resolver.
    pub resolver: u16,
    /// Of the control planes, primary first.
    pub control: [u16; 2],
    /// Of the identity provider.
    pub identity_provider: u16,
}

fn bind_error(what: &'static str) -> impl Fn(io::Error) -> LabError {
    move |source| LabError::Bind { what, source }
}

/// Starts everything in the order in which it depends on each other.
pub(crate) async fn start(options: LabOptions) -> Result<Lab, LabError> {
    if let Some(longest) = options.settings.latency_max
        && !net::set_longest_latency(longest.0)
    {
        return Err(LabError::Latency);
    }
    let truth = Arc::new(Truth::default());
    let keys = Keys::new(ACCESS_KEY, secret_key(&options));
    let estate = Arc::new(AccountFixture::of(&options.settings, options.seed).map_err(LabError::Estate)?);
    // Boxed: its future would make every future around it large.
    let identity = Box::pin(start_identity(&options, &truth, &keys, &estate));
    let (identity, signer) = tokio::join!(identity, provider_signer());
    let (identity, signer) = (identity?, signer?);
    let certificate = make_certificate(&options, &estate)?;
    let mut tasks = JoinSet::new();

    let (front_door, world) = open_front_doors(&options, &truth, &identity, &certificate, &estate, &mut tasks).await?;
    identity.authorize(authorizers::start(&options, &identity, &certificate, front_door).await?);
    let identity_provider =
        open_identity_provider(&options, &identity, &certificate, signer, front_door, &mut tasks).await?;
    let health = start_health_check(&options, &estate, &truth, &certificate, front_door, &mut tasks)?;
    if options.settings.strategy == Strategy::ManualSync {
        let random = options.seed.stream("operator");
        tasks.spawn(operator::work(options.clock, Arc::clone(&world), Arc::clone(&health), random));
    }
    let names = start_dns(&options, &estate, &truth, &health, &mut tasks).await?;
    let zone = &names.zone;
    let behind = Behind { keys: &keys, world: &world, zone, health: &health, truth: &truth, identity: &identity };
    let control = open_control_planes(&options, &estate, &behind, &mut tasks)?;

    let ports =
        Ports { front_door, authoritative: names.authoritative, resolver: names.resolver, control, identity_provider };
    let trust_root_pem = certificate.trust_root_pem;
    Ok(Lab { options, ports, keys, identity, world, truth, trust_root_pem, tasks, _dns: names.servers })
}

fn secret_key(options: &LabOptions) -> Secret {
    let mut bytes = [0; 20];
    options.seed.stream("secret-key").fill_bytes(&mut bytes);
    Secret::new(bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}")))
}

async fn start_identity(
    options: &LabOptions,
    truth: &Arc<Truth>,
    keys: &Keys,
    estate: &Arc<AccountFixture>,
) -> Result<Arc<Identity>, LabError> {
    let identity = IdentityOptions {
        settings: options.settings.clone(),
        primary: Region::from(topology::region(RegionRole::Primary)),
        replica: Region::from(topology::region(RegionRole::Replica)),
        account: AccountId::from(topology::ACCOUNT),
        clock: options.clock,
        seed: options.seed,
        truth: truth.clone(),
        keys: keys.clone(),
        estate: estate.clone(),
    };
    Identity::start(identity).await.map_err(LabError::Identity)
}

/// The identity provider's key, which takes a while to make.
async fn provider_signer() -> Result<Signer, LabError> {
    let made = timer::compute(Signer::generate).await;
    made.unwrap_or_else(|error| Err(error.to_string())).map_err(LabError::Provider)
}

fn make_certificate(options: &LabOptions, estate: &AccountFixture) -> Result<Certificate, LabError> {
    let names = [topology::FRONT_DOOR, "*.auth.gameday.test", topology::STATUS_NAME, topology::IDENTITY_PROVIDER_NAME];
    let addresses: Vec<_> = RegionRole::ALL.into_iter().flat_map(doors).map(|(address, _)| address).collect();
    let days = estate.routing.certificate_days;
    let ends = days
        .and_then(|days| options.clock.wall_now().checked_add(SignedDuration::from_hours(24 * i64::from(days))).ok());
    certificate::make(&names, &addresses, ends.map(|ends| TimeZone::UTC.to_datetime(ends).date()))
}

/// Whom an address of a front door is for.
#[derive(Debug, Clone, Copy)]
enum For {
    /// The users; with its number.
    Users(usize),
    Checkers,
    Authorizers,
}

/// Every address of a Region's front doors.
fn doors(role: RegionRole) -> impl Iterator<Item = (IpAddr, For)> {
    let users = topology::front_doors(role).into_iter().enumerate().map(|(number, door)| (door, For::Users(number)));
    let checked = topology::checked_doors(role).map(|door| (door, For::Checkers));
    users.chain(checked).chain(topology::key_doors(role).map(|door| (door, For::Authorizers)))
}

async fn open_front_doors(
    options: &LabOptions,
    truth: &Arc<Truth>,
    identity: &Arc<Identity>,
    certificate: &Certificate,
    estate: &AccountFixture,
    tasks: &mut JoinSet<()>,
) -> Result<(u16, Arc<World>), LabError> {
    let addresses: Vec<_> = RegionRole::ALL.into_iter().flat_map(doors).map(|(address, _)| address).collect();
    let opened = at_same_port(&addresses, async |at| net::listen(at, OPEN_BACKLOG)).await;
    let (port, listeners) = opened.map_err(bind_error("the endpoints"))?;
    let world = World::new(options.seed, port);
    let world = Arc::new(if options.settings.load_balancers { world.with_load_balancers() } else { world });
    let checkers: Vec<_> = (0..options.settings.checkers).map(topology::checker_address).collect();
    let paths = Arc::new(Paths::new(topology::front_doors(RegionRole::Primary).len(), truth.clone()));
    let mut listeners = listeners.into_iter();
    for role in RegionRole::ALL {
        let router = identity.data_plane(role);
        let old = estate.governance.tls_12.iter().any(|region| region == topology::region(role));
        let tls = if old { &certificate.acceptor_12 } else { &certificate.acceptor };
        for ((address, whom), listener) in doors(role).zip(&mut listeners) {
            let callers = match whom {
                For::Users(number) => Callers::Users((role == RegionRole::Primary).then(|| (paths.clone(), number))),
                For::Checkers => Callers::Checkers(checkers.clone()),
                For::Authorizers => Callers::Authorizers(RegionRole::ALL.map(topology::authorizer).to_vec()),
            };
            let door = HttpsEndpoint {
                clock: options.clock,
                listener,
                at: SocketAddr::new(address, port),
                world: world.clone(),
                tls: tls.clone(),
                router: router.clone(),
                callers,
            };
            tasks.spawn(door.serve());
        }
    }
    Ok((port, world))
}

/// Opens the identity provider, whose one client is the user pool; gives its port.
async fn open_identity_provider(
    options: &LabOptions,
    identity: &Arc<Identity>,
    certificate: &Certificate,
    signer: Signer,
    front_door: u16,
    tasks: &mut JoinSet<()>,
) -> Result<u16, LabError> {
    let opened = at_same_port(&[topology::IDENTITY_PROVIDER_ADDRESS], async |at| net::listen(at, BACKLOG)).await;
    let (port, listeners) = opened.map_err(bind_error("the identity provider"))?;
    let origin = format!("https://{}:{front_door}", topology::FRONT_DOOR);
    let issuer = format!("https://{}:{port}", topology::IDENTITY_PROVIDER_NAME);
    let client = idp::ProviderClient {
        id: identity.pool_id().to_owned(),
        secret: Secret::new(web::opaque()),
        redirect_uri: provider_callback(&origin),
    };
    let upstream = Upstream {
        issuer: issuer.clone(),
        address: SocketAddr::new(topology::IDENTITY_PROVIDER_ADDRESS, port),
        name: net::server_name(topology::IDENTITY_PROVIDER_NAME)?,
        tls: net::client_tls(Some(&certificate.trust_root_pem))?,
        client_id: client.id.clone(),
        client_secret: client.secret.clone(),
        keys: RwLock::new(JwkSet { keys: Vec::new() }),
    };
    let password = identity.password();
    let provider = idp::ProviderOptions { issuer, signer, client, password, clock: options.clock };
    let provider = Provider::new(provider).map_err(LabError::Provider)?;
    for listener in listeners {
        tasks.spawn(http::serve_listener(listener, Some(certificate.acceptor.clone()), provider.router()));
    }
    identity.open_managed_login(ManagedLogin { origin, port: front_door, provider: upstream });
    Ok(port)
}

fn start_health_check(
    options: &LabOptions,
    estate: &AccountFixture,
    truth: &Arc<Truth>,
    certificate: &Certificate,
    front_door: u16,
    tasks: &mut JoinSet<()>,
) -> Result<Arc<HealthCheck>, LabError> {
    let (name, addresses) = match options.settings.health_target {
        HealthTarget::FrontDoor => {
            let doors = topology::checked_doors(RegionRole::Primary);
            (topology::HEALTH_NAME, doors.map(|door| SocketAddr::new(door, front_door)).to_vec())
        }
        HealthTarget::Elsewhere => {
            // At the users' port: only the address is another one.
            let at = SocketAddr::new(topology::STATUS_ADDRESS, front_door);
            let listener = net::listen(at, BACKLOG).map_err(bind_error("the status page"))?;
            let page = Router::new().fallback(|| async { "up" });
            tasks.spawn(http::serve_listener(listener, Some(certificate.acceptor.clone()), page));
            (topology::STATUS_NAME, vec![at])
        }
    };
    let health = HealthOptions {
        checkers: options.settings.checkers,
        interval: options.settings.checker_interval.0,
        threshold: options.settings.failure_threshold,
        name: name.to_owned(),
        addresses,
        clock: options.clock,
        seed: options.seed,
        shape: estate.routing.health_check.clone().unwrap_or_default(),
        status: estate.routing.health_status(RegionRole::Primary),
    };
    Ok(HealthCheck::start(health, truth.clone(), tasks)?)
}

/// The DNS servers; dropped, they stop.
pub(crate) struct DnsServers {
    _authoritative: Vec<dns::Serving<Authoritative>>,
    _resolver: dns::Serving<Resolver>,
}

struct NameServers {
    zone: Arc<Zone>,
    authoritative: u16,
    resolver: u16,
    servers: DnsServers,
}

async fn start_dns(
    options: &LabOptions,
    estate: &AccountFixture,
    truth: &Arc<Truth>,
    health: &Arc<HealthCheck>,
    tasks: &mut JoinSet<()>,
) -> Result<NameServers, LabError> {
    let ttl_s = u32::try_from(options.settings.ttl.0.as_secs()).unwrap_or(u32::MAX);
    let routing = &estate.routing;
    let zone = Arc::new(Zone::new(ttl_s, routing));
    let servers = topology::AUTHORITATIVE_ADDRESSES.len();
    let views = Views::new(servers, routing.clone(), health.is_healthy(), truth.clone(), options.clock);
    let views = Arc::new(views);
    let bound = at_same_port(&topology::AUTHORITATIVE_ADDRESSES, dns::bind).await;
    let (authoritative, sockets) = bound.map_err(bind_error("the authoritative DNS servers"))?;
    let mut servers = Vec::new();
    for (number, sockets) in sockets.into_iter().enumerate() {
        let server = Authoritative::new(zone.clone(), views.clone(), number);
        servers.push(dns::serve(&Arc::new(server), vec![sockets]));
        tasks.spawn(views.clone().follow(number, health.clone(), options.seed));
    }
    let upstream = topology::AUTHORITATIVE_ADDRESSES.map(|address| SocketAddr::new(address, authoritative));
    let recursive = Resolver::new(zone.clone(), upstream.to_vec(), options.clock, truth.clone());
    let bound = at_same_port(&[topology::RESOLVER_ADDRESS], dns::bind).await;
    let (resolver, sockets) = bound.map_err(bind_error("the resolver"))?;
    let servers = DnsServers { _authoritative: servers, _resolver: dns::serve(&Arc::new(recursive), sockets) };
    Ok(NameServers { zone, authoritative, resolver, servers })
}

/// What the control planes tell of and change.
struct Behind<'a> {
    keys: &'a Keys,
    world: &'a Arc<World>,
    zone: &'a Arc<Zone>,
    health: &'a Arc<HealthCheck>,
    truth: &'a Arc<Truth>,
    identity: &'a Arc<Identity>,
}

fn open_control_planes(
    options: &LabOptions,
    estate: &Arc<AccountFixture>,
    behind: &Behind<'_>,
    tasks: &mut JoinSet<()>,
) -> Result<[u16; 2], LabError> {
    let Behind { keys, world, zone, health, truth, identity } = *behind;
    let mut ports = [0; 2];
    for (role, port) in RegionRole::ALL.into_iter().zip(&mut ports) {
        let failed = bind_error("the control plane");
        let listener = net::listen(SocketAddr::new(topology::CONTROL_ADDRESS, 0), BACKLOG).map_err(&failed)?;
        *port = listener.local_addr().map_err(&failed)?.port();
        let services = Services::new(identity.functions(role));
        let services = services.watched(estate, topology::region(role), options.clock.now());
        let control = Control {
            role,
            keys: keys.clone(),
            world: world.clone(),
            zone: zone.clone(),
            health: health.clone(),
            truth: truth.clone(),
            cognito: identity.control_plane(role),
            quotas: identity.quotas(role),
            web_acls: identity.web_acls(role),
            estate: estate.clone(),
            services: Arc::new(services),
            calls: api::Calls::default(),
            clock: options.clock,
            seed: options.seed,
        };
        let control = Arc::new(control);
        tasks.spawn(api::fire(control.clone()));
        tasks.spawn(http::serve_listener(listener, None, api::router(control)));
    }
    Ok(ports)
}
