use crate::preflight::checks::{BOTH, Check, Occurrence};
use gameday_core::model::{Predicts, RegionRole, Severity};

/// Regions that have replication of user pools (Cognito developer guide, "Multi-Region replication for user pools"), as of November 2026.
const OFFERED: [&str; 16] = [
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "ap-south-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eu-north-1",
    "sa-east-1",
];

pub(super) const CHECK: Check = Check {
    code: "GD310",
    severity: Severity::Note,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "Cognito's list of Regions with replication lacks a Region",
    why: "A native replica can be created only between Regions that have replication of user pools. GameDay knows the \
          list of November 2026; Cognito may have added Regions since.",
    remedy: "Look the Region up in the Cognito developer guide, \"Multi-Region replication for user pools\". Where it has no \
             replication, use another Region, or an independent pool (`pool.replica_id` in the environment file).",
    calls: &[],
    look: |facts| {
        Box::pin(async move {
            let lacking = RegionRole::ALL.into_iter().filter(|_| facts.is_native()).filter_map(|role| {
                let region = facts.site.region(role).region.as_str();
                (!is_offered(region)).then(|| Occurrence::of(format!("{region} is not in the list")).at(role))
            });
            Ok(lacking.collect())
        })
    },
};

fn is_offered(region: &str) -> bool {
    OFFERED.contains(&region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_of_the_list_are_offered_and_no_others() {
        assert!(is_offered("us-east-1") && is_offered("eu-west-3"));
        assert!(!is_offered("eu-central-2") && !is_offered("us-gov-west-1") && !is_offered("us-east"));
    }
}
