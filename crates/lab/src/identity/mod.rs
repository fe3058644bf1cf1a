//! The user pool of both Regions: directory, SRP server, tokens, replication, and an API that they protect.
//!
//! The primary takes writes; the replica has a copy that lags behind, signs users in, and refuses writes. Refresh
//! tokens are replicated both ways, so that a session outlives failover and failback.

mod access;
mod admin;
pub(crate) mod api;
mod auth;
mod authorizer;
mod clients;
mod directory;
mod filter;
mod front_door;
mod groups;
mod mfa;
mod oauth;
mod password;
mod pending;
mod pool;
pub(crate) mod quota;
mod replication;
mod seeding;
mod session;
mod sign_out;
mod sign_up;
mod signer;
mod srp;
mod tags;
#[cfg(test)]
mod tests;
mod trigger;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use http::request::Parts;
use jiff::Timestamp;

use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use self::auth::PendingChallenge;
pub(crate) use self::authorizer::Authorizer;
pub(crate) use self::clients::{AppClient, IDENTITY_PROVIDER};
use self::directory::{Change, Directory};
pub(crate) use self::oauth::{ManagedLogin, Upstream, provider_callback};
use self::password::{CODE_VALIDITY, Purpose};
pub(crate) use self::pending::Pending;
use self::quota::Quotas;
use self::replication::{ReplicationLink, Way, replicate};
pub(crate) use self::seeding::Population;
use self::seeding::Seeding;
pub(crate) use self::signer::Signer;
use self::srp::SrpChallenge;
use self::trigger::Hooks;
use super::api::sigv4;
use super::estate::AccountFixture;
use super::estate::cognito::UserPool;
use super::ids;
use super::services::Functions;
use super::services::web_acls::WebAcls;
use super::topology;
use super::truth::Truth;
use gameday_core::env::{Canary, Issuer, LabSettings};
use gameday_core::model::Draw;
use gameday_core::model::{AccountId, Clock, Region, RegionRole, Secret, Seed};
use gameday_protocols::timer;
use gameday_protocols::tokens::{Fetch, JwksCache, Source};

/// How long a challenge may be answered (Cognito's default `AuthSessionValidity`: 3 min).
const CHALLENGE_VALIDITY: Duration = Duration::from_mins(3);

/// How long after its issue the first use of a token counts as the end of a sign-in; our own choice.
const FIRST_USE: Duration = Duration::from_mins(10);

/// What the identity plane is made from.
#[derive(Debug)]
pub(crate) struct IdentityOptions {
    /// Users, lag, what is broken.
    pub settings: LabSettings,
    /// The Region that takes writes.
    pub primary: Region,
    /// The Region with the read-only copy.
    pub replica: Region,
    /// The account in ARNs.
    pub account: AccountId,
    /// Scenario time.
    pub clock: Clock,
    /// Of identifiers and lags. Secrets come from the system's randomness instead.
    pub seed: Seed,
    /// Where acceptances are noted.
    pub truth: Arc<Truth>,
    /// Who may call administrative operations.
    pub keys: sigv4::Keys,
    /// The resources around the user pool.
    pub estate: Arc<AccountFixture>,
}

/// The identity plane of both Regions.
pub(crate) struct Identity {
    primary: Place,
    replica: Place,
    account: AccountId,
    clock: Clock,
    truth: Arc<Truth>,
    keys: sigv4::Keys,
    /// The resources around the pool.
    estate: Arc<AccountFixture>,
    pool_id: String,
    created: Timestamp,
    /// The form of the issuer that its tokens name.
    issuer: Issuer,
    users: Vec<String>,
    password: Secret,
    totp_secret: Secret,
    /// The keys of both Regions, by which the pool knows its own tokens again.
    jwks: JwksCache,
    /// Once the protected APIs have theirs, primary first.
    authorizers: OnceLock<[Authorizer; 2]>,
    /// Access tokens by ID that no API has seen yet, with the Region that issued them.
    unused: Pending<String, RegionRole>,
    /// Bounds arithmetic to the processors, so that it cannot starve the network.
    arithmetic: Semaphore,
    _tasks: [AbortOnDropHandle<()>; 2],
    /// Once the pool has its domain.
    managed_login: OnceLock<ManagedLogin>,
}

