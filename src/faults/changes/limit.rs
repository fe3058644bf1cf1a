//! Changes of the provisioned request rates of Cognito user pools.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_cognitoidentityprovider::types::{LimitClass, LimitDefinitionType};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cloud::{Backoff, CloudError, ErrorClass, RegionClients};
use crate::faults::change::{Applied, Change, ChangeContext, RevertOutcome, Stage, Universal};
use crate::faults::changes::mark::Marked;
use crate::faults::finder::Finder;
use crate::faults::permits::Permits;
use crate::faults::state::{Attribute, FactKind, Own, Snapshot, State, text};
use crate::faults::tags::WAS_TAG;

/// The category of sign-ins.
const CATEGORY: &str = "UserAuthentication";
/// What changes name the limit by.
pub(crate) const LIMIT: &str = "limit of UserAuthentication";
/// Both operations share one request a second for each account and Region (Cognito developer guide, category LimitManagement), so each is
/// asked again for a few seconds: longer and longer waits, up to this one.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(4);

/// cognito-idp:UpdateProvisionedLimit of the category UserAuthentication; inverse the same, as it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SetProvisionedLimit {
    /// Requests a second; nothing where only what was before is known.
    pub rate: Option<i32>,
    /// Those before.
    pub was: i32,
}

/// A rate, as states compare it.
pub(crate) fn rate_text(rate: i32) -> String {
    format!("{rate}/s")
}

/// A limit as Cognito tells it, in requests a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit {
    /// What is enforced.
    pub provisioned: i32,
    /// What costs nothing; less cannot be provisioned.
    pub free: i32,
}

fn definition() -> Result<LimitDefinitionType, CloudError> {
    let definition =
        LimitDefinitionType::builder().limit_class(LimitClass::ApiCategory).attributes("Category", CATEGORY);
    definition.build().map_err(|error| CloudError::incomplete("cognito-idp:UpdateProvisionedLimit", &error.to_string()))
}

/// How long a call is repeated that is refused for a reason that passes.
fn patience() -> Backoff {
    Backoff::new(Duration::from_millis(50), LONGEST_WAIT).within(PATIENCE)
}

/// The limit of sign-ins in a Region.
///
/// # Errors
/// [`CloudError`].
pub(crate) async fn provisioned(clients: &RegionClients) -> Result<Limit, CloudError> {
    let operation = "cognito-idp:GetProvisionedLimit";
    let mut patience = patience();
    loop {
        let call = clients.mutating.cognito.get_provisioned_limit().limit_definition(definition()?);
        let limit = match call.send().await.map_err(CloudError::of(operation)) {
            Ok(answer) => answer.limit.ok_or_else(|| CloudError::incomplete(operation, "limit"))?,
            Err(error) if error.is_transient() => {
                if patience.pause().await {
                    continue;
                }
                return Err(error);
            }
            Err(error) => return Err(error),
        };
        return Ok(Limit { provisioned: limit.provisioned_limit_value, free: limit.free_limit_value });
    }
}

/// Sets it. What was throttled has not taken effect, so that it may be asked again; nothing else may.
async fn provision(clients: &RegionClients, rate: i32) -> Result<(), CloudError> {
    let mut patience = patience();
    loop {
        let call = clients.mutating.cognito.update_provisioned_limit().limit_definition(definition()?);
        let call = call.requested_limit_value(rate).send();
        match call.await.map_err(CloudError::of("cognito-idp:UpdateProvisionedLimit")) {
            Err(error) if error.class == ErrorClass::Throttled => {
                if !patience.pause().await {
                    return Err(error);
                }
            }
            other => return other.map(drop),
        }
    }
}

impl SetProvisionedLimit {
    /// The change that a mark tells of: `300 was 120`.
    pub fn of_text(text: &str) -> Option<Self> {
        let (rate, was) = text.split_once(" was ")?;
        Some(Self { rate: Some(rate.parse().ok()?), was: was.parse().ok()? })
    }

    /// As a mark tells it.
    pub fn text(&self) -> String {
        format!("{} was {}", self.rate.unwrap_or(self.was), self.was)
    }
}

/// Limits are the account's and have no ARN, so the Region bounds them.
fn permit<const N: usize>(calls: [&str; N], name: &'static str, permits: &mut Permits<'_>) {
    let region = permits.region.to_string();
    let limits = permits.statement(name).allow(calls, ["*".to_owned()]);
    limits.when("StringEquals", "aws:RequestedRegion", [region]);
}

/// Of a Region's limit of sign-ins, by [`LIMIT`].
pub(crate) const SNAPSHOT: Snapshot =
    Snapshot { reads: &[], describe: |clients, limit, state| Box::pin(snapshot(clients, limit, state)) };

async fn snapshot(clients: &RegionClients, limit: &str, state: &mut State) -> Result<(), CloudError> {
    let now = provisioned(clients).await?.provisioned;
    state.add(&clients.region, FactKind::Limit, limit, [(Attribute::ProvisionedLimit, text(rate_text(now)))]);
    Ok(())
}

