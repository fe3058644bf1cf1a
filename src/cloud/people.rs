//! Lists of users with their passwords, and where the password of one user is.

use std::collections::HashMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use gameday_core::env::{Population, SecretRef, UserList};
use gameday_core::model::{LONGEST_DOCUMENT, Secret};

use super::secret::{flaw, read_private, resolve, resolve_whole};

/// So many mistakes of a list are shown; our own choice.
const SHOWN: usize = 25;

/// A software token's secret has at least so many bytes (RFC 4226, section 4).
const LEAST_TOTP_SECRET: usize = 16;

/// The columns of a list; the last one may be missing.
const COLUMNS: [&str; 3] = ["username", "password", "totp_secret"];

/// A list of users could not be read. Never holds what is in it.
#[derive(Debug, thiserror::Error)]
#[error("the list of users {place}: {}", told(mistakes))]
pub struct ListError {
    /// Which list.
    place: String,
    /// What is wrong, each with its line where it has one.
    mistakes: Vec<String>,
}

fn told(mistakes: &[String]) -> String {
    let [one] = mistakes else {
        let more = mistakes.len().saturating_sub(SHOWN);
        let more = (more > 0).then(|| format!("and {more} more"));
        let count = format!("{} mistakes:", mistakes.len());
        let lines = mistakes.iter().take(SHOWN).cloned().chain(more);
        return std::iter::once(count).chain(lines).collect::<Vec<_>>().join("\n  ");
    };
    one.clone()
}

/// A user of a list.
#[derive(Debug)]
pub struct ListedUser {
    /// Its name.
    pub name: String,
    /// Its password.
    pub password: Secret,
    /// Its TOTP secret, where it has one.
    pub totp_secret: Option<Secret>,
}

/// Reads a list of users. Paths count from `folder`.
///
/// # Errors
/// [`ListError`] with every mistake.
pub async fn read_list(
    list: &UserList,
    folder: &Path,
    secrets: &aws_sdk_secretsmanager::Client,
) -> Result<Vec<ListedUser>, ListError> {
    let (place, users) = match list {
        UserList::File { file } => {
            let path = folder.join(file);
            return read_list_file(&path).and_then(|users| somebody(&path.display().to_string(), users));
        }
        UserList::SecretsManager { secrets_manager } => {
            let whole = SecretRef::SecretsManager { secrets_manager: secrets_manager.clone(), key: None };
            let text = resolve_whole(&whole, folder, secrets).await.map_err(|error| vec![error.to_string()]);
            (secrets_manager.clone(), text.and_then(|text| parse(&text)))
        }
    };
    let users = users.map_err(|mistakes| ListError { place: place.clone(), mistakes })?;
    somebody(&place, users)
}

/// Reads a file of users, in which there may be nobody yet.
///
/// # Errors
/// [`ListError`] with every mistake.
pub fn read_list_file(path: &Path) -> Result<Vec<ListedUser>, ListError> {
    let text = read_private(path, LONGEST_DOCUMENT).map(Secret::new).map_err(|reason| vec![reason]);
    text.and_then(|text| parse(&text)).map_err(|mistakes| ListError { place: path.display().to_string(), mistakes })
}

fn somebody(place: &str, users: Vec<ListedUser>) -> Result<Vec<ListedUser>, ListError> {
    let nobody = || ListError {
        place: place.to_owned(),
        mistakes: vec!["has no user; `gameday users seed` makes users and writes such a list".to_owned()],
    };
    if users.is_empty() { Err(nobody()) } else { Ok(users) }
}

/// A mistake names the line, and never what is in it: a list that lacks its first line would show a password as a column's name.
fn parse(text: &Secret) -> Result<Vec<ListedUser>, Vec<String>> {
    let mut reader =
        csv::ReaderBuilder::new().trim(csv::Trim::Headers).flexible(true).from_reader(text.expose().as_bytes());
    let columns = columns(reader.headers().map_err(|_| vec!["line 1 is not CSV".to_owned()])?)?;
    let (mut users, mut mistakes) = (Vec::new(), Vec::new());
    let mut seen: HashMap<String, u64> = HashMap::new();
    for row in reader.records() {
        let Ok(row) = row else {
            mistakes.push("is not CSV".to_owned());
            break;
        };
        let line = row.position().map_or(0, csv::Position::line);
        let mut wrong = |what: &str| mistakes.push(format!("line {line}: {what}"));
        let field = |column: Option<usize>| column.and_then(|column| row.get(column)).filter(|text| !text.is_empty());
        if row.len() > columns.count {
            wrong("it has more values than the first line has columns; put a value that holds a comma in quotes");
            continue;
        }
        let name = field(Some(columns.username));
        match name {
            None => wrong("it has no user name"),
            Some(name) if name.trim() != name => wrong("the user name begins or ends with a space"),
            Some(name) => {
                if let Some(first) = seen.insert(name.to_owned(), line) {
                    wrong(&format!("the user is there twice, first in line {first}; take one out"));
                }
            }
        }
        let password = field(Some(columns.password));
        match password.map(flaw) {
            None => wrong("it has no password; `gameday users seed` gives one"),
            Some(Some(flaw)) => wrong(&format!("the password {flaw}")),
            Some(None) => {}
        }
        let totp_secret = field(columns.totp_secret).map(Secret::new);
        if let Some(flaw) = totp_secret.as_ref().and_then(totp_flaw) {
            wrong(&format!("the TOTP secret {flaw}"));
        }
        if let (Some(name), Some(password)) = (name, password) {
            users.push(ListedUser { name: name.to_owned(), password: Secret::new(password), totp_secret });
        }
    }
    if mistakes.is_empty() { Ok(users) } else { Err(mistakes) }
}

