//! From a scenario's faults to changes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::OnceCell;

use crate::cloud::{Cloud, CloudError};
use gameday_core::env::{DeadMan, Site};
use gameday_core::model::{Region, RegionRole, RunId};
use gameday_core::scenario::FaultSpec;

use super::action::Action;
use super::change::Stage;
use super::changes::lock::{Holder, Lock};
use super::dry_run::{DryRun, DryRunOutcome};
use super::fault::{Fault, FaultError, PlanContext, PlannedFault};
use super::kinds;
use super::network::AclRule;
use super::quota::AclQuotas;
use super::schedule::ScheduleHeal;
use super::state::{Part, Scope};
use super::target::{Subnet, subnets};

/// What a scenario's faults will change; nothing is touched yet.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Each fault, in the order of the scenario.
    pub faults: Vec<Fault>,
    /// What the state before and after is compared of.
    pub scope: Scope,
    /// The VPCs of the environment, and those that the faults change: where the lock is.
    pub vpcs: BTreeSet<(Region, String)>,
    /// The subnets that the environment selects, by Region; those of a Region that no fault needs may be left out.
    pub subnets: BTreeMap<Region, Vec<Subnet>>,
    /// What a reader must know before it is carried out.
    pub notes: Vec<String>,
}

/// Resolves the faults of a scenario to concrete targets and changes. Only reads.
///
/// # Errors
/// [`FaultError`].
pub async fn plan(faults: &[FaultSpec], site: &Site, cloud: &Cloud, run: &RunId) -> Result<Plan, FaultError> {
    let mut plan = Plan { faults: Vec::with_capacity(faults.len()), ..Plan::default() };
    plan.scope.run = Some(run.clone());
    let selected: [OnceCell<Vec<Subnet>>; 2] = Default::default();
    let (quotas, account): ([OnceCell<AclQuotas>; 2], _) = (Default::default(), OnceCell::new());
    for (number, spec) in (1..).zip(faults) {
        let clients = cloud.region(spec.region);
        let role = usize::from(spec.region == RegionRole::Replica);
        let (selected, quotas, earlier) = (&selected[role], &quotas[role], &plan.faults);
        let sts = &cloud.sts;
        let context =
            PlanContext { number, spec, site, clients, run, earlier, selected, quotas, sts, account: &account };
        let planned = kinds::of(spec.kind).plan(&context).await?;
        let PlannedFault { targets, blast_radius, actions, scope } = planned;
        for earlier in &plan.faults {
            let both = targets.iter().find(|target| earlier.targets.iter().any(|other| other.id == target.id));
            if let Some(both) = both {
                return Err(FaultError::Overlap(earlier.number, number, both.label.clone()));
            }
        }
        plan.scope.add(scope);
        for action in &actions {
            plan.scope.own(&clients.region, action.change());
        }
        let (spec, region) = (spec.clone(), clients.region.clone());
        plan.faults.push(Fault { number, spec, region, targets, blast_radius, actions });
    }
    // Whatever a scenario breaks, two runs in one environment meet at its front door.
    let primary = &cloud.primary;
    for subnet in selected[0].get_or_try_init(|| subnets(primary, &site.primary.subnets)).await? {
        plan.vpcs.insert((primary.region.clone(), subnet.vpc.clone()));
    }
    let regions = [&cloud.primary.region, &cloud.replica.region].into_iter().cloned();
    let described = regions.zip(selected).filter_map(|(region, of)| Some((region, of.into_inner()?)));
    plan.subnets = described.collect();
    for (quotas, region) in quotas.iter().zip([&cloud.primary.region, &cloud.replica.region]) {
        if let Some(why) = quotas.get().and_then(|quotas| quotas.unread.as_ref()) {
            plan.notes
                .push(format!("the quotas of network ACLs in {region} are assumed to be the AWS defaults: {why}"));
        }
    }
    let notes = plan.faults.iter().flat_map(|fault| &fault.actions).filter_map(|action| action.change().note());
    plan.notes.extend(notes.collect::<Vec<_>>());
    let described = [Part::NetworkAcls, Part::SecurityGroups].into_iter().flat_map(|part| plan.scope.all(part));
    plan.vpcs.extend(described.map(|(region, vpc)| (region.clone(), vpc.to_owned())));
    Ok(plan)
}

