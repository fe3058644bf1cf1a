//! What was asked of the control plane, in the words of IAM: action, resources with their tags, condition keys.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::request::Parts;
use serde::Serialize;

use super::query::Params;
use super::{
    Control, Service, acm, cloudtrail, cloudwatch, dynamodb, kms, s3, scheduler, secrets, service_quotas, universal,
    waf,
};
use crate::topology;
use crate::world::State;
use gameday_core::model::RegionRole;

/// So many calls are kept: a lab may run for days.
const KEPT: usize = 20_000;

/// One call, as IAM would judge it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Call {
    /// As `ec2:CreateNetworkAcl`.
    pub action: String,
    /// The role that will make it, once its schedule is due; nothing for calls that were made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheduled_as: Option<String>,
    /// Every resource that the caller must be allowed to use; none for calls that know none.
    pub resources: Vec<Resource>,
    /// Condition keys of the request.
    pub context: BTreeMap<String, Vec<String>>,
}

/// A resource of a call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Resource {
    pub arn: String,
    /// Its tags when the call was made.
    pub tags: BTreeMap<String, String>,
}

/// The calls of one Region.
#[derive(Debug, Default)]
pub(crate) struct Calls(Mutex<Vec<Call>>);

impl Calls {
    /// What was asked so far.
    pub(crate) fn all(&self) -> Vec<Call> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Call>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, call: Call) {
        let mut calls = self.lock();
        if calls.len() < KEPT {
            calls.push(call);
        }
    }
}

/// A request, as its service's protocol has it.
#[derive(Clone, Copy)]
pub(super) enum Asked<'a> {
    /// The query protocol.
    Query(&'a Params),
    /// Anything else.
    Http(&'a Parts, &'a [u8]),
}

/// Notes a signed request.
pub(super) fn note(control: &Control, service: Service, parts: &Parts, body: &[u8]) {
    let calls = match service {
        Service::Ec2 | Service::Elb | Service::Rds | Service::Iam => {
            let Some(params) = Params::parse(parts.uri.query().unwrap_or_default(), body) else { return };
            of(control, service, Asked::Query(&params))
        }
        _ => of(control, service, Asked::Http(parts, body)),
    };
    let schedules = calls
        .iter()
        .any(|call| ["scheduler:CreateSchedule", "scheduler:UpdateSchedule"].contains(&call.action.as_str()));
    for call in calls {
        control.calls.add(call);
    }
    if schedules {
        let input: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let role = input["Target"]["RoleArn"].as_str().map(str::to_owned);
        for call in universal::will_call(control, &input["Target"]) {
            control.calls.add(Call { scheduled_as: role.clone(), ..call });
        }
    }
}

