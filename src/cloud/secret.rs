use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use gameday_core::env::SecretRef;
use gameday_core::model::{LONGEST_TEXT, Secret, read_text_at_most};

use super::CloudError;

/// So many mistakes of a file are shown; our own choice.
const SHOWN: usize = 25;

/// A secret could not be read. Never holds it.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment variable is not set.
    #[error("the environment variable {0} is not set; export it before the run")]
    Env(String),
    /// The environment variable is set to what no secret is.
    #[error("the environment variable {env} {flaw}; export it again")]
    BadEnv {
        /// Its name.
        env: String,
        /// What is wrong with it.
        flaw: &'static str,
    },
    /// The TOTP secret of a population is none.
    #[error("the `totp_secret` of the population `{population}` {flaw}")]
    Totp {
        /// Its name.
        population: String,
        /// What is wrong with it.
        flaw: &'static str,
    },
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
        SecretRef::Env { env } => {
            let value = match std::env::var(env) {
                Ok(value) => Secret::new(value),
                Err(std::env::VarError::NotPresent) => return Err(SecretError::Env(env.clone())),
                Err(std::env::VarError::NotUnicode(_)) => {
                    return Err(SecretError::BadEnv { env: env.clone(), flaw: "is not UTF-8 text" });
                }
            };
            match flaw(value.expose()) {
                None => Ok(value),
                Some(flaw) => Err(SecretError::BadEnv { env: env.clone(), flaw }),
            }
        }
        SecretRef::File { file, key } => {
            let path = folder.join(file);
            let fail = |reason: String| SecretError::File { path: path.clone(), reason };
            let text = read_private(&path, LONGEST_TEXT).map_err(fail)?;
            let mut values = lines(&text).map_err(|mistakes| fail(mistakes.join("; ")))?;
            values.remove(key).ok_or_else(|| fail(format!("has no key `{key}`; write a line `{key} = \"…\"`")))
        }
        SecretRef::SecretsManager { .. } => Err(SecretError::Circular),
    }
}

/// What makes a text no secret that a service takes; nothing where it may be one. No password, client secret or access key begins or ends
/// with white space: `echo` and editors leave it there.
pub(super) fn flaw(text: &str) -> Option<&'static str> {
    if text.is_empty() {
        Some("is empty")
    } else if text.trim() != text {
        Some("begins or ends with a space or a line break")
    } else {
        None
    }
}

/// The values of a file of `key = "value"` lines; or every mistake with its line, and nothing of what is in it.
fn lines(text: &str) -> Result<BTreeMap<String, Secret>, Vec<String>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let line = |at: usize| text.get(..at).unwrap_or(text).matches('\n').count() + 1;
    // The parser's messages would quote the line, and with it the secret.
    let wrong = |at: usize, what: &str| (line(at), what.to_owned());
    let broken = errors.iter().map(|error| error.span().map_or(0, |span| span.start));
    let mut mistakes: Vec<(usize, String)> = broken.map(|at| wrong(at, "is not `key = \"value\"`")).collect();
    let mut values = BTreeMap::new();
    for (key, value) in table.into_inner() {
        let at = key.span().start;
        match value.into_inner() {
            DeValue::String(value) => match flaw(&value) {
                None => drop(values.insert(key.into_inner().into_owned(), Secret::new(value.as_ref()))),
                Some(flaw) => mistakes.push(wrong(at, &format!("has a value that {flaw}"))),
            },
            _ => mistakes.push(wrong(at, "has a value that is not text in quotes")),
        }
    }
    // What follows on a line that is broken is a consequence.
    mistakes.sort();
    mistakes.dedup_by_key(|(line, _)| *line);
    if mistakes.is_empty() {
        Ok(values)
    } else {
        Err(mistakes.into_iter().take(SHOWN).map(|(line, what)| format!("line {line} {what}")).collect())
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
    let secret = resolve_whole(reference, folder, secrets).await?;
    match (reference, flaw(secret.expose())) {
        (SecretRef::SecretsManager { secrets_manager: id, .. }, Some(flaw)) => {
            Err(SecretError::SecretsManager { id: id.clone(), reason: format!("it {flaw}; write it again") })
        }
        _ => Ok(secret),
    }
}

/// The same for a text that holds more than a secret, and may end with a line break.
pub(super) async fn resolve_whole(
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

    #[test]
    fn every_mistake_of_a_secrets_file_is_told_with_its_line_and_no_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets.toml");
        let read = |text: &str| {
            write(&path, text).unwrap();
            set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            let reference = SecretRef::File { file: "secrets.toml".into(), key: "key".to_owned() };
            resolve_local(&reference, folder.path()).map_err(|error| error.to_string())
        };
        assert_eq!(read("# for the drill\nother = \"o\"\nkey = \"hunter1\"\n").unwrap().expose(), "hunter1");
        let error =
            read("key = hunter1\na = \"\"\nb = 12345678\nc = \" hunter2\"\n[d]\ne = \"hunter3\"\n").unwrap_err();
        for line in 1..=5 {
            assert!(error.contains(&format!("line {line} ")), "{line}: {error}");
        }
        let shown = ["hunter", "12345678"].iter().any(|secret| error.contains(secret));
        assert!(error.contains("secrets.toml: line 1 is not") && !shown, "{error}");
        assert!(read("other = \"hunter1\"\n").unwrap_err().contains("no key `key`"));
    }

    #[test]
    fn what_is_no_secret_is_refused_wherever_it_comes_from() {
        assert_eq!((flaw("hunter 2"), flaw("")), (None, Some("is empty")));
        assert!(flaw("hunter2\n").is_some() && flaw(" hunter2").is_some());
    }
}
