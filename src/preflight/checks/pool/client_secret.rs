use aws_lc_rs::constant_time;
use aws_sdk_cognitoidentityprovider::error::ProvideErrorMetadata;
use aws_sdk_cognitoidentityprovider::types::{AuthFlowType, ExplicitAuthFlowsType, UserPoolClientType};
use futures::future::try_join_all;
use rand::RngExt;

use super::{ClientPair, both_there};
use crate::cloud::{CloudError, resolve_secret};
use crate::preflight::checks::{Check, Occurrence, REPLICA};
use crate::preflight::facts::{Facts, Unavailable};
use crate::users::secret_hash;
use gameday_core::env::SecretRef;
use gameday_core::model::RegionRole::{Primary, Replica};
use gameday_core::model::{Predicts, RegionRole, Secret, Severity};

/// The call that the proof is.
const SIGN_IN: &str = "cognito-idp:InitiateAuth";

pub(super) const CHECK: Check = Check {
    code: "GD122",
    severity: Severity::Blocker,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "An app client has a different secret at the replica",
    // InitiateAuth needs no permission.
    why: "A server authenticates with the secret of its app client: as `SECRET_HASH` in each sign-in, and as the \
          password at the token endpoint. If the replica has another secret, it refuses every sign-in and refresh of \
          that client with `NotAuthorizedException`. If the environment file has the secret, preflight tests it: it \
          starts a sign-in that is signed with the secret and needs no password. Other secrets are compared in memory. \
          Secrets are never shown.",
    remedy: "With native replication, wait until the secret is replicated, and run preflight again (see also GD304). \
             With independent pools a secret cannot be chosen: give the application both secrets, for example one \
             secret of Secrets Manager in each Region:\n\n\
             ```sh\n\
             aws secretsmanager put-secret-value --region REGION --secret-id SECRET_NAME --secret-string \
             file://secret\n\
             ```",
    calls: &["cognito-idp:ListUserPoolClients", "cognito-idp:DescribeUserPoolClient"],
    look: |facts| {
        Box::pin(async move {
            let pairs = both_there(facts).await?;
            let told = try_join_all(pairs.iter().map(|(pair, replica)| look(facts, pair, replica))).await?;
            Ok(told.into_iter().flatten().map(Occurrence::of).collect())
        })
    },
};

async fn look(facts: &Facts, pair: &ClientPair, replica: &UserPoolClientType) -> Result<Option<String>, Unavailable> {
    let (here, there) = (pair.primary.client_secret(), replica.client_secret());
    let label = pair.label();
    match (here, there) {
        (None, None) => return Ok(None),
        (Some(_), None) | (None, Some(_)) => {
            let has = if here.is_some() { "primary" } else { "replica" };
            return Ok(Some(format!("cognito-idp:DescribeUserPoolClient: {label} has a secret at the {has} only")));
        }
        (Some(_), Some(_)) => {}
    }
    let known = reference(facts, pair.primary.client_id().unwrap_or_default());
    let signs =
        |client: &UserPoolClientType| client.explicit_auth_flows().contains(&ExplicitAuthFlowsType::AllowUserSrpAuth);
    if let Some(known) = known.filter(|_| signs(&pair.primary) && signs(replica)) {
        let secret =
            resolve_secret(known, &facts.site.folder, &facts.cloud.secrets).await.map_err(|error| Unavailable {
                what: "an app client's secret".to_owned(),
                region: None,
                reason: Some(error.to_string()),
                absent: false,
            })?;
        let ids = [&*pair.primary, replica].map(|client| client.client_id().unwrap_or_default());
        let (here, there) =
            tokio::try_join!(proof(facts, Primary, ids[0], &secret), proof(facts, Replica, ids[1], &secret))?;
        return Ok(match (here.as_ref(), there.as_ref()) {
            (None, Some(refused)) => Some(format!(
                "{SIGN_IN} with the secret of the environment file: {} starts a sign-in of {label}, {} answers {refused}",
                facts.cloud.primary.region, facts.cloud.replica.region
            )),
            _ => None,
        });
    }
    let bytes = [here, there].map(|secret| secret.unwrap_or_default().as_bytes());
    let same = constant_time::verify_slices_are_equal(bytes[0], bytes[1]).is_ok();
    Ok((!same)
        .then(|| format!("cognito-idp:DescribeUserPoolClient: ClientSecret of {label} differs between the Regions")))
}

/// Where the environment file has the secret of an app client.
fn reference<'a>(facts: &'a Facts, id: &str) -> Option<&'a SecretRef> {
    let pool = &facts.site.pool;
    let own = pool.client_secret.as_ref().filter(|_| pool.client_id == id);
    own.or_else(|| pool.clients.iter().find(|client| client.id == id)?.secret.as_ref())
}

/// Begins a sign-in with a secret; gives the refusal of the secret. Cognito looks at it before it looks at the user.
async fn proof(facts: &Facts, role: RegionRole, id: &str, secret: &Secret) -> Result<Option<String>, Unavailable> {
    let user = facts.site.users.names.first().map_or("gameday-preflight", String::as_str);
    // Any number proves as much: nobody goes on with this sign-in.
    let public: [u8; 383] = rand::rng().random();
    let public = public.iter().fold("1".to_owned(), |text, byte| format!("{text}{byte:02x}"));
    let call = facts.cloud.region(role).cognito.initiate_auth().client_id(id).auth_flow(AuthFlowType::UserSrpAuth);
    let call = call.auth_parameters("USERNAME", user).auth_parameters("SRP_A", public);
    let call = call.auth_parameters("SECRET_HASH", secret_hash(user, id, secret));
    let answer = facts.call(SIGN_IN, role, id, async {
        match call.send().await {
            Ok(_) => Ok(None),
            Err(error) => match error.code() {
                // Of the user, not of the client.
                Some("UserNotFoundException" | "UserNotConfirmedException" | "PasswordResetRequiredException") => {
                    Ok(None)
                }
                Some("NotAuthorizedException") => {
                    let message = error.message().unwrap_or_default().to_owned();
                    Ok(message.contains("SecretHash").then(|| format!("NotAuthorizedException: {message}")))
                }
                _ => Err(CloudError::of(SIGN_IN)(error)),
            },
        }
    });
    Ok(answer.await?.as_ref().clone())
}
