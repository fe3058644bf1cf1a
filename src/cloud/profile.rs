//! Profiles of the shared configuration files: what the SDK would pass over in silence is an error here, with its way round.

use aws_config::profile::{ProfileFileCredentialsProvider, ProfileSet};
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, Result as Provided, SharedCredentialsProvider, future};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::{Env, Fs};

use gameday_core::model::Region;

/// Why a profile gives a run no credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// There is none of that name.
    #[error("the profile `{0}` does not exist in the shared configuration and credentials files")]
    Missing(String),
    /// What it takes its credentials from is not there.
    #[error("the profile `{profile}` takes its credentials from the profile `{source_profile}`, which does not exist")]
    SourceMissing {
        /// Its name.
        profile: String,
        /// The other's.
        source_profile: String,
    },
    /// Somebody would have to type a code, again whenever the session ends.
    #[error("the profile `{profile}` asks for a code of an MFA device (`mfa_serial`), which GameDay does not ask for")]
    Mfa {
        /// Its name.
        profile: String,
    },
    /// It lives on a session of the AWS console.
    #[error("the profile `{profile}` signs in with `aws login` (`login_session`), which GameDay does not read")]
    Login {
        /// Its name.
        profile: String,
    },
    /// The files cannot be read.
    #[error("the shared configuration files cannot be read: {0}")]
    Unreadable(String),
}

impl ProfileError {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Self::Missing(_) | Self::SourceMissing { .. } => {
                "Correct `credentials.profile` of the environment file or \
                 AWS_PROFILE, or add the profile: `aws configure list-profiles` lists those that there are"
                    .to_owned()
            }
            Self::Mfa { profile } | Self::Login { profile } => format!(
                "Let AWS CLI hand the session over. Add `[profile {profile}-gameday]` with `credential_process = aws configure \
                 export-credentials --profile {profile}` to ~/.aws/config and name that profile instead; or take `credentials` out \
                 of the environment file and run `eval \"$(aws configure export-credentials --profile {profile} --format env)\"` first"
            ),
            Self::Unreadable(_) => "Correct the files; `aws configure list` reads them, too".to_owned(),
        }
    }
}

/// Where profiles and credentials are looked for: the process's environment, and files.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// Environment variables.
    pub env: Env,
    /// The shared configuration and credentials files.
    pub files: EnvConfigFiles,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Self {
        Self { env: Env::real(), files: EnvConfigFiles::default() }
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.env.get(name).ok().filter(|value| !value.is_empty())
    }

    /// When the credentials of environment variables end, where `aws configure export-credentials` or aws-vault said so.
    pub fn exported_expiry(&self) -> Option<String> {
        ["AWS_CREDENTIAL_EXPIRATION", "AWS_SESSION_EXPIRATION"].into_iter().find_map(|name| self.variable(name))
    }

    async fn profiles(&self) -> Result<ProfileSet, ProfileError> {
        let set = aws_config::profile::load(&Fs::real(), &self.env, &self.files, None).await;
        set.map_err(|error| ProfileError::Unreadable(error.to_string()))
    }

    /// The credentials of a profile that was named for GameDay: they come from it or from nowhere, whatever else there is.
    pub async fn of_profile(&self, name: &str, region: &Region, config: ProviderConfig) -> SharedCredentialsProvider {
        let checked = self.profiles().await.and_then(|set| check(&set, name));
        if let Err(error) = checked {
            return SharedCredentialsProvider::new(Refuses(error));
        }
        let config = config.with_region(Some(aws_config::Region::new(region.as_str().to_owned())));
        let provider = ProfileFileCredentialsProvider::builder().configure(&config).profile_name(name);
        SharedCredentialsProvider::new(provider.profile_files(self.files.clone()).build())
    }

    /// What keeps the SDK's own order from giving what its user means: it would pass over a profile that is missing, and over what a
    /// profile asks for. Nothing where environment variables come first.
    pub async fn of_default_chain(&self) -> Option<SharedCredentialsProvider> {
        if ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"].iter().all(|name| self.variable(name).is_some()) {
            return None;
        }
        let named = self.variable("AWS_PROFILE");
        let set = self.profiles().await.ok()?;
        match check(&set, named.as_deref().unwrap_or("default")) {
            Ok(()) => None,
            // Without any profile there may be an instance role.
            Err(ProfileError::Missing(_)) if named.is_none() => None,
            Err(error) => Some(SharedCredentialsProvider::new(Refuses(error))),
        }
    }
}

