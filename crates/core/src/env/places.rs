//! What the places of an environment must be: Regions, pool, front door, DNS, users and their secrets.

use std::collections::{HashMap, HashSet};
use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use super::EnvironmentKind;
use super::validate::{Lists, bad_text, not_empty};
use crate::files::{Document, FileFinding};

/// The services whose endpoints can be replaced.
pub const SERVICES: [&str; 19] = [
    "ec2",
    "cognito-idp",
    "route53",
    "sts",
    "secretsmanager",
    "scheduler",
    "lambda",
    "monitoring",
    "elasticloadbalancing",
    "servicequotas",
    "acm",
    "apigateway",
    "cloudtrail",
    "dynamodb",
    "iam",
    "kms",
    "rds",
    "s3",
    "wafv2",
];

/// Reports everything that is wrong with them.
pub(super) fn check(file: &mut Document, kind: Option<EnvironmentKind>, lists: Lists) {
    regions(file, kind, lists);
    pool(file);
    front_door(file);
    dns(file);
    users(file, lists);
    managed_login(file);
    let mut secrets =
        ["credentials.secret_access_key", "pool.client_secret", "users.password"].map(str::to_owned).to_vec();
    secrets.extend(file.items("pool.clients").into_iter().map(|client| format!("{client}.secret")));
    for population in file.items("users.populations") {
        secrets.extend(["password", "totp_secret"].map(|key| format!("{population}.{key}")));
    }
    for secret in secrets {
        secret_ref(file, &secret);
    }
}

/// As `us-east-1` or `us-gov-west-1`.
fn is_region(name: &str) -> bool {
    let parts: Vec<&str> = name.split('-').collect();
    let [area, middle @ .., number] = parts.as_slice() else {
        return false;
    };
    let letters = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    matches!(area.len(), 2..=4)
        && letters(area)
        && !middle.is_empty()
        && middle.iter().all(|part| letters(part))
        && matches!(number.as_bytes(), [b'1'..=b'9'])
}

fn regions(file: &mut Document, kind: Option<EnvironmentKind>, lists: Lists) {
    for part in ["primary", "replica"] {
        region(file, part);
    }
    let names = ["primary.region", "replica.region"].map(|path| file.get::<String>(path));
    if let [Some(primary), Some(replica)] = &names
        && primary == replica
    {
        let finding = FileFinding::at("replica.region", format!("both Regions are {primary}"), "the same")
            .and("primary.region", "as here");
        file.report(finding.help("a failover needs two Regions"));
    }
    let selects = ["primary.subnets.ids", "primary.subnets.tags"];
    let selects = selects.iter().any(|path| !file.items(path).is_empty() || !file.keys(path).is_empty());
    let wanted = kind == Some(EnvironmentKind::Aws) && lists == Lists::MustBeThere;
    if wanted && file.has("primary") && !selects {
        let finding = FileFinding::at(
            "primary.subnets",
            "no subnets of the primary are selected",
            "nothing that a fault could touch",
        );
        file.report(finding.help("write `ids = [\"subnet-…\"]` or `tags = { … }` in `[primary.subnets]`"));
    }
}

