//! `gameday init`.

mod file;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use futures::FutureExt;

use crate::cloud::{Access, Cloud};
use crate::discover::{self, Question};
use gameday_core::env::{self, CredentialRef};
use gameday_core::model::Region;
use gameday_core::report::escape::shell_word;
use gameday_protocols::dns::Server;

pub(super) use file::LIST;

use super::output::tell;
use super::{Exit, Failure};

/// The number of users in the proposed command; our own choice.
const COUNT: u32 = 100;

/// How long a single DNS question may take.
const DNS_PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The Region that serves in steady state
    #[arg(long, value_name = "REGION")]
    region_primary: String,
    /// The Region that takes over
    #[arg(long, value_name = "REGION")]
    region_replica: String,
    /// The ID of the user pool at the primary
    #[arg(long, value_name = "ID")]
    user_pool_id: String,
    /// The file to write
    #[arg(long, value_name = "FILE", default_value = "environment.toml")]
    out: PathBuf,
    /// Overwrite an existing file
    #[arg(long)]
    force: bool,
    /// The name of the failover record, if the account has several
    #[arg(long, value_name = "NAME")]
    record: Option<String>,
    /// The path of an API behind the same name that returns 200 for a valid access token
    #[arg(long, value_name = "PATH")]
    api_path: Option<String>,
    /// An existing synthetic user; repeatable. Without it, the users that `gameday users seed` creates
    #[arg(long = "user", value_name = "NAME")]
    users: Vec<String>,
    /// A profile of the shared AWS configuration; without it, the default credential chain of the SDK
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// A URL to use instead of the AWS endpoints of every service, for emulators and the lab. `REGION=URL` applies to one Region only
    #[arg(long = "endpoint", value_name = "[REGION=]URL")]
    endpoints: Vec<String>,
    /// A resolver to use, with port; without it, the resolver of this machine
    #[arg(long = "resolver", value_name = "ADDRESS:PORT")]
    resolvers: Vec<SocketAddr>,
    /// An authoritative server of the zone, with port; without it, the name servers of the zone
    #[arg(long = "authoritative", value_name = "ADDRESS:PORT")]
    authoritative: Vec<SocketAddr>,
    /// A PEM file of certificate authorities to trust instead of the public ones
    #[arg(long, value_name = "FILE")]
    trust_root: Option<PathBuf>,
}

/// Writes an environment file by discovery.
pub(super) async fn init(args: InitArgs) -> Result<Exit, Failure> {
    if args.out.exists() && !args.force {
        return Err(there_already(&args.out));
    }
    let [primary, replica] = [&args.region_primary, &args.region_replica].map(|name| Region::from(name.as_str()));
    if primary == replica {
        return Err(Failure::plain("a failover needs two different Regions, but both are the same"));
    }
    let access = Access {
        environment: "init".to_owned(),
        credentials: args.profile.clone().map(|profile| CredentialRef::Profile { profile }),
        endpoints: endpoints(&args.endpoints, [&primary, &replica])?,
        ..Access::default()
    };
    let cloud = Cloud::open(&access, &primary, &replica, Path::new("")).await;
    let cloud = cloud.map_err(|error| Failure::plain(error.to_string()))?;
    let resolvers = resolvers(&args.resolvers)?;
    let resolve = |name: String| resolve(resolvers.clone(), name).boxed();
    let question = Question { pool_id: args.user_pool_id.clone(), record: args.record.clone() };
    let found = discover::look(&cloud, &question, &resolve).await.map_err(|error| {
        let help = format!(
            "Try: `aws cognito-idp describe-user-pool --region {primary} --user-pool-id {}`",
            args.user_pool_id
        );
        Failure::with_help(format!("the user pool cannot be described: {error}"), help)
    })?;
    let written = file::write(&file::InitInput { args: &args, found: &found, access: &access });
    save(&args.out, &written.text, args.force)?;
    tell(&args.out.display().to_string());
    written.gaps.iter().for_each(|gap| tell(&format!("not found: {gap}")));
    found.failed.iter().for_each(|failed| tell(&format!("could not query {failed}")));
    if !written.gaps.is_empty() {
        tell(&format!("Next: fill in what was not found in {}", args.out.display()));
    }
    let (out, list) = (shell_word(&args.out), args.out.with_file_name(file::LIST));
    let seed =
        (args.users.is_empty() && !list.exists()).then(|| format!("gameday users seed --env {out} --count {COUNT}"));
    let steps = seed.into_iter().chain([format!("gameday validate {out}"), format!("gameday preflight --env {out}")]);
    tell(&format!("Next: {}", steps.collect::<Vec<_>>().join(", then ")));
    Ok(Exit::Success)
}

fn there_already(path: &Path) -> Failure {
    Failure::with_help(
        format!("{} exists already", path.display()),
        "Choose another file with --out, or overwrite this one with --force",
    )
}

/// A file that was created in the meantime is not overwritten either.
fn save(path: &Path, text: &str, force: bool) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    options.write(true);
    if force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let saved = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    saved.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => there_already(path),
        _ => Failure::plain(format!("{}: {error}", path.display())),
    })
}

fn endpoints(given: &[String], regions: [&Region; 2]) -> Result<BTreeMap<Region, BTreeMap<String, String>>, Failure> {
    let mut all: BTreeMap<Region, BTreeMap<String, String>> = BTreeMap::new();
    for text in given {
        let (of, url) = match text.split_once('=') {
            Some((region, url)) if !region.contains(':') => {
                let region = regions.into_iter().find(|own| own.as_str() == region).ok_or_else(|| {
                    Failure::plain(format!("--endpoint {text}: {region} is neither the primary nor the replica Region"))
                })?;
                (vec![region], url)
            }
            _ => (regions.to_vec(), text.as_str()),
        };
        for region in of {
            let services = env::SERVICES.into_iter().map(|service| (service.to_owned(), url.to_owned()));
            all.entry(region.clone()).or_default().extend(services);
        }
    }
    Ok(all)
}

fn resolvers(given: &[SocketAddr]) -> Result<Vec<Server>, Failure> {
    let made = if given.is_empty() {
        Server::system(DNS_PATIENCE).map(|server| vec![server])
    } else {
        given.iter().map(|address| Server::at(*address, true, DNS_PATIENCE)).collect()
    };
    made.map_err(|error| Failure::plain(error.to_string()))
}

async fn resolve(resolvers: Vec<Server>, name: String) -> Vec<IpAddr> {
    for server in resolvers {
        if let Ok(answer) = server.addresses(&name).await {
            return answer.addresses;
        }
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_for_one_region_or_for_both() {
        let [primary, replica] = ["us-east-1", "us-west-2"].map(Region::from);
        let given = ["http://127.0.0.1:1", "us-west-2=http://127.0.0.1:2"].map(str::to_owned);
        let all = endpoints(&given, [&primary, &replica]).unwrap();
        assert_eq!(
            (all[&primary]["ec2"].as_str(), all[&replica]["ec2"].as_str()),
            ("http://127.0.0.1:1", "http://127.0.0.1:2")
        );
        assert_eq!(all[&primary].len(), env::SERVICES.len());
        assert!(endpoints(&["eu-west-1=http://127.0.0.1:1".to_owned()], [&primary, &replica]).is_err());
        // A query in a URL is no Region.
        assert!(endpoints(&["http://127.0.0.1:1/?a=b".to_owned()], [&primary, &replica]).is_ok());
    }
}