/// A network ACL whose subnets use a clone of it while a run goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct Original {
    /// Where.
    pub region: Region,
    /// Its VPC.
    pub vpc: String,
    /// Its ID.
    pub acl: String,
    /// The rules that its clone has of it; their numbers may be others.
    pub copied: Vec<AclRule>,
}

impl Original {
    /// Rules that it has and its clone lacks, and rules that it has no more. Both hold again once its subnets are back on it.
    pub fn drift(&self, now: &[AclRule]) -> (Vec<AclRule>, Vec<AclRule>) {
        let same = |a: &AclRule, b: &AclRule| AclRule { number: b.number, ..a.clone() } == *b;
        let without = |all: &[AclRule], known: &[AclRule]| -> Vec<AclRule> {
            all.iter().filter(|rule| !known.iter().any(|other| same(rule, other))).cloned().collect()
        };
        (without(now, &self.copied), without(&self.copied, now))
    }
}

/// What the dead-man switch needs to know.
#[derive(Debug, Clone)]
pub struct Arming<'a> {
    /// Its settings.
    pub settings: &'a DeadMan,
    /// The run, which its schedules are named by.
    pub run: &'a RunId,
    /// When arming began.
    pub now: Timestamp,
    /// How long the fault lasts that ends with the restore.
    pub longest: Duration,
}

/// From arming to the first cut, at most; our own choice. A schedule that comes late heals late, one that comes early
/// would spoil the run.
const ARMING: Duration = Duration::from_mins(1);

impl Plan {
    /// What keeps other runs away.
    pub fn lock(&self, holder: &Holder) -> Vec<(Region, Action)> {
        let lock = |vpc: &String| Action::Lock(Lock { vpc: vpc.clone(), holder: holder.clone() });
        self.vpcs.iter().map(|(region, vpc)| (region.clone(), lock(vpc))).collect()
    }

    /// What hurts of the faults that begin at a moment after the first cut.
    pub fn cut_at(&self, at: Duration) -> Vec<(Region, Action)> {
        let begins = |fault: &&Fault| fault.spec.windows().first().is_some_and(|(from, _)| *from == at);
        self.faults.iter().filter(begins).flat_map(Fault::cut).collect()
    }

    /// Everything that is made before anything hurts, in the order in which it is made.
    pub fn prepare(&self) -> Vec<(Region, Action)> {
        let mut actions: Vec<_> =
            self.faults.iter().flat_map(|fault| fault.of(|stage| stage < Stage::ArmDeadMan)).collect();
        actions.sort_by_key(|(_, action)| action.stage());
        actions
    }

    /// One schedule for each change that hurts.
    pub fn arm(&self, arming: &Arming<'_>) -> Vec<(Region, Action)> {
        let mut actions = Vec::new();
        for fault in &self.faults {
            let wait = ARMING + fault.ends(arming.longest) + arming.settings.margin.0;
            let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
            let at = arming.now.saturating_add(wait).unwrap_or(Timestamp::MAX);
            for (number, (region, cut)) in (1..).zip(fault.cut()) {
                let arm = ScheduleHeal {
                    name: format!("{}-{}-{number}", arming.run, fault.number),
                    group: arming.settings.group.clone(),
                    role_arn: arming.settings.role_arn.clone(),
                    at,
                    heals: Box::new(cut),
                };
                actions.push((region, Action::ScheduleHeal(arm)));
            }
        }
        actions
    }