/// What a request asks for.
pub(super) fn of(control: &Control, service: Service, asked: Asked<'_>) -> Vec<Call> {
    let mut calls = Vec::new();
    let region = topology::region(control.role);
    let context = BTreeMap::from([("aws:RequestedRegion".to_owned(), vec![region.to_owned()])]);
    let call = |action: String, arns: Vec<String>| {
        let resources = arns.into_iter().map(|arn| Resource { arn, tags: BTreeMap::new() }).collect();
        Call { action, scheduled_as: None, resources, context: context.clone() }
    };
    let (parts, body) = match asked {
        Asked::Query(params) if service == Service::Ec2 => {
            return control.world.read(|state| ec2(state, control.role, params, &context));
        }
        Asked::Query(params) if matches!(service, Service::Rds | Service::Iam) => {
            let (action, arns) = related(service, params);
            return vec![call(action, arns)];
        }
        Asked::Query(params) => {
            let action = format!("elasticloadbalancing:{}", params.get("Action").unwrap_or_default());
            let changes = params.get("Action") == Some("SetSecurityGroups");
            let balancer = params.get("LoadBalancerArn").filter(|_| changes).map(str::to_owned);
            return vec![call(action, balancer.into_iter().collect())];
        }
        Asked::Http(parts, body) => (parts, body),
    };
    let path = parts.uri.path().replace("%3A", ":").replace("%3a", ":");
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let account = topology::ACCOUNT;
    match service {
        Service::Route53 => {
            let (operation, resource) = match (parts.method.as_str(), segments.get(1..).unwrap_or_default()) {
                ("GET", ["hostedzone", id]) => ("GetHostedZone", format!("hostedzone/{id}")),
                ("GET", ["hostedzone", id, "rrset"]) => ("ListResourceRecordSets", format!("hostedzone/{id}")),
                ("GET", ["healthcheck", id]) => ("GetHealthCheck", format!("healthcheck/{id}")),
                ("POST", ["healthcheck", id]) => ("UpdateHealthCheck", format!("healthcheck/{id}")),
                ("GET", ["healthcheck", id, "status"]) => ("GetHealthCheckStatus", format!("healthcheck/{id}")),
                ("POST", ["tags", "healthcheck", id]) => ("ChangeTagsForResource", format!("healthcheck/{id}")),
                ("GET", ["tags", "healthcheck", id]) => ("ListTagsForResource", format!("healthcheck/{id}")),
                _ => ("Unknown", String::new()),
            };
            calls.push(call(format!("route53:{operation}"), vec![format!("arn:aws:route53:::{resource}")]));
        }
        Service::Cognito => {
            let (operation, arns) = cognito(region, parts, body);
            calls.push(call(operation, arns));
        }
        Service::Scheduler => {
            let operation = match (parts.method.as_str(), &segments[..]) {
                ("POST", ["schedule-groups", ..]) => "CreateScheduleGroup",
                ("DELETE", ["schedule-groups", ..]) => "DeleteScheduleGroup",
                ("GET", ["schedule-groups", _]) => "GetScheduleGroup",
                ("GET", ["schedule-groups"]) => "ListScheduleGroups",
                ("POST", _) => "CreateSchedule",
                ("PUT", _) => "UpdateSchedule",
                ("DELETE", _) => "DeleteSchedule",
                ("GET", [_, _]) => "GetSchedule",
                _ => "ListSchedules",
            };
            let name = segments.get(1).copied().unwrap_or("*");
            let resource = match segments.first() {
                Some(&"schedule-groups") => format!("schedule-group/{name}"),
                _ => format!("schedule/{}/{name}", scheduler::group(parts, body)),
            };
            let arn = format!("arn:aws:scheduler:{region}:{account}:{resource}");
            calls.push(call(format!("scheduler:{operation}"), vec![arn]));
            if ["CreateSchedule", "UpdateSchedule"].contains(&operation) {
                let input: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
                let role = input["Target"]["RoleArn"].as_str().unwrap_or_default().to_owned();
                let mut pass = call("iam:PassRole".to_owned(), vec![role]);
                let service = vec!["scheduler.amazonaws.com".to_owned()];
                pass.context.insert("iam:PassedToService".to_owned(), service);
                calls.push(pass);
            }
        }
        Service::Lambda => {
            let (operation, arn) = lambda(control, parts, &segments);
            calls.push(call(operation, arn.into_iter().collect()));
        }
        Service::Kms => {
            let (action, arn) = key(region, parts, body);
            calls.push(call(action, vec![arn]));
        }
        // API Gateway has actions by HTTP method, on resources by path (Service authorization reference).
        Service::ApiGateway => {
            let resource = vec![format!("arn:aws:apigateway:{region}::{}", parts.uri.path())];
            calls.push(call(format!("apigateway:{}", parts.method), resource));
        }
        Service::Quotas
        | Service::CloudWatch
        | Service::DynamoDb
        | Service::Secrets
        | Service::Acm
        | Service::CloudTrail
        | Service::S3 => {
            let (action, arns) = read(service, region, parts, body);
            calls.push(call(action, arns));
        }
        Service::Waf => {
            calls.extend(waf(control, region, parts, body).into_iter().map(|(action, arns)| call(action, arns)));
        }
        // Everybody may ask who they are; the query protocol's services were answered above.
        Service::Sts | Service::Ec2 | Service::Elb | Service::Rds | Service::Iam => {}
    }
    calls
}

/// A call of Lambda's API, and the ARN of the function that it is about.
fn lambda(control: &Control, parts: &Parts, segments: &[&str]) -> (String, Option<String>) {
    let operation = match (parts.method.as_str(), segments.get(1).copied(), segments.last().copied()) {
        ("PUT", _, _) => "PutFunctionConcurrency",
        ("DELETE", _, Some("concurrency")) => "DeleteFunctionConcurrency",
        ("GET", _, Some("concurrency")) => "GetFunctionConcurrency",
        ("GET", Some("tags"), _) => "ListTags",
        ("POST", Some("tags"), _) => "TagResource",
        ("DELETE", Some("tags"), _) => "UntagResource",
        ("GET", _, Some("configuration")) => "GetFunctionConfiguration",
        ("GET", _, Some("policy")) => "GetPolicy",
        ("GET", _, Some("functions")) => "ListFunctions",
        ("GET", _, Some("account-settings")) => "GetAccountSettings",
        ("POST", _, Some("invocations")) => "InvokeFunction",
        _ => "GetFunction",
    };
    let function = segments.get(2).and_then(|given| control.services.functions.find(given));
    (format!("lambda:{operation}"), function.map(|function| function.arn().to_owned()))
}

