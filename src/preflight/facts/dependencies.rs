//! What the triggers' functions depend on: found in their environment variables, or declared in the environment file.

use std::collections::{BTreeMap, BTreeSet};

use super::{Facts, Unavailable};
use gameday_core::env::DependencyKind;

/// The random end of a secret's ARN: a hyphen and six characters (Secrets Manager API reference, DescribeSecret).
const RANDOM_END: usize = 7;

/// Something that a function needs in its own Region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Dependency {
    /// What it is.
    pub kind: DependencyKind,
    /// Its name without a Region; of a proxy that a variable names, its endpoint.
    pub name: String,
    /// Whether its kind is only guessed from a variable's name.
    pub guessed: bool,
}

impl Facts {
    /// Every dependency of a kind, with who says so.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn dependencies(&self, kind: DependencyKind) -> Result<BTreeMap<Dependency, String>, Unavailable> {
        let mut all = BTreeMap::new();
        for declared in self.site.preflight.dependencies.iter().filter(|declared| declared.kind == kind) {
            let dependency = Dependency { kind, name: declared.name.clone(), guessed: false };
            all.insert(dependency, "`preflight.dependencies`".to_owned());
        }
        for pair in self.trigger_functions().await?.iter() {
            for deployed in [&pair.primary, &pair.replica] {
                let Some(configuration) = &deployed.configuration else { continue };
                let variables = configuration.environment().and_then(|environment| environment.variables());
                for (variable, value) in variables.into_iter().flatten() {
                    for dependency in named_by(variable, value).into_iter().filter(|found| found.kind == kind) {
                        let by = format!("`{variable}` of {}", deployed.name());
                        all.entry(dependency).or_insert(by);
                    }
                }
            }
        }
        Ok(all)
    }
}

/// What a variable names. Its value is looked at, and never told of as a whole: it may be a secret.
pub fn named_by(variable: &str, value: &str) -> BTreeSet<Dependency> {
    let of = |kind, name: &str| Dependency { kind, name: name.to_owned(), guessed: false };
    let mut found = BTreeSet::new();
    if let Some([service, resource]) = arn(value) {
        found.extend(match service {
            "dynamodb" => resource
                .strip_prefix("table/")
                .map(|rest| of(DependencyKind::DynamodbTable, rest.split('/').next().unwrap_or(rest))),
            "secretsmanager" => resource.strip_prefix("secret:").map(|name| {
                let plain = name.len().checked_sub(RANDOM_END).and_then(|end| {
                    let (plain, random) = name.split_at_checked(end)?;
                    random.starts_with('-').then_some(plain)
                });
                of(DependencyKind::Secret, plain.unwrap_or(name))
            }),
            "rds" => resource
                .strip_prefix("global-cluster:")
                .or_else(|| resource.strip_prefix("cluster:"))
                .map(|name| of(DependencyKind::AuroraGlobalCluster, name)),
            _ => None,
        });
        return found;
    }
    found.extend(hosts(value).filter_map(|host| {
        let labels: Vec<&str> = host.split('.').collect();
        let [name, kind, ..] = labels[..] else { return None };
        match kind.split('-').next()? {
            "proxy" => Some(of(DependencyKind::RdsProxy, host)),
            "global" | "cluster" => Some(of(DependencyKind::AuroraGlobalCluster, name)),
            _ => None,
        }
    }));
    if found.is_empty() && is_name(value) {
        let upper = variable.to_ascii_uppercase();
        let ends = |ends: &[&str]| ends.iter().any(|end| upper.ends_with(end));
        let kind = if ends(&["TABLE", "TABLE_NAME"]) {
            Some(DependencyKind::DynamodbTable)
        } else if ends(&["SECRET_NAME", "SECRET_ID"]) {
            // A variable that ends with SECRET may hold the secret itself.
            Some(DependencyKind::Secret)
        } else {
            None
        };
        found.extend(kind.map(|kind| Dependency { guessed: true, ..of(kind, value) }));
    }
    found
}

/// The service and the resource of an ARN.
fn arn(value: &str) -> Option<[&str; 2]> {
    let parts: Vec<&str> = value.splitn(6, ':').collect();
    let ["arn", _, service, _, _, resource] = parts[..] else { return None };
    Some([service, resource])
}

/// The names of RDS endpoints in a value, which may be a URL with a password in it.
fn hosts(value: &str) -> impl Iterator<Item = &str> {
    let words = value.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '.')));
    // What follows is the partition's own, as `amazonaws.com.cn`.
    words.filter(|word| word.contains(".rds.amazonaws."))
}

fn is_name(value: &str) -> bool {
    !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(variable: &str, value: &str) -> Option<(DependencyKind, String, bool)> {
        let found = named_by(variable, value);
        assert!(found.len() <= 1, "{found:?}");
        found.into_iter().next().map(|it| (it.kind, it.name, it.guessed))
    }

    #[test]
    fn variables_name_what_functions_depend_on() {
        use DependencyKind::{AuroraGlobalCluster, DynamodbTable, RdsProxy, Secret};
        let proxy = "audit.proxy-c1.us-west-2.rds.amazonaws.com";
        for (variable, value, kind, name, guessed) in [
            ("X", "arn:aws:dynamodb:us-east-1:1:table/claims/index/by-user", DynamodbTable, "claims", false),
            ("X", "arn:aws:secretsmanager:us-east-1:1:secret:app/db-AbCdEf", Secret, "app/db", false),
            ("X", "arn:aws:rds::1:global-cluster:audit", AuroraGlobalCluster, "audit", false),
            ("X", "audit.global-c1.global.rds.amazonaws.com", AuroraGlobalCluster, "audit", false),
            ("X", "audit.cluster-ro-c1.us-east-1.rds.amazonaws.com", AuroraGlobalCluster, "audit", false),
            ("URL", "postgres://u:p@audit.proxy-c1.us-west-2.rds.amazonaws.com:5432/db", RdsProxy, proxy, false),
            ("CLAIMS_TABLE", "claims", DynamodbTable, "claims", true),
            ("DB_SECRET_ID", "app/db", Secret, "app/db", true),
        ] {
            assert_eq!(one(variable, value), Some((kind, name.to_owned(), guessed)), "{value}");
        }
    }

    #[test]
    fn what_may_be_a_secret_itself_names_nothing() {
        for (variable, value) in [
            ("CLIENT_SECRET", "s3cr3t"),
            ("TABLE_PREFIX", "prod"),
            ("LOG_LEVEL", "info"),
            ("TABLE_NAME", ""),
            ("X", "arn:aws:sns:us-east-1:1:topic"),
            ("DB", "audit.c1.us-east-1.rds.amazonaws.com"),
        ] {
            assert_eq!(one(variable, value), None, "{variable}");
        }
    }
}
