//! From what a file or journal says to the settings of each client: whose credentials, and which endpoint.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, SystemTime};

use aws_config::provider_config::ProviderConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use aws_smithy_http_client::{Builder, Connector, ConnectorBuilder, proxy::ProxyConfig, tls};
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpClient};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_types::origin::Origin;
use aws_types::service_config::ServiceConfigKey;

use super::profile::Surroundings;
use super::simulated;
use super::{Access, SecretError, resolve_local};
use gameday_core::env::{CredentialRef, SERVICES};
use gameday_core::model::{Clock, Region};

/// What the environment and the profile say about the way of calls, where neither file nor journal does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ambient {
    /// Calls to AWS's own endpoints go to the FIPS ones.
    pub fips: bool,
    /// Calls to AWS's own endpoints go to the dual-stack ones.
    pub dual_stack: bool,
    /// The variable that names the proxy of calls to AWS.
    pub proxy: Option<&'static str>,
    /// Services that are sent elsewhere, with their URLs.
    pub redirects: BTreeMap<String, String>,
}

/// The settings of one Region's clients.
pub(super) struct RegionConfig {
    shared: SdkConfig,
    /// Never through a proxy.
    direct: Direct,
    /// The URL of each service that is not at AWS's own endpoint.
    pub endpoints: BTreeMap<String, String>,
    /// The rest.
    pub ambient: Ambient,
}

/// Reads what there is, and makes no call.
pub(super) async fn region_config(
    access: &Access,
    region: &Region,
    folder: &Path,
    around: &Surroundings,
) -> Result<RegionConfig, SecretError> {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .read_timeout(Duration::from_secs(10))
        .operation_attempt_timeout(Duration::from_secs(12))
        .operation_timeout(Duration::from_mins(1))
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(aws_config::Region::new(region.as_str().to_owned()))
        .timeout_config(timeouts);
    if let Some(CredentialRef::Profile { profile }) = &access.credentials {
        loader = loader.profile_name(profile);
    }
    let loaded = loader.load().await;
    let mut shared = loaded.to_builder();
    match &access.credentials {
        None => {
            if let Some(refuses) = around.of_default_chain().await {
                shared.set_credentials_provider(Some(refuses));
            }
        }
        Some(CredentialRef::Profile { profile }) => {
            let config = ProviderConfig::without_region().with_use_fips(loaded.use_fips());
            shared.set_credentials_provider(Some(around.of_profile(profile, region, config).await));
        }
        Some(CredentialRef::Static { access_key_id, secret_access_key }) => {
            let secret = resolve_local(secret_access_key, folder)?;
            let pair = Credentials::new(access_key_id, secret.expose(), None, None, "environment file");
            shared.set_credentials_provider(Some(SharedCredentialsProvider::new(pair)));
        }
    }
    let mut endpoints = access.endpoints.get(region).cloned().unwrap_or_default();
    let mut redirects = BTreeMap::new();
    if !access.endpoints_are_complete() {
        redirects = redirects_of(&loaded);
        redirects.retain(|service, _| !endpoints.contains_key(service));
        endpoints.extend(redirects.clone());
    }
    let ambient = Ambient {
        fips: loaded.use_fips() == Some(true),
        dual_stack: loaded.use_dual_stack() == Some(true),
        proxy: proxy_variable(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty())),
        redirects,
    };
    if Clock::is_virtual() {
        shared.set_time_source(Some(SharedTimeSource::new(WallTime)));
    }
    Ok(RegionConfig { shared: shared.build(), direct: Direct::new(), endpoints, ambient })
}

/// The wall time of this thread, by which requests are signed in virtual time.
#[derive(Debug)]
struct WallTime;

impl TimeSource for WallTime {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::try_from(Clock::wall().as_duration()).unwrap_or_default()
    }
}

impl RegionConfig {
    /// What the client of a service is made with. What file or journal say is final: neither the environment nor a profile changes it.
    pub(super) fn of(&self, service: &str) -> SdkConfig {
        let mut config = self.shared.to_builder();
        // Without an origin of its own the client would look into the environment again.
        config.insert_origin("endpoint_url", Origin::shared_config());
        let url = self.endpoints.get(service);
        config.set_endpoint_url(url.cloned());
        if let Some(url) = url {
            // An endpoint that is named is the one that is meant.
            config.set_use_fips(None).set_use_dual_stack(None);
            if is_loopback(url) {
                config.set_http_client(Some(self.direct.to(url)));
            }
        }
        config.build()
    }

    /// Whose calls they are.
    pub(super) fn credentials(&self) -> Option<SharedCredentialsProvider> {
        self.shared.credentials_provider()
    }
}

/// Where the environment and the profile send services: `AWS_ENDPOINT_URL_<SERVICE>`, `services` of the profile, AWS_ENDPOINT_URL,
/// `endpoint_url`, unless AWS_IGNORE_CONFIGURED_ENDPOINT_URLS says not to (SDK reference guide, "Service-specific endpoints").
fn redirects_of(config: &SdkConfig) -> BTreeMap<String, String> {
    let one = |service: &str| {
        let key =
            ServiceConfigKey::builder().service_id(sdk_id(service)).env("AWS_ENDPOINT_URL").profile("endpoint_url");
        let own = key.build().ok().and_then(|key| config.service_config()?.load_config(key));
        own.or_else(|| config.endpoint_url().map(str::to_owned))
    };
    SERVICES.into_iter().filter_map(|service| Some((service.to_owned(), one(service)?))).collect()
}

