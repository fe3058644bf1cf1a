//! The account's request rates in one Region: what Cognito enforces, what can be provisioned, and what Service Quotas allows at most.
//!
//! Categories, operations and rates follow the Cognito developer guide, "Quotas in Amazon Cognito". Each category is a token bucket that
//! holds what passes in one second of scenario time; by which algorithm Cognito counts, it does not say. What the guide limits for each
//! user pool, user, source address or domain is not limited here. A pool with managed login may not change its own limit on AWS
//! (UpdateProvisionedLimit, API reference); here it may, as the lab has one pool for everything.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Identity, Refusal};
use crate::estate::quotas::Rates;
use gameday_core::env::LabSettings;
use gameday_core::model::{Clock, RegionRole};

/// Challenge responses have a quota of their own, so many times that of UserAuthentication (the guide, "API operations with special request
/// rate handling"); what exceeds it counts as UserAuthentication.
const RESPONSES: u32 = 3;

/// A category of operations that share one rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Category {
    /// Sign-in and token refresh, by API, by token endpoint, and each step at managed login.
    UserAuthentication,
    /// New users.
    UserCreation,
    /// What an identity provider answers.
    UserFederation,
    /// Passwords that change, `NEW_PASSWORD_REQUIRED` included.
    UserAccountRecovery,
    /// Looks at one user.
    UserRead,
    /// Changes of users, and their sign-out.
    UserUpdate,
    /// Revoked tokens.
    UserToken,
    /// Looks at what a user has.
    UserResourceRead,
    /// Changes of MFA and devices.
    UserResourceUpdate,
    /// Lists of users.
    UserList,
    /// Looks at user pools.
    UserPoolRead,
    /// Looks at what a pool has.
    UserPoolResourceRead,
    /// Changes of what a pool has.
    UserPoolResourceUpdate,
    /// Looks at app clients.
    UserPoolClientRead,
    /// Client credentials at the token endpoint.
    ClientAuthentication,
    /// The operations of this module.
    LimitManagement,
}

/// A category as AWS lists it.
#[derive(Debug)]
pub(crate) struct QuotaRow {
    category: Category,
    /// Its name in the Cognito API.
    pub name: &'static str,
    /// Requests in a second by default.
    rps: u32,
    /// Whether it can be raised.
    pub adjustable: bool,
    /// Its code in Service Quotas, where it is listed there.
    pub code: Option<&'static str>,
    /// Its name there.
    pub title: &'static str,
}

impl QuotaRow {
    const fn adjustable(
        category: Category,
        name: &'static str,
        rps: u32,
        code: &'static str,
        title: &'static str,
    ) -> Self {
        Self { category, name, rps, adjustable: true, code: Some(code), title }
    }

    const fn fixed(category: Category, name: &'static str, rps: u32, code: &'static str, title: &'static str) -> Self {
        Self { category, name, rps, adjustable: false, code: Some(code), title }
    }
}

/// Rates: the guide's table. Codes and titles: Service Quotas, ListAWSDefaultServiceQuotas of `cognito-idp`.
const ROWS: [QuotaRow; 16] = [
    QuotaRow::adjustable(
        Category::UserAuthentication,
        "UserAuthentication",
        120,
        "L-026ADBA3",
        "Rate of UserAuthentication requests",
    ),
    QuotaRow::adjustable(Category::UserCreation, "UserCreation", 50, "L-5987B8A0", "Rate of UserCreation requests"),
    QuotaRow::adjustable(
        Category::UserFederation,
        "UserFederation",
        25,
        "L-BB3E7CCF",
        "Rate of UserFederation requests",
    ),
    QuotaRow::fixed(
        Category::UserAccountRecovery,
        "UserAccountRecovery",
        30,
        "L-7D6E8ED3",
        "Rate of UserAccountRecovery requests",
    ),
    QuotaRow::adjustable(Category::UserRead, "UserRead", 120, "L-D6BD5178", "Rate of UserRead requests"),
    QuotaRow::fixed(Category::UserUpdate, "UserUpdate", 25, "L-6621E65D", "Rate of UserUpdate requests"),
    QuotaRow::adjustable(Category::UserToken, "UserToken", 120, "L-F21F8BB4", "Rate of UserToken requests"),
    QuotaRow::adjustable(
        Category::UserResourceRead,
        "UserResourceRead",
        50,
        "L-55545DC8",
        "Rate of UserResourceRead requests",
    ),
    QuotaRow::fixed(
        Category::UserResourceUpdate,
        "UserResourceUpdate",
        25,
        "L-574C86AE",
        "Rate of UserResourceUpdate requests",
    ),
    QuotaRow::fixed(Category::UserList, "UserList", 30, "L-259E3368", "Rate of UserList requests"),
    QuotaRow::fixed(Category::UserPoolRead, "UserPoolRead", 15, "L-CFFBE34A", "Rate of UserPoolRead requests"),
    QuotaRow::fixed(
        Category::UserPoolResourceRead,
        "UserPoolResourceRead",
        20,
        "L-A01C9633",
        "Rate of UserPoolResourceRead requests per account",
    ),
    QuotaRow::fixed(
        Category::UserPoolResourceUpdate,
        "UserPoolResourceUpdate",
        15,
        "L-B7575496",
        "Rate of UserPoolResourceUpdate requests per account",
    ),
    QuotaRow::fixed(
        Category::UserPoolClientRead,
        "UserPoolClientRead",
        15,
        "L-A412573D",
        "Rate of UserPoolClientRead requests per account",
    ),
    QuotaRow::fixed(
        Category::ClientAuthentication,
        "ClientAuthentication",
        150,
        "L-74D3DD04",
        "Rate of ClientAuthentication requests per account",
    ),
    QuotaRow {
        category: Category::LimitManagement,
        name: "LimitManagement",
        rps: 1,
        adjustable: false,
        code: None,
        title: "Rate of LimitManagement requests",
    },
];

