//! The lab's managed login, OAuth 2.0 endpoints and federation, walked over HTTPS as browsers and clients do.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use gameday_core::env::{AppClient, Environment, LabSettings, SecretRef};
use gameday_core::model::{Clock, Seed, Span};
use gameday_lab::{Lab, LabOptions};
use gameday_protocols::net::{self, Connection};
use gameday_protocols::timer::Timer as _;
use http::{HeaderMap, Method, Request, StatusCode, header};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

const IDENTITY_PROVIDER: &str = "127.0.6.1";
const CALLBACK: &str = "https://app.gameday.test/callback";
/// The example of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A lab whose replica follows at once.
struct World {
    lab: Lab,
    environment: Environment,
    clock: Clock,
    tls: tokio_rustls::TlsConnector,
    password: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    Primary,
    Replica,
}

const BOTH: [At; 2] = [At::Primary, At::Replica];

async fn world() -> World {
    let clock = Clock::start(1.0);
    let settings = LabSettings { lag_median: Span::default(), ..LabSettings::default() };
    let lab = Lab::start(LabOptions::new(settings, clock, Seed(7))).await.unwrap();
    let environment = lab.environment();
    let tls = net::client_tls(Some(lab.trust_root_pem())).unwrap();
    let password = literal(environment.users.as_ref().unwrap().password.as_ref().unwrap());
    World { lab, environment, clock, tls, password }
}

fn literal(secret: &SecretRef) -> String {
    let SecretRef::Literal(secret) = secret else { panic!("the lab hands secrets over") };
    secret.expose().to_owned()
}

impl World {
    fn domain(&self) -> String {
        let managed = self.environment.managed_login.as_ref().unwrap();
        format!("https://{}:{}", managed.domain, managed.port)
    }

    fn client(&self, name: &str) -> &AppClient {
        let clients = &self.environment.pool.as_ref().unwrap().clients;
        clients.iter().find(|client| client.name == name).unwrap()
    }

    fn region(&self, at: At) -> String {
        let region = match at {
            At::Primary => &self.environment.primary,
            At::Replica => &self.environment.replica,
        };
        region.as_ref().unwrap().region.to_string()
    }

