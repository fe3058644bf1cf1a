//! Whom AWS takes us for, and whether that is whom a journal is of.

use std::fmt::Write;
use std::time::Duration;

use aws_credential_types::credential_feature::AwsCredentialFeature;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_ec2::types::Filter;
use jiff::Timestamp;

use super::error::{Obstacle, obstacle};
use super::profile::Surroundings;
use super::{Access, Ambient, Backoff, CloudError, ProfileError, RegionClients};
use gameday_core::model::Partition;

const WHO: &str = "sts:GetCallerIdentity";

/// What gives no answer is asked again for this long, beside the SDK's own three tries: a restore is not given up for a moment's trouble.
const PATIENCE: Duration = Duration::from_secs(5);

async fn patiently<T, E>(may_pass: impl Fn(&E) -> bool, mut ask: impl AsyncFnMut() -> Result<T, E>) -> Result<T, E> {
    let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(2)).within(PATIENCE);
    loop {
        match ask().await {
            Err(error) if may_pass(&error) && backoff.pause().await => {}
            answer => return answer,
        }
    }
}

/// Whom AWS takes us for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account.
    pub account: String,
    /// The principal.
    pub arn: String,
}

/// Why it is not known who we are.
#[derive(Debug, Clone, thiserror::Error)]
pub enum IdentityError {
    /// Nothing that speaks for AWS has answered.
    #[error("{WHO} has no answer of AWS: {0}")]
    Unreachable(String),
    /// There is nothing to sign a call with.
    #[error("{WHO} was not sent: {0}")]
    NoCredentials(String),
    /// The profile gives no credentials.
    #[error("{0}")]
    Profile(#[from] ProfileError),
    /// AWS does not accept them.
    #[error("{0}")]
    Refused(CloudError),
}

/// A journal may not be worked off from here.
#[derive(Debug, Clone, thiserror::Error)]
pub enum WrongIdentity {
    /// It is not known who we are.
    #[error("{0}; nothing was touched")]
    Unknown(#[from] IdentityError),
    /// The journal is of another account.
    #[error(
        "the run was made in account {journal}, and these credentials belong to account {account} ({arn}); nothing was touched"
    )]
    Account {
        /// The journal's.
        journal: String,
        /// Ours.
        account: String,
        /// Who we are.
        arn: String,
    },
    /// The journal is of another partition.
    #[error(
        "the run was made by {journal}, and these credentials are {arn}, of another partition; nothing was touched"
    )]
    Partition {
        /// Who made the run.
        journal: String,
        /// Who we are.
        arn: String,
    },
}

impl WrongIdentity {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::Unknown(IdentityError::Profile(error)) => error.remedy(),
            Self::Unknown(IdentityError::Unreachable(_)) => {
                "Make the endpoint reachable, or go where it is (network, proxy, VPN), and run the same command again"
                    .to_owned()
            }
            Self::Unknown(_) => {
                "Sign in (`aws sso login`) or export credentials of the run's account, and run the same command \
                 again"
                    .to_owned()
            }
            Self::Account { journal, .. } => {
                format!("Use credentials of account {journal} and run the same command again: its journal stays open")
            }
            Self::Partition { .. } => {
                "Use credentials of the run's partition and run the same command again".to_owned()
            }
        }
    }
}

/// Asks who we are.
///
/// # Errors
/// [`IdentityError`].
pub(super) async fn caller(
    sts: &aws_sdk_sts::Client,
    ambient: &Ambient,
    at_aws: bool,
) -> Result<Caller, IdentityError> {
    let answer = sts.get_caller_identity().send().await;
    let identity = answer.map_err(|error| match obstacle(&error) {
        None => IdentityError::Refused(CloudError::of(WHO)(error)),
        Some(Obstacle::Profile(error)) => IdentityError::Profile(error),
        Some(Obstacle::NoCredentials(why)) => IdentityError::NoCredentials(why),
        Some(Obstacle::Unreachable(why)) => IdentityError::Unreachable(why + &on_the_way(ambient, at_aws)),
    })?;
    let (account, arn) = (identity.account().unwrap_or_default(), identity.arn().unwrap_or("-"));
    Ok(Caller { account: account.to_owned(), arn: arn.to_owned() })
}

