//! The user pool as its describing calls tell of it, in each Region: what a native replica shares with its primary, and what an
//! independent pool may have otherwise.

use super::routing::HEALTH_CHECK_ID;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::kms;
use crate::topology;
use gameday_core::model::RegionRole;

/// The user pool in all Regions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cognito {
    /// By Region.
    pub pools: BTreeMap<String, UserPool>,
    /// What ListUserPoolReplicas tells. A replica that is not ACTIVE signs nobody in; one that is not listed is not there.
    pub replicas: Vec<Replica>,
    /// The domain of managed login.
    pub domain: Option<Domain>,
    /// Customers beside the synthetic users who sign in with an authenticator app.
    pub totp_customers: u32,
}

/// One entry of ListUserPoolReplicas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Replica {
    /// Where.
    pub region: String,
    /// `ACTIVE`, `INACTIVE`, `CREATING` or `DELETING`.
    pub status: String,
    /// `PRIMARY` or `SECONDARY`.
    pub role: String,
}

/// The domain of managed login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Domain {
    pub name: String,
    pub certificate_arn: String,
    /// `Routing.DomainFailover`.
    pub failover: Option<DomainFailover>,
}

/// How managed login fails over by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DomainFailover {
    /// Where to.
    pub secondary_region: String,
    /// On which health check.
    pub health_check_id: String,
}

/// The user pool in one Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserPool {
    /// The ID of an independent pool that somebody keeps in step by hand; nothing where the Region has the pool itself or its
    /// native replica. It takes writes, and is not among the replicas. Only administrators' calls know it: its tokens, keys,
    /// SRP names and, but for a strategy's own pool, triggers are those of the pool, as if a broker in front of it translated them.
    pub id: Option<String>,
    /// `LITE`, `ESSENTIALS` or `PLUS`. No replica signs anybody in with `LITE`.
    pub tier: String,
    /// `ACTIVE` or `INACTIVE`.
    pub deletion_protection: String,
    /// The ARN of the key that it is encrypted with; nothing for one of AWS's own. One that is not there, or that Cognito may
    /// not use, lets nobody sign in.
    pub key_arn: Option<String>,
    /// Whether it has a `DeviceConfiguration`. The lab's tokens need no device key all the same.
    pub remembers_devices: bool,
    /// Its own attributes, beside the standard ones.
    pub attributes: Vec<Attribute>,
    pub groups: Vec<GroupFixture>,
    /// Its app clients; the first one is the default.
    pub clients: Vec<ClientFixture>,
    /// Users that have not come here.
    pub lost_users: Vec<String>,
    /// Attributes that users have otherwise here, by user.
    pub changed_users: BTreeMap<String, BTreeMap<String, String>>,
    /// Users who are in no group here.
    pub users_without_groups: Vec<String>,
}

/// An attribute of the pool's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attribute {
    /// With its prefix, as `custom:tenant`.
    pub name: String,
    /// `String`, `Number`, `DateTime` or `Boolean`.
    pub data_type: String,
    /// Whether it may be changed.
    pub mutable: bool,
    /// Of a String its least and most characters, of a Number its least and greatest value.
    pub limits: Option<[String; 2]>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct GroupFixture {
    pub name: String,
    /// The lowest one wins.
    pub precedence: Option<u32>,
    /// The IAM role of its members.
    pub role_arn: Option<String>,
}

/// An app client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientFixture {
    /// Its name, by which the lab knows which one it is: `public`, `confidential`, `rotating`, `web` or `service`.
    pub name: String,
    /// An ID of its own here.
    pub own_id: Option<String>,
    /// Whether it has a secret.
    pub has_secret: bool,
    /// Whether that is not the secret of the other Region.
    pub own_secret: bool,
    /// `ExplicitAuthFlows`. The lab signs in by `ALLOW_USER_SRP_AUTH`, `ALLOW_USER_PASSWORD_AUTH`,
    /// `ALLOW_ADMIN_USER_PASSWORD_AUTH` and `ALLOW_REFRESH_TOKEN_AUTH`.
    pub auth_flows: Vec<String>,
    /// Seconds for which a rotated refresh token still works; nothing without rotation.
    pub rotation_grace_s: Option<u32>,
    /// Minutes for which access and ID tokens are good.
    pub token_minutes: u32,
    /// Days for which refresh tokens are good.
    pub refresh_days: u32,
    /// Hours for which they are good, instead.
    pub refresh_hours: Option<u32>,
    /// What managed login and the token endpoint do for it.
    pub oauth: Option<OAuth>,
}

/// What managed login and the token endpoint do for a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OAuth {
    /// `AllowedOAuthFlows`.
    pub flows: Vec<String>,
    /// `AllowedOAuthScopes`.
    pub scopes: Vec<String>,
    /// `CallbackURLs`.
    pub callback_urls: Vec<String>,
    /// `SupportedIdentityProviders`.
    pub identity_providers: Vec<String>,
}

