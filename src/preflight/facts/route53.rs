//! The failover record, its zone, and its health check.

use std::sync::Arc;

use aws_sdk_route53::types::{HealthCheckConfig, ResourceRecordSet, ResourceRecordSetFailover};

use super::{Facts, Missing};
use crate::cloud::CloudError;
use crate::model::RegionRole;

/// FailureThreshold where the health check tells none (Route 53 API reference, HealthCheckConfig).
pub const DEFAULT_THRESHOLD: i32 = 3;
/// RequestInterval where the health check tells none, in seconds (Route 53 API reference, HealthCheckConfig).
pub const DEFAULT_INTERVAL: i32 = 30;

/// The side of a failover pair.
pub fn side(sets: &[ResourceRecordSet], side: RegionRole) -> Option<&ResourceRecordSet> {
    let wanted = match side {
        RegionRole::Primary => ResourceRecordSetFailover::Primary,
        RegionRole::Replica => ResourceRecordSetFailover::Secondary,
    };
    sets.iter().find(|set| set.failover() == Some(&wanted))
}

impl Facts {
    /// Every record set of the failover record's name.
    ///
    /// # Errors
    /// [`Missing`].
    pub async fn record_sets(&self) -> Result<Arc<Vec<ResourceRecordSet>>, Missing> {
        let (operation, dns) = ("route53:ListResourceRecordSets", &self.site.dns);
        let wanted = dns.record.trim_end_matches('.');
        self.call(operation, RegionRole::Primary, "", async {
            let call = self.cloud.route53.list_resource_record_sets().hosted_zone_id(&dns.hosted_zone_id);
            let answer = call.start_record_name(wanted).send().await.map_err(CloudError::of(operation))?;
            let mine = |set: &ResourceRecordSet| set.name().trim_end_matches('.').eq_ignore_ascii_case(wanted);
            Ok(answer.resource_record_sets.into_iter().filter(mine).collect())
        })
        .await
    }

    /// The primary's failover record; nothing where there is no pair.
    ///
    /// # Errors
    /// [`Missing`].
    pub async fn primary_record(&self) -> Result<Option<ResourceRecordSet>, Missing> {
        let sets = self.record_sets().await?;
        let pair = side(&sets, RegionRole::Primary).zip(side(&sets, RegionRole::Replica));
        Ok(pair.map(|(primary, _)| primary.clone()))
    }

    /// The environment's health check.
    ///
    /// # Errors
    /// [`Missing`].
    pub async fn health_check(&self) -> Result<Arc<HealthCheckConfig>, Missing> {
        let (operation, id) = ("route53:GetHealthCheck", &self.site.dns.health_check_id);
        self.call(operation, RegionRole::Primary, id, async {
            let answer = self.cloud.route53.get_health_check().health_check_id(id).send().await;
            let check = answer.map_err(CloudError::of(operation))?.health_check;
            let config = check.and_then(|check| check.health_check_config);
            config.ok_or_else(|| CloudError::incomplete(operation, "HealthCheckConfig"))
        })
        .await
    }

    /// What the health check asks: an address or a name; nothing for a check of other checks, or of an alarm.
    ///
    /// # Errors
    /// [`Missing`].
    pub async fn health_target(&self) -> Result<Option<String>, Missing> {
        let config = self.health_check().await?;
        let target = config.ip_address().filter(|ip| !ip.is_empty()).or(config.fully_qualified_domain_name());
        Ok(target.map(str::to_owned))
    }

    /// The names of the zone's name servers.
    ///
    /// # Errors
    /// [`Missing`].
    pub async fn name_servers(&self) -> Result<Arc<Vec<String>>, Missing> {
        let (operation, id) = ("route53:GetHostedZone", &self.site.dns.hosted_zone_id);
        self.call(operation, RegionRole::Primary, id, async {
            let answer = self.cloud.route53.get_hosted_zone().id(id).send().await;
            let set = answer.map_err(CloudError::of(operation))?.delegation_set;
            Ok(set.map(|set| set.name_servers).unwrap_or_default())
        })
        .await
    }
}
