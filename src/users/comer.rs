//! Who comes when a login falls due: a user by name, a machine, or the holder of a session, and what becomes of the session.

use std::borrow::Cow;

use crate::model::{Flow, LoginOutcome};
use crate::scenario::FlowShare;

use super::accounts::{Token, Turn};
use super::attempt::{Ended, Who};
use super::crowd::Crowd;
use super::retry;

/// Who comes, and how: by the flow that was drawn, or by password where a session is over.
pub(super) struct Comer<'a> {
    pub flow: Cow<'a, FlowShare>,
    pub who: Who,
}

/// Preflight lets no flow through that has nobody.
fn nobody() -> LoginOutcome {
    LoginOutcome::harness("nobody to log in")
}

impl Crowd {
    /// Who comes, and how; else why nobody does.
    pub(super) fn comer<'a>(&self, flow: &'a FlowShare, draw: u32) -> Result<Comer<'a>, LoginOutcome> {
        let usual = |who| Comer { flow: Cow::Borrowed(flow), who };
        let users = || self.door.population(flow.users.as_deref()).ok_or_else(nobody);
        let turn = match flow.flow {
            Flow::RefreshToken => self.tokens.share(&flow.label(), draw),
            Flow::TokensFromRefreshToken => self.tokens.take(&flow.label()),
            Flow::ClientCredentials => return Ok(usual(Who::Machine)),
            _ => return users()?.pick(draw).cloned().map(|user| usual(Who::Account(user))).ok_or_else(nobody),
        };
        match turn.ok_or(LoginOutcome::NoSession)? {
            Turn::Session(token) => Ok(usual(Who::Token(token))),
            Turn::SignedOut(user) => {
                let account = users()?.accounts.iter().find(|account| account.name == user).cloned();
                let sign_in = FlowShare::of(Flow::UserSrp, flow.client.clone(), flow.users.clone(), flow.share);
                Ok(Comer { flow: Cow::Owned(sign_in), who: Who::Account(account.ok_or_else(nobody)?) })
            }
        }
    }

    /// Gives a user's session to whoever comes next. With rotation, the answer with the next token may have been lost, and then the old one
    /// is refused: a token that the service refused is of no more use, and its user has to sign in.
    pub(super) fn give_back(&self, flow: &str, user: String, token: Option<Token>, ended: &Ended) {
        let over = matches!(ended.outcome, LoginOutcome::Rejected { .. }) && !retry::may_help(&ended.outcome);
        let known = ended.username.clone().or_else(|| token.as_ref().map(|token| token.username.clone()));
        match ended.refresh.clone().or(token.filter(|_| !over).map(|token| token.refresh)) {
            Some(refresh) => self.tokens.put(flow, Token::new(user, known, refresh)),
            None => self.tokens.lost(flow, user),
        }
    }
}
