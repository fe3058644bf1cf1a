//! What every change is: one API call, with its inverse, that recognises its own work.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cloud::{CloudError, ErrorClass, RegionClients};
use gameday_core::model::{Clock, Event, Mutation, Region, RunId, Secret, Step, Window};

use super::crash::crash_point;
use super::describe_cache::{DescribeCache, Freshness};
use super::dry_run::{DryRun, DryRunOutcome};
use super::finder::Finder;
use super::permits::Permits;
use super::rate_limiter::AdaptiveRateLimiter;
use super::state::{Attribute, FactKind, Own, Part};

/// In which order changes are made. What hurts is undone first, then the rest backwards; see [`Stage::UNDONE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Nobody else may run here.
    Lock,
    /// What tells how things were, for whoever restores without a journal.
    Mark,
    /// New resources that nobody uses yet.
    Create,
    /// What goes into them; it goes with them, too.
    Populate,
    /// The selected targets are moved onto them: nobody feels it.
    Associate,
    /// What heals if the runner cannot, before anything hurts.
    ArmDeadMan,
    /// What hurts.
    Inject,
    /// What the synthetic users change while they sign in; their own clients do.
    Users,
}

impl Stage {
    /// The order in which changes are made.
    pub const MADE: [Self; 7] =
        [Self::Lock, Self::Mark, Self::Create, Self::Populate, Self::Associate, Self::ArmDeadMan, Self::Inject];
    /// The order in which what a fault changes is undone: what hurts first, then what was prepared, backwards.
    pub const UNDONE: [Self; 4] = [Self::Inject, Self::Associate, Self::Populate, Self::Create];
    /// What would heal if this process could not. It goes only when what it heals was seen healed.
    pub const HEALERS: [Self; 2] = [Self::ArmDeadMan, Self::Mark];

    /// Whether a fault's own changes are of this stage.
    pub fn is_of_fault(self) -> bool {
        Self::UNDONE.contains(&self)
    }
}

/// What a change made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The new resource's ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// What undoing a change found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevertOutcome {
    /// It was undone now.
    Reverted,
    /// Nothing was there to undo.
    NoOp,
    /// Somebody else changed it meanwhile; what was found, and left so.
    ChangedByOthers(String),
}

/// Where mutations are reported as they happen.
pub type MutationSink = Arc<dyn Fn(Event) + Send + Sync>;

/// What deleting says: that it was gone already is fine.
pub(super) fn gone<T>(result: Result<T, CloudError>) -> Result<RevertOutcome, CloudError> {
    match result {
        Ok(_) => Ok(RevertOutcome::Reverted),
        Err(error) if error.class == ErrorClass::NotFound => Ok(RevertOutcome::NoOp),
        Err(error) => Err(error),
    }
}

/// One API call that changes something, with its inverse.
///
/// Both directions may be repeated at any time: each looks at the live state first, or is harmless by itself.
pub trait Change: Any + Send + Sync {
    /// The API operation, as `ec2:CreateNetworkAcl`.
    fn call(&self) -> &'static str;

    /// What it changes, in words; the same in every run of a plan.
    fn resource(&self) -> String;

    /// Its inverse, in words.
    fn inverse(&self) -> &'static str;

    /// When it is made.
    fn stage(&self) -> Stage;

    /// The key of the resource that it makes, under which other changes know it before it exists.
    fn makes(&self) -> Option<&str> {
        None
    }

    /// The VPC in which it makes something; every run locks each of its own.
    fn vpc(&self) -> Option<&str> {
        None
    }

    /// What a reader of the plan must know of it, in a sentence.
    fn note(&self) -> Option<String> {
        None
    }

