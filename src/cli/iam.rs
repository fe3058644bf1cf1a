//! `gameday iam-policy`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::faults::Policies;
use crate::preflight::checks;
use crate::preflight::facts::Facts;
use gameday_core::env::Site;
use gameday_core::model::RegionRole;

use super::plan::resolve;
use super::world::{self, World};
use super::{Exit, Failure, IamPolicyArgs, runs};

/// The only call of a check that does more than read.
const INVOKE: &str = "lambda:InvokeFunction";

/// Prints the policies for exactly the calls that a run would make; only reads.
pub(super) async fn iam_policy(args: IamPolicyArgs) -> Result<Exit, Failure> {
    let (scenario, environment) = world::read(Some(&args.scenario), &args.place)?;
    let world = Box::pin(World::open(environment, &args.place)).await?;
    let policies = policies(&scenario.value, &world, args.no_dead_man).await;
    world.close().await;
    let Printed { runner, preflight, dead_man, trust } = policies?;
    let shown = match args.of {
        None => {
            json!({ "runner": runner, "preflight": preflight, "dead_man": dead_man, "dead_man_trust": trust })
        }
        Some(PolicyOf::Runner) => runner,
        Some(PolicyOf::Preflight) => preflight,
        Some(PolicyOf::DeadMan) => dead_man,
        Some(PolicyOf::DeadManTrust) => trust,
    };
    runs::put(None, &runs::json(&shown)?)?;
    Ok(Exit::Success)
}

/// One of the policy documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum PolicyOf {
    /// For the principal that runs and rolls back
    Runner,
    /// Read permissions for preflight; attach it to the same principal. Checks without permission are reported as not checked
    Preflight,
    /// For the role that restores if the runner cannot
    DeadMan,
    /// The trust policy of that role
    DeadManTrust,
}

struct Printed {
    runner: Value,
    preflight: Value,
    dead_man: Value,
    trust: Value,
}

async fn policies(
    scenario: &gameday_core::scenario::Scenario,
    world: &World,
    no_dead_man: bool,
) -> Result<Printed, Failure> {
    let (cloud, plan) = resolve(scenario, world).await?;
    let caller = cloud.primary.caller().await.map_err(|error| Failure::plain(error.to_string()))?;
    let account = caller.account.as_str();
    let armed = world.site.dead_man.is_some() && !no_dead_man;
    let policies = Policies { scenario, plan: &plan, site: &world.site, account, armed };
    let (runner, dead_man, trust) = (policies.runner(), policies.dead_man(), policies.dead_man_trust());
    let invoked = match world.site.preflight.invoke_triggers {
        Some(true) => Some(triggers(scenario, world, cloud).await),
        _ => None,
    };
    let preflight = Reads { site: &world.site, account, invoked: invoked.as_ref() }.policy();
    Ok(Printed { runner, preflight, dead_man, trust })
}

/// The ARNs of both Regions' trigger functions; every function of the account in a Region whose pool does not tell.
async fn triggers(scenario: &gameday_core::scenario::Scenario, world: &World, cloud: Cloud) -> BTreeSet<String> {
    let account = cloud.primary.caller().await.map_or_else(|_| "*".to_owned(), |caller| caller.account);
    let facts = Facts::new(Arc::new(world.site.clone()), cloud, Arc::new(scenario.clone()), world.clock);
    let mut found = BTreeSet::new();
    for role in [RegionRole::Primary, RegionRole::Replica] {
        if let Ok(triggers) = facts.triggers(role).await {
            found.extend(triggers.into_values().map(|trigger| trigger.function));
        } else {
            let region = &world.site.region(role).region;
            found.insert(format!("arn:{}:lambda:{region}:{account}:function:*", region.partition().name()));
        }
    }
    found
}

/// What the checks read. The canary's write is the runner's.
struct Reads<'a> {
    site: &'a Site,
    account: &'a str,
    /// Which functions may be invoked, where the environment allows that at all.
    invoked: Option<&'a BTreeSet<String>>,
}

