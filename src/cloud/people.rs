//! Lists of users with their passwords, and where the password of one user is.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::env::{Population, SecretRef, UserList};
use crate::model::{LONGEST_DOCUMENT, Secret};

use super::secret::{read_private, resolve};

/// A list of users could not be read. Never holds what is in it.
#[derive(Debug, thiserror::Error)]
#[error("the list of users {place}: {reason}")]
pub struct ListError {
    /// Which list.
    place: String,
    /// Why.
    reason: String,
}

/// A user of a list.
#[derive(Debug)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: Secret,
    /// Its TOTP secret, where it has one.
    pub totp_secret: Option<Secret>,
}

#[derive(Deserialize)]
struct Row {
    username: String,
    password: String,
    #[serde(default)]
    totp_secret: Option<String>,
}

/// Reads a list of users. Paths count from `folder`.
///
/// # Errors
/// [`ListError`].
pub async fn read_list(
    list: &UserList,
    folder: &Path,
    secrets: &aws_sdk_secretsmanager::Client,
) -> Result<Vec<Listed>, ListError> {
    let (place, text) = match list {
        UserList::File { file } => {
            let path = folder.join(file);
            let text = read_private(&path, LONGEST_DOCUMENT).map(Secret::new);
            (path.display().to_string(), text)
        }
        UserList::SecretsManager { secrets_manager } => {
            let whole = SecretRef::SecretsManager { secrets_manager: secrets_manager.clone(), key: None };
            let text = resolve(&whole, folder, secrets).await.map_err(|error| error.to_string());
            (secrets_manager.clone(), text)
        }
    };
    text.and_then(|text| parse(&text)).map_err(|reason| ListError { place, reason })
}

/// An error names the line and never what is in it.
fn parse(text: &Secret) -> Result<Vec<Listed>, String> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_reader(text.expose().as_bytes());
    let columns = reader.headers().map_err(|_| "line 1 is not CSV".to_owned())?;
    for wanted in ["username", "password"] {
        if !columns.iter().any(|column| column == wanted) {
            return Err(format!(
                "has no column `{wanted}`; its first line names the columns: username,password,totp_secret"
            ));
        }
    }
    let mut users = Vec::new();
    for row in reader.deserialize::<Row>() {
        let row = row.map_err(|error| {
            let line = error.position().map_or_else(|| "a line".to_owned(), |at| format!("line {}", at.line()));
            format!("{line} is not username, password and, where there is one, totp_secret")
        })?;
        let totp_secret = row.totp_secret.filter(|secret| !secret.is_empty()).map(Secret::new);
        users.push(Listed { name: row.username, password: Secret::new(row.password), totp_secret });
    }
    if users.is_empty() { Err("has no user".to_owned()) } else { Ok(users) }
}

/// Where a user's password is, as a journal holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PasswordRef {
    /// A secret that several users may share; paths are absolute.
    Secret(SecretRef),
    /// In a list of users.
    List(UserList),
    /// In memory: of the embedded lab, which ends with its run.
    Memory,
}

impl PasswordRef {
    /// Where the passwords of a population are. Paths count from `folder`.
    pub fn of(users: &Population, folder: &Path) -> Self {
        let absolute = |file: &Path| {
            let path = folder.join(file);
            std::path::absolute(&path).unwrap_or(path)
        };
        match (&users.list, &users.password) {
            (Some(UserList::File { file }), _) => Self::List(UserList::File { file: absolute(file) }),
            (Some(list), _) => Self::List(list.clone()),
            (None, Some(SecretRef::File { file, key })) => {
                Self::Secret(SecretRef::File { file: absolute(file), key: key.clone() })
            }
            (None, Some(SecretRef::Literal(_)) | None) => Self::Memory,
            (None, Some(reference)) => Self::Secret(reference.clone()),
        }
    }

    /// The password of a user.
    ///
    /// # Errors
    /// Why it could not be read, in words.
    pub async fn resolve(&self, user: &str, secrets: &aws_sdk_secretsmanager::Client) -> Result<Secret, String> {
        match self {
            Self::Secret(reference) => {
                resolve(reference, Path::new(""), secrets).await.map_err(|error| error.to_string())
            }
            Self::List(list) => {
                let users = read_list(list, Path::new(""), secrets).await.map_err(|error| error.to_string())?;
                let found = users.into_iter().find(|listed| listed.name == user);
                found.map(|listed| listed.password).ok_or_else(|| "the list of users has it no more".to_owned())
            }
            Self::Memory => Err("its password was in the memory of the run alone".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_and_what_is_wrong_names_its_line_alone() {
        let read = |text: &str| parse(&Secret::new(text));
        let users = read("username,password,totp_secret\nann,\"p,1\",\nbob,p2,JBSWY3DP\n").unwrap();
        assert_eq!(users[0].password.expose(), "p,1");
        assert_eq!((users[0].totp_secret.is_none(), users[1].totp_secret.is_some()), (true, true));
        assert_eq!(read("username,password\nann,p1\n").unwrap().len(), 1);
        let error = read("username,password\nann,p1\nhunter2\n").unwrap_err();
        assert!(error.contains("line 3") && !error.contains("hunter2"), "{error}");
        assert!(read("user,password\nann,p1\n").unwrap_err().contains("`username`"));
        assert!(read("username,password\n").unwrap_err().contains("no user"));
    }
}
