//! What the login pages of user pool and identity provider share: parameters, forms with a CSRF token, cookies,
//! redirects, and the errors of OAuth 2.0.

use askama::Template;
use aws_lc_rs::digest;
use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use headers::authorization::{Basic, Bearer};
use headers::{Authorization, ContentType, Cookie, HeaderMapExt};
use rand::RngExt;
use serde_json::json;
use url::{Url, form_urlencoded};

use gameday_core::model::Secret;

/// The cookie with the CSRF token (what Cognito's managed login sets).
pub(crate) const CSRF_COOKIE: &str = "XSRF-TOKEN";
/// The form's field with the same token.
const CSRF_FIELD: &str = "_csrf";
/// Bytes of a code, a token or a session's name: more than anyone can guess.
const OPAQUE_BYTES: usize = 32;

/// A new random text that needs no encoding in URLs, cookies and forms.
pub(crate) fn opaque() -> String {
    URL_SAFE_NO_PAD.encode(rand::rng().random::<[u8; OPAQUE_BYTES]>())
}

/// The parameters of a query or a form.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads what is percent-encoded. Nothing where a parameter stands twice (RFC 6749, section 3.1: parameters "MUST NOT be
    /// included more than once").
    pub(crate) fn parse(encoded: &[u8]) -> Option<Self> {
        let all: Vec<(String, String)> = form_urlencoded::parse(encoded).into_owned().collect();
        let twice = |(n, (name, _)): (usize, &(String, String))| all[..n].iter().any(|(earlier, _)| earlier == name);
        (!all.iter().enumerate().any(twice)).then_some(Self(all))
    }

    /// A parameter's value. An empty one counts as left out (RFC 6749, section 3.1).
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, value)| known == name && !value.is_empty())?;
        Some(value)
    }

    /// The words of a parameter that is a list with spaces, as `scope`.
    pub(crate) fn words(&self, name: &str) -> Vec<String> {
        self.get(name).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
    }

    /// With one more parameter, or another value for it.
    #[must_use]
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let others = self.0.iter().filter(|(known, _)| known != name).cloned();
        Self(others.chain([(name.to_owned(), value.to_owned())]).collect())
    }

    /// Percent-encoded again.
    pub(crate) fn query(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}

/// Pairs as a query or as a form's body.
pub(crate) fn encoded(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Sends the browser somewhere, with further parameters in the query; those without a value are left out.
pub(crate) fn redirect(to: &Url, parameters: &[(&str, Option<&str>)]) -> Response {
    let mut to = to.clone();
    let given = parameters.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
    let given: Vec<_> = given.collect();
    if !given.is_empty() {
        to.query_pairs_mut().extend_pairs(given);
    }
    found(to.as_str())
}

/// 302 to a location that is encoded already.
pub(crate) fn found(location: &str) -> Response {
    // Every location comes from the encoder of `url`, which leaves visible ASCII alone.
    let location = HeaderValue::from_str(location).unwrap_or_else(|_| HeaderValue::from_static("/"));
    let headers = [(header::LOCATION, location), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    (StatusCode::FOUND, headers).into_response()
}

/// An error in the words of RFC 6749, section 5.2.
pub(crate) fn refused(status: StatusCode, error: &str, description: Option<&str>) -> Response {
    let mut body = json!({ "error": error });
    if let Some(description) = description {
        body["error_description"] = description.into();
    }
    (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

/// A page that only says what is wrong.
pub(crate) fn page_refused(why: &str) -> Response {
    (StatusCode::BAD_REQUEST, [(header::CACHE_CONTROL, "no-store")], why.to_owned()).into_response()
}

/// A field of a login form.
pub(crate) struct Field {
    /// Its name in what is sent.
    pub name: &'static str,
    label: &'static str,
    kind: &'static str,
    autocomplete: &'static str,
}

/// Who signs in.
pub(crate) const USERNAME: Field =
    Field { name: "username", label: "Username", kind: "text", autocomplete: "username" };
/// By what.
pub(crate) const PASSWORD: Field =
    Field { name: "password", label: "Password", kind: "password", autocomplete: "current-password" };
/// The code of an authenticator app.
pub(crate) const TOTP_CODE: Field =
    Field { name: "authentication_code", label: "Code", kind: "text", autocomplete: "one-time-code" };

/// A link below a login form.
pub(crate) struct PageLink {
    /// Where it leads.
    pub to: String,
    /// What it says.
    pub text: String,
}

/// A login form.
pub(crate) struct Form<'a> {
    /// The page's title.
    pub title: &'a str,
    /// The form's own name.
    pub name: &'a str,
    /// Where it is sent.
    pub action: &'a str,
    /// Why the last attempt failed.
    pub error: Option<&'a str>,
    /// What to fill in.
    pub fields: &'a [Field],
    /// Other ways to sign in.
    pub links: &'a [PageLink],
}

#[derive(Template)]
#[template(path = "login.html")]
struct Page<'a> {
    title: &'a str,
    name: &'a str,
    action: &'a str,
    error: Option<&'a str>,
    fields: &'a [Field],
    links: &'a [PageLink],
    csrf: &'a str,
}

impl Form<'_> {
    /// The page, with a new CSRF token in form and cookie.
    pub(crate) fn page(&self) -> Response {
        let csrf = opaque();
        let Self { title, name, action, error, fields, links } = *self;
        match (Page { title, name, action, error, fields, links, csrf: &csrf }).render() {
            Ok(page) => {
                let mut response = ([(header::CACHE_CONTROL, "no-store")], Html(page)).into_response();
                set_cookie(&mut response, CSRF_COOKIE, &csrf);
                response
            }
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        }
    }
}

/// Whether a request says that its body is a form, in whatever character set: its percent-encoding is UTF-8 anyway.
pub(crate) fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.typed_get::<ContentType>().map(|kind| kind.to_string()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim() == "application/x-www-form-urlencoded")
}

