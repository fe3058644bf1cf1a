//! Which addresses lead to which Region: what the Regions' direct names give, asked again through a run, since a load balancer's addresses change.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

use futures::future::join_all;

use super::Server;
use gameday_core::model::{Region, RegionRole};

/// A Region and the names that lead to it and to no other.
#[derive(Debug, Clone)]
pub struct Direct {
    /// Whether it is the primary or the replica.
    pub role: RegionRole,
    /// Its name in AWS, as `us-east-1`.
    pub region: Region,
    /// Names that lead to this Region alone, as those of its load balancers.
    pub names: Vec<String>,
    /// The addresses that the names gave at first.
    pub addresses: Vec<IpAddr>,
}

/// The addresses of both Regions' endpoints.
#[derive(Debug)]
pub struct Doors {
    regions: Vec<Direct>,
    resolvers: Vec<Server>,
    /// Of each Region, in their order. Nothing is forgotten: who keeps an old address still goes where it led.
    known: RwLock<Vec<BTreeSet<IpAddr>>>,
    /// Addresses that none gave when they were met for the first time.
    strangers: Mutex<BTreeSet<IpAddr>>,
}

impl Doors {
    /// What is known at first, and whom to ask for more.
    pub fn new(regions: Vec<Direct>, resolvers: Vec<Server>) -> Self {
        let known = regions.iter().map(|direct| direct.addresses.iter().copied().collect()).collect();
        let known = RwLock::new(known);
        Self { regions, resolvers, known, strangers: Mutex::default() }
    }

    /// Both Regions, in the order in which [`Doors::new`] was given them.
    pub fn regions(&self) -> impl Iterator<Item = (RegionRole, &Region)> {
        self.regions.iter().map(|direct| (direct.role, &direct.region))
    }

    fn known(&self) -> RwLockReadGuard<'_, Vec<BTreeSet<IpAddr>>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The part of the Region that an address leads to; the first one's, where both Regions' names give it.
    pub fn role_of(&self, address: IpAddr) -> Option<RegionRole> {
        let place = self.known().iter().position(|known| known.contains(&address))?;
        self.regions.get(place).map(|direct| direct.role)
    }

    /// The Region that an address leads to.
    pub fn region_at(&self, address: IpAddr) -> Option<(RegionRole, &Region)> {
        let role = self.role_of(address)?;
        self.regions().find(|(own, _)| *own == role)
    }

    /// Every address that is known to lead to a Region.
    pub fn addresses_of(&self, role: RegionRole) -> Vec<IpAddr> {
        let known = self.known();
        let own = self.regions.iter().zip(known.iter()).filter(|(direct, _)| direct.role == role);
        own.flat_map(|(_, known)| known.iter().copied()).collect()
    }

    /// Whether one of the addresses is unknown, and was not passed to this function before: then it is worth calling [`Doors::ask_again`] at
    /// once. One that stays unknown waits for the next regular call.
    pub fn meets_stranger(&self, addresses: &[IpAddr]) -> bool {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut new = false;
        for address in addresses.iter().filter(|address| self.role_of(**address).is_none()) {
            new |= strangers.insert(*address);
        }
        new
    }

    /// Which Region addresses of one answer lead to, where they lead to one, as far as they are known; and those that are not.
    pub fn judge(&self, addresses: &[IpAddr]) -> (Option<RegionRole>, Vec<IpAddr>) {
        let unknown = addresses.iter().filter(|address| self.role_of(**address).is_none()).copied().collect();
        let mut roles = addresses.iter().filter_map(|address| self.role_of(*address));
        let first = roles.next();
        (first.filter(|first| roles.all(|role| role == *first)), unknown)
    }

    /// Asks for the direct names again; gives what is new.
    pub async fn ask_again(&self) -> Vec<(&Region, IpAddr)> {
        let names = self.regions.iter().enumerate();
        let names = names.flat_map(|(place, direct)| direct.names.iter().map(move |name| (place, name)));
        let answers = join_all(names.map(async |(place, name)| (place, self.addresses(name).await))).await;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let mut new = Vec::new();
        for (place, addresses) in answers {
            let (Some(direct), Some(known)) = (self.regions.get(place), known.get_mut(place)) else { continue };
            let unseen = addresses.into_iter().filter(|address| known.insert(*address));
            new.extend(unseen.map(|address| (&direct.region, address)));
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

    #[test]
    fn an_address_of_both_regions_leads_to_both() {
        let direct =
            |role, region: &str| Direct { role, region: region.into(), names: Vec::new(), addresses: vec![address(1)] };
        let both = Doors::new(vec![direct(RegionRole::Primary, "a"), direct(RegionRole::Replica, "b")], Vec::new());
        assert_eq!(both.role_of(address(1)), Some(RegionRole::Primary));
        assert_eq!(both.addresses_of(RegionRole::Replica), both.addresses_of(RegionRole::Primary));
    }

    #[test]
    fn a_stranger_is_worth_asking_for_once() {
        let doors = doors(Vec::new());
        assert!(!doors.meets_stranger(&[address(1), address(2)]));
        assert!(doors.meets_stranger(&[address(1), address(9)]));
        assert!(!doors.meets_stranger(&[address(9)]));
        assert!(doors.meets_stranger(&[address(9), address(8)]));
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