    /// What a later plan of the same faults has otherwise: what was changed meanwhile, in words.
    pub fn changes(&self, later: &Self) -> Vec<String> {
        let mut words = Vec::new();
        for (was, is) in self.faults.iter().zip(&later.faults) {
            let ids = |fault: &Fault| fault.targets.iter().map(|target| target.id.clone()).collect::<BTreeSet<_>>();
            let (before, now) = (ids(was), ids(is));
            words.extend(
                before.difference(&now).map(|id| format!("{id} is no longer a target of fault {}", was.number)),
            );
            words.extend(now.difference(&before).map(|id| format!("{id} is a target of fault {} now", was.number)));
            let missing = |of: &Fault, from: &Fault| {
                let open = of.actions.iter().filter(|action| !from.actions.contains(action));
                open.map(|action| action.change().resource()).collect::<Vec<_>>()
            };
            let (gone, new) = (missing(was, is), missing(is, was));
            words.extend(gone.iter().filter(|one| !new.contains(one)).map(|one| format!("removed: {one}")));
            words.extend(new.iter().filter(|one| !gone.contains(one)).map(|one| format!("added: {one}")));
            words.extend(new.iter().filter(|one| gone.contains(one)).map(|one| format!("changed: {one}")));
            if words.is_empty() && was.blast_radius != is.blast_radius {
                words.push(format!("fault {} now covers other resources", was.number));
            }
        }
        words
    }

    /// The network ACLs that it clones, with the rules that the clones have.
    pub fn originals(&self) -> Vec<Original> {
        let mut originals = Vec::new();
        for fault in &self.faults {
            for action in &fault.actions {
                let Action::CreateClone(made) = action else { continue };
                let copied = fault.actions.iter().filter_map(|action| match action {
                    Action::CopyRule(copy) if copy.clone == made.clone => Some(copy.rule.clone()),
                    _ => None,
                });
                originals.push(Original {
                    region: fault.region.clone(),
                    vpc: made.vpc.clone(),
                    acl: made.original.clone(),
                    copied: copied.collect(),
                });
            }
        }
        originals
    }

    /// How long after the first cut the last of the faults that end by themselves is over.
    pub fn lasts(&self) -> Duration {
        let ends = self.faults.iter().filter_map(|fault| fault.spec.windows().last().and_then(|(_, to)| *to));
        ends.max().unwrap_or_default()
    }

    /// The turns of all faults, in the order in which they begin: when, and what hurts then.
    pub fn turns(&self) -> Vec<(Duration, Vec<(Region, Action)>)> {
        let mut turns: BTreeMap<Duration, Vec<(Region, Action)>> = BTreeMap::new();
        for fault in &self.faults {
            for (from, _) in fault.spec.windows() {
                turns.entry(from).or_default().extend(fault.cut());
            }
        }
        turns.into_iter().collect()
    }
}

/// What dry runs answered.
#[derive(Debug, Default)]
pub struct DryRuns {
    /// Calls that would be refused: where, and the service's words.
    pub refused: Vec<(Region, CloudError)>,
    /// A call that was made although it was a dry run, as some emulators do; it was undone, and none followed.
    pub ignored: Option<&'static str>,
}

impl Plan {
    /// Asks for the first call of each kind in each Region.
    ///
    /// # Errors
    /// [`CloudError`] of what is described for it.
    pub async fn dry_runs(&self, cloud: &Cloud, run: &RunId) -> Result<DryRuns, CloudError> {
        let mut answers = DryRuns::default();
        let mut asked = BTreeSet::new();
        for fault in &self.faults {
            let context = DryRun { clients: cloud.of(&fault.region)?, run };
            for action in &fault.actions {
                let call = action.change().call();
                if !asked.insert((fault.region.clone(), call)) {
                    continue;
                }
                if let Some(answer) = action.change().dry_run(&context).await? {
                    answers.take(&fault.region, answer);
                }
                if answers.ignored.is_some() {
                    return Ok(answers);
                }
            }
        }
        for (region, vpc) in &self.vpcs {
            let answer = DryRun { clients: cloud.of(region)?, run }.lock(vpc).await;
            answers.take(region, answer);
            if answers.ignored.is_some() {
                break;
            }
        }
        Ok(answers)
    }
}

impl DryRuns {
    fn take(&mut self, region: &Region, answer: DryRunOutcome) {
        match answer {
            DryRunOutcome::Fine => {}
            DryRunOutcome::Refused(error) => self.refused.push((region.clone(), error)),
            DryRunOutcome::Made(call) => self.ignored = Some(call),
        }
    }
}
