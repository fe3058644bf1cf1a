use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use rand::RngExt;
use serde_json::json;
use tokio::task::JoinError;
use uuid::Builder;

use super::clients::IDENTITY_PROVIDER;
use super::directory::{Change, Directory, GROUP, Group, Status, User};
use super::mfa::UserMfa;
use super::processors;
use crate::estate::cognito::UserPool;
use gameday_core::env::LabSettings;
use gameday_core::model::{Secret, Seed};
use gameday_protocols::srp;
use gameday_protocols::timer;

/// The user that carries replication canaries.
pub(super) const CANARY: &str = "replication-canary";

/// Its attribute for them.
pub(super) use crate::estate::cognito::CANARY_ATTRIBUTE;

/// Bytes of a salt, as in Cognito's answers; AWS documents no figure.
pub(super) const SALT_BYTES: usize = 16;

/// Users with something special beside the synthetic ones; all have the same password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Population {
    /// Sign in with a software token.
    Totp,
    /// Must set a new password.
    NewPassword,
    /// Sign out everywhere, which would end the sessions of others.
    SignOut,
    /// Sign in at the identity provider, and have done so before.
    Federated,
}

impl Population {
    /// All, in the order in which an environment lists them.
    pub(crate) const ALL: [Self; 4] = [Self::Totp, Self::NewPassword, Self::SignOut, Self::Federated];

    /// What scenarios call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::NewPassword => "new-password",
            Self::SignOut => "sign-out",
            Self::Federated => "federated",
        }
    }

    /// User names; of federated users, those at the identity provider.
    pub(crate) fn users(self) -> Vec<String> {
        // Codes are accepted once in 30 s, so that it takes more users to sign in as often.
        let (prefix, count) = match self {
            Self::Totp => ("synthetic-totp", 40),
            Self::NewPassword => ("synthetic-new", 10),
            Self::SignOut => ("synthetic-out", 10),
            Self::Federated => ("synthetic-fed", 10),
        };
        (1..=count).map(|number| format!("{prefix}-{number:02}")).collect()
    }
}

/// A password of 144 random bits that fits every password policy.
pub(super) fn password() -> Secret {
    let random: [u8; 18] = rand::rng().random();
    Secret::new(format!("Gd1-{}", URL_SAFE_NO_PAD.encode(random)))
}

/// What the first users are made from.
pub(super) struct Seeding {
    pub pool_id: String,
    /// Customers who sign in with a software token.
    pub totp_customers: u32,
    pub password: Secret,
    /// In base32.
    pub totp_secret: Secret,
    pub seed: Seed,
    pub created: Timestamp,
}

impl Seeding {
    /// A directory of the synthetic users, the populations and the canary; and the synthetic users' names.
    pub(super) async fn directory(self, settings: &LabSettings) -> Result<(Directory, Vec<String>), JoinError> {
        let names: Vec<String> = (1..=settings.users).map(|number| format!("synthetic-{number:04}")).collect();
        let special = Population::ALL.into_iter().flat_map(|population| {
            let users = population.users().into_iter();
            users.map(move |name| (name, Some(population)))
        });
        let mut rng = self.seed.stream("users");
        let mut sub = || Builder::from_random_bytes(rng.random()).into_uuid().to_string();
        let customers =
            (1..=self.totp_customers).map(|number| (format!("customer-{number:04}"), Some(Population::Totp)));
        let all = names.iter().cloned().chain([CANARY.to_owned()]).map(|name| (name, None)).chain(special);
        let all = all.chain(customers);
        let all: Vec<_> = all.map(|(name, population)| (name, population, sub())).collect();
        let mut directory = Directory::default();
        let name = provider_group(&self.pool_id);
        let group = Group { name, description: None, precedence: None, role_arn: None, created: self.created };
        directory.apply(Change::PutGroup(Arc::new(group)));
        let share = all.len().div_ceil(processors());
        let this = Arc::new(self);
        // A verifier costs an exponentiation: a share of them for each processor.
        let shares = all.chunks(share).map(|share| {
            let (share, this) = (share.to_vec(), Arc::clone(&this));
            timer::compute(move || {
                share.into_iter().map(|(name, population, sub)| this.user(name, population, sub)).collect::<Vec<_>>()
            })
        });
        for user in futures::future::try_join_all(shares).await?.into_iter().flatten() {
            directory.apply(Change::Put(Arc::new(user)));
        }
        Ok((directory, names))
    }

