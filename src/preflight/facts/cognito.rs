//! What Cognito tells of the user pool in each Region.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_cognitoidentityprovider::operation::admin_get_user::AdminGetUserOutput;
use aws_sdk_cognitoidentityprovider::types::{
    DomainDescriptionType, GroupType, UserPoolClientType, UserPoolReplicaType, UserPoolType,
};
use futures::future::try_join_all;

use crate::cloud::{CloudError, ErrorClass};
use gameday_core::model::RegionRole;
use gameday_protocols::timer::Timer as _;

use super::{Facts, Unavailable};

/// Users of which one page of ListUsers tells at most (Cognito API reference), and that are looked at.
const PAGE: i32 = 60;
/// So often, and after so long, a throttled call is made again: fifteen looks at app clients a second are allowed (Cognito developer
/// guide, "Quotas in Amazon Cognito", UserPoolClientRead), and pools have more app clients than that.
const TURNS: u32 = 40;
const PAUSE: Duration = Duration::from_millis(250);

impl Facts {
    /// Whether the replica is a native one, which shares ID, app clients and keys with its primary.
    pub fn is_native(&self) -> bool {
        self.site.pool.replica_id.is_none()
    }

    /// The pool's ID in a Region.
    pub fn pool_id(&self, role: RegionRole) -> &str {
        self.site.pool.id_at(role)
    }

