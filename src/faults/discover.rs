//! Finds what runs left in an account, by the tags and names of what they made, with no journal at all.
//!
//! What is found becomes the same changes that the journal would have told, and is undone in the same way.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{Filter, SecurityGroup, Tag};
use jiff::Timestamp;
use serde_json::Value;

use crate::cloud::{CloudError, ErrorClass, RegionClients};
use crate::env::Site;
use crate::model::{Region, RunId};

use super::action::Action;
use super::change::Stage;
use super::changes::function::Starve;
use super::changes::group_rule::GroupRule;
use super::changes::health_check::Invert;
use super::changes::limit::Provision;
use super::changes::lock::{Holder, Lock, lock_groups, parse};
use super::changes::mark::{Mark, Marked, is_gone, marks};
use super::changes::network_acl::{CreateClone, Deny, Swap};
use super::changes::schedule::Arm;
use super::changes::security_group::{CreateEmpty, Grouped, Revoke, SwapGroups};
use super::kinds::lambda_trigger_break::functions;
use super::network::{Acl, AclRule, Vpc};
use super::tags::{CLONE_TAG, LOCK_TAG, MARK_TAG, RUN_TAG, WAS_TAG};

/// What begins the ID of every run, and so the name of its schedules.
const RUN_PREFIX: &str = "gd-";

/// What one run left.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Discovered {
    /// Its changes.
    pub actions: Vec<(Region, Action)>,
    /// Who holds the lock, where the run's is still there.
    pub holder: Option<Holder>,
}

/// Finds what is left in one Region, by run. Of a search that fails, what would heal and the locks are left out: what they heal may be what
/// was not found.
///
/// # Errors
/// [`CloudError`].
pub async fn discover(
    clients: &RegionClients,
    site: &Site,
    found: &mut BTreeMap<RunId, Discovered>,
) -> Result<(), CloudError> {
    let searched = search(clients, site, found).await;
    if searched.is_err() {
        for left in found.values_mut() {
            left.actions.retain(|(region, action)| {
                *region != clients.region || action.stage().is_of_fault() && !Stage::HEALERS.contains(&action.stage())
            });
        }
        found.retain(|_, left| !left.actions.is_empty());
    }
    searched
}

async fn search(
    clients: &RegionClients,
    site: &Site,
    found: &mut BTreeMap<RunId, Discovered>,
) -> Result<(), CloudError> {
    let mut search = Search { clients, found };
    // First what would heal: it tells of ACLs whose tags somebody took away.
    let scheduled = match &site.dead_man {
        Some(settings) => search.schedules(&settings.group).await?,
        None => Vec::new(),
    };
    search.network_acls(&scheduled).await?;
    search.security_groups().await?;
    search.marked_groups().await?;
    // Route 53 is global; the primary's clients ask it.
    if clients.region == site.primary.region {
        search.health_check(&site.dns.health_check_id).await?;
    }
    search.pool(&site.pool.id).await?;
    search.locks().await?;
    search.heal_scheduled(scheduled).await
}

struct Search<'a> {
    clients: &'a RegionClients,
    found: &'a mut BTreeMap<RunId, Discovered>,
}

fn tags(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect()
}

fn tagged(key: &str) -> Filter {
    Filter::builder().name("tag-key").values(key).build()
}

