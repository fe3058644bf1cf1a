use crate::estate::routing::HEALTH_CHECK_ID;
use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::identity::{AppClient, IDENTITY_PROVIDER, Identity, Population};
use super::{Lab, dns, topology};
use gameday_core::env::{
    self, AccountRules, CredentialRef, DeadMan, Dns, Environment, EnvironmentKind, FrontDoor, Guard, LabClock,
    LabSettings, Pool, Preflight, RegionEnv, Runbook, SecretRef, SubnetSelector, Users,
};
use gameday_core::model::{AccountId, Region, RegionRole, Span};

/// The version of the environment file that this module fills in.
const SCHEMA_VERSION: u32 = 1;
/// The record that tells of the lab's replication.
const ROPA: &str = "ROPA-2026-017, section 4";

impl Lab {
    /// The environment in which an engine finds this lab; complete but for [`FrontDoor::trust_root`], which a file must name:
    /// see [`Lab::trust_root_pem`].
    pub fn environment(&self) -> Environment {
        let clock = LabClock { anchor: self.options.clock.anchor(), speed: self.options.clock.speed() };
        let truth_url = format!("{}/truth", self.control_url(RegionRole::Primary));
        Environment {
            schema_version: SCHEMA_VERSION,
            name: self.options.name.clone(),
            kind: EnvironmentKind::Lab,
            production: false,
            guard: Guard::default(),
            dead_man: Some(DeadMan {
                role_arn: topology::DEAD_MAN_ROLE.to_owned(),
                group: "default".to_owned(),
                margin: Span::secs(60),
            }),
            account: AccountRules { allowed: vec![AccountId::from(topology::ACCOUNT)] },
            credentials: Some(CredentialRef::Static {
                access_key_id: self.keys.access_key().to_owned(),
                secret_access_key: SecretRef::Literal(self.keys.secret_key().clone()),
            }),
            primary: Some(self.region(RegionRole::Primary)),
            replica: Some(self.region(RegionRole::Replica)),
            pool: Some(Pool {
                id: self.identity.pool_id().to_owned(),
                replica_id: self.identity.replica_id(),
                client_id: self.identity.client_id().to_owned(),
                client_secret: None,
                clients: self.identity.clients().iter().map(app_client).collect(),
            }),
            front_door: Some(FrontDoor {
                name: topology::FRONT_DOOR.to_owned(),
                port: self.ports.front_door,
                api_path: topology::API_PATH.to_owned(),
                trust_root: None,
                region_claim: Some(topology::REGION_CLAIM.to_owned()),
            }),
            managed_login: Some(env::ManagedLogin {
                domain: topology::FRONT_DOOR.to_owned(),
                port: self.ports.front_door,
                identity_provider: Some(IDENTITY_PROVIDER.to_owned()),
            }),
            dns: Some(Dns {
                hosted_zone_id: dns::HOSTED_ZONE_ID.to_owned(),
                record: topology::FRONT_DOOR.to_owned(),
                health_check_id: HEALTH_CHECK_ID.to_owned(),
                authoritative: self.authoritative().to_vec(),
                resolvers: vec![self.resolver()],
            }),
            users: Some(Users {
                names: self.identity.user_names(),
                password: Some(SecretRef::Literal(self.identity.password())),
                list: None,
                populations: Population::ALL.into_iter().map(|it| self.population(it)).collect(),
                canary: Some(Identity::canary()),
            }),
            timeouts: self.options.timeouts.clone(),
            observe: self.options.observe.clone(),
            preflight: Preflight {
                allowed_regions: RegionRole::ALL.map(|role| Region::from(topology::region(role))).to_vec(),
                ropa: Some(ROPA.to_owned()),
                // The lab's function writes nothing.
                invoke_triggers: Some(true),
                jwks_fetch: Some(self.options.settings.jwks_fetch),
                ..Preflight::default()
            },
            tags: BTreeMap::new(),
            runbook: Runbook::default(),
            lab: Some(LabSettings { clock: Some(clock), truth_url: Some(truth_url), ..self.options.settings.clone() }),
        }
    }

