//! EC2's query protocol: form parameters in, XML out (EC2 API reference, version 2016-11-15).

mod acls;
mod describe;
mod groups;
mod interfaces;
mod permissions;
mod rows;
mod tags;

pub(crate) use acls::{ACLS_FOR_VPC, RULES_FOR_DIRECTION};
pub(crate) use groups::RULES_FOR_GROUP;

use super::query::Params;
use super::xml::{Element, node, text};
use super::{Reply, ServiceError};
use crate::world::{State, World};
use gameday_core::model::RegionRole;

const NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";

/// One call.
struct Ec2Call<'a> {
    region: RegionRole,
    params: &'a Params,
}

/// What an action adds to its response, or why it did not happen.
type Ec2Outcome = Result<Vec<Element>, ServiceError>;

/// Answers one request. A service control policy may demand tags of whatever is created.
pub(crate) fn handle(world: &World, region: RegionRole, params: &Params, required_tags: &[String]) -> Reply {
    let call = Ec2Call { region, params };
    let outcome = call.has_tags(required_tags).and_then(|()| act(world, &call));
    let request_id = super::request_id();
    match outcome {
        Ok((name, mut children)) => {
            children.insert(0, text("requestId", &request_id));
            Reply::xml(http::StatusCode::OK, &node(name, children).in_namespace(NAMESPACE))
        }
        Err(error) => refusal(&error, &request_id),
    }
}

/// An error as EC2 writes it.
pub(crate) fn refusal(error: &ServiceError, request_id: &str) -> Reply {
    let what = node("Error", vec![text("Code", error.code), text("Message", &error.message)]);
    Reply::xml(error.status, &node("Response", vec![node("Errors", vec![what]), text("RequestID", request_id)]))
}

