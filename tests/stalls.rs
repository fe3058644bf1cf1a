//! A blackhole in the middle of each step of each flow: the login ends within the user's patience, says at which step it stalled, and leaves
//! no task behind. Between the users and a lab's front door stands a wire that goes silent after a given number of turns, without FIN or RST.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gameday::preflight::{self, Allowed, PreflightInput};
use gameday::users::{Account, LoadGenerator, LoginRequest, LoginResult, Lookup, Token, Who, login};
use gameday_core::env::{LabSettings, Timeouts};
use gameday_core::model::{
    AfterLogin, Clock, EventLog, Flow, LoginOutcome, LoginStep, Percent, RegionRole, RunId, Seed, Span,
};
use gameday_core::scenario::{self, FlowShare};
use gameday_lab::{Lab, LabOptions};
use tokio::runtime::{Handle, Runtime};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Scenario seconds in one real second.
const SPEED: f64 = 2.0;
/// How long a login may take, in scenario time.
const PATIENCE: Duration = Duration::from_secs(6);
/// What the machine may take more, in scenario time.
const SLACK: Duration = Duration::from_secs(3);
/// Logins that wait at the same time; with a whole one of each case fewer than the users of the smallest population.
const AT_ONCE: usize = 9;

/// How often each turn of a flow is cut at most, until every step was.
const ROUNDS: usize = 5;

/// Where the wire is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// What the client sends in that turn, counted from 0, and everything after it vanishes.
    Request(usize),
    /// The same of what the server answers.
    Response(usize),
    Never,
}

impl Cut {
    /// Whether a login of so many turns may have had every answer before: the last turn may be the goodbye of TLS.
    fn comes_after(self, turns: usize) -> bool {
        match self {
            Self::Request(at) | Self::Response(at) => turns <= at + 1,
            Self::Never => true,
        }
    }
}

/// A wire for one login, on an address of its own and the front door's port.
struct Wire {
    address: IpAddr,
    turns: Arc<AtomicUsize>,
}

/// The state of one connection: who spoke last, and how often the client took its turn.
#[derive(Default)]
struct Turns {
    client_spoke: bool,
    turn: usize,
    /// The client has just ended the handshake: its request is a turn of its own, whether or not the server's tickets come before it.
    shook_hands: bool,
}

impl Turns {
    /// Counts what was said, and gives the turn that it belongs to, from 0.
    fn take(&mut self, by_client: bool, ends_handshake: bool) -> usize {
        if by_client && (!self.client_spoke || self.shook_hands) {
            self.turn += 1;
        }
        self.client_spoke = by_client;
        if by_client {
            self.shook_hands = ends_handshake;
        }
        // The client speaks first, so there is a turn by now.
        self.turn - 1
    }
}

/// Where the client's handshake ends in what it sent: in TLS 1.3 with the record behind the change of cipher spec (RFC 8446, appendix D.4).
fn handshake_ends(sent: &[u8]) -> Option<usize> {
    let after = |at: usize| Some(at + 5 + usize::from(u16::from_be_bytes([*sent.get(at + 3)?, *sent.get(at + 4)?])));
    let end = after(after(0)?)?;
    (sent[0] == 0x14 && end <= sent.len()).then_some(end)
}

impl Wire {
    fn lay(to: SocketAddr, cut: Cut, number: usize) -> Self {
        let address = IpAddr::V4(Ipv4Addr::new(127, 0, 9, u8::try_from(number).unwrap()));
        let listener = TcpListener::bind(SocketAddr::new(address, to.port())).unwrap();
        let turns: Arc<AtomicUsize> = Arc::default();
        let counted = Arc::clone(&turns);
        std::thread::spawn(move || {
            // A login has one connection to the front door, so the wire is for one.
            let Ok((client, _)) = listener.accept() else { return };
            let server = TcpStream::connect(to).unwrap();
            let state: Arc<Mutex<Turns>> = Arc::default();
            for (from, to, by_client) in [(&client, &server, true), (&server, &client, false)] {
                let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                let (state, counted) = (Arc::clone(&state), Arc::clone(&counted));
                std::thread::spawn(move || pump(from, to, by_client, cut, &state, &counted));
            }
        });
        Self { address, turns }
    }
}