    /// Whether its call would be refused, by EC2's `DryRun`; nothing where the call has none, or needs what is not there yet.
    fn dry_run<'a>(&'a self, _: &'a DryRun<'a>) -> BoxFuture<'a, Result<Option<DryRunOutcome>, CloudError>> {
        Box::pin(async { Ok(None) })
    }

    /// Whether IPv4 traffic stops by it.
    fn cuts_ipv4(&self) -> bool {
        false
    }

    /// The call of another service that undoes it, for the dead-man switch; nothing where there is none.
    fn universal(&self, _made: &dyn Fn(&str) -> Option<String>) -> Option<Universal> {
        None
    }

    /// The change that such a call undoes, as far as the call tells it; `operation` as in [`Universal::operation`].
    fn healed_by(_operation: &str, _input: &Value) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }

    /// Finds what runs left of it in an account, with no journal: by tags, names and marks.
    fn leftovers<'a>(_: &'a mut Finder<'_>) -> BoxFuture<'a, Result<(), CloudError>>
    where
        Self: Sized,
    {
        Box::pin(async { Ok(()) })
    }

    /// Whether another change is of the same thing, however much each tells of it.
    fn same_target(&self, _: &Self) -> bool
    where
        Self: Sized,
    {
        false
    }

    /// What to undo where a schedule alone tells of it; nothing where that is nothing to undo.
    fn scheduled_alone<'a>(self, _: &'a Finder<'_>) -> BoxFuture<'a, Result<Option<Self>, CloudError>>
    where
        Self: Sized,
    {
        Box::pin(async { Ok(Some(self)) })
    }

    /// What whoever runs and rolls back may call for it, on exactly its resources.
    fn permit(&self, _: &mut Permits<'_>) {}

    /// What the dead-man role may call for it: the call of [`Change::universal`].
    fn permit_heal(&self, _: &mut Permits<'_>) {}

    /// What of a resource it changes, and what that becomes by it; nothing where it changes only what the run itself made.
    fn owns(&self) -> Option<(FactKind, Attribute, Own)> {
        None
    }

    /// What describes the resource that it changes, where the scope of the fault does not.
    fn described_by(&self) -> Option<Part> {
        None
    }

    /// The ID of the resource that it changes, where that is not the run's own.
    fn touches(&self) -> String {
        self.resource()
    }

    /// What is there instead of what the plan recorded, as far as the change depends on it. Looked at before the call: whoever changed it
    /// since must not have it undone.
    fn drift<'a>(&'a self, _: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Option<String>, CloudError>> {
        Box::pin(async { Ok(None) })
    }

    /// Makes the call, once; what is unclear after it, [`Change::settled`] finds out.
    fn apply<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Applied, CloudError>>;

    /// Whether it has taken effect, by what is there now.
    fn settled<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Option<Applied>, CloudError>>;

    /// Looks, and undoes it, once. Where the scene is blind, what is safe to repeat is done whether or not it looks needed: the look may lag
    /// behind the change, and the change may still be under way. `Stale` and `NotFound` mean that the look was out of date: look again.
    fn undo<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<RevertOutcome, CloudError>>;
}

/// A change of the list in `action.rs`. Nothing else can be found in an account, since what is found is undone as an action.
pub trait Listed: Change {}

/// A call as EventBridge Scheduler makes it (EventBridge Scheduler user guide, "Universal targets").
#[derive(Debug, Clone, PartialEq)]
pub struct Universal {
    /// The call, as the SDK names it: `SERVICE:OPERATION`.
    pub operation: &'static str,
    /// The request.
    pub input: Value,
}

impl Universal {
    /// The target's ARN in a Region.
    pub fn arn(&self, region: &Region) -> String {
        format!("arn:{}:scheduler:::aws-sdk:{}", region.partition().name(), self.operation)
    }
}

/// IDs of what a run made, by key.
#[derive(Debug, Default)]
pub struct CreatedResources(Mutex<BTreeMap<String, String>>);

impl CreatedResources {
    /// The ID under a key. What was found in the account without its key is known by its ID.
    pub fn get(&self, key: &str) -> Option<String> {
        if ["acl-", "sg-", "arn:"].iter().any(|kind| key.starts_with(kind)) {
            return Some(key.to_owned());
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    /// Remembers an ID.
    pub fn put(&self, key: &str, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), id.to_owned());
    }
}

/// What a change needs to do its work in one Region.
pub struct ChangeContext<'a> {
    /// AWS clients of the Region.
    pub clients: &'a RegionClients,
    /// The run, for tags.
    pub run: &'a RunId,
    /// What is described of the Region.
    pub live: &'a DescribeCache,
    /// IDs of what the run made there.
    pub made: &'a CreatedResources,
    /// Scenario time.
    pub clock: &'a Clock,
    /// Told about every call.
    pub sink: &'a MutationSink,
    /// Keeps below the account's request limits.
    pub limiter: &'a AdaptiveRateLimiter,
    /// Passwords at hand, by user; others are read where the change says.
    pub passwords: &'a BTreeMap<String, Secret>,
    /// Which descriptions may be used.
    pub fresh: Freshness,
    /// Whether a look that finds nothing to undo must not be believed.
    pub blind: bool,
    /// Told about every call that changes something.
    pub last_call: &'a LastCall,
    /// Which of the scenario's faults it cuts or heals.
    pub fault: Option<u32>,
}

