//! Who logs in: app clients and users of the environment with their secrets, and whether a scenario names what is there.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::cloud::{Cloud, SecretError, resolve_secret};
use crate::env::{ManagedLogin, SecretRef, Site, UserList};
use crate::model::{Flow, Secret, UserAction};
use crate::users::{Account, AppClient, Crowd, Door, Managed, Population};

use super::checks::{Sight, steps};
use super::{Findings, Question};

/// A list of users could not be read. Never holds what is in it.
#[derive(Debug, thiserror::Error)]
#[error("the list of users {place}: {reason}")]
pub struct ListError {
    /// Which list.
    place: String,
    /// Why.
    reason: String,
}

/// The pool's own app client first, then the others.
pub async fn clients(site: &Site, cloud: &Cloud) -> Result<Vec<AppClient>, SecretError> {
    let secret = async |reference: Option<&SecretRef>| match reference {
        Some(reference) => resolve_secret(reference, &site.folder, &cloud.secrets).await.map(Some),
        None => Ok(None),
    };
    let pool = &site.pool;
    let mut clients = vec![AppClient {
        name: String::new(),
        id: pool.client_id.clone(),
        secret: secret(pool.client_secret.as_ref()).await?,
        redirect_uri: None,
        scopes: Vec::new(),
    }];
    for client in &pool.clients {
        clients.push(AppClient {
            name: client.name.clone(),
            id: client.id.clone(),
            secret: secret(client.secret.as_ref()).await?,
            redirect_uri: client.redirect_uri.clone(),
            scopes: client.scopes.clone(),
        });
    }
    Ok(clients)
}

/// Managed login's address.
pub fn managed(login: &ManagedLogin) -> Managed {
    Managed { domain: login.domain.clone(), port: login.port, identity_provider: login.identity_provider.clone() }
}

/// Users of one place of the environment file.
struct Group<'a> {
    names: &'a [String],
    password: Option<&'a SecretRef>,
    list: Option<&'a UserList>,
    totp_secret: Option<&'a SecretRef>,
}

/// The users of `[users]` under the empty name, and each population under its own.
pub async fn populations(site: &Site, cloud: &Cloud) -> Result<BTreeMap<String, Population>, super::PreflightError> {
    let own = &site.users;
    let group =
        Group { names: &own.names, password: own.password.as_ref(), list: own.list.as_ref(), totp_secret: None };
    let mut all = BTreeMap::from([(String::new(), Population::new(accounts(group, site, cloud).await?, false))]);
    for of in &own.populations {
        let (password, list, totp_secret) = (of.password.as_ref(), of.list.as_ref(), of.totp_secret.as_ref());
        let group = Group { names: &of.names, password, list, totp_secret };
        all.insert(of.name.clone(), Population::new(accounts(group, site, cloud).await?, of.new_password));
    }
    Ok(all)
}

async fn accounts(group: Group<'_>, site: &Site, cloud: &Cloud) -> Result<Vec<Account>, super::PreflightError> {
    let totp_secret = match group.totp_secret {
        Some(reference) => Some(resolve_secret(reference, &site.folder, &cloud.secrets).await?),
        None => None,
    };
    if let Some(list) = group.list {
        let (place, text) = text(list, site, cloud).await?;
        return Ok(read_list(&text).map_err(|reason| ListError { place, reason })?);
    }
    let Some(password) = group.password else { return Ok(Vec::new()) };
    let password = resolve_secret(password, &site.folder, &cloud.secrets).await?;
    let account =
        |name: &String| Account { name: name.clone(), password: password.clone(), totp_secret: totp_secret.clone() };
    Ok(group.names.iter().map(account).collect())
}

async fn text(list: &UserList, site: &Site, cloud: &Cloud) -> Result<(String, Secret), super::PreflightError> {
    match list {
        UserList::File { file } => {
            let path = site.folder.join(file);
            let place = path.display().to_string();
            Ok((place.clone(), read_file(&path).map_err(|reason| ListError { place, reason })?))
        }
        UserList::SecretsManager { secrets_manager } => {
            let whole = SecretRef::SecretsManager { secrets_manager: secrets_manager.clone(), key: None };
            Ok((secrets_manager.clone(), resolve_secret(&whole, &site.folder, &cloud.secrets).await?))
        }
    }
}

