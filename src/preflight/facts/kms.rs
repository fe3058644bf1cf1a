//! What the Key Management Service tells of the user pool's key in each Region.

use std::sync::Arc;

use aws_sdk_kms::operation::get_key_rotation_status::GetKeyRotationStatusOutput;
use aws_sdk_kms::types::KeyMetadata;
use serde_json::Value;

use crate::cloud::CloudError;
use gameday_core::model::RegionRole;

use super::{Facts, Unavailable};

impl Facts {
    /// The ARN of the key that the pool is encrypted with in a Region; nothing where that is AWS's own (Cognito developer guide, "Data
    /// protection in Amazon Cognito": no `KeyConfiguration` means an AWS owned key).
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn key_arn(&self, role: RegionRole) -> Result<Option<String>, Unavailable> {
        let pool = self.user_pool(role).await?;
        let arn = pool.key_configuration().and_then(|key| key.kms_key_arn());
        // Whether a replica tells the key's ARN of its own Region or that of its primary is not documented; it uses its own Region's.
        Ok(arn.map(|arn| in_region(arn, self.cloud.region(role).region.as_str())))
    }

    /// A key.
    ///
    /// # Errors
    /// [`Unavailable`], absent where there is no such key in that Region.
    pub async fn key(&self, role: RegionRole, arn: &str) -> Result<Arc<KeyMetadata>, Unavailable> {
        let operation = "kms:DescribeKey";
        let call = self.cloud.region(role).checked.kms.describe_key().key_id(arn);
        self.call(operation, role, arn, async {
            let answer = call.send().await.map_err(CloudError::of(operation))?;
            answer.key_metadata.ok_or_else(|| CloudError::incomplete(operation, "KeyMetadata"))
        })
        .await
    }

    /// A key's policy.
    ///
    /// # Errors
    /// [`Unavailable`], absent where there is no such key in that Region.
    pub async fn key_policy(&self, role: RegionRole, arn: &str) -> Result<Arc<Value>, Unavailable> {
        let operation = "kms:GetKeyPolicy";
        let call = self.cloud.region(role).checked.kms.get_key_policy().key_id(arn).policy_name("default");
        self.call(operation, role, arn, async {
            let answer = call.send().await.map_err(CloudError::of(operation))?;
            let policy = answer.policy.as_deref().and_then(|text| serde_json::from_str(text).ok());
            policy.ok_or_else(|| CloudError::incomplete(operation, "policy in JSON"))
        })
        .await
    }

    /// Whether a key is rotated.
    ///
    /// # Errors
    /// [`Unavailable`], absent where there is no such key in that Region.
    pub async fn key_rotation(
        &self,
        role: RegionRole,
        arn: &str,
    ) -> Result<Arc<GetKeyRotationStatusOutput>, Unavailable> {
        let operation = "kms:GetKeyRotationStatus";
        let call = self.cloud.region(role).checked.kms.get_key_rotation_status().key_id(arn);
        self.call(operation, role, arn, async { call.send().await.map_err(CloudError::of(operation)) }).await
    }
}

/// An ARN of a key, in another Region.
fn in_region(arn: &str, region: &str) -> String {
    let mut parts: Vec<&str> = arn.splitn(6, ':').collect();
    if let Some(part) = parts.get_mut(3) {
        *part = region;
    }
    parts.join(":")
}