/// The category of an operation; nothing for those that the guide puts into none.
fn category(operation: &str) -> Option<Category> {
    Some(match operation {
        "InitiateAuth" | "AdminInitiateAuth" | "GetTokensFromRefreshToken" => Category::UserAuthentication,
        "SignUp" | "ConfirmSignUp" | "AdminCreateUser" | "AdminConfirmSignUp" => Category::UserCreation,
        "ChangePassword"
        | "ConfirmForgotPassword"
        | "ForgotPassword"
        | "AdminResetUserPassword"
        | "AdminSetUserPassword" => Category::UserAccountRecovery,
        "AdminGetUser" | "AdminGetUserAuthFactors" | "GetUser" => Category::UserRead,
        "AdminAddUserToGroup"
        | "AdminDeleteUserAttributes"
        | "AdminUpdateUserAttributes"
        | "AdminDeleteUser"
        | "AdminDisableUser"
        | "AdminEnableUser"
        | "AdminLinkProviderForUser"
        | "AdminDisableProviderForUser"
        | "VerifyUserAttribute"
        | "DeleteUser"
        | "DeleteUserAttributes"
        | "UpdateUserAttributes"
        | "AdminUserGlobalSignOut"
        | "GlobalSignOut"
        | "AdminRemoveUserFromGroup" => Category::UserUpdate,
        "RevokeToken" => Category::UserToken,
        "AdminListGroupsForUser" | "ResendConfirmationCode" => Category::UserResourceRead,
        "AdminSetUserMFAPreference"
        | "SetUserMFAPreference"
        | "AdminDeleteSoftwareToken"
        | "AssociateSoftwareToken"
        | "VerifySoftwareToken" => Category::UserResourceUpdate,
        "ListUsers" | "ListUsersInGroup" => Category::UserList,
        "DescribeUserPool" | "ListUserPools" => Category::UserPoolRead,
        "DescribeIdentityProvider"
        | "ListIdentityProviders"
        | "DescribeResourceServer"
        | "DescribeUserPoolDomain"
        | "GetUserPoolMfaConfig"
        | "GetGroup"
        | "ListGroups"
        | "ListTagsForResource" => Category::UserPoolResourceRead,
        "CreateGroup" | "DeleteGroup" | "SetUserPoolMfaConfig" | "TagResource" | "UntagResource" => {
            Category::UserPoolResourceUpdate
        }
        "DescribeUserPoolClient" | "ListUserPoolClients" => Category::UserPoolClientRead,
        "GetProvisionedLimit" | "UpdateProvisionedLimit" => Category::LimitManagement,
        _ => return None,
    })
}

/// Scenario time for the buckets: since the lab's start.
#[derive(Debug, Clone)]
struct Scenario(Clock);

impl clock::Clock for Scenario {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::try_from(self.0.now().duration_since(self.0.anchor())).unwrap_or_default()
    }
}

type CategoryBucket = RateLimiter<NotKeyed, InMemoryState, Scenario, NoOpMiddleware<Duration>>;

fn bucket(rps: u32, clock: Clock) -> CategoryBucket {
    RateLimiter::direct_with_clock(Quota::per_second(NonZeroU32::new(rps).unwrap_or(NonZeroU32::MIN)), Scenario(clock))
}