/// The OIDC provider of federated users, as the pool calls it.
pub(crate) const IDENTITY_PROVIDER: &str = "GameDayIdP";
/// The scope of the pool's own resource server.
pub(crate) const API_SCOPE: &str = "gameday/accounts.read";
/// Where managed login sends users back to.
pub(crate) const CALLBACK_URL: &str = "https://app.gameday.test/callback";
/// The group of every synthetic user.
pub(crate) const GROUP: &str = "customers";
/// The attribute of replication canaries.
pub(crate) const CANARY_ATTRIBUTE: &str = "custom:canary";

impl Cognito {
    /// One pool in both Regions, with a native replica.
    pub(crate) fn healthy() -> Self {
        let [primary, replica] = [RegionRole::Primary, RegionRole::Replica].map(topology::region);
        let listed = |region: &str, role: &str| Replica {
            region: region.to_owned(),
            status: "ACTIVE".to_owned(),
            role: role.to_owned(),
        };
        Self {
            pools: [primary, replica].map(|region| (region.to_owned(), UserPool::healthy(region))).into(),
            replicas: vec![listed(primary, "PRIMARY"), listed(replica, "SECONDARY")],
            domain: Some(Domain {
                name: topology::FRONT_DOOR.to_owned(),
                certificate_arn: format!("arn:aws:acm:{primary}:{}:certificate/gameday", topology::ACCOUNT),
                failover: Some(DomainFailover {
                    secondary_region: replica.to_owned(),
                    health_check_id: HEALTH_CHECK_ID.to_owned(),
                }),
            }),
            totp_customers: 0,
        }
    }
}

impl UserPool {
    fn healthy(region: &str) -> Self {
        Self {
            id: None,
            tier: "ESSENTIALS".to_owned(),
            deletion_protection: "ACTIVE".to_owned(),
            key_arn: Some(kms::key_arn(region, kms::POOL_KEY)),
            remembers_devices: false,
            attributes: attributes(),
            groups: groups(),
            clients: clients(),
            lost_users: Vec::new(),
            changed_users: BTreeMap::new(),
            users_without_groups: Vec::new(),
        }
    }
}

fn attributes() -> Vec<Attribute> {
    let attribute = |name: &str, data_type: &str, limits: [&str; 2]| Attribute {
        name: name.to_owned(),
        data_type: data_type.to_owned(),
        mutable: true,
        limits: Some(limits.map(str::to_owned)),
    };
    vec![
        attribute(CANARY_ATTRIBUTE, "String", ["0", "2048"]),
        attribute("custom:risk_profile", "String", ["0", "64"]),
        attribute("custom:tenant", "String", ["0", "64"]),
        attribute("custom:branch", "Number", ["1", "9999"]),
    ]
}

fn groups() -> Vec<GroupFixture> {
    let role = |name: &str| format!("arn:aws:iam::{}:role/{name}", topology::ACCOUNT);
    vec![
        GroupFixture { name: GROUP.to_owned(), precedence: Some(10), role_arn: Some(role("gameday-customers")) },
        GroupFixture { name: "staff".to_owned(), precedence: Some(5), role_arn: Some(role("gameday-staff")) },
    ]
}

fn owned<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}

fn clients() -> Vec<ClientFixture> {
    let client = |name: &str, has_secret: bool, auth_flows: Vec<String>| ClientFixture {
        name: name.to_owned(),
        own_id: None,
        has_secret,
        own_secret: false,
        auth_flows,
        rotation_grace_s: None,
        token_minutes: 60,
        refresh_days: 30,
        refresh_hours: None,
        oauth: None,
    };
    let (srp, password) = ("ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH");
    let (admin, refresh) = ("ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH");
    let every = || owned([admin, password, srp, refresh]);
    vec![
        client("public", false, every()),
        client("confidential", true, every()),
        // So long a rotated refresh token still works, so that a client whose answer was lost can try again. With rotation on, a
        // client may not have REFRESH_TOKEN_AUTH (Cognito developer guide, "Refresh tokens").
        ClientFixture { rotation_grace_s: Some(10), ..client("rotating", false, owned([password, srp])) },
        ClientFixture {
            oauth: Some(OAuth {
                flows: owned(["code"]),
                scopes: owned(["openid", "email", "profile", "aws.cognito.signin.user.admin", API_SCOPE]),
                callback_urls: owned([CALLBACK_URL]),
                identity_providers: owned(["COGNITO", IDENTITY_PROVIDER]),
            }),
            ..client("web", false, owned([refresh]))
        },
        ClientFixture {
            oauth: Some(OAuth {
                flows: owned(["client_credentials"]),
                scopes: owned([API_SCOPE]),
                callback_urls: Vec::new(),
                identity_providers: Vec::new(),
            }),
            ..client("service", true, Vec::new())
        },
    ]
}