    fn browser(&self, at: At) -> Browser<'_> {
        Browser { world: self, at, cookies: BTreeMap::new() }
    }

    fn authorize(&self, changed: &[(&str, &str)]) -> Url {
        let client = self.client("web");
        let mut pairs = vec![
            ("response_type", "code"),
            ("client_id", &client.id),
            ("redirect_uri", CALLBACK),
            ("scope", "openid email gameday/accounts.read"),
            ("state", "a&b"),
            ("nonce", "n-1"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        pairs.retain(|(name, _)| changed.iter().all(|(other, _)| other != name));
        pairs.extend(changed.iter().filter(|(_, value)| !value.is_empty()));
        Url::parse_with_params(&format!("{}/oauth2/authorize", self.domain()), pairs).unwrap()
    }

    async fn send(&self, at: At, url: &Url, method: Method, headers: HeaderMap, body: String) -> Page {
        let host = url.host_str().unwrap();
        let exchange = async {
            let tcp = net::connect(address(url, at)).await.unwrap();
            let mut connection = Connection::open(&self.tls, net::server_name(host).unwrap(), tcp).await.unwrap();
            let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
            let mut request = Request::builder().method(method).uri(path).body(Bytes::from(body)).unwrap();
            *request.headers_mut() = headers;
            let authority = format!("{host}:{}", url.port().unwrap());
            request.headers_mut().insert(header::HOST, authority.parse().unwrap());
            connection.send(request).await.unwrap()
        };
        let response = tokio::time::timeout(Duration::from_secs(30), exchange).await.expect("no answer");
        let (head, body) = response.into_parts();
        let location = head.headers.get(header::LOCATION).map(|to| url.join(to.to_str().unwrap()).unwrap());
        Page { status: head.status, headers: head.headers, location, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    /// What a client sends from its own server.
    async fn post(&self, at: At, path: &str, pairs: &[(&str, &str)], credentials: Option<(&str, &str)>) -> Page {
        let mut headers = form_headers();
        if let Some((id, secret)) = credentials {
            let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")));
            headers.insert(header::AUTHORIZATION, basic.parse().unwrap());
        }
        let url = Url::parse(&format!("{}{path}", self.domain())).unwrap();
        self.send(at, &url, Method::POST, headers, encoded(pairs)).await
    }

    async fn get_with(&self, at: At, path: &str, token: &str) -> Page {
        let url = Url::parse(&format!("{}{path}", self.domain())).unwrap();
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap())]);
        self.send(at, &url, Method::GET, headers, String::new()).await
    }

    /// Redeems a code, with what is changed.
    async fn redeem(&self, at: At, code: &str, changed: &[(&str, &str)]) -> Page {
        let client = self.client("web").id.clone();
        let mut pairs = vec![
            ("grant_type", "authorization_code"),
            ("client_id", &client),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        pairs.retain(|(name, _)| changed.iter().all(|(other, _)| other != name));
        pairs.extend(changed);
        self.post(at, "/oauth2/token", &pairs, None).await
    }

    async fn refresh(&self, at: At, token: &str) -> Page {
        let client = self.client("web").id.clone();
        let pairs = [("grant_type", "refresh_token"), ("client_id", client.as_str()), ("refresh_token", token)];
        self.post(at, "/oauth2/token", &pairs, None).await
    }
}

/// Where a name leads: the front door's to the Region that is meant, whatever its record says.
fn address(url: &Url, at: At) -> SocketAddr {
    let address = match url.host_str().unwrap() {
        "idp.gameday.test" => IDENTITY_PROVIDER,
        "us-east-1.auth.gameday.test" => "127.0.1.10",
        "us-west-2.auth.gameday.test" => "127.0.2.10",
        "auth.gameday.test" if at == At::Primary => "127.0.1.10",
        "auth.gameday.test" => "127.0.2.138",
        other => panic!("{other} is no name of the lab's"),
    };
    SocketAddr::new(address.parse().unwrap(), url.port().unwrap())
}

struct Page {
    status: StatusCode,
    headers: HeaderMap,
    location: Option<Url>,
    body: String,
}

impl Page {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{} {}", self.status, self.body))
    }

    fn text(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.body)).to_owned()
    }

    /// A parameter of the location that the page sends to.
    fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = self.location.as_ref()?.query_pairs();
        pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }

    fn is_back_at_the_client(&self) -> bool {
        self.location.as_ref().is_some_and(|to| to.as_str().starts_with(CALLBACK))
    }

    /// The code with which the client gets its user back.
    fn code(&self) -> String {
        assert!(self.is_back_at_the_client(), "{} {:?} {}", self.status, self.location, self.body);
        assert_eq!(self.parameter("state").as_deref(), Some("a&b"));
        self.parameter("code").unwrap_or_else(|| panic!("no code: {:?}", self.location))
    }

    /// What the client is told instead of a code.
    fn refused(&self) -> (String, String) {
        assert!(self.is_back_at_the_client(), "{} {:?} {}", self.status, self.location, self.body);
        assert_eq!(self.parameter("code"), None);
        assert_eq!(self.parameter("state").as_deref(), Some("a&b"));
        (self.parameter("error").unwrap(), self.parameter("error_description").unwrap_or_default())
    }

    /// What stands in the page between two texts.
    fn between(&self, before: &str, after: &str) -> Option<String> {
        let (_, rest) = self.body.split_once(before)?;
        Some(rest.split_once(after)?.0.replace("&#38;", "&").replace("&#39;", "'"))
    }

    fn alert(&self) -> Option<String> {
        self.between("role=\"alert\">", "<")
    }
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn form_headers() -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_TYPE, "application/x-www-form-urlencoded".parse().unwrap())])
}

/// The claims of a token, which is not verified here.
fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// A browser of somebody whom the failover record leads to one Region.
struct Browser<'a> {
    world: &'a World,
    at: At,
    /// By host and name.
    cookies: BTreeMap<(String, String), String>,
}