/// One category's rates.
#[derive(Debug)]
struct Limit {
    /// What costs nothing.
    free: u32,
    /// What is enforced.
    provisioned: u32,
    /// What may be provisioned.
    most: u32,
    bucket: CategoryBucket,
}

/// A request to raise what may be provisioned.
#[derive(Debug, Clone)]
pub(crate) struct Increase {
    pub id: String,
    /// The quota's row.
    pub row: &'static QuotaRow,
    /// What was asked for.
    pub desired: u32,
    /// When.
    pub at: Timestamp,
}

#[derive(Debug)]
struct QuotaState {
    limits: BTreeMap<Category, Limit>,
    /// Of challenge responses.
    responses: CategoryBucket,
    /// Of codes that are redeemed at the token endpoint: as many again as UserAuthentication (the guide, note 2).
    redemptions: CategoryBucket,
    increases: Vec<Increase>,
}

/// The quotas of one Region.
#[derive(Debug)]
pub(crate) struct Quotas {
    clock: Clock,
    state: Mutex<QuotaState>,
}

fn throttled() -> Refusal {
    Refusal::new("TooManyRequestsException", "Too many requests")
}

impl Quotas {
    /// With the default rates, but for UserAuthentication's, what may be provisioned at most, and what the Region has otherwise.
    pub(crate) fn new(settings: &LabSettings, rates: Option<&Rates>, clock: Clock) -> Self {
        let other = |of: fn(&Rates) -> &BTreeMap<String, u32>, row: &QuotaRow| {
            rates.and_then(|it| of(it).get(row.name)).copied()
        };
        let limits = ROWS.iter().map(|row| {
            let free =
                if row.category == Category::UserAuthentication { settings.user_authentication_rps } else { row.rps };
            let provisioned = other(|rates| &rates.provisioned, row).unwrap_or(free);
            let most = if row.adjustable { settings.service_quota_rps.max(free) } else { free };
            let most = other(|rates| &rates.service_quotas, row).unwrap_or(most);
            (row.category, Limit { free, provisioned, most, bucket: bucket(provisioned, clock) })
        });
        let limits: BTreeMap<Category, Limit> = limits.collect();
        let sign_ins = limits.get(&Category::UserAuthentication).map_or(0, |limit| limit.provisioned);
        let state = QuotaState {
            limits,
            responses: bucket(sign_ins.saturating_mul(RESPONSES), clock),
            redemptions: bucket(sign_ins, clock),
            increases: Vec::new(),
        };
        Self { clock, state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, QuotaState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request of a category.
    pub(crate) fn charge(&self, category: Category) -> Result<(), Refusal> {
        self.lock().take(category)
    }

    /// Counts an operation of the API.
    pub(crate) fn charge_operation(&self, operation: &str, input: &Value) -> Result<(), Refusal> {
        match operation {
            "RespondToAuthChallenge" | "AdminRespondToAuthChallenge" => {
                if input["ChallengeName"] == "NEW_PASSWORD_REQUIRED" {
                    return self.charge(Category::UserAccountRecovery);
                }
                let state = self.lock();
                if state.responses.check().is_ok() { Ok(()) } else { state.take(Category::UserAuthentication) }
            }
            _ => category(operation).map_or(Ok(()), |category| self.charge(category)),
        }
    }

    /// Counts a code that is redeemed at the token endpoint.
    pub(crate) fn charge_redemption(&self) -> Result<(), Refusal> {
        self.lock().redemptions.check().map_err(|_| throttled())
    }

    /// What Service Quotas lists: row, default, and what may be provisioned.
    pub(crate) fn listed(&self) -> Vec<(&'static QuotaRow, u32, u32)> {
        let state = self.lock();
        let listed = ROWS.iter().filter(|row| row.code.is_some());
        listed.filter_map(|row| state.limits.get(&row.category).map(|limit| (row, limit.free, limit.most))).collect()
    }

    /// Raises what may be provisioned; the enforced rate stays as it is (the guide, "Requesting a quota increase").
    pub(crate) fn increase(&self, row: &'static QuotaRow, desired: u32) -> Increase {
        let id = uuid::Uuid::new_v4().simple().to_string();
        let increase = Increase { id, row, desired, at: self.clock.now() };
        let mut state = self.lock();
        if let Some(limit) = state.limits.get_mut(&row.category) {
            limit.most = limit.most.max(desired);
        }
        state.increases.push(increase.clone());
        increase
    }

    /// The requests to raise quotas, the oldest first.
    pub(crate) fn increases(&self) -> Vec<Increase> {
        self.lock().increases.clone()
    }

    fn provisioned(&self, row: &QuotaRow) -> Result<Value, Refusal> {
        let state = self.lock();
        let limit = state.limits.get(&row.category).ok_or_else(no_limit)?;
        Ok(json!({ "Limit": {
            "LimitDefinition": { "LimitClass": LIMIT_CLASS, "Attributes": { "Category": row.name } },
            "ProvisionedLimitValue": limit.provisioned,
            "FreeLimitValue": limit.free,
        } }))
    }

    fn provision(&self, row: &QuotaRow, rps: u32) -> Result<(), Refusal> {
        let mut state = self.lock();
        let limit = state.limits.get_mut(&row.category).ok_or_else(no_limit)?;
        if rps > limit.most {
            let message =
                format!("The requested limit {rps} exceeds the Service Quotas limit {} of {}.", limit.most, row.name);
            return Err(Refusal::new("ServiceQuotaExceededException", message));
        }
        if rps < limit.free {
            let message =
                format!("The requested limit {rps} is below the default limit {} of {}.", limit.free, row.name);
            return Err(Refusal::new("InvalidParameterException", message));
        }
        limit.provisioned = rps;
        limit.bucket = bucket(rps, self.clock);
        if row.category == Category::UserAuthentication {
            state.responses = bucket(rps.saturating_mul(RESPONSES), self.clock);
            state.redemptions = bucket(rps, self.clock);
        }
        Ok(())
    }
}

impl QuotaState {
    fn take(&self, category: Category) -> Result<(), Refusal> {
        let limit = self.limits.get(&category);
        if limit.is_none_or(|limit| limit.bucket.check().is_ok()) { Ok(()) } else { Err(throttled()) }
    }
}

/// The one class of limits (Cognito API reference, LimitDefinitionType).
const LIMIT_CLASS: &str = "API_CATEGORY";

fn no_limit() -> Refusal {
    Refusal::new("ResourceNotFoundException", "There is no such limit.")
}

/// The adjustable category that a limit definition names.
fn adjustable(input: &Value) -> Result<&'static QuotaRow, Refusal> {
    let definition = &input["LimitDefinition"];
    if definition["LimitClass"] != LIMIT_CLASS {
        return Err(Refusal::new("InvalidParameterException", format!("LimitClass must be {LIMIT_CLASS}.")));
    }
    let name = definition["Attributes"]["Category"].as_str();
    let name = name.ok_or_else(|| Refusal::new("InvalidParameterException", "Attributes must have a Category."))?;
    let row = ROWS.iter().find(|row| row.name == name).ok_or_else(no_limit)?;
    if row.adjustable {
        Ok(row)
    } else {
        Err(Refusal::new("InvalidParameterException", format!("The limit of {name} cannot be provisioned.")))
    }
}

impl Identity {
    /// GetProvisionedLimit.
    pub(crate) fn get_provisioned_limit(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        self.place(role).quotas.provisioned(adjustable(input)?)
    }

