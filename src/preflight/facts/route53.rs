//! The failover record, its zone, and its health check.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_route53::types::{
    HealthCheckConfig, HealthCheckObservation, HealthCheckType, ResourceRecordSet, ResourceRecordSetFailover,
};

use super::{Facts, Unavailable};
use crate::cloud::CloudError;
use gameday_core::model::RegionRole;

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

/// Healthy while more than this share of checkers says so (Route 53 developer guide, "How Amazon Route 53 determines whether a health check
/// is healthy").
const HEALTHY_SHARE_PERCENT: usize = 18;

/// Whether checkers ask for a page, and do not merely connect.
pub fn asks(config: &HealthCheckConfig) -> bool {
    use HealthCheckType::{Http, HttpStrMatch, Https, HttpsStrMatch};
    [Http, HttpStrMatch, Https, HttpsStrMatch].contains(config.r#type())
}

/// Whether checkers probe something. Not those of other health checks, of an alarm, of a routing control or of ARC Region switch.
pub fn has_checkers(config: &HealthCheckConfig) -> bool {
    asks(config) || *config.r#type() == HealthCheckType::Tcp
}

/// How long a checker waits for a connection: 4 s, and 10 s where it wants nothing else (Route 53 developer guide, "How Amazon Route 53 determines
/// whether a health check is healthy").
pub fn connect_timeout(config: &HealthCheckConfig) -> Duration {
    Duration::from_secs(if *config.r#type() == HealthCheckType::Tcp { 10 } else { 4 })
}

/// What a calculated health check counts.
#[derive(Debug, Clone)]
pub struct Counted {
    /// How many of its children must be healthy.
    pub needed: usize,
    /// Their IDs.
    pub children: Vec<String>,
}

/// What a health check counts, where it is a calculated one.
pub fn counts(config: &HealthCheckConfig) -> Option<Counted> {
    let children = config.child_health_checks().to_vec();
    let needed = config.health_threshold().and_then(|needed| usize::try_from(needed).ok()).unwrap_or(children.len());
    (*config.r#type() == HealthCheckType::Calculated).then_some(Counted { needed, children })
}

impl Facts {
    /// Every record set of the failover record's name.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn record_sets(&self) -> Result<Arc<Vec<ResourceRecordSet>>, Unavailable> {
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
    /// [`Unavailable`].
    pub async fn primary_record(&self) -> Result<Option<ResourceRecordSet>, Unavailable> {
        let sets = self.record_sets().await?;
        let pair = side(&sets, RegionRole::Primary).zip(side(&sets, RegionRole::Replica));
        Ok(pair.map(|(primary, _)| primary.clone()))
    }

    /// The environment's health check.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn health_check(&self) -> Result<Arc<HealthCheckConfig>, Unavailable> {
        self.health_check_of(&self.site.dns.health_check_id).await
    }

    /// The health check with that ID.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn health_check_of(&self, id: &str) -> Result<Arc<HealthCheckConfig>, Unavailable> {
        let operation = "route53:GetHealthCheck";
        self.call(operation, RegionRole::Primary, id, async {
            let answer = self.cloud.route53.get_health_check().health_check_id(id).send().await;
            let check = answer.map_err(CloudError::of(operation))?.health_check;
            let config = check.and_then(|check| check.health_check_config);
            config.ok_or_else(|| CloudError::incomplete(operation, "HealthCheckConfig"))
        })
        .await
    }

    /// What each checker of the environment's health check saw last, in Route 53's words.
    ///
    /// # Errors
    /// [`Unavailable`], also for a health check without checkers.
    pub async fn observations(&self) -> Result<Arc<Vec<String>>, Unavailable> {
        let (operation, id) = ("route53:GetHealthCheckStatus", &self.site.dns.health_check_id);
        self.call(operation, RegionRole::Primary, id, async {
            let answer = self.cloud.route53.get_health_check_status().health_check_id(id).send().await;
            let seen = answer.map_err(CloudError::of(operation))?.health_check_observations;
            let status = |seen: HealthCheckObservation| seen.status_report?.status;
            Ok(seen.into_iter().filter_map(status).collect())
        })
        .await
    }

    /// Whether the environment's health check is healthy by what its checkers see.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn is_seen_healthy(&self) -> Result<bool, Unavailable> {
        let seen = self.observations().await?;
        let good = seen.iter().filter(|status| status.starts_with("Success")).count();
        Ok(good * 100 > seen.len() * HEALTHY_SHARE_PERCENT)
    }

    /// What the health check asks: an address or a name; nothing for a check of other checks, or of an alarm.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn health_target(&self) -> Result<Option<String>, Unavailable> {
        let config = self.health_check().await?;
        let target = config.ip_address().filter(|ip| !ip.is_empty()).or(config.fully_qualified_domain_name());
        Ok(target.map(str::to_owned))
    }

    /// The names of the zone's name servers.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn name_servers(&self) -> Result<Arc<Vec<String>>, Unavailable> {
        let (operation, id) = ("route53:GetHostedZone", &self.site.dns.hosted_zone_id);
        self.call(operation, RegionRole::Primary, id, async {
            let answer = self.cloud.route53.get_hosted_zone().id(id).send().await;
            let set = answer.map_err(CloudError::of(operation))?.delegation_set;
            Ok(set.map(|set| set.name_servers).unwrap_or_default())
        })
        .await
    }
}