fn act(world: &World, call: &Ec2Call<'_>) -> Result<(&'static str, Vec<Element>), ServiceError> {
    let action = call
        .params
        .get("Action")
        .ok_or_else(|| ServiceError::bad("MissingAction", "The request is missing an action."))?;
    if call.flag("DryRun")? == Some(true) && KNOWN.contains(&action) {
        let message = "Request would have succeeded, but DryRun flag is set.";
        return Err(ServiceError {
            status: http::StatusCode::PRECONDITION_FAILED,
            code: "DryRunOperation",
            message: message.to_owned(),
        });
    }
    let look =
        |name, describe: fn(&State, &Ec2Call<'_>) -> Ec2Outcome| Ok((name, world.read(|state| describe(state, call))?));
    let change = |name, mutate: fn(&mut State, &Ec2Call<'_>) -> Ec2Outcome| {
        Ok((name, world.change(|state| mutate(state, call))?))
    };
    match action {
        "DescribeVpcs" => look("DescribeVpcsResponse", describe::vpcs),
        "DescribeSubnets" => look("DescribeSubnetsResponse", describe::subnets),
        "DescribeNetworkInterfaces" => look("DescribeNetworkInterfacesResponse", interfaces::describe),
        "DescribeNetworkAcls" => look("DescribeNetworkAclsResponse", describe::acls),
        "DescribeSecurityGroups" => look("DescribeSecurityGroupsResponse", groups::describe),
        "DescribeSecurityGroupRules" => look("DescribeSecurityGroupRulesResponse", groups::describe_rules),
        "DescribeAvailabilityZones" => look("DescribeAvailabilityZonesResponse", describe::zones),
        "DescribeVpcEndpoints" => look("DescribeVpcEndpointsResponse", describe::vpc_endpoints),
        "DescribeTags" => look("DescribeTagsResponse", tags::describe),
        "CreateNetworkAcl" => change("CreateNetworkAclResponse", acls::create),
        "DeleteNetworkAcl" => change("DeleteNetworkAclResponse", acls::delete),
        "CreateNetworkAclEntry" => change("CreateNetworkAclEntryResponse", acls::create_entry),
        "ReplaceNetworkAclEntry" => change("ReplaceNetworkAclEntryResponse", acls::replace_entry),
        "DeleteNetworkAclEntry" => change("DeleteNetworkAclEntryResponse", acls::delete_entry),
        "ReplaceNetworkAclAssociation" => change("ReplaceNetworkAclAssociationResponse", acls::replace_association),
        "ModifyNetworkInterfaceAttribute" => change("ModifyNetworkInterfaceAttributeResponse", interfaces::modify),
        "CreateSecurityGroup" => change("CreateSecurityGroupResponse", groups::create),
        "DeleteSecurityGroup" => change("DeleteSecurityGroupResponse", groups::delete),
        "AuthorizeSecurityGroupIngress" => {
            change("AuthorizeSecurityGroupIngressResponse", |state, call| groups::authorize(state, call, false))
        }
        "AuthorizeSecurityGroupEgress" => {
            change("AuthorizeSecurityGroupEgressResponse", |state, call| groups::authorize(state, call, true))
        }
        "RevokeSecurityGroupIngress" => {
            change("RevokeSecurityGroupIngressResponse", |state, call| groups::revoke(state, call, false))
        }
        "RevokeSecurityGroupEgress" => {
            change("RevokeSecurityGroupEgressResponse", |state, call| groups::revoke(state, call, true))
        }
        "CreateTags" => change("CreateTagsResponse", tags::create),
        "DeleteTags" => change("DeleteTagsResponse", tags::delete),
        other => {
            Err(ServiceError::bad("InvalidAction", format!("The action {other} is not valid for this web service.")))
        }
    }
}

const KNOWN: [&str; 24] = [
    "DescribeVpcEndpoints",
    "DescribeVpcs",
    "DescribeSubnets",
    "DescribeNetworkInterfaces",
    "DescribeNetworkAcls",
    "DescribeSecurityGroups",
    "DescribeAvailabilityZones",
    "CreateNetworkAcl",
    "DeleteNetworkAcl",
    "CreateNetworkAclEntry",
    "ReplaceNetworkAclEntry",
    "DeleteNetworkAclEntry",
    "ReplaceNetworkAclAssociation",
    "CreateTags",
    "DeleteTags",
    "DescribeTags",
    "DescribeSecurityGroupRules",
    "ModifyNetworkInterfaceAttribute",
    "CreateSecurityGroup",
    "DeleteSecurityGroup",
    "AuthorizeSecurityGroupIngress",
    "AuthorizeSecurityGroupEgress",
    "RevokeSecurityGroupIngress",
    "RevokeSecurityGroupEgress",
];

impl Ec2Call<'_> {
    /// Refuses what is created without a tag that the organization demands (Organizations user guide, "Require a tag on specified created resources").
    fn has_tags(&self, required: &[String]) -> Result<(), ServiceError> {
        let action = self.params.get("Action").unwrap_or_default();
        let creates = ["CreateNetworkAcl", "CreateSecurityGroup"].contains(&action);
        let specifications = self.params.numbers("TagSpecification").into_iter();
        let keys = specifications.flat_map(|number| {
            let tags = format!("TagSpecification.{number}.Tag");
            let keys = self.params.numbers(&tags).into_iter();
            keys.filter_map(|tag| self.params.get(&format!("{tags}.{tag}.Key"))).collect::<Vec<_>>()
        });
        let keys: Vec<&str> = keys.collect();
        match required.iter().find(|key| creates && !keys.contains(&key.as_str())) {
            None => Ok(()),
            Some(_) => Err(ServiceError {
                status: http::StatusCode::FORBIDDEN,
                code: "UnauthorizedOperation",
                message: format!(
                    "You are not authorized to perform this operation. User is not authorized to perform: ec2:{action} with an explicit deny in a service \
                     control policy."
                ),
            }),
        }
    }

    fn required(&self, name: &str) -> Result<&str, ServiceError> {
        self.params.get(name).ok_or_else(|| {
            ServiceError::bad("MissingParameter", format!("The request must contain the parameter {name}"))
        })
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, ServiceError> {
        match self.params.get(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(invalid(format!("Value ({other}) for parameter {name} is invalid."))),
        }
    }
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::bad("InvalidParameterValue", message)
}

/// The answer of actions that only say that they happened.
fn done() -> Vec<Element> {
    vec![text("return", true)]
}
