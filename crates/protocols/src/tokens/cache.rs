use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, JwkSet, KeyAlgorithm, PublicKeyUse};
use tokio::sync::{Notify, watch};
use tokio_util::task::AbortOnDropHandle;

use crate::timer::Timer as _;
use gameday_core::model::{Clock, Region};

/// How long fetched keys are fresh: 10 min, the advice for validators of the article "Cognito Multi-Region: Migrating Identity to High
/// Availability".
pub const TTL: Duration = Duration::from_mins(10);

/// How soon a source that failed is asked again; our own choice.
const RETRY: Duration = Duration::from_secs(5);

/// The least time between two fetches that unknown key IDs cause, so that forged tokens cannot make a storm; our own
/// choice.
const UNKNOWN_KEY_GAP: Duration = Duration::from_secs(10);

/// How long one fetch may take, since a blackholed source would hang for ever; our own choice.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);

/// Gets one Region's JWKS document (RFC 7517, section 5), or says why it could not.
pub type Fetch = Arc<dyn Fn() -> BoxFuture<'static, Result<Vec<u8>, String>> + Send + Sync>;

/// Where one Region's keys come from.
pub type Source = (Region, Fetch);

/// How a source is doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceStatus {
    /// How many fetches were begun.
    pub attempts: u64,
    /// When keys last came; `None` until the first ones do.
    pub fetched_at: Option<Timestamp>,
    /// Why the last fetch failed; `None` when it succeeded.
    pub error: Option<String>,
}

/// The signing keys of both Regions.
///
/// Keys are fetched at the start, every [`TTL`], and once when a token names a key that no source has; always by a
/// background task. While a source is down its last keys stay. The tasks end when the cache is dropped.
pub struct JwksCache {
    sources: Vec<Arc<SourceKeys>>,
    _tasks: Vec<AbortOnDropHandle<()>>,
}

pub(super) struct SourceKeys {
    pub region: Region,
    keys: RwLock<HashMap<String, DecodingKey>>,
    status: watch::Sender<SourceStatus>,
    /// An unknown key was seen since the last fetch ended.
    wanted: AtomicBool,
    wake: Notify,
}

impl JwksCache {
    /// Begins to fetch the keys, in tasks of its own.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start(sources: Vec<Source>, clock: Clock) -> Self {
        let mut kept = Vec::new();
        let mut tasks = Vec::new();
        for (region, fetch) in sources {
            let source = Arc::new(SourceKeys::new(region));
            tasks.push(AbortOnDropHandle::new(tokio::spawn(refresh(Arc::clone(&source), fetch, clock))));
            kept.push(source);
        }
        Self { sources: kept, _tasks: tasks }
    }

    /// A cache of documents at hand, which are never fetched again: for callers that fetch the keys themselves.
    ///
    /// # Errors
    /// A sentence that names the Region, when its document holds no key that Cognito could sign with.
    pub fn of_documents(documents: impl IntoIterator<Item = (Region, Vec<u8>)>) -> Result<Self, String> {
        let source = |(region, document): (Region, Vec<u8>)| {
            let keys = RwLock::new(parse(&document).map_err(|error| format!("{region}: {error}"))?);
            Ok(Arc::new(SourceKeys { keys, ..SourceKeys::new(region) }))
        };
        let sources = documents.into_iter().map(source).collect::<Result<_, String>>()?;
        Ok(Self { sources, _tasks: Vec::new() })
    }

    /// Waits until every source has given keys once. Give it a timeout: a source that is down is asked again and again.
    pub async fn complete(&self) {
        for source in &self.sources {
            // An error would mean that the sender is gone, and we hold it.
            drop(source.status.subscribe().wait_for(|status| status.fetched_at.is_some()).await);
        }
    }

    /// Waits until every source has answered or failed once. Give it a timeout if the sources have none.
    pub async fn settled(&self) {
        for source in &self.sources {
            let done = |status: &SourceStatus| status.fetched_at.is_some() || status.error.is_some();
            // An error would mean that the sender is gone, and we hold it.
            drop(source.status.subscribe().wait_for(done).await);
        }
    }

    /// How each source is doing.
    pub fn status(&self) -> Vec<(Region, SourceStatus)> {
        self.sources.iter().map(|source| (source.region.clone(), source.status.borrow().clone())).collect()
    }

    /// Every source's key of that ID, with its Region.
    pub(super) fn find(&self, key_id: &str) -> Vec<(Region, DecodingKey)> {
        self.sources
            .iter()
            .filter_map(|source| Some((source.region.clone(), source.read().get(key_id)?.clone())))
            .collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sources.iter().all(|source| source.read().is_empty())
    }

    /// Asks every source for one refresh, in the background.
    pub(super) fn want_refresh(&self) {
        for source in &self.sources {
            if !source.wanted.swap(true, Ordering::AcqRel) {
                source.wake.notify_one();
            }
        }
    }
}

impl std::fmt::Debug for JwksCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JwksCache").field("sources", &self.status()).finish()
    }
}

impl SourceKeys {
    fn new(region: Region) -> Self {
        Self {
            region,
            keys: RwLock::default(),
            status: watch::Sender::default(),
            wanted: AtomicBool::new(false),
            wake: Notify::new(),
        }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<String, DecodingKey>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn refresh(source: Arc<SourceKeys>, fetch: Fetch, clock: Clock) {
    loop {
        let began = clock.now();
        source.status.send_modify(|status| status.attempts += 1);
        let answer = clock.timeout(FETCH_TIMEOUT, fetch()).await;
        let answer = answer.unwrap_or_else(|_| Err("no answer in time".to_owned()));
        let keys = answer.and_then(|document| parse(&document));
        let (pause, error) = match keys {
            Ok(keys) => {
                *source.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
                (TTL, None)
            }
            Err(error) => (RETRY, Some(error)),
        };
        source.wanted.store(false, Ordering::Release);
        source.status.send_modify(|status| {
            if error.is_none() {
                status.fetched_at = Some(clock.now());
            }
            status.error = error;
        });
        tokio::select! {
            biased;
            () = clock.sleep(pause) => {}
            () = source.wake.notified() => clock.sleep_until(began.saturating_add(UNKNOWN_KEY_GAP).unwrap_or(began)).await,
        }
    }
}

/// The RS256 keys of a JWKS document, by key ID. A document without any is an error, so that it cannot empty the cache.
fn parse(document: &[u8]) -> Result<HashMap<String, DecodingKey>, String> {
    let set: JwkSet = serde_json::from_slice(document).map_err(|error| format!("not a JWKS document: {error}"))?;
    let keys: HashMap<String, DecodingKey> = set
        .keys
        .iter()
        .filter(|key| matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature)))
        .filter(|key| matches!(key.common.key_algorithm, None | Some(KeyAlgorithm::RS256)))
        .filter_map(|key| match &key.algorithm {
            AlgorithmParameters::RSA(rsa) => {
                let decoding = DecodingKey::from_rsa_components(&rsa.n, &rsa.e).ok()?;
                Some((key.common.key_id.clone()?, decoding))
            }
            _ => None,
        })
        .collect();
    if keys.is_empty() { Err("the JWKS document holds no RS256 key with an ID".to_owned()) } else { Ok(keys) }
}
