//! The runbook of a failover and of the way back, from an environment and, where there is one, the last run. Pure: it can be printed
//! while AWS does not answer.

use askama::Template;

use crate::compare::{Figure, RunRecord};
use crate::env::{CredentialRef, SecretRef, Site};
use crate::model::RegionRole;

/// In the place of an account that the environment does not name.
const ACCOUNT: &str = "ACCOUNT";

#[derive(Template)]
#[template(path = "runbook.md", config = "templates/askama.toml")]
struct RunbookDocument<'a> {
    site: &'a Site,
    primary: &'a str,
    replica: &'a str,
    /// A native replica, in contrast to a pool of its own.
    native: bool,
    pools: [RegionPool; 2],
    clients: Vec<Client>,
    decides: &'a str,
    /// The environment names no decision maker.
    undecided: bool,
    ropa: &'a str,
    totp: Vec<&'a str>,
    /// The same in a sentence.
    who: &'a str,
    /// For AWS calls.
    profile: Option<&'a str>,
    run: Option<Measured>,
}

/// A user pool in a Region.
struct RegionPool {
    what: &'static str,
    arn: String,
}

/// An app client, and where its secret is.
struct Client {
    name: String,
    id: String,
    secret: String,
}

/// What the last run measured.
struct Measured {
    run_id: String,
    day: String,
    scenario: String,
    place: String,
    /// Whether it was a simulation.
    lab: bool,
    ending: &'static str,
    figures: Vec<(&'static str, &'static str, String)>,
    findings: Vec<(String, String)>,
}

/// The runbook, for GitHub and GitLab.
#[expect(clippy::expect_used, reason = "rendering to memory")]
pub fn markdown(site: &Site, run: Option<&RunRecord>) -> String {
    let (primary, replica) = (site.primary.region.as_str(), site.replica.region.as_str());
    let native = site.pool.replica_id.is_none();
    let account = site.account.allowed.first().map_or(ACCOUNT, |account| account.as_str());
    let partition = partition(primary);
    let arn = |region: &str, pool: &str| format!("arn:{partition}:cognito-idp:{region}:{account}:userpool/{pool}");
    let what = if native { "replica" } else { "independent pool in the replica Region" };
    let document = RunbookDocument {
        site,
        primary,
        replica,
        native,
        pools: [
            RegionPool { what: "primary", arn: arn(primary, site.pool.id_at(RegionRole::Primary)) },
            RegionPool { what, arn: arn(replica, site.pool.id_at(RegionRole::Replica)) },
        ],
        clients: clients(site),
        decides: site.runbook.decides.as_deref().unwrap_or("NOT NAMED"),
        who: site.runbook.decides.as_deref().unwrap_or("the decision maker"),
        undecided: site.runbook.decides.is_none(),
        ropa: site.preflight.ropa.as_deref().filter(|ropa| !ropa.is_empty()).unwrap_or("NOT NAMED"),
        totp: site.users.populations.iter().filter(|it| it.totp_secret.is_some()).map(|it| it.name.as_str()).collect(),
        profile: match &site.credentials {
            Some(CredentialRef::Profile { profile }) => Some(profile),
            _ => None,
        },
        run: run.map(measured),
    };
    // Cannot fail: a `String` takes every write, and the template calls nothing that fails.
    document.render().expect("a template in memory")
}

/// The partition of a Region's ARNs (AWS General Reference, "Amazon Resource Names").
fn partition(region: &str) -> &'static str {
    match region.split('-').collect::<Vec<_>>()[..] {
        ["cn", ..] => "aws-cn",
        [_, "gov", ..] => "aws-us-gov",
        _ => "aws",
    }
}

fn clients(site: &Site) -> Vec<Client> {
    let own = Client {
        name: "default".to_owned(),
        id: site.pool.client_id.clone(),
        secret: whereabouts(site.pool.client_secret.as_ref()),
    };
    let more = site.pool.clients.iter().map(|client| Client {
        name: client.name.clone(),
        id: client.id.clone(),
        secret: whereabouts(client.secret.as_ref()),
    });
    std::iter::once(own).chain(more).collect()
}

/// Where a secret is; never the secret.
fn whereabouts(secret: Option<&SecretRef>) -> String {
    match secret {
        None => "no secret".to_owned(),
        Some(SecretRef::Env { env }) => format!("environment variable {env}"),
        Some(SecretRef::SecretsManager { secrets_manager, key }) => {
            let key = key.as_ref().map(|key| format!(", key {key}")).unwrap_or_default();
            format!("Secrets Manager: {secrets_manager}{key}")
        }
        Some(SecretRef::File { file, key }) => format!("file {}, key {key}", file.display()),
        Some(SecretRef::Literal(_)) => "only in the lab".to_owned(),
    }
}

fn measured(run: &RunRecord) -> Measured {
    let figure = |figure: Figure| Some((figure.name(), figure.meaning(), figure.of(run)?.text()));
    Measured {
        run_id: run.run_id.clone(),
        day: run.started_at.strftime("%Y-%m-%d").to_string(),
        scenario: run.scenario.name.clone(),
        place: format!("{} ({})", run.environment.name, run.environment.kind),
        lab: run.environment.kind == "lab",
        ending: run.ending(),
        figures: Figure::ALL.into_iter().filter_map(figure).collect(),
        findings: run.findings.iter().map(|finding| (finding.code.clone(), finding.title.clone())).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_have_their_partition() {
        assert_eq!(["us-east-1", "us-gov-west-1", "cn-north-1"].map(partition), ["aws", "aws-us-gov", "aws-cn"]);
    }

    #[test]
    fn where_a_secret_is_does_not_tell_it() {
        let secret = SecretRef::Literal(crate::model::Secret::new("hidden-here"));
        assert_eq!(whereabouts(Some(&secret)), "only in the lab");
    }
}