/// What is in one Region.
pub(super) struct Place {
    role: RegionRole,
    region: Region,
    /// The pool's ID here; another one where this is an independent pool.
    pool_id: String,
    /// Whether it is a pool of its own, which somebody keeps in step by hand.
    independent: bool,
    /// Why it signs nobody in.
    refuses: Option<Refusal>,
    /// The app clients that are here.
    clients: Vec<AppClient>,
    /// The pool's own attributes, beside the standard ones.
    attributes: BTreeSet<String>,
    /// The issuer that its tokens name.
    issuer: String,
    directory: Arc<RwLock<Directory>>,
    /// To the other Region.
    log: ReplicationLink,
    signer: Signer,
    hooks: Hooks,
    /// What inspects requests here.
    web_acls: Arc<WebAcls>,
    /// The account's request rates here.
    quotas: Arc<Quotas>,
    /// The pool's tags here.
    tags: Mutex<BTreeMap<String, String>>,
    /// SRP challenges by secret block.
    challenges: Pending<String, SrpChallenge>,
    /// Sign-ins whose password was right and that wait for an answer, by session.
    waiting: Pending<String, PendingChallenge>,
    /// Codes that Cognito would send, by the user's `sub`.
    codes: Pending<(String, Purpose), Secret>,
    /// What managed login has under way.
    managed: oauth::Memory,
    /// Steps of time whose codes a user, by `sub`, has signed in with.
    used_codes: Mutex<HashMap<String, Vec<u64>>>,
}

/// Why an operation is refused: an error of the Cognito API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The error's code, as `NotAuthorizedException`.
    pub code: &'static str,
    pub message: String,
}

impl Refusal {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    fn internal(message: String) -> Self {
        tracing::error!(%message, "the lab's user pool failed");
        Self { code: "InternalErrorException", message }
    }
}

impl Identity {
    /// Makes keys, users and both directories, and begins to replicate. The tasks end with the last `Arc`.
    ///
    /// # Errors
    /// When no key could be made.
    pub(crate) async fn start(options: IdentityOptions) -> Result<Arc<Self>, String> {
        let IdentityOptions { settings, primary, replica, account, clock, seed, truth, keys, estate } = options;
        let failed = |error: tokio::task::JoinError| format!("the identity plane did not start: {error}");
        let mut ids = seed.stream("identity");
        let pool_id = ids::draw_pool_id(&primary, &mut ids);
        let known = clients::known(&mut ids);
        let password = seeding::password();
        let created = clock.now();
        let totp_secret = mfa::new_secret();
        let seeding = Seeding {
            totp_customers: estate.cognito.totp_customers,
            pool_id: pool_id.clone(),
            password: password.clone(),
            totp_secret: totp_secret.clone(),
            seed,
            created,
        };
        let generate = || timer::compute(Signer::generate);
        let (seeded, here, there) = tokio::join!(seeding.directory(&settings), generate(), generate());
        let (seeded, users) = seeded.map_err(failed)?;
        let here = here.map_err(failed)??;
        let independent = pool(&estate, RegionRole::Replica)?.id.is_some();
        let shared = !independent && !estate.tokens.replica_has_own_keys;
        let there = if shared { here.clone() } else { there.map_err(failed)?? };
        let jwks = JwksCache::start(vec![source(&primary, &here), source(&replica, &there)], clock);
        jwks.settled().await;

        let link = |way, stream, draw| ReplicationLink::new(way, seed.stream(stream), (Arc::clone(&truth), draw));
        let [way_forth, way_back] = Way::both(&settings);
        let (forth, at_replica) = link(way_forth, "lag", Draw::LagS);
        let (back, at_primary) = link(way_back, "lag-back", Draw::LagBackS);
        let hooks = |role, region: &Region| {
            let triggers = estate.triggers.get(region.as_str()).cloned().unwrap_or_default();
            // What a file makes a pool of its own keeps the pool's triggers; a strategy's has triggers that know it.
            let pool = estate.cognito.pools.get(region.as_str()).filter(|_| !settings.strategy.is_native());
            let own = pool.and_then(|pool| pool.id.as_ref()).unwrap_or(&pool_id);
            Hooks::new(region, &account, own, triggers, Arc::new(Functions::new(role, Arc::clone(&estate))))
        };
        let place = |role, region: Region, log, signer| {
            let pool = pool(&estate, role)?;
            let arn = pool_arn(&region, &account, pool.id.as_deref().unwrap_or(&pool_id));
            Ok::<_, String>(Place {
                role,
                pool_id: pool.id.clone().unwrap_or_else(|| pool_id.clone()),
                independent: pool.id.is_some(),
                refuses: pool::standing(&estate, role, &arn),
                clients: clients::all(&known, pool, role, &settings.missing_clients),
                attributes: pool.attributes.iter().map(|attribute| attribute.name.clone()).collect(),
                issuer: issuer(settings.issuer, pool.id.as_ref().map(|_| &region), &pool_id),
                directory: Arc::new(RwLock::new(seeding::settled(seeded.clone(), pool, created))),
                log,
                signer,
                hooks: hooks(role, &region),
                web_acls: Arc::new(WebAcls::new(role, &estate)),
                quotas: Arc::new(Quotas::new(&settings, estate.quotas.get(region.as_str()), clock)),
                tags: Mutex::default(),
                challenges: Pending::new(CHALLENGE_VALIDITY),
                waiting: Pending::new(CHALLENGE_VALIDITY),
                codes: Pending::new(CODE_VALIDITY),
                managed: oauth::Memory::new(),
                used_codes: Mutex::default(),
                region,
            })
        };
        let primary = place(RegionRole::Primary, primary, forth, here)?;
        let replica = place(RegionRole::Replica, replica, back, there)?;
        let tasks = [(at_replica, &replica), (at_primary, &primary)]
            .map(|(entries, to)| tokio::spawn(replicate(entries, Arc::clone(&to.directory), clock)))
            .map(AbortOnDropHandle::new);
        Ok(Arc::new(Self {
            _tasks: tasks,
            primary,
            replica,
            account,
            clock,
            truth,
            keys,
            estate,
            pool_id,
            created,
            issuer: settings.issuer,
            users,
            password,
            totp_secret,
            jwks,
            unused: Pending::new(FIRST_USE),
            arithmetic: Semaphore::new(processors()),
            managed_login: OnceLock::new(),
            authorizers: OnceLock::new(),
        }))
    }

