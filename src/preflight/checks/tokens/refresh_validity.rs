//! GD707: how long sessions last.

use std::time::Duration;

use super::super::{Check, Looked, REPLICA, Sight};
use super::{client_label, refresh_validity};
use crate::model::{Predicts, RegionRole, Severity, format_duration};
use crate::preflight::facts::Facts;

/// A failback waits until people are awake who can judge it: so long a session must last in any case; our own choice.
const LEAST: Duration = Duration::from_hours(8);

/// See its text.
pub const CHECK: Check = Check {
    code: "GD707",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Nothing,
    title: "Refresh tokens end before a failover is over",
    why: "A session must outlive failover and failback, in a drill and in earnest, when the failback waits for the next working day. With \
          refresh tokens that end in between, users are thrown out although nothing is wrong, all of them sign in again at a Region that was \
          just moved, and a drill's figures of lost sessions say nothing of the failover.",
    remedy: "Let refresh tokens be good for longer than a drill (Cognito's default is 30 days), and mind `TokenValidityUnits`: a number \
             without a unit is in days:\n\n\
             ```sh\naws cognito-idp update-user-pool-client --user-pool-id POOL --client-id CLIENT --refresh-token-validity 30 \
             --token-validity-units RefreshToken=days\n```",
    calls: &["cognito-idp:ListUserPoolClients", "cognito-idp:DescribeUserPoolClient"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> Looked {
    let drill = facts.scenario.phases.longest().max(LEAST);
    let clients = facts.app_clients(RegionRole::Primary).await?;
    let short = clients.iter().filter_map(|client| {
        let validity = refresh_validity(client);
        let (is, wanted) = (format_duration(validity), format_duration(drill));
        let told =
            || format!("{}: refresh tokens are good for {is}; a failover may take {wanted}", client_label(client));
        (validity < drill).then(|| Sight::of(told()))
    });
    Ok(short.collect())
}