impl Browser<'_> {
    async fn ask(&mut self, url: &Url, method: Method, mut headers: HeaderMap, body: String) -> Page {
        let host = url.host_str().unwrap().to_owned();
        let own = self.cookies.iter().filter(|((of, _), _)| *of == host);
        let cookies: Vec<String> = own.map(|((_, name), value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            headers.insert(header::COOKIE, cookies.join("; ").parse().unwrap());
        }
        let page = self.world.send(self.at, url, method, headers, body).await;
        for cookie in page.headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.contains("Secure") && cookie.contains("HttpOnly"), "{cookie}");
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            let key = (host.clone(), name.to_owned());
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(&key);
            } else {
                self.cookies.insert(key, value.to_owned());
            }
        }
        page
    }

    async fn get(&mut self, url: &Url) -> Page {
        self.ask(url, Method::GET, HeaderMap::new(), String::new()).await
    }

    /// Follows redirects within the lab.
    async fn follow(&mut self, mut page: Page) -> Page {
        while let Some(to) = page.location.clone().filter(|_| !page.is_back_at_the_client()) {
            page = self.get(&to).await;
        }
        page
    }

    async fn open(&mut self, url: &Url) -> Page {
        let page = self.get(url).await;
        self.follow(page).await
    }

    /// Fills in the form of a page, which was got from `at`.
    async fn fill_in(&mut self, at: &Url, page: &Page, fields: &[(&str, &str)]) -> Page {
        let action =
            page.between("action=\"", "\"").unwrap_or_else(|| panic!("no form: {} {}", page.status, page.body));
        let csrf = page.between("name=\"_csrf\" value=\"", "\"").unwrap();
        let mut pairs = vec![("_csrf", csrf.as_str())];
        pairs.extend(fields);
        self.ask(&at.join(&action).unwrap(), Method::POST, form_headers(), encoded(&pairs)).await
    }

    /// Signs in by the login form of managed login.
    async fn sign_in(&mut self, user: &str, password: &str) -> Page {
        let start = self.world.authorize(&[]);
        let form = self.open(&start).await;
        self.fill_in(&start, &form, &[("username", user), ("password", password)]).await
    }

    /// Signs in at the identity provider, up to where the browser is sent after that.
    async fn at_provider(&mut self, user: &str, password: &str) -> Page {
        let away = self.get(&self.world.authorize(&[("identity_provider", "GameDayIdP")])).await;
        let provider = away.location.clone().unwrap();
        assert_eq!(provider.host_str(), Some("idp.gameday.test"), "{provider}");
        let form = self.get(&provider).await;
        self.fill_in(&provider, &form, &[("username", user), ("password", password)]).await
    }

    async fn federated(&mut self, user: &str) -> Page {
        let password = self.world.password.clone();
        let back = self.at_provider(user, &password).await;
        self.follow(back).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_with_pkce_becomes_tokens_that_work_in_both_regions() {
    let world = world().await;
    for (at, other) in [(At::Primary, At::Replica), (At::Replica, At::Primary)] {
        let code = world.browser(at).sign_in("synthetic-0001", &world.password).await.code();
        let answer = world.redeem(at, &code, &[]).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        assert_eq!(
            (answer.json()["token_type"].clone(), answer.json()["expires_in"].clone()),
            (json!("Bearer"), json!(3600))
        );
        let (access, id, refresh) =
            (answer.text("access_token"), answer.text("id_token"), answer.text("refresh_token"));
        let told = claims(&access);
        assert_eq!(told["scope"], "openid email gameday/accounts.read");
        assert_eq!((&told["client_id"], &told["username"]), (&json!(world.client("web").id), &json!("synthetic-0001")));
        assert_eq!(told["serving_region"], world.region(at));
        let about = claims(&id);
        assert_eq!((&about["nonce"], &about["aud"]), (&json!("n-1"), &told["client_id"]));
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, access.as_bytes());
        assert_eq!(about["at_hash"], URL_SAFE_NO_PAD.encode(&hash.as_ref()[..16]));

        for here in BOTH {
            assert_eq!(world.get_with(here, "/api/account", &access).await.status, StatusCode::OK);
            let info = world.get_with(here, "/oauth2/userInfo", &access).await;
            assert_eq!(info.json()["sub"], told["sub"], "{}", info.body);
            assert_eq!(info.json()["email"], "synthetic-0001@example.com");
            assert_eq!(info.json()["custom:tenant"], Value::Null, "the scope email opens no more");
        }
        // The refresh token is replicated.
        let renewed = renew(&world, other, &refresh).await;
        let again = claims(&renewed.text("access_token"));
        assert_eq!((&again["scope"], &again["serving_region"]), (&told["scope"], &json!(world.region(other))));
        assert_eq!(claims(&renewed.text("id_token"))["nonce"], Value::Null, "the nonce was for the first ID token");
        assert_eq!(renewed.json()["refresh_token"], Value::Null, "the client has no rotation");

        let client = world.client("web").id.clone();
        let pairs = [("token", refresh.as_str()), ("client_id", client.as_str())];
        let revoked = world.post(at, "/oauth2/revoke", &pairs, None).await;
        assert_eq!((revoked.status, revoked.body.as_str()), (StatusCode::OK, ""));
        let refused = world.refresh(at, &refresh).await;
        assert_eq!((refused.status, refused.text("error").as_str()), (StatusCode::BAD_REQUEST, "invalid_grant"));
        let gone = world.get_with(at, "/oauth2/userInfo", &access).await;
        assert_eq!(gone.status, StatusCode::UNAUTHORIZED, "{}", gone.body);
        assert!(gone.headers[header::WWW_AUTHENTICATE].to_str().unwrap().contains("invalid_token"));
    }
    world.lab.shutdown().await;
}

