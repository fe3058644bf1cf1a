//! GD706: how long signed-in users get on without their Region.

use std::time::Duration;

use super::super::{Check, Looked, REPLICA, Sight};
use super::{access_validity, client_label};
use crate::model::{Predicts, RegionRole, Severity, format_duration};
use crate::preflight::facts::Facts;

/// See its text.
pub const CHECK: Check = Check {
    code: "GD706",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Nothing,
    title: "Access tokens end before an outage does",
    why: "Who holds a good access token does not notice that sign-in is out: it is verified without Cognito. With a validity shorter than \
          the outage every signed-in user runs into it, and all of them refresh at the replica as soon as it answers, on top of those \
          who sign in.",
    remedy: "Let access tokens be good for longer than an outage that you expect (an hour is Cognito's default), or write down how long that \
             is:\n\n\
             ```toml\n[preflight]\nexpected_outage = \"5m\"\n```",
    calls: &["cognito-idp:ListUserPoolClients", "cognito-idp:DescribeUserPoolClient"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> Looked {
    let phases = &facts.scenario.phases;
    let (expected, whence) = match facts.site.preflight.expected_outage {
        Some(span) => (span.0, "preflight.expected_outage"),
        None => (phases.outage.0 + phases.hold.0, "outage and hold of the scenario"),
    };
    let clients = facts.app_clients(RegionRole::Primary).await?;
    let short = clients.iter().filter_map(|client| {
        let validity: Duration = access_validity(client);
        let (is, wanted) = (format_duration(validity), format_duration(expected));
        let told = || format!("{}: access tokens are good for {is}; {whence}: {wanted}", client_label(client));
        (validity < expected).then(|| Sight::of(told()))
    });
    Ok(short.collect())
}