fn pump(
    mut from: TcpStream,
    mut to: TcpStream,
    by_client: bool,
    cut: Cut,
    state: &Mutex<Turns>,
    counted: &AtomicUsize,
) {
    let mut buffer = [0; 16 * 1024];
    loop {
        let Ok(count @ 1..) = from.read(&mut buffer) else {
            // Only a wire that is whole hands on that one end is gone.
            if cut == Cut::Never {
                let _ = to.shutdown(std::net::Shutdown::Both);
            }
            return;
        };
        let end = handshake_ends(&buffer[..count]).filter(|_| by_client);
        let (handshake, rest) = buffer[..count].split_at(end.unwrap_or_default());
        for (said, ends_handshake) in [(handshake, true), (rest, false)] {
            if said.is_empty() {
                continue;
            }
            let turn = {
                let mut state = state.lock().unwrap();
                let turn = state.take(by_client, ends_handshake);
                counted.store(state.turn, Ordering::SeqCst);
                turn
            };
            let vanishes = match cut {
                Cut::Request(at) => by_client && turn >= at || !by_client && turn > at,
                Cut::Response(at) => by_client && turn > at || !by_client && turn >= at,
                Cut::Never => false,
            };
            if !vanishes && to.write_all(said).is_err() {
                return;
            }
        }
    }
}

/// A flow to be cut, and the steps of it that ask somebody.
struct Case {
    flow: FlowShare,
    users: Option<&'static str>,
    steps: &'static [LoginStep],
}

fn case(
    flow: Flow,
    client: Option<&str>,
    users: Option<&'static str>,
    then: &[AfterLogin],
    steps: &'static [LoginStep],
) -> Case {
    let mut share = FlowShare::of(flow, client.map(str::to_owned), users.map(str::to_owned), Percent(1.0));
    share.then = then.to_vec();
    Case { flow: share, users, steps }
}

fn cases() -> Vec<Case> {
    use LoginStep::{
        Authorize, GetUser, IdentityProvider, InitiateAuth, LoginForm, Mfa, NewPassword, ProtectedApi,
        RespondToAuthChallenge, SignOut, Tls, Token,
    };
    let srp: &[_] = &[Tls, InitiateAuth, RespondToAuthChallenge, ProtectedApi];
    let once: &[_] = &[Tls, InitiateAuth, ProtectedApi];
    let after = [AfterLogin::GetUser, AfterLogin::GlobalSignOut];
    vec![
        case(Flow::UserSrp, None, None, &[], srp),
        case(Flow::UserSrp, Some("confidential"), None, &[], srp),
        case(Flow::UserPassword, None, None, &[], once),
        case(Flow::AdminUserPassword, Some("confidential"), None, &[], once),
        case(Flow::RefreshToken, None, None, &[], once),
        case(Flow::TokensFromRefreshToken, Some("rotating"), None, &[], once),
        case(Flow::UserPassword, None, Some("totp"), &[], &[Tls, InitiateAuth, Mfa, ProtectedApi]),
        case(Flow::AdminUserPassword, None, Some("new-password"), &[], &[Tls, InitiateAuth, NewPassword, ProtectedApi]),
        case(Flow::UserPassword, None, Some("sign-out"), &after, &[Tls, InitiateAuth, ProtectedApi, GetUser, SignOut]),
        case(Flow::ManagedLogin, None, None, &[], &[Tls, Authorize, LoginForm, Token, ProtectedApi]),
        case(Flow::Federated, None, Some("federated"), &[], &[Tls, Authorize, IdentityProvider, Token, ProtectedApi]),
        case(Flow::ClientCredentials, None, None, &[], &[Tls, Token, ProtectedApi]),
    ]
}

struct Estate {
    crowd: Arc<LoadGenerator>,
    /// Where the administrator's calls run, whose connections are kept.
    elsewhere: Handle,
    front_door: SocketAddr,
    wires: AtomicUsize,
    /// By population the users who are not signing in, who has waited longest first: one who sets a new password or signs out everywhere
    /// would disturb a second sign-in of his, and a code is accepted once.
    free: Mutex<HashMap<Option<&'static str>, VecDeque<Account>>>,
}