/// A call of CloudWatch's API. A dashboard is of no Region; which one it is stands in three protocols.
fn metrics(parts: &Parts, body: &[u8]) -> (String, Vec<String>) {
    let operation = cloudwatch::operation(parts, body);
    let dashboard = format!("arn:aws:cloudwatch::{}:dashboard/asked-for", topology::ACCOUNT);
    (format!("cloudwatch:{operation}"), (operation == "GetDashboard").then_some(dashboard).into_iter().collect())
}

/// A call of a service that is only read.
fn related(service: Service, params: &Params) -> (String, Vec<String>) {
    let prefix = if service == Service::Rds { "rds" } else { "iam" };
    let role = params.get("RoleName").map(|name| format!("arn:aws:iam::{}:role/{name}", topology::ACCOUNT));
    let arns = role.into_iter().chain(params.get("PolicyArn").map(str::to_owned));
    (format!("{prefix}:{}", params.get("Action").unwrap_or_default()), arns.collect())
}

/// A call of a service that checks alone read, and the ARNs of what it uses.
fn read(service: Service, region: &str, parts: &Parts, body: &[u8]) -> (String, Vec<String>) {
    let account = topology::ACCOUNT;
    let input: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    // By name or by ARN.
    let named = |key: &str, resource: &dyn Fn(&str) -> String| -> Vec<String> {
        let arn = |name: &str| {
            if name.starts_with("arn:") { name.to_owned() } else { format!("arn:aws:{}", resource(name)) }
        };
        input[key].as_str().map(arn).into_iter().collect()
    };
    let (name, operation, arns) = match service {
        Service::CloudWatch => return metrics(parts, body),
        Service::Acm => ("acm", acm::operation(parts), named("CertificateArn", &str::to_owned)),
        Service::DynamoDb => (
            "dynamodb",
            dynamodb::operation(parts),
            named("TableName", &|name| format!("dynamodb:{region}:{account}:table/{name}")),
        ),
        Service::Secrets => (
            "secretsmanager",
            secrets::operation(parts),
            named("SecretId", &|name| format!("secretsmanager:{region}:{account}:secret:{name}-000000")),
        ),
        Service::CloudTrail => {
            let trail = |name: &str| format!("cloudtrail:{region}:{account}:trail/{name}");
            let named = ["Name", "TrailName"].into_iter().flat_map(|key| named(key, &trail)).collect();
            ("cloudtrail", cloudtrail::operation(parts), named)
        }
        // The permission has another name than the operation, GetObjectLockConfiguration.
        Service::S3 => {
            let bucket = format!("arn:aws:s3:::{}", s3::bucket(parts));
            ("s3", Some("GetBucketObjectLockConfiguration"), vec![bucket])
        }
        _ => ("servicequotas", service_quotas::operation(parts), Vec::new()),
    };
    (format!("{name}:{}", operation.unwrap_or_default()), arns)
}

/// A call of KMS's API, and the key's ARN.
fn key(region: &str, parts: &Parts, body: &[u8]) -> (String, String) {
    let operation = kms::operation(parts).unwrap_or_default();
    let input: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let named = input["KeyId"].as_str().unwrap_or("*");
    let arn = if named.starts_with("arn:") {
        named.to_owned()
    } else {
        format!("arn:aws:kms:{region}:{}:key/{named}", topology::ACCOUNT)
    };
    (format!("kms:{operation}"), arn)
}

