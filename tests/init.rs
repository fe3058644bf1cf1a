//! `gameday init` against a stand-alone lab: the file that it writes is one that preflight takes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::{Lab, gameday};

/// What whoever starts `init` knows of a lab.
struct Known {
    lab: toml::Table,
    secrets: toml::Table,
    trust_root: PathBuf,
}

impl Known {
    fn of(lab: &Lab) -> Self {
        let read = |path: &Path| toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        Self {
            lab: read(&lab.environment),
            secrets: read(&lab.environment.with_extension("secrets.toml")),
            trust_root: lab.environment.with_extension("ca.pem"),
        }
    }

    fn text<'a>(&'a self, table: &str, key: &str) -> &'a str {
        self.lab[table][key].as_str().unwrap()
    }

    /// A command with the lab's credentials and secrets, and nobody else's.
    fn command(&self, name: &str) -> Command {
        let mut command = gameday();
        command.arg(name).env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
        command.env("AWS_ACCESS_KEY_ID", self.text("credentials", "access_key_id"));
        command.env("AWS_SECRET_ACCESS_KEY", self.secrets["secret_access_key"].as_str().unwrap());
        command.env("GAMEDAY_USER_PASSWORD", self.secrets["password"].as_str().unwrap());
        for client in ["confidential", "service"] {
            let secret = self.secrets[&format!("client_{client}")].as_str().unwrap();
            command.env(format!("GAMEDAY_CLIENT_SECRET_{}", client.to_uppercase()), secret);
        }
        command
    }

    fn init(&self, out: &Path, more: &[&str]) -> Output {
        let mut command = self.command("init");
        let regions = ["primary", "replica"];
        for part in regions {
            let region = self.text(part, "region");
            let url = self.lab[part]["endpoints"]["ec2"].as_str().unwrap();
            command.arg(format!("--region-{part}")).arg(region).arg("--endpoint").arg(format!("{region}={url}"));
        }
        for (option, list) in [("--resolver", "resolvers"), ("--authoritative", "authoritative")] {
            for server in self.lab["dns"][list].as_array().unwrap() {
                command.arg(option).arg(server.as_str().unwrap());
            }
        }
        command.arg("--user-pool-id").arg(self.text("pool", "id")).arg("--out").arg(out).args(more);
        command.output().unwrap()
    }
}

fn said(output: &Output) -> String {
    format!("{}\n{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn what_init_finds_in_a_lab_is_enough_for_preflight() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::start(folder.path(), &["--seed", "7"]);
    let known = Known::of(&lab);
    let out = folder.path().join("found.toml");
    let user = known.lab["users"]["names"][0].as_str().unwrap().to_owned();
    let port = known.lab["front_door"]["port"].to_string();
    let made = known.init(
        &out,
        &[
            "--user",
            &user,
            "--api-path",
            known.text("front_door", "api_path"),
            "--trust-root",
            known.trust_root.to_str().unwrap(),
        ],
    );
    assert!(made.status.success(), "{}", said(&made));
    assert!(!said(&made).contains("not found"), "{}", said(&made));

    // It says of the lab what the lab says of itself.
    let text = std::fs::read_to_string(&out).unwrap();
    let found: toml::Table = toml::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    for part in ["primary", "replica"] {
        for key in ["region", "direct", "endpoints"] {
            assert_eq!(found[part][key], known.lab[part][key], "{part}.{key}");
        }
        let ids = |table: &toml::Table| {
            let mut ids = table[part]["subnets"]["ids"].as_array().unwrap().clone();
            ids.sort_by_key(ToString::to_string);
            ids
        };
        assert_eq!(ids(&found), ids(&known.lab), "{part}.subnets");
    }
    for key in ["hosted_zone_id", "record", "health_check_id"] {
        assert_eq!(found["dns"][key], known.lab["dns"][key], "dns.{key}");
    }
    assert_eq!(found["account"], known.lab["account"]);
    assert_eq!(
        (&found["pool"]["id"], &found["pool"]["client_id"]),
        (&known.lab["pool"]["id"], &known.lab["pool"]["client_id"])
    );
    assert_eq!(found["pool"]["clients"].as_array().unwrap().len(), 4);
    assert_eq!(found["front_door"]["name"].as_str(), Some(known.text("dns", "record")));
    assert_eq!(found["front_door"]["port"].to_string(), port);
    for (name, secret) in &known.secrets {
        assert!(!text.contains(secret.as_str().unwrap()), "{name} is in the file");
    }

    // Preflight runs on it, and a sign-in works in both Regions.
    let checked = known.command("preflight").args(["--format", "json", "--env"]).arg(&out).output().unwrap();
    let answer: Value =
        serde_json::from_slice(&checked.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(&checked)));
    let codes: Vec<&str> =
        answer["findings"].as_array().unwrap().iter().filter_map(|one| one["code"].as_str()).collect();
    for code in ["GD001", "GD002", "GD101", "GD102", "GD501", "GD503", "GD510", "GD901"] {
        assert!(!codes.contains(&code), "{code}: {}", said(&checked));
    }

    // A file that is there stays, unless it may be written over.
    let again = known.init(&out, &[]);
    assert_eq!(again.status.code(), Some(2), "{}", said(&again));
    assert!(said(&again).contains("exists already"), "{}", said(&again));
    assert_eq!(std::fs::read_to_string(&out).unwrap(), text);
    let forced = known.init(&out, &["--force"]);
    assert!(forced.status.success(), "{}", said(&forced));
    let shorter = std::fs::read_to_string(&out).unwrap();
    assert_ne!(shorter, text);
    // Now it lacks what nothing tells, and says so both in the file and to whoever asked.
    assert!(shorter.contains("# api_path = "), "{shorter}");
    assert!(said(&forced).contains("not found: api_path: "), "{}", said(&forced));
    let valid = known.command("validate").arg(&out).output().unwrap();
    assert_eq!(valid.status.code(), Some(2), "{}", said(&valid));
    assert!(said(&valid).contains("api_path"), "{}", said(&valid));
}