/// Asks the other Region until the refresh token is there.
async fn renew(world: &World, at: At, token: &str) -> Page {
    let asking = async {
        loop {
            let answer = world.refresh(at, token).await;
            if answer.status == StatusCode::OK {
                return answer;
            }
            assert_eq!(answer.text("error"), "invalid_grant");
            world.clock.sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asking).await.expect("the refresh token was never replicated")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_counts_once_in_its_region_for_its_client_and_verifier() {
    let world = world().await;
    let mut browser = world.browser(At::Primary);
    // Each further code comes without a form.
    let mut code = browser.sign_in("synthetic-0002", &world.password).await.code();
    let service = world.client("service");
    for changed in [
        ("code_verifier", "wrong-but-long-enough-for-a-verifier-of-43-characters"),
        ("code_verifier", ""),
        ("redirect_uri", "https://elsewhere.test/callback"),
        ("code", "unknown"),
    ] {
        let refused = world.redeem(At::Primary, &code, &[changed]).await;
        assert_eq!(
            (refused.status, refused.text("error").as_str()),
            (StatusCode::BAD_REQUEST, "invalid_grant"),
            "{changed:?}"
        );
        if changed.0 != "code" {
            let spent = world.redeem(At::Primary, &code, &[]).await;
            assert_eq!(spent.text("error"), "invalid_grant", "a code is tried once");
            code = browser.get(&world.authorize(&[])).await.code();
        }
    }
    assert_eq!(world.redeem(At::Replica, &code, &[]).await.text("error"), "invalid_grant", "the replica never saw it");
    assert_eq!(world.redeem(At::Primary, &code, &[("client_id", "nobody")]).await.text("error"), "invalid_client");
    assert_eq!(world.redeem(At::Primary, &code, &[("client_id", &service.id)]).await.text("error"), "invalid_client");
    assert_eq!(
        world.redeem(At::Primary, &code, &[("grant_type", "password")]).await.text("error"),
        "unsupported_grant_type"
    );
    assert_eq!(world.redeem(At::Primary, &code, &[("grant_type", "")]).await.text("error"), "invalid_request");
    assert_eq!(world.redeem(At::Primary, &code, &[]).await.status, StatusCode::OK, "none of these spent it");
    assert_eq!(world.redeem(At::Primary, &code, &[]).await.text("error"), "invalid_grant", "used twice");
    world.lab.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_login_form_takes_the_right_password_with_its_own_token_alone() {
    let world = world().await;
    let start = world.authorize(&[]);
    for at in BOTH {
        let mut browser = world.browser(at);
        let form = browser.open(&start).await;
        let action = start.join(&form.between("action=\"", "\"").unwrap()).unwrap();
        assert_eq!(action.path(), "/login");
        let csrf = form.between("name=\"_csrf\" value=\"", "\"").unwrap();
        for (token, with_cookie) in [("other", true), ("", true), (csrf.as_str(), false)] {
            let kept = browser.cookies.clone();
            if !with_cookie {
                browser.cookies.clear();
            }
            let pairs = [("_csrf", token), ("username", "synthetic-0003"), ("password", &world.password)];
            let answer = browser.ask(&action, Method::POST, form_headers(), encoded(&pairs)).await;
            assert_eq!((answer.status, answer.location), (StatusCode::BAD_REQUEST, None), "{token} {with_cookie}");
            browser.cookies = kept;
        }
        for (user, password) in [
            ("synthetic-0003", "wrong"),
            ("nobody", world.password.as_str()),
            ("GameDayIdP_synthetic-fed-01", &world.password),
        ] {
            let answer = browser.sign_in(user, password).await;
            assert_eq!((answer.status, answer.location.as_ref()), (StatusCode::OK, None), "{user}");
            assert_eq!(answer.alert().as_deref(), Some("Incorrect username or password."), "{user}");
        }
        // The form with the error is one to fill in.
        let again = browser.sign_in("synthetic-0003", "wrong").await;
        let fields = [("username", "synthetic-0003"), ("password", world.password.as_str())];
        browser.fill_in(&start, &again, &fields).await.code();
    }
    world.lab.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_has_signed_in_sees_no_form_until_it_signs_out() {
    let world = world().await;
    let mut browser = world.browser(At::Primary);
    browser.sign_in("synthetic-0004", &world.password).await.code();
    let code = browser.get(&world.authorize(&[])).await.code();
    let tokens = world.redeem(At::Primary, &code, &[]).await;
    assert_eq!(claims(&tokens.text("access_token"))["username"], "synthetic-0004");
    let form = browser.open(&world.authorize(&[("prompt", "login")])).await;
    assert!(form.between("name=\"username\"", ">").is_some(), "{}", form.body);
    // The other Region does not know the session.
    browser.at = At::Replica;
    assert_eq!(browser.get(&world.authorize(&[("prompt", "none")])).await.refused().0, "login_required");
    browser.at = At::Primary;
    browser.get(&world.authorize(&[("prompt", "none")])).await.code();

    // GlobalSignOut ends the tokens and leaves the browser alone (Cognito API reference).
    let code = browser.get(&world.authorize(&[("scope", "")])).await.code();
    let token = world.redeem(At::Primary, &code, &[]).await.text("access_token");
    let call = Url::parse(&format!("{}/", world.domain())).unwrap();
    let target = "AWSCognitoIdentityProviderService.GlobalSignOut".parse().unwrap();
    let headers = HeaderMap::from_iter([(http::HeaderName::from_static("x-amz-target"), target)]);
    let body = json!({ "AccessToken": token }).to_string();
    assert_eq!(world.send(At::Primary, &call, Method::POST, headers, body).await.status, StatusCode::OK);
    assert_eq!(world.get_with(At::Primary, "/oauth2/userInfo", &token).await.status, StatusCode::UNAUTHORIZED);
    let code = browser.get(&world.authorize(&[("prompt", "none")])).await.code();
    let token = world.redeem(At::Primary, &code, &[]).await.text("access_token");
    assert_eq!(world.get_with(At::Primary, "/oauth2/userInfo", &token).await.status, StatusCode::OK);

    let client = &world.client("web").id;
    let away = [("client_id", client.as_str()), ("logout_uri", CALLBACK)];
    let away = Url::parse_with_params(&format!("{}/logout", world.domain()), away).unwrap();
    let session = browser.cookies.clone();
    assert_eq!(browser.get(&away).await.location.unwrap().as_str(), CALLBACK);
    // Not only the browser has forgotten it.
    browser.cookies = session;
    assert_eq!(browser.get(&world.authorize(&[("prompt", "none")])).await.refused().0, "login_required");
    world.lab.shutdown().await;
}

/// The first user of a population, and what a sign-in in a Region ends with.
async fn special(browser: &mut Browser<'_>, population: &str) -> (String, Page) {
    let populations = &browser.world.environment.users.as_ref().unwrap().populations;
    let user = populations.iter().find(|known| known.name == population).unwrap().names[0].clone();
    let password = browser.world.password.clone();
    let page = browser.sign_in(&user, &password).await;
    (user, page)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_software_token_is_asked_for_at_the_primary_and_refused_at_the_replica() {
    let world = world().await;
    let (_, refused) = special(&mut world.browser(At::Replica), "totp").await;
    assert_eq!(refused.location, None);
    assert!(refused.alert().unwrap().contains("not enabled in us-west-2"), "{}", refused.body);

    let mut browser = world.browser(At::Primary);
    let (user, form) = special(&mut browser, "totp").await;
    assert!(form.between("action=\"", "\"").unwrap().starts_with("/mfa?"), "{}", form.body);
    let start = world.authorize(&[]);
    let wrong = browser.fill_in(&start, &form, &[("authentication_code", "abc")]).await;
    assert_eq!((wrong.location.as_ref(), wrong.alert().as_deref()), (None, Some("Invalid code received for user")));
    // Neither the password alone nor a code without it is enough.
    let kept = browser.cookies.clone();
    browser.cookies.retain(|(_, name), _| name != "cognito-mfa");
    let lost = browser.fill_in(&start, &wrong, &[("authentication_code", "123456")]).await;
    assert_eq!(lost.alert().as_deref(), Some("Your session has expired."));
    assert_eq!(browser.get(&world.authorize(&[("prompt", "none")])).await.refused().0, "login_required");

    browser.cookies = kept;
    let populations = &world.environment.users.as_ref().unwrap().populations;
    let secret = populations.iter().find(|known| known.name == "totp").unwrap().totp_secret.as_ref().unwrap();
    let secret = totp_rs::Secret::try_from_base32(literal(secret)).unwrap();
    let totp = totp_rs::Builder::new().with_algorithm(totp_rs::Algorithm::SHA1).with_secret(secret).build().unwrap();
    let code = totp.generate(world.clock.now().as_second().try_into().unwrap()).to_string();
    let code = browser.fill_in(&start, &wrong, &[("authentication_code", &code)]).await.code();
    let tokens = world.redeem(At::Primary, &code, &[]).await;
    assert_eq!(claims(&tokens.text("access_token"))["username"], user);
    world.lab.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_temporary_password_is_refused_with_a_message() {
    let world = world().await;
    for at in BOTH {
        let (_, page) = special(&mut world.browser(at), "new-password").await;
        assert_eq!(page.location, None);
        assert!(page.alert().unwrap().contains("must be changed"), "{}", page.body);
    }
    world.lab.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_requests_are_told_to_the_client_only_where_it_is_known() {
    let world = world().await;
    let (public, service) = (world.client("public").id.clone(), world.client("service").id.clone());
    for at in BOTH {
        let mut browser = world.browser(at);
        for (changed, error) in [
            (("redirect_uri", "https://elsewhere.test/callback"), "redirect_mismatch"),
            (("redirect_uri", ""), "redirect_mismatch"),
            (("client_id", public.as_str()), "redirect_mismatch"),
            (("client_id", service.as_str()), "redirect_mismatch"),
            (("client_id", "nobody"), "invalid_client"),
            (("client_id", ""), "invalid_request"),
        ] {
            let page = browser.open(&world.authorize(&[changed])).await;
            assert_eq!((page.status, &page.location), (StatusCode::BAD_REQUEST, &None), "{changed:?}");
            assert!(page.body.contains(error), "{changed:?}: {}", page.body);
        }
        for (changed, error) in [
            (("response_type", "token"), "unauthorized_client"),
            (("response_type", "id_token"), "invalid_request"),
            (("response_type", ""), "invalid_request"),
            (("scope", "openid phone"), "invalid_scope"),
            (("code_challenge_method", "plain"), "invalid_request"),
            (("code_challenge_method", ""), "invalid_request"),
            (("code_challenge", ""), "invalid_request"),
            (("identity_provider", "Nobody"), "invalid_request"),
        ] {
            assert_eq!(browser.open(&world.authorize(&[changed])).await.refused().0, error, "{changed:?}");
        }
    }
    // Without a scope, all that the client has.
    let mut browser = world.browser(At::Primary);
    browser.sign_in("synthetic-0005", &world.password).await.code();
    let code = browser.get(&world.authorize(&[("scope", "")])).await.code();
    let all = claims(&world.redeem(At::Primary, &code, &[]).await.text("access_token"));
    assert_eq!(all["scope"], "openid email profile aws.cognito.signin.user.admin gameday/accounts.read");
    // Without `openid`, no ID token and no userInfo.
    let code = browser.get(&world.authorize(&[("scope", "gameday/accounts.read")])).await.code();
    let tokens = world.redeem(At::Primary, &code, &[]).await;
    assert_eq!(tokens.json()["id_token"], Value::Null);
    let info = world.get_with(At::Primary, "/oauth2/userInfo", &tokens.text("access_token")).await;
    assert_eq!(info.status, StatusCode::UNAUTHORIZED);
    world.lab.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_gets_a_token_by_its_secret() {
    let world = world().await;
    let service = world.client("service");
    let (id, secret) = (service.id.as_str(), literal(service.secret.as_ref().unwrap()));
    let grant = ("grant_type", "client_credentials");
    for at in BOTH {
        let in_body = [grant, ("client_id", id), ("client_secret", secret.as_str())];
        let by_basic = [grant, ("scope", "gameday/accounts.read")];
        for answer in [
            world.post(at, "/oauth2/token", &in_body, None).await,
            world.post(at, "/oauth2/token", &by_basic, Some((id, &secret))).await,
        ] {
            assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
            assert_eq!((&answer.json()["id_token"], &answer.json()["refresh_token"]), (&Value::Null, &Value::Null));
            let token = answer.text("access_token");
            let told = claims(&token);
            assert_eq!(
                (&told["client_id"], &told["sub"], &told["token_use"]),
                (&json!(id), &json!(id), &json!("access"))
            );
            assert_eq!((&told["scope"], &told["username"]), (&json!("gameday/accounts.read"), &Value::Null));
            assert_eq!((&told["serving_region"], &told["tenant"]), (&json!(world.region(at)), &json!("retail")));
            for here in BOTH {
                let account = world.get_with(here, "/api/account", &token).await;
                assert_eq!(account.status, StatusCode::OK, "{}", account.body);
            }
            assert_eq!(world.get_with(at, "/oauth2/userInfo", &token).await.status, StatusCode::UNAUTHORIZED);
        }
        let refused = async |pairs: &[(&str, &str)], credentials| {
            let answer = world.post(at, "/oauth2/token", pairs, credentials).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
            answer.text("error")
        };
        let web = world.client("web").id.as_str();
        assert_eq!(refused(&[grant], Some((id, "wrong"))).await, "invalid_client");
        assert_eq!(refused(&[grant, ("client_id", id)], None).await, "invalid_client");
        assert_eq!(refused(&[grant, ("client_id", web)], Some((id, &secret))).await, "invalid_request");
        assert_eq!(refused(&[grant, ("client_id", web)], None).await, "unauthorized_client");
        assert_eq!(refused(&[grant, ("scope", "openid")], Some((id, &secret))).await, "invalid_scope");
        let code = [("grant_type", "authorization_code"), ("code", "x")];
        assert_eq!(refused(&code, Some((id, &secret))).await, "unauthorized_client");
    }
    world.lab.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn federated_users_sign_in_where_the_pool_knows_them_and_strangers_at_the_primary_alone() {
    let world = world().await;
    for at in BOTH {
        let code = world.browser(at).federated("synthetic-fed-01").await.code();
        let tokens = world.redeem(at, &code, &[]).await;
        let told = claims(&tokens.text("access_token"));
        assert_eq!(
            (&told["username"], &told["serving_region"]),
            (&json!("GameDayIdP_synthetic-fed-01"), &json!(world.region(at)))
        );
        let about = claims(&tokens.text("id_token"));
        assert_eq!(about["identities"][0]["providerName"], "GameDayIdP");
        assert_eq!(about["identities"][0]["userId"], "synthetic-fed-01");
        assert_eq!(world.get_with(at, "/api/account", &tokens.text("access_token")).await.status, StatusCode::OK);
    }
    let (error, why) = world.browser(At::Replica).federated("stranger-1").await.refused();
    assert_eq!(error, "invalid_request");
    assert!(why.contains("us-west-2") && why.contains("us-east-1"), "{why}");
    let mut browser = world.browser(At::Primary);
    let code = browser.federated("stranger-1").await.code();
    let tokens = world.redeem(At::Primary, &code, &[]).await;
    let first = claims(&tokens.text("id_token"));
    assert_eq!(
        (&first["cognito:username"], &first["email"]),
        (&json!("GameDayIdP_stranger-1"), &json!("stranger-1@example.com"))
    );
    browser.get(&world.authorize(&[("prompt", "none")])).await.code();
    // Once the new user is replicated, the replica knows a stranger no more.
    let known = async {
        loop {
            let page = world.browser(At::Replica).federated("stranger-1").await;
            if page.parameter("code").is_some() {
                return page.code();
            }
            assert_eq!(page.refused().0, "invalid_request");
        }
    };
    let code = tokio::time::timeout(Duration::from_secs(30), known).await.expect("never replicated");
    let again = claims(&world.redeem(At::Replica, &code, &[]).await.text("id_token"));
    assert_eq!(again["sub"], first["sub"], "it is the same user");
    world.lab.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_from_the_provider_must_be_of_this_browser_and_this_journey() {
    let world = world().await;
    let mut browser = world.browser(At::Primary);
    let wrong = browser.at_provider("stranger-2", "wrong").await;
    assert_eq!(wrong.alert().as_deref(), Some("Incorrect username or password."));

    let back = browser.at_provider("stranger-2", &world.password).await.location.unwrap();
    assert_eq!(back.path(), "/oauth2/idpresponse");
    let mut other = world.browser(At::Primary);
    let page = other.get(&back).await;
    assert_eq!((page.status, page.location), (StatusCode::BAD_REQUEST, None), "another browser");
    let mut elsewhere = Browser { world: &world, at: At::Replica, cookies: browser.cookies.clone() };
    let page = elsewhere.get(&back).await;
    assert_eq!((page.status, page.location), (StatusCode::BAD_REQUEST, None), "the other Region");

    // A code that the provider does not know, and no code at all.
    let with = |url: &Url, name: &str, value: &str| {
        let kept: Vec<_> = url
            .query_pairs()
            .filter(|(known, _)| known != "code")
            .map(|(n, v)| (n.into_owned(), v.into_owned()))
            .collect();
        let mut url = url.clone();
        url.query_pairs_mut().clear().extend_pairs(kept).append_pair(name, value);
        url
    };
    let (error, why) = browser.get(&with(&back, "code", "unknown")).await.refused();
    assert_eq!(error, "invalid_request");
    assert!(why.contains("invalid_grant"), "{why}");
    let page = browser.get(&back).await;
    assert_eq!((page.status, page.location), (StatusCode::BAD_REQUEST, None), "the journey is over");
    let back = browser.at_provider("stranger-2", &world.password).await.location.unwrap();
    assert_eq!(browser.get(&with(&back, "error", "access_denied")).await.refused().0, "access_denied");
    world.lab.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn discovery_leads_to_every_endpoint() {
    let world = world().await;
    let pool = &world.environment.pool.as_ref().unwrap().id;
    for at in BOTH {
        let url = Url::parse(&format!("{}/{pool}/.well-known/openid-configuration", world.domain())).unwrap();
        let found = world.browser(at).get(&url).await.json();
        assert_eq!(found["issuer"], format!("https://issuer-cognito-idp.us-east-1.amazonaws.com/{pool}"));
        assert_eq!(found["token_endpoint"], format!("{}/oauth2/token", world.domain()));
        let keys = Url::parse(found["jwks_uri"].as_str().unwrap()).unwrap();
        let keys = world.browser(at).get(&keys).await.json();
        let code = world.browser(at).sign_in("synthetic-0006", &world.password).await.code();
        let token = world.redeem(at, &code, &[]).await.text("id_token");
        let header: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap();
        assert_eq!(keys["keys"][0]["kid"], header["kid"]);
        assert_eq!(claims(&token)["iss"], found["issuer"]);
    }
    let other = Url::parse(&format!("{}/us-east-1_OTHER/.well-known/openid-configuration", world.domain())).unwrap();
    assert_eq!(world.browser(At::Primary).get(&other).await.status, StatusCode::NOT_FOUND);
    world.lab.shutdown().await;
}
