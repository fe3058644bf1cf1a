//! `gameday lab`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use gameday_core::env::{CredentialRef, Environment, EnvironmentKind, Population, SecretRef};
use gameday_core::files::write_private;
use gameday_core::model::{Clock, Seed};
use gameday_core::report::escape::shell_word;
use gameday_lab::estate::AccountFixture;

use super::embedded;
use super::output::tell;
use super::signals::Signals;
use super::world::environment;
use super::{Exit, Failure, LabArgs, Place, runs};

/// Runs the lab until a signal.
pub(super) async fn lab(args: LabArgs) -> Result<Exit, Failure> {
    let settings = environment(args.place.env.as_deref())?.value;
    if settings.kind != EnvironmentKind::Lab || settings.primary.is_some() {
        return Err(Failure::with_help(
            "`gameday lab` needs a lab environment",
            "Leave --env out, or give a file with kind = \"lab\" and without Regions",
        ));
    }
    if args.print_estate {
        runs::put(None, &runs::json(&estate(&settings, &args.place)?)?)?;
        return Ok(Exit::Success);
    }
    let rules = settings.rules();
    let seed = Seed(args.place.seed.unwrap_or_else(|| u64::from(rand::random::<u32>())));
    let mut signals = Signals::listen()?;
    let lab = embedded::start(settings, Clock::start(args.place.speed.unwrap_or(1.0)), seed).await?;
    // A pipe or a file keeps what a terminal forgets.
    let environment = lab.environment().ruled_by(&rules);
    let files = args.out.as_deref().map(Files::beside);
    for (what, value) in
        lab.describe(std::io::stdout().is_terminal()).into_iter().chain(by_hand(&environment, files.as_ref()))
    {
        tell(&format!("{what:<24} {value}"));
    }
    tell(&format!("{:<24} {}", "seed", seed.0));
    match &files {
        Some(files) => {
            write(environment, lab.trust_root_pem(), files)?;
            tell(&format!("{:<24} {}", "environment file", files.environment.display()));
        }
        None => tell(
            "With --out FILE, the lab also writes an environment file, its CA certificate and its secrets, and prints how to use them.",
        ),
    }
    tell("The lab runs until Ctrl-C.");
    signals.next().await;
    lab.shutdown().await;
    Ok(Exit::Success)
}

/// The files that a lab writes.
struct Files {
    environment: PathBuf,
    trust_root: PathBuf,
    secrets: PathBuf,
}

impl Files {
    fn beside(path: &Path) -> Self {
        let beside = |extension: &str| path.with_extension(extension);
        Self { environment: path.to_owned(), trust_root: beside("ca.pem"), secrets: beside("secrets.toml") }
    }
}

/// What a person needs to log in with a tool of their own: a label and a line each.
fn by_hand(environment: &Environment, files: Option<&Files>) -> Vec<(String, String)> {
    let (Some(pool), Some(users), Some(endpoint), Some(region)) =
        (&environment.pool, &environment.users, &environment.front_door, &environment.primary)
    else {
        return Vec::new();
    };
    let line = |what: &str, value: String| (what.to_owned(), value);
    let mut lines = vec![line("user pool", pool.id.clone())];
    lines.extend(pool.replica_id.iter().map(|id| line("user pool, replica", id.clone())));
    if pool.clients.iter().all(|client| client.id != pool.client_id) {
        lines.push(line("app client", pool.client_id.clone()));
    }
    for client in &pool.clients {
        let secret = match (&client.secret, files) {
            (None, _) => String::new(),
            (Some(_), None) => ", with a secret".to_owned(),
            (Some(_), Some(files)) => {
                format!(", secret: `{}` in {}", client_key(&client.name), files.secrets.display())
            }
        };
        lines.push(line(&format!("app client {}", client.name), format!("{}{secret}", client.id)));
    }
    let user = users.names.first().cloned().unwrap_or_default();
    let Some(files) = files else {
        lines.push(line("user", format!("{user}, one of {}; --out writes the password to a file", users.names.len())));
        return lines;
    };
    let password = format!("`password` in {}", files.secrets.display());
    lines.push(line("user", format!("{user}, one of {}, password: {password}", users.names.len())));
    lines.push(line("CA certificate", files.trust_root.display().to_string()));
    let (name, port) = (&endpoint.name, endpoint.port);
    let curl = format!(
        "curl --cacert {} --resolve {name}:{port}:{} https://{name}:{port}/{}/.well-known/jwks.json",
        shell_word(std::path::absolute(&files.trust_root).unwrap_or_else(|_| files.trust_root.clone())),
        region.direct.join(","),
        pool.id
    );
    lines.push(line("try", curl.clone()));
    // pycognito 2024.5.1 fetches the keys from AWS unless it has this variable, and an endpoint that is given in code counts as the issuer.
    let api = region.endpoints.get("cognito-idp").map_or("", String::as_str);
    lines.push(line(
        "pycognito",
        format!("export AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER={api} COGNITO_JWKS=\"$({curl} --silent)\""),
    ));
    lines
}

