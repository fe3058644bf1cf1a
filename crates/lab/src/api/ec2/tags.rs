use std::collections::BTreeMap;

use super::rows::{DescribedRow, filter, page};
use super::{Ec2Call, Ec2Outcome, done, invalid};
use crate::api::ServiceError;
use crate::api::xml::{list, text};
use crate::world::State;
use gameday_core::model::RegionRole;

/// EC2 user guide, "Tag restrictions".
const TAGS_FOR_RESOURCE: usize = 50;
const KEY_LENGTH: usize = 128;
const VALUE_LENGTH: usize = 256;

pub(super) fn create(state: &mut State, call: &Ec2Call<'_>) -> Ec2Outcome {
    let resources = resources(state, call)?;
    let given = pairs(call, "Tag")?;
    if given.is_empty() {
        return Err(ServiceError::bad("MissingParameter", "The request must contain the parameter Tag"));
    }
    for id in &resources {
        let mut all = state.tags.get(id).cloned().unwrap_or_default();
        all.extend(given.clone());
        if all.len() > TAGS_FOR_RESOURCE {
            let message = format!("The maximum number of Tags for a resource has been reached: {id}");
            return Err(ServiceError::bad("TagLimitExceeded", message));
        }
    }
    for id in resources {
        state.tags.entry(id).or_default().extend(given.clone());
    }
    Ok(done())
}

pub(super) fn delete(state: &mut State, call: &Ec2Call<'_>) -> Ec2Outcome {
    let resources = resources(state, call)?;
    let numbers = call.params.numbers("Tag");
    for id in resources {
        let Some(tags) = state.tags.get_mut(&id) else { continue };
        if numbers.is_empty() {
            tags.clear();
        }
        for number in &numbers {
            let key = call.required(&format!("Tag.{number}.Key"))?;
            let value = call.params.get(&format!("Tag.{number}.Value"));
            if value.is_none_or(|value| tags.get(key).is_some_and(|known| known == value)) {
                tags.remove(key);
            }
        }
    }
    Ok(done())
}

/// The tags that a resource of `kind` is to be created with.
pub(super) fn from_specifications(call: &Ec2Call<'_>, kind: &str) -> Result<BTreeMap<String, String>, ServiceError> {
    let mut tags = BTreeMap::new();
    for number in call.params.numbers("TagSpecification") {
        let given = call.required(&format!("TagSpecification.{number}.ResourceType"))?;
        if given != kind {
            return Err(invalid(format!("'{given}' is not a valid taggable resource type for this operation.")));
        }
        tags.extend(pairs(call, &format!("TagSpecification.{number}.Tag"))?);
    }
    if tags.len() > TAGS_FOR_RESOURCE {
        return Err(ServiceError::bad(
            "TagLimitExceeded",
            "The maximum number of Tags for a resource has been reached.",
        ));
    }
    Ok(tags)
}

fn pairs(call: &Ec2Call<'_>, prefix: &str) -> Result<BTreeMap<String, String>, ServiceError> {
    let mut tags = BTreeMap::new();
    for number in call.params.numbers(prefix) {
        let key = call.required(&format!("{prefix}.{number}.Key"))?;
        let value = call.params.get(&format!("{prefix}.{number}.Value")).unwrap_or_default();
        if key.starts_with("aws:") {
            return Err(invalid("Tag keys starting with 'aws:' are reserved for internal use"));
        }
        if key.is_empty() || key.chars().count() > KEY_LENGTH || value.chars().count() > VALUE_LENGTH {
            return Err(invalid(format!("Tag '{key}' exceeds the length limits")));
        }
        tags.insert(key.to_owned(), value.to_owned());
    }
    Ok(tags)
}

/// The resources named, all of which must exist in this Region.
fn resources(state: &State, call: &Ec2Call<'_>) -> Result<Vec<String>, ServiceError> {
    let ids = call.params.list("ResourceId");
    if ids.is_empty() {
        return Err(ServiceError::bad("MissingParameter", "The request must contain the parameter resourceIdSet"));
    }
    for id in &ids {
        let (code, there) = match id.split('-').next().unwrap_or_default() {
            "acl" => ("InvalidNetworkAclID.NotFound", kind(state, call.region, id)),
            "vpc" => ("InvalidVpcID.NotFound", kind(state, call.region, id)),
            "subnet" => ("InvalidSubnetID.NotFound", kind(state, call.region, id)),
            "eni" => ("InvalidNetworkInterfaceID.NotFound", kind(state, call.region, id)),
            "sg" => ("InvalidGroup.NotFound", kind(state, call.region, id)),
            "sgr" => ("InvalidSecurityGroupRuleId.NotFound", kind(state, call.region, id)),
            _ => ("InvalidID", None),
        };
        if there.is_none() {
            return Err(ServiceError::bad(code, format!("The ID '{id}' is not valid")));
        }
    }
    Ok(ids.into_iter().map(str::to_owned).collect())
}

/// A resource's type, as DescribeTags names it, where the Region has it.
fn kind(state: &State, region: RegionRole, id: &str) -> Option<&'static str> {
    let groups = || state.groups.iter().filter(|group| group.region == region);
    let kinds = [
        ("network-acl", state.acls.iter().any(|acl| acl.id == id && acl.region == region)),
        ("vpc", state.vpcs.iter().any(|vpc| vpc.id == id && vpc.region == region)),
        ("subnet", state.subnets.iter().any(|subnet| subnet.id == id && subnet.region == region)),
        ("network-interface", state.interfaces.iter().any(|eni| eni.id == id && eni.region == region)),
        ("security-group", groups().any(|group| group.id == id)),
        ("security-group-rule", groups().flat_map(|group| &group.rules).any(|rule| rule.id == id)),
    ];
    kinds.into_iter().find_map(|(kind, there)| there.then_some(kind))
}

pub(super) fn describe(state: &State, call: &Ec2Call<'_>) -> Ec2Outcome {
    let mut rows = Vec::new();
    for (id, tags) in &state.tags {
        let Some(kind) = kind(state, call.region, id) else { continue };
        rows.extend(tags.iter().map(|(key, value)| DescribedRow {
            id: key.clone(),
            attributes: vec![
                ("resource-id", vec![id.clone()]),
                ("resource-type", vec![kind.to_owned()]),
                ("key", vec![key.clone()]),
                ("value", vec![value.clone()]),
            ],
            shown: vec![text("resourceId", id), text("resourceType", kind), text("key", key), text("value", value)],
        }));
    }
    let rows = filter(call, rows, |row, name, patterns| match name.strip_prefix("tag:") {
        Some(key) => Ok(row.id == key && row.matches("value", patterns)?),
        None => row.matches(name, patterns),
    })?;
    let (page, token) = page(call, false, rows)?;
    let mut answer = vec![list("tagSet", "item", page.into_iter().map(|row| row.shown))];
    answer.extend(token.map(|token| text("nextToken", token)));
    Ok(answer)
}
