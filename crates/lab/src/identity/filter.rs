//! `Filter` of ListUsers: one attribute compared with one value, as `email ^= "maria"`.

use super::Refusal;
use super::auth::invalid_parameter;
use super::directory::User;

/// What a user must match.
pub(super) struct Filter {
    attribute: String,
    value: String,
    /// `^=`; otherwise `=`.
    prefix: bool,
}

impl Filter {
    /// Reads a filter; nothing where it is empty.
    pub(super) fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let invalid = || invalid_parameter("Error while parsing filter.");
        let (attribute, value) = text.split_once('=').ok_or_else(invalid)?;
        let (attribute, prefix) = match attribute.trim_end().strip_suffix('^') {
            Some(attribute) => (attribute, true),
            None => (attribute, false),
        };
        let value = value.trim().strip_prefix('"').and_then(|value| value.strip_suffix('"')).ok_or_else(invalid)?;
        // Names may be quoted; quotation marks in a value are escaped by a backslash.
        let attribute = attribute.trim().trim_matches('"');
        // Custom attributes cannot be searched (Cognito API reference, ListUsers).
        if attribute.is_empty() || attribute.starts_with("custom:") {
            return Err(invalid());
        }
        Ok(Some(Self { attribute: attribute.to_owned(), value: value.replace("\\\"", "\""), prefix }))
    }

    /// Whether a user matches.
    pub(super) fn matches(&self, user: &User) -> bool {
        let found = match self.attribute.as_str() {
            "username" => Some(user.name.as_str()),
            "sub" => Some(user.sub.as_str()),
            "cognito:user_status" => Some(user.status.as_str()),
            "status" => Some(if user.enabled { "Enabled" } else { "Disabled" }),
            other => user.attributes.get(other).map(String::as_str),
        };
        found.is_some_and(|found| if self.prefix { found.starts_with(&self.value) } else { found == self.value })
    }
}
