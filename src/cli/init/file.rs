//! The text of the environment file that `gameday init` writes.

use std::fmt::Write as _;
use std::path::Path;

use toml::Value;

use crate::cloud::Access;
use crate::discover::{Discovery, FoundClient};
use gameday_core::model::Region;

use super::InitArgs;

/// Where the users' password is expected.
const PASSWORD: &str = "GAMEDAY_USER_PASSWORD";

/// The list of users next to the file; `gameday users seed` writes it by default.
pub(crate) const LIST: &str = "users.csv";

/// What the file is written from.
pub(super) struct InitInput<'a> {
    pub args: &'a InitArgs,
    pub found: &'a Discovery,
    pub access: &'a Access,
}

/// The file, and what was not found.
pub(super) struct Written {
    pub text: String,
    pub gaps: Vec<String>,
}

/// The file under way.
#[derive(Default)]
struct FilePage {
    text: String,
    gaps: Vec<String>,
}

impl FilePage {
    fn comment(&mut self, text: &str) {
        for line in text.lines() {
            let _ = writeln!(self.text, "# {line}");
        }
    }

    fn table(&mut self, name: &str) {
        let _ = write!(self.text, "\n[{name}]\n");
    }

    fn key(&mut self, name: &str, value: impl Into<Value>) {
        let _ = writeln!(self.text, "{name} = {}", value.into());
    }

    fn list(&mut self, name: &str, values: &[String]) {
        self.key(name, Value::Array(values.iter().map(|value| Value::String(value.clone())).collect()));
    }

    /// A secret in an environment variable.
    fn secret(&mut self, name: &str, variable: &str) {
        let _ = writeln!(self.text, "{name} = {{ env = {} }}", Value::from(variable));
    }

    /// A value that was not found: the reason, and an example that is commented out.
    fn gap(&mut self, key: &str, example: &str, why: &str) {
        self.comment(&format!("Not found: {why}"));
        self.comment(&format!("{key} = {example}"));
        self.gaps.push(format!("{key}: {why}"));
    }
}

/// Writes it.
pub(super) fn write(facts: &InitInput<'_>) -> Written {
    let mut page = FilePage::default();
    head(&mut page, facts);
    let InitInput { args, found, .. } = facts;
    for (number, (part, name)) in
        [("primary", &args.region_primary), ("replica", &args.region_replica)].into_iter().enumerate()
    {
        region(&mut page, facts, part, name, (&found.direct[number], &found.subnets[number]));
    }
    pool(&mut page, facts);
    front_door(&mut page, facts);
    dns(&mut page, facts);
    users(&mut page, facts);
    preflight(&mut page, args);
    Written { text: page.text, gaps: page.gaps }
}

fn head(page: &mut FilePage, InitInput { args, found, .. }: &InitInput<'_>) {
    page.comment(
        "Written by `gameday init`, which changed nothing in AWS. Fill in every value marked `Not found`, then run",
    );
    page.comment("`gameday validate` and `gameday preflight` on this file. Never put a secret here; only name the place where it is.");
    for failed in &found.failed {
        page.comment(&format!("Could not query {failed}"));
    }
    page.text.push_str("\nschema_version = 1\n");
    let name = if found.pool_name.trim().is_empty() { &args.user_pool_id } else { &found.pool_name };
    page.comment("Reports show this name, and a run asks for it as a confirmation.");
    page.key("name", name.as_str());
    page.key("kind", "aws");
    page.comment("If real users depend on this environment: a run then needs --confirm with the name.");
    page.comment("production = true");
    page.table("account");
    page.comment("A run is refused if the credentials belong to another account.");
    match &found.account {
        Some(account) => page.list("allowed", std::slice::from_ref(account)),
        None => page.gap("allowed", "[\"111122223333\"]", "the account; `aws sts get-caller-identity` shows it"),
    }
    if let Some(profile) = &args.profile {
        page.table("credentials");
        page.key("profile", profile.as_str());
    }
}

fn region(
    page: &mut FilePage,
    facts: &InitInput<'_>,
    part: &str,
    name: &str,
    (direct, subnets): (&[String], &[String]),
) {
    page.table(part);
    page.key("region", name);
    page.comment("Names or addresses of the endpoint of this Region only, independent of the failover record.");
    if direct.is_empty() {
        page.gap(
            "direct",
            "[\"login-REGION.example.com\"]",
            &format!("a name that leads only to the {part}'s endpoint"),
        );
    } else {
        page.list("direct", direct);
    }
    if let Some(endpoints) = facts.access.endpoints.get(&Region::from(name)) {
        page.table(&format!("{part}.endpoints"));
        for (service, url) in endpoints {
            page.key(service, url.as_str());
        }
    }
    page.table(&format!("{part}.subnets"));
    if subnets.is_empty() {
        let why =
            format!("the subnets of the {part}'s endpoint: no network interface in this account has its addresses");
        page.gap("ids", "[\"subnet-0a1b2c3d4e5f60718\"]", &why);
    } else {
        page.comment("Found from the network interfaces with the addresses of the record and of the health check target. Faults change");
        page.comment("only these subnets.");
        page.list("ids", subnets);
    }
}

/// The name of an environment variable for a client's secret.
fn variable(client: &FoundClient) -> String {
    let letters = client.name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    format!("GAMEDAY_CLIENT_SECRET_{}", letters.collect::<String>())
}

