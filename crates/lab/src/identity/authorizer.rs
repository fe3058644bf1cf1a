//! The authorizer of a Region's protected API: how it gets keys, and what it makes of a token.

use std::time::Duration;

use gameday_core::env::JwksFetch;
use gameday_core::model::Clock;
use gameday_protocols::timer::Timer as _;
use gameday_protocols::tokens::{Claims, Expectations, JwksCache, SignedBy, Source, TokenError};

/// How long one fetch may take where every request makes its own; our own choice.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the first keys may take, in real time: they come over loopback.
const FIRST_KEYS: Duration = Duration::from_secs(30);

/// Why a request is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The token is not good.
    Token(TokenError),
    /// There are no keys to tell by.
    Keys(String),
}

/// The authorizer of one Region.
pub(crate) struct Authorizer {
    keys: KeySource,
    clock: Clock,
}

enum KeySource {
    Cached(JwksCache),
    PerRequest(Vec<(String, Source)>),
}

impl Authorizer {
    /// Begins to fetch keys, and waits for the first ones where they are held. `sources` has the primary's first, each with its issuer.
    ///
    /// # Errors
    /// Where they do not come.
    pub(crate) async fn start(fetch: JwksFetch, sources: Vec<(String, Source)>, clock: Clock) -> Result<Self, String> {
        let keys = match fetch {
            JwksFetch::PerRequest => KeySource::PerRequest(sources),
            JwksFetch::Cached => {
                let cache = JwksCache::start(sources.into_iter().map(|(_, source)| source).collect(), clock);
                if tokio::time::timeout(FIRST_KEYS, cache.complete()).await.is_err() {
                    return Err(format!("the authorizer got no keys: {cache:?}"));
                }
                KeySource::Cached(cache)
            }
        };
        Ok(Self { keys, clock })
    }

    /// Verifies an access token, by keys at hand or by keys that it fetches now.
    pub(super) async fn verify(&self, token: &str, expected: &Expectations) -> Result<Claims, Refused> {
        let fetched;
        let keys = match &self.keys {
            KeySource::Cached(keys) => keys,
            KeySource::PerRequest(sources) => {
                fetched = self.fetch(token, sources).await?;
                &fetched
            }
        };
        keys.verify_access_token(token, expected, self.clock.now()).map_err(Refused::Token)
    }

    /// The keys of the issuer that the token names, from the first of its Regions that has them.
    async fn fetch(&self, token: &str, sources: &[(String, Source)]) -> Result<JwksCache, Refused> {
        let named = SignedBy::of(token).map_err(Refused::Token)?.issuer;
        let mut failed = Refused::Token(TokenError::Issuer);
        for (_, (region, fetch)) in sources.iter().filter(|(issuer, _)| *issuer == named) {
            let answer = self.clock.timeout(FETCH_TIMEOUT, fetch()).await;
            let answer = answer.unwrap_or_else(|_| Err(format!("no answer within {} s", FETCH_TIMEOUT.as_secs())));
            match answer.and_then(|document| JwksCache::of_documents(vec![(region.clone(), document)])) {
                Ok(keys) => return Ok(keys),
                Err(error) => failed = Refused::Keys(format!("the keys of {region} could not be fetched: {error}")),
            }
        }
        Err(failed)
    }
}
