use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rand::RngExt;
use tokio::task::JoinError;
use uuid::Builder;

use super::directory::{Change, Directory, GROUP, Status, User};
use super::processors;
use crate::env::LabSettings;
use crate::model::{Secret, Seed};
use crate::srp;

/// The user that carries replication canaries.
pub(super) const CANARY: &str = "replication-canary";

/// Its attribute for them.
pub(super) const CANARY_ATTRIBUTE: &str = "custom:canary";

/// Bytes of a salt (what Cognito's have).
pub(super) const SALT_BYTES: usize = 16;

/// A password of 144 random bits that fits every password policy.
pub(super) fn password() -> Secret {
    let random: [u8; 18] = rand::rng().random();
    Secret::new(format!("Gd1-{}", URL_SAFE_NO_PAD.encode(random)))
}

/// A directory of the synthetic users and the canary, and the users' names.
pub(super) async fn users(
    settings: &LabSettings,
    pool_id: &str,
    password: &Secret,
    seed: Seed,
    created: Timestamp,
) -> Result<(Directory, Vec<String>), JoinError> {
    let names: Vec<String> = (1..=settings.users).map(|number| format!("synthetic-{number:04}")).collect();
    let mut rng = seed.stream("users");
    let mut all: Vec<(String, String)> = Vec::new();
    for name in names.iter().map(String::as_str).chain([CANARY]) {
        all.push((name.to_owned(), Builder::from_random_bytes(rng.random()).into_uuid().to_string()));
    }
    let share = all.len().div_ceil(processors());
    // A verifier costs an exponentiation: a share of them for each processor.
    let shares = all.chunks(share).map(|share| {
        let (share, pool_id, password) = (share.to_vec(), pool_id.to_owned(), password.clone());
        tokio::task::spawn_blocking(move || {
            let user = |(name, sub)| user(name, sub, &pool_id, &password, created);
            share.into_iter().map(user).collect::<Vec<_>>()
        })
    });
    let mut directory = Directory::default();
    for user in futures::future::try_join_all(shares).await?.into_iter().flatten() {
        directory.apply(Change::Put(Arc::new(user)));
    }
    Ok((directory, names))
}

fn user(name: String, sub: String, pool_id: &str, password: &Secret, created: Timestamp) -> User {
    let mut attributes = BTreeMap::from([
        ("email".to_owned(), format!("{name}@example.com")),
        ("email_verified".to_owned(), "true".to_owned()),
        ("custom:tenant".to_owned(), "retail".to_owned()),
        ("custom:risk_profile".to_owned(), "standard".to_owned()),
    ]);
    if name == CANARY {
        attributes.insert(CANARY_ATTRIBUTE.to_owned(), "0".to_owned());
    }
    User {
        verifier: verifier(pool_id, &name, password),
        name,
        sub,
        status: Status::Confirmed,
        enabled: true,
        attributes,
        groups: BTreeSet::from([GROUP.to_owned()]),
        created,
        modified: created,
    }
}

/// A verifier with a salt of its own.
pub(super) fn verifier(pool_id: &str, name: &str, password: &Secret) -> srp::Verifier {
    let salt: [u8; SALT_BYTES] = rand::rng().random();
    srp::Verifier::new(pool_id, name, password, &salt)
}
