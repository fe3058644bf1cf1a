use futures::future::try_join_all;

use crate::preflight::checks::{Check, Occurrence, REPLICA};
use crate::preflight::facts::Facts;
use gameday_core::model::RegionRole::Primary;
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD124",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "Users sign in with an authenticator app, which a replica refuses",
    why: "Users with a TOTP software token cannot sign in at a native replica (Cognito developer guide, \"Multi-Region \
          replication for user pools\"). After a failover they are refused, even with the right password and code, \
          until the primary is back. Users of `[users]` in the environment file are not counted, because they belong \
          to the drill.",
    remedy: "Give the users who must sign in during a failover another factor (passkey, SMS, e-mail), and inform the \
             other users and the support team:\n\n\
             ```sh\n\
             aws cognito-idp admin-set-user-mfa-preference --region PRIMARY_REGION --user-pool-id USER_POOL_ID \
             --username USERNAME \\\n  \
             --email-mfa-settings Enabled=true,PreferredMfa=true --software-token-mfa-settings Enabled=false\n\
             ```\n\n\
             To rehearse this, add `[[expectations]]` with the action `totp-sign-in` to a scenario.",
    calls: &["cognito-idp:ListUsers", "cognito-idp:AdminGetUser", "cognito-idp:DescribeUserPool"],
    look: |facts| {
        Box::pin(async move {
            if !facts.is_native() {
                return Ok(Vec::new());
            }
            let (names, pool) = tokio::try_join!(facts.sampled_users(), facts.user_pool(Primary))?;
            let names: Vec<&String> = names.iter().filter(|name| !is_of_the_drill(facts, name)).collect();
            let users = try_join_all(names.iter().map(|name| facts.user(Primary, name, 1))).await?;
            let token = |setting: &String| setting == "SOFTWARE_TOKEN_MFA";
            let count = users.iter().filter(|user| user.user_mfa_setting_list().iter().any(token)).count();
            if count == 0 {
                return Ok(Vec::new());
            }
            Ok(vec![Occurrence::of(format!(
                "cognito-idp:AdminGetUser: {count} of {} sampled users have SOFTWARE_TOKEN_MFA; the pool has about {} \
                 users, MfaConfiguration {}",
                names.len(),
                pool.estimated_number_of_users(),
                pool.mfa_configuration().map_or("-", |mfa| mfa.as_str())
            ))])
        })
    },
};

/// Whether a user of the pool is one of the environment's own; those who federate are named `PROVIDER_NAME` in the pool.
fn is_of_the_drill(facts: &Facts, name: &str) -> bool {
    let users = &facts.site.users;
    let own = users.names.iter().chain(users.populations.iter().flat_map(|population| &population.names));
    own.into_iter()
        .any(|own| name == own || name.strip_suffix(own.as_str()).is_some_and(|before| before.ends_with('_')))
}