/// Whether a profile, and what it takes its credentials from, gives what GameDay can use.
fn check(set: &ProfileSet, name: &str) -> Result<(), ProfileError> {
    let mut profile = set.get_profile(name).ok_or_else(|| ProfileError::Missing(name.to_owned()))?;
    let mut visited = vec![profile.name()];
    loop {
        let role = profile.get("role_arn").filter(|_| profile.get("web_identity_token_file").is_none());
        // As AWS CLI has it, `mfa_serial` is asked for where a role is assumed.
        if role.is_some() && profile.get("mfa_serial").is_some() {
            return Err(ProfileError::Mfa { profile: profile.name().to_owned() });
        }
        if profile.get("login_session").is_some() && profile.get("sso_account_id").is_none() {
            return Err(ProfileError::Login { profile: profile.name().to_owned() });
        }
        let next = role.and_then(|_| profile.get("source_profile")).filter(|next| !visited.contains(next));
        let Some(next) = next else { return Ok(()) };
        profile = set.get_profile(next).ok_or_else(|| ProfileError::SourceMissing {
            profile: profile.name().to_owned(),
            source_profile: next.to_owned(),
        })?;
        visited.push(profile.name());
    }
}

/// Gives no credentials, and says why.
#[derive(Debug)]
struct Refuses(ProfileError);

impl ProvideCredentials for Refuses {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let refused: Provided = Err(CredentialsError::invalid_configuration(self.0.clone()));
        future::ProvideCredentials::ready(refused)
    }
}

/// The files of one text, for tests and nothing else.
#[cfg(test)]
pub(super) fn surroundings(config: &str, variables: &[(&str, &str)]) -> Surroundings {
    use aws_runtime::env_config::file::EnvConfigFileKind;
    let files = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, config).build();
    Surroundings { env: Env::from_slice(variables), files }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "[profile bank]\naws_access_key_id = AKIDBANK\naws_secret_access_key = s\n\
        [profile role]\nrole_arn = arn:aws:iam::111122223333:role/drill\nsource_profile = bank\n\
        [profile mfa]\nrole_arn = arn:aws:iam::111122223333:role/drill\nsource_profile = bank\nmfa_serial = arn:aws:iam::1:mfa/me\n\
        [profile through]\nrole_arn = arn:aws:iam::111122223333:role/other\nsource_profile = mfa\n\
        [profile orphan]\nrole_arn = arn:aws:iam::111122223333:role/drill\nsource_profile = gone\n\
        [profile loop]\nrole_arn = arn:aws:iam::111122223333:role/drill\nsource_profile = loop\n\
        [profile console]\nlogin_session = arn:aws:iam::111122223333:user/me\n\
        [profile process]\ncredential_process = true\n";

    async fn checked(name: &str) -> Result<(), ProfileError> {
        check(&surroundings(CONFIG, &[]).profiles().await.unwrap(), name)
    }

    #[tokio::test]
    async fn a5_c21_a_profile_that_cannot_be_used_is_named_with_its_way_round() {
        for good in ["bank", "role", "loop", "process"] {
            assert_eq!(checked(good).await, Ok(()), "{good}");
        }
        assert_eq!(checked("bank-sso").await, Err(ProfileError::Missing("bank-sso".into())));
        let orphan = ProfileError::SourceMissing { profile: "orphan".into(), source_profile: "gone".into() };
        assert_eq!(checked("orphan").await, Err(orphan));
        let mfa = ProfileError::Mfa { profile: "mfa".into() };
        assert_eq!(checked("mfa").await, Err(mfa.clone()));
        assert_eq!(checked("through").await, Err(mfa.clone()));
        assert!(mfa.remedy().contains("aws configure export-credentials --profile mfa"), "{}", mfa.remedy());
        assert_eq!(checked("console").await, Err(ProfileError::Login { profile: "console".into() }));
    }

    #[tokio::test]
    async fn a5_a_named_profile_wins_over_environment_variables() {
        let around = surroundings(CONFIG, &[("AWS_ACCESS_KEY_ID", "AKIDOTHER"), ("AWS_SECRET_ACCESS_KEY", "t")]);
        let of = |name: &'static str| {
            let around = around.clone();
            async move {
                let provider =
                    around.of_profile(name, &Region::from("us-east-1"), ProviderConfig::without_region()).await;
                provider.provide_credentials().await
            }
        };
        assert_eq!(of("bank").await.unwrap().access_key_id(), "AKIDBANK");
        let error = of("bank-sso").await.unwrap_err();
        let source = std::error::Error::source(&error).unwrap();
        assert_eq!(source.downcast_ref(), Some(&ProfileError::Missing("bank-sso".into())));
    }

    #[tokio::test]
    async fn a_profile_of_the_environment_counts_unless_keys_come_first() {
        let refused =
            async |variables: &[(&str, &str)]| surroundings(CONFIG, variables).of_default_chain().await.is_some();
        assert!(!refused(&[]).await);
        assert!(!refused(&[("AWS_PROFILE", "bank")]).await);
        assert!(refused(&[("AWS_PROFILE", "bank-sso")]).await);
        assert!(refused(&[("AWS_PROFILE", "mfa")]).await);
        let keys = [("AWS_PROFILE", "mfa"), ("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "s")];
        assert!(!refused(&keys).await);
        assert!(refused(&keys[..2]).await, "half a pair is none");
    }
}
