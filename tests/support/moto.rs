//! A moto server of one's own, VPCs in it, and an environment whose EC2 it is.

#![allow(dead_code, reason = "tests and benchmarks use its parts")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{IpPermission, IpRange, VpcEndpointType};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, Runtime};
use aws_sdk_route53::types::{HealthCheckConfig, HealthCheckType};
use gameday::cloud::{Cloud, RegionClients};
use gameday_core::env::{self, Site};

/// A server that ends when dropped.
pub struct Moto {
    process: Child,
    port: u16,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Moto {
    /// Starts `moto_server` on a free port; its output goes to `folder`.
    pub fn start(program: &Path, folder: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let output = std::fs::File::create(folder.join("moto.out")).unwrap();
        let process = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        let moto = Self { process, port };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < Duration::from_mins(1), "waited a minute for moto to start");
            std::thread::sleep(Duration::from_millis(50));
        }
        moto
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// Where it listens, as an endpoint.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Makes [`ROLE`], without which it makes no function. Nothing else here speaks IAM, so this is by hand.
    fn make_role(&self) {
        let name = ROLE.rsplit('/').next().unwrap();
        let form = format!("Action=CreateRole&Version=2010-05-08&RoleName={name}&AssumeRolePolicyDocument=%7B%7D");
        let mut stream = TcpStream::connect(self.address()).unwrap();
        write!(
            stream,
            "POST / HTTP/1.1\r\nHost: iam.amazonaws.com\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=testing/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0\r\n\
             Content-Length: {}\r\n\r\n{form}",
            form.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") || answer.contains("EntityAlreadyExists"), "{answer}");
    }
}

/// An environment whose EC2 is moto, on the way that `endpoint` names. Its secrets are in `folder`.
pub fn site(folder: &Path, endpoint: &str, subnets: &[String]) -> Site {
    any_site(folder, &environment(endpoint, &Names { subnets: subnets.to_vec(), ..Names::default() }))
}

/// The file of an environment whose AWS is moto and that names nothing in it.
pub fn environment_file(folder: &Path, endpoint: &str) -> PathBuf {
    let names = Names { subnets: vec!["subnet-1".to_owned()], ..Names::default() };
    let path = folder.join("moto.toml");
    any_site(folder, &environment(endpoint, &names));
    let clock = format!("[lab.clock]\nanchor = \"{}\"\nspeed = 1.0\n", jiff::Timestamp::now());
    std::fs::write(&path, environment(endpoint, &names) + &clock).unwrap();
    path
}

/// An environment's text as it is, whether a run would take it or not: moto has no front door.
fn any_site(folder: &Path, text: &str) -> Site {
    let secrets = folder.join("secrets.toml");
    std::fs::write(&secrets, "key = \"testing\"\n").unwrap();
    std::fs::set_permissions(&secrets, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let environment: env::Environment = toml::from_str(text).unwrap();
    environment.complete(folder.to_owned(), None).unwrap()
}

/// What an environment names.
struct Names {
    subnets: Vec<String>,
    clients: Vec<String>,
    pool: String,
    health_check: String,
}

impl Default for Names {
    fn default() -> Self {
        let (pool, health_check) = ("us-east-1_EXAMPLE".to_owned(), "none".to_owned());
        Self { subnets: Vec::new(), clients: Vec::new(), pool, health_check }
    }
}

/// The text of an environment whose AWS is moto.
fn environment(endpoint: &str, names: &Names) -> String {
    let services = [
        "ec2",
        "route53",
        "scheduler",
        "lambda",
        "elasticloadbalancing",
        "monitoring",
        "cognito-idp",
        "s3",
        "servicequotas",
        "sts",
        "wafv2",
    ];
    let endpoints = services.map(|service| format!("{service} = \"{endpoint}\"")).join(", ");
    let selected = |name: &str, ids: &[String]| format!("{name} = {{ ids = {ids:?} }}\n");
    let region = |part: &str, name: &str, subnets: &[String], clients: &[String]| {
        format!(
            "[{part}]\nregion = \"{name}\"\ndirect = [\"127.0.0.1\"]\nendpoints = {{ {endpoints} }}\n{}{}",
            selected("subnets", subnets),
            selected("clients", clients),
        )
    };
    format!(
        "schema_version = 1\nname = \"moto\"\nkind = \"lab\"\n\
         [account]\nallowed = [\"123456789012\"]\n[guard]\ndescription_lag = \"{LAG}\"\n\
         [dead_man]\nrole_arn = \"{ROLE}\"\n\
         [credentials]\naccess_key_id = \"testing\"\nsecret_access_key = {{ file = \"secrets.toml\", key = \"key\" }}\n\
         {}{}\
         [pool]\nid = \"{}\"\nclient_id = \"client\"\n\
         [front_door]\nname = \"auth.gameday.test\"\napi_path = \"/\"\n\
         [dns]\nhosted_zone_id = \"Z1\"\nrecord = \"auth.gameday.test\"\nhealth_check_id = \"{}\"\n\
         [users]\nnames = [\"nobody\"]\npassword = {{ file = \"secrets.toml\", key = \"key\" }}\n",
        region("primary", "us-east-1", &names.subnets, &names.clients),
        region("replica", "us-west-2", &[], &[]),
        names.pool,
        names.health_check,
    )
}

/// How far descriptions of emulators lag in tests, where nothing makes them lag more.
pub const LAG: &str = "20ms";
/// The role of everything that needs one.
const ROLE: &str = "arn:aws:iam::123456789012:role/heals";

/// Something for every fault to break: a VPC with front doors, users and a VPC endpoint, a health check, and a user pool with a trigger.
pub struct Estate {
    /// Its environment file.
    pub environment: PathBuf,
    /// Its VPC.
    pub vpc: String,
    /// Its health check.
    pub health_check: String,
    /// Its trigger's function.
    pub function: String,
    /// Its user pool's ARN.
    pub pool: String,
}

impl Estate {
    /// Makes it by calls to moto itself; its environment names `endpoint`.
    pub async fn build(moto: &Moto, folder: &Path, endpoint: &str) -> Self {
        let clients = Cloud::connect(&site(folder, &moto.url(), &[])).await.unwrap().primary;
        let (vpc, mut front_doors) = subnets(&clients.ec2, 3).await;
        let users = front_doors.split_off(2);
        for subnet in &front_doors {
            clients.ec2.create_network_interface().subnet_id(subnet).send().await.unwrap();
        }
        admit_everybody(&clients.ec2, &vpc).await;
        vpc_endpoint(&clients.ec2, &vpc, &front_doors[0]).await;
        let health_check = health_check(&clients, &vpc).await;
        moto.make_role();
        let function = function(&clients, &vpc).await;
        let pool = clients.cognito.create_user_pool().pool_name(&vpc).lambda_config(
            aws_sdk_cognitoidentityprovider::types::LambdaConfigType::builder().pre_token_generation(&function).build(),
        );
        let pool = pool.send().await.unwrap().user_pool.unwrap();
        let (pool, arn) = (pool.id.unwrap(), pool.arn.unwrap());
        let names = Names { subnets: front_doors, clients: users, pool, health_check: health_check.clone() };
        let environment = folder.join("moto.toml");
        std::fs::write(&environment, self::environment(endpoint, &names)).unwrap();
        Self { environment, vpc, health_check, function, pool: arn }
    }

    /// Its environment, as a run has it.
    pub fn site(&self) -> Site {
        any_site(self.environment.parent().unwrap(), &std::fs::read_to_string(&self.environment).unwrap())
    }
}

/// The default security group lets the world in on port 443.
async fn admit_everybody(ec2: &Client, vpc: &str) {
    let groups = ec2.describe_security_groups().send().await.unwrap();
    let own = groups.security_groups().iter().find(|group| group.vpc_id() == Some(vpc)).unwrap();
    let range = IpRange::builder().cidr_ip("0.0.0.0/0").description("the world").build();
    let rule = IpPermission::builder().ip_protocol("tcp").from_port(443).to_port(443).ip_ranges(range).build();
    let call = ec2.authorize_security_group_ingress().set_group_id(own.group_id().map(str::to_owned));
    call.ip_permissions(rule).send().await.unwrap();
}

/// A VPC endpoint with a security group of its own, whose interface is in that subnet.
async fn vpc_endpoint(ec2: &Client, vpc: &str, subnet: &str) {
    let own = ec2.create_security_group().vpc_id(vpc).group_name("endpoint").description("endpoint").send().await;
    let own = own.unwrap().group_id.unwrap();
    let call = ec2.create_vpc_endpoint().vpc_id(vpc).vpc_endpoint_type(VpcEndpointType::Interface).subnet_ids(subnet);
    call.service_name("com.amazonaws.us-east-1.cognito-idp").security_group_ids(own).send().await.unwrap();
}

async fn health_check(clients: &RegionClients, name: &str) -> String {
    let config = HealthCheckConfig::builder().r#type(HealthCheckType::Https).inverted(false);
    let config = config.ip_address("192.0.2.1").failure_threshold(3).request_interval(10).build().unwrap();
    let call = clients.mutating.route53.create_health_check().caller_reference(name);
    call.health_check_config(config).send().await.unwrap().health_check.unwrap().id
}

async fn function(clients: &RegionClients, name: &str) -> String {
    // A ZIP archive of nothing: the end of its directory.
    let nothing = [&b"PK\x05\x06"[..], &[0; 18]].concat();
    let code = FunctionCode::builder().zip_file(Blob::new(nothing)).build();
    let call = clients.mutating.lambda.create_function().function_name(name).role(ROLE).handler("index.handler");
    call.runtime(Runtime::Python311).code(code).send().await.unwrap().function_arn.unwrap()
}

/// Makes a VPC with subnets on its default network ACL, all in one Availability Zone; gives their IDs.
pub async fn subnets(ec2: &Client, count: usize) -> (String, Vec<String>) {
    let vpc = ec2.create_vpc().cidr_block("10.20.0.0/16").send().await.unwrap();
    let vpc = vpc.vpc().unwrap().vpc_id().unwrap().to_owned();
    let mut subnets = Vec::new();
    for n in 0..count {
        let call = ec2.create_subnet().vpc_id(&vpc).cidr_block(format!("10.20.{n}.0/24"));
        let answer = call.availability_zone("us-east-1a").send().await.unwrap();
        subnets.push(answer.subnet().unwrap().subnet_id().unwrap().to_owned());
    }
    (vpc, subnets)
}
