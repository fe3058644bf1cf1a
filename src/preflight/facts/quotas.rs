//! Request rates: what Cognito enforces, what Service Quotas allows at most, and what users need.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_cognitoidentityprovider::types::{LimitClass, LimitDefinitionType};

use super::{Facts, Unavailable};
use crate::cloud::CloudError;
use gameday_core::model::RegionRole;

/// The category of sign-ins and token refreshes (Cognito developer guide, "Quotas in Amazon Cognito").
pub const SIGN_INS: &str = "UserAuthentication";

/// Requests of a category in a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provisioned {
    /// What is enforced.
    pub enforced: i32,
    /// What costs nothing: AWS's default.
    pub default: i32,
}

/// A quota as Service Quotas applies it.
#[derive(Debug, Clone, PartialEq)]
pub struct AppliedQuota {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: f64,
}

/// Requests in a second that users make at their peak; the peaks need not have come at once, so that it may be less.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Need {
    /// Sign-ins.
    pub sign_ins: f64,
    /// Token refreshes, which count in the same category.
    pub refreshes: f64,
}

impl Need {
    /// Both.
    pub fn total(self) -> f64 {
        self.sign_ins + self.refreshes
    }

    /// In words.
    pub fn words(self) -> String {
        format!(
            "peak of the last 14 days, both Regions: {:.1}/s ({:.1}/s SignInSuccesses, {:.1}/s TokenRefreshSuccesses)",
            self.total(),
            self.sign_ins,
            self.refreshes
        )
    }
}

impl Facts {
    /// The enforced rate of sign-ins. Limits may be asked for once a second, so there is no look at other categories.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn sign_in_limit(&self, role: RegionRole) -> Result<Arc<Provisioned>, Unavailable> {
        let operation = "cognito-idp:GetProvisionedLimit";
        self.call(operation, role, SIGN_INS, async move {
            let definition = LimitDefinitionType::builder().limit_class(LimitClass::ApiCategory);
            let definition = definition.attributes("Category", SIGN_INS).build();
            let definition = definition.map_err(|_| CloudError::incomplete(operation, "LimitDefinition"))?;
            let call = self.cloud.region(role).cognito.get_provisioned_limit().limit_definition(definition);
            let limit = call.send().await.map_err(CloudError::of(operation))?.limit;
            let limit = limit.ok_or_else(|| CloudError::incomplete(operation, "Limit"))?;
            Ok(Provisioned { enforced: limit.provisioned_limit_value(), default: limit.free_limit_value() })
        })
        .await
    }

    /// The quotas of a service that Service Quotas applies in a Region, by code.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn applied(
        &self,
        role: RegionRole,
        service: &'static str,
    ) -> Result<Arc<BTreeMap<String, AppliedQuota>>, Unavailable> {
        let operation = "servicequotas:ListServiceQuotas";
        self.call(operation, role, service, async move {
            let call = self.cloud.region(role).checked.quotas.list_service_quotas().service_code(service);
            let mut pages = call.into_paginator().send();
            let mut found = BTreeMap::new();
            while let Some(page) = pages.next().await {
                for quota in page.map_err(CloudError::of(operation))?.quotas.unwrap_or_default() {
                    let (Some(code), Some(value)) = (quota.quota_code(), quota.value()) else { continue };
                    let name = quota.quota_name().unwrap_or_default().to_owned();
                    found.insert(code.to_owned(), AppliedQuota { name, value });
                }
            }
            Ok(found)
        })
        .await
    }

    /// What users need at their peak, of the category of sign-ins.
    ///
    /// # Errors
    /// [`Unavailable`], also where there are no figures.
    pub async fn need(&self) -> Result<Need, Unavailable> {
        let peak = async |role, name| Ok(self.peak(role, name).await?.map(|peak| peak.per_second));
        let [primary, replica] = [RegionRole::Primary, RegionRole::Replica];
        let (sign_ins, more_sign_ins, refreshes, more_refreshes) = futures::try_join!(
            peak(primary, "SignInSuccesses"),
            peak(replica, "SignInSuccesses"),
            peak(primary, "TokenRefreshSuccesses"),
            peak(replica, "TokenRefreshSuccesses"),
        )?;
        if sign_ins.is_none() && more_sign_ins.is_none() {
            let reason = "CloudWatch has no SignInSuccesses of this user pool in the last 14 days";
            return Err(Unavailable::because("the peak of sign-ins", reason));
        }
        let both = |one: Option<f64>, other: Option<f64>| one.unwrap_or_default() + other.unwrap_or_default();
        Ok(Need { sign_ins: both(sign_ins, more_sign_ins), refreshes: both(refreshes, more_refreshes) })
    }
}
