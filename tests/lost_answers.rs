//! A call that takes effect, whose answer is lost, and after which AWS accepts no call any more: what it did
//! must be put back all the same once calls are accepted again.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use gameday::cloud::{Access, Cloud};
use gameday::faults::{self, Executor, Journal, plan};
use gameday_core::env::LabSettings;
use gameday_core::model::{Clock, RunId, Seed, Step};
use gameday_core::scenario::FaultSpec;
use gameday_lab::{Lab, LabOptions};
use gameday_protocols::net::{self, Connection};
use tokio_util::sync::CancellationToken;

/// What stands between the runner and EC2.
#[derive(Debug, Clone, PartialEq)]
enum Way {
    Open,
    /// The answer to the next call of this action is lost; from then on credentials are refused.
    Losing(&'static str),
    Refusing,
}

#[derive(Clone)]
struct Between {
    upstream: SocketAddr,
    way: Arc<Mutex<Way>>,
}

async fn pass(State(between): State<Between>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let text = String::from_utf8_lossy(&body).into_owned();
    let way = between.way.lock().unwrap().clone();
    if way == Way::Refusing {
        let error =
            "<Response><Errors><Error><Code>AuthFailure</Code><Message>expired</Message></Error></Errors></Response>";
        return Response::builder().status(401).body(Body::from(error)).unwrap();
    }
    let mut connection = Connection::plain(net::connect(between.upstream).await.unwrap()).await.unwrap();
    let answer = connection.send(http::Request::from_parts(parts, body)).await.unwrap();
    if let Way::Losing(action) = way
        && text.contains(&format!("Action={action}&"))
    {
        assert!(answer.status().is_success(), "the call must take effect");
        *between.way.lock().unwrap() = Way::Refusing;
        // The server drops the connection without an answer.
        panic!("lost on purpose");
    }
    answer.map(Body::from)
}

async fn lost(action: &'static str, at: Step) {
    let clock = Clock::start(10.0);
    let settings = LabSettings { users: 1, ..LabSettings::default() };
    let lab = Lab::start(LabOptions::new(settings, clock, Seed(3))).await.unwrap();
    let mut environment = lab.environment();
    let endpoints = &mut environment.primary.as_mut().unwrap().endpoints;
    let upstream = endpoints["ec2"].trim_start_matches("http://").trim_end_matches('/').parse().unwrap();
    let way = Arc::new(Mutex::new(Way::Open));
    let listener = net::listen("127.0.0.1:0".parse().unwrap(), 64).unwrap();
    endpoints.insert("ec2".to_owned(), format!("http://{}", listener.local_addr().unwrap()));
    let router = axum::Router::new().fallback(pass).with_state(Between { upstream, way: Arc::clone(&way) });
    tokio::spawn(async move { axum::serve(listener.into_system().unwrap(), router).await });

    let folder = tempfile::tempdir().unwrap();
    let site = environment.complete(folder.path().to_owned(), Some(lab.trust_root_pem().to_owned())).unwrap();
    let (cloud, run) = (Cloud::connect(&site).await.unwrap(), RunId::from("gd-lost"));
    let plan = plan(&[FaultSpec::default()], &site, &cloud, &run).await.unwrap();
    let before = faults::State::describe(&cloud, &plan.scope).await.unwrap();
    let path = folder.path().join("journal.ndjson");
    let journal = Arc::new(Journal::create(&path, run, Access::of(&site), clock.now()).unwrap());
    let sink = Arc::new(|_| {}) as gameday::faults::MutationSink;
    let executor = Executor::new(journal, [cloud.primary.clone()], clock, sink);
    let mut injected = Ok(());
    for (step, actions) in [(Step::Prepare, plan.prepare()), (Step::Cut, plan.cut_at(Duration::ZERO))] {
        if step == at {
            *way.lock().unwrap() = Way::Losing(action);
        }
        injected = executor.make(&actions, &CancellationToken::new()).await;
        if injected.is_err() {
            break;
        }
    }
    assert!(injected.is_err() && *way.lock().unwrap() == Way::Refusing, "{injected:?}");

    *way.lock().unwrap() = Way::Open;
    let differences = async || before.differences(&faults::State::describe(&cloud, &plan.scope).await.unwrap());
    assert!(!differences().await.is_empty(), "the lost call must have changed something");
    let restored = executor.restore(&CancellationToken::new()).await;
    assert_eq!((restored.left, differences().await), (Vec::new(), Vec::new()));
    lab.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_making_a_clone() {
    lost("CreateNetworkAcl", Step::Prepare).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_moving_a_subnet() {
    lost("ReplaceNetworkAclAssociation", Step::Prepare).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_cutting() {
    lost("CreateNetworkAclEntry", Step::Cut).await;
}