fn pool(page: &mut FilePage, InitInput { args, found, .. }: &InitInput<'_>) {
    page.table("pool");
    if !found.replica_has_pool {
        page.comment(&format!(
            "{} has no pool with this ID: either there is no replica yet, or the pools are independent of each other.",
            args.region_replica
        ));
    }
    page.key("id", args.user_pool_id.as_str());
    let Some((first, others)) = found.clients.split_first() else {
        page.gap("client_id", "\"1example23456789abcdefghij\"", "an app client of the pool");
        return;
    };
    page.comment(&format!("The app client `{}`.", first.name));
    page.key("client_id", first.id.as_str());
    if first.has_secret {
        page.comment(
            "It has a secret: put it into this environment variable, or write { secrets_manager = \"NAME\" }.",
        );
        page.secret("client_secret", &variable(first));
    }
    let mut names: Vec<&str> = Vec::new();
    for client in others {
        page.text.push_str("\n[[pool.clients]]\n");
        // Scenarios refer to clients by name, and Cognito allows duplicate names.
        let name =
            if client.name.is_empty() || names.contains(&client.name.as_str()) { &client.id } else { &client.name };
        names.push(name);
        page.key("name", name.as_str());
        page.key("id", client.id.as_str());
        if client.has_secret {
            page.comment("Fill in as above, or remove this table if no scenario uses the client.");
            page.secret("secret", &variable(client));
        }
        if let Some(uri) = &client.redirect_uri {
            page.key("redirect_uri", uri.as_str());
        }
        if !client.scopes.is_empty() {
            page.list("scopes", &client.scopes);
        }
    }
}

fn front_door(page: &mut FilePage, InitInput { args, found, .. }: &InitInput<'_>) {
    page.table("front_door");
    let name = found.record.as_ref().map(|record| &record.name).or(args.record.as_ref()).or(found.domain.as_ref());
    match name {
        Some(name) => page.key("name", name.as_str()),
        None => page.gap("name", "\"login.example.com\"", "the name that users connect to"),
    }
    if let Some(port) = found.target.as_ref().and_then(|target| target.port) {
        page.comment("The port of the health check.");
        page.key("port", i64::from(port));
    }
    page.comment(
        "Must return 200 for `Authorization: Bearer` with a valid access token, and an error for any other token.",
    );
    match &args.api_path {
        Some(path) => page.key("api_path", path.as_str()),
        None => {
            page.gap("api_path", "\"/api/whoami\"", "the path of a protected API, which cannot be discovered in AWS");
        }
    }
    if let Some(root) = &args.trust_root {
        page.key("trust_root", beside(root, &args.out).as_str());
    }
    page.comment("The claim of the access token with the Region that issued it, if a trigger adds one.");
    page.comment("region_claim = \"region\"");
    if let Some(domain) = &found.domain {
        page.table("managed_login");
        page.key("domain", domain.as_str());
    }
}

/// Paths in an environment file are relative to its folder.
fn beside(path: &Path, file: &Path) -> String {
    let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (path, file) = (whole(path), whole(file));
    let own = file.parent().and_then(|folder| path.strip_prefix(folder).ok());
    own.unwrap_or(&path).display().to_string()
}

fn dns(page: &mut FilePage, InitInput { args, found, .. }: &InitInput<'_>) {
    page.table("dns");
    if !found.other_records.is_empty() {
        page.comment(&format!("Other failover records of this account: {}.", found.other_records.join(", ")));
    }
    if let Some(record) = &found.record {
        page.key("hosted_zone_id", record.zone_id.as_str());
        page.key("record", record.name.as_str());
        let why = "the primary record has no health check, so DNS never fails over";
        match &record.health_check_id {
            Some(id) => page.key("health_check_id", id.as_str()),
            None => page.gap("health_check_id", "\"aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee\"", why),
        }
    } else {
        let why = if found.other_records.is_empty() {
            "no hosted zone in this account has a record with failover routing"
        } else {
            "there are several failover records; select one with --record"
        };
        page.gap("record", "\"login.example.com\"", why);
        page.comment("hosted_zone_id = \"Z0123456789EXAMPLE\"");
        page.comment("health_check_id = \"aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee\"");
    }
    for (key, servers) in [("resolvers", &args.resolvers), ("authoritative", &args.authoritative)] {
        if !servers.is_empty() {
            page.list(key, &servers.iter().map(ToString::to_string).collect::<Vec<_>>());
        }
    }
}

fn users(page: &mut FilePage, InitInput { args, found, .. }: &InitInput<'_>) {
    page.table("users");
    if args.users.is_empty() {
        page.comment("Synthetic users of the pool, only for rehearsals. `gameday users seed` creates them, each with a different password, and");
        page.comment("writes this list. The alternative is `names` with one shared `password`.");
        match found.users.len() {
            0 => {}
            count => page.comment(&format!(
                "The group `gameday-synthetic` has {count} already: use their existing list, or create them again, which gives them new \
                 passwords."
            )),
        }
        let _ = writeln!(page.text, "list = {{ file = {} }}", Value::from(LIST));
    } else {
        page.comment("Synthetic users of the pool, only for rehearsals.");
        page.list("names", &args.users);
        page.comment("Their password: in an environment variable, or { secrets_manager = \"NAME\", key = \"KEY\" }.");
        page.secret("password", PASSWORD);
    }
    page.text.push('\n');
    page.comment(
        "To measure the RPO: an attribute of a separate user, written at the primary and read at the replica.",
    );
    page.comment("[users.canary]\nusername = \"gameday-canary\"\nattribute = \"custom:canary\"");
}

fn preflight(page: &mut FilePage, args: &InitArgs) {
    page.table("preflight");
    page.comment("Regions where your organisation permits personal data; this cannot be discovered in AWS.");
    page.comment(&format!("allowed_regions = [\"{}\", \"{}\"]", args.region_primary, args.region_replica));
    page.comment("The entry of the Record of Processing Activities that covers the replication.");
    page.comment("ropa = \"ROPA-2026-017, section 4\"");
}
