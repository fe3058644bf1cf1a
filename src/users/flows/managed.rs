//! Managed login in a browser: authorize with PKCE (RFC 7636), the login form, the code, tokens. Redirects are followed by hand, and the
//! last one, to the app's own address, never is.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngExt;
use url::Url;

use crate::users::accounts::Account;
use crate::users::attempt_context::{AttemptContext, bounded};
use crate::users::login_target::Managed;
use gameday_core::model::{LoginOutcome, LoginStep};

use super::browser::{Browser, Page};
use super::form::{Asks, Filling, Form};
use super::{Signed, token_endpoint, totp};

/// A login that takes more pages than this goes in a circle; our own choice. Browsers give up after 20 redirects.
const MOST_PAGES: usize = 20;

/// Bytes of `state`, `nonce` and the code verifier: 43 characters, the least that RFC 7636 allows (section 4.1).
const RANDOM_BYTES: usize = 32;

fn random() -> String {
    URL_SAFE_NO_PAD.encode(rand::rng().random::<[u8; RANDOM_BYTES]>())
}

pub(super) async fn sign_in(context: &mut AttemptContext<'_>, account: &Account) -> Result<Signed, LoginOutcome> {
    browse(context, account, None).await
}

/// Signs in at the pool's own form, or at that of an identity provider.
pub(super) async fn browse(
    context: &mut AttemptContext<'_>,
    account: &Account,
    provider: Option<&str>,
) -> Result<Signed, LoginOutcome> {
    // Preflight lets no such flow through without managed login and a callback URL.
    let managed =
        context.door.managed.as_ref().ok_or_else(|| LoginOutcome::harness("the environment has no managed login"))?;
    let callback = context.client.redirect_uri.as_deref().unwrap_or_default();
    let to = Url::parse(callback).map_err(|_| LoginOutcome::harness("the app client has no callback URL"))?;
    context.connection_to(&managed.domain, managed.port).await?;
    context.next(LoginStep::Authorize);
    let (state, nonce, verifier) = (random(), random(), random());
    let challenge = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
    let mut authorize = token_endpoint::address(managed, "/oauth2/authorize")?;
    let scopes = context.client.scopes.join(" ");
    authorize.query_pairs_mut().extend_pairs([
        ("response_type", "code"),
        ("client_id", &context.client.id),
        ("redirect_uri", callback),
        ("scope", &scopes),
        ("state", &state),
        ("nonce", &nonce),
        ("code_challenge_method", "S256"),
        ("code_challenge", &challenge),
    ]);
    if let Some(provider) = provider {
        authorize.query_pairs_mut().append_pair("identity_provider", provider);
    }
    let journey = Journey { managed, account, callback: &to, by_provider: provider.is_some(), sent: Vec::new() };
    let back = Box::pin(journey.go(context, authorize)).await?;
    let step = context.step;
    let parameter = |name: &str| back.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    if parameter("state").as_deref() != Some(&state) {
        return Err(LoginOutcome::Rejected { step, code: "the answer has a different state parameter".to_owned() });
    }
    let no_code = || LoginOutcome::Rejected { step, code: "the answer has no authorization code".to_owned() };
    let code = parameter("code").ok_or_else(no_code)?;
    context.next(LoginStep::Token);
    let grant = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", callback),
        ("code_verifier", &verifier),
    ];
    let signed = token_endpoint::ask(context, managed, &grant).await?;
    Ok(Signed { nonce: Some(nonce), ..signed })
}

/// From the first page to the app's own address.
struct Journey<'a> {
    managed: &'a Managed,
    account: &'a Account,
    callback: &'a Url,
    by_provider: bool,
    /// What was filled in already.
    sent: Vec<Asks>,
}

