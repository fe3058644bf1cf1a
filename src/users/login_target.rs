//! What is the same for every login of a run.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use aws_credential_types::provider::SharedCredentialsProvider;
use http::HeaderValue;
use tokio_rustls::TlsConnector;
use url::Url;

use gameday_core::model::{Clock, Flow, Region, RegionRole, Secret};
use gameday_protocols::dns::Doors;
use gameday_protocols::srp;
use gameday_protocols::tokens::{Expectations, JwksCache};

use super::accounts::Population;

/// What the users connect to, and what they need there.
pub struct LoginTarget {
    /// The run, which every request to the pool names.
    pub run: HeaderValue,
    /// The name that users connect to.
    pub name: String,
    /// The TCP port.
    pub port: u16,
    /// The protected API's path.
    pub api_path: String,
    /// The claim that names the serving Region.
    pub region_claim: Option<String>,
    /// Trusts the front door's authority.
    pub tls: TlsConnector,
    /// The user pool's ID.
    pub pool_id: String,
    /// The pool's own app client first, then the others.
    pub clients: Vec<AppClient>,
    /// Managed login, where the pool has it.
    pub managed: Option<Managed>,
    /// The users of `[users]` under the empty name, and each population under its own.
    pub populations: BTreeMap<String, Population>,
    /// AWS credentials, for flows in which a server signs its users in.
    pub credentials: Option<SharedCredentialsProvider>,
    /// Cognito's API at the primary, to ask users for a new password again who have set one.
    pub admin: aws_sdk_cognitoidentityprovider::Client,
    /// Scenario time.
    pub clock: Clock,
    /// Both Regions' keys.
    pub keys: Arc<JwksCache>,
    /// What an access token must be.
    pub expectations: Expectations,
    /// Both Regions and the addresses that lead to each.
    pub doors: Arc<Doors>,
}

/// An app client with its secret.
#[derive(Debug, Clone)]
pub struct AppClient {
    /// What scenarios call it; empty for the pool's own.
    pub name: String,
    /// Its ID.
    pub id: String,
    /// Its secret, where it has one.
    pub secret: Option<Secret>,
    /// A callback URL of it.
    pub redirect_uri: Option<String>,
    /// The scopes to ask for.
    pub scopes: Vec<String>,
}

/// Managed login's address.
#[derive(Debug, Clone)]
pub struct Managed {
    /// Its domain.
    pub domain: String,
    /// The TCP port.
    pub port: u16,
    /// The identity provider of federated flows.
    pub identity_provider: Option<String>,
}

impl AppClient {
    /// `SECRET_HASH` for a user, where the client has a secret.
    pub fn secret_hash(&self, user: &str) -> Option<String> {
        self.secret.as_ref().map(|secret| srp::secret_hash(user, &self.id, secret))
    }
}

impl LoginTarget {
    /// Whether a host is the pool's own, and no identity provider's.
    pub fn is_own(&self, host: &str) -> bool {
        let managed = self.managed.as_ref().is_some_and(|managed| managed.domain.eq_ignore_ascii_case(host));
        managed || host.eq_ignore_ascii_case(&self.name)
    }

    /// The Region that an address leads to.
    pub fn region_at(&self, address: IpAddr) -> Option<(RegionRole, &Region)> {
        self.doors.region_at(address)
    }

    /// The Region of that name.
    pub fn region_named(&self, name: &str) -> Option<(RegionRole, &Region)> {
        self.doors.regions().find(|(_, region)| region.as_str() == name)
    }

    /// The addresses that lead to a Region.
    pub fn addresses_of(&self, wanted: RegionRole) -> Vec<IpAddr> {
        self.doors.addresses_of(wanted)
    }

    /// The app client that a flow uses: the named one, or the first that has what the flow needs.
    pub fn client(&self, flow: Flow, name: Option<&str>) -> Option<&AppClient> {
        let fits = |client: &&AppClient| match name {
            Some(name) => client.name == name,
            None => match flow {
                Flow::ManagedLogin | Flow::Federated => client.redirect_uri.is_some(),
                Flow::ClientCredentials => {
                    client.secret.is_some() && client.redirect_uri.is_none() && !client.scopes.is_empty()
                }
                _ => client.name.is_empty(),
            },
        };
        self.clients.iter().find(fits)
    }

    /// What a flow needs of its app client that this one lacks.
    pub fn lacks(flow: Flow, client: &AppClient) -> Option<&'static str> {
        let lands = |uri: &String| Url::parse(uri).is_ok();
        match flow {
            Flow::ManagedLogin | Flow::Federated if !client.redirect_uri.as_ref().is_some_and(lands) => {
                Some("`redirect_uri` with a valid URL")
            }
            Flow::ClientCredentials if client.secret.is_none() => Some("`secret`"),
            _ => None,
        }
    }

    /// The users of that name, or those of `[users]`.
    pub fn population(&self, name: Option<&str>) -> Option<&Population> {
        self.populations.get(name.unwrap_or_default())
    }
}