/// What of the process's environment may be why a call does not get through.
fn on_the_way(ambient: &Ambient, at_aws: bool) -> String {
    let mut told = String::new();
    if let Some(url) = ambient.redirects.get("sts") {
        let _ = write!(told, ". The environment sends it to {url}, which the environment file does not");
    }
    if at_aws && ambient.fips {
        told.push_str(". FIPS endpoints are asked for (AWS_USE_FIPS_ENDPOINT or `use_fips_endpoint`), and this Region may have none");
    }
    if at_aws && ambient.dual_stack {
        told.push_str(
            ". Dual-stack endpoints are asked for (AWS_USE_DUALSTACK_ENDPOINT), and this service may have none",
        );
    }
    if let Some(variable) = ambient.proxy {
        let _ = write!(told, ". Calls go through the proxy that {variable} names, those to this machine aside");
    }
    told
}

/// Asks who we are, and refuses where a journal is of somebody else. Each Region is asked, since each may have an endpoint of its own; one that
/// does not answer is no reason to leave the other one as it is.
///
/// # Errors
/// [`WrongIdentity`].
pub async fn verify_identity(clients: &[RegionClients], access: &Access) -> Result<Option<Caller>, WrongIdentity> {
    let (mut found, mut failed) = (None, None);
    for region in clients {
        let trouble = |error: &IdentityError| match error {
            IdentityError::Unreachable(_) => true,
            IdentityError::Refused(error) => error.is_transient(),
            IdentityError::NoCredentials(_) | IdentityError::Profile(_) => false,
        };
        match patiently(trouble, async || region.caller().await).await {
            Err(error) => failed = failed.or(Some(error)),
            Ok(caller) => {
                access.admits(&caller)?;
                found = Some(caller);
            }
        }
    }
    match (found, failed) {
        (None, Some(error)) => Err(error.into()),
        (found, _) => Ok(found),
    }
}

impl Access {
    /// Whether somebody is of the account that this was written in.
    ///
    /// # Errors
    /// [`WrongIdentity`] with both.
    pub fn admits(&self, caller: &Caller) -> Result<(), WrongIdentity> {
        let Caller { account, arn } = caller.clone();
        if let Some(journal) = self.account.clone().filter(|journal| *journal != account) {
            return Err(WrongIdentity::Account { journal, account, arn });
        }
        let partition = |arn: &str| Partition::named_in(arn).map(str::to_owned);
        match self.caller.clone() {
            Some(journal) if partition(&journal) != partition(&arn) => Err(WrongIdentity::Partition { journal, arn }),
            _ => Ok(()),
        }
    }
}

impl RegionClients {
    /// Whom this Region's STS takes us for.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub async fn caller(&self) -> Result<Caller, IdentityError> {
        caller(&self.sts, &self.ambient, !self.endpoints.contains_key("sts")).await
    }

    /// Whether a VPC is there for these credentials, at this endpoint: it has a subnet, or at least the network ACL that no VPC is without.
    /// What is "not found" where this is false says nothing of the VPC.
    ///
    /// # Errors
    /// [`CloudError`] where neither can be described.
    pub async fn sees_vpc(&self, vpc: &str) -> Result<bool, CloudError> {
        patiently(CloudError::is_transient, async || self.look_for_vpc(vpc).await).await
    }

    async fn look_for_vpc(&self, vpc: &str) -> Result<bool, CloudError> {
        let of_vpc = || Filter::builder().name("vpc-id").values(vpc).build();
        // Every run may describe subnets; the ACLs are for a VPC whose subnets were deleted meanwhile.
        let subnets = self.ec2.describe_subnets().filters(of_vpc()).send().await;
        let subnets = subnets.map_err(CloudError::of("ec2:DescribeSubnets"))?;
        if !subnets.subnets().is_empty() {
            return Ok(true);
        }
        let acls = self.ec2.describe_network_acls().filters(of_vpc()).send().await;
        let acls = acls.map_err(CloudError::of("ec2:DescribeNetworkAcls"))?;
        Ok(!acls.network_acls().is_empty())
    }
}

/// When credentials end, and what comes after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry {
    /// When.
    pub at: Timestamp,
    /// What comes after.
    pub renewal: Renewal,
}

/// What comes after credentials have expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewal {
    /// Nothing: they were handed over once.
    None,
    /// New ones, as long as somebody's session lasts.
    WhileSessionLasts,
    /// New ones.
    ByItself,
}

