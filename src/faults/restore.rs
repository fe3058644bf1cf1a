//! Putting everything back, from the journal alone: the way out of every run, and all that
//! `gameday rollback` does. Live state is read again before each step, every step may be repeated,
//! and one resource that fails does not stop the others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, stream};
use tokio_util::sync::CancellationToken;

use crate::cloud::{CloudError, ErrorClass, RegionClients};
use crate::model::{Clock, Event, Mutation, Region, Step, Window};

use super::action::{self, Action};
use super::journal::{Contents, Journal, JournalError, Recorded};
use super::network::Vpc;
use super::plan::{CALLS_IN_FLIGHT, MutationSink};

/// What a restore did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restored {
    /// Mutations that needed a revert.
    pub mutations: u32,
    /// Those that are reverted, whoever did it.
    pub reverted: u32,
    /// What is left: resource and reason.
    pub left: Vec<String>,
    /// What was found changed by somebody else, and left so.
    pub notes: Vec<String>,
}

/// Heals and dismantles everything that the journal records, in all Regions. `clients` holds a
/// client for each Region that it names.
///
/// Throttled, timed-out and failed calls are repeated without limit until `give_up` is cancelled.
///
/// The journal stays open, so that this can be repeated: close it when it is proved that nothing is left.
/// Every action is looked at again each time, also one that seemed refused: an earlier try of it may have taken effect.
///
/// # Errors
/// [`JournalError`] when the journal cannot be read. A journal that cannot be written does not
/// stop the restore; it is named in [`Restored::left`].
pub async fn restore(
    journal: &Arc<Journal>,
    clients: &BTreeMap<Region, RegionClients>,
    clock: &Clock,
    sink: &MutationSink,
    give_up: &CancellationToken,
) -> Result<Restored, JournalError> {
    let contents = journal.contents()?;
    let mut total = Restored::default();
    if contents.closed {
        total.mutations = contents.actions.iter().filter(|action| !action.refused).count() as u32;
        total.reverted = total.mutations;
        return Ok(total);
    }
    for (region, clients) in clients {
        let work = Work { region, clients, contents: &contents, journal, clock, sink, give_up };
        let part = work.run().await;
        total.mutations += part.mutations;
        total.reverted += part.reverted;
        total.left.extend(part.left);
        total.notes.extend(part.notes);
    }
    for recorded in contents.actions.iter().filter(|recorded| !clients.contains_key(&recorded.region)) {
        total.left.push(format!("{} in {}: no client for that Region", recorded.action.resource(), recorded.region));
    }
    Ok(total)
}

struct Work<'a> {
    region: &'a Region,
    clients: &'a RegionClients,
    contents: &'a Contents,
    journal: &'a Arc<Journal>,
    clock: &'a Clock,
    sink: &'a MutationSink,
    give_up: &'a CancellationToken,
}

