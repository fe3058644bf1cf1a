//! The wire between the code under test and what stands for AWS: an HTTP proxy on loopback that counts calls, slows them
//! down and breaks them, one by one.

#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(dead_code, reason = "tests and benchmarks use its parts")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use gameday_protocols::net::{self, Connection};
use http::Method;
use http::request::Parts;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

/// Lays a wire between a lab and one service of a Region, or all of them: writes the environment file `from` to `to` with the
/// wire's URL in it.
pub fn before(from: &Path, to: &Path, region: &str, service: Option<&str>) -> Wire {
    let mut file: toml::Table = toml::from_str(&std::fs::read_to_string(from).unwrap()).unwrap();
    let endpoints = file[region]["endpoints"].as_table_mut().unwrap();
    let named = service.unwrap_or("sts");
    let wire = Wire::start(endpoints[named].as_str().unwrap().strip_prefix("http://").unwrap().parse().unwrap());
    for (_, url) in endpoints.iter_mut().filter(|(name, _)| service.is_none_or(|service| service == name.as_str())) {
        *url = wire.url().into();
    }
    std::fs::write(to, toml::to_string(&file).unwrap()).unwrap();
    wire
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// It is forwarded, and so is its answer.
    Open,
    /// Forwarded after a while.
    Late(Duration),
    /// Not forwarded; the answer is this status and error code.
    Refused(u16, &'static str),
    /// Forwarded; the answer never comes, and the connection stays open.
    Silent,
    /// Forwarded; instead of an answer the connection is reset.
    Reset,
    /// Not forwarded, and nothing comes back, as where packets vanish.
    Lost,
}

/// A call, as the rule sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The API operation, as `CreateNetworkAcl`; of a service that has resources, method and path.
    pub action: String,
    /// How many-eth call that changes something it is, from 1; nothing for one that reads.
    pub number: Option<usize>,
    /// The request's form.
    pub form: String,
}

/// A call that was seen.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The call.
    pub call: Call,
    /// What became of it.
    pub way: Way,
    /// When it came.
    pub from: Instant,
    /// When its answer went back, where one did.
    pub to: Option<Instant>,
}

/// How often limits may be asked for: once a second, in a lab at ten times real time.
const RARELY: Duration = Duration::from_millis(110);

type Rule = Box<dyn FnMut(&Call) -> Way + Send>;

struct State {
    rule: Rule,
    seen: Vec<Seen>,
    changing: usize,
    /// How far descriptions lag behind changes.
    lag: Duration,
    /// What was asked lately, by what it asks, and after which setting of the lag that was; another call that asks the same is answered alike.
    asked: BTreeMap<String, (usize, http::Request<Bytes>)>,
    /// How many times the lag was set.
    settings: usize,
    /// How things were before a change, by what was asked, and until when they are described so.
    old: BTreeMap<String, Vec<(Instant, http::Response<Bytes>)>>,
}

struct Shared {
    upstream: SocketAddr,
    state: Mutex<State>,
}

/// The proxy; it ends when dropped.
pub struct Wire {
    address: SocketAddr,
    shared: Arc<Shared>,
    _accepting: AbortOnDropHandle<()>,
}

