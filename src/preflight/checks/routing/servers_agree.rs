//! GD521: whether all name servers say the same.

use std::collections::BTreeSet;

use super::super::{Check, CheckResult, Occurrence};
use crate::preflight::facts::Facts;
use gameday_core::model::{Milestone, Predicts, RegionRole, Severity};
use gameday_protocols::dns::Answer;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD521",
    severity: Severity::Risk,
    regions: &[],
    predicts: Predicts::Unreached(Milestone::DnsFlipAuthoritative),
    title: "The zone's name servers give different answers",
    why: "A resolver can ask any of the name servers. One that does not answer slows down look-ups. One that gives a \
          different answer (a delegation to a replaced zone, a secondary that no longer transfers) does not follow the \
          health check, and keeps some users at the failed Region.",
    remedy: "Compare the delegation with the zone's name servers, and the answers of each server:\n\n\
             ```sh\n\
             aws route53 get-hosted-zone --id HOSTED_ZONE_ID --query DelegationSet.NameServers\n\
             dig +norecurse @NAME_SERVER RECORD\n\
             ```",
    calls: &["route53:GetHostedZone", "route53:ListResourceRecordSets"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let answers = facts.authoritative_answers().await?;
    let alias = facts.primary_record().await?.is_some_and(|record| record.alias_target().is_some());
    let doors = facts.front_doors().await;
    let role = |answer: &Answer| -> Vec<RegionRole> {
        let leads = |list: &[std::net::IpAddr]| answer.addresses.iter().any(|address| list.contains(address));
        doors.iter().filter(|(.., list)| leads(list)).map(|(role, ..)| *role).collect()
    };
    // An alias of a load balancer gives some of its addresses, and others the next time.
    let key = |answer: &Answer| {
        let addresses = if alias { Vec::new() } else { answer.addresses.clone() };
        (addresses, answer.ttl_s, role(answer))
    };
    let different: BTreeSet<_> = answers.iter().filter_map(|(_, answer)| answer.as_ref().ok().map(key)).collect();
    let silent = answers.iter().any(|(_, answer)| answer.is_err());
    if different.len() < 2 && !silent {
        return Ok(Vec::new());
    }
    let told = answers.iter().map(|(server, answer)| match answer {
        Ok(answer) => {
            let list: Vec<String> = answer.addresses.iter().map(ToString::to_string).collect();
            format!("{server}: {} (TTL {} s)", list.join(", "), answer.ttl_s)
        }
        Err(error) => format!("{server}: {error}"),
    });
    Ok(vec![Occurrence::of(told.collect::<Vec<_>>().join("; "))])
}
