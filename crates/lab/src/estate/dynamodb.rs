//! DynamoDB: the global table that the claims come from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The table's name.
pub(crate) const TABLE: &str = "gameday-claims";
/// Its partition key.
pub(crate) const KEY: &str = "claim";
/// The claims that it knows: the user's attribute that each comes from, and its value for whoever has none.
pub(crate) const CLAIMS: [(&str, &str, &str); 4] = [
    ("tenant", "custom:tenant", "retail"),
    ("risk_profile", "custom:risk_profile", "standard"),
    ("plan", "custom:plan", "basic"),
    // Region of the function that answered.
    ("serving_region", "AWS_REGION", ""),
];

/// The tables of a Region, by name. A table of the same name in another Region is a replica of the same global table.
pub(crate) type Tables = BTreeMap<String, Table>;

/// A table in one Region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    /// `ACTIVE`, `CREATING`, `UPDATING`, `DELETING`, `INACCESSIBLE_ENCRYPTION_CREDENTIALS`, `REPLICATION_NOT_AUTHORIZED`.
    pub status: String,
    /// The name of its partition key, which is a text.
    pub key: String,
    /// Its items by partition key, with their other attributes, all of them texts.
    pub items: BTreeMap<String, BTreeMap<String, String>>,
}

impl Table {
    /// Whether items can be read.
    pub(crate) fn is_readable(&self) -> bool {
        // DynamoDB API reference, TableDescription: ACTIVE "is ready for use", and UPDATING serves as well; without its key a table is
        // not accessible.
        ["ACTIVE", "UPDATING"].contains(&self.status.as_str())
    }
}

/// The tables of a healthy Region.
pub(crate) fn healthy() -> Tables {
    let item = |(claim, attribute, otherwise): (&str, &str, &str)| {
        let rest = [("attribute", attribute), ("otherwise", otherwise)].into_iter();
        let rest = rest.filter(|(_, value)| !value.is_empty());
        (claim.to_owned(), rest.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    };
    let items = CLAIMS.into_iter().map(item).collect();
    BTreeMap::from([(TABLE.to_owned(), Table { status: "ACTIVE".to_owned(), key: KEY.to_owned(), items })])
}