impl Wire {
    /// Listens on a free port, with everything open.
    pub fn start(upstream: SocketAddr) -> Self {
        let listener = net::listen(SocketAddr::from(([127, 0, 0, 1], 0)), 256).unwrap();
        let address = listener.local_addr().unwrap();
        let state = State {
            rule: Box::new(|_| Way::Open),
            seen: Vec::new(),
            changing: 0,
            lag: Duration::ZERO,
            asked: BTreeMap::new(),
            settings: 0,
            old: BTreeMap::new(),
        };
        let shared = Arc::new(Shared { upstream, state: Mutex::new(state) });
        let serving = Arc::clone(&shared);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                // Whatever closes it before an answer is a reset to the other side.
                stream.set_zero_linger().unwrap();
                let shared = Arc::clone(&serving);
                tokio::spawn(async move {
                    let service = service_fn(move |request| pass(Arc::clone(&shared), request));
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { address, shared, _accepting: AbortOnDropHandle::new(accepting) }
    }

    /// Its address as an endpoint.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on calls go as the rule says. Counting begins again.
    pub fn rule(&self, rule: impl FnMut(&Call) -> Way + Send + 'static) {
        let mut state = self.shared.lock();
        state.rule = Box::new(rule);
        state.seen.clear();
        state.changing = 0;
    }

    /// From now on everything is open. Counting begins again.
    pub fn open(&self) {
        self.rule(|_| Way::Open);
    }

    /// From now on whatever was asked before is answered, for this long after each change, as it was before that change. What was not asked since
    /// the last two times that this was set, as for the resources of a run that is over, is forgotten.
    pub fn lag(&self, lag: Duration) {
        let mut state = self.shared.lock();
        state.lag = lag;
        state.old.clear();
        let of_late = state.settings.saturating_sub(1);
        state.asked.retain(|_, (last, _)| *last >= of_late);
        state.settings += 1;
    }

    /// What was seen since the rule was set.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.lock().seen.clone()
    }

    /// How many calls were seen that change something.
    pub fn changing(&self) -> usize {
        self.shared.lock().changing
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn judge(&self, head: &Parts, form: &str) -> (usize, Way) {
        let (changes, action) = changes(head, form);
        let mut state = self.lock();
        state.changing += usize::from(changes);
        let call = Call { action, number: changes.then_some(state.changing), form: form.to_owned() };
        let way = (state.rule)(&call);
        state.seen.push(Seen { call, way, from: Instant::now(), to: None });
        (state.seen.len() - 1, way)
    }
}

/// Whether a call changes something, and its name.
fn changes(head: &Parts, form: &str) -> (bool, String) {
    let dry = form.split('&').any(|pair| pair == "DryRun=true");
    let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let named = target.and_then(|target| target.rsplit('.').next());
    let named = named.or_else(|| form.split('&').find_map(|pair| pair.strip_prefix("Action=")));
    match named {
        Some(name) => {
            let reads = ["Describe", "Get", "List"].iter().any(|reads| name.starts_with(reads));
            (!reads && !dry, name.to_owned())
        }
        None => (head.method != Method::GET, format!("{} {}", head.method, head.uri.path())),
    }
}

fn what_is_asked(head: &Parts, form: &str) -> String {
    let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    format!("{} {} {target} {form}", head.method, head.uri)
}

impl Shared {
    /// Keeps what everything that was asked so far would be answered now, before something changes.
    async fn remember_how_it_was(&self) {
        let (lag, asked) = {
            let state = self.lock();
            (state.lag, state.asked.clone())
        };
        if lag.is_zero() {
            return;
        }
        for (key, (_, request)) in asked {
            // What asks for it may have to wait until it may be asked again, and so may the change that comes then.
            let rare = key.contains("ProvisionedLimit");
            let answer = loop {
                let Ok(stream) = net::connect(self.upstream).await else { break None };
                let Ok(mut upstream) = Connection::plain(stream).await else { break None };
                let answer = upstream.send(request.clone()).await.ok();
                if rare {
                    tokio::time::sleep(RARELY).await;
                }
                if !rare || answer.as_ref().is_none_or(|answer| answer.status().is_success()) {
                    break answer;
                }
            };
            let Some(answer) = answer else { continue };
            let old = (Instant::now() + lag, whole(answer));
            self.lock().old.entry(key).or_default().push(old);
        }
    }

    /// What was true some time ago, where something changed since; otherwise the question is kept.
    fn as_it_was(&self, asked: &str, head: &Parts, body: &Bytes) -> Option<http::Response<Bytes>> {
        let mut state = self.lock();
        if state.lag.is_zero() {
            return None;
        }
        let request = http::Request::from_parts(head.clone(), body.clone());
        let settings = state.settings;
        state.asked.insert(asked.to_owned(), (settings, request));
        let old = state.old.get_mut(asked)?;
        old.retain(|(until, _)| *until > Instant::now());
        old.first().map(|(_, answer)| answer.clone())
    }
}

/// An answer whose body is whole, on a connection of another's.
fn whole(answer: http::Response<Bytes>) -> http::Response<Bytes> {
    let (mut parts, body) = answer.into_parts();
    parts.headers.remove(http::header::TRANSFER_ENCODING);
    parts.headers.remove(http::header::CONNECTION);
    parts.version = http::Version::HTTP_11;
    http::Response::from_parts(parts, body)
}

/// An answer was left out on purpose.
#[derive(Debug)]
struct LeftOut;

impl std::fmt::Display for LeftOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("left out")
    }
}

