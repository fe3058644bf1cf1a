//! AWS SDK clients of both Regions. Every call has connect, attempt and operation timeouts (the
//! SDK for Rust has no read timeout of its own); calls that change something are never retried
//! by the SDK, since a timed-out call may have taken effect.

mod backoff;
mod config;
mod error;
mod identity;
mod over;
mod people;
mod profile;
mod secret;
mod simulated;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aws_config::SdkConfig;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_types::retry::RetryConfig;
use serde::{Deserialize, Serialize};

use gameday_core::env::{CredentialRef, RegionEnv, SecretRef, Site};
use gameday_core::model::{Region, RegionRole, Span};

pub use backoff::Backoff;
pub use config::Ambient;
use config::{RegionConfig, region_config};
pub use error::{CloudError, ErrorClass};
pub use identity::{Caller, Expiry, IdentityError, Renewal, SessionWithoutEnd, WrongIdentity, expiry, verify_identity};
pub use over::over;
pub use people::{ListError, ListedUser, PasswordRef, read_list, read_list_file, totp_flaw};
pub use profile::{ProfileError, Surroundings};
pub use secret::{SecretError, resolve as resolve_secret, resolve_local};

/// How to reach an account again, written into journals so that a rollback needs nothing else.
/// Holds references to secrets, never secrets.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Access {
    /// The environment's name.
    pub environment: String,
    /// Where credentials come from; the SDK's default chain where there is nothing.
    pub credentials: Option<CredentialRef>,
    /// Endpoint URLs that replace AWS's own, by Region and service.
    pub endpoints: BTreeMap<Region, BTreeMap<String, String>>,
    /// The account, by STS; nothing in journals of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The ARN of whoever made the run, by STS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// `guard.description_lag` of the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description_lag: Option<Span>,
    /// An embedded lab: its world ends with the run, and nothing is left to put back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub embedded: bool,
}

impl Access {
    /// The access that a site describes.
    pub fn of(site: &Site) -> Self {
        let endpoints = [&site.primary, &site.replica]
            .into_iter()
            .map(|RegionEnv { region, endpoints, .. }| (region.clone(), endpoints.clone()))
            .collect();
        let (credentials, embedded) = match site.credentials.clone() {
            Some(CredentialRef::Static { access_key_id, secret_access_key: SecretRef::File { file, key } }) => {
                let file = std::path::absolute(site.folder.join(&file)).unwrap_or(file);
                let secret_access_key = SecretRef::File { file, key };
                (Some(CredentialRef::Static { access_key_id, secret_access_key }), false)
            }
            Some(CredentialRef::Static { secret_access_key: SecretRef::Literal(_), .. }) => (None, true),
            other => (other, false),
        };
        Self {
            environment: site.name.clone(),
            credentials,
            endpoints,
            account: None,
            caller: None,
            description_lag: site.guard.description_lag,
            embedded,
        }
    }

    /// Whether the endpoints are all that there are: a journal that knows its account has those that its run used.
    fn endpoints_are_complete(&self) -> bool {
        self.account.is_some()
    }
}

/// The clients of one Region.
#[derive(Debug, Clone)]
pub struct RegionClients {
    /// Which Region.
    pub region: Region,
    /// EC2, for calls that read; the SDK retries them.
    pub ec2: aws_sdk_ec2::Client,
    /// EC2, for calls that change something; never retried by the SDK.
    pub ec2_mutating: aws_sdk_ec2::Client,
    /// Cognito user pools: describing and canaries.
    pub cognito: aws_sdk_cognitoidentityprovider::Client,
    /// CloudWatch, for alarms.
    pub cloudwatch: aws_sdk_cloudwatch::Client,
    /// Who we are.
    pub sts: aws_sdk_sts::Client,
    /// Services that only checks read.
    pub checked: Checked,
    /// Services that faults change, for calls that read.
    pub reading: Services,
    /// The same, for calls that change something; never retried by the SDK.
    pub mutating: Services,
    /// The URL of each service that is not asked at AWS's own endpoint.
    pub endpoints: BTreeMap<String, String>,
    /// What the environment says of the way of its calls.
    pub ambient: Ambient,
}

/// Services that only checks read.
#[derive(Debug, Clone)]
pub struct Checked {
    /// Certificate Manager.
    pub acm: aws_sdk_acm::Client,
    /// API Gateway, REST APIs.
    pub api_gateway: aws_sdk_apigateway::Client,
    /// CloudTrail.
    pub cloudtrail: aws_sdk_cloudtrail::Client,
    /// DynamoDB.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// IAM, which is global.
    pub iam: aws_sdk_iam::Client,
    /// Key Management Service.
    pub kms: aws_sdk_kms::Client,
    /// Relational Database Service, Aurora and RDS Proxy with it.
    pub rds: aws_sdk_rds::Client,
    /// S3.
    pub s3: aws_sdk_s3::Client,
    /// Secrets Manager.
    pub secrets: aws_sdk_secretsmanager::Client,
    /// Service Quotas.
    pub quotas: aws_sdk_servicequotas::Client,
}

/// Services that faults change, EC2 aside.
#[derive(Debug, Clone)]
pub struct Services {
    /// Elastic Load Balancing: Application and Network Load Balancers.
    pub elb: aws_sdk_elasticloadbalancingv2::Client,
    /// Cognito user pools.
    pub cognito: aws_sdk_cognitoidentityprovider::Client,
    /// Lambda.
    pub lambda: aws_sdk_lambda::Client,
    /// Route 53, which is global.
    pub route53: aws_sdk_route53::Client,
    /// EventBridge Scheduler.
    pub scheduler: aws_sdk_scheduler::Client,
    /// WAF.
    pub waf: aws_sdk_wafv2::Client,
}