/// When the credentials end; nothing where they do not, or do not say so.
///
/// # Errors
/// [`SessionWithoutEnd`] for a session that ends nobody knows when.
pub async fn expiry(
    provider: &SharedCredentialsProvider,
    around: &Surroundings,
) -> Result<Option<Expiry>, SessionWithoutEnd> {
    // Whoever asked STS before has said what is wrong with them.
    let Ok(credentials) = provider.provide_credentials().await else { return Ok(None) };
    let features = credentials.get_property::<Vec<AwsCredentialFeature>>().map(Vec::as_slice).unwrap_or_default();
    let at = match credentials.expiry() {
        Some(at) => Timestamp::try_from(at).ok(),
        None if features.contains(&AwsCredentialFeature::CredentialsEnvVars) => {
            around.exported_expiry().and_then(|text| text.parse().ok())
        }
        None => None,
    };
    match at {
        Some(at) => Ok(Some(Expiry { at, renewal: renewal(features) })),
        None if credentials.session_token().is_some() => Err(SessionWithoutEnd),
        None => Ok(None),
    }
}

/// Temporary credentials that do not say when they end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the credentials are temporary (they have a session token) and do not say when they expire")]
pub struct SessionWithoutEnd;

fn renewal(features: &[AwsCredentialFeature]) -> Renewal {
    use AwsCredentialFeature as Of;
    let any = |of: &[Of]| features.iter().any(|feature| of.contains(feature));
    if any(&[Of::CredentialsProfileSso, Of::CredentialsSso, Of::CredentialsProfileProcess, Of::CredentialsProcess]) {
        Renewal::WhileSessionLasts
    } else if any(&[
        Of::CredentialsImds,
        Of::CredentialsHttp,
        Of::CredentialsStsAssumeRole,
        Of::CredentialsStsAssumeRoleWebId,
        Of::CredentialsProfileStsWebIdToken,
        Of::CredentialsEnvVarsStsWebIdToken,
    ]) {
        Renewal::ByItself
    } else {
        Renewal::None
    }
}

#[cfg(test)]
mod tests {
    use super::super::profile::surroundings;
    use super::*;
    use aws_credential_types::Credentials;

    fn of(account: &str, arn: &str) -> Caller {
        Caller { account: account.to_owned(), arn: arn.to_owned() }
    }

    #[test]
    fn c01_a_journal_of_another_account_names_both() {
        let access = Access {
            account: Some("111122223333".into()),
            caller: Some("arn:aws:iam::111122223333:user/a".into()),
            ..Access::default()
        };
        assert!(access.admits(&of("111122223333", "arn:aws:sts::111122223333:assumed-role/b/c")).is_ok());
        let told = access.admits(&of("222222222222", "arn:aws:iam::222222222222:user/a")).unwrap_err();
        assert!(told.to_string().contains("111122223333") && told.to_string().contains("222222222222"), "{told}");
        let china = access.admits(&of("111122223333", "arn:aws-cn:iam::111122223333:user/a")).unwrap_err();
        assert!(matches!(china, WrongIdentity::Partition { .. }));
        assert!(Access::default().admits(&of("222222222222", "-")).is_ok(), "an older journal names no account");
    }

    #[tokio::test]
    async fn c20_credentials_say_when_they_end() {
        let around = surroundings("", &[("AWS_CREDENTIAL_EXPIRATION", "2026-11-29T22:00:00Z")]);
        let end = |seconds| std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        let of = async |credentials: Credentials| expiry(&SharedCredentialsProvider::new(credentials), &around).await;
        let plain = || Credentials::new("AKID", "s", None, None, "test");
        assert_eq!(of(plain()).await, Ok(None));
        let with = |feature: Option<AwsCredentialFeature>, token: Option<&str>, expires| {
            let mut made = Credentials::new("AKID", "s", token.map(str::to_owned), expires, "test");
            made.get_property_mut_or_default::<Vec<AwsCredentialFeature>>().extend(feature);
            made
        };
        assert_eq!(of(with(None, Some("t"), None)).await, Err(SessionWithoutEnd));
        let exported =
            of(with(Some(AwsCredentialFeature::CredentialsEnvVars), Some("t"), None)).await.unwrap().unwrap();
        assert_eq!((exported.at.to_string().as_str(), exported.renewal), ("2026-11-29T22:00:00Z", Renewal::None));
        let process = of(with(Some(AwsCredentialFeature::CredentialsProcess), Some("t"), Some(end(60)))).await;
        assert_eq!(process.unwrap().unwrap().renewal, Renewal::WhileSessionLasts);
        let role = of(with(Some(AwsCredentialFeature::CredentialsStsAssumeRole), Some("t"), Some(end(60)))).await;
        assert_eq!(role.unwrap().unwrap().renewal, Renewal::ByItself);
    }
}
