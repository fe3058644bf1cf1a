//! What a login page needs of a browser: cookies, one page after the other, nothing loaded beside them.

use bytes::Bytes;
use cookie_store::CookieStore;
use http::header::{ACCEPT, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method};
use url::{Url, form_urlencoded};

use crate::users::attempt_context::{AttemptContext, broken};
use gameday_core::model::LoginOutcome;

/// What a form's body is.
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
const PAGES: HeaderValue = HeaderValue::from_static("text/html,application/xhtml+xml");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("GameDay/", env!("CARGO_PKG_VERSION")));

/// A browser with its cookies; it forgets them with the login.
#[derive(Debug, Default)]
pub(super) struct Browser {
    cookies: CookieStore,
}

/// A page that came.
#[derive(Debug)]
pub(super) struct Page {
    /// Its address.
    pub url: Url,
    /// Where it sends the browser on to.
    pub location: Option<Url>,
    /// What it shows.
    pub body: Bytes,
}

impl Browser {
    /// Opens a page.
    pub(super) async fn get(&mut self, context: &mut AttemptContext<'_>, url: Url) -> Result<Page, LoginOutcome> {
        self.send(context, Method::GET, url, None).await
    }

    /// Sends a form.
    pub(super) async fn post(
        &mut self,
        context: &mut AttemptContext<'_>,
        url: Url,
        fields: &[(String, String)],
    ) -> Result<Page, LoginOutcome> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send(context, Method::POST, url, Some(body)).await
    }

    async fn send(
        &mut self,
        context: &mut AttemptContext<'_>,
        method: Method,
        url: Url,
        body: Option<String>,
    ) -> Result<Page, LoginOutcome> {
        let step = context.step;
        let mut headers = HeaderMap::from_iter([(ACCEPT, PAGES), (USER_AGENT, AGENT)]);
        let cookies: Vec<String> =
            self.cookies.get_request_values(&url).map(|(name, value)| format!("{name}={value}")).collect();
        if let Some(cookies) = HeaderValue::from_str(&cookies.join("; ")).ok().filter(|value| !value.is_empty()) {
            headers.insert(COOKIE, cookies);
        }
        if body.is_some() {
            headers.insert(CONTENT_TYPE, FORM);
        }
        let response = ask(context, method, &url, headers, body.unwrap_or_default()).await?;
        for cookie in response.headers().get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            // A cookie of another domain, or a broken one, is dropped as browsers do.
            let _ = self.cookies.parse(cookie, &url);
        }
        let status = response.status();
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let location = location.filter(|_| status.is_redirection()).and_then(|text| url.join(text).ok());
        match status.as_u16() {
            429 => Err(LoginOutcome::Throttled { step }),
            200 => Ok(Page { url, location: None, body: response.into_body() }),
            _ if location.is_some() => Ok(Page { url, location, body: Bytes::new() }),
            status => Err(LoginOutcome::Rejected { step, code: format!("HTTP {status}") }),
        }
    }
}

/// One request over HTTPS, to whichever host.
pub(super) async fn ask(
    context: &mut AttemptContext<'_>,
    method: Method,
    url: &Url,
    headers: HeaderMap,
    body: String,
) -> Result<http::Response<Bytes>, LoginOutcome> {
    let step = context.step;
    let refused = |code: &str| LoginOutcome::Rejected { step, code: code.to_owned() };
    // A password or a code must not go out in the clear, whoever asks for it.
    let (Some(host), "https") = (url.host_str(), url.scheme()) else {
        return Err(refused("redirect to a URL without HTTPS"));
    };
    let connection = context.connection_to(host, url.port_or_known_default().unwrap_or(443)).await?;
    let mut request = http::Request::new(Bytes::from(body));
    *request.method_mut() = method;
    *request.uri_mut() = url.as_str().parse().map_err(|_| refused("redirect to an invalid URL"))?;
    *request.headers_mut() = headers;
    connection.send(request).await.map_err(|error| broken(&error, step))
}