impl Search<'_> {
    fn add(&mut self, run: &str, action: Action) {
        let run = self.found.entry(RunId::from(run)).or_default();
        run.actions.push((self.clients.region.clone(), action));
    }

    /// Clones, by their tags, and by schedules that heal them.
    async fn network_acls(&mut self, scheduled: &[(String, Action)]) -> Result<(), CloudError> {
        let mut pages = self.clients.ec2.describe_network_acls().filters(tagged(RUN_TAG)).into_paginator().send();
        let mut vpcs = BTreeSet::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(CloudError::of("ec2:DescribeNetworkAcls"))?;
            vpcs.extend(page.network_acls().iter().filter_map(|acl| acl.vpc_id().map(str::to_owned)));
        }
        let denies = scheduled.iter().filter_map(|(run, action)| match action {
            Action::Deny(deny) => Some((deny.clone.as_str(), run.as_str())),
            _ => None,
        });
        let named: BTreeMap<&str, &str> = denies.collect();
        for clone in named.keys() {
            let call = self.clients.ec2.describe_network_acls().network_acl_ids(*clone).send();
            match call.await.map_err(CloudError::of("ec2:DescribeNetworkAcls")) {
                Ok(answer) => {
                    vpcs.extend(answer.network_acls().iter().filter_map(|acl| acl.vpc_id().map(str::to_owned)));
                }
                Err(error) if is_gone(&error) => {}
                Err(error) => return Err(error),
            }
        }
        for vpc in vpcs {
            let described = Vpc::describe(self.clients, &vpc).await?;
            for clone in described.acls() {
                match (clone.tags.get(RUN_TAG), clone.tags.get(CLONE_TAG), named.get(clone.id.as_str())) {
                    (Some(run), Some(key), _) => {
                        let Some((_, original)) = key.split_once('/') else { continue };
                        self.clone_of(run, key, original, &vpc, clone, &described);
                    }
                    (_, _, Some(run)) => {
                        // Its tags are gone. What it repeats is an ACL of the VPC with the same rules, if there is just one.
                        let original = described.original_of(clone).unwrap_or_default();
                        self.clone_of(run, &clone.id, &original, &vpc, clone, &described);
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn clone_of(&mut self, run: &str, key: &str, original: &str, vpc: &str, clone: &Acl, described: &Vpc) {
        let (vpc, original, key) = (vpc.to_owned(), original.to_owned(), key.to_owned());
        let make = CreateClone {
            vpc: vpc.clone(),
            original: original.clone(),
            clone: key.clone(),
            client_token: format!("{run}-{}", key.replace('/', "-")),
            tags: BTreeMap::new(),
        };
        self.add(run, Action::CreateClone(make));
        for subnet in described.subnets_of(&clone.id) {
            let (vpc, subnet) = (vpc.clone(), subnet.to_owned());
            self.add(run, Action::Swap(Swap { vpc, subnet, original: original.clone(), clone: key.clone() }));
        }
        // Whatever the clone denies beyond its original, number aside, is the run's own.
        let known = described.acl(&original).map(|acl| acl.rules.iter().map(AclRule::unnumbered).collect::<Vec<_>>());
        for rule in clone.rules.iter().filter(|rule| !rule.allow) {
            if known.as_ref().is_none_or(|known| !known.contains(&rule.unnumbered())) {
                let deny = Deny { vpc: vpc.clone(), clone: key.clone(), rule: rule.clone() };
                self.add(run, Action::Deny(deny));
            }
        }
    }

    async fn security_groups(&mut self) -> Result<(), CloudError> {
        let mut pages = self.clients.ec2.describe_security_groups().filters(tagged(RUN_TAG)).into_paginator().send();
        while let Some(page) = pages.next().await {
            for group in page.map_err(CloudError::of("ec2:DescribeSecurityGroups"))?.security_groups() {
                let tags = tags(group.tags());
                let (Some(run), Some(key), Some(vpc), Some(name)) =
                    (tags.get(RUN_TAG), tags.get(CLONE_TAG), group.vpc_id(), group.group_name())
                else {
                    continue;
                };
                let was: BTreeMap<String, Vec<String>> = tags
                    .iter()
                    .filter(|(key, _)| key.starts_with(WAS_TAG))
                    .map(|(key, groups)| (key.clone(), groups.split(' ').map(str::to_owned).collect()))
                    .collect();
                let (vpc, name, key) = (vpc.to_owned(), name.to_owned(), key.clone());
                let make = CreateEmpty { vpc, group: key.clone(), name, was: was.clone(), tags: BTreeMap::new() };
                self.add(run, Action::CreateEmpty(make));
                for (target, was) in was {
                    let id = target.trim_start_matches(WAS_TAG);
                    if let Some(target) = self.grouped(id).await? {
                        self.add(run, Action::SwapGroups(SwapGroups { target, was, group: key.clone() }));
                    }
                }
            }
        }
        Ok(())
    }

    /// The target that a tag names; nothing for one that is gone.
    async fn grouped(&self, id: &str) -> Result<Option<Grouped>, CloudError> {
        if id.starts_with("eni-") {
            return Ok(Some(Grouped::Interface(id.to_owned())));
        }
        if id.starts_with("vpce-") {
            return Ok(Some(Grouped::Endpoint(id.to_owned())));
        }
        let Some(name) = id.split('/').nth(2) else { return Ok(None) };
        let call = self.clients.reading.elb.describe_load_balancers().names(name).send();
        match call.await.map_err(CloudError::of("elasticloadbalancing:DescribeLoadBalancers")) {
            Ok(answer) => {
                let arns = answer.load_balancers().iter().filter_map(|balancer| balancer.load_balancer_arn());
                Ok(arns.filter(|arn| arn.ends_with(id)).map(|arn| Grouped::Balancer(arn.to_owned())).next())
            }
            Err(error) if error.class == ErrorClass::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What a mark tells of; gives the run.
    fn marked(&mut self, on: Marked, tags: &BTreeMap<String, String>) -> Option<String> {
        let tags = marks(tags);
        let run = tags.get(MARK_TAG)?.clone();
        self.add(&run, Action::Mark(Mark { on, tags }));
        Some(run)
    }

    async fn marked_groups(&mut self) -> Result<(), CloudError> {
        let mut pages = self.clients.ec2.describe_security_groups().filters(tagged(MARK_TAG)).into_paginator().send();
        while let Some(page) = pages.next().await {
            for group in page.map_err(CloudError::of("ec2:DescribeSecurityGroups"))?.security_groups() {
                let (tags, Some(id)) = (tags(group.tags()), group.group_id()) else { continue };
                let Some(run) = self.marked(Marked::Group(id.to_owned()), &tags) else { continue };
                for (rule, tags) in GroupRule::of_marks(&tags) {
                    self.add(&run, Action::Revoke(Revoke { group: id.to_owned(), rule, id: None, tags }));
                }
            }
        }
        Ok(())
    }

    async fn health_check(&mut self, id: &str) -> Result<(), CloudError> {
        let on = Marked::HealthCheck(id.to_owned());
        let tags = match on.tags(self.clients).await {
            Err(error) if is_gone(&error) => return Ok(()),
            other => other?,
        };
        let was = tags.get(&format!("{WAS_TAG}state")).and_then(|was| was.parse().ok());
        if let Some((run, was)) = self.marked(on, &tags).zip(was) {
            self.add(&run, Action::Invert(Invert { health_check: id.to_owned(), was }));
        }
        Ok(())
    }

    /// The triggers of the user pool, and the limit that a mark on it tells of.
    async fn pool(&mut self, pool: &str) -> Result<(), CloudError> {
        let call = self.clients.cognito.describe_user_pool().user_pool_id(pool).send();
        let described = match call.await.map_err(CloudError::of("cognito-idp:DescribeUserPool")) {
            Err(error) if is_gone(&error) => return Ok(()),
            other => other?,
        };
        let pool = described.user_pool;
        if let Some((pool, arn)) = pool.as_ref().and_then(|pool| Some((pool, pool.arn.clone()?))) {
            let on = Marked::Pool(arn);
            let tags: BTreeMap<_, _> = pool.user_pool_tags.clone().unwrap_or_default().into_iter().collect();
            let provision = tags.get(&format!("{WAS_TAG}limit")).and_then(|was| Provision::of_text(was));
            if let Some((run, provision)) = self.marked(on, &tags).zip(provision) {
                self.add(&run, Action::Provision(provision));
            }
        }
        let config = pool.and_then(|pool| pool.lambda_config);
        for function in config.map(|config| functions(&config)).unwrap_or_default() {
            let on = Marked::Function(function.clone());
            let tags = match on.tags(self.clients).await {
                Err(error) if is_gone(&error) => continue,
                other => other?,
            };
            let starve = tags.get(&format!("{WAS_TAG}state")).and_then(|was| Starve::of_text(function, was));
            if let Some((run, starve)) = self.marked(on, &tags).zip(starve) {
                self.add(&run, Action::Starve(starve));
            }
        }
        Ok(())
    }

    async fn locks(&mut self) -> Result<(), CloudError> {
        let filter = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
        let call = self.clients.ec2.describe_tags().filters(filter("key", LOCK_TAG));
        let mut pages = call.filters(filter("resource-type", "vpc")).into_paginator().send();
        while let Some(page) = pages.next().await {
            for tag in page.map_err(CloudError::of("ec2:DescribeTags"))?.tags() {
                let Some((vpc, holder)) = tag.resource_id().zip(tag.value().and_then(parse)) else { continue };
                let run = holder.run.clone();
                self.add_lock(run, vpc, holder);
            }
        }
        for group in lock_groups(self.clients, None).await? {
            if let Some(holder) = group.holder() {
                self.add_lock(holder.run.clone(), &group.vpc, holder);
            }
        }
        Ok(())
    }

    /// A lock, once, though both its tag and its group tell of it.
    fn add_lock(&mut self, run: RunId, vpc: &str, holder: Holder) {
        let lock = (self.clients.region.clone(), Action::Lock(Lock { vpc: vpc.to_owned(), holder: holder.clone() }));
        let found = self.found.entry(run).or_default();
        if !found.actions.contains(&lock) {
            found.actions.push(lock);
        }
        found.holder = Some(holder);
    }

    /// The schedules of runs; gives the changes that they would undo, each with its run.
    async fn schedules(&mut self, group: &str) -> Result<Vec<(String, Action)>, CloudError> {
        let scheduler = &self.clients.reading.scheduler;
        let mut pages =
            scheduler.list_schedules().group_name(group).name_prefix(RUN_PREFIX).into_paginator().items().send();
        let mut scheduled = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(CloudError::of("scheduler:ListSchedules"))?;
            let Some(name) = item.name() else { continue };
            let call = scheduler.get_schedule().name(name).group_name(group);
            let schedule = match call.send().await.map_err(CloudError::of("scheduler:GetSchedule")) {
                Err(error) if error.class == ErrorClass::NotFound => continue,
                other => other?,
            };
            // As `gd-20261124t100000z-0a1b2c-1-2`: the run, the fault and the change.
            let Some(run) = name.rsplitn(3, '-').nth(2) else { continue };
            let heals = schedule.target().and_then(|target| healed(target.arn(), target.input()?));
            let Some(heals) = heals else { continue };
            let arm = Arm {
                name: name.to_owned(),
                group: group.to_owned(),
                role_arn: schedule.target().map(|target| target.role_arn().to_owned()).unwrap_or_default(),
                at: Timestamp::UNIX_EPOCH,
                heals: Box::new(heals.clone()),
            };
            self.add(run, Action::Arm(arm));
            scheduled.push((run.to_owned(), heals));
        }
        Ok(scheduled)
    }

    /// Adds what schedules would heal and nothing else told of: a schedule must not go before that is healed.
    async fn heal_scheduled(&mut self, scheduled: Vec<(String, Action)>) -> Result<(), CloudError> {
        for (run, action) in scheduled {
            let known = self.found.get(&RunId::from(run.as_str())).map(|found| found.actions.as_slice());
            if known.unwrap_or_default().iter().any(|(_, known)| same_target(known, &action)) {
                continue;
            }
            let action = match action {
                // Its ACL is gone, or was found above.
                Action::Deny(_) => continue,
                Action::SwapGroups(swap) => match self.empty_group_on(&swap.target).await? {
                    Some(group) => Action::SwapGroups(SwapGroups { group, ..swap }),
                    None => continue,
                },
                other => other,
            };
            self.add(&run, action);
        }
        Ok(())
    }

    /// The group that a target has instead of its own: the only one, with a run's name and no rules.
    async fn empty_group_on(&self, target: &Grouped) -> Result<Option<String>, CloudError> {
        let groups = match target.groups(self.clients).await {
            Err(error) if is_gone(&error) => return Ok(None),
            other => other?,
        };
        let [group] = groups.as_slice() else { return Ok(None) };
        let call = self.clients.ec2.describe_security_groups().group_ids(group).send();
        let answer = match call.await.map_err(CloudError::of("ec2:DescribeSecurityGroups")) {
            // None is its own.
            Err(error) if is_gone(&error) => return Ok(Some(group.clone())),
            other => other?,
        };
        let empty = |found: &SecurityGroup| {
            found.group_name().is_some_and(|name| name.starts_with(RUN_PREFIX))
                && found.ip_permissions().is_empty()
                && found.ip_permissions_egress().is_empty()
        };
        Ok(answer.security_groups().first().filter(|found| empty(found)).map(|_| group.clone()))
    }
}

/// Whether two changes are of the same thing, however much each tells of it.
fn same_target(known: &Action, scheduled: &Action) -> bool {
    match (known, scheduled) {
        (Action::SwapGroups(known), Action::SwapGroups(other)) => known.target == other.target,
        (Action::Provision(_), Action::Provision(_)) => true,
        (Action::Invert(known), Action::Invert(other)) => known.health_check == other.health_check,
        (Action::Starve(known), Action::Starve(other)) => known.function == other.function,
        (Action::Revoke(known), Action::Revoke(other)) => known == other,
        _ => false,
    }
}

/// The change that a schedule's call undoes.
fn healed(target: &str, input: &str) -> Option<Action> {
    let input: Value = serde_json::from_str(input).ok()?;
    let text = |key: &str| input[key].as_str().map(str::to_owned);
    let texts = |key: &str| -> Vec<String> {
        input[key].as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    Some(match target.rsplit_once("aws-sdk:")?.1 {
        "route53:updateHealthCheck" => {
            Action::Invert(Invert { health_check: text("HealthCheckId")?, was: input["Inverted"].as_bool()? })
        }
        "lambda:deleteFunctionConcurrency" => Action::Starve(Starve { function: text("FunctionName")?, was: None }),
        "lambda:putFunctionConcurrency" => {
            let was = i32::try_from(input["ReservedConcurrentExecutions"].as_i64()?).ok()?;
            Action::Starve(Starve { function: text("FunctionName")?, was: Some(was) })
        }
        "cognitoidentityprovider:updateProvisionedLimit" => Action::Provision(Provision::of_call(&input)?),
        "ec2:authorizeSecurityGroupIngress" => {
            let rule = GroupRule::from_json(&input["IpPermissions"][0])?;
            let given = input["TagSpecifications"][0]["Tags"].as_array().into_iter().flatten();
            let pair = |tag: &Value| Some((tag["Key"].as_str()?.to_owned(), tag["Value"].as_str()?.to_owned()));
            Action::Revoke(Revoke { group: text("GroupId")?, rule, id: None, tags: given.filter_map(pair).collect() })
        }
        "ec2:modifyNetworkInterfaceAttribute" => swap(Grouped::Interface(text("NetworkInterfaceId")?), texts("Groups")),
        "elasticloadbalancingv2:setSecurityGroups" => {
            swap(Grouped::Balancer(text("LoadBalancerArn")?), texts("SecurityGroups"))
        }
        "ec2:modifyVpcEndpoint" => swap(Grouped::Endpoint(text("VpcEndpointId")?), texts("AddSecurityGroupIds")),
        "ec2:deleteNetworkAclEntry" => {
            let mut rule = AclRule::deny_all(input["Egress"].as_bool()?, false);
            rule.number = i32::try_from(input["RuleNumber"].as_i64()?).ok()?;
            Action::Deny(Deny { vpc: String::new(), clone: text("NetworkAclId")?, rule })
        }
        _ => return None,
    })
}

fn swap(target: Grouped, was: Vec<String>) -> Action {
    Action::SwapGroups(SwapGroups { target, was, group: String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::changes::group_rule::Source;

    #[test]
    fn a_schedule_tells_the_change_that_it_heals() {
        let rule = GroupRule {
            protocol: "tcp".into(),
            ports: Some((443, 443)),
            source: Source::Ipv4("0.0.0.0/0".into()),
            description: Some("the world".into()),
            owner: None,
        };
        let tags = BTreeMap::from([("Name".to_owned(), "door".to_owned())]);
        let changes = [
            Action::Invert(Invert { health_check: "hc".into(), was: false }),
            Action::Starve(Starve { function: "f".into(), was: None }),
            Action::Starve(Starve { function: "f".into(), was: Some(7) }),
            Action::Revoke(Revoke { group: "sg-1".into(), rule, id: None, tags }),
            Action::Provision(Provision { rate: None, was: 120 }),
        ];
        for change in changes {
            let call = change.change().universal(&|_| None).unwrap();
            for region in ["us-east-1", "us-gov-west-1"].map(Region::from) {
                assert_eq!(healed(&call.arn(&region), &call.input.to_string()), Some(change.clone()));
            }
        }
    }
}