impl Estate {
    /// Users of a lab; their tasks run where this is awaited, the lab's do not.
    async fn of(lab: &Lab, clock: Clock, folder: &Path, elsewhere: Handle) -> Self {
        let environment = lab.environment();
        let site = environment.complete(folder.to_owned(), Some(lab.trust_root_pem().to_owned())).unwrap();
        let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/every-flow.toml");
        let scenario = scenario::load(&scenario, None).unwrap().value;
        let log = Arc::new(EventLog::create(&folder.join("events.ndjson"), clock).unwrap());
        let (run, phase) = (RunId::from("gd-test"), Arc::default());
        let question = PreflightInput {
            scenario: &scenario,
            site: &site,
            run: &run,
            clock,
            seed: Seed(1),
            log: &log,
            phase: &phase,
            allowed: Allowed::default(),
        };
        let mut crowd = preflight::users(&question).await.unwrap();
        crowd.door.keys.settled().await;
        let setters = &crowd.door.populations["new-password"];
        setters.let_set_password(setters.accounts.iter().map(|account| account.name.clone()).collect());
        for way in &mut crowd.ways {
            way.login = PATIENCE;
        }
        let address = crowd.door.addresses_of(RegionRole::Primary)[0];
        let front_door = SocketAddr::new(address, crowd.door.port);
        Self { crowd: Arc::new(crowd), elsewhere, front_door, wires: AtomicUsize::new(1), free: Mutex::default() }
    }

    /// One login through a wire, and how many turns the client took.
    async fn login(&self, case: &Case, cut: Cut) -> (LoginResult, usize) {
        let number = self.wires.fetch_add(1, Ordering::Relaxed);
        // Addresses are used again once the earlier login has long ended.
        let wire = Wire::lay(self.front_door, cut, number % 250 + 1);
        let who = self.who(case).await;
        let account = who.user().and_then(|name| self.account(case, name));
        let ended = self.straight(&case.flow, who, wire.address).await;
        self.free.lock().unwrap().entry(case.users).or_default().extend(account);
        (ended, wire.turns.load(Ordering::SeqCst))
    }

    fn account(&self, case: &Case, name: &str) -> Option<Account> {
        let accounts = &self.crowd.door.population(case.users)?.accounts;
        accounts.iter().find(|account| account.name == name).cloned()
    }

    async fn straight(&self, flow: &FlowShare, who: Who, address: IpAddr) -> LoginResult {
        let door = &self.crowd.door;
        let attempt = LoginRequest {
            scheduled: door.clock.now(),
            flow,
            client: door.client(flow.flow, flow.client.as_deref()).unwrap(),
            who,
            lookup: Lookup::Fixed(&[address]),
            choice: 0,
            jitter: Seed(1).stream("test"),
        };
        login(door, &self.crowd.ways[0], attempt, &CancellationToken::new()).await
    }

    /// Somebody who has not just used a code, or a token, or set a password.
    async fn who(&self, case: &Case) -> Who {
        let door = &self.crowd.door;
        if case.flow.flow == Flow::ClientCredentials {
            return Who::Machine;
        }
        let accounts = &door.population(case.users).unwrap().accounts;
        let account = {
            let mut free = self.free.lock().unwrap();
            let users = free.entry(case.users).or_insert_with(|| accounts.iter().cloned().collect());
            users.pop_front().unwrap()
        };
        if case.flow.flow.refreshes() {
            let sign_in = FlowShare::of(Flow::UserSrp, case.flow.client.clone(), None, Percent(1.0));
            let signed = self.straight(&sign_in, Who::Account(account.clone()), self.front_door.ip()).await;
            assert_eq!(signed.outcome, LoginOutcome::Succeeded);
            return Who::Token(Token::new(account.name, signed.trace.username, signed.trace.refresh.unwrap()));
        }
        if case.users == Some("new-password") {
            let call = door.admin.admin_set_user_password().user_pool_id(&door.pool_id).username(&account.name);
            let call = call.password(account.password.expose()).permanent(false).send();
            self.elsewhere.spawn(call).await.unwrap().unwrap();
        }
        Who::Account(account)
    }

