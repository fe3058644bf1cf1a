//! CloudTrail, S3 and WAF: what auditors ask for.

use std::sync::Arc;

use aws_sdk_cloudtrail::operation::get_event_selectors::GetEventSelectorsOutput;
use aws_sdk_cloudtrail::operation::get_trail_status::GetTrailStatusOutput;
use aws_sdk_cloudtrail::types::Trail;
use aws_sdk_s3::types::ObjectLockConfiguration;
use aws_sdk_wafv2::types::WebAcl;
use futures::future::try_join_all;

use super::{Facts, Unavailable, found};
use crate::cloud::CloudError;
use gameday_core::model::RegionRole;

/// A trail that records a Region, with its state.
#[derive(Debug, Clone)]
pub struct Recorder {
    /// The trail.
    pub trail: Trail,
    /// Whether it records, and whether that arrives.
    pub status: Arc<GetTrailStatusOutput>,
}

impl Recorder {
    /// As evidence names it.
    pub fn name(&self) -> &str {
        self.trail.trail_arn().or(self.trail.name()).unwrap_or("a trail without a name")
    }

    /// Whether what happens is recorded and arrives.
    pub fn works(&self) -> bool {
        self.status.is_logging() == Some(true) && self.status.latest_delivery_error().is_none_or(str::is_empty)
    }
}

impl Facts {
    /// The trails that record a Region, those of other Regions with them.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn recorders(&self, role: RegionRole) -> Result<Vec<Recorder>, Unavailable> {
        let client = &self.cloud.region(role).checked.cloudtrail;
        let trails = self
            .call("cloudtrail:DescribeTrails", role, "", async {
                let answer = client.describe_trails().include_shadow_trails(true).send().await;
                Ok(answer.map_err(CloudError::of("cloudtrail:DescribeTrails"))?.trail_list.unwrap_or_default())
            })
            .await?;
        let states = trails.iter().map(async |trail| {
            let name = trail.trail_arn().or(trail.name()).unwrap_or_default();
            let status = self.call("cloudtrail:GetTrailStatus", role, name, async {
                let answer = client.get_trail_status().name(name).send().await;
                answer.map_err(CloudError::of("cloudtrail:GetTrailStatus"))
            });
            Ok(Recorder { trail: trail.clone(), status: status.await? })
        });
        try_join_all(states).await
    }

    /// Which events a trail records.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn event_selectors(
        &self,
        role: RegionRole,
        trail: &Trail,
    ) -> Result<Arc<GetEventSelectorsOutput>, Unavailable> {
        let name = trail.trail_arn().or(trail.name()).unwrap_or_default();
        let home = trail.home_region().map(|region| self.site.role(&region.into()));
        // A trail of a Region of ours is asked at home, where it is one call for both.
        let role = home.flatten().unwrap_or(role);
        self.call("cloudtrail:GetEventSelectors", role, name, async {
            let call = self.cloud.region(role).checked.cloudtrail.get_event_selectors().trail_name(name);
            call.send().await.map_err(CloudError::of("cloudtrail:GetEventSelectors"))
        })
        .await
    }

    /// The Object Lock of a bucket; nothing where it has none, or where there is no such bucket.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn object_lock(&self, bucket: &str) -> Result<Option<Arc<ObjectLockConfiguration>>, Unavailable> {
        let here = self.object_lock_by(RegionRole::Primary, bucket).await;
        let elsewhere = |missing: &Unavailable| {
            let told = missing.reason.as_deref().unwrap_or_default();
            ["PermanentRedirect", "AuthorizationHeaderMalformed"].iter().any(|code| told.contains(code))
        };
        // A bucket answers in its own Region alone.
        match here {
            Err(missing) if elsewhere(&missing) => found(self.object_lock_by(RegionRole::Replica, bucket).await),
            answer => found(answer),
        }
    }

    async fn object_lock_by(
        &self,
        role: RegionRole,
        bucket: &str,
    ) -> Result<Arc<ObjectLockConfiguration>, Unavailable> {
        let operation = "s3:GetBucketObjectLockConfiguration";
        self.call(operation, role, bucket, async {
            let call = self.cloud.region(role).checked.s3.get_object_lock_configuration().bucket(bucket);
            let answer = call.send().await.map_err(CloudError::of(operation))?;
            answer.object_lock_configuration.ok_or_else(|| CloudError::incomplete(operation, "ObjectLockConfiguration"))
        })
        .await
    }

    /// The web ACL before the user pool of a Region, where there is one.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn web_acl(&self, role: RegionRole) -> Result<Arc<Option<WebAcl>>, Unavailable> {
        let operation = "wafv2:GetWebACLForResource";
        let arn = self.pool_arn(role).await?;
        self.call(operation, role, &arn, async {
            let call = self.cloud.region(role).reading.waf.get_web_acl_for_resource().resource_arn(&arn);
            Ok(call.send().await.map_err(CloudError::of(operation))?.web_acl)
        })
        .await
    }

    /// The ARN of the user pool in a Region: that Region's, with the primary's ID where it is a replica.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn pool_arn(&self, role: RegionRole) -> Result<String, Unavailable> {
        let pool = self.user_pool(role).await?;
        let arn = pool.arn().map(str::to_owned);
        arn.ok_or_else(|| Unavailable::because("the user pool's ARN", "cognito-idp:DescribeUserPool returns none"))
    }
}
