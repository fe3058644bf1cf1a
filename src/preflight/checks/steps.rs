//! What the steps find that a run makes anyway: whose credentials these are, who is to log in, and whether they can.

use super::{BOTH, PRIMARY, Page, REPLICA};
use crate::model::Predicts;
use crate::model::Severity::{Blocker, Risk};

/// By code.
pub const ALL: &[Page] = &[
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

/// GD001
pub const CREDENTIALS: Page = Page {
    code: "GD001",
    severity: Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "AWS does not accept the credentials",
    why: "Nothing can be looked at, and nothing that a run breaks could be put back.",
    remedy: "AWS has answered, and refused: the keys are wrong, expired, deactivated or of another partition, or this machine's clock is \
             wrong. Sign in again or take other credentials; then: `aws sts get-caller-identity`",
};

/// GD004
pub const CLIENT: Page = Page {
    code: "GD004",
    severity: Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "The scenario needs an app client that the environment does not have",
    why: "Each login flow needs an app client that allows it: one with a secret for client credentials, one with a redirect URI \
          for managed login.",
    remedy: "Add the app client, or what it lacks, to `[[pool.clients]]` of the environment file, name another one in the scenario, or \
             take the flow out.",
};

/// GD005
pub const USERS: Page = Page {
    code: "GD005",
    severity: Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "The scenario needs users that the environment does not have",
    why: "Synthetic users log in with real passwords. A flow without users would leave a hole in every figure.",
    remedy: "Add them to `[[users.populations]]` of the environment file; `gameday users seed` makes synthetic ones.",
};

/// GD006
pub const MANAGED_LOGIN: Page = Page {
    code: "GD006",
    severity: Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "The scenario needs managed login, which the environment does not describe",
    why: "Browser flows begin at the managed login's domain, and federated ones go on to an identity provider.",
    remedy: "Add `[managed_login]` to the environment file, or take the flow out of the scenario.",
};

/// GD007
pub const EXPECTATION: Page = Page {
    code: "GD007",
    severity: Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "Nobody can try what the scenario expects of a Region",
    why: "What a replica may not do is tried there by users who could do it at the primary; without such users nothing is proved.",
    remedy: "Add them to the environment file, or take the expectation out of the scenario.",
};

/// GD009
pub const UNREACHABLE: Page = Page {
    code: "GD009",
    severity: Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "AWS cannot be reached from here",
    why: "No answer of AWS has come: the connection was refused or timed out, the name was not found, TLS failed, or a proxy answered in \
          AWS's place. That says nothing of the credentials. What cannot be reached now could not be put back later.",
    remedy: "Try `curl -v https://sts.REGION.amazonaws.com` from this machine. Behind a proxy set HTTPS_PROXY (and NO_PROXY for VPC \
             endpoints); behind TLS inspection set SSL_CERT_FILE to the company's certificate authorities. With FIPS or dual-stack \
             endpoints asked for, see whether the Region has them. For a lab or an emulator, see whether it still runs. Synthetic users \
             never use a proxy: they connect to the front door directly, as users do.",
};

/// GD010
pub const NO_CREDENTIALS: Page = Page {
    code: "GD010",
    severity: Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "There are no AWS credentials that could be used",
    why: "No call was sent, since there is nothing to sign it with: nobody has signed in, a session has ended, the profile does not exist, or \
          it wants something that GameDay does not ask for. A profile that the environment file names wins over AWS_ACCESS_KEY_ID and \
          the other variables, and nothing else is tried in its place.",
    remedy: "Sign in (`aws sso login`), export credentials, or correct `credentials` in the environment file; then: `aws sts \
             get-caller-identity`. A profile with MFA or `aws login` works by way of `credential_process = aws configure \
             export-credentials --profile NAME`.",
};

/// GD011
pub const EXPIRY: Page = Page {
    code: "GD011",
    severity: Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "The credentials may expire before everything is put back",
    why: "A restore without credentials leaves the network cut until somebody signs in, or the dead-man switch heals it. Credentials that \
          were exported once end for good; those of SSO or of a `credential_process` are fetched again while the session behind them lasts; \
          those of a role or an instance renew themselves.",
    remedy: "Sign in again for a session that outlasts the drill, or take a profile that renews itself instead of exported variables.",
};

/// GD012
pub const REDIRECTED: Page = Page {
    code: "GD012",
    severity: Risk,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "The process's environment sends AWS calls elsewhere",
    why: "What the environment file, the lab or a journal say of an endpoint always holds. For every other service AWS_ENDPOINT_URL, \
          AWS_ENDPOINT_URL_<SERVICE> and `services` of a profile hold, as in every AWS SDK: left over from work with an emulator, they let \
          a run look at one place and change another. A run's journal records the endpoints that were used.",
    remedy: "Unset the variables, set AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true, or write the endpoints that are meant into `endpoints` of \
             the environment file.",
};

/// GD101
pub const LOGIN_PRIMARY: Page = Page {
    code: "GD101",
    severity: Blocker,
    regions: PRIMARY,
    predicts: Predicts::FailedLogins,
    title: "A login at the primary fails",
    why: "What does not work before the fault cannot be seen to come back after it.",
    remedy: "Make a sign-in work there first; try: `aws cognito-idp initiate-auth --region REGION --client-id CLIENT`",
};

/// GD102
pub const LOGIN_REPLICA: Page = Page {
    code: "GD102",
    severity: Blocker,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "A login at the replica fails",
    why: "DNS would lead users to a Region that lets nobody in: the failure that a drill exists to find, found without one. A \
          replica that is INACTIVE, lacks its key, or whose trigger fails looks exactly like this.",
    remedy: "Make a sign-in work there first; try: `aws cognito-idp initiate-auth --region REGION --client-id CLIENT`. To rehearse \
             without a replica on purpose: `gameday run --allow-no-replica`",
};

/// GD103
pub const SURPRISE: Page = Page {
    code: "GD103",
    severity: Risk,
    regions: REPLICA,
    predicts: Predicts::Nothing,
    title: "A Region does not do what the scenario expects of it",
    why: "A replica refuses some things: signing up, changing passwords, TOTP. Where it lets them happen, they are lost at \
          failback; where it refuses what it should do, users need to be told. Found during a run, in its hold phase.",
    remedy: "Find out whether the pool is a replica or one of its own; then correct `expect` in the scenario, or the pool.",
};

/// GD104
pub const SESSIONS: Page = Page {
    code: "GD104",
    severity: Blocker,
    regions: PRIMARY,
    predicts: Predicts::NoSessions,
    title: "No session could be opened whose refresh token could be used",
    why: "The scenario has users who refresh tokens through the failover. Without sessions from before it there is nothing to \
          refresh.",
    remedy: "Make the sign-in work first, or take the flow out of the scenario.",
};

/// GD105
pub const FEW_CODES: Page = Page {
    code: "GD105",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "Too few users with a software token for the rate",
    why: "A TOTP code counts once in its 30 seconds. A population with fewer users than logins that start within 30 s has nobody to send: \
          those logins are not made, and are counted as failures of the runner.",
    remedy: "Add users to the population in the environment file, or lower the rate or the share of its flows in the scenario.",
};

/// GD402
pub const CLAIM: Page = Page {
    code: "GD402",
    severity: Blocker,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "The replica's tokens lack a required claim",
    why: "A login that looks successful and is not: the Pre-Token-Generation trigger of the replica's Region failed silently, or \
          read a table that is not there, and every API that needs the claim refuses the token. Health checks stay green, and DNS leads \
          everybody to logins that are worth nothing.",
    remedy: "Compare the trigger, its environment variables, its role and its table between the Regions: `aws cognito-idp \
             describe-user-pool --region REGION --user-pool-id POOL --query UserPool.LambdaConfig`, then `aws lambda \
             get-function-configuration`.",
};

/// GD901
pub const ACCOUNT: Page = Page {
    code: "GD901",
    severity: Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "The credentials belong to an account that the environment does not allow",
    why: "`account.allowed` is the last thing between a drill and the wrong account.",
    remedy: "Use credentials of an allowed account, or add the account to `account.allowed` of the environment file.",
};