/// When the last call that changes something was answered, in real time.
#[derive(Debug, Default)]
pub struct LastCall(Mutex<Option<std::time::Instant>>);

impl LastCall {
    /// Nothing before the first one.
    pub fn get(&self) -> Option<std::time::Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answered(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Clock::real_now());
    }
}

impl ChangeContext<'_> {
    /// The ID of what the run made under a key.
    ///
    /// # Errors
    /// [`CloudError`] when it was not made.
    pub fn id(&self, key: &str) -> Result<String, CloudError> {
        self.made.get(key).ok_or_else(|| CloudError::incomplete("gameday", &format!("ID of {key}: it was not created")))
    }

    /// Makes a change's own call.
    ///
    /// # Errors
    /// The call's.
    pub fn make<T>(
        &self,
        change: &dyn Change,
        call: impl Future<Output = Result<T, CloudError>>,
    ) -> impl Future<Output = Result<T, CloudError>> {
        self.make_by(change, change.call(), call)
    }

    /// The same of a change that takes another call as well.
    ///
    /// # Errors
    /// The call's.
    pub fn make_by<T>(
        &self,
        change: &dyn Change,
        name: &'static str,
        call: impl Future<Output = Result<T, CloudError>>,
    ) -> impl Future<Output = Result<T, CloudError>> {
        let step = if change.stage() == Stage::Inject { Step::Cut } else { Step::Prepare };
        self.told(step, name, change.resource(), change.cuts_ipv4(), Box::pin(call))
    }

    /// Makes a call that undoes a change.
    ///
    /// # Errors
    /// The call's.
    pub fn unmake<T>(
        &self,
        change: &dyn Change,
        name: &'static str,
        resource: String,
        call: impl Future<Output = Result<T, CloudError>>,
    ) -> impl Future<Output = Result<T, CloudError>> {
        let step = if change.stage() == Stage::Inject { Step::Heal } else { Step::Dismantle };
        self.told(step, name, resource, change.cuts_ipv4(), Box::pin(call))
    }

    async fn told<T>(
        &self,
        step: Step,
        name: &'static str,
        resource: String,
        ipv4: bool,
        call: impl Future<Output = Result<T, CloudError>>,
    ) -> Result<T, CloudError> {
        self.limiter.acquire().await;
        crash_point(name, "before");
        let sent = self.clock.now();
        let result = call.await;
        let window = Window { sent, received: self.clock.now() };
        crash_point(name, "after");
        self.last_call.answered();
        self.limiter.on_response(&result);
        (self.sink)(Event::Mutation(Mutation {
            window,
            region: self.clients.region.clone(),
            step,
            call: name.to_owned(),
            resource,
            ipv4,
            fault: self.fault,
            error: result.as_ref().err().map(ToString::to_string),
        }));
        result
    }
}
