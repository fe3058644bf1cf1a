//! Which subnets addresses belong to, by their network interfaces.

use std::collections::BTreeSet;
use std::net::IpAddr;

use aws_sdk_ec2::types::NetworkInterface;

use crate::cloud::{CloudError, RegionClients};

/// The subnets of the network interfaces that have one of these addresses, private or public.
pub(super) async fn subnets(clients: &RegionClients, addresses: &[IpAddr]) -> Result<Vec<String>, CloudError> {
    if addresses.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = BTreeSet::new();
    let mut pages = clients.ec2.describe_network_interfaces().into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(CloudError::of("ec2:DescribeNetworkInterfaces"))?;
        let own = page.network_interfaces().iter().filter(|interface| has(interface, addresses));
        found.extend(own.filter_map(|interface| interface.subnet_id().map(str::to_owned)));
    }
    Ok(found.into_iter().collect())
}

fn has(interface: &NetworkInterface, addresses: &[IpAddr]) -> bool {
    let private = interface.private_ip_addresses().iter().flat_map(|address| {
        [address.private_ip_address(), address.association().and_then(|public| public.public_ip())]
    });
    let ipv6 = interface.ipv6_addresses().iter().map(|address| address.ipv6_address());
    let own = [interface.private_ip_address(), interface.association().and_then(|public| public.public_ip())];
    let mut all = private.chain(ipv6).chain(own).flatten().filter_map(|address| address.parse().ok());
    all.any(|address: IpAddr| addresses.contains(&address))
}