    /// The pool.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn user_pool(&self, role: RegionRole) -> Result<Arc<UserPoolType>, Unavailable> {
        let operation = "cognito-idp:DescribeUserPool";
        let call = self.cloud.region(role).cognito.describe_user_pool().user_pool_id(self.pool_id(role));
        self.call(operation, role, "", async {
            let answer = call.send().await.map_err(CloudError::of(operation))?;
            answer.user_pool.ok_or_else(|| CloudError::incomplete(operation, "UserPool"))
        })
        .await
    }

    /// The pool and its native replica, as the primary lists them.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn replicas(&self) -> Result<Arc<Vec<UserPoolReplicaType>>, Unavailable> {
        let operation = "cognito-idp:ListUserPoolReplicas";
        let cognito = &self.cloud.primary.cognito;
        self.call(operation, RegionRole::Primary, "", async {
            let (mut all, mut token) = (Vec::new(), None);
            loop {
                let call = cognito.list_user_pool_replicas().user_pool_id(&self.site.pool.id).set_next_token(token);
                let page = call.send().await.map_err(CloudError::of(operation))?;
                all.extend(page.user_pool_replicas.unwrap_or_default());
                token = page.next_token;
                if token.is_none() {
                    return Ok(all);
                }
            }
        })
        .await
    }

    /// Every app client.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn app_clients(&self, role: RegionRole) -> Result<Arc<Vec<Arc<UserPoolClientType>>>, Unavailable> {
        let operation = "cognito-idp:ListUserPoolClients";
        let (cognito, pool) = (&self.cloud.region(role).cognito, self.pool_id(role));
        let ids = self.call(operation, role, "", async {
            let pages = cognito.list_user_pool_clients().user_pool_id(pool).max_results(PAGE).into_paginator();
            let all = pages.items().send().collect::<Result<Vec<_>, _>>().await.map_err(CloudError::of(operation))?;
            Ok(all.into_iter().filter_map(|client| client.client_id).collect::<Vec<_>>())
        });
        let ids = ids.await?;
        let key = format!("app clients {}", role.as_str());
        self.once(&key, async { try_join_all(ids.iter().map(|id| self.app_client(role, id))).await }).await
    }

    async fn app_client(&self, role: RegionRole, id: &str) -> Result<Arc<UserPoolClientType>, Unavailable> {
        let operation = "cognito-idp:DescribeUserPoolClient";
        let (cognito, pool) = (&self.cloud.region(role).cognito, self.pool_id(role));
        let call = || {
            let call = cognito.describe_user_pool_client().user_pool_id(pool).client_id(id);
            async move {
                let answer = call.send().await.map_err(CloudError::of(operation))?;
                answer.user_pool_client.ok_or_else(|| CloudError::incomplete(operation, "UserPoolClient"))
            }
        };
        self.call(operation, role, id, self.patiently(call)).await
    }

    /// Makes a call again for as long as it is throttled.
    async fn patiently<T, F>(&self, call: impl Fn() -> F) -> Result<T, CloudError>
    where
        F: Future<Output = Result<T, CloudError>>,
    {
        for _ in 1..TURNS {
            match call().await {
                Err(error) if error.class == ErrorClass::Throttled => self.clock.sleep(PAUSE).await,
                answer => return answer,
            }
        }
        call().await
    }

    /// Every group, but for those that Cognito makes for identity providers: they are named after the pool.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn groups(&self, role: RegionRole) -> Result<Arc<Vec<GroupType>>, Unavailable> {
        let operation = "cognito-idp:ListGroups";
        let (cognito, pool) = (&self.cloud.region(role).cognito, self.pool_id(role));
        let both = [RegionRole::Primary, RegionRole::Replica].map(|role| self.pool_id(role));
        self.call(operation, role, "", async {
            let pages = cognito.list_groups().user_pool_id(pool).limit(PAGE).into_paginator().items();
            let all = pages.send().collect::<Result<Vec<_>, _>>().await.map_err(CloudError::of(operation))?;
            let own = |group: &GroupType| {
                !both.iter().any(|id| group.group_name().is_some_and(|name| name.starts_with(&format!("{id}_"))))
            };
            Ok(all.into_iter().filter(own).collect())
        })
        .await
    }

    /// The domain of managed login, where the pool has one.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn domain(&self) -> Result<Arc<Option<DomainDescriptionType>>, Unavailable> {
        let operation = "cognito-idp:DescribeUserPoolDomain";
        let pool = self.user_pool(RegionRole::Primary).await?;
        let Some(name) = pool.custom_domain().or(pool.domain()) else { return Ok(Arc::new(None)) };
        let call = self.cloud.primary.cognito.describe_user_pool_domain().domain(name);
        self.call(operation, RegionRole::Primary, name, async {
            let answer = call.send().await.map_err(CloudError::of(operation))?;
            Ok(answer.domain_description.filter(|domain| domain.user_pool_id.is_some()))
        })
        .await
    }

    /// The names of the first users that the primary lists, the canary aside: a sample.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn sampled_users(&self) -> Result<Arc<Vec<String>>, Unavailable> {
        let operation = "cognito-idp:ListUsers";
        let call = self.cloud.primary.cognito.list_users().user_pool_id(&self.site.pool.id).limit(PAGE);
        let canary = self.site.users.canary.as_ref().map(|canary| canary.username.as_str());
        self.call(operation, RegionRole::Primary, "", async {
            let answer = call.send().await.map_err(CloudError::of(operation))?;
            let names = answer.users.unwrap_or_default().into_iter().filter_map(|user| user.username);
            Ok(names.filter(|name| canary != Some(name)).collect())
        })
        .await
    }

    /// A user as a Region has them; `turn` tells one look from a later one.
    ///
    /// # Errors
    /// [`Unavailable`], absent where there is no such user.
    pub async fn user(&self, role: RegionRole, name: &str, turn: u32) -> Result<Arc<AdminGetUserOutput>, Unavailable> {
        let operation = "cognito-idp:AdminGetUser";
        let (cognito, pool) = (&self.cloud.region(role).cognito, self.pool_id(role));
        let call = || {
            let call = cognito.admin_get_user().user_pool_id(pool).username(name);
            async move { call.send().await.map_err(CloudError::of(operation)) }
        };
        self.call(operation, role, &format!("{name} {turn}"), self.patiently(call)).await
    }

    /// The groups that a user is in in a Region, by name.
    ///
    /// # Errors
    /// [`Unavailable`], absent where there is no such user.
    pub async fn groups_of(
        &self,
        role: RegionRole,
        name: &str,
        turn: u32,
    ) -> Result<Arc<BTreeSet<String>>, Unavailable> {
        let operation = "cognito-idp:AdminListGroupsForUser";
        let (cognito, pool) = (&self.cloud.region(role).cognito, self.pool_id(role));
        let call = || {
            let pages = cognito.admin_list_groups_for_user().user_pool_id(pool).username(name).into_paginator().items();
            async move {
                let all = pages.send().collect::<Result<Vec<_>, _>>().await.map_err(CloudError::of(operation))?;
                Ok(all.into_iter().filter_map(|group| group.group_name).collect())
            }
        };
        self.call(operation, role, &format!("{name} {turn}"), self.patiently(call)).await
    }
}