/// What the SDKs call a service that endpoints call by its signing name.
fn sdk_id(service: &str) -> &str {
    match service {
        "cognito-idp" => "Cognito Identity Provider",
        "route53" => "Route 53",
        "secretsmanager" => "Secrets Manager",
        "monitoring" => "CloudWatch",
        "elasticloadbalancing" => "Elastic Load Balancing v2",
        "servicequotas" => "Service Quotas",
        "apigateway" => "API Gateway",
        other => other,
    }
}

/// The variable that sends calls over HTTPS through a proxy.
pub(super) fn proxy_variable(is_set: impl Fn(&str) -> bool) -> Option<&'static str> {
    ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"].into_iter().find(|name| is_set(name))
}

/// Whether a URL leads to this machine, where no proxy belongs in between.
fn is_loopback(url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else { return false };
    match url.host() {
        Some(url::Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(url::Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// The SDK's own clients, without their proxies; in virtual time one over this thread's network.
#[derive(Clone)]
struct Direct {
    plain: SharedHttpClient,
    /// Trust roots are read with the first connection, which takes longer than most calls on this machine.
    tls: SharedHttpClient,
}

impl Direct {
    fn new() -> Self {
        if Clock::is_virtual() {
            let client = SharedHttpClient::new(simulated::SimulatedClient::default());
            return Self { plain: client.clone(), tls: client };
        }
        Self {
            plain: Builder::new().build_with_connector_fn(|settings, components| {
                unproxied(Connector::builder(), settings, components).build_http()
            }),
            tls: Builder::new().build_with_connector_fn(|settings, components| {
                let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc);
                unproxied(Connector::builder().tls_provider(provider), settings, components).build()
            }),
        }
    }

    /// The one that a URL needs.
    fn to(&self, url: &str) -> SharedHttpClient {
        if url.starts_with("http:") { self.plain.clone() } else { self.tls.clone() }
    }
}

fn unproxied<Tls>(
    mut connector: ConnectorBuilder<Tls>,
    settings: Option<&HttpConnectorSettings>,
    components: Option<&RuntimeComponents>,
) -> ConnectorBuilder<Tls> {
    connector.set_connector_settings(settings.cloned());
    connector.set_proxy_config(Some(ProxyConfig::disabled()));
    if let Some(components) = components {
        connector.set_sleep_impl(components.sleep_impl());
    }
    connector
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a process's environment would say of every service.
    #[derive(Debug)]
    struct Says(&'static [(&'static str, &'static str)]);

    impl aws_types::service_config::LoadServiceConfig for Says {
        fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
            self.0.iter().find(|(id, _)| *id == key.service_id()).map(|(_, url)| (*url).to_owned())
        }
    }

    fn config(endpoints: &[(&str, &str)], says: &'static [(&'static str, &'static str)]) -> RegionConfig {
        let shared = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(aws_config::Region::from_static("us-east-1"))
            .endpoint_url("http://127.0.0.1:9")
            .use_fips(true)
            .use_dual_stack(true)
            .service_config(Says(says));
        let shared = shared.build();
        let mut all = redirects_of(&shared);
        all.extend(endpoints.iter().map(|(service, url)| ((*service).to_owned(), (*url).to_owned())));
        RegionConfig { shared, direct: Direct::new(), endpoints: all, ambient: Ambient::default() }
    }

    #[test]
    fn c03_what_the_file_says_wins_over_the_environment() {
        let config =
            config(&[("ec2", "http://127.0.0.1:4000")], &[("ec2", "http://10.9.9.9"), ("Route 53", "http://10.1.1.1")]);
        let of = |service| config.of(service).endpoint_url().map(str::to_owned);
        assert_eq!(of("ec2").as_deref(), Some("http://127.0.0.1:4000"));
        assert_eq!(of("route53").as_deref(), Some("http://10.1.1.1"));
        assert_eq!(of("sts").as_deref(), Some("http://127.0.0.1:9"));
        assert!(config.of("ec2").get_origin("endpoint_url").is_client_config(), "or the client would look again");
    }

    #[test]
    fn c19_an_endpoint_that_is_named_is_neither_fips_nor_dual_stack() {
        let config = config(&[("ec2", "http://127.0.0.1:4000")], &[]);
        assert_eq!((config.of("ec2").use_fips(), config.of("ec2").use_dual_stack()), (None, None));
        let own = RegionConfig { endpoints: BTreeMap::new(), ..config };
        assert_eq!((own.of("ec2").use_fips(), own.of("ec2").endpoint_url()), (Some(true), None));
    }

    #[test]
    fn c18_loopback_is_never_behind_a_proxy() {
        for url in
            ["http://127.0.0.1:4000", "https://localhost", "http://[::1]:1", "http://127.8.8.8/x", "http://a.localhost"]
        {
            assert!(is_loopback(url), "{url}");
        }
        for url in ["https://ec2.amazonaws.com", "http://10.0.0.1:80", "http://localhost.example.com"] {
            assert!(!is_loopback(url), "{url}");
        }
        assert_eq!(proxy_variable(|name| name == "https_proxy"), Some("https_proxy"));
    }
}