fn region(file: &mut Document, part: &str) {
    let path = format!("{part}.region");
    if let Some(name) = bad_text(file, &path, is_region) {
        file.report(
            FileFinding::at(path, format!("`{name}` is not a Region's name"), "not a Region")
                .help("write it as \"us-east-1\""),
        );
    }
    let path = format!("{part}.direct");
    if file.has(&path) && file.get::<Vec<String>>(&path).is_some_and(|direct| direct.is_empty()) {
        let finding = FileFinding::at(&path, format!("`{path}` is empty"), "no way to this Region alone");
        file.report(finding.help(
            "name an address of the endpoint of this Region that does not depend on the failover record: preflight logs in there",
        ));
    }
    for item in file.items(&path) {
        host_name(file, &item);
    }
    let lists = ["subnets", "clients"].map(|list| file.items(&format!("{part}.{list}.ids")));
    for item in lists.into_iter().flatten() {
        let good = |id: &str| {
            id.strip_prefix("subnet-")
                .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
        };
        if let Some(id) = bad_text(file, &item, good) {
            let finding = FileFinding::at(item, format!("`{id}` is not a subnet's ID"), "not a subnet's ID");
            file.report(
                finding.help("subnet IDs look like \"subnet-0a1b2c3d\"; select by `tags` where you do not know them"),
            );
        }
    }
    for service in file.keys(&format!("{part}.endpoints")) {
        let path = format!("{part}.endpoints.{service}");
        if !SERVICES.contains(&service.as_str()) {
            let finding = FileFinding::at(
                &path,
                format!("`{service}` is not a service whose endpoint can be replaced"),
                "never asked",
            );
            file.report(finding.help(format!("the services are {}", SERVICES.join(", "))));
        }
        if let Some(url) = bad_text(file, &path, is_url) {
            let finding = FileFinding::at(path, format!("`{url}` is not a URL"), "not a URL");
            file.report(finding.help("write it as \"https://ec2.example.com\" or \"http://127.0.0.1:5000\""));
        }
    }
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace))
}

/// A DNS name or an address, and nothing around it.
fn host_name(file: &mut Document, path: &str) {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '*');
    let good = |name: &str| !name.is_empty() && (name.chars().all(part) || name.parse::<Ipv6Addr>().is_ok());
    if let Some(name) = bad_text(file, path, good) {
        let finding = FileFinding::at(path, format!("`{name}` is not a host name"), "not a host name");
        file.report(finding.help("write the name alone, without scheme, port and path: \"login.example.com\""));
    }
}

fn pool(file: &mut Document) {
    let regions = ["primary.region", "replica.region"].map(|path| file.get::<String>(path));
    if let Some(id) = file.get::<String>("pool.id") {
        let parts = id.split_once('_');
        let shape = parts.is_some_and(|(region, name)| {
            is_region(region) && !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric())
        });
        if !shape {
            let finding = FileFinding::at("pool.id", format!("`{id}` is not a user pool's ID"), "not a user pool's ID");
            file.report(finding.help("it has the form \"us-east-1_EXAMPLE\""));
        } else if let ([Some(primary), Some(replica)], Some((region, _))) = (&regions, parts)
            && [primary, replica].iter().all(|name| is_region(name))
            && region != primary
            && region != replica
        {
            let finding = FileFinding::at(
                "pool.id",
                format!("the pool is from {region}, which is neither Region"),
                "of another Region",
            );
            file.report(
                finding.help(format!("the ID of a replicated pool begins with its primary's Region, here {primary}")),
            );
        }
    }
    replica_id(file, regions[1].as_deref());
    not_empty(file, "pool.client_id", "write the app client's ID");
    for client in file.items("pool.clients") {
        not_empty(file, &format!("{client}.id"), "write the app client's ID");
        let path = format!("{client}.redirect_uri");
        if let Some(uri) = bad_text(file, &path, |uri| uri.split_once("://").is_some_and(|(_, rest)| !rest.is_empty()))
        {
            let finding = FileFinding::at(path, format!("`{uri}` is not a callback URL"), "not a URL");
            file.report(
                finding.help("write one that the app client has registered, as \"https://app.example.com/callback\""),
            );
        }
    }
    names(file, "pool.clients", "app client");
}

/// The ID of a pool of the replica Region's own.
fn replica_id(file: &mut Document, region: Option<&str>) {
    let Some(id) = file.get::<String>("pool.replica_id") else { return };
    let shaped = id.split_once('_').filter(|(region, name)| is_region(region) && !name.is_empty());
    let Some((of, _)) = shaped else {
        let finding =
            FileFinding::at("pool.replica_id", format!("`{id}` is not a user pool's ID"), "not a user pool's ID");
        return file.report(finding.help("it has the form \"us-west-2_EXAMPLE\"; leave it out for a native replica"));
    };
    if let Some(region) = region.filter(|region| *region != of) {
        let finding = FileFinding::at("pool.replica_id", format!("the pool is from {of}"), "of another Region");
        file.report(finding.help(format!(
            "it is the replica Region's own pool, which begins with {region}; a native replica has the ID of its primary, and needs no \
             second one"
        )));
    }
}

