//! The quotas that network ACLs must fit into, as Service Quotas applies them in a Region.

use std::fmt;

use crate::cloud::{CloudError, RegionClients};

/// Rules for each direction and IP family that a network ACL may have, the closing `*` rules included (VPC user guide, "Amazon VPC quotas":
/// 20, adjustable to 40; IPv4 and IPv6 apart). An original with more than 20 shows that the account's quota was raised.
const RULES: (usize, usize) = (20, 40);
/// Network ACLs for each VPC (the same page: 200, adjustable).
const ACLS: usize = 200;
/// As Service Quotas names them.
const RULES_CODE: &str = "L-2AEEBF1A";
const ACLS_CODE: &str = "L-B4A6D682";

/// Quotas of network ACLs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AclQuotas {
    rules: Option<usize>,
    acls: Option<usize>,
    /// Why the applied ones are not known.
    pub unread: Option<String>,
}

impl AclQuotas {
    /// Those that Service Quotas applies; AWS's defaults where it does not say.
    pub(super) async fn read(clients: &RegionClients) -> Self {
        let mut quotas = Self::default();
        let mut pages =
            clients.checked.quotas.list_service_quotas().service_code("vpc").into_paginator().items().send();
        while let Some(quota) = pages.next().await {
            match quota.map_err(CloudError::of("servicequotas:ListServiceQuotas")) {
                Ok(quota) => {
                    // A quota is a whole number that is not negative.
                    let value = quota.value().map(|value| value as usize);
                    match quota.quota_code() {
                        Some(RULES_CODE) => quotas.rules = value,
                        Some(ACLS_CODE) => quotas.acls = value,
                        _ => {}
                    }
                }
                Err(error) => {
                    quotas.unread = Some(error.to_string());
                    return quotas;
                }
            }
        }
        if quotas.rules.is_none() || quotas.acls.is_none() {
            quotas.unread = Some("servicequotas:ListServiceQuotas does not list them".to_owned());
        }
        quotas
    }

    /// Rules for each direction and family, for an ACL that has so many at most.
    pub(super) fn rules(&self, used: usize) -> usize {
        let default = if used > RULES.0 { RULES.1 } else { RULES.0 };
        self.rules.unwrap_or(default)
    }

    /// Network ACLs for each VPC.
    pub(super) fn acls(&self) -> usize {
        self.acls.unwrap_or(ACLS)
    }

    #[cfg(test)]
    pub(super) fn not_read(why: &str) -> Self {
        Self { unread: Some(why.to_owned()), ..Self::default() }
    }

    #[cfg(test)]
    pub(super) fn of_rules(rules: usize) -> Self {
        Self { rules: Some(rules), ..Self::default() }
    }
}

/// What to say of a quota that is exceeded, where AWS's default was assumed.
impl fmt::Display for AclQuotas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.unread {
            Some(why) => write!(f, " (AWS's default, since the applied quota is not known: {why})"),
            None => Ok(()),
        }
    }
}
