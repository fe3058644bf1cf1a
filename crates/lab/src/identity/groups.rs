//! Groups of users.

use std::sync::Arc;

use serde_json::{Value, json};

use super::auth::{invalid_parameter, required};
use super::directory::{Change, Group, epoch};
use super::{Identity, Refusal};
use gameday_core::model::RegionRole;

/// The most that one page lists (Cognito API reference).
const PAGE: usize = 60;

/// A page of names in order: those after the input's `NextToken`, at most its `Limit`. The token of the next page is the last name.
fn page<'a, T>(
    items: impl Iterator<Item = &'a Arc<T>>,
    name: impl Fn(&T) -> &str,
    input: &Value,
) -> Result<(Vec<Arc<T>>, Option<String>), Refusal>
where
    T: 'a,
{
    let limit = match &input["Limit"] {
        Value::Null => PAGE,
        limit => match limit.as_u64().and_then(|limit| usize::try_from(limit).ok()) {
            Some(limit @ 0..=PAGE) => limit.max(1),
            _ => return Err(invalid_parameter("Limit must be at most 60")),
        },
    };
    let after = input["NextToken"].as_str();
    let mut rest = items.filter(|item| after.is_none_or(|after| name(item) > after));
    let page: Vec<_> = rest.by_ref().take(limit).cloned().collect();
    let more = rest.next().is_some();
    let token = page.last().filter(|_| more).map(|last| name(last).to_owned());
    Ok((page, token))
}

fn listed(key: &str, items: &[Value], token: Option<String>) -> Value {
    let mut answer = json!({ key: items });
    if let Some(token) = token {
        answer["NextToken"] = token.into();
    }
    answer
}

impl Identity {
    fn describe_group(&self, group: &Group) -> Value {
        let mut described = json!({
            "GroupName": group.name,
            "UserPoolId": self.pool_id,
            "CreationDate": epoch(group.created),
            "LastModifiedDate": epoch(group.created),
        });
        if let Some(description) = &group.description {
            described["Description"] = description.clone().into();
        }
        if let Some(precedence) = group.precedence {
            described["Precedence"] = precedence.into();
        }
        if let Some(role) = &group.role_arn {
            described["RoleArn"] = role.clone().into();
        }
        described
    }

    fn describe_groups(&self, groups: &[Arc<Group>]) -> Vec<Value> {
        groups.iter().map(|group| self.describe_group(group)).collect()
    }

    pub(crate) fn create_group(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.writable(role, input, "CreateGroup")?;
        let name = required(input, "GroupName")?;
        if place.read().group(name).is_ok() {
            return Err(Refusal::new("GroupExistsException", "A group with the name already exists."));
        }
        let group = Arc::new(Group {
            name: name.to_owned(),
            description: input["Description"].as_str().map(str::to_owned),
            precedence: input["Precedence"].as_u64(),
            role_arn: input["RoleArn"].as_str().map(str::to_owned),
            created: self.clock.now(),
        });
        self.commit(place, Change::PutGroup(Arc::clone(&group)));
        Ok(json!({ "Group": self.describe_group(&group) }))
    }

    pub(crate) fn get_group(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        self.check_pool(role, input)?;
        let group = self.place(role).read().group(required(input, "GroupName")?)?;
        Ok(json!({ "Group": self.describe_group(&group) }))
    }

    pub(crate) fn list_groups(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        self.check_pool(role, input)?;
        let directory = self.place(role).read();
        let (groups, token) = page(directory.groups(), |group| &group.name, input)?;
        Ok(listed("Groups", &self.describe_groups(&groups), token))
    }

    pub(crate) fn delete_group(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.writable(role, input, "DeleteGroup")?;
        let group = place.read().group(required(input, "GroupName")?)?;
        self.commit(place, Change::DeleteGroup(group.name.clone()));
        Ok(json!({}))
    }

    pub(crate) fn list_users_in_group(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        self.check_pool(role, input)?;
        let directory = self.place(role).read();
        let group = directory.group(required(input, "GroupName")?)?;
        let members = directory.users_after(None).filter(|user| user.groups.contains(&group.name));
        let (users, token) = page(members, |user| &user.name, input)?;
        let users: Vec<_> = users.iter().map(|user| user.describe("Attributes")).collect();
        Ok(listed("Users", &users, token))
    }

    pub(crate) fn admin_list_groups_for_user(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        self.check_pool(role, input)?;
        let directory = self.place(role).read();
        let user = directory.user(required(input, "Username")?)?;
        let groups = directory.groups().filter(|group| user.groups.contains(&group.name));
        let (groups, token) = page(groups, |group| &group.name, input)?;
        Ok(listed("Groups", &self.describe_groups(&groups), token))
    }

    pub(crate) fn admin_add_user_to_group(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.writable(role, input, "AdminAddUserToGroup")?;
        let group = place.read().group(required(input, "GroupName")?)?;
        self.change_user(place, required(input, "Username")?, |user| {
            user.groups.insert(group.name.clone());
        })?;
        Ok(json!({}))
    }

    pub(crate) fn admin_remove_user_from_group(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.writable(role, input, "AdminRemoveUserFromGroup")?;
        let group = place.read().group(required(input, "GroupName")?)?;
        self.change_user(place, required(input, "Username")?, |user| {
            user.groups.remove(&group.name);
        })?;
        Ok(json!({}))
    }
}