/// What a call of WAF's API needs to be allowed, each with the ARNs of what it uses (service authorization reference, "AWS WAF V2" and "Amazon
/// Cognito User Pools").
fn waf(control: &Control, region: &str, parts: &Parts, body: &[u8]) -> Vec<(String, Vec<String>)> {
    let operation = waf::operation(parts).unwrap_or_default();
    let input: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let of_name = |name: &str| {
        let id = input["Id"].as_str().unwrap_or("*");
        format!("arn:aws:wafv2:{region}:{}:regional/webacl/{name}/{id}", topology::ACCOUNT)
    };
    let named =
        ["WebACLArn", "ResourceArn", "ARN"].into_iter().filter_map(|key| input[key].as_str().map(str::to_owned));
    let arns: Vec<String> = named.chain(input["ResourceARN"].as_str().map(str::to_owned)).collect();
    let arns: Vec<String> = arns.into_iter().chain(input["Name"].as_str().map(of_name)).collect();
    let mut all = vec![(format!("wafv2:{operation}"), arns.clone())];
    if input["ResourceArn"].as_str().is_some_and(|resource| resource.contains(":userpool/")) {
        all.push((format!("cognito-idp:{operation}"), arns));
        match operation {
            // What it shows takes a permission of its own (WAFV2 API reference, GetWebACLForResource).
            "GetWebACLForResource" => {
                let shown = control.web_acls.of_pool().map(|acl| acl.arn().to_owned());
                all.extend(shown.map(|arn| ("wafv2:GetWebACL".to_owned(), vec![arn])));
            }
            // It is bound to no web ACL (Cognito developer guide, "Permissions for working with web ACLs").
            "DisassociateWebACL" => all[0].1.clear(),
            _ => {}
        }
    } else if operation == "CreateWebACL" && input["Tags"].is_array() {
        all.push(("wafv2:TagResource".to_owned(), arns));
    }
    all
}

/// A call of Cognito's API, and the ARNs of what it uses.
fn cognito(region: &str, parts: &Parts, body: &[u8]) -> (String, Vec<String>) {
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default();
    let input: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let arns = if operation.ends_with("ProvisionedLimit") || operation == "DescribeUserPoolDomain" {
        // Limits are the account's, no pool's; a domain has no ARN.
        Vec::new()
    } else if let Some(arn) = input["ResourceArn"].as_str() {
        vec![arn.to_owned()]
    } else {
        let pool = input["UserPoolId"].as_str().unwrap_or_default();
        vec![format!("arn:aws:cognito-idp:{region}:{}:userpool/{pool}", topology::ACCOUNT)]
    };
    (format!("cognito-idp:{operation}"), arns)
}

fn ec2(state: &State, role: RegionRole, params: &Params, context: &BTreeMap<String, Vec<String>>) -> Vec<Call> {
    let (region, account) = (topology::region(role), topology::ACCOUNT);
    let name = params.get("Action").unwrap_or_default();
    let resource = |id: &str| {
        let kind = match id.split('-').next().unwrap_or_default() {
            "acl" => "network-acl",
            "eni" => "network-interface",
            "sg" => "security-group",
            "vpc" => "vpc",
            other => other,
        };
        let tags = state.tags(id).map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        Resource { arn: format!("arn:aws:ec2:{region}:{account}:{kind}/{id}"), tags }
    };
    let new =
        |kind: &str| Resource { arn: format!("arn:aws:ec2:{region}:{account}:{kind}/new"), tags: BTreeMap::new() };
    let mut context = context.clone();
    let mut calls = Vec::new();
    let mut resources = Vec::new();
    // Describing calls know no resources.
    if !name.starts_with("Describe") {
        for key in ["NetworkAclId", "VpcId", "GroupId", "NetworkInterfaceId"] {
            resources.extend(params.get(key).map(resource));
        }
        for list in ["ResourceId", "SecurityGroupId"] {
            resources.extend(params.list(list).into_iter().map(resource));
        }
        if let Some(association) = params.get("AssociationId") {
            let subnets = state.acls.iter().flat_map(|acl| &acl.associations);
            let subnet = subnets.filter(|known| known.id == association).map(|known| resource(&known.subnet));
            resources.extend(subnet);
        }
    }
    let keys = params.numbers("Tag").into_iter().filter_map(|number| params.get(&format!("Tag.{number}.Key")));
    let keys: Vec<String> = keys.map(str::to_owned).collect();
    if !keys.is_empty() {
        context.insert("aws:TagKeys".to_owned(), keys);
    }
    for (creating, kind) in [("CreateNetworkAcl", "network-acl"), ("CreateSecurityGroup", "security-group")] {
        if name == creating {
            resources.push(new(kind));
            // Tags given with a new resource must be allowed apart (EC2 user guide, "Grant permission to tag resources
            // during creation").
            let mut tagging = context.clone();
            tagging.insert("ec2:CreateAction".to_owned(), vec![creating.to_owned()]);
            let (action, resources) = ("ec2:CreateTags".to_owned(), vec![new(kind)]);
            calls.push(Call { action, scheduled_as: None, resources, context: tagging });
        }
    }
    calls.push(Call { action: format!("ec2:{name}"), scheduled_as: None, resources, context });
    calls
}
