//! What names lead to.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;

use super::{Facts, Unavailable};
use gameday_core::env::Site;
use gameday_core::model::{Region, RegionRole};
use gameday_protocols::dns::{Answer, DnsError, Server};

/// How long a single DNS question may take, in real time.
const PATIENCE: Duration = Duration::from_secs(2);

/// The resolvers that a site names, or the system's.
///
/// # Errors
/// [`DnsError`].
pub fn resolvers(site: &Site) -> Result<Vec<Server>, DnsError> {
    if site.dns.resolvers.is_empty() {
        return Ok(vec![Server::system(PATIENCE)?]);
    }
    site.dns.resolvers.iter().map(|address| Server::at(*address, true, PATIENCE)).collect()
}

/// Asks resolvers in order until one answers.
async fn resolve(resolvers: &[Server], name: &str) -> Result<Vec<IpAddr>, String> {
    let mut failed = "no resolver is configured".to_owned();
    for server in resolvers {
        match server.addresses(name).await {
            Ok(answer) => return Ok(answer.addresses),
            Err(error) => failed = error.to_string(),
        }
    }
    Err(failed)
}

fn unusable(error: &DnsError) -> Unavailable {
    Unavailable::because("a resolver", error.to_string())
}

impl Facts {
    /// The addresses that a name leads to, or why to none.
    ///
    /// # Errors
    /// [`Unavailable`] when there is no resolver to ask.
    pub async fn addresses(&self, name: &str) -> Result<Arc<Result<Vec<IpAddr>, String>>, Unavailable> {
        self.once(&format!("addresses of {name}"), async {
            let resolvers = resolvers(&self.site).map_err(|error| unusable(&error))?;
            Ok(resolve(&resolvers, name).await)
        })
        .await
    }

    /// A Region's direct names with what they lead to.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn direct(&self, role: RegionRole) -> Vec<(&str, Result<Vec<IpAddr>, String>)> {
        let names = self.site.region(role).direct.iter();
        join_all(names.map(async |name| {
            let answer = self.addresses(name).await;
            (name.as_str(), answer.map_or_else(|missing| Err(missing.to_string()), |answer| (*answer).clone()))
        }))
        .await
    }

    /// Both Regions with the addresses of their front doors.
    pub async fn front_doors(&self) -> Vec<(RegionRole, Region, Vec<IpAddr>)> {
        let doors = [RegionRole::Primary, RegionRole::Replica].map(async |role| {
            let answers = self.direct(role).await;
            let addresses: BTreeSet<IpAddr> =
                answers.into_iter().filter_map(|(_, answer)| answer.ok()).flatten().collect();
            (role, self.site.region(role).region.clone(), addresses.into_iter().collect())
        });
        join_all(doors).await
    }

    /// The zone's authoritative servers, each by its name or address.
    ///
    /// # Errors
    /// [`Unavailable`] where the zone's name servers are not to be had, or one of them does not resolve.
    pub async fn authoritative(&self) -> Result<Vec<Server>, Unavailable> {
        let server = |address| Server::at(address, false, PATIENCE).map_err(|error| unusable(&error));
        let given = &self.site.dns.authoritative;
        if !given.is_empty() {
            return given.iter().map(|address| server(*address)).collect();
        }
        let names = self.name_servers().await?;
        let found = join_all(names.iter().map(async |name| (name, self.addresses(name).await))).await;
        let mut servers = Vec::new();
        for (name, answer) in found {
            let answer = answer?;
            let addresses = answer.as_ref().as_ref();
            let addresses =
                addresses.map_err(|error| Unavailable::because(format!("an address of name server {name}"), error))?;
            let first = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
            servers.extend(first.map(|address| server(SocketAddr::new(*address, 53))).transpose()?);
        }
        Ok(servers)
    }

    /// What each authoritative server answers for the failover record, by its label.
    ///
    /// # Errors
    /// [`Unavailable`], also where there is none to ask.
    pub async fn authoritative_answers(&self) -> Result<Arc<Vec<(String, Result<Answer, String>)>>, Unavailable> {
        self.once("authoritative answers", async {
            let servers = self.authoritative().await?;
            if servers.is_empty() {
                return Err(Unavailable::because("the zone's name servers", "Route 53 lists none"));
            }
            let asked = servers.iter().map(async |server| {
                let answer = server.addresses(&self.site.dns.record).await;
                (server.label().to_owned(), answer.map_err(|error| error.to_string()))
            });
            Ok(join_all(asked).await)
        })
        .await
    }
}
