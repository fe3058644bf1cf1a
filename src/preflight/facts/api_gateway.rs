//! Who may call REST APIs, as API Gateway tells of it.

use std::sync::Arc;

use aws_sdk_apigateway::types::{Authorizer, RestApi};
use futures::future::try_join_all;

use super::{Facts, Unavailable};
use crate::cloud::CloudError;
use gameday_core::model::RegionRole;

/// The largest page (API Gateway API reference, GetRestApis).
const PAGE: i32 = 500;

/// An authorizer of a REST API.
#[derive(Debug, Clone)]
pub struct Guarded {
    /// The API, by name and ID.
    pub api: String,
    /// The authorizer.
    pub authorizer: Authorizer,
}

impl Guarded {
    /// API and authorizer in words.
    pub fn label(&self) -> String {
        let name = self.authorizer.name().or(self.authorizer.id()).unwrap_or("-");
        format!("authorizer {name} of API {}", self.api)
    }

    /// The ARN of the function that decides, where one does.
    pub fn function(&self) -> Option<&str> {
        let (_, rest) = self.authorizer.authorizer_uri()?.split_once("/functions/")?;
        Some(rest.strip_suffix("/invocations").unwrap_or(rest))
    }
}

impl Facts {
    /// The authorizers of all REST APIs of a Region.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn authorizers(&self, role: RegionRole) -> Result<Vec<Guarded>, Unavailable> {
        let apis = self.rest_apis(role).await?;
        let authorizers = apis.iter().map(async |api| {
            let id = api.id().unwrap_or_default();
            let label = format!("{} ({id})", api.name().unwrap_or("-"));
            let found = self.authorizers_of(role, id).await?;
            Ok(found.iter().map(|it| Guarded { api: label.clone(), authorizer: it.clone() }).collect::<Vec<_>>())
        });
        Ok(try_join_all(authorizers).await?.into_iter().flatten().collect())
    }

    async fn rest_apis(&self, role: RegionRole) -> Result<Arc<Vec<RestApi>>, Unavailable> {
        // IAM has actions by HTTP method alone.
        let operation = "apigateway:GET";
        self.call(operation, role, "/restapis", async move {
            let call = self.cloud.region(role).checked.api_gateway.get_rest_apis().limit(PAGE);
            let mut pages = call.into_paginator().send();
            let mut found = Vec::new();
            while let Some(page) = pages.next().await {
                found.extend(page.map_err(CloudError::of(operation))?.items.unwrap_or_default());
            }
            Ok(found)
        })
        .await
    }

    async fn authorizers_of(&self, role: RegionRole, api: &str) -> Result<Arc<Vec<Authorizer>>, Unavailable> {
        let (operation, api) = ("apigateway:GET", api.to_owned());
        self.call(operation, role, &format!("/restapis/{api}/authorizers"), async move {
            // An API has ten at most (API Gateway quotas), so there is one page.
            let call = self.cloud.region(role).checked.api_gateway.get_authorizers().rest_api_id(api).limit(PAGE);
            Ok(call.send().await.map_err(CloudError::of(operation))?.items.unwrap_or_default())
        })
        .await
    }
}