#[test]
fn a11_init_then_seed_then_preflight_work_in_that_order_and_as_the_texts_say() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::start(folder.path(), &["--seed", "7"]);
    let known = Known::of(&lab);
    let own = folder.path().join("own");
    std::fs::create_dir(&own).unwrap();
    let (out, list) = (own.join("e.toml"), own.join("users.csv"));
    // Neither a user nor the protected API's path is known.
    let trust = ["--trust-root", known.trust_root.to_str().unwrap()];
    let made = known.init(&out, &trust);
    let step = format!("gameday users seed --env {} --count 100", out.display());
    assert!(made.status.success() && said(&made).contains(&step), "{}", said(&made));
    let text = std::fs::read_to_string(&out).unwrap();
    assert!(text.contains("list = { file = \"users.csv\" }") && !text.contains("\nnames ="), "{text}");

    let mut seed = known.command("users");
    let seeded = seed.args(["seed", "--count", "3", "--yes", "--env"]).arg(&out).output().unwrap();
    assert_eq!(seeded.status.code(), Some(0), "{}", said(&seeded));
    assert!(list.is_file() && said(&seeded).contains("3 users created"), "{}", said(&seeded));
    // Preflight comes next, and signs them in there.
    assert!(said(&seeded).contains("The replica (us-west-2) has them after "), "{}", said(&seeded));
    let next = format!("Next: gameday preflight --env {}", out.display());
    assert!(said(&seeded).contains(&next), "{}", said(&seeded));

    // Another file of the same pool names the list as well, and tells who is there.
    let again = known.init(&own.join("again.toml"), &trust);
    assert!(again.status.success() && !said(&again).contains("users seed"), "{}", said(&again));
    let other = std::fs::read_to_string(own.join("again.toml")).unwrap();
    assert!(other.contains("has 3 already") && other.contains("list = {"), "{other}");

    // What init could not find is filled in where it says so.
    let path = format!("api_path = {:?}", known.text("front_door", "api_path"));
    std::fs::write(&out, text.replace("# api_path = \"/api/whoami\"", &path)).unwrap();
    let valid = known.command("validate").arg(&out).output().unwrap();
    assert_eq!(valid.status.code(), Some(0), "{}", said(&valid));
    let checked = known.command("preflight").args(["--format", "json", "--env"]).arg(&out).output().unwrap();
    let answer: Value =
        serde_json::from_slice(&checked.stdout).unwrap_or_else(|error| panic!("{error}: {}", said(&checked)));
    let codes: Vec<&str> =
        answer["findings"].as_array().unwrap().iter().filter_map(|one| one["code"].as_str()).collect();
    for code in ["GD001", "GD002", "GD005", "GD101", "GD102", "GD104"] {
        assert!(!codes.contains(&code), "{code}: {}", said(&checked));
    }
}

#[test]
fn a_pool_that_is_not_there_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::start(folder.path(), &["--seed", "7"]);
    let mut known = Known::of(&lab);
    known.lab["pool"]["id"] = "us-east-1_NOTTHERE1".into();
    let out = folder.path().join("found.toml");
    let made = known.init(&out, &[]);
    assert_eq!(made.status.code(), Some(2), "{}", said(&made));
    assert!(said(&made).contains("ResourceNotFoundException") && !out.exists(), "{}", said(&made));
}
