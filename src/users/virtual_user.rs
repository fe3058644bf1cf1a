//! Who comes when a login falls due: a user by name, a machine, or the holder of a session, and what becomes of the session.

use std::borrow::Cow;

use jiff::Timestamp;

use gameday_core::model::{Flow, LoginOutcome};
use gameday_core::scenario::FlowShare;

use super::accounts::{Account, Population, Token, Turn, Who};
use super::attempt::LoginResult;
use super::load_generator::LoadGenerator;
use super::retry;

/// Who comes, and how: by the flow that was drawn, or by password where a session is over.
pub(super) struct VirtualUser<'a> {
    pub flow: Cow<'a, FlowShare>,
    pub who: Who,
}

/// Preflight lets no flow through that has nobody.
fn nobody() -> LoginOutcome {
    LoginOutcome::harness("no user is available to log in")
}

/// A code that counts no second time would only show that there are too few users; preflight tells of that, too.
fn no_code() -> LoginOutcome {
    LoginOutcome::harness("every user of the population has already used the TOTP code of these 30 s")
}

fn next(users: &Population, draw: u32, now: Timestamp) -> Result<Account, LoginOutcome> {
    let missing = if users.accounts.is_empty() { nobody } else { no_code };
    users.pick(draw, now).cloned().ok_or_else(missing)
}

impl LoadGenerator {
    /// Who comes, and how; else why nobody does.
    pub(super) fn comer<'a>(&self, flow: &'a FlowShare, draw: u32) -> Result<VirtualUser<'a>, LoginOutcome> {
        let usual = |who| VirtualUser { flow: Cow::Borrowed(flow), who };
        let now = self.door.clock.now();
        let users = || self.door.population(flow.users.as_deref()).ok_or_else(nobody);
        let turn = match flow.flow {
            Flow::RefreshToken => self.tokens.share(&flow.label(), draw),
            Flow::TokensFromRefreshToken => self.tokens.take(&flow.label()),
            Flow::ClientCredentials => return Ok(usual(Who::Machine)),
            _ => return next(users()?, draw, now).map(|user| usual(Who::Account(user))),
        };
        match turn.ok_or(LoginOutcome::NoSession)? {
            Turn::Session(token) => Ok(usual(Who::Token(token))),
            Turn::SignedOut(user) => {
                let users = users()?;
                let account = users.accounts.iter().find(|account| account.name == user).ok_or_else(nobody)?;
                if !users.take_code(account, now) {
                    self.tokens.lost(&flow.label(), user);
                    return Err(no_code());
                }
                let by = self.load.sign_in_flow(flow.client.as_deref(), flow.users.as_deref());
                let sign_in = FlowShare::of(by, flow.client.clone(), flow.users.clone(), flow.share);
                Ok(VirtualUser { flow: Cow::Owned(sign_in), who: Who::Account(account.clone()) })
            }
        }
    }

    /// Gives a user's session to whoever comes next. With rotation, the answer with the next token may have been lost, and then the old one
    /// is refused: a token that the service refused is of no more use, and its user has to sign in.
    pub(super) fn give_back(&self, flow: &str, user: String, token: Option<Token>, ended: &LoginResult) {
        let over = matches!(ended.outcome, LoginOutcome::Rejected { .. }) && !retry::may_help(&ended.outcome);
        let known = ended.trace.username.clone().or_else(|| token.as_ref().map(|token| token.username.clone()));
        match ended.trace.refresh.clone().or(token.filter(|_| !over).map(|token| token.refresh)) {
            Some(refresh) => self.tokens.put(flow, Token::new(user, known, refresh)),
            None => self.tokens.lost(flow, user),
        }
    }
}