/// The names of a list's items, by which scenarios know them: none empty, none twice.
fn names(file: &mut Document, list: &str, what: &str) {
    let mut seen: HashMap<String, String> = HashMap::new();
    for item in file.items(list) {
        let path = format!("{item}.name");
        not_empty(file, &path, "name it: scenarios name it, too");
        let Some(name) = file.get::<String>(&path) else { continue };
        if let Some(first) = seen.get(&name) {
            let finding = FileFinding::at(&path, format!("the {what} `{name}` is there twice"), "again here");
            file.report(finding.and(first, "first here").help("give each a name of its own"));
        }
        seen.entry(name).or_insert(path);
    }
}

fn managed_login(file: &mut Document) {
    host_name(file, "managed_login.domain");
    if file.get::<u16>("managed_login.port") == Some(0) {
        file.report(
            FileFinding::at("managed_login.port", "there is no port 0", "not a port").help("leave it out for 443"),
        );
    }
    not_empty(file, "managed_login.identity_provider", "name the pool's identity provider, or leave it out");
}

/// As `cognito-idp.us-east-1.amazonaws.com`, also with FIPS, dual stack or in another partition.
fn is_of_cognito(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_lowercase();
    let is_service = name.starts_with("cognito-idp.") || name.starts_with("cognito-idp-fips.");
    is_service && [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].iter().any(|domain| name.ends_with(domain))
}

/// The failover record is what moves users, so it must be the name to which they connect.
fn one_name(file: &mut Document) {
    let plain = |name: String| name.trim_end_matches('.').to_lowercase();
    let [Some(name), Some(record)] = ["front_door.name", "dns.record"].map(|path| file.get::<String>(path)) else {
        return;
    };
    if plain(name.clone()) != plain(record.clone()) {
        let message = format!("users connect to `{name}`, but the failover record is `{record}`");
        let finding =
            FileFinding::at("front_door.name", message, "not the failover record").and("dns.record", "another name");
        file.report(finding.help(
            "write the same name in both places: a failover is measured by the record that moves users from Region to Region",
        ));
    }
}

fn front_door(file: &mut Document) {
    host_name(file, "front_door.name");
    if let Some(name) = bad_text(file, "front_door.name", |name| !is_of_cognito(name)) {
        let message = format!("`{name}` is an endpoint of AWS, not an endpoint of yours");
        let finding = FileFinding::at("front_door.name", message, "an endpoint of Cognito itself");
        file.report(finding.help(
            "write the name of your own endpoint in front of Cognito: the endpoints of AWS are in no VPC of yours, so these faults cannot \
             cut them off, and no failover record of yours can move them",
        ));
    } else {
        one_name(file);
    }
    if file.get::<u16>("front_door.port") == Some(0) {
        file.report(
            FileFinding::at("front_door.port", "there is no port 0", "not a port").help("leave it out for 443"),
        );
    }
    if let Some(path) = bad_text(file, "front_door.api_path", |path| path.starts_with('/')) {
        let finding =
            FileFinding::at("front_door.api_path", format!("`{path}` is not a path"), "does not start with `/`");
        file.report(finding.help("write the path alone, as \"/api/whoami\": it is asked at `front_door.name`"));
    }
    file_there(
        file,
        "front_door.trust_root",
        "a PEM file of certificate authorities; leave it out to trust the public ones",
    );
    not_empty(file, "front_door.region_claim", "name the claim, or leave it out");
}

/// A path in the file counts from its folder, and leads to a file.
fn file_there(file: &mut Document, path: &str, what: &str) {
    let Some(named) = file.get::<PathBuf>(path) else {
        return;
    };
    let full = file.folder().join(&named);
    if !full.is_file() {
        let finding = FileFinding::at(path, format!("there is no file {}", named.display()), "not found");
        file.report(finding.help(format!("it is {what}; its path counts from the folder of this file")));
    }
}

