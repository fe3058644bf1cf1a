//! A moto server of one's own, VPCs in it, and an environment whose EC2 it is.

#![allow(dead_code, reason = "tests and benchmarks use its parts")]

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_ec2::Client;
use gameday::env::{self, Site};

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
}

/// An environment whose EC2 is moto, on the way that `endpoint` names. Its secrets are in `folder`.
pub fn site(folder: &Path, endpoint: &str, subnets: &[String]) -> Site {
    std::fs::write(folder.join("secrets.toml"), "key = \"testing\"\n").unwrap();
    let ids = subnets.iter().map(|id| format!("{id:?}")).collect::<Vec<_>>().join(", ");
    let region = |part: &str, name: &str, subnets: &str| {
        format!(
            "[{part}]\nregion = \"{name}\"\ndirect = [\"127.0.0.1\"]\nsubnets = {{ ids = [{subnets}] }}\n\
             endpoints = {{ ec2 = \"{endpoint}\" }}\n"
        )
    };
    let text = format!(
        "schema_version = 1\nname = \"moto\"\nkind = \"lab\"\n\
         [credentials]\naccess_key_id = \"testing\"\nsecret_access_key = {{ file = \"secrets.toml\", key = \"key\" }}\n\
         {}{}\
         [pool]\nid = \"us-east-1_EXAMPLE\"\nclient_id = \"client\"\n\
         [front_door]\nname = \"auth.gameday.test\"\napi_path = \"/\"\n\
         [dns]\nhosted_zone_id = \"Z1\"\nrecord = \"auth.gameday.test\"\nhealth_check_id = \"none\"\n\
         [users]\nnames = [\"nobody\"]\npassword = {{ file = \"secrets.toml\", key = \"key\" }}\n",
        region("primary", "us-east-1", &ids),
        region("replica", "us-west-2", ""),
    );
    let environment: env::Environment = toml::from_str(&text).unwrap();
    environment.complete(folder.to_owned(), None).unwrap()
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