impl Work<'_> {
    async fn run(&self) -> Restored {
        let mut restored = Restored::default();
        let of_region = self.contents.actions.iter().filter(|recorded| recorded.region == *self.region);
        let open: Vec<&Recorded> = of_region.collect();
        restored.mutations = open.iter().filter(|recorded| !recorded.refused).count() as u32;
        if open.is_empty() {
            return restored;
        }
        let clones = match self.clones(&open).await {
            Ok(clones) => clones,
            Err(error) => {
                restored.left.push(format!("the network ACLs of {} could not be described: {error}", self.region));
                return restored;
            }
        };
        self.heal(&open, &clones, &mut restored).await;
        self.swap_back(&open, &clones, &mut restored).await;
        self.delete_clones(&open, &clones, &mut restored).await;
        restored
    }

    /// The clones' IDs by key: from the journal, else, after a crash between call and outcome, by their tags.
    async fn clones(&self, open: &[&Recorded]) -> Result<BTreeMap<String, String>, CloudError> {
        let all = self.contents.actions.iter().filter(|recorded| recorded.region == *self.region);
        let recorded =
            all.filter_map(|done| Some((done.action.clone_key().to_owned(), done.applied.as_ref()?.acl.clone()?)));
        let mut clones: BTreeMap<String, String> = recorded.collect();
        for unclear in open.iter().filter(|recorded| matches!(recorded.action, Action::CreateClone { .. })) {
            let key = unclear.action.clone_key();
            if clones.contains_key(key) {
                continue;
            }
            let vpc = self.describe(unclear.action.vpc()).await?;
            if let Some(acl) = vpc.clone_of_run(&self.contents.run_id, key) {
                clones.insert(key.to_owned(), acl.id.clone());
            }
        }
        Ok(clones)
    }

    async fn heal(&self, open: &[&Recorded], clones: &BTreeMap<String, String>, restored: &mut Restored) {
        let denies = open.iter().filter(|recorded| matches!(recorded.action, Action::Deny { .. }));
        let results: Vec<Done> = stream::iter(denies.map(|recorded| self.delete_deny(recorded, clones)))
            .buffered(CALLS_IN_FLIGHT)
            .collect()
            .await;
        self.settle(results, restored);
    }

    async fn delete_deny(&self, recorded: &Recorded, clones: &BTreeMap<String, String>) -> Done {
        let Action::Deny { clone, egress, ipv6, number, .. } = &recorded.action else { return Done::already(recorded) };
        let Some(acl) = clones.get(clone) else { return Done::already(recorded) };
        let call = Call {
            step: Step::Heal,
            name: "ec2:DeleteNetworkAclEntry",
            resource: recorded.action.resource(),
            ipv4: !ipv6,
        };
        let result = self.insist(&call, || action::delete_entry(self.clients, acl, *number, *egress)).await;
        Done::of(recorded, result)
    }

    async fn swap_back(&self, open: &[&Recorded], clones: &BTreeMap<String, String>, restored: &mut Restored) {
        let swaps: Vec<&&Recorded> =
            open.iter().filter(|recorded| matches!(recorded.action, Action::Swap { .. })).collect();
        let mut vpcs: BTreeMap<String, Result<Vpc, CloudError>> = BTreeMap::new();
        for recorded in &swaps {
            let vpc = recorded.action.vpc();
            if !vpcs.contains_key(vpc) {
                vpcs.insert(vpc.to_owned(), self.describe(vpc).await);
            }
        }
        let calls = swaps.into_iter().map(|recorded| {
            let live = vpcs[recorded.action.vpc()].clone();
            self.swap_one(recorded, clones, live)
        });
        let results: Vec<Done> = stream::iter(calls).buffered(CALLS_IN_FLIGHT).collect().await;
        self.settle(results, restored);
    }

    async fn swap_one(
        &self,
        recorded: &Recorded,
        clones: &BTreeMap<String, String>,
        live: Result<Vpc, CloudError>,
    ) -> Done {
        let Action::Swap { vpc, subnet, original, clone } = &recorded.action else { return Done::already(recorded) };
        let mut live = match live {
            Ok(live) => live,
            Err(error) => return Done::of(recorded, Err(error)),
        };
        // A stale association means that somebody moved the subnet between our look and our call: look again.
        for _ in 0..5 {
            let Some(used) = live.association(subnet) else {
                return Done::left_alone(recorded, format!("{subnet} is no longer there"));
            };
            if used.acl == *original {
                return Done::already(recorded);
            }
            if clones.get(clone) != Some(&used.acl) {
                return Done::left_alone(
                    recorded,
                    format!("{subnet} was moved to {} by somebody else; left so", used.acl),
                );
            }
            let call = Call {
                step: Step::Dismantle,
                name: "ec2:ReplaceNetworkAclAssociation",
                resource: format!("{subnet}: back to {original}"),
                ipv4: false,
            };
            let result = self.once_clear(&call, vpc, subnet, original, used.id.clone()).await;
            match result {
                Err(error) if error.class == ErrorClass::NotFound => match self.describe(vpc).await {
                    Ok(fresh) => live = fresh,
                    Err(error) => return Done::of(recorded, Err(error)),
                },
                other => return Done::of(recorded, other),
            }
        }
        let error = CloudError::incomplete(
            "ec2:ReplaceNetworkAclAssociation",
            "association that stays long enough to be replaced",
        );
        Done::of(recorded, Err(error))
    }

    /// Replaces an association; after an unclear answer it looks whether the call took effect before it tries again.
    async fn once_clear(
        &self,
        call: &Call,
        vpc: &str,
        subnet: &str,
        original: &str,
        mut association: String,
    ) -> Result<(), CloudError> {
        let mut wait = Backoff::default();
        loop {
            let error = match self.told(call, action::replace(self.clients, &association, original)).await {
                Ok(_) => return Ok(()),
                Err(error) if !error.is_transient() || self.give_up.is_cancelled() => return Err(error),
                Err(error) => error,
            };
            wait.pause(self, &error).await;
            let live = self.describe(vpc).await?;
            match live.association(subnet) {
                Some(used) if used.acl == original => return Ok(()),
                Some(used) => association.clone_from(&used.id),
                None => return Err(error),
            }
        }
    }

    async fn delete_clones(&self, open: &[&Recorded], clones: &BTreeMap<String, String>, restored: &mut Restored) {
        for recorded in open.iter().filter(|recorded| matches!(recorded.action, Action::CreateClone { .. })) {
            let key = recorded.action.clone_key();
            let rules = open
                .iter()
                .filter(|rule| matches!(rule.action, Action::CopyRule { .. }) && rule.action.clone_key() == key);
            let Some(acl) = clones.get(key) else {
                let done = std::iter::once(recorded).chain(rules).map(|recorded| Done::already(recorded));
                self.settle(done.collect(), restored);
                continue;
            };
            let call = Call {
                step: Step::Dismantle,
                name: "ec2:DeleteNetworkAcl",
                resource: format!("{acl} ({})", recorded.action.resource()),
                ipv4: false,
            };
            let result = match self.insist(&call, || action::delete_acl(self.clients, acl)).await {
                Err(error) if error.code.as_deref() == Some("DependencyViolation") => {
                    self.why_in_use(acl, recorded, error).await
                }
                other => other,
            };
            let failed = result.is_err();
            let mut done = vec![Done::of(recorded, result)];
            if !failed {
                done.extend(rules.map(|rule| Done::already(rule)));
            }
            self.settle(done, restored);
        }
    }

    async fn why_in_use(&self, acl: &str, recorded: &Recorded, error: CloudError) -> Result<(), CloudError> {
        let users = match self.describe(recorded.action.vpc()).await {
            Ok(vpc) => vpc.subnets_of(acl).join(", "),
            Err(_) => return Err(error),
        };
        Err(CloudError { message: format!("{acl} is still used by {users}"), ..error })
    }

    fn settle(&self, results: Vec<Done>, restored: &mut Restored) {
        let mut reverted = Vec::new();
        for done in results {
            match done.result {
                Ok(how) => {
                    restored.reverted += u32::from(done.counts);
                    if done.note {
                        restored.notes.push(how.clone());
                    }
                    reverted.push((done.id, how));
                }
                Err(why) => restored.left.push(why),
            }
        }
        if reverted.is_empty() {
            return;
        }
        if let Err(error) = self.journal.reverted(&reverted) {
            // Reverting again is harmless, so a journal that cannot be written is no reason to stop.
            restored.notes.push(format!("a revert could not be recorded: {error}"));
        }
    }

    async fn describe(&self, vpc: &str) -> Result<Vpc, CloudError> {
        let mut wait = Backoff::default();
        loop {
            match Vpc::describe(self.clients, vpc).await {
                Err(error) if error.is_transient() && !self.give_up.is_cancelled() => wait.pause(self, &error).await,
                other => return other,
            }
        }
    }

    async fn insist<F, Fut>(&self, call: &Call, make: F) -> Result<(), CloudError>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<(), CloudError>>,
    {
        let mut wait = Backoff::default();
        loop {
            match self.told(call, make()).await {
                Err(error) if error.is_transient() && !self.give_up.is_cancelled() => wait.pause(self, &error).await,
                other => return other,
            }
        }
    }

    async fn told<T>(&self, call: &Call, make: impl Future<Output = Result<T, CloudError>>) -> Result<T, CloudError> {
        let sent = self.clock.now();
        let result = make.await;
        (self.sink)(Event::Mutation(Mutation {
            window: Window { sent, received: self.clock.now() },
            step: call.step,
            call: call.name.to_owned(),
            resource: call.resource.clone(),
            ipv4: call.ipv4,
            error: result.as_ref().err().map(ToString::to_string),
        }));
        result
    }
}

