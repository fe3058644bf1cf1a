//! Who logs in: populations of synthetic users, and the refresh tokens of their sessions.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use crate::model::Secret;

/// A synthetic user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: Secret,
    /// Its TOTP secret in base32, where it signs in with a software token.
    pub totp_secret: Option<Secret>,
}

/// Users of one kind.
#[derive(Debug, Default)]
pub struct Population {
    /// The users.
    pub accounts: Vec<Account>,
    /// They must set a new password at each sign-in, and are put back afterwards.
    pub new_password: bool,
    /// Whose turn it is.
    turn: AtomicUsize,
    /// Those who may set one now.
    recorded: OnceLock<BTreeSet<String>>,
}

impl Population {
    /// These users.
    pub fn new(accounts: Vec<Account>, new_password: bool) -> Self {
        Self { accounts, new_password, turn: AtomicUsize::new(0), recorded: OnceLock::new() }
    }

    /// From now on these users set the new password that they are asked for: there is a record by which they are put back, whatever
    /// happens. It can be said once.
    pub fn let_set_password(&self, users: BTreeSet<String>) {
        let _ = self.recorded.set(users);
    }

    /// Whether a user sets the new password that it is asked for.
    pub fn sets_password(&self, user: &str) -> bool {
        self.new_password && self.recorded.get().is_some_and(|users| users.contains(user))
    }

    /// The user for a drawn number. Users with a software token, and those who set a new password, take turns instead: neither can sign in
    /// twice at the same time.
    pub fn pick(&self, draw: u32) -> Option<&Account> {
        let in_turn = self.new_password || self.accounts.first().is_some_and(|account| account.totp_secret.is_some());
        let number = if in_turn { self.turn.fetch_add(1, Ordering::Relaxed) } else { draw as usize };
        self.accounts.get(number.checked_rem(self.accounts.len())?)
    }
}

/// A refresh token and whose it is.
#[derive(Debug, Clone)]
pub struct Token {
    /// The user, by the name that the environment has.
    pub user: String,
    /// The name that the pool has for the user: another one where users sign in by an alias or an e-mail address.
    pub username: String,
    /// The token.
    pub refresh: Secret,
}

impl Token {
    /// The refresh token of a sign-in, whose access token told the pool's name where it has one.
    pub fn new(user: String, username: Option<String>, refresh: Secret) -> Self {
        Self { username: username.unwrap_or_else(|| user.clone()), user, refresh }
    }
}

/// Whose turn it is in a flow that lives on refresh tokens.
#[derive(Debug, Clone)]
pub(super) enum Turn {
    /// Somebody who is signed in.
    Session(Token),
    /// A user whose refresh token was refused.
    SignedOut(String),
}

/// Refresh tokens of sign-ins, for each flow that lives on them, by its label. The first ones are from before the fault.
#[derive(Debug, Default)]
pub struct Tokens(Mutex<BTreeMap<String, VecDeque<Turn>>>);

impl Tokens {
    /// Adds one, or gives one back.
    pub fn put(&self, flow: &str, token: Token) {
        self.add(flow, Turn::Session(token));
    }

    /// A user has no token any more, and is the one to sign in when it is their turn again.
    pub(super) fn lost(&self, flow: &str, user: String) {
        self.add(flow, Turn::SignedOut(user));
    }

    fn add(&self, flow: &str, turn: Turn) {
        self.lock().entry(flow.to_owned()).or_default().push_back(turn);
    }

    /// The one for a drawn number, which others may use at the same time: the same seed gives the same users.
    pub(super) fn share(&self, flow: &str, draw: u32) -> Option<Turn> {
        let tokens = self.lock();
        let tokens = tokens.get(flow)?;
        tokens.get((draw as usize).checked_rem(tokens.len())?).cloned()
    }

    /// Takes the one that was unused longest: with rotation a token may be used by one client at a time.
    pub(super) fn take(&self, flow: &str) -> Option<Turn> {
        self.lock().get_mut(flow)?.pop_front()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, VecDeque<Turn>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
