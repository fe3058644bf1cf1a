//! What the steps find that a run makes anyway: whose credentials these are, who is to log in, and whether they can.

use super::{BOTH, PRIMARY, REPLICA, RuleMetadata};
use gameday_core::model::Predicts;
use gameday_core::model::Severity::{Blocker, Risk};

/// By code.
pub const ALL: &[RuleMetadata] = &[
    CREDENTIALS,
    CLIENT,
    USERS,
    MANAGED_LOGIN,
    EXPECTATION,
    UNREACHABLE,
    NO_CREDENTIALS,
    EXPIRY,
    REDIRECTED,
    LOGIN_PRIMARY,
    LOGIN_REPLICA,
    SURPRISE,
    SESSIONS,
    FEW_CODES,
    CLAIM,
    ACCOUNT,
];

/// Whether the step is part of preflight; the limits of a replica are tried in the hold phase of a run.
pub fn is_of_preflight(page: &RuleMetadata) -> bool {
    page.code != SURPRISE.code
}

/// GD001
pub const CREDENTIALS: RuleMetadata = RuleMetadata {
    code: "GD001",
    severity: Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "AWS does not accept the credentials",
    why: "Without valid credentials, preflight cannot read anything, and a run could not restore what it breaks.",
    remedy: "Sign in again, or use other credentials. AWS has answered and refused them: the keys are wrong, expired, \
             deactivated or of another partition, or the clock of this machine is wrong. This command shows whose \
             credentials are used:\n\n\
             ```sh\n\
             aws sts get-caller-identity\n\
             ```",
};

/// GD004
pub const CLIENT: RuleMetadata = RuleMetadata {
    code: "GD004",
    severity: Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "The scenario needs an app client that the environment file does not define",
    why: "Each login flow needs an app client that allows it: one with a secret for client credentials, one with a \
          redirect URI for managed login.",
    remedy: "Add the app client, or its missing setting, to `[[pool.clients]]` in the environment file. Or name \
             another app client in the scenario, or remove the flow.",
};

/// GD005
pub const USERS: RuleMetadata = RuleMetadata {
    code: "GD005",
    severity: Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "The scenario needs users that the environment file does not define",
    why: "Synthetic users log in with real passwords. A flow without users would leave a gap in every result.",
    remedy: "Add users to `[users]` or `[[users.populations]]` in the environment file. This command creates synthetic \
             users:\n\n\
             ```sh\n\
             gameday users seed --env FILE --count 100\n\
             ```",
};

/// GD006
pub const MANAGED_LOGIN: RuleMetadata = RuleMetadata {
    code: "GD006",
    severity: Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "The scenario needs managed login, which the environment file does not define",
    why: "Browser flows start at the domain of managed login, and federated flows continue at an identity provider.",
    remedy: "Add `[managed_login]` to the environment file, or remove the flow from the scenario.",
};

/// GD007
pub const EXPECTATION: RuleMetadata = RuleMetadata {
    code: "GD007",
    severity: Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "No user can test an expectation of the scenario",
    why: "An action that a replica should refuse is tested there by users who can do it at the primary. Without such \
          users the test proves nothing.",
    remedy: "Add such users to the environment file, or remove the expectation from the scenario.",
};

/// GD009
pub const UNREACHABLE: RuleMetadata = RuleMetadata {
    code: "GD009",
    severity: Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "AWS cannot be reached from this machine",
    why: "No answer from AWS has arrived: the connection was refused or timed out, the name was not found, TLS failed, \
          or a proxy answered instead of AWS. This does not mean that the credentials are wrong. If AWS cannot be \
          reached now, a run could not restore its changes later.",
    remedy: "Test the connection from this machine:\n\n\
             ```sh\n\
             curl -v https://sts.REGION.amazonaws.com\n\
             ```\n\n\
             Behind a proxy, set HTTPS_PROXY (and NO_PROXY for VPC endpoints). Behind TLS inspection, set \
             SSL_CERT_FILE to the company's certificate authorities. If FIPS or dual-stack endpoints are configured, \
             check that the Region has them. For a lab or an emulator, check that it is running. Synthetic users never \
             use a proxy: they connect to the endpoint directly, as users do.",
};

/// GD010
pub const NO_CREDENTIALS: RuleMetadata = RuleMetadata {
    code: "GD010",
    severity: Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "No usable AWS credentials were found",
    why: "No call was sent, because there are no credentials to sign it with: you are not signed in, the session has \
          ended, the profile does not exist, or it needs input that GameDay does not ask for. A profile in the \
          environment file takes precedence over AWS_ACCESS_KEY_ID and the other variables; no other source is tried.",
    remedy: "Sign in, export credentials, or correct `credentials` in the environment file. Then check them:\n\n\
             ```sh\n\
             aws sso login --profile PROFILE\n\
             aws sts get-caller-identity --profile PROFILE\n\
             ```\n\n\
             For a profile with MFA or `aws login`, define a profile with `credential_process = aws configure \
             export-credentials --profile PROFILE`.",
};