    /// The issuer that a Region's tokens name.
    pub(crate) fn issuer(&self, role: RegionRole) -> &str {
        &self.place(role).issuer
    }

    /// The Region whose addresses publish the keys of a Region's tokens: its own, but for a replica with the issuer ORIGINAL.
    pub(crate) fn publisher(&self, role: RegionRole) -> RegionRole {
        let of_primary = self.issuer == Issuer::Original && !self.place(role).independent;
        if of_primary { RegionRole::Primary } else { role }
    }

    /// What users connect to: the Cognito API, its keys, managed login, a health page, and an API protected by tokens.
    pub(crate) fn data_plane(self: &Arc<Self>, role: RegionRole) -> axum::Router {
        front_door::router(self, role).merge(api::router(self, role)).merge(oauth::router(self, role))
    }

    /// The Cognito API alone, for administrators.
    pub(crate) fn control_plane(self: &Arc<Self>, role: RegionRole) -> axum::Router {
        api::router(self, role)
    }

    /// Gives the pool its domain and its identity provider; once. Until then nobody can sign in by browser.
    pub(crate) fn open_managed_login(&self, managed: ManagedLogin) {
        drop(self.managed_login.set(managed));
    }

    /// Gives the protected APIs their authorizers, primary first; once. Until then they refuse everybody.
    pub(crate) fn authorize(&self, authorizers: [Authorizer; 2]) {
        drop(self.authorizers.set(authorizers));
    }

    fn authorizer(&self, role: RegionRole) -> Option<&Authorizer> {
        let [primary, replica] = self.authorizers.get()?;
        Some(if role == RegionRole::Primary { primary } else { replica })
    }

    fn managed_login(&self) -> Option<&ManagedLogin> {
        self.managed_login.get()
    }

    /// The ID of the replica Region's pool, where that is one of its own.
    pub(crate) fn replica_id(&self) -> Option<String> {
        self.replica.independent.then(|| self.replica.pool_id.clone())
    }

    /// The ID of every app client.
    fn client_ids(&self) -> Vec<String> {
        let all = self.primary.clients.iter().chain(&self.replica.clients);
        all.map(|client| client.id.clone()).collect()
    }

    /// The pool's ID.
    pub(crate) fn pool_id(&self) -> &str {
        &self.pool_id
    }

    /// The default app client's ID, the same in both Regions.
    pub(crate) fn client_id(&self) -> &str {
        self.clients().first().map_or("", |client| client.id.as_str())
    }

    /// The synthetic users; neither the canary nor the users of populations are among them.
    pub(crate) fn user_names(&self) -> Vec<String> {
        self.users.clone()
    }