/// The resources as a lab with these settings has them.
fn estate(environment: &Environment, place: &Place) -> Result<AccountFixture, Failure> {
    let settings = environment.lab.clone().unwrap_or_default();
    AccountFixture::of(&settings, Seed(place.seed.unwrap_or_default())).map_err(Failure::plain)
}

/// Writes the environment file last, so that a program that waits for it finds the others. All of them are readable only by their owner:
/// the environment file names the place of the secrets.
fn write(mut environment: Environment, trust_root_pem: &str, files: &Files) -> Result<(), Failure> {
    let Files { environment: path, trust_root, secrets } = files;
    let save = |path: &Path, text: &str| {
        write_private(path, text.as_bytes()).map_err(|error| Failure::plain(format!("{}: {error}", path.display())))
    };
    let mut values = toml::Table::new();
    if let Some(users) = &mut environment.users {
        let own = users.password.as_mut().into_iter().map(|reference| (reference, "password".to_owned()));
        for (reference, key) in own.chain(users.populations.iter_mut().flat_map(secrets_of)) {
            park(reference, &key, secrets, &mut values);
        }
    }
    if let Some(CredentialRef::Static { secret_access_key, .. }) = &mut environment.credentials {
        park(secret_access_key, "secret_access_key", secrets, &mut values);
    }
    if let Some(pool) = &mut environment.pool {
        let own = pool.client_secret.as_mut().into_iter().map(|reference| (reference, "client_secret".to_owned()));
        let others =
            pool.clients.iter_mut().filter_map(|client| Some((client.secret.as_mut()?, client_key(&client.name))));
        for (reference, key) in own.chain(others) {
            park(reference, &key, secrets, &mut values);
        }
    }
    if let Some(door) = &mut environment.front_door {
        door.trust_root = trust_root.file_name().map(Into::into);
    }
    save(trust_root, trust_root_pem)?;
    save(secrets, &values.to_string())?;
    save(path, &text(&environment)?)
}

/// The key of an app client's secret in the secrets file.
fn client_key(name: &str) -> String {
    format!("client_{name}")
}

/// The secrets of a population, with their keys in the secrets file.
fn secrets_of(population: &mut Population) -> impl Iterator<Item = (&mut SecretRef, String)> {
    let name = population.name.clone();
    let of = [(population.password.as_mut(), "password"), (population.totp_secret.as_mut(), "totp")];
    of.into_iter().filter_map(move |(reference, what)| Some((reference?, format!("{what}_{name}"))))
}

fn park(reference: &mut SecretRef, key: &str, file: &Path, values: &mut toml::Table) {
    let SecretRef::Literal(secret) = &*reference else { return };
    values.insert(key.to_owned(), toml::Value::String(secret.expose().to_owned()));
    let file = file.file_name().map(Into::into).unwrap_or_default();
    *reference = SecretRef::File { file, key: key.to_owned() };
}

fn text(environment: &Environment) -> Result<String, Failure> {
    let text = toml::to_string(environment).map_err(|error| Failure::plain(error.to_string()))?;
    Ok(format!("# A running lab. This file is useless once the lab has ended.\n{text}"))
}
