//! CertificateFixture Manager: what it tells of the certificates in each Region. What is negotiated on the wire is in [`super::routing`].

use gameday_core::model::RegionRole;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::topology;

/// A certificate (ACM API reference, CertificateDetail).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CertificateFixture {
    /// Its name.
    pub domain_name: String,
    /// Every name that it covers.
    pub subject_alternative_names: Vec<String>,
    /// `ISSUED`, `PENDING_VALIDATION`, `EXPIRED`, `REVOKED`, `INACTIVE`, `VALIDATION_TIMED_OUT` or `FAILED`.
    pub status: String,
    /// `AMAZON_ISSUED`, `IMPORTED` or `PRIVATE`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Days until it ends.
    pub days: i64,
    /// `ELIGIBLE` or `INELIGIBLE` for renewal by ACM.
    pub renewal_eligibility: String,
    /// `PENDING_AUTO_RENEWAL`, `PENDING_VALIDATION`, `SUCCESS` or `FAILED`, once a renewal was tried.
    pub renewal_status: Option<String>,
    /// The resources that use it.
    pub in_use_by: Vec<String>,
}

/// Certificates by ARN.
pub(crate) type Certificates = BTreeMap<String, CertificateFixture>;

/// The ARN of the front doors' certificate in a Region; the one of the primary is also that of the pool's own domain.
pub(crate) fn front_door(region: &str) -> String {
    format!("arn:aws:acm:{region}:{}:certificate/gameday", topology::ACCOUNT)
}

/// One in each Region, for the front door there.
pub(crate) fn healthy() -> BTreeMap<String, Certificates> {
    RegionRole::ALL
        .into_iter()
        .map(|role| {
            let region = topology::region(role);
            let balancer = format!(
                "arn:aws:elasticloadbalancing:{region}:{}:loadbalancer/app/front-door/50dc6c495c0c9188",
                topology::ACCOUNT
            );
            let certificate = CertificateFixture {
                domain_name: topology::FRONT_DOOR.to_owned(),
                subject_alternative_names: [topology::FRONT_DOOR, "*.auth.gameday.test"].map(str::to_owned).to_vec(),
                status: "ISSUED".to_owned(),
                kind: "AMAZON_ISSUED".to_owned(),
                days: 200,
                renewal_eligibility: "ELIGIBLE".to_owned(),
                renewal_status: None,
                in_use_by: vec![balancer],
            };
            (region.to_owned(), Certificates::from([(front_door(region), certificate)]))
        })
        .collect()
}
