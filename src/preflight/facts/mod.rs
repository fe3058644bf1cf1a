//! What checks look at. Every call is made at most once however many checks want its answer, and is counted.

mod acm;
mod api_gateway;
pub mod cloudwatch;
mod cognito;
pub mod dependencies;
mod dns;
mod doors;
mod drill;
pub mod governance;
mod iam;
mod kms;
pub mod lambda;
mod quotas;
mod route53;
mod stores;
pub mod tls;
pub mod triggers;

pub use api_gateway::Guarded;
pub use dns::resolvers;
pub use doors::{Door, NoKeys, covers};
pub use drill::Interface;
pub use quotas::{AppliedQuota, Need, Provisioned, SIGN_INS};
pub use route53::{DEFAULT_INTERVAL, DEFAULT_THRESHOLD, asks, connect_timeout, counts, has_checkers, side};

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Display, Formatter};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::{OnceCell, Semaphore, watch};

use crate::cloud::{Cloud, CloudError, ErrorClass};
use gameday_core::env::Site;
use gameday_core::model::{Clock, Region, RegionRole, RunId};
use gameday_core::scenario::Scenario;
use gameday_protocols::tokens::SignedBy;

use super::Allowed;

/// Calls under way at once; services throttle accounts that ask for more.
const AT_ONCE: usize = 32;

/// What checks look at: where, and the answers so far.
pub struct Facts {
    /// Where.
    pub site: Arc<Site>,
    /// AWS clients.
    pub cloud: Cloud,
    /// What is to break, and who logs in.
    pub scenario: Arc<Scenario>,
    /// Scenario time.
    pub clock: Clock,
    /// The run, for tags and locks.
    pub run: RunId,
    /// What its user allows.
    pub allowed: Allowed,
    seen: watch::Sender<TokensSoFar>,
    answers: Mutex<HashMap<String, Arc<OnceCell<CachedAnswer>>>>,
    calls: Mutex<BTreeMap<&'static str, usize>>,
    at_once: Semaphore,
}

type CachedAnswer = Result<Arc<dyn Any + Send + Sync>, Unavailable>;

/// What the tokens of the sign-ins so far say of their signatures, by Region.
#[derive(Debug, Default)]
struct TokensSoFar {
    of: [Option<SignedBy>; 2],
    /// No user signs in any more.
    all: bool,
}

/// A check could not look: what it needs is missing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Unavailable {
    /// The call, as `kms:DescribeKey`, or what the environment file lacks.
    pub what: String,
    /// Where, for a call.
    pub region: Option<Region>,
    /// The service's words; nothing where a permission is missing.
    pub reason: Option<String>,
    /// The thing that was asked for is not there, which is a fact of its own: see [`found`].
    pub absent: bool,
}

impl Display for Unavailable {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { what, region, reason, .. } = self;
        match (region, reason) {
            (Some(region), Some(reason)) => write!(out, "{what} in {region} failed: {reason}"),
            (Some(region), None) => write!(out, "missing permission {what} in {region}"),
            (None, Some(reason)) => write!(out, "missing {what}: {reason}"),
            (None, None) => write!(out, "missing {what}"),
        }
    }
}

impl Unavailable {
    /// Something that the environment file does not say.
    pub fn setting(key: &str) -> Self {
        Self { what: format!("`{key}` in the environment file"), region: None, reason: None, absent: false }
    }

    /// Something that no call and no file could give.
    pub fn because(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { what: what.into(), region: None, reason: Some(reason.into()), absent: false }
    }

    pub(super) fn call(error: &CloudError, region: &Region) -> Self {
        let denied = error.class == ErrorClass::Denied;
        let words = error.code.iter().cloned().chain([error.message.clone()]).collect::<Vec<_>>().join(": ");
        Self {
            what: error.operation.to_owned(),
            region: Some(region.clone()),
            reason: (!denied).then_some(words),
            absent: error.class == ErrorClass::NotFound,
        }
    }
}

