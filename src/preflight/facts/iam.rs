//! IAM, which is global: what the execution role of a function allows.

use std::sync::Arc;

use aws_sdk_iam::types::AttachedPolicy;
use futures::future::{try_join, try_join_all};
use serde_json::Value;
use url::form_urlencoded;

use super::{Facts, Unavailable, found};
use crate::cloud::CloudError;
use gameday_core::model::RegionRole;

/// What AWS's own policies have in their ARNs, in every partition. They name no Region.
const OF_AWS: &str = ":iam::aws:policy/";
/// IAM answers the same wherever it is asked.
const ANYWHERE: RegionRole = RegionRole::Primary;

impl Facts {
    /// The documents of a role's policies, those of AWS aside; nothing where there is no such role.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn role_documents(&self, role: &str) -> Result<Option<Vec<Arc<Value>>>, Unavailable> {
        let both = found(try_join(self.attached_documents(role), self.inline_documents(role)).await)?;
        Ok(both.map(|(attached, inline)| attached.into_iter().chain(inline).collect()))
    }

    async fn attached_documents(&self, role: &str) -> Result<Vec<Arc<Value>>, Unavailable> {
        let operation = "iam:ListAttachedRolePolicies";
        let attached = self.call(operation, ANYWHERE, role, async {
            let iam = &self.cloud.region(ANYWHERE).checked.iam;
            let pages = iam.list_attached_role_policies().role_name(role).into_paginator().items();
            pages.send().collect::<Result<Vec<_>, _>>().await.map_err(CloudError::of(operation))
        });
        let attached = attached.await?;
        let own = attached.iter().filter_map(AttachedPolicy::policy_arn).filter(|arn| !arn.contains(OF_AWS));
        try_join_all(own.map(|arn| self.policy_document(arn))).await
    }

    async fn policy_document(&self, arn: &str) -> Result<Arc<Value>, Unavailable> {
        let iam = &self.cloud.region(ANYWHERE).checked.iam;
        let operation = "iam:GetPolicy";
        let version = self.call(operation, ANYWHERE, arn, async {
            let answer = iam.get_policy().policy_arn(arn).send().await.map_err(CloudError::of(operation))?;
            let version = answer.policy.and_then(|policy| policy.default_version_id);
            version.ok_or_else(|| CloudError::incomplete(operation, "DefaultVersionId"))
        });
        let version = version.await?;
        let operation = "iam:GetPolicyVersion";
        self.call(operation, ANYWHERE, arn, async {
            let call = iam.get_policy_version().policy_arn(arn).version_id(version.as_str());
            let answer = call.send().await.map_err(CloudError::of(operation))?;
            let document = answer.policy_version.and_then(|version| version.document).unwrap_or_default();
            decoded(&document).ok_or_else(|| CloudError::incomplete(operation, "Document that is JSON"))
        })
        .await
    }

    async fn inline_documents(&self, role: &str) -> Result<Vec<Arc<Value>>, Unavailable> {
        let iam = &self.cloud.region(ANYWHERE).checked.iam;
        let operation = "iam:ListRolePolicies";
        let names = self.call(operation, ANYWHERE, role, async {
            let pages = iam.list_role_policies().role_name(role).into_paginator().items();
            pages.send().collect::<Result<Vec<_>, _>>().await.map_err(CloudError::of(operation))
        });
        let names = names.await?;
        let operation = "iam:GetRolePolicy";
        let documents = names.iter().map(|name| async move {
            self.call(operation, ANYWHERE, &format!("{role} {name}"), async {
                let answer = iam.get_role_policy().role_name(role).policy_name(name).send().await;
                let document = answer.map_err(CloudError::of(operation))?.policy_document;
                decoded(&document).ok_or_else(|| CloudError::incomplete(operation, "PolicyDocument that is JSON"))
            })
            .await
        });
        try_join_all(documents).await
    }
}

/// IAM's documents are percent-encoded; a plus sign would be, too.
fn decoded(document: &str) -> Option<Value> {
    let pair = format!("={document}");
    let (_, json) = form_urlencoded::parse(pair.as_bytes()).next()?;
    serde_json::from_str(&json).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_percent_encoded() {
        let document = decoded("%7B%22Resource%22%3A%20%22a%3Db%26c%2Bd%22%7D").unwrap();
        assert_eq!(document["Resource"], "a=b&c+d");
        assert_eq!(decoded("%7B"), None);
    }
}
