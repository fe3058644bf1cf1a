//! GD508: how often resolvers come back.

use super::super::{Check, Looked, Sight};
use crate::model::{Predicts, RegionRole, Severity};
use crate::preflight::facts::{Facts, side};

/// The TTL that the failover record should have, in seconds.
const TTL_S: i64 = 60;

/// See its text.
pub const CHECK: Check = Check {
    code: "GD508",
    severity: Severity::Note,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "The failover record's TTL is below 60 s, and nothing says why",
    why: "A shorter TTL saves a part of a minute after a failover, and pays for it every day: resolvers ask the name servers that much \
          more often, and every sign-in waits for a look-up more often. 60 s is where both are bearable; whoever wants less has a reason.",
    remedy: "Set `TTL` of both record sets to 60, or write the reason into the environment file:\n\n\
             ```toml\n[preflight]\nshort_ttl_reason = \"...\"\n```",
    calls: &["route53:ListResourceRecordSets"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> Looked {
    if facts.site.preflight.short_ttl_reason.as_ref().is_some_and(|reason| !reason.trim().is_empty()) {
        return Ok(Vec::new());
    }
    let sets = facts.record_sets().await?;
    let of =
        |role| side(&sets, role).and_then(aws_sdk_route53::types::ResourceRecordSet::ttl).filter(|ttl| *ttl < TTL_S);
    let short = [RegionRole::Primary, RegionRole::Replica].into_iter().filter_map(|role| Some((role, of(role)?)));
    let told: Vec<String> = short.map(|(role, ttl)| format!("{} record: TTL {ttl} s", role.as_str())).collect();
    let sight = || Sight::of(format!("{}: {}", facts.site.dns.record, told.join(", ")));
    Ok((!told.is_empty()).then(sight).into_iter().collect())
}
