//! Which addresses lead to which Region: what the Regions' direct names give, asked again through a run, since a load balancer's addresses change.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{PoisonError, RwLock};

use futures::future::join_all;

use super::Server;
use crate::model::{Region, RegionRole};

/// A Region and the names that lead to it and to no other.
#[derive(Debug, Clone)]
pub struct Direct {
    /// Its part.
    pub role: RegionRole,
    /// The Region.
    pub region: Region,
    /// Its direct names.
    pub names: Vec<String>,
    /// What they gave at first.
    pub addresses: Vec<IpAddr>,
}

/// Both Regions' front doors.
#[derive(Debug)]
pub struct Doors {
    regions: Vec<Direct>,
    resolvers: Vec<Server>,
    /// Nothing is forgotten: who keeps an old address still goes where it led.
    known: RwLock<BTreeMap<IpAddr, RegionRole>>,
}

impl Doors {
    /// What is known at first, and whom to ask for more.
    pub fn new(regions: Vec<Direct>, resolvers: Vec<Server>) -> Self {
        let of = |direct: &Direct| {
            let role = direct.role;
            direct.addresses.iter().map(move |address| (*address, role)).collect::<Vec<_>>()
        };
        let known = RwLock::new(regions.iter().flat_map(of).collect());
        Self { regions, resolvers, known }
    }

    /// Both Regions.
    pub fn regions(&self) -> impl Iterator<Item = (RegionRole, &Region)> {
        self.regions.iter().map(|direct| (direct.role, &direct.region))
    }

    /// The part of the Region that an address leads to.
    pub fn role_of(&self, address: IpAddr) -> Option<RegionRole> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(&address).copied()
    }

    /// The Region that an address leads to.
    pub fn region_at(&self, address: IpAddr) -> Option<(RegionRole, &Region)> {
        let role = self.role_of(address)?;
        self.regions().find(|(own, _)| *own == role)
    }

    /// The addresses that lead to a Region.
    pub fn addresses_of(&self, role: RegionRole) -> Vec<IpAddr> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().filter(|(_, own)| **own == role).map(|(address, _)| *address).collect()
    }

    /// Which Region addresses of one answer lead to, where they lead to one, as far as they are known; and those that are not.
    pub fn judge(&self, addresses: &[IpAddr]) -> (Option<RegionRole>, Vec<IpAddr>) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let unknown = addresses.iter().filter(|address| !known.contains_key(address)).copied().collect();
        let mut roles = addresses.iter().filter_map(|address| known.get(address));
        let first = roles.next().copied();
        (first.filter(|first| roles.all(|role| role == first)), unknown)
    }

    /// Asks for the direct names again; gives what is new. An address that both Regions' names give stays with the first.
    pub async fn ask_again(&self) -> Vec<(&Region, IpAddr)> {
        let names = self.regions.iter().flat_map(|direct| direct.names.iter().map(move |name| (direct, name)));
        let answers = join_all(names.map(async |(direct, name)| (direct, self.addresses(name).await))).await;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let mut new = Vec::new();
        for (direct, address) in
            answers.into_iter().flat_map(|(direct, all)| all.into_iter().map(move |one| (direct, one)))
        {
            known.entry(address).or_insert_with(|| {
                new.push((&direct.region, address));
                direct.role
            });
        }
        new
    }

    async fn addresses(&self, name: &str) -> Vec<IpAddr> {
        for server in &self.resolvers {
            if let Ok(answer) = server.addresses(name).await {
                return answer.addresses;
            }
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    fn doors(resolvers: Vec<Server>) -> Doors {
        let direct = |role, region: &str, names: &[&str], last| Direct {
            role,
            region: region.into(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            addresses: vec![address(last)],
        };
        let primary = direct(RegionRole::Primary, "us-east-1", &["192.0.2.1", "192.0.2.3"], 1);
        Doors::new(vec![primary, direct(RegionRole::Replica, "us-west-2", &["192.0.2.2"], 2)], resolvers)
    }

    #[test]
    fn c06_an_address_that_is_not_known_hides_no_region() {
        let doors = doors(Vec::new());
        assert_eq!(doors.judge(&[address(2), address(9)]), (Some(RegionRole::Replica), vec![address(9)]));
        assert_eq!(doors.judge(&[address(9)]), (None, vec![address(9)]));
        assert_eq!(doors.judge(&[address(1), address(2)]), (None, Vec::new()));
        assert_eq!(doors.judge(&[]), (None, Vec::new()));
    }

    #[tokio::test]
    async fn c06_direct_names_are_asked_for_again_and_nothing_is_forgotten() {
        let server = Server::at("127.0.0.1:9".parse().unwrap(), true, std::time::Duration::from_millis(50)).unwrap();
        let doors = doors(vec![server]);
        assert_eq!(doors.role_of(address(3)), None);
        // An address is its own answer.
        assert_eq!(doors.ask_again().await, [(&Region::from("us-east-1"), address(3))]);
        assert_eq!(doors.region_at(address(3)), Some((RegionRole::Primary, &Region::from("us-east-1"))));
        assert_eq!(doors.addresses_of(RegionRole::Primary), [address(1), address(3)]);
        assert_eq!(doors.ask_again().await, []);
    }
}