fn dns(file: &mut Document) {
    for (path, help) in [
        ("dns.hosted_zone_id", "`aws route53 list-hosted-zones` shows it, as \"Z0123456789\""),
        ("dns.health_check_id", "`aws route53 list-health-checks` shows it, as a UUID"),
    ] {
        not_empty(file, path, help);
    }
    host_name(file, "dns.record");
    for list in ["dns.authoritative", "dns.resolvers"] {
        for item in file.items(list) {
            if let Some(address) = bad_text(file, &item, |text| text.parse::<SocketAddr>().is_ok()) {
                let finding = FileFinding::at(
                    item,
                    format!("`{address}` is not the address of a server"),
                    "not address and port",
                );
                file.report(finding.help("write address and port: \"10.0.0.2:53\" or \"[2001:db8::53]:53\""));
            }
        }
    }
}

fn users(file: &mut Document, lists: Lists) {
    for group in ["users".to_owned()].into_iter().chain(file.items("users.populations")) {
        if file.has(&group) {
            accounts(file, &group, lists);
        }
    }
    names(file, "users.populations", "population");
    if file.get::<Vec<String>>("users.names").is_some_and(|names| names.is_empty()) {
        let finding = FileFinding::at("users.names", "there are no users", "empty");
        file.report(finding.help("name synthetic users of the pool; several, so that logins do not queue up on one"));
    }
    let mut seen: HashSet<String> = HashSet::new();
    for item in file.items("users.names") {
        not_empty(file, &item, "write a user name");
        let Some(name) = file.get::<String>(&item) else {
            continue;
        };
        if !seen.insert(name.clone()) {
            file.report(
                FileFinding::at(item, format!("the user `{name}` is there twice"), "again here").help("take one out"),
            );
        }
    }
    for path in ["users.canary.username", "users.canary.attribute"] {
        not_empty(file, path, "the canary needs a user of its own and a writable attribute, as \"custom:canary\"");
    }
    if let Some(canary) = file.get::<String>("users.canary.username").filter(|canary| seen.contains(canary)) {
        let finding =
            FileFinding::at("users.canary.username", format!("`{canary}` also logs in"), "one of `users.names`");
        file.report(finding.help("give the canary a user of its own: its attribute is written every second"));
    }
}

/// Users by name with one password, or as a list; one of the two.
fn accounts(file: &mut Document, group: &str, lists: Lists) {
    let path = |key: &str| format!("{group}.{key}");
    let has = |file: &Document, key: &str| file.has(&path(key));
    match (has(file, "list"), has(file, "names"), has(file, "password")) {
        (true, false, false) => {
            if lists == Lists::MustBeThere {
                let what = "a CSV file of user names and passwords; `gameday users seed` writes one";
                file_there(file, &path("list.file"), what);
            }
            not_empty(file, &path("list.secrets_manager"), "write the secret's name or ARN");
        }
        (false, true, true) => {}
        (true, ..) => {
            let finding =
                FileFinding::at(path("list"), "users are there twice: as a list and by name", "this or `names`");
            file.report(finding.help("take out `names` and `password`, or the list"));
        }
        // Whoever makes them comes first.
        (false, false, _) if lists == Lists::MayCome => {}
        (false, names, _) => {
            let (at, missing) = if names { ("names", "password") } else { ("password", "names") };
            let at = if has(file, at) { path(at) } else { group.to_owned() };
            let finding = FileFinding::at(at, format!("users need `{missing}`"), format!("without `{missing}`"));
            file.report(finding.help(
                "write `list = { file = \"users.csv\" }`, which `gameday users seed` makes, or `names` and `password`",
            ));
        }
    }
}

fn secret_ref(file: &mut Document, path: &str) {
    for (key, help) in [
        ("env", "name the environment variable that holds the secret"),
        ("secrets_manager", "write the secret's name or ARN"),
        ("key", "name the key that holds the secret"),
    ] {
        not_empty(file, &format!("{path}.{key}"), help);
    }
    file_there(file, &format!("{path}.file"), "a TOML file of `key = \"value\"` lines, readable by its owner alone");
}
