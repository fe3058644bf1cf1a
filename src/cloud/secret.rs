use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::env::SecretRef;
use crate::model::{LONGEST_TEXT, Secret, read_text_at_most};

use super::CloudError;

/// A secret could not be read. Never holds it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment variable is not set.
    #[error("the environment variable {0} is not set; export it before the run")]
    Env(String),
    /// The secrets file is missing, unreadable, or lacks the key.
    #[error("the secrets file {path}: {reason}")]
    File {
        /// Its path.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// AWS Secrets Manager refused, or the secret is not what it should be.
    #[error("the secret {id} in Secrets Manager: {reason}")]
    SecretsManager {
        /// Its name or ARN.
        id: String,
        /// Why.
        reason: String,
    },
    /// Credentials must be readable before AWS can be called.
    #[error("AWS credentials cannot come from Secrets Manager; use a profile, an environment variable or a file")]
    Circular,
}

/// Reads a secret that needs no AWS call. Paths count from `folder`.
///
/// # Errors
/// [`SecretError`]; [`SecretError::Circular`] for one in Secrets Manager.
pub fn resolve_local(reference: &SecretRef, folder: &Path) -> Result<Secret, SecretError> {
    match reference {
        SecretRef::Literal(secret) => Ok(secret.clone()),
        SecretRef::Env { env } => std::env::var(env).map(Secret::new).map_err(|_| SecretError::Env(env.clone())),
        SecretRef::File { file, key } => {
            let path = folder.join(file);
            let fail = |reason: String| SecretError::File { path: path.clone(), reason };
            let text = read_private(&path, LONGEST_TEXT).map_err(fail)?;
            // The parser's message would quote the line, and with it the secret.
            let mut values: BTreeMap<String, String> =
                toml::from_str(&text).map_err(|_| fail("not a file of `key = \"value\"` lines".to_owned()))?;
            values.remove(key).map(Secret::new).ok_or_else(|| fail(format!("has no key `{key}`")))
        }
        SecretRef::SecretsManager { .. } => Err(SecretError::Circular),
    }
}

/// Reads a file of secrets, unless others may read it too.
///
/// # Errors
/// In words, which hold nothing of what is in it.
pub(super) fn read_private(path: &Path, longest: u64) -> Result<String, String> {
    let mode = std::fs::metadata(path).map_err(|error| error.to_string())?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let path = path.display().to_string().replace('\'', r"'\''");
        return Err(format!("others than its owner may read or write it (mode {mode:03o}): chmod 600 '{path}'"));
    }
    read_text_at_most(path, longest).map_err(|error| error.to_string())
}

/// Reads a secret, from Secrets Manager too.
///
/// # Errors
/// [`SecretError`].
pub async fn resolve(
    reference: &SecretRef,
    folder: &Path,
    secrets: &aws_sdk_secretsmanager::Client,
) -> Result<Secret, SecretError> {
    let SecretRef::SecretsManager { secrets_manager: id, key } = reference else {
        return resolve_local(reference, folder);
    };
    let fail = |reason: String| SecretError::SecretsManager { id: id.clone(), reason };
    let answer = secrets.get_secret_value().secret_id(id).send().await;
    let answer = answer.map_err(|error| fail(CloudError::of("secretsmanager:GetSecretValue")(error).to_string()))?;
    let text = answer.secret_string().ok_or_else(|| fail("it is binary".to_owned()))?;
    let Some(key) = key else { return Ok(Secret::new(text)) };
    let values: BTreeMap<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|_| fail("it is not a JSON object".to_owned()))?;
    let value = values.get(key).and_then(serde_json::Value::as_str);
    value.map(Secret::new).ok_or_else(|| fail(format!("it has no text under `{key}`")))
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions, write};

    use super::*;

    #[test]
    fn secrets_that_others_may_read_are_refused_with_the_command_that_mends_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("my secrets.toml");
        write(&path, "key = \"value\"\n").unwrap();
        let reference = SecretRef::File { file: "my secrets.toml".into(), key: "key".to_owned() };
        for mode in [0o644, 0o640, 0o604, 0o620] {
            set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let error = resolve_local(&reference, folder.path()).unwrap_err().to_string();
            assert!(error.contains("chmod 600 '") && error.contains("my secrets.toml'"), "{error}");
        }
        for mode in [0o600, 0o400] {
            set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(resolve_local(&reference, folder.path()).unwrap().expose(), "value");
        }
    }
}
