//! The text of the environment file that `gameday init` writes.

use std::fmt::Write as _;
use std::path::Path;

use toml::Value;

use crate::cloud::Access;
use crate::discover::{Client, Discovery};
use gameday_core::model::Region;

use super::InitArgs;

/// Where the users' password is expected.
const PASSWORD: &str = "GAMEDAY_USER_PASSWORD";

/// The list of users, beside the file; what `gameday users seed` writes where it is told nothing else.
pub const LIST: &str = "users.csv";

/// What the file is written from.
pub struct Facts<'a> {
    pub args: &'a InitArgs,
    pub found: &'a Discovery,
    pub access: &'a Access,
}

/// The file, and what nobody could find.
pub struct Written {
    pub text: String,
    pub gaps: Vec<String>,
}

/// The file under way.
#[derive(Default)]
struct Page {
    text: String,
    gaps: Vec<String>,
}

impl Page {
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

    /// What could not be found: an example, commented out, under why.
    fn gap(&mut self, key: &str, example: &str, why: &str) {
        self.comment(&format!("Not found: {why}"));
        self.comment(&format!("{key} = {example}"));
        self.gaps.push(format!("{key}: {why}"));
    }
}

/// Writes it.
pub fn write(facts: &Facts<'_>) -> Written {
    let mut page = Page::default();
    head(&mut page, facts);
    let Facts { args, found, .. } = facts;
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

fn head(page: &mut Page, Facts { args, found, .. }: &Facts<'_>) {
    page.comment("Written by `gameday init`, which only read. Where it found nothing, it says `Not found`: fill that in, then run");
    page.comment("`gameday validate` and `gameday preflight` on this file. No secret belongs here; the file only says where one is.");
    for failed in &found.failed {
        page.comment(&format!("Not asked: {failed}"));
    }
    page.text.push_str("\nschema_version = 1\n");
    let name = if found.pool_name.trim().is_empty() { &args.user_pool_id } else { &found.pool_name };
    page.comment("Reports carry the name, and a run asks to confirm it.");
    page.key("name", name.as_str());
    page.key("kind", "aws");
    page.comment("If real users depend on it, a run asks for more than --yes.");
    page.comment("production = true");
    page.table("account");
    page.comment("A run is refused with credentials for any other account.");
    match &found.account {
        Some(account) => page.list("allowed", std::slice::from_ref(account)),
        None => page.gap("allowed", "[\"111122223333\"]", "the account; `aws sts get-caller-identity` shows it"),
    }
    if let Some(profile) = &args.profile {
        page.table("credentials");
        page.key("profile", profile.as_str());
    }
}

fn region(page: &mut Page, facts: &Facts<'_>, part: &str, name: &str, (direct, subnets): (&[String], &[String])) {
    page.table(part);
    page.key("region", name);
    page.comment("What leads to this Region's front door whatever the failover record says.");
    if direct.is_empty() {
        page.gap("direct", "[\"login-REGION.example.com\"]", &format!("a name of the {part}'s front door alone"));
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
            format!("the subnets of the {part}'s front door: no network interface of this account has its addresses");
        page.gap("ids", "[\"subnet-0a1b2c3d4e5f60718\"]", &why);
    } else {
        page.comment("Found by the network interfaces of the record's addresses and of the health check's target. Faults touch these");
        page.comment("and no others.");
        page.list("ids", subnets);
    }
}

/// The name of an environment variable for a client's secret.
fn variable(client: &Client) -> String {
    let letters = client.name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    format!("GAMEDAY_CLIENT_SECRET_{}", letters.collect::<String>())
}

fn pool(page: &mut Page, Facts { args, found, .. }: &Facts<'_>) {
    page.table("pool");
    if !found.replica_has_pool {
        page.comment(&format!(
            "{} knows no pool with this ID: either there is no replica yet, or the pools are independent of each other.",
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
        // Scenarios know clients by their names, which Cognito lets be the same.
        let name =
            if client.name.is_empty() || names.contains(&client.name.as_str()) { &client.id } else { &client.name };
        names.push(name);
        page.key("name", name.as_str());
        page.key("id", client.id.as_str());
        if client.has_secret {
            page.comment("Fill in as above; without a scenario that uses this client, take the whole table out.");
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

fn front_door(page: &mut Page, Facts { args, found, .. }: &Facts<'_>) {
    page.table("front_door");
    let name = found.record.as_ref().map(|record| &record.name).or(args.record.as_ref()).or(found.domain.as_ref());
    match name {
        Some(name) => page.key("name", name.as_str()),
        None => page.gap("name", "\"login.example.com\"", "the name that users connect to"),
    }
    if let Some(port) = found.target.as_ref().and_then(|target| target.port) {
        page.comment("The health check's.");
        page.key("port", i64::from(port));
    }
    page.comment("Answers 200 to `Authorization: Bearer` with a valid access token, and nothing else.");
    match &args.api_path {
        Some(path) => page.key("api_path", path.as_str()),
        None => page.gap("api_path", "\"/api/whoami\"", "the path of a protected API; nothing in AWS tells it"),
    }
    if let Some(root) = &args.trust_root {
        page.key("trust_root", beside(root, &args.out).as_str());
    }
    page.comment("The access token's claim that names the Region which served, where a trigger adds one.");
    page.comment("region_claim = \"region\"");
    if let Some(domain) = &found.domain {
        page.table("managed_login");
        page.key("domain", domain.as_str());
    }
}

/// A path of an environment file counts from its folder.
fn beside(path: &Path, file: &Path) -> String {
    let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (path, file) = (whole(path), whole(file));
    let own = file.parent().and_then(|folder| path.strip_prefix(folder).ok());
    own.unwrap_or(&path).display().to_string()
}

fn dns(page: &mut Page, Facts { args, found, .. }: &Facts<'_>) {
    page.table("dns");
    if !found.other_records.is_empty() {
        page.comment(&format!("Other failover records of this account: {}.", found.other_records.join(", ")));
    }
    if let Some(record) = &found.record {
        page.key("hosted_zone_id", record.zone_id.as_str());
        page.key("record", record.name.as_str());
        let why = "the primary set has no health check, so that DNS never fails over";
        match &record.health_check_id {
            Some(id) => page.key("health_check_id", id.as_str()),
            None => page.gap("health_check_id", "\"aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee\"", why),
        }
    } else {
        let why = if found.other_records.is_empty() {
            "no hosted zone of this account has a record with failover routing"
        } else {
            "which failover record is meant; name it with --record"
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

fn users(page: &mut Page, Facts { args, found, .. }: &Facts<'_>) {
    page.table("users");
    if args.users.is_empty() {
        page.comment("Synthetic users of the pool, for nothing but this. `gameday users seed` makes them, each with a password of its own, and");
        page.comment("writes this list. Instead of it: `names`, and the `password` that they share.");
        match found.users.len() {
            0 => {}
            count => page.comment(&format!(
                "In the group `gameday-synthetic` are {count} already: name the list of whoever made them, or make them again, which gives them \
                 new passwords."
            )),
        }
        let _ = writeln!(page.text, "list = {{ file = {} }}", Value::from(LIST));
    } else {
        page.comment("Synthetic users of the pool, for nothing but this.");
        page.list("names", &args.users);
        page.comment("Their password: in an environment variable, or { secrets_manager = \"NAME\", key = \"KEY\" }.");
        page.secret("password", PASSWORD);
    }
    page.text.push('\n');
    page.comment(
        "To measure the RPO: an attribute of a user of its own, written at the primary and read at the replica.",
    );
    page.comment("[users.canary]\nusername = \"gameday-canary\"\nattribute = \"custom:canary\"");
}

fn preflight(page: &mut Page, args: &InitArgs) {
    page.table("preflight");
    page.comment("Regions where personal data may lie, by the rules of your organisation: nothing in AWS tells them.");
    page.comment(&format!("allowed_regions = [\"{}\", \"{}\"]", args.region_primary, args.region_replica));
    page.comment("Where the Record of Processing Activities tells of the replication.");
    page.comment("ropa = \"ROPA-2026-017, section 4\"");
}
