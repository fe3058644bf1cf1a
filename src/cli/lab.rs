//! `gameday lab`.

use std::io::IsTerminal;
use std::path::Path;

use gameday_core::env::{CredentialRef, Environment, EnvironmentKind, Population, SecretRef};
use gameday_core::files::write_private;
use gameday_core::model::{Clock, Seed};
use gameday_lab::estate::Estate;

use super::embedded;
use super::output::tell;
use super::signals::Signals;
use super::world::environment;
use super::{Exit, Failure, LabArgs, Place, runs};

/// Runs the lab until a signal.
pub async fn lab(args: LabArgs) -> Result<Exit, Failure> {
    let settings = environment(args.place.env.as_deref())?.value;
    if settings.kind != EnvironmentKind::Lab || settings.primary.is_some() {
        return Err(Failure::with_help(
            "`gameday lab` starts from a lab environment",
            "Leave --env out, or give a file with kind = \"lab\"",
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
    for (what, value) in lab.describe(std::io::stdout().is_terminal()) {
        tell(&format!("{what:<24} {value}"));
    }
    tell(&format!("{:<24} {}", "seed", seed.0));
    if let Some(path) = &args.out {
        write(lab.environment().ruled_by(&rules), lab.trust_root_pem(), path)?;
        tell(&format!("{:<24} {}", "environment file", path.display()));
    }
    tell("The lab runs until Ctrl-C.");
    signals.next().await;
    lab.shutdown().await;
    Ok(Exit::Success)
}

/// The resources as a lab with these settings has them.
fn estate(environment: &Environment, place: &Place) -> Result<Estate, Failure> {
    let settings = environment.lab.clone().unwrap_or_default();
    Estate::of(&settings, Seed(place.seed.unwrap_or_default())).map_err(Failure::plain)
}

/// Writes the environment file last, so that whoever waits for it finds the others. All of them are for their owner alone: the environment
/// file is the key to where the secrets are.
fn write(mut environment: Environment, trust_root_pem: &str, path: &Path) -> Result<(), Failure> {
    let save = |path: &Path, text: &str| {
        write_private(path, text.as_bytes()).map_err(|error| Failure::plain(format!("{}: {error}", path.display())))
    };
    let beside = |ending: &str| path.with_extension(ending);
    let (trust_root, secrets) = (beside("ca.pem"), beside("secrets.toml"));
    let mut values = toml::Table::new();
    if let Some(users) = &mut environment.users {
        let own = users.password.as_mut().into_iter().map(|reference| (reference, "password".to_owned()));
        for (reference, key) in own.chain(users.populations.iter_mut().flat_map(secrets_of)) {
            park(reference, &key, &secrets, &mut values);
        }
    }
    if let Some(CredentialRef::Static { secret_access_key, .. }) = &mut environment.credentials {
        park(secret_access_key, "secret_access_key", &secrets, &mut values);
    }
    if let Some(pool) = &mut environment.pool {
        let own = pool.client_secret.as_mut().into_iter().map(|reference| (reference, "client_secret".to_owned()));
        let others = pool
            .clients
            .iter_mut()
            .filter_map(|client| Some((client.secret.as_mut()?, format!("client_{}", client.name))));
        for (reference, key) in own.chain(others) {
            park(reference, &key, &secrets, &mut values);
        }
    }
    if let Some(door) = &mut environment.front_door {
        door.trust_root = trust_root.file_name().map(Into::into);
    }
    save(&trust_root, trust_root_pem)?;
    save(&secrets, &values.to_string())?;
    save(path, &text(&environment)?)
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
    Ok(format!("# A lab that is running. This file is of no use when it has ended.\n{text}"))
}
