//! The user pool, as each Region tells of it.

use std::sync::Arc;

use aws_sdk_cognitoidentityprovider::types::UserPoolType;

use super::{Facts, Missing};
use crate::cloud::CloudError;
use crate::model::RegionRole;

impl Facts {
    /// The user pool in a Region.
    ///
    /// # Errors
    /// [`Missing`].
    pub async fn user_pool(&self, role: RegionRole) -> Result<Arc<UserPoolType>, Missing> {
        let (operation, id) = ("cognito-idp:DescribeUserPool", &self.site.pool.id);
        self.call(operation, role, id, async {
            let call = self.cloud.region(role).cognito.describe_user_pool().user_pool_id(id);
            let answer = call.send().await.map_err(CloudError::of(operation))?;
            answer.user_pool.ok_or_else(|| CloudError::incomplete(operation, "UserPool"))
        })
        .await
    }
}