struct Call {
    step: Step,
    name: &'static str,
    resource: String,
    ipv4: bool,
}

/// Waits 0.1 s, then twice as long each time, up to 10 s; told to the user from 2 s on.
struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(Duration::from_millis(100))
    }
}

impl Backoff {
    async fn pause(&mut self, work: &Work<'_>, error: &CloudError) {
        if self.0 >= Duration::from_secs(2) {
            let text =
                format!("still restoring in {}: {error}; next try in {:.0} s", work.region, self.0.as_secs_f64());
            (work.sink)(Event::Notice { text });
        }
        tokio::select! {
            () = tokio::time::sleep(self.0) => {}
            () = work.give_up.cancelled() => {}
        }
        self.0 = (self.0 * 2).min(Duration::from_secs(10));
    }
}

struct Done {
    id: u64,
    result: Result<String, String>,
    note: bool,
    /// Whether it is among [`Restored::mutations`].
    counts: bool,
}

impl Done {
    fn of(recorded: &Recorded, result: Result<(), CloudError>) -> Self {
        let result = match result {
            Ok(()) => Ok("reverted".to_owned()),
            Err(error) => Err(format!("{} in {}: {error}", recorded.action.resource(), recorded.region)),
        };
        Self { id: recorded.id, result, note: false, counts: !recorded.refused }
    }

    fn already(recorded: &Recorded) -> Self {
        Self { id: recorded.id, result: Ok("nothing to revert".to_owned()), note: false, counts: !recorded.refused }
    }

    fn left_alone(recorded: &Recorded, why: String) -> Self {
        Self { id: recorded.id, result: Ok(why), note: true, counts: !recorded.refused }
    }
}
