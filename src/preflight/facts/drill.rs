//! What the scenario's faults would touch.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use aws_sdk_ec2::types::{Filter, NetworkInterface};
use futures::future::try_join_all;

use super::{Facts, Unavailable};
use crate::cloud::CloudError;
use crate::faults::{self, Fault, FaultError, Plan};
use gameday_core::model::RegionRole;

/// A network interface, by what is asked of it.
#[derive(Debug, Clone)]
pub struct Interface {
    /// Its ID.
    pub id: String,
    /// Its subnet.
    pub subnet: String,
    /// Every address that leads to it.
    pub addresses: Vec<IpAddr>,
}

fn interface(described: &NetworkInterface) -> Option<Interface> {
    let private = described.private_ip_addresses().iter().flat_map(|address| {
        [address.private_ip_address(), address.association().and_then(|public| public.public_ip())]
    });
    let ipv6 = described.ipv6_addresses().iter().map(|address| address.ipv6_address());
    let own = [described.private_ip_address(), described.association().and_then(|public| public.public_ip())];
    let all = private.chain(ipv6).chain(own).flatten().filter_map(|address| address.parse().ok());
    Some(Interface {
        id: described.network_interface_id()?.to_owned(),
        subnet: described.subnet_id()?.to_owned(),
        addresses: all.collect(),
    })
}

impl Facts {
    /// What the faults' targets resolve to, or why to nothing.
    ///
    /// # Errors
    /// Never; facts are kept so.
    pub async fn planned(&self) -> Result<Arc<Result<Arc<Plan>, FaultError>>, Unavailable> {
        self.once("plan", async {
            Ok(faults::plan(&self.scenario.faults, &self.site, &self.cloud, &self.run).await.map(Arc::new))
        })
        .await
    }

    /// What the faults' targets resolve to.
    ///
    /// # Errors
    /// [`Unavailable`]; why is a finding of GD002, GD003 or GD602.
    pub async fn plan(&self) -> Result<Arc<Plan>, Unavailable> {
        let planned = self.planned().await?;
        planned.as_ref().as_ref().cloned().map_err(|_| {
            Unavailable::because("the faults' targets", "they cannot be resolved; see GD002, GD003 and GD602")
        })
    }

    /// The network interfaces of a VPC.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn interfaces(&self, role: RegionRole, vpc: &str) -> Result<Arc<Vec<Interface>>, Unavailable> {
        let operation = "ec2:DescribeNetworkInterfaces";
        self.call(operation, role, vpc, async {
            let filter = Filter::builder().name("vpc-id").values(vpc).build();
            let call = self.cloud.region(role).ec2.describe_network_interfaces().filters(filter);
            let mut pages = call.into_paginator().send();
            let mut found = Vec::new();
            while let Some(page) = pages.next().await {
                let page = page.map_err(CloudError::of(operation))?;
                found.extend(page.network_interfaces().iter().filter_map(interface));
            }
            Ok(found)
        })
        .await
    }

    /// The addresses of the network interfaces that a fault covers.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn covered(&self, fault: &Fault) -> Result<BTreeSet<IpAddr>, Unavailable> {
        let (subnets, chosen) = (&fault.blast_radius.subnets, &fault.blast_radius.interfaces);
        let vpcs = fault.blast_radius.vpcs().into_iter();
        let covered = try_join_all(vpcs.map(async |vpc| {
            let interfaces = self.interfaces(fault.spec.region, vpc).await?;
            let inside = |of: &&Interface| {
                subnets.contains(&(vpc.clone(), of.subnet.clone())) || chosen.contains(&(vpc.clone(), of.id.clone()))
            };
            Ok(interfaces.iter().filter(inside).flat_map(|of| of.addresses.clone()).collect::<Vec<_>>())
        }));
        Ok(covered.await?.into_iter().flatten().collect())
    }
}