    /// The password of the synthetic users and of every population.
    pub(crate) fn password(&self) -> Secret {
        self.password.clone()
    }

    /// The secret of every software token, in base32.
    pub(crate) fn totp_secret(&self) -> Secret {
        self.totp_secret.clone()
    }

    /// The user and attribute for replication canaries.
    pub(crate) fn canary() -> Canary {
        Canary { username: seeding::CANARY.to_owned(), attribute: seeding::CANARY_ATTRIBUTE.to_owned() }
    }

    /// What runs a Region's triggers.
    pub(crate) fn functions(&self, role: RegionRole) -> Arc<Functions> {
        Arc::clone(&self.place(role).hooks.functions)
    }

    /// Whether WAF refuses a request to the user pool.
    fn is_refused(&self, role: RegionRole, parts: &Parts) -> bool {
        self.place(role).web_acls.refuses(parts.uri.path(), &parts.headers, self.clock.now())
    }

    /// What inspects a Region's requests.
    pub(crate) fn web_acls(&self, role: RegionRole) -> Arc<WebAcls> {
        Arc::clone(&self.place(role).web_acls)
    }

    /// The account's request rates in a Region.
    pub(crate) fn quotas(&self, role: RegionRole) -> Arc<Quotas> {
        Arc::clone(&self.place(role).quotas)
    }

    pub(super) fn place(&self, role: RegionRole) -> &Place {
        match role {
            RegionRole::Primary => &self.primary,
            RegionRole::Replica => &self.replica,
        }
    }

    pub(super) fn keys(&self) -> &sigv4::Keys {
        &self.keys
    }

    /// Does arithmetic on a thread that no socket waits for.
    pub(super) async fn compute<T: Send + 'static>(
        self: Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        // The semaphore is never closed; without a permit the work would merely not be bounded.
        let this = Arc::clone(&self);
        let _permit = self.arithmetic.acquire().await;
        let done = timer::compute(move || work(&this)).await;
        done.unwrap_or_else(|error| Err(Refusal::internal(error.to_string())))
    }

    /// Changes a Region's directory and logs the change for the other one, in one order.
    fn commit(&self, place: &Place, change: Change) {
        let mut directory = place.directory.write().unwrap_or_else(PoisonError::into_inner);
        directory.apply(change.clone());
        place.log.send(change, self.clock.now());
    }
}

impl Place {
    pub(super) fn region(&self) -> &Region {
        &self.region
    }

    /// Whether it is a native replica, which takes no writes.
    fn is_replica(&self) -> bool {
        self.role == RegionRole::Replica && !self.independent
    }

    /// Whether anybody may sign in here.
    fn check_serving(&self) -> Result<(), Refusal> {
        self.refuses.clone().map_or(Ok(()), Err)
    }

    fn read(&self) -> RwLockReadGuard<'_, Directory> {
        self.directory.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("pool_id", &self.pool_id).finish_non_exhaustive()
    }
}

/// What the estate has of the pool in a Region.
fn pool(estate: &AccountFixture, role: RegionRole) -> Result<&UserPool, String> {
    let region = topology::region(role);
    estate.cognito.pools.get(region).ok_or_else(|| format!("the estate has no user pool in {region}"))
}

/// The pool's ARN as a Region has it: its own name, the primary's pool ID.
fn pool_arn(region: &Region, account: &AccountId, pool_id: &str) -> String {
    format!("arn:aws:cognito-idp:{region}:{account}:userpool/{pool_id}")
}

/// The issuer of tokens: the primary's, also at its replica; that of its Region, where an independent pool is in `own`.
fn issuer(form: Issuer, own: Option<&Region>, pool_id: &str) -> String {
    // A pool's ID begins with its primary Region.
    let region = own.map_or_else(|| pool_id.split('_').next().unwrap_or_default(), Region::as_str);
    match form {
        Issuer::Original => format!("https://cognito-idp.{region}.amazonaws.com/{pool_id}"),
        Issuer::Updated => format!("https://issuer-cognito-idp.{region}.amazonaws.com/{pool_id}"),
    }
}

fn source(region: &Region, signer: &Signer) -> Source {
    let jwks = signer.jwks.clone();
    let fetch: Fetch = Arc::new(move || {
        let jwks = jwks.to_vec();
        Box::pin(async move { Ok(jwks) })
    });
    (region.clone(), fetch)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}
