//! The lab's fixed points: Regions, names, and which loopback address stands for what.

use std::net::{IpAddr, Ipv4Addr};

use gameday_core::model::RegionRole;

/// The lab's account.
pub(crate) const ACCOUNT: &str = "111122223333";
/// The one role that the lab's Scheduler may assume.
pub(crate) const DEAD_MAN_ROLE: &str = "arn:aws:iam::111122223333:role/gameday-dead-man";
/// The lab's zone. `.test` is reserved (RFC 6761) and never resolves outside.
pub(crate) const ZONE: &str = "gameday.test";
/// The failover record.
pub(crate) const FRONT_DOOR: &str = "auth.gameday.test";
/// The claim of an access token that names the Region which served.
pub(crate) const REGION_CLAIM: &str = "serving_region";
/// The path of the protected API.
pub(crate) const API_PATH: &str = "/api/account";
/// The name that the health check asks: addresses of the primary's front door that only checkers use.
pub(crate) const HEALTH_NAME: &str = "health.auth.gameday.test";
/// The path that health checkers ask.
pub(crate) const HEALTH_PATH: &str = "/health";
/// The name of a status page outside every subnet.
pub(crate) const STATUS_NAME: &str = "status.gameday.test";
pub(crate) const STATUS_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 4, 1));
/// The name of the identity provider that users federate with, outside both Regions.
pub(crate) const IDENTITY_PROVIDER_NAME: &str = "idp.gameday.test";
pub(crate) const IDENTITY_PROVIDER_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 6, 1));
/// Whence the users connect: the loopback address that the kernel chooses by itself.
pub(crate) const USERS_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// The first address of the clients' VPC and of its one subnet, both a /24 around the users' address.
pub(crate) const CLIENTS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0));
/// Whence the edge fills its own accept queues; no packet filter in the lab ever sees it.
pub(crate) const FILLER_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 5, 1));
/// The authoritative servers' addresses.
pub(crate) const AUTHORITATIVE_ADDRESSES: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2))];
/// The names of the authoritative servers.
pub(crate) const NAME_SERVERS: [&str; 2] = ["ns1.gameday.test", "ns2.gameday.test"];
/// The resolver's address.
pub(crate) const RESOLVER_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// The address of every control plane.
pub(crate) const CONTROL_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// The name of the lab's Region with that part.
pub(crate) const fn region(role: RegionRole) -> &'static str {
    match role {
        RegionRole::Primary => "us-east-1",
        RegionRole::Replica => "us-west-2",
    }
}

/// The name that leads to one Region's front door, whatever the failover record says.
pub(crate) const fn direct_name(role: RegionRole) -> &'static str {
    match role {
        RegionRole::Primary => "us-east-1.auth.gameday.test",
        RegionRole::Replica => "us-west-2.auth.gameday.test",
    }
}

/// The third byte of a Region's loopback block.
const fn block(role: RegionRole) -> u8 {
    match role {
        RegionRole::Primary => 1,
        RegionRole::Replica => 2,
    }
}

/// The addresses of a Region's front door, one in each Availability Zone.
pub(crate) const fn front_doors(role: RegionRole) -> [IpAddr; 2] {
    [IpAddr::V4(Ipv4Addr::new(127, 0, block(role), 10)), IpAddr::V4(Ipv4Addr::new(127, 0, block(role), 138))]
}

/// The second addresses of the same network interfaces, which only health checkers connect to: a socket whose accept queue is full drops
/// everybody's SYNs, so shutting the users out alone takes an address of their own.
pub(crate) const fn checked_doors(role: RegionRole) -> [IpAddr; 2] {
    [IpAddr::V4(Ipv4Addr::new(127, 0, block(role), 110)), IpAddr::V4(Ipv4Addr::new(127, 0, block(role), 238))]
}

/// The third addresses of the same network interfaces, where authorizers fetch keys: they are shut alone for the same reason.
pub(crate) const fn key_doors(role: RegionRole) -> [IpAddr; 2] {
    [IpAddr::V4(Ipv4Addr::new(127, 0, block(role), 120)), IpAddr::V4(Ipv4Addr::new(127, 0, block(role), 248))]
}

/// Whence the authorizer of a Region's protected API fetches keys.
pub(crate) const fn authorizer(role: RegionRole) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, 7, block(role)))
}

/// The first addresses of a Region's two subnets, each a /25; the first is also the VPC's, a /24.
pub(crate) const fn subnets(role: RegionRole) -> [IpAddr; 2] {
    [IpAddr::V4(Ipv4Addr::new(127, 0, block(role), 0)), IpAddr::V4(Ipv4Addr::new(127, 0, block(role), 128))]
}

/// The address of one health checker; numbers beyond 254 share addresses.
pub(crate) fn checker_address(number: u32) -> IpAddr {
    // The remainder of 254 fits a byte.
    IpAddr::V4(Ipv4Addr::new(127, 0, 3, (number % 254) as u8 + 1))
}