    /// Where everything listens, and how to query it by hand: a label and a line each.
    pub fn describe(&self, shows_secret: bool) -> Vec<(String, String)> {
        let front_door = self.ports.front_door;
        let primary = self.control_url(RegionRole::Primary);
        let region = topology::region(RegionRole::Primary);
        let resolver = self.resolver();
        let [first, _] = self.authoritative();
        let mut lines = vec![("endpoint".to_owned(), format!("https://{}:{front_door}", topology::FRONT_DOOR))];
        for role in RegionRole::ALL {
            let doors = topology::front_doors(role).map(|door| format!("{door}:{front_door}")).join(", ");
            lines.push((format!("{} {}", role.as_str(), topology::region(role)), doors));
            lines.push((format!("AWS APIs in {}", topology::region(role)), self.control_url(role)));
        }
        lines.extend([
            ("authoritative DNS".to_owned(), self.authoritative().map(|server| server.to_string()).join(", ")),
            ("resolver".to_owned(), resolver.to_string()),
            (
                "identity provider".to_owned(),
                format!("https://{}:{}", topology::IDENTITY_PROVIDER_NAME, self.ports.identity_provider),
            ),
            ("ground truth".to_owned(), format!("{primary}/truth")),
            (
                "credentials".to_owned(),
                if shows_secret {
                    let secret = self.keys.secret_key().expose();
                    format!("export AWS_ACCESS_KEY_ID={} AWS_SECRET_ACCESS_KEY={secret}", self.keys.access_key())
                } else {
                    format!("export AWS_ACCESS_KEY_ID={}; the secret key is shown only on a terminal", self.keys.access_key())
                },
            ),
            ("try".to_owned(), format!("aws --endpoint-url {primary} --region {region} ec2 describe-network-acls")),
            (
                "try".to_owned(),
                format!("aws --endpoint-url {primary} --region {region} route53 get-health-check-status --health-check-id {HEALTH_CHECK_ID}"),
            ),
            ("try".to_owned(), format!("dig @{} -p {} {}", first.ip(), first.port(), topology::FRONT_DOOR)),
            ("try".to_owned(), format!("dig @{} -p {} {}", resolver.ip(), resolver.port(), topology::FRONT_DOOR)),
        ]);
        lines
    }

    fn control_url(&self, role: RegionRole) -> String {
        let [primary, replica] = self.ports.control;
        let port = if role == RegionRole::Primary { primary } else { replica };
        format!("http://{}", SocketAddr::new(topology::CONTROL_ADDRESS, port))
    }

    fn authoritative(&self) -> [SocketAddr; 2] {
        topology::AUTHORITATIVE_ADDRESSES.map(|address| SocketAddr::new(address, self.ports.authoritative))
    }

    fn resolver(&self) -> SocketAddr {
        SocketAddr::new(topology::RESOLVER_ADDRESS, self.ports.resolver)
    }

    fn population(&self, population: Population) -> env::Population {
        let totp_secret = (population == Population::Totp).then(|| SecretRef::Literal(self.identity.totp_secret()));
        env::Population {
            name: population.name().to_owned(),
            names: population.users(),
            password: Some(SecretRef::Literal(self.identity.password())),
            list: None,
            totp_secret,
            new_password: population == Population::NewPassword,
        }
    }

    fn region(&self, role: RegionRole) -> RegionEnv {
        let [subnets, clients] = [false, true].map(|clients| {
            let ids =
                self.world.read(|state| state.subnets_of(role, clients).map(|subnet| subnet.id.clone()).collect());
            SubnetSelector { ids, tags: BTreeMap::new() }
        });
        let url = self.control_url(role);
        RegionEnv {
            region: Region::from(topology::region(role)),
            direct: topology::front_doors(role).iter().map(ToString::to_string).collect(),
            subnets,
            clients,
            endpoints: env::SERVICES.into_iter().map(|service| (service.to_owned(), url.clone())).collect(),
        }
    }
}

fn app_client(client: &AppClient) -> env::AppClient {
    let oauth = client.oauth.as_ref();
    env::AppClient {
        name: client.name.clone(),
        id: client.id.clone(),
        secret: client.secret.clone().map(SecretRef::Literal),
        redirect_uri: oauth.and_then(|oauth| oauth.callback_urls.first()).cloned(),
        scopes: oauth.map(|oauth| oauth.scopes.clone()).unwrap_or_default(),
    }
}