    /// Cuts a flow at each of its turns, both ways.
    async fn cut_everywhere(&self, case: &Case, room: &Semaphore) {
        let label = case.flow.label();
        let (whole, turns) = self.login(case, Cut::Never).await;
        assert_eq!(whole.outcome, LoginOutcome::Succeeded, "{label} on a wire that is whole");
        let expected: BTreeSet<LoginStep> = case.steps.iter().copied().collect();
        let mut seen = BTreeSet::new();
        // Turns are not the same each time: tickets of TLS that come between two pieces of a request make two turns of it. So some cuts come too
        // late, and a step may be missed by all of them.
        for _ in 0..ROUNDS {
            seen.extend(self.cut_at_each(case, turns + 3, room).await);
            if seen.is_superset(&expected) {
                break;
            }
        }
        assert_eq!(seen, expected, "{label}: the steps at which it stalled");
        println!("{label}: {turns} turns");
    }

    /// Cuts a flow at each of its first `turns` turns, and gives the steps at which it stalled.
    async fn cut_at_each(&self, case: &Case, turns: usize, room: &Semaphore) -> Vec<LoginStep> {
        let cuts = (0..turns).flat_map(|turn| [Cut::Request(turn), Cut::Response(turn)]);
        let stalled = cuts.map(|cut| async move {
            let _place = room.acquire().await.unwrap();
            let began = self.crowd.door.clock.now();
            let (ended, took_turns) = self.login(case, cut).await;
            let label = case.flow.label();
            let took = ended.at.duration_since(began);
            // A login that begins with another one, for a token, takes that one's time as well.
            let patience = if case.flow.flow.refreshes() { PATIENCE * 2 } else { PATIENCE };
            assert!(took.as_secs_f64() <= (patience + SLACK).as_secs_f64(), "{label} at {cut:?}: {took}");
            match ended.outcome {
                LoginOutcome::Stalled { step } => {
                    let last = ended.trace.steps.last().unwrap();
                    assert_eq!((last.step, last.ended), (step, false), "{label} at {cut:?}");
                    assert!(ended.trace.steps.iter().rev().skip(1).all(|step| step.ended), "{label} at {cut:?}");
                    let sum: f64 = ended.trace.steps.iter().map(|step| step.ms / 1000.0).sum();
                    assert!(sum <= took.as_secs_f64() + 1e-3 && last.ms > 0.0, "{label} at {cut:?}: {sum} s of {took}");
                    let asked = ended.trace.to_put_back.is_some();
                    assert!(!asked || case.users == Some("new-password"), "{label} at {cut:?}");
                    step
                }
                // TLS hands out tickets when it likes; the login was over before the cut.
                LoginOutcome::Succeeded if cut.comes_after(took_turns) => LoginStep::ProtectedApi,
                other => panic!("{label} at {cut:?} of {turns}: {other:?}"),
            }
        });
        futures::future::join_all(stalled).await
    }
}

#[test]
fn a_blackhole_in_each_step_of_each_flow_is_a_stall_within_the_users_patience() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::start(SPEED);
    let labs = Runtime::new().unwrap();
    let timeouts = Timeouts { connect: Span::secs(3), login: Span(PATIENCE) };
    let options = LabOptions { timeouts, ..LabOptions::new(LabSettings::default(), clock, Seed(3)) };
    let lab = labs.block_on(Lab::start(options)).unwrap();
    let users = Runtime::new().unwrap();
    users.block_on(async {
        let estate = Estate::of(&lab, clock, folder.path(), labs.handle().clone()).await;
        let alive = || Handle::current().metrics().num_alive_tasks();
        let room = Semaphore::new(AT_ONCE);
        let (cases, room, estate) = (cases(), &room, &estate);
        // The resolver keeps what it talks through; the provider's name makes it talk.
        let federated = cases.iter().find(|case| case.flow.flow == Flow::Federated).unwrap();
        assert_eq!(estate.login(federated, Cut::Never).await.0.outcome, LoginOutcome::Succeeded);
        let before = alive();
        futures::future::join_all(cases.iter().map(|case| estate.cut_everywhere(case, room))).await;
        // A task that was aborted is gone once the runtime has looked at it.
        let until = Instant::now() + Duration::from_secs(10);
        while alive() > before && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(alive() <= before, "{} tasks live on, {before} did before", alive());
    });
    labs.block_on(lab.shutdown());
}