    /// UpdateProvisionedLimit; it acts at once.
    pub(crate) fn update_provisioned_limit(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let row = adjustable(input)?;
        let rps = input["RequestedLimitValue"].as_u64().and_then(|rps| u32::try_from(rps).ok()).filter(|rps| *rps > 0);
        let rps = rps.ok_or_else(|| {
            Refusal::new("InvalidParameterException", "RequestedLimitValue must be a number of requests per second.")
        })?;
        let quotas = &self.place(role).quotas;
        quotas.provision(row, rps)?;
        quotas.provisioned(row)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock by which no second ever passes.
    fn frozen() -> Clock {
        Clock::start(1e-9)
    }

    fn quotas(clock: Clock) -> Quotas {
        Quotas::new(&LabSettings::default(), None, clock)
    }

    fn passed(times: u32, ask: impl Fn() -> Result<(), Refusal>) -> u32 {
        (0..times).map(|_| u32::from(ask().is_ok())).sum()
    }

    fn row(name: &str) -> &'static QuotaRow {
        ROWS.iter().find(|row| row.name == name).unwrap()
    }

    #[test]
    fn each_category_passes_its_rate_and_no_more() {
        let quotas = quotas(frozen());
        for (operation, rate) in
            [("InitiateAuth", 120), ("AdminSetUserPassword", 30), ("RevokeToken", 120), ("GetProvisionedLimit", 1)]
        {
            assert_eq!(passed(200, || quotas.charge_operation(operation, &Value::Null)), rate, "{operation}");
        }
        // The category is empty by now, whichever operation asks.
        assert_eq!(
            quotas.charge_operation("AdminInitiateAuth", &Value::Null).unwrap_err().code,
            "TooManyRequestsException"
        );
        assert_eq!(passed(200, || quotas.charge_redemption()), 120);
        assert_eq!(passed(200, || quotas.charge(Category::UserFederation)), 25);
        assert_eq!(passed(200, || quotas.charge_operation("ListUserPoolReplicas", &Value::Null)), 200);
    }