/// The clients of an environment.
#[derive(Debug, Clone)]
pub struct Cloud {
    /// The Region that serves in steady state.
    pub primary: RegionClients,
    /// The Region that takes over.
    pub replica: RegionClients,
    /// Route 53, which is global.
    pub route53: aws_sdk_route53::Client,
    /// Who we are.
    pub sts: aws_sdk_sts::Client,
    /// Secrets of the primary Region.
    pub secrets: aws_sdk_secretsmanager::Client,
    /// Whose calls they are.
    pub credentials: Option<SharedCredentialsProvider>,
}

impl Cloud {
    /// Makes the clients of a site; no call is made yet.
    ///
    /// # Errors
    /// [`SecretError`] when the credentials' secret cannot be read.
    pub async fn connect(site: &Site) -> Result<Self, SecretError> {
        let access = Access { credentials: site.credentials.clone(), ..Access::of(site) };
        Self::open(&access, &site.primary.region, &site.replica.region, &site.folder).await
    }

    /// The same of two Regions, before there is a site. Paths of secrets count from `folder`.
    ///
    /// # Errors
    /// [`SecretError`] when the credentials' secret cannot be read.
    pub async fn open(
        access: &Access,
        primary_region: &Region,
        replica_region: &Region,
        folder: &Path,
    ) -> Result<Self, SecretError> {
        let around = Surroundings::of_process();
        let primary = region_config(access, primary_region, folder, &around).await?;
        let credentials = primary.credentials();
        let primary = clients(primary, primary_region);
        Ok(Self {
            replica: clients(region_config(access, replica_region, folder, &around).await?, replica_region),
            route53: primary.reading.route53.clone(),
            sts: primary.sts.clone(),
            secrets: primary.checked.secrets.clone(),
            primary,
            credentials,
        })
    }

    /// How to reach the account again, for a journal: with who we are, and with the endpoints that calls really go to.
    pub fn access(&self, site: &Site, caller: &Caller) -> Access {
        let both = [&self.primary, &self.replica];
        Access {
            endpoints: both.map(|clients| (clients.region.clone(), clients.endpoints.clone())).into(),
            account: Some(caller.account.clone()),
            caller: Some(caller.arn.clone()),
            ..Access::of(site)
        }
    }

    /// The clients of the Region with that name.
    ///
    /// # Errors
    /// [`CloudError`] when it is neither of the two.
    pub fn of(&self, region: &Region) -> Result<&RegionClients, CloudError> {
        let both = [&self.primary, &self.replica];
        let found = both.into_iter().find(|clients| clients.region == *region);
        found.ok_or_else(|| CloudError::incomplete("gameday", &format!("client for {region}")))
    }

    /// The clients of the Region with that part.
    pub fn region(&self, role: RegionRole) -> &RegionClients {
        match role {
            RegionRole::Primary => &self.primary,
            RegionRole::Replica => &self.replica,
        }
    }
}

/// Makes the clients of one Region from what a journal holds.
///
/// # Errors
/// [`SecretError`] when the credentials' secret cannot be read.
pub async fn reconnect(access: &Access, region: &Region) -> Result<RegionClients, SecretError> {
    let config = region_config(access, region, &PathBuf::new(), &Surroundings::of_process()).await?;
    Ok(clients(config, region))
}

fn clients(config: RegionConfig, region: &Region) -> RegionClients {
    let at = |service: &str| config.of(service);
    let once = |service: &str| at(service).to_builder().retry_config(RetryConfig::disabled()).build();
    RegionClients {
        region: region.clone(),
        ec2: aws_sdk_ec2::Client::new(&at("ec2")),
        ec2_mutating: aws_sdk_ec2::Client::new(&once("ec2")),
        cognito: aws_sdk_cognitoidentityprovider::Client::new(&at("cognito-idp")),
        cloudwatch: aws_sdk_cloudwatch::Client::new(&at("monitoring")),
        sts: aws_sdk_sts::Client::new(&at("sts")),
        checked: checked(&at),
        reading: services(&at),
        mutating: services(&once),
        endpoints: config.endpoints,
        ambient: config.ambient,
    }
}

fn checked(config: &dyn Fn(&str) -> SdkConfig) -> Checked {
    let s3 = aws_sdk_s3::config::Builder::from(&config("s3"));
    Checked {
        acm: aws_sdk_acm::Client::new(&config("acm")),
        api_gateway: aws_sdk_apigateway::Client::new(&config("apigateway")),
        cloudtrail: aws_sdk_cloudtrail::Client::new(&config("cloudtrail")),
        dynamodb: aws_sdk_dynamodb::Client::new(&config("dynamodb")),
        iam: aws_sdk_iam::Client::new(&config("iam")),
        kms: aws_sdk_kms::Client::new(&config("kms")),
        rds: aws_sdk_rds::Client::new(&config("rds")),
        // The bucket's name stays in the path: an endpoint of the lab or of an emulator has no name for it.
        s3: aws_sdk_s3::Client::from_conf(s3.force_path_style(true).build()),
        secrets: aws_sdk_secretsmanager::Client::new(&config("secretsmanager")),
        quotas: aws_sdk_servicequotas::Client::new(&config("servicequotas")),
    }
}

fn services(config: &dyn Fn(&str) -> SdkConfig) -> Services {
    Services {
        elb: aws_sdk_elasticloadbalancingv2::Client::new(&config("elasticloadbalancing")),
        cognito: aws_sdk_cognitoidentityprovider::Client::new(&config("cognito-idp")),
        lambda: aws_sdk_lambda::Client::new(&config("lambda")),
        route53: aws_sdk_route53::Client::new(&config("route53")),
        scheduler: aws_sdk_scheduler::Client::new(&config("scheduler")),
        waf: aws_sdk_wafv2::Client::new(&config("wafv2")),
    }
}
