//! GD9xx: what auditors and regulators ask for.

mod allowed_regions;
mod global_events;
mod log_validation;
mod management_events;
mod object_lock;
mod object_lock_mode;
mod ropa;
mod tls;
mod trail;
mod trail_works;
mod waf;
mod waf_rules;

use aws_sdk_s3::types::DefaultRetention;
use futures::future::try_join_all;

use super::{Check, in_both};
use crate::preflight::facts::governance::Recorder;
use crate::preflight::facts::{Facts, Unavailable};
use gameday_core::model::RegionRole;

/// By code.
pub const ALL: &[&Check] = &[
    &trail::CHECK,
    &trail_works::CHECK,
    &management_events::CHECK,
    &log_validation::CHECK,
    &object_lock::CHECK,
    &object_lock_mode::CHECK,
    &global_events::CHECK,
    &allowed_regions::CHECK,
    &ropa::CHECK,
    &tls::CHECK,
    &waf::CHECK,
    &waf_rules::CHECK,
];

/// How long the buckets keep what a Region's working trails write to them.
async fn retentions(facts: &Facts, role: RegionRole) -> Result<Vec<TrailStorage>, Unavailable> {
    let trails = working(facts, role).await?;
    let looked = trails.iter().map(async |one| {
        let bucket = one.trail.s3_bucket_name().unwrap_or_default();
        let lock = facts.object_lock(bucket).await?;
        let retention = lock.as_ref().and_then(|lock| lock.rule()?.default_retention()).cloned();
        Ok(TrailStorage { trail: one.name().to_owned(), bucket: bucket.to_owned(), locked: lock.is_some(), retention })
    });
    try_join_all(looked).await
}

/// How long a trail's files are kept.
struct TrailStorage {
    trail: String,
    bucket: String,
    /// Whether the bucket has an Object Lock at all.
    locked: bool,
    /// By default, where it has one.
    retention: Option<DefaultRetention>,
}

/// The trails that record a Region and work. Where there are none, GD920 or GD921 says so, and the others have nothing to look at.
async fn working(facts: &Facts, role: RegionRole) -> Result<Vec<Recorder>, Unavailable> {
    let mut trails = facts.recorders(role).await?;
    trails.retain(Recorder::works);
    Ok(trails)
}

/// What is wrong with every working trail of a Region; nothing where one of them is good, or where there is none.
fn unless_one_is_good(
    trails: &[Recorder],
    good: impl Fn(&Recorder) -> bool,
    wrong: impl Fn(&Recorder) -> String,
) -> Vec<String> {
    if trails.iter().any(good) { Vec::new() } else { trails.iter().map(wrong).collect() }
}
