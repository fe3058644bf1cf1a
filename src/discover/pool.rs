//! The user pool, its app clients and its synthetic users.

use aws_sdk_cognitoidentityprovider::types::{ExplicitAuthFlowsType, OAuthFlowType, UserPoolClientType};

use super::Discovery;
use crate::cloud::{Cloud, CloudError, ErrorClass};

/// The group that `gameday users seed` puts its users into.
const SYNTHETIC_GROUP: &str = "gameday-synthetic";
/// So many of them are enough for a first environment file.
const USERS: i32 = 20;
/// The most that ListUserPoolClients gives at once (Cognito API reference).
const PAGE: i32 = 60;

/// An app client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundClient {
    /// Its name.
    pub name: String,
    /// Its ID.
    pub id: String,
    /// Whether it has a secret; the secret itself is never kept.
    pub has_secret: bool,
    /// Whether users may sign in by SRP.
    pub srp: bool,
    /// The first callback URL, where it signs in by managed login.
    pub redirect_uri: Option<String>,
    /// The scopes of the same, and of client credentials.
    pub scopes: Vec<String>,
}

impl From<&UserPoolClientType> for FoundClient {
    fn from(client: &UserPoolClientType) -> Self {
        let owned = |texts: &[String]| texts.to_vec();
        let by_code = client.allowed_o_auth_flows().contains(&OAuthFlowType::Code);
        let srp = [ExplicitAuthFlowsType::AllowUserSrpAuth];
        Self {
            name: client.client_name().unwrap_or_default().to_owned(),
            id: client.client_id().unwrap_or_default().to_owned(),
            has_secret: client.client_secret().is_some(),
            srp: client.explicit_auth_flows().iter().any(|flow| srp.contains(flow)),
            redirect_uri: client.callback_urls().first().filter(|_| by_code).cloned(),
            scopes: owned(client.allowed_o_auth_scopes()),
        }
    }
}

/// Looks for the pool, in both Regions, and for what is in it.
pub(super) async fn look(cloud: &Cloud, id: &str, found: &mut Discovery) -> Result<(), CloudError> {
    let cognito = &cloud.primary.cognito;
    let operation = "cognito-idp:DescribeUserPool";
    let answer = cognito.describe_user_pool().user_pool_id(id).send().await.map_err(CloudError::of(operation))?;
    let pool = answer.user_pool.ok_or_else(|| CloudError::incomplete(operation, "UserPool"))?;
    pool.name().unwrap_or_default().clone_into(&mut found.pool_name);
    found.domain = pool.custom_domain().map(str::to_owned);
    let there =
        cloud.replica.cognito.describe_user_pool().user_pool_id(id).send().await.map_err(CloudError::of(operation));
    found.replica_has_pool = match there {
        Ok(_) => true,
        Err(error) if error.class == ErrorClass::NotFound => false,
        Err(error) => {
            found.failed.push(format!("{error} (in {})", cloud.replica.region));
            false
        }
    };
    clients(cloud, id, found).await;
    let operation = "cognito-idp:ListUsersInGroup";
    let call = cognito.list_users_in_group().user_pool_id(id).group_name(SYNTHETIC_GROUP).limit(USERS);
    match call.send().await.map_err(CloudError::of(operation)) {
        Ok(answer) => found.users = answer.users().iter().filter_map(|user| user.username.clone()).collect(),
        // Nobody has made any yet.
        Err(error) if error.class == ErrorClass::NotFound => {}
        Err(error) => found.failed.push(error.to_string()),
    }
    Ok(())
}

async fn clients(cloud: &Cloud, pool: &str, found: &mut Discovery) {
    let cognito = &cloud.primary.cognito;
    let listing = cognito.list_user_pool_clients().user_pool_id(pool).max_results(PAGE).into_paginator().items();
    let listed = listing.send().collect::<Result<Vec<_>, _>>().await;
    let listed = found.note(listed.map_err(CloudError::of("cognito-idp:ListUserPoolClients"))).unwrap_or_default();
    for client in listed {
        let Some(id) = client.client_id() else { continue };
        let answer = cognito.describe_user_pool_client().user_pool_id(pool).client_id(id).send().await;
        let answer = found.note(answer.map_err(CloudError::of("cognito-idp:DescribeUserPoolClient")));
        found.clients.extend(answer.as_ref().and_then(|answer| answer.user_pool_client()).map(FoundClient::from));
    }
    found.clients.sort_by_key(|client| (!client.srp, client.has_secret));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clients_secret_is_told_of_and_not_kept() {
        let described = UserPoolClientType::builder()
            .client_name("web")
            .client_id("c1")
            .client_secret("hush")
            .allowed_o_auth_flows(OAuthFlowType::Code)
            .callback_urls("https://app.example.com/callback")
            .build();
        let client = FoundClient::from(&described);
        assert!(client.has_secret && !client.srp);
        assert_eq!(client.redirect_uri.as_deref(), Some("https://app.example.com/callback"));
        assert!(!format!("{client:?}").contains("hush"));
    }
}
