//! What auditors ask for: trails, the bucket that keeps them, and the web ACLs in front of the user pool.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::topology;
use gameday_core::model::RegionRole;

/// The trail's bucket.
const BUCKET: &str = "identity-audit-111122223333";
/// Seven years.
const KEPT_DAYS: u32 = 2557;

/// CloudTrail, S3 and WAF as far as checks read them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Governance {
    /// Trails, by name.
    pub trails: BTreeMap<String, Trail>,
    /// Buckets, by name.
    pub buckets: BTreeMap<String, BucketFixture>,
    /// The web ACL of the user pool, by Region; where there is none, no rule stands before it.
    pub web_acls: BTreeMap<String, WebAclFixture>,
    /// Tags without which a service control policy of the organization lets nobody create anything in EC2, by key.
    pub required_tags: Vec<String>,
    /// The Regions whose front doors speak TLS 1.2 alone; the others speak 1.3, too.
    pub tls_12: Vec<String>,
}

/// A trail (CloudTrail API reference, Trail, GetTrailStatus and EventSelector).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct Trail {
    /// Where it was made.
    pub home_region: String,
    /// Whether it records every Region.
    pub multi_region: bool,
    /// Whether it records services that are no Region's.
    pub global_service_events: bool,
    /// Whether digests prove that no file was changed.
    pub log_file_validation: bool,
    pub bucket: String,
    /// Whether it records now.
    pub logging: bool,
    /// Why the last delivery failed, where it did.
    pub delivery_error: Option<String>,
    /// `All`, `ReadOnly` or `WriteOnly`.
    pub read_write: String,
    /// Whether it records management events.
    pub management_events: bool,
}

impl Trail {
    /// Whether it records a Region.
    pub(crate) fn records(&self, region: &str) -> bool {
        self.multi_region || self.home_region == region
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BucketFixture {
    /// Where it is.
    pub region: String,
    /// Its Object Lock, where it has one.
    pub object_lock: Option<ObjectLock>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ObjectLock {
    /// What every new object gets, where something.
    pub default_retention: Option<Retention>,
}

/// For how long an object cannot be deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Retention {
    /// `COMPLIANCE` or `GOVERNANCE`.
    pub mode: String,
    /// For so many days.
    pub days: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebAclFixture {
    pub name: String,
    /// AWS's managed rule groups in it, in the order of their priority.
    pub rules: Vec<String>,
}

/// As it should be.
pub(crate) fn healthy() -> Governance {
    let region = |role| topology::region(role).to_owned();
    let trail = Trail {
        home_region: region(RegionRole::Primary),
        multi_region: true,
        global_service_events: true,
        log_file_validation: true,
        bucket: BUCKET.to_owned(),
        logging: true,
        delivery_error: None,
        read_write: "All".to_owned(),
        management_events: true,
    };
    let retention = Retention { mode: "COMPLIANCE".to_owned(), days: KEPT_DAYS };
    let object_lock = Some(ObjectLock { default_retention: Some(retention) });
    let rules = ["AWSManagedRulesCommonRuleSet", "AWSManagedRulesAmazonIpReputationList"].map(str::to_owned).to_vec();
    let web_acl = WebAclFixture { name: "identity".to_owned(), rules };
    Governance {
        trails: BTreeMap::from([("identity-audit".to_owned(), trail)]),
        buckets: BTreeMap::from([(
            BUCKET.to_owned(),
            BucketFixture { region: region(RegionRole::Primary), object_lock },
        )]),
        required_tags: Vec::new(),
        tls_12: Vec::new(),
        web_acls: [RegionRole::Primary, RegionRole::Replica].map(|role| (region(role), web_acl.clone())).into(),
    }
}