/// GD011
pub const EXPIRY: RuleMetadata = RuleMetadata {
    code: "GD011",
    severity: Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "The credentials can expire before everything is restored",
    why: "Without credentials a restore fails: the fault stays until someone signs in, or the dead-man switch restores \
          the network. Exported temporary credentials cannot be renewed; those of SSO or of a `credential_process` are \
          fetched again while their session lasts; those of a role or an instance are renewed automatically.",
    remedy: "Sign in again for a session that outlasts the drill, or use a profile with automatic renewal instead of \
             exported variables.",
};

/// GD012
pub const REDIRECTED: RuleMetadata = RuleMetadata {
    code: "GD012",
    severity: Risk,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "Environment variables redirect AWS calls to other endpoints",
    why: "Endpoints in the environment file, the lab or a journal always take precedence. For every other service, \
          AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_<SERVICE> and `services` of a profile apply, as in every AWS SDK. If they \
          are left over from work with an emulator, a run reads one place and changes another. A run's journal records \
          the endpoints that were used.",
    remedy: "Unset the variables, set AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true, or write the intended endpoints into \
             `endpoints` of the environment file.",
};

/// GD101
pub const LOGIN_PRIMARY: RuleMetadata = RuleMetadata {
    code: "GD101",
    severity: Blocker,
    regions: PRIMARY,
    predicts: Predicts::FailedLogins,
    title: "A login at the primary fails",
    why: "If a login does not work before the fault, a run cannot show that it works again afterwards.",
    remedy: "Make a sign-in at the primary work first. Try it yourself (add `SECRET_HASH` if the app client has a \
             secret):\n\n\
             ```sh\n\
             aws cognito-idp initiate-auth --region PRIMARY_REGION --client-id CLIENT_ID --auth-flow \
             USER_PASSWORD_AUTH \\\n  \
             --auth-parameters USERNAME=USERNAME,PASSWORD=PASSWORD\n\
             ```",
};

/// GD102
pub const LOGIN_REPLICA: RuleMetadata = RuleMetadata {
    code: "GD102",
    severity: Blocker,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "A login at the replica fails",
    why: "After a failover DNS would send users to a Region where no login works. This is the failure that a drill is \
          meant to find, and preflight has found it without a fault. Possible causes: the replica is INACTIVE, its key \
          is missing, or its trigger fails.",
    remedy: "Make a sign-in at the replica work first. Try it yourself (add `SECRET_HASH` if the app client has a \
             secret):\n\n\
             ```sh\n\
             aws cognito-idp initiate-auth --region REPLICA_REGION --client-id CLIENT_ID --auth-flow \
             USER_PASSWORD_AUTH \\\n  \
             --auth-parameters USERNAME=USERNAME,PASSWORD=PASSWORD\n\
             ```\n\n\
             To rehearse without a working replica: `gameday run SCENARIO --env FILE --allow-no-replica`",
};

/// GD103
pub const SURPRISE: RuleMetadata = RuleMetadata {
    code: "GD103",
    severity: Risk,
    regions: REPLICA,
    predicts: Predicts::Nothing,
    title: "A Region does not behave as the scenario expects",
    why: "A replica refuses some actions: sign-up, password changes, TOTP. If it allows them, their results are lost \
          at the failback. If it refuses an action that should work, users must know. A run finds this in its hold \
          phase.",
    remedy: "Find out whether the pool is a replica or an independent pool, then correct `expect` in the scenario, or \
             the pool.",
};

/// GD104
pub const SESSIONS: RuleMetadata = RuleMetadata {
    code: "GD104",
    severity: Blocker,
    regions: PRIMARY,
    predicts: Predicts::NoSessions,
    title: "No session with a refresh token could be opened",
    why: "The scenario has users who refresh tokens during the failover. Without sessions from before the fault there \
          are no tokens to refresh.",
    remedy: "Make the sign-in work first (GD101), or remove the flow from the scenario.",
};

/// GD105
pub const FEW_CODES: RuleMetadata = RuleMetadata {
    code: "GD105",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "Too few TOTP users for the rate",
    why: "A TOTP code is accepted once in its 30 seconds. If a population has fewer users than logins that start \
          within 30 s, some logins cannot be sent; they count as failures of the runner.",
    remedy: "Add users to the population in the environment file, or lower the rate or the share of its flows in the \
             scenario.",
};

/// GD402
pub const CLAIM: RuleMetadata = RuleMetadata {
    code: "GD402",
    severity: Blocker,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "The replica's tokens lack a required claim",
    why: "The login seems to succeed, but every API that needs the claim refuses the token: the Pre-Token-Generation \
          trigger in the replica's Region failed silently, or read a table that does not exist there. Health checks \
          stay healthy, and DNS sends all users to useless logins.",
    remedy: "Compare the trigger, its environment variables, its role and its table between the Regions:\n\n\
             ```sh\n\
             aws cognito-idp describe-user-pool --region REGION --user-pool-id USER_POOL_ID --query \
             UserPool.LambdaConfig\n\
             aws lambda get-function-configuration --region REGION --function-name FUNCTION\n\
             ```",
};

/// GD901
pub const ACCOUNT: RuleMetadata = RuleMetadata {
    code: "GD901",
    severity: Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "The credentials belong to an account that the environment does not allow",
    why: "`account.allowed` prevents a drill in the wrong account.",
    remedy: "Use credentials of an allowed account, or add the account to `account.allowed` in the environment file.",
};