impl Journey<'_> {
    /// Gives the address with the code, which nobody visits.
    async fn go(mut self, context: &mut AttemptContext<'_>, first: Url) -> Result<Url, LoginOutcome> {
        let mut browser = Browser::default();
        let mut page = browser.get(context, first).await?;
        for _ in 0..MOST_PAGES {
            page = match page.location.take() {
                Some(to) => {
                    let step = self.step(context, &to);
                    if let Some(code) = error(&to) {
                        return Err(LoginOutcome::Rejected { step: context.step, code });
                    }
                    if same_page(&to, self.callback) {
                        return Ok(to);
                    }
                    if context.step != step {
                        context.next(step);
                    }
                    browser.get(context, to).await?
                }
                None => self.fill(context, &mut browser, &page).await?,
            };
        }
        Err(LoginOutcome::Rejected { step: context.step, code: "redirect loop".to_owned() })
    }

    fn is_own(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        host.eq_ignore_ascii_case(&self.managed.domain) && url.port_or_known_default() == Some(self.managed.port)
    }

    /// The step that a redirect leads to. On the way back from the provider the pool still talks to it.
    fn step(&self, context: &AttemptContext<'_>, to: &Url) -> LoginStep {
        match (self.is_own(to), context.step) {
            (false, _) | (true, LoginStep::IdentityProvider) => LoginStep::IdentityProvider,
            (true, step @ LoginStep::Mfa) => step,
            (true, _) => LoginStep::LoginForm,
        }
    }

    async fn fill(
        &mut self,
        context: &mut AttemptContext<'_>,
        browser: &mut Browser,
        page: &Page,
    ) -> Result<Page, LoginOutcome> {
        let own = self.is_own(&page.url);
        let forms = Form::all(&page.body);
        let asks = |form: &Form| form.asks().filter(|asks| *asks != Asks::Nothing);
        let asking = forms.iter().find_map(|form| asks(form).map(|asks| (form, asks)));
        let handed_on =
            || forms.iter().find(|form| form.asks() == Some(Asks::Nothing)).map(|form| (form, Asks::Nothing));
        let Some((form, asks)) = asking.or_else(handed_on) else {
            return Err(refused(context, "the page has no login form"));
        };
        if own && !self.by_provider && context.step == LoginStep::Authorize {
            context.next(LoginStep::LoginForm);
        }
        if asks == Asks::Code && context.step != LoginStep::Mfa {
            context.next(LoginStep::Mfa);
        }
        // Nobody types a password of the pool at the provider, or the other way round.
        if asks != Asks::Nothing && own == self.by_provider {
            let code = if own { "unexpected login form of the pool" } else { "login form of an unexpected host" };
            return Err(refused(context, code));
        }
        if asks != Asks::Nothing && self.sent.contains(&asks) {
            return Err(refused(context, "the login form was shown again"));
        }
        let code = self.account.totp_secret.as_ref().and_then(|secret| totp::shown(context, self.account, secret));
        if asks == Asks::Code && code.is_none() {
            let challenge = "SOFTWARE_TOKEN_MFA".to_owned();
            return Err(LoginOutcome::ChallengeUnsupported { step: context.step, challenge });
        }
        self.sent.push(asks);
        let action = form.action.as_deref().unwrap_or_default();
        let action = page.url.join(action).map_err(|_| refused(context, "the form has an invalid action URL"))?;
        if asks != Asks::Nothing && self.is_own(&action) != own {
            return Err(refused(context, "the form submits to another host"));
        }
        let account = self.account;
        let code = code.unwrap_or_default();
        let with = Filling { name: &account.name, password: account.password.expose(), code: &code };
        browser.post(context, action, &form.filled(with)).await
    }
}

fn refused(context: &AttemptContext<'_>, code: &str) -> LoginOutcome {
    LoginOutcome::Rejected { step: context.step, code: code.to_owned() }
}

/// The error that a redirect tells (RFC 6749, section 4.1.2.1), bounded; nothing where it tells none.
fn error(to: &Url) -> Option<String> {
    let parameter = |name: &str| to.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    let error = parameter("error")?;
    let told = parameter("error_description").map_or_else(|| error.clone(), |why| format!("{error}: {}", why.trim()));
    Some(bounded(&told))
}

/// Whether two addresses differ in their parameters alone.
fn same_page(one: &Url, other: &Url) -> bool {
    let page = |url: &Url| {
        let mut url = url.clone();
        url.set_query(None);
        url.set_fragment(None);
        url
    };
    page(one) == page(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_apps_own_address_is_known_whatever_its_parameters() {
        let url = |text: &str| Url::parse(text).unwrap();
        let callback = url("https://app.gameday.test/callback?keep=1");
        assert!(same_page(&url("https://app.gameday.test/callback?code=1&state=2"), &callback));
        assert!(!same_page(&url("https://app.gameday.test/callback/x?code=1"), &callback));
        assert!(!same_page(&url("https://app.gameday.test:8443/callback"), &callback));
        assert!(same_page(&url("app://back?code=1"), &url("app://back")));
    }

    #[test]
    fn an_error_is_told_in_bounds() {
        let url = |query: &str| Url::parse(&format!("https://app.gameday.test/callback?{query}")).unwrap();
        assert_eq!(error(&url("code=1&state=2")), None);
        assert_eq!(error(&url("error=access_denied&state=2")).unwrap(), "access_denied");
        let told = error(&url(&format!("error=invalid_request&error_description=not+here%0A{}", "x".repeat(999))));
        let told = told.unwrap();
        assert!(told.starts_with("invalid_request: not here") && told.len() <= 120, "{told}");
        assert!(!told.contains('\n'));
    }
}