fn read_file(path: &Path) -> Result<Secret, String> {
    std::fs::read_to_string(path).map(Secret::new).map_err(|error| error.to_string())
}

#[derive(Deserialize)]
struct Row {
    username: String,
    password: String,
    #[serde(default)]
    totp_secret: Option<String>,
}

/// Reads a list of users. An error names the line and never what is in it.
fn read_list(text: &Secret) -> Result<Vec<Account>, String> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_reader(text.expose().as_bytes());
    let columns = reader.headers().map_err(|_| "line 1 is not CSV".to_owned())?;
    for wanted in ["username", "password"] {
        if !columns.iter().any(|column| column == wanted) {
            return Err(format!(
                "has no column `{wanted}`; its first line names the columns: username,password,totp_secret"
            ));
        }
    }
    let mut accounts = Vec::new();
    for row in reader.deserialize::<Row>() {
        let row = row.map_err(|error| {
            let line = error.position().map_or_else(|| "a line".to_owned(), |at| format!("line {}", at.line()));
            format!("{line} is not username, password and, where there is one, totp_secret")
        })?;
        let totp_secret = row.totp_secret.filter(|secret| !secret.is_empty()).map(Secret::new);
        accounts.push(Account { name: row.username, password: Secret::new(row.password), totp_secret });
    }
    if accounts.is_empty() { Err("has no user".to_owned()) } else { Ok(accounts) }
}

/// Whether every app client and population that the scenario names is there, with what its flow needs.
pub fn check(crowd: &Crowd, question: &Question<'_>, found: &mut Findings) {
    check_expectations(crowd, question, found);
    let load = &question.scenario.users;
    let flows = load.flows.iter().map(|share| (share.flow, share.client.as_deref(), share.users.as_deref()));
    let sessions = load.sessions.iter().map(|plan| (plan.refresh, plan.client.as_deref(), plan.users.as_deref()));
    for (flow, client, users) in flows.chain(sessions) {
        let named = client.map_or_else(|| format!("one that fits {}", flow.as_str()), |name| format!("`{name}`"));
        let evidence = match crowd.door.client(flow, client) {
            None => Some(format!("no app client {named} in `[[pool.clients]]`")),
            Some(found) => Door::lacks(flow, found).map(|what| format!("the app client {named} has no {what}")),
        };
        if let Some(evidence) = evidence {
            found.add(steps::CLIENT, Sight::of(format!("{}: {evidence}", flow.as_str())));
        }
        let there = crowd.door.population(users).is_some_and(|users| !users.accounts.is_empty());
        if flow != Flow::ClientCredentials && !there {
            let what = users.map_or_else(|| "`[users]`".to_owned(), |name| format!("the population `{name}`"));
            found.add(steps::USERS, Sight::of(format!("{}: {what} has no users", flow.as_str())));
        }
        let managed = crowd.door.managed.as_ref();
        let missing = match flow {
            _ if !flow.is_managed() => None,
            _ if managed.is_none() => Some("`[managed_login]`"),
            Flow::Federated if managed.is_some_and(|login| login.identity_provider.is_none()) => {
                Some("`managed_login.identity_provider`")
            }
            _ => None,
        };
        if let Some(missing) = missing {
            found.add(steps::MANAGED_LOGIN, Sight::of(format!("{} needs {missing}", flow.as_str())));
        }
    }
}

/// Whether somebody can try what the scenario expects of a replica.
fn check_expectations(crowd: &Crowd, question: &Question<'_>, found: &mut Findings) {
    for limit in &question.scenario.expectations {
        let federates = limit.action == UserAction::FirstFederatedSignIn;
        let missing = match limit.action {
            _ if federates && crowd.door.client(Flow::Federated, None).is_none() => {
                "an app client with a `redirect_uri` in `[[pool.clients]]`"
            }
            _ if crowd.actor(limit.action).is_some() => continue,
            UserAction::TotpSignIn => "a population with a `totp_secret`",
            UserAction::FirstFederatedSignIn => {
                "`managed_login.identity_provider`, and a population of users there whose password strangers share"
            }
            UserAction::SignUp | UserAction::PasswordReset | UserAction::PasswordChange => "users in `[users]`",
        };
        found.add(steps::EXPECTATION, Sight::of(format!("`{}` needs {missing}", limit.action.as_str())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_and_what_is_wrong_names_its_line_alone() {
        let read = |text: &str| read_list(&Secret::new(text));
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