impl Reads<'_> {
    fn policy(&self) -> Value {
        let reads = |call: &&str| {
            let operation = call.split(':').nth(1).unwrap_or_default();
            ["Describe", "Get", "GET", "List", "AdminGet", "AdminList"].iter().any(|verb| operation.starts_with(verb))
        };
        let calls = checks::all().into_iter().flat_map(|check| check.calls).copied();
        let invokes = self.invoked.is_some_and(|functions| !functions.is_empty());
        let calls: BTreeSet<&str> = calls.filter(|call| reads(call) || (invokes && *call == INVOKE)).collect();
        let mut statements: BTreeMap<&str, (BTreeSet<&str>, BTreeSet<String>)> = BTreeMap::new();
        for call in calls {
            let (name, resources) = self.resources(call);
            let statement = statements.entry(name).or_default();
            statement.0.insert(call);
            statement.1.extend(resources);
        }
        let statement = |(name, (calls, resources))| json!({ "Sid": name, "Effect": "Allow", "Action": calls, "Resource": resources });
        json!({ "Version": "2012-10-17", "Statement": statements.into_iter().map(statement).collect::<Vec<_>>() })
    }

    /// The resources on which AWS lets a call be allowed, by type where they are only discovered on the way (service authorization
    /// reference). Calls that list, and those that know no resource, are allowed on all.
    fn resources(&self, call: &str) -> (&'static str, Vec<String>) {
        let account = self.account;
        let partition = self.site.primary.region.partition().name();
        let roles = [RegionRole::Primary, RegionRole::Replica];
        let regions = roles.map(|role| &self.site.region(role).region);
        let in_both = |service: &str, resource: &str| {
            regions.iter().map(|region| format!("arn:{partition}:{service}:{region}:{account}:{resource}")).collect()
        };
        let one = |arn: String| vec![arn];
        let (service, operation) = call.split_once(':').unwrap_or((call, ""));
        match (service, operation) {
            ("cognito-idp", "DescribeUserPoolDomain" | "GetProvisionedLimit") => ("ReadAnything", one("*".to_owned())),
            ("cognito-idp", _) => {
                let pool = |role| {
                    let region = &self.site.region(role).region;
                    format!("arn:{partition}:cognito-idp:{region}:{account}:userpool/{}", self.site.pool.id_at(role))
                };
                ("ReadUserPool", roles.map(pool).into())
            }
            ("lambda", "InvokeFunction") => ("InvokeTriggers", self.invoked.into_iter().flatten().cloned().collect()),
            ("lambda", operation) if operation != "GetAccountSettings" => {
                ("ReadFunctions", in_both("lambda", "function:*"))
            }
            // Of another account, where keys are kept apart.
            ("kms", _) => {
                let key = |region| format!("arn:{partition}:kms:{region}:*:key/*");
                ("ReadKeys", regions.map(key).into())
            }
            ("dynamodb", _) => ("ReadTables", in_both("dynamodb", "table/*")),
            ("secretsmanager", _) => ("ReadSecretsMetadata", in_both("secretsmanager", "secret:*")),
            ("apigateway", _) => {
                let apis = |region| format!("arn:{partition}:apigateway:{region}::/*");
                ("ReadApis", regions.map(apis).into())
            }
            ("route53", "ListResourceRecordSets" | "GetHostedZone") => {
                ("ReadRecord", one(format!("arn:{partition}:route53:::hostedzone/{}", self.site.dns.hosted_zone_id)))
            }
            // Also of the replica's record, and the children of a calculated one.
            ("route53", _) => ("ReadHealthChecks", one(format!("arn:{partition}:route53:::healthcheck/*"))),
            // A managed login's certificate is in another Region.
            ("acm", "DescribeCertificate") => {
                ("ReadCertificates", one(format!("arn:{partition}:acm:*:{account}:certificate/*")))
            }
            // A trail may be the organisation's, and its bucket another account's.
            ("cloudtrail", operation) if operation != "DescribeTrails" => {
                ("ReadTrails", one(format!("arn:{partition}:cloudtrail:*:*:trail/*")))
            }
            ("s3", _) => ("ReadBuckets", one(format!("arn:{partition}:s3:::*"))),
            ("cloudwatch", "GetDashboard") => {
                ("ReadDashboards", one(format!("arn:{partition}:cloudwatch::{account}:dashboard/*")))
            }
            ("iam", _) => {
                // Policies that AWS manages belong to no account.
                let own = ["role", "policy"].map(|kind| format!("arn:{partition}:iam::{account}:{kind}/*"));
                let managed = format!("arn:{partition}:iam::aws:policy/*");
                ("ReadRoles", own.into_iter().chain([managed]).collect())
            }
            _ => ("ReadAnything", one("*".to_owned())),
        }
    }
}
