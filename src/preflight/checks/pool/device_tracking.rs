use crate::preflight::checks::{BOTH, Check, Occurrence};
use gameday_core::model::RegionRole::Primary;
use gameday_core::model::{Predicts, Severity};
use gameday_core::scenario::{FlowShare, UserLoad};

pub(super) const CHECK: Check = Check {
    code: "GD127",
    severity: Severity::Risk,
    regions: BOTH,
    predicts: Predicts::FailedLogins,
    title: "The pool remembers devices, so a refresh needs a device key",
    why: "With device tracking, Cognito gives each sign-in a device key, and refuses a refresh without it (`Invalid \
          Refresh Token`). GameDay's users have no device: their refreshes fail in both Regions, which looks like \
          sessions lost in the failover. Only the primary can confirm a device, so real users who sign in at a replica \
          for the first time have the same problem.",
    remedy: "Rehearse refreshes with a pool that does not remember devices, or remove the refresh-token flows and the \
             sessions from the scenario. This command shows the setting (in Terraform: omit \
             `device_configuration`):\n\n\
             ```sh\n\
             aws cognito-idp describe-user-pool --region REGION --user-pool-id USER_POOL_ID --query \
             UserPool.DeviceConfiguration\n\
             ```",
    calls: &["cognito-idp:DescribeUserPool"],
    look: |facts| {
        Box::pin(async move {
            let pool = facts.user_pool(Primary).await?;
            let told = pool.device_configuration().map(|_| {
                let region = &facts.cloud.primary.region;
                let evidence = format!("cognito-idp:DescribeUserPool in {region} has a DeviceConfiguration");
                let refreshes = refreshes(&facts.scenario.users);
                if refreshes.is_empty() {
                    let evidence = format!("{evidence}; no flow of the scenario refreshes tokens");
                    return Occurrence::of(evidence).severity(Severity::Note);
                }
                Occurrence::of(format!("{evidence}; {} would be refused", refreshes.join(", ")))
            });
            Ok(told.into_iter().collect())
        })
    },
};

/// What of a scenario lives on refresh tokens.
fn refreshes(load: &UserLoad) -> Vec<String> {
    let flows = load.flows.iter().filter(|flow| flow.flow.refreshes()).map(FlowShare::label);
    let sessions = load.sessions.iter().map(|plan| format!("sessions by {}", plan.label()));
    flows.chain(sessions).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c11_what_needs_a_device_key_is_named() {
        let load = |text: &str| gameday_core::scenario::read_str("scenario.toml", text, None).unwrap().value.users;
        let plain = load(include_str!("../../../../scenarios/quota-throttle.toml"));
        assert_eq!(refreshes(&plain), Vec::<String>::new());
        let every = refreshes(&load(include_str!("../../../../scenarios/every-flow.toml")));
        assert!(every.iter().any(|label| label == "GET_TOKENS_FROM_REFRESH_TOKEN rotating"), "{every:?}");
        assert!(every.iter().all(|label| !label.contains("USER_SRP_AUTH")), "{every:?}");
    }
}
