//! Who logs in: app clients and users of the environment with their secrets, and whether a scenario names what is there.

use std::collections::BTreeMap;

use crate::cloud::{Cloud, ListedUser, SecretError, read_list, resolve_secret, totp_flaw};
use crate::users::{Account, AppClient, LoadGenerator, LoginTarget, Managed, Population};
use gameday_core::env::{ManagedLogin, SecretRef, Site, UserList};
use gameday_core::model::{Flow, UserAction};

use super::checks::{Occurrence, steps};
use super::{Findings, PreflightInput};

/// The pool's own app client first, then the others.
pub(super) async fn clients(site: &Site, cloud: &Cloud) -> Result<Vec<AppClient>, SecretError> {
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
pub(super) fn managed(login: &ManagedLogin) -> Managed {
    Managed { domain: login.domain.clone(), port: login.port, identity_provider: login.identity_provider.clone() }
}

/// Users of one place of the environment file.
struct UserGroup<'a> {
    name: &'a str,
    names: &'a [String],
    password: Option<&'a SecretRef>,
    list: Option<&'a UserList>,
    totp_secret: Option<&'a SecretRef>,
}

/// The users of `[users]` under the empty name, and each population under its own.
pub(super) async fn populations(
    site: &Site,
    cloud: &Cloud,
) -> Result<BTreeMap<String, Population>, super::PreflightError> {
    let own = &site.users;
    let group = UserGroup {
        name: "",
        names: &own.names,
        password: own.password.as_ref(),
        list: own.list.as_ref(),
        totp_secret: None,
    };
    let mut all = BTreeMap::from([(String::new(), Population::new(accounts(group, site, cloud).await?, false))]);
    for of in &own.populations {
        let (password, list, totp_secret) = (of.password.as_ref(), of.list.as_ref(), of.totp_secret.as_ref());
        let group = UserGroup { name: &of.name, names: &of.names, password, list, totp_secret };
        all.insert(of.name.clone(), Population::new(accounts(group, site, cloud).await?, of.new_password));
    }
    Ok(all)
}

async fn accounts(group: UserGroup<'_>, site: &Site, cloud: &Cloud) -> Result<Vec<Account>, super::PreflightError> {
    let totp_secret = match group.totp_secret {
        Some(reference) => {
            let secret = resolve_secret(reference, &site.folder, &cloud.secrets).await?;
            if let Some(flaw) = totp_flaw(&secret) {
                return Err(SecretError::Totp { population: group.name.to_owned(), flaw }.into());
            }
            Some(secret)
        }
        None => None,
    };
    if let Some(list) = group.list {
        let account = |ListedUser { name, password, totp_secret }| Account { name, password, totp_secret };
        return Ok(read_list(list, &site.folder, &cloud.secrets).await?.into_iter().map(account).collect());
    }
    let Some(password) = group.password else { return Ok(Vec::new()) };
    let password = resolve_secret(password, &site.folder, &cloud.secrets).await?;
    let account =
        |name: &String| Account { name: name.clone(), password: password.clone(), totp_secret: totp_secret.clone() };
    Ok(group.names.iter().map(account).collect())
}