    #[test]
    fn challenge_responses_have_three_times_as_many_and_then_count_as_sign_ins() {
        let quotas = quotas(frozen());
        let answer = json!({ "ChallengeName": "PASSWORD_VERIFIER" });
        assert_eq!(passed(1000, || quotas.charge_operation("RespondToAuthChallenge", &answer)), 3 * 120 + 120);
        assert!(quotas.charge_operation("InitiateAuth", &Value::Null).is_err());
        let answer = json!({ "ChallengeName": "NEW_PASSWORD_REQUIRED" });
        assert_eq!(passed(1000, || quotas.charge_operation("RespondToAuthChallenge", &answer)), 30);
    }

    #[test]
    fn scenario_time_fills_the_bucket_again() {
        let clock = Clock::start(20.0);
        let quotas = quotas(clock);
        let began = clock.now();
        let (mut granted, mut asked) = (0, 0);
        while clock.now().duration_since(began).as_secs_f64() < 4.0 {
            granted += u32::from(quotas.charge(Category::UserRead).is_ok());
            asked += 1;
        }
        let most = 120.0 * (1.0 + clock.now().duration_since(began).as_secs_f64());
        assert!(asked > 1000 && f64::from(granted) <= most + 1.0, "{granted} of {asked}, at most {most}");
        assert!(granted >= 480, "{granted} in 4 s and a burst");
    }

    #[test]
    fn what_is_provisioned_acts_at_once_and_within_the_service_quota() {
        let quotas = quotas(frozen());
        let sign_ins = row("UserAuthentication");
        assert_eq!(passed(500, || quotas.charge(Category::UserAuthentication)), 120);
        quotas.provision(sign_ins, 300).unwrap();
        assert_eq!(passed(500, || quotas.charge(Category::UserAuthentication)), 300);
        assert_eq!(quotas.provision(sign_ins, 1001).unwrap_err().code, "ServiceQuotaExceededException");
        assert_eq!(quotas.provision(sign_ins, 119).unwrap_err().code, "InvalidParameterException");
        quotas.increase(sign_ins, 1500);
        quotas.provision(sign_ins, 1500).unwrap();
        let limit = quotas.provisioned(sign_ins).unwrap();
        assert_eq!(
            (&limit["Limit"]["ProvisionedLimitValue"], &limit["Limit"]["FreeLimitValue"]),
            (&json!(1500), &json!(120))
        );
    }

    #[test]
    fn a_region_may_have_more_or_less_than_everybody() {
        let rates = Rates {
            provisioned: BTreeMap::from([("UserAuthentication".to_owned(), 300)]),
            service_quotas: BTreeMap::from([("UserToken".to_owned(), 130)]),
        };
        let quotas = Quotas::new(&LabSettings::default(), Some(&rates), frozen());
        assert_eq!(passed(500, || quotas.charge(Category::UserAuthentication)), 300);
        assert_eq!(quotas.provisioned(row("UserAuthentication")).unwrap()["Limit"]["FreeLimitValue"], 120);
        assert_eq!(quotas.provision(row("UserToken"), 131).unwrap_err().code, "ServiceQuotaExceededException");
    }

    #[test]
    fn only_adjustable_categories_of_the_one_class_can_be_named() {
        let named = |class: &str, category: &str| {
            adjustable(&json!({ "LimitDefinition": { "LimitClass": class, "Attributes": { "Category": category } } }))
        };
        assert_eq!(named("API_CATEGORY", "UserToken").unwrap().name, "UserToken");
        assert_eq!(named("OTHER", "UserToken").unwrap_err().code, "InvalidParameterException");
        assert_eq!(named("API_CATEGORY", "UserList").unwrap_err().code, "InvalidParameterException");
        assert_eq!(named("API_CATEGORY", "Nothing").unwrap_err().code, "ResourceNotFoundException");
    }

    #[test]
    fn every_row_has_its_own_category_name_and_code() {
        let names: std::collections::BTreeSet<_> = ROWS.iter().map(|row| row.name).collect();
        let codes: std::collections::BTreeSet<_> = ROWS.iter().filter_map(|row| row.code).collect();
        let categories: std::collections::BTreeSet<_> = ROWS.iter().map(|row| row.category).collect();
        assert_eq!((names.len(), codes.len(), categories.len()), (ROWS.len(), ROWS.len() - 1, ROWS.len()));
        assert!(ROWS.iter().all(|row| format!("{:?}", row.category) == row.name));
    }
}