/// Where the columns of a list are.
struct Columns {
    count: usize,
    username: usize,
    password: usize,
    totp_secret: Option<usize>,
}

fn columns(header: &csv::StringRecord) -> Result<Columns, Vec<String>> {
    // Spreadsheets begin a file with a byte order mark.
    let names: Vec<&str> = header.iter().map(|name| name.trim_start_matches('\u{feff}')).collect();
    let place = |wanted: &str| names.iter().position(|name| *name == wanted);
    let [username, password, totp_secret] = COLUMNS.map(place);
    if let (Some(username), Some(password)) = (username, password) {
        let mut mistakes = Vec::new();
        for (number, name) in names.iter().enumerate() {
            let known = COLUMNS.contains(name);
            if !known || place(name) != Some(number) {
                let what = if known { "is there twice" } else { "is none that a list has" };
                mistakes.push(format!("line 1: column {} {what}; the columns are {}", number + 1, COLUMNS.join(",")));
            }
        }
        let found = Columns { count: names.len(), username, password, totp_secret };
        return if mistakes.is_empty() { Ok(found) } else { Err(mistakes) };
    }
    let missing = COLUMNS[..2].iter().zip([username, password]).filter(|(_, place)| place.is_none());
    let missing = missing.map(|(wanted, _)| {
        format!("line 1: there is no column `{wanted}`; the first line names the columns: {}", COLUMNS.join(","))
    });
    Err(missing.collect())
}

/// What is wrong with a software token's secret; nothing where codes can be made of it.
pub fn totp_flaw(secret: &Secret) -> Option<&'static str> {
    match totp_rs::Secret::try_from_base32(secret.expose()) {
        Err(_) => Some("is not base32: write it in capitals and digits 2 to 7, without spaces and padding"),
        Ok(bytes) if bytes.as_bytes().len() < LEAST_TOTP_SECRET => Some("is shorter than 128 bits"),
        Ok(_) => None,
    }
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

    fn read(text: &str) -> Result<Vec<ListedUser>, String> {
        let place = "users.csv".to_owned();
        parse(&Secret::new(text)).map_err(|mistakes| ListError { place, mistakes }.to_string())
    }

    #[test]
    fn a_list_is_read_and_what_is_wrong_names_its_line_alone() {
        let users = read("username,password,totp_secret\nann,\"p,1\",\nbob,p2,JBSWY3DPEHPK3PXPJBSWY3DPEH\n").unwrap();
        assert_eq!(users[0].password.expose(), "p,1");
        assert_eq!((users[0].totp_secret.is_none(), users[1].totp_secret.is_some()), (true, true));
        assert_eq!(read("\u{feff}username,password\r\nann,p1\r\n").unwrap().len(), 1);
        let error = read("username,password\nann,p1\nhunter2\n").unwrap_err();
        assert!(error.contains("users.csv: line 3: ") && !error.contains("hunter2"), "{error}");
        let error = read("ann,hunter2\nbob,hunter3\n").unwrap_err();
        assert!(error.contains("line 1") && error.contains("`username`") && error.contains("`password`"), "{error}");
        assert!(!error.contains("hunter"), "{error}");
        assert!(
            somebody("users.csv", read("username,password\n").unwrap()).unwrap_err().to_string().contains("no user")
        );
    }

    #[test]
    fn every_mistake_of_a_list_is_told_with_its_line_and_no_secret() {
        let text = "username,password,totp_secret\nann,hunter1,\n,hunter2,\nbob,,\nann,hunter3,\n\"bo b \",hunter4,\ncy, hunter5,\ndee,hunter6,hunter7\neve,hunter8,,hunter9\nfay,hunter10,JBSWY3DP\n";
        let error = read(text).unwrap_err();
        let expected = [
            "8 mistakes",
            "line 3: it has no user name",
            "line 4: it has no password",
            "line 5: the user is there twice, first in line 2",
            "line 6: the user name begins or ends with a space",
            "line 7: the password begins or ends with a space",
            "line 8: the TOTP secret is not base32",
            "line 9: it has more values",
            "line 10: the TOTP secret is shorter than 128 bits",
        ];
        for expected in expected {
            assert!(error.contains(expected), "{expected}: {error}");
        }
        assert!(!error.contains("hunter") && !error.contains("JBSWY"), "{error}");
        let unknown = read("username,password,totp\nann,p1,JBSWY3DPEHPK3PXP\n").unwrap_err();
        assert!(unknown.contains("line 1: column 3"), "{unknown}");
        let many = (0..40).map(|number| format!("user-{number},")).collect::<Vec<_>>().join("\n");
        let many = read(&format!("username,password\n{many}")).unwrap_err();
        assert!(many.contains("40 mistakes") && many.contains("and 15 more") && many.lines().count() == 27, "{many}");
    }
}