/// Whether a form carries the token of the cookie that came with it: another site can send neither.
pub(crate) fn is_own_form(headers: &HeaderMap, form: &Parameters) -> bool {
    let cookie = cookie(headers, CSRF_COOKIE);
    cookie.is_some() && cookie.as_deref() == form.get(CSRF_FIELD)
}

/// A cookie that the browser sent.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.typed_get::<Cookie>()?.get(name)?.to_owned();
    (!value.is_empty()).then_some(value)
}

/// Sets a cookie for as long as the browser runs. Names and values here need no quoting.
pub(crate) fn set_cookie(response: &mut Response, name: &str, value: &str) {
    append_cookie(response, &format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax"));
}

/// Takes a cookie back.
pub(crate) fn clear_cookie(response: &mut Response, name: &str) {
    append_cookie(response, &format!("{name}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"));
}

fn append_cookie(response: &mut Response, cookie: &str) {
    // No name and no value here has a character that a header may not have.
    if let Ok(cookie) = HeaderValue::from_str(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// The bearer token of a request.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<String> {
    Some(headers.typed_get::<Authorization<Bearer>>()?.token().to_owned())
}

/// Who asks at a token endpoint.
pub(crate) struct Caller {
    /// The client's ID.
    pub id: String,
    /// Its secret, where it gave one.
    pub secret: Option<Secret>,
}

/// A client's ID and secret, by HTTP Basic or in the body (RFC 6749, section 2.3.1); nothing where neither names one,
/// or both do and differ.
pub(crate) fn caller(headers: &HeaderMap, form: &Parameters) -> Option<Caller> {
    let in_body = form.get("client_id");
    let Some(basic) = headers.typed_get::<Authorization<Basic>>() else {
        return Some(Caller { id: in_body?.to_owned(), secret: form.get("client_secret").map(Secret::new) });
    };
    // Both are percent-encoded before they are joined, says the RFC.
    let id = decode(basic.username());
    let differs = in_body.is_some_and(|other| other != id) || form.get("client_secret").is_some();
    (!differs).then(|| Caller { id, secret: Some(Secret::new(decode(basic.password()))) })
}

fn decode(text: &str) -> String {
    let pair = format!("={text}");
    form_urlencoded::parse(pair.as_bytes()).map(|(_, value)| value.into_owned()).next().unwrap_or_default()
}

/// Whether a code verifier fits the challenge that was made from it (RFC 7636, section 4.6, method S256). Without a challenge
/// there must be no verifier.
pub(crate) fn verifier_fits(verifier: Option<&str>, challenge: Option<&str>) -> bool {
    match (verifier, challenge) {
        (None, None) => true,
        (Some(verifier), Some(challenge)) => {
            // Section 4.1: 43 to 128 characters.
            let fits = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes())) == challenge;
            (43..=128).contains(&verifier.len()) && fits
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn parameters_are_decoded_and_never_repeated() {
        let query = Parameters::parse(b"scope=openid+a%2Fb&state=&nonce=%26").unwrap();
        assert_eq!(query.words("scope"), ["openid", "a/b"]);
        assert_eq!((query.get("state"), query.get("nonce"), query.get("other")), (None, Some("&"), None));
        assert!(Parameters::parse(query.query().as_bytes()).as_ref() == Some(&query));
        assert!(Parameters::parse(b"state=1&state=2").is_none());
    }

    #[test]
    fn a_redirect_keeps_what_the_uri_has_and_encodes_the_rest() {
        let to = Url::parse("https://app.gameday.test/callback?keep=1").unwrap();
        let response = redirect(&to, &[("code", Some("a b&c")), ("state", None)]);
        assert_eq!(response.status(), StatusCode::FOUND);
        assert_eq!(response.headers()[header::LOCATION], "https://app.gameday.test/callback?keep=1&code=a+b%26c");
    }

    #[test]
    fn a_form_is_escaped_and_guarded_by_its_token() {
        let form = Form {
            title: "<Lab>",
            name: "form",
            action: "/login?a=1&b=\"2\"",
            error: Some("<no>"),
            fields: &[USERNAME],
            links: &[],
        };
        let response = form.page();
        let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap().to_owned();
        let (token, _) = cookie.strip_prefix("XSRF-TOKEN=").unwrap().split_once(';').unwrap();
        let sent = |cookie: &str, field: &str| {
            let form = Parameters::parse(format!("_csrf={field}").as_bytes()).unwrap();
            is_own_form(&headers(&[(header::COOKIE, &format!("a=b; XSRF-TOKEN={cookie}"))]), &form)
        };
        assert!(sent(token, token));
        assert!(!sent(token, "other") && !sent(token, "") && !sent("", ""));
        assert!(!is_own_form(&HeaderMap::new(), &Parameters::parse(format!("_csrf={token}").as_bytes()).unwrap()));
    }

    #[test]
    fn a_form_is_one_in_every_character_set() {
        let sent = |kind: &str| is_form(&headers(&[(header::CONTENT_TYPE, kind)]));
        assert!(sent("application/x-www-form-urlencoded"));
        assert!(sent("application/x-www-form-urlencoded;charset=UTF-8"));
        assert!(!sent("application/json") && !sent("text/plain") && !is_form(&HeaderMap::new()));
    }

    #[test]
    fn callers_name_themselves_in_one_way() {
        let basic = |pair: &str| {
            let value = base64::engine::general_purpose::STANDARD.encode(pair);
            headers(&[(header::AUTHORIZATION, &format!("Basic {value}"))])
        };
        let told = |headers: &HeaderMap, form: &str| {
            let caller = caller(headers, &Parameters::parse(form.as_bytes()).unwrap())?;
            Some((caller.id, caller.secret.map(|secret| secret.expose().to_owned())))
        };
        let with = |secret: &str| Some(("id".to_owned(), Some(secret.to_owned())));
        assert_eq!(told(&basic("id:se%2Fcret+1"), ""), with("se/cret 1"));
        assert_eq!(told(&basic("id:secret"), "client_id=id"), with("secret"));
        assert_eq!(told(&basic("id:secret"), "client_id=other"), None);
        assert_eq!(told(&basic("id:secret"), "client_secret=secret"), None);
        assert_eq!(told(&HeaderMap::new(), "client_id=id&client_secret=x"), with("x"));
        assert_eq!(told(&HeaderMap::new(), "client_id=id"), Some(("id".to_owned(), None)));
        assert_eq!(told(&HeaderMap::new(), ""), None);
    }

    /// The example of RFC 7636, appendix B.
    #[test]
    fn a_verifier_fits_its_challenge_alone() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        assert!(verifier_fits(Some(verifier), Some(challenge)));
        assert!(!verifier_fits(Some(&verifier.replace('d', "e")), Some(challenge)));
        assert!(!verifier_fits(None, Some(challenge)));
        assert!(!verifier_fits(Some(verifier), None));
        assert!(verifier_fits(None, None));
    }
}
