//! Our SRP client and pycognito's, given the same sign-in, say the same.

use std::cell::RefCell;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gameday_core::model::Secret;
use gameday_protocols::srp::{self, Challenge, ClientSession, ServerSession, Verifier};
use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha20Rng;
use serde_json::{Value, json};

use crate::tools::{Running, in_repository};

/// pycognito, in a process of its own for all cases.
struct Peer {
    _process: Running,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Peer {
    fn start(python: &Path) -> Self {
        let script = in_repository("tests/conformance/srp_peer.py");
        let mut command = Command::new(python);
        let mut process = command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        Self { _process: Running(process), input, output }
    }

    fn ask(&mut self, case: &Value) -> Value {
        writeln!(self.input, "{case}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("pycognito failed, see its standard error: {case}"))
    }
}

/// What is on the wire as B.
#[derive(Debug, Clone)]
enum PublicB {
    /// Our server's.
    Ours,
    /// The same with so many zeros in front.
    Padded(usize),
    /// Any number.
    Any(String),
}

#[derive(Debug, Clone)]
struct Case {
    user: String,
    password: String,
    pool_name: String,
    client_secret: String,
    salt: String,
    b: PublicB,
    seed: u64,
    at: i64,
}

fn cases() -> impl Strategy<Value = Case> {
    let text = || prop_oneof!["[ -~]{1,20}", "\\PC{1,30}", any::<String>()];
    let b = prop_oneof![
        3 => Just(PublicB::Ours),
        1 => (1..9_usize).prop_map(PublicB::Padded),
        // Of odd and even length, of one digit to more than N has.
        1 => "0{0,3}[1-9a-f][0-9a-f]{0,20}".prop_map(PublicB::Any),
        1 => "[0-9a-f]{700,768}[1-9]".prop_map(PublicB::Any),
    ];
    // Some begin with zeros or with the high bit, some have an odd number of digits.
    let salt = prop_oneof!["[1-9a-f][0-9a-f]{31}", "0{1,4}[0-9a-f]{28}", "[89a-f][0-9a-f]{31}", "[0-9a-f]{1,33}"];
    let who = (text(), text(), "[0-9A-Za-z]{9}", "[0-9a-z]{20,52}");
    // Until 2100.
    (who, salt, b, any::<u64>(), 0..4_102_444_800_i64).prop_map(|(who, salt, b, seed, at)| {
        let (user, password, pool_name, client_secret) = who;
        Case { user, password, pool_name, client_secret, salt, b, seed, at }
    })
}

/// Both are given the same random numbers: ours by its generator, pycognito as a number.
fn agree(case: &Case, peer: &mut Peer) -> Result<(), TestCaseError> {
    let pool = format!("eu-central-1_{}", case.pool_name);
    let rng = || ChaCha20Rng::seed_from_u64(case.seed);
    let (client, mut same, mut other) = (ClientSession::new(&mut rng()), rng(), rng());
    other.set_stream(1);
    let (mut a, mut salt, mut secret_block) = ([0; 32], [0; 16], [0; 48]);
    same.fill_bytes(&mut a);
    other.fill_bytes(&mut salt);
    other.fill_bytes(&mut secret_block);
    let password = Secret::new(&case.password);
    let verifier = Verifier::new(&pool, &case.user, &password, &salt);
    let server = ServerSession::new(&verifier, &mut other);
    let ours = server.public_b_hex();
    let (salt_hex, srp_b_hex) = match &case.b {
        PublicB::Ours => (verifier.salt_hex(), ours),
        PublicB::Padded(zeros) => (verifier.salt_hex(), "0".repeat(*zeros) + &ours),
        PublicB::Any(b) => (case.salt.clone(), b.clone()),
    };
    let challenge = Challenge { salt_hex, srp_b_hex, secret_block_b64: STANDARD.encode(secret_block) };
    let theirs = peer.ask(&json!({
        "pool": pool, "user": case.user, "password": case.password, "client_id": "client0123",
        "client_secret": case.client_secret, "a": a, "salt": challenge.salt_hex, "b": challenge.srp_b_hex,
        "secret_block": challenge.secret_block_b64, "at": case.at,
    }));
    let (asked, answered) = (&theirs["asked"], &theirs["answered"]);
    let hash = srp::secret_hash(&case.user, "client0123", &Secret::new(&case.client_secret));
    let timestamp = srp::timestamp(Timestamp::from_second(case.at).unwrap());
    let claim = client.claim(&pool, &case.user, &password, &challenge, &timestamp).unwrap();
    prop_assert_eq!(&client.public_a_hex(), asked["SRP_A"].as_str().unwrap());
    prop_assert_eq!(&hash, asked["SECRET_HASH"].as_str().unwrap());
    prop_assert_eq!(&hash, answered["SECRET_HASH"].as_str().unwrap());
    prop_assert_eq!(&timestamp, answered["TIMESTAMP"].as_str().unwrap());
    prop_assert_eq!(&claim, answered["PASSWORD_CLAIM_SIGNATURE"].as_str().unwrap());
    let accepted = server.check(asked["SRP_A"].as_str().unwrap(), &secret_block, &timestamp, &claim);
    prop_assert_eq!(accepted, !matches!(case.b, PublicB::Any(_)));
    Ok(())
}

/// Runs 64 sign-ins.
pub fn agrees_with_pycognito(python: &Path) {
    let peer = RefCell::new(Peer::start(python));
    let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
    TestRunner::new(config).run(&cases(), |case| agree(&case, &mut peer.borrow_mut())).unwrap();
}