/// Nothing where the thing that was asked for is not there.
///
/// # Errors
/// [`Unavailable`] where it could not be asked for.
pub fn found<T>(answer: Result<T, Unavailable>) -> Result<Option<T>, Unavailable> {
    match answer {
        Ok(it) => Ok(Some(it)),
        Err(missing) if missing.absent => Ok(None),
        Err(missing) => Err(missing),
    }
}

impl Facts {
    /// With no answer yet; outside of any run.
    pub fn new(site: Arc<Site>, cloud: Cloud, scenario: Arc<Scenario>, clock: Clock) -> Self {
        Self {
            site,
            cloud,
            scenario,
            clock,
            run: RunId::from("preflight"),
            allowed: Allowed::default(),
            seen: watch::Sender::default(),
            answers: Mutex::default(),
            calls: Mutex::default(),
            at_once: Semaphore::new(AT_ONCE),
        }
    }

    /// For a run.
    #[must_use]
    pub fn of_run(self, run: RunId, allowed: Allowed) -> Self {
        Self { run, allowed, ..self }
    }

    /// A user signed in at a Region, with a token of that signature.
    pub(super) fn saw(&self, role: RegionRole, token: SignedBy) {
        self.seen.send_modify(|seen| seen.of[role as usize] = Some(token));
    }

    /// Every sign-in was tried, or none will be: checks of tokens wait for it.
    pub fn saw_all(&self) {
        self.seen.send_modify(|seen| seen.all = true);
    }

    /// What tokens of a Region say of their signature, once somebody signed in there.
    ///
    /// # Errors
    /// [`Unavailable`] where no user could.
    pub(super) async fn token(&self, role: RegionRole) -> Result<SignedBy, Unavailable> {
        let mut seen = self.seen.subscribe();
        // The sending end lives as long as this.
        let token = seen.wait_for(|seen| seen.all || seen.of[role as usize].is_some()).await;
        let token = token.ok().and_then(|seen| seen.of[role as usize].clone());
        let what = || format!("a token of {}", self.site.region(role).region);
        token.ok_or_else(|| Unavailable::because(what(), "no synthetic user got one there"))
    }

    /// The answer of one AWS call, made now or earlier. `about` tells calls of one operation apart.
    ///
    /// # Errors
    /// [`Unavailable`] with the call's name.
    pub fn call<'a, T: Send + Sync + 'static>(
        &'a self,
        operation: &'static str,
        role: RegionRole,
        about: &str,
        call: impl Future<Output = Result<T, CloudError>> + Send + 'a,
    ) -> BoxFuture<'a, Result<Arc<T>, Unavailable>> {
        let key = format!("{operation} {} {about}", role.as_str());
        // Boxed: futures of the SDK are large, and would make those of every check so.
        let call = call.boxed();
        self.once(&key, async move {
            // It is never closed.
            let _permit = self.at_once.acquire().await;
            *lock(&self.calls).entry(operation).or_default() += 1;
            call.await.map_err(|error| Unavailable::call(&error, &self.cloud.region(role).region))
        })
    }

    /// What is worked out once, and then known. `key` must name it alone.
    ///
    /// # Errors
    /// [`Unavailable`] that the work gave.
    pub fn once<'a, T: Send + Sync + 'static>(
        &'a self,
        key: &str,
        work: impl Future<Output = Result<T, Unavailable>> + Send + 'a,
    ) -> BoxFuture<'a, Result<Arc<T>, Unavailable>> {
        let (key, work) = (key.to_owned(), work.boxed());
        async move {
            let cell = Arc::clone(lock(&self.answers).entry(key.clone()).or_default());
            let answer =
                cell.get_or_init(|| async { work.await.map(|it| Arc::new(it) as Arc<dyn Any + Send + Sync>) }).await;
            let unlike = || Unavailable::because(key, "internal error: two facts of different types share a key");
            answer.clone()?.downcast().map_err(|_| unlike())
        }
        .boxed()
    }

    /// How often each operation was called.
    pub fn calls(&self) -> BTreeMap<&'static str, usize> {
        lock(&self.calls).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
