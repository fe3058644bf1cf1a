//! The pool's tags, which each Region has for itself (Cognito developer guide, "Multi-Region replication for user pools").

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::auth::required;
use super::{Identity, Place, Refusal, lock, pool_arn};
use gameday_core::model::RegionRole;

/// The most tags of one resource (Cognito API reference, TagResource: 50).
const MOST_TAGS: usize = 50;

impl Identity {
    /// TagResource.
    pub(crate) fn tag_resource(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let mut tags = lock(&self.tagged(role, input)?.tags);
        let given = input["Tags"].as_object().into_iter().flatten();
        let mut all: BTreeMap<String, String> = tags.clone();
        all.extend(given.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))));
        if all.len() > MOST_TAGS {
            return Err(Refusal::new("InvalidParameterException", "Too many tags."));
        }
        *tags = all;
        Ok(json!({}))
    }

    /// UntagResource.
    pub(crate) fn untag_resource(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let mut tags = lock(&self.tagged(role, input)?.tags);
        for key in input["TagKeys"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            tags.remove(key);
        }
        Ok(json!({}))
    }

    /// ListTagsForResource.
    pub(crate) fn list_tags_for_resource(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        Ok(json!({ "Tags": *lock(&self.tagged(role, input)?.tags) }))
    }

    fn tagged(&self, role: RegionRole, input: &Value) -> Result<&Place, Refusal> {
        let place = self.place(role);
        if required(input, "ResourceArn")? == pool_arn(&place.region, &self.account, &self.pool_id) {
            Ok(place)
        } else {
            Err(Refusal::new("ResourceNotFoundException", "The resource does not exist."))
        }
    }
}
