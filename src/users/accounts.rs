//! Who logs in: populations of synthetic users, and the refresh tokens of their sessions.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use jiff::{SignedDuration, Timestamp};

use gameday_core::model::Secret;

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

/// Seconds for which a software token shows a code (what authenticator apps assume, and Cognito with them).
pub const TOTP_STEP_SECONDS: i64 = 30;

/// The number of the code that software tokens show at a moment.
pub(super) fn totp_step(at: Timestamp) -> i64 {
    at.as_second().div_euclid(TOTP_STEP_SECONDS)
}

/// A user's last sign-in with a code.
#[derive(Debug)]
struct UsedCode {
    began: Timestamp,
    step: i64,
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
    /// Whose code was used when, by name.
    codes: Mutex<HashMap<String, UsedCode>>,
    /// Those who may set one now.
    recorded: OnceLock<BTreeSet<String>>,
}

impl Population {
    /// These users.
    pub fn new(accounts: Vec<Account>, new_password: bool) -> Self {
        Self { accounts, new_password, ..Self::default() }
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

    /// Whether its users show codes of a software token.
    pub fn has_codes(&self) -> bool {
        self.accounts.first().is_some_and(|account| account.totp_secret.is_some())
    }

    /// The user for a drawn number. Users with a software token, and those who set a new password, take turns instead: neither can sign in
    /// twice at the same time. Nobody where no user has a code left that was not used.
    pub fn pick(&self, draw: u32, now: Timestamp) -> Option<&Account> {
        let in_turn = self.new_password || self.has_codes();
        if !in_turn {
            return self.accounts.get((draw as usize).checked_rem(self.accounts.len())?);
        }
        (0..self.accounts.len()).find_map(|_| {
            let number = self.turn.fetch_add(1, Ordering::Relaxed);
            self.accounts.get(number % self.accounts.len()).filter(|account| self.take_code(account, now))
        })
    }

    /// Lets a user sign in now, unless that would show a code for a second time: a code counts once (RFC 6238, section 5.2). Always where
    /// the user has none.
    pub fn take_code(&self, account: &Account, now: Timestamp) -> bool {
        if account.totp_secret.is_none() {
            return true;
        }
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        let (step, began) = (totp_step(now), now);
        // One that began within the step before may show its code only now.
        let free = codes.get(&account.name).is_none_or(|last| {
            last.step < step && began.duration_since(last.began) >= SignedDuration::from_secs(TOTP_STEP_SECONDS)
        });
        if free {
            codes.insert(account.name.clone(), UsedCode { began, step });
        }
        free
    }

    /// A user has shown the code of that step.
    pub(super) fn code_shown(&self, user: &str, step: i64) {
        if let Some(last) = self.codes.lock().unwrap_or_else(PoisonError::into_inner).get_mut(user) {
            last.step = last.step.max(step);
        }
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

/// Who logs in, and with what.
#[derive(Debug, Clone)]
pub enum Who {
    /// A user by name and password.
    Account(Account),
    /// The holder of a refresh token.
    Token(Token),
    /// The app client itself.
    Machine,
}

impl Who {
    /// The user's name, where there is a user.
    pub fn user(&self) -> Option<&str> {
        match self {
            Self::Account(account) => Some(&account.name),
            Self::Token(token) => Some(&token.user),
            Self::Machine => None,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn population(count: usize, totp: bool) -> Population {
        let account = |number: usize| Account {
            name: format!("user-{number}"),
            password: Secret::new("p"),
            totp_secret: totp.then(|| Secret::new("JBSWY3DPEHPK3PXPJBSWY3DPEH")),
        };
        Population::new((0..count).map(account).collect(), false)
    }

    #[test]
    fn c09_no_code_is_used_twice() {
        let users = population(5, true);
        let at = |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let mut shown = BTreeSet::new();
        let mut refused = 0;
        // One login a second, each of which shows its code two seconds later.
        for second in 0..300 {
            match users.pick(7, at(second)) {
                Some(account) => {
                    let step = totp_step(at(second + 2));
                    users.code_shown(&account.name, step);
                    assert!(shown.insert((account.name.clone(), step)), "{} in {second} s", account.name);
                }
                None => refused += 1,
            }
        }
        assert!(shown.len() >= 5 * 7 && refused > 200, "{} {refused}", shown.len());
        // As many users as start within 30 s are enough, and whoever has no code is never kept.
        let enough = population(31, true);
        assert!((0..300).all(|second| enough.pick(7, at(second)).is_some()));
        let plain = population(1, false);
        assert!((0..9).all(|_| plain.pick(3, at(0)).is_some()));
    }
}