impl Change for SetProvisionedLimit {
    fn call(&self) -> &'static str {
        "cognito-idp:UpdateProvisionedLimit"
    }

    fn resource(&self) -> String {
        match self.rate {
            Some(rate) => format!("provisioned limit of {CATEGORY}: {rate}/s"),
            None => format!("provisioned limit of {CATEGORY}: not {}/s", self.was),
        }
    }

    fn inverse(&self) -> &'static str {
        "cognito-idp:UpdateProvisionedLimit as it was"
    }

    fn stage(&self) -> Stage {
        Stage::Inject
    }

    fn universal(&self, _: &dyn Fn(&str) -> Option<String>) -> Option<Universal> {
        let definition = json!({ "LimitClass": "API_CATEGORY", "Attributes": { "Category": CATEGORY } });
        let input = json!({ "LimitDefinition": definition, "RequestedLimitValue": self.was });
        Some(Universal { operation: "cognitoidentityprovider:updateProvisionedLimit", input })
    }

    fn permit(&self, permits: &mut Permits<'_>) {
        let calls = ["cognito-idp:GetProvisionedLimit", "cognito-idp:UpdateProvisionedLimit"];
        permit(calls, "ProvisionLimits", permits);
    }

    fn leftovers<'a>(finder: &'a mut Finder<'_>) -> BoxFuture<'a, Result<(), CloudError>> {
        async {
            let Some(pool) = finder.user_pool().await? else { return Ok(()) };
            let Some(arn) = pool.arn.clone() else { return Ok(()) };
            let tags: BTreeMap<_, _> = pool.user_pool_tags.clone().unwrap_or_default().into_iter().collect();
            let provision = tags.get(&format!("{WAS_TAG}limit")).and_then(|was| Self::of_text(was));
            if let Some((run, provision)) = finder.marked(Marked::Pool(arn), &tags).zip(provision) {
                finder.add(&run, provision);
            }
            Ok(())
        }
        .boxed()
    }

    fn healed_by(operation: &str, input: &Value) -> Option<Self> {
        // By what rate it was made, the call does not tell.
        let was = i32::try_from(input["RequestedLimitValue"].as_i64()?).ok()?;
        let ours = operation == "cognitoidentityprovider:updateProvisionedLimit"
            && input["LimitDefinition"]["Attributes"]["Category"] == CATEGORY;
        ours.then_some(Self { rate: None, was })
    }

    fn same_target(&self, _: &Self) -> bool {
        true
    }

    fn permit_heal(&self, permits: &mut Permits<'_>) {
        permit(["cognito-idp:UpdateProvisionedLimit"], "HealLimits", permits);
    }

    fn owns(&self) -> Option<(FactKind, Attribute, Own)> {
        // Of a change that a schedule alone tells, nobody knows the rate.
        let own = self.rate.map(|rate| Own::Is(rate_text(rate)))?;
        Some((FactKind::Limit, Attribute::ProvisionedLimit, own))
    }

    fn touches(&self) -> String {
        LIMIT.to_owned()
    }

    fn drift<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Option<String>, CloudError>> {
        async {
            let now = provisioned(context.clients).await?.provisioned;
            let changed = || format!("the provisioned limit of {CATEGORY} was {}/s and is now {now}/s", self.was);
            Ok((now != self.was).then(changed))
        }
        .boxed()
    }

    fn apply<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Applied, CloudError>> {
        async {
            let operation = "cognito-idp:UpdateProvisionedLimit";
            let rate = self.rate.ok_or_else(|| CloudError::incomplete(operation, "rate to be set"))?;
            context.make(self, provision(context.clients, rate)).await?;
            Ok(Applied::default())
        }
        .boxed()
    }

    fn settled<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Option<Applied>, CloudError>> {
        async { Ok((Some(provisioned(context.clients).await?.provisioned) == self.rate).then(Applied::default)) }
            .boxed()
    }

    fn undo<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<RevertOutcome, CloudError>> {
        async {
            let now = provisioned(context.clients).await?.provisioned;
            if now == self.was && !context.blind {
                return Ok(RevertOutcome::NoOp);
            }
            if Some(now) != self.rate && self.rate.is_some() && now != self.was {
                let found = format!(
                    "the provisioned limit of {CATEGORY} was changed to {now}/s by someone else and is left as it is"
                );
                return Ok(RevertOutcome::ChangedByOthers(found));
            }
            let resource = format!("provisioned limit of {CATEGORY}: {}/s", self.was);
            context.unmake(self, self.call(), resource, provision(context.clients, self.was)).await?;
            Ok(RevertOutcome::Reverted)
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_tells_the_whole_change() {
        let change = SetProvisionedLimit { rate: Some(300), was: 120 };
        assert_eq!(SetProvisionedLimit::of_text(&change.text()), Some(change));
        assert!(["", "300", "x was 120"].iter().all(|text| SetProvisionedLimit::of_text(text).is_none()));
    }
}