/// Whether every app client and population that the scenario names is there, with what its flow needs.
pub(super) fn check(crowd: &LoadGenerator, question: &PreflightInput<'_>, found: &mut Findings) {
    check_expectations(crowd, question, found);
    check_codes(crowd, found);
    let load = &question.scenario.users;
    let flows = load.flows.iter().map(|share| (share.flow, share.client.as_deref(), share.users.as_deref()));
    let sessions = load.sessions.iter().map(|plan| (plan.refresh, plan.client.as_deref(), plan.users.as_deref()));
    for (flow, client, users) in flows.chain(sessions) {
        let named = client.map_or_else(|| format!("for {}", flow.as_str()), |name| format!("`{name}`"));
        let evidence = match crowd.door.client(flow, client) {
            None => Some(format!("no app client {named} in `[[pool.clients]]`")),
            Some(found) => LoginTarget::lacks(flow, found).map(|what| format!("the app client {named} has no {what}")),
        };
        if let Some(evidence) = evidence {
            found.add(steps::CLIENT, Occurrence::of(format!("{}: {evidence}", flow.as_str())));
        }
        let there = crowd.door.population(users).is_some_and(|users| !users.accounts.is_empty());
        if flow != Flow::ClientCredentials && !there {
            let what = users.map_or_else(|| "`[users]`".to_owned(), |name| format!("the population `{name}`"));
            found.add(steps::USERS, Occurrence::of(format!("{}: {what} has no users", flow.as_str())));
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
            found.add(steps::MANAGED_LOGIN, Occurrence::of(format!("{} needs {missing}", flow.as_str())));
        }
    }
}

/// A TOTP code counts once, in the 30 s in which a token shows it.
const CODE_SECONDS: f64 = 30.0;

/// Whether each population with software tokens has a user for every login that starts within the life of a code.
fn check_codes(crowd: &LoadGenerator, found: &mut Findings) {
    let load = &crowd.load;
    for (name, users) in crowd.door.populations.iter().filter(|(_, users)| users.has_codes()) {
        let of = |users: Option<&str>| users.unwrap_or_default() == name;
        let flows = load.flows.iter().filter(|flow| !flow.flow.refreshes() && of(flow.users.as_deref()));
        let share: f64 = flows.map(|flow| flow.share.0).sum();
        let sessions = load.sessions.iter().filter(|plan| of(plan.users.as_deref())).map(|plan| plan.count);
        let (logins, sessions) = ((load.peak() * share * CODE_SECONDS).ceil(), sessions.sum::<u32>());
        if let Some(evidence) = few_codes(users.accounts.len(), logins, sessions) {
            let which = if name.is_empty() { "`[users]`".to_owned() } else { format!("the population `{name}`") };
            found.add(steps::FEW_CODES, Occurrence::of(format!("{which} {evidence}")));
        }
    }
}

/// What users are too few for; nothing where they are enough.
fn few_codes(users: usize, logins: f64, sessions: u32) -> Option<String> {
    let needed = logins.max(f64::from(sessions));
    let what = if logins >= f64::from(sessions) {
        format!("up to {logins} of its logins start within 30 s")
    } else {
        format!("{sessions} of its sessions start at about the same time")
    };
    (needed > users as f64).then(|| format!("has {users} users, but {what}"))
}

/// Whether somebody can try what the scenario expects of a replica.
fn check_expectations(crowd: &LoadGenerator, question: &PreflightInput<'_>, found: &mut Findings) {
    for limit in &question.scenario.expectations {
        let federates = limit.action == UserAction::FirstFederatedSignIn;
        let missing = match limit.action {
            _ if federates && crowd.door.client(Flow::Federated, None).is_none() => {
                "an app client with a `redirect_uri` in `[[pool.clients]]`"
            }
            _ if crowd.actor(limit.action).is_some() => continue,
            UserAction::TotpSignIn => "a population with a `totp_secret`",
            UserAction::FirstFederatedSignIn => {
                "`managed_login.identity_provider`, and a population of its users with a shared password"
            }
            UserAction::SignUp | UserAction::PasswordReset | UserAction::PasswordChange => "users in `[users]`",
        };
        found.add(steps::EXPECTATION, Occurrence::of(format!("`{}` needs {missing}", limit.action.as_str())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c09_a_population_that_is_too_small_for_its_rate_is_found() {
        assert_eq!(few_codes(5, 30.0, 0).unwrap(), "has 5 users, but up to 30 of its logins start within 30 s");
        assert!(few_codes(5, 3.0, 6).unwrap().contains("6 of its sessions"));
        assert_eq!((few_codes(40, 7.0, 40), few_codes(30, 30.0, 0)), (None, None));
    }
}