impl std::error::Error for LeftOut {}

async fn pass(shared: Arc<Shared>, request: http::Request<Incoming>) -> Result<http::Response<Full<Bytes>>, LeftOut> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| LeftOut)?.to_bytes();
    // What a call without a body asks for is in its query.
    let query = parts.uri.query().unwrap_or_default();
    let form = if body.is_empty() { query.into() } else { String::from_utf8_lossy(&body) };
    let (index, way) = shared.judge(&parts, &form);
    match way {
        Way::Refused(status, code) => return Ok(refusal(status, code, &parts)),
        Way::Lost => never().await,
        Way::Late(delay) => tokio::time::sleep(delay).await,
        Way::Open | Way::Silent | Way::Reset => {}
    }
    // What users are told of themselves, and whether a health check is healthy, is no description of a resource.
    let (changes, action) = changes(&parts, &form);
    if !action.starts_with("Admin") && !action.ends_with("/status") {
        if changes {
            shared.remember_how_it_was().await;
        } else if let Some(old) = shared.as_it_was(&what_is_asked(&parts, &form), &parts, &body) {
            return Ok(old.map(Full::new));
        }
    }
    let mut upstream = Connection::plain(net::connect(shared.upstream).await.map_err(|_| LeftOut)?).await.unwrap();
    let head = parts.clone();
    // A call that was on its way is not taken back when the client goes.
    let forwarded = tokio::spawn(async move { upstream.send(http::Request::from_parts(parts, body)).await });
    let answer = forwarded.await.unwrap().map_err(|_| LeftOut)?;
    // What moto has not, it answers with 500, after which the SDK asks twice more, up to 3 s later.
    if action == "ListServiceQuotas" && answer.status().is_server_error() {
        return Ok(refusal(400, "UnknownOperationException", &head));
    }
    match way {
        Way::Silent => never().await,
        Way::Reset => return Err(LeftOut),
        _ => {}
    }
    let mut state = shared.lock();
    // Counting may have begun again meanwhile.
    if let Some(seen) = state.seen.get_mut(index) {
        seen.to = Some(Instant::now());
    }
    Ok(whole(answer).map(Full::new))
}

async fn never() {
    std::future::pending::<Infallible>().await;
}

/// As the service words it: EC2 and Route 53 (2013-04-01) each in an XML of its own, Cognito and Lambda in JSON.
fn refusal(status: u16, code: &str, head: &Parts) -> http::Response<Full<Bytes>> {
    let error = format!("<Error><Code>{code}</Code><Message>on purpose</Message></Error>");
    let path = head.uri.path();
    let text = if head.headers.contains_key("x-amz-target") {
        format!(r#"{{"__type":"{code}","message":"on purpose"}}"#)
    } else if path == "/" {
        format!("<Response><Errors>{error}</Errors><RequestID>r</RequestID></Response>")
    } else if path.starts_with("/2013-04-01/") {
        format!("<ErrorResponse>{error}<RequestId>r</RequestId></ErrorResponse>")
    } else {
        r#"{"message":"on purpose"}"#.to_owned()
    };
    let answer = http::Response::builder().status(status).header("x-amzn-errortype", code);
    answer.body(Full::from(text)).unwrap()
}
