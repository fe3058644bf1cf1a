//! What the synthetic users of a run may change in the pool: recorded before anybody logs in, and put back once nobody does any more.

use std::collections::{BTreeMap, BTreeSet};

use crate::cloud::PasswordRef;
use crate::faults::{Action, CreateUser, Executor, FaultError, RequirePasswordChange, Restored, Stage};
use crate::preflight::Preflighted;
use crate::users::{Account, CreatedUser, LimitProbe};
use gameday_core::model::{Flow, Region, RegionRole, Secret};

use super::shell::Shell;

/// The populations whose users the scenario has set a new password, by name.
fn populations(ready: &Preflighted) -> impl Iterator<Item = (&str, &[Account])> {
    let (load, door) = (&ready.crowd.load, &ready.crowd.door);
    let flows = load.flows.iter().filter(|share| share.flow != Flow::ClientCredentials);
    let flows = flows.map(|share| share.users.as_deref());
    let named: BTreeSet<&str> =
        flows.chain(load.sessions.iter().map(|plan| plan.users.as_deref())).map(Option::unwrap_or_default).collect();
    named.into_iter().filter_map(|name| {
        let population = door.population(Some(name)).filter(|population| population.new_password)?;
        Some((name, population.accounts.as_slice()))
    })
}

/// The passwords of those users.
pub(super) fn passwords(ready: &Preflighted) -> BTreeMap<String, Secret> {
    let accounts = populations(ready).flat_map(|(_, accounts)| accounts);
    accounts.map(|account| (account.name.clone(), account.password.clone())).collect()
}

impl Shell {
    fn region(&self, role: RegionRole) -> Region {
        self.run.site.region(role).region.clone()
    }

    /// Wherever somebody is new, the primary may have them, too.
    fn newcomer(&self, role: RegionRole, name: &str) -> Vec<(Region, Action)> {
        let change = CreateUser { pool: self.run.site.pool.id.clone(), user: name.to_owned() };
        let regions = BTreeSet::from([self.region(role), self.region(RegionRole::Primary)]);
        regions.into_iter().map(|region| (region, Action::CreateUser(change.clone()))).collect()
    }

    /// Writes into the journal whoever may set a new password and whoever may be new; only then may they.
    pub(super) async fn record_users(
        &self,
        ready: &Preflighted,
        executor: &Executor,
    ) -> Result<Vec<LimitProbe>, FaultError> {
        let site = &self.run.site;
        let mut actions = Vec::new();
        for (name, accounts) in populations(ready) {
            let Some(of) = site.users.populations.iter().find(|of| of.name == name) else { continue };
            let password = PasswordRef::of(of, &site.folder);
            let ask = |account: &Account| {
                let (pool, user) = (site.pool.id.clone(), account.name.clone());
                let change = RequirePasswordChange { pool, user, password: password.clone() };
                (self.region(RegionRole::Primary), Action::RequirePasswordChange(change))
            };
            actions.extend(accounts.iter().map(ask));
        }
        let trials = ready.crowd.trials(&self.run.scenario.expectations);
        for trial in &trials {
            actions.extend(trial.newcomer.iter().flat_map(|name| self.newcomer(trial.limit.region, name)));
        }
        let recorded = executor.record_expected(actions).await?;
        let may = recorded.into_iter().filter_map(|(_, action)| match action {
            Action::RequirePasswordChange(change) => Some(change.user),
            _ => None,
        });
        let may: BTreeSet<String> = may.collect();
        for population in ready.crowd.door.populations.values() {
            population.let_set_password(may.clone());
        }
        Ok(trials)
    }

    /// Puts back what users changed.
    pub(super) async fn restore_users(&self, executor: &Executor, arrived: Vec<CreatedUser>) -> Restored {
        let mut left = Vec::new();
        for CreatedUser { role, name } in arrived {
            let seen = self.newcomer(role, &name);
            // A provider may name its users otherwise than the journal expects, and a Region may show a newcomer late.
            if let Err(error) = executor.record_observed(&seen, &self.region(role)).await {
                left.push(format!("user {name} in {}: {error}", self.region(role)));
            }
        }
        let mut restored = self.undo_of(executor, |stage| stage == Stage::Users).await;
        restored.left.extend(left);
        restored
    }
}
