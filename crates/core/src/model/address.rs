use std::borrow::Cow;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A block of addresses, written `"10.0.0.0/8"` or `"2001:db8::/32"`; in canonical form, bits behind the prefix are
/// zero, as EC2 keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr(IpNet);

/// Ports, both ends included, written `"443"` or `"8000-8999"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRange {
    /// The first.
    pub from: u16,
    /// The last.
    pub to: u16,
}

impl Cidr {
    /// Every address of each family.
    pub const ANY: [Self; 2] = [
        Self(IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0))),
        Self(IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0))),
    ];

    /// Reads `"10.0.0.0/8"`.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let net: IpNet = text.trim().parse().map_err(|_| {
            format!("`{text}` is not a block of addresses: write for example \"10.0.0.0/8\" or \"2001:db8::/32\"")
        })?;
        Ok(Self(net.trunc()))
    }

    /// Whether it is of IPv6.
    /// Whether an address lies in it.
    pub fn contains(self, address: std::net::IpAddr) -> bool {
        self.0.contains(&address)
    }

    /// One address.
    pub fn host(address: std::net::IpAddr) -> Self {
        Self(IpNet::from(address))
    }

    /// Whether it is a range of IPv6 addresses.
    pub fn is_ipv6(self) -> bool {
        matches!(self.0, IpNet::V6(_))
    }
}

impl PortRange {
    /// Reads `"443"` or `"8000-8999"`.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        match (from.trim().parse(), to.trim().parse()) {
            (Ok(from), Ok(to)) if from <= to => Ok(Self { from, to }),
            _ => Err(format!("`{text}` is no port from 0 to 65535: write for example \"443\" or \"8000-8999\"")),
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.from == self.to { write!(f, "{}", self.from) } else { write!(f, "{}-{}", self.from, self.to) }
    }
}

super::ratio::as_text!(
    Cidr,
    "Cidr",
    "^[0-9A-Fa-f.:]+/[0-9]{1,3}$",
    "A block of addresses: \"10.0.0.0/8\", \"2001:db8::/32\"."
);
super::ratio::as_text!(PortRange, "PortRange", "^[0-9]{1,5}(-[0-9]{1,5})?$", "Ports: \"443\", \"8000-8999\".");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_in_canonical_form_as_ec2_tells_them() {
        let text = |text: &str| Cidr::parse(text).map(|block| block.to_string());
        assert_eq!(text("10.1.2.3/8").as_deref(), Ok("10.0.0.0/8"));
        assert_eq!(text("2001:DB8:0:0::1/32").as_deref(), Ok("2001:db8::/32"));
        for wrong in ["10.0.0.0", "10.0.0.0/33", "2001:db8::/129", "ten/8", ""] {
            assert!(Cidr::parse(wrong).unwrap_err().contains("10.0.0.0/8"), "{wrong}");
        }
    }

    #[test]
    fn ports_are_one_or_a_range_in_order() {
        assert_eq!(PortRange::parse("443"), Ok(PortRange { from: 443, to: 443 }));
        assert_eq!(PortRange::parse("8000-8999"), Ok(PortRange { from: 8000, to: 8999 }));
        for wrong in ["70000", "9-8", "-1", "https", ""] {
            assert!(PortRange::parse(wrong).is_err(), "{wrong}");
        }
    }
}