    fn user(&self, name: String, population: Option<Population>, sub: String) -> User {
        let mut attributes = BTreeMap::from([
            ("email".to_owned(), format!("{name}@example.com")),
            ("email_verified".to_owned(), "true".to_owned()),
            ("custom:tenant".to_owned(), "retail".to_owned()),
            ("custom:risk_profile".to_owned(), "standard".to_owned()),
        ]);
        if name == CANARY {
            attributes.insert(CANARY_ATTRIBUTE.to_owned(), "0".to_owned());
        }
        let mut user = User {
            verifier: None,
            name,
            sub,
            status: Status::Confirmed,
            enabled: true,
            attributes,
            groups: BTreeSet::from([GROUP.to_owned()]),
            mfa: UserMfa::default(),
            created: self.created,
            modified: self.created,
        };
        match population {
            Some(Population::Totp) => {
                let secret = Some(self.totp_secret.clone());
                user.mfa = UserMfa { secret, enabled: true, preferred: true, ..UserMfa::default() };
            }
            Some(Population::NewPassword) => user.status = Status::ForceChangePassword,
            Some(Population::Federated) => {
                federate(&mut user, &self.pool_id);
                return user;
            }
            Some(Population::SignOut) | None => {}
        }
        user.verifier = Some(verifier(&self.pool_id, &user.name, &self.password));
        user
    }
}

/// A Region's directory as its estate has it: with its groups, without what has not come there.
pub(super) fn settled(mut directory: Directory, pool: &UserPool, created: Timestamp) -> Directory {
    for group in &pool.groups {
        let (name, precedence) = (group.name.clone(), group.precedence.map(u64::from));
        let group = Group { name, precedence, role_arn: group.role_arn.clone(), description: None, created };
        directory.apply(Change::PutGroup(Arc::new(group)));
    }
    for name in &pool.lost_users {
        directory.apply(Change::Delete(name.clone()));
    }
    let mut change = |name: &String, change: &dyn Fn(&mut User)| {
        // A user who is not there has nothing to be changed.
        let Ok(user) = directory.user(name) else { return };
        let mut user = User::clone(&user);
        change(&mut user);
        directory.apply(Change::Put(Arc::new(user)));
    };
    for (name, attributes) in &pool.changed_users {
        change(name, &|user| user.attributes.extend(attributes.clone()));
    }
    for name in &pool.users_without_groups {
        change(name, &|user| user.groups.clear());
    }
    directory
}

/// The name in the pool of a user of the identity provider.
pub(super) fn federated_name(name: &str) -> String {
    format!("{IDENTITY_PROVIDER}_{name}")
}

/// The group that Cognito puts an identity provider's users into.
pub(super) fn provider_group(pool_id: &str) -> String {
    format!("{pool_id}_{IDENTITY_PROVIDER}")
}

/// Makes of a user one who signs in at the identity provider, under that name.
pub(super) fn federate(user: &mut User, pool_id: &str) {
    let identity = json!([{
        "userId": user.name,
        "providerName": IDENTITY_PROVIDER,
        "providerType": "OIDC",
        "issuer": null,
        "primary": "true",
        "dateCreated": user.created.as_millisecond().to_string(),
    }]);
    user.attributes.insert("identities".to_owned(), identity.to_string());
    user.groups.insert(provider_group(pool_id));
    user.name = federated_name(&user.name);
    user.status = Status::ExternalProvider;
}

/// A verifier with a salt of its own.
pub(super) fn verifier(pool_id: &str, name: &str, password: &Secret) -> srp::Verifier {
    let salt: [u8; SALT_BYTES] = rand::rng().random();
    srp::Verifier::new(pool_id, name, password, &salt)
}
