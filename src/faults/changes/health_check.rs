//! Changes of Route 53 health checks.

use aws_sdk_route53::types::HealthCheckConfig;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cloud::{CloudError, RegionClients};
use crate::faults::change::{Applied, Change, ChangeContext, RevertOutcome, Stage, Universal};
use crate::faults::changes::mark::Marked;
use crate::faults::finder::Finder;
use crate::faults::permits::Permits;
use crate::faults::state::{Attribute, FactKind, Own, Snapshot, State, text, there};
use crate::faults::tags::WAS_TAG;

/// route53:UpdateHealthCheck of `Inverted`; inverse the same, as it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InvertHealthCheck {
    /// The health check.
    pub health_check: String,
    /// Whether it was inverted before.
    pub was: bool,
}

/// A health check as it is now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DescribedCheck {
    /// Counts its updates.
    pub version: i64,
    /// Its settings.
    pub config: HealthCheckConfig,
}

impl DescribedCheck {
    /// Whether it is inverted.
    pub(crate) fn inverted(&self) -> bool {
        self.config.inverted().unwrap_or_default()
    }
}

/// Describes a health check.
///
/// # Errors
/// [`CloudError`].
pub(crate) async fn describe(clients: &RegionClients, id: &str) -> Result<DescribedCheck, CloudError> {
    let operation = "route53:GetHealthCheck";
    let call = clients.reading.route53.get_health_check().health_check_id(id);
    let answer = call.send().await.map_err(CloudError::of(operation))?;
    let check = answer.health_check.ok_or_else(|| CloudError::incomplete(operation, "health check"))?;
    let version = check.health_check_version;
    let config = check.health_check_config.ok_or_else(|| CloudError::incomplete(operation, "configuration"))?;
    Ok(DescribedCheck { version, config })
}

async fn update(clients: &RegionClients, id: &str, version: i64, inverted: bool) -> Result<(), CloudError> {
    // The version keeps what somebody else changes meanwhile from being overwritten.
    let call = clients.mutating.route53.update_health_check().health_check_id(id);
    let call = call.health_check_version(version).inverted(inverted).send();
    call.await.map(drop).map_err(CloudError::of("route53:UpdateHealthCheck"))
}

/// Of a health check, by its ID.
pub(crate) const SNAPSHOT: Snapshot =
    Snapshot { reads: &[], describe: |clients, id, state| Box::pin(snapshot(clients, id, state)) };

async fn snapshot(clients: &RegionClients, id: &str, state: &mut State) -> Result<(), CloudError> {
    let Some(described) = there(describe(clients, id).await)? else { return Ok(()) };
    let config = &described.config;
    let facts = [
        (Attribute::Inverted, text(described.inverted().to_string())),
        (Attribute::Disabled, text(config.disabled().unwrap_or_default().to_string())),
        (Attribute::FailureThreshold, text(format!("{:?}", config.failure_threshold()))),
    ];
    state.add(&clients.region, FactKind::HealthCheck, id, facts);
    let tags = there(Marked::HealthCheck(id.to_owned()).tags(clients).await)?.unwrap_or_default();
    state.add_tags(&clients.region, FactKind::HealthCheck, id, tags);
    Ok(())
}

impl Change for InvertHealthCheck {
    fn call(&self) -> &'static str {
        "route53:UpdateHealthCheck"
    }

    fn resource(&self) -> String {
        format!("health check {}: inverted {}", self.health_check, !self.was)
    }

    fn inverse(&self) -> &'static str {
        "route53:UpdateHealthCheck as it was"
    }

    fn stage(&self) -> Stage {
        Stage::Inject
    }

    fn universal(&self, _: &dyn Fn(&str) -> Option<String>) -> Option<Universal> {
        let input = json!({ "HealthCheckId": self.health_check, "Inverted": self.was });
        Some(Universal { operation: "route53:updateHealthCheck", input })
    }

    fn permit(&self, permits: &mut Permits<'_>) {
        let check = permits.health_check(&self.health_check);
        let calls = ["route53:UpdateHealthCheck", "route53:ListTagsForResource"];
        permits.statement("InvertHealthCheck").allow(calls, [check]);
    }

    fn leftovers<'a>(finder: &'a mut Finder<'_>) -> BoxFuture<'a, Result<(), CloudError>> {
        async {
            // Route 53 is global; the primary's clients ask it.
            if finder.clients.region != finder.site.primary.region {
                return Ok(());
            }
            let id = finder.site.dns.health_check_id.clone();
            let on = Marked::HealthCheck(id.clone());
            let Some(tags) = finder.tags_of(&on).await? else { return Ok(()) };
            let was = tags.get(&format!("{WAS_TAG}state")).and_then(|was| was.parse().ok());
            if let Some((run, was)) = finder.marked(on, &tags).zip(was) {
                finder.add(&run, Self { health_check: id, was });
            }
            Ok(())
        }
        .boxed()
    }

    fn healed_by(operation: &str, input: &Value) -> Option<Self> {
        let (id, was) = (input["HealthCheckId"].as_str(), input["Inverted"].as_bool());
        (operation == "route53:updateHealthCheck").then_some(())?;
        Some(Self { health_check: id?.to_owned(), was: was? })
    }

    fn same_target(&self, other: &Self) -> bool {
        self.health_check == other.health_check
    }

    fn permit_heal(&self, permits: &mut Permits<'_>) {
        let check = permits.health_check(&self.health_check);
        permits.statement("HealHealthCheck").allow(["route53:UpdateHealthCheck"], [check]);
    }

    fn owns(&self) -> Option<(FactKind, Attribute, Own)> {
        let own = Own::Is((!self.was).to_string());
        Some((FactKind::HealthCheck, Attribute::Inverted, own))
    }

    fn touches(&self) -> String {
        self.health_check.clone()
    }

    fn drift<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Option<String>, CloudError>> {
        async {
            let now = describe(context.clients, &self.health_check).await?.inverted();
            Ok((now != self.was)
                .then(|| format!("health check {}: inverted was changed to {now} in the meantime", self.health_check)))
        }
        .boxed()
    }

    fn apply<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Applied, CloudError>> {
        async {
            let now = describe(context.clients, &self.health_check).await?;
            context.make(self, update(context.clients, &self.health_check, now.version, !self.was)).await?;
            Ok(Applied::default())
        }
        .boxed()
    }

    fn settled<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Option<Applied>, CloudError>> {
        async {
            let now = describe(context.clients, &self.health_check).await?;
            Ok((now.inverted() != self.was).then(Applied::default))
        }
        .boxed()
    }

    fn undo<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<RevertOutcome, CloudError>> {
        async {
            let now = match describe(context.clients, &self.health_check).await {
                Err(error) if error.code.as_deref() == Some("NoSuchHealthCheck") => {
                    return Ok(RevertOutcome::ChangedByOthers(format!(
                        "health check {} no longer exists",
                        self.health_check
                    )));
                }
                other => other?,
            };
            // An update carries the version that it is based on, so that one by a look that lags is refused as stale.
            if now.inverted() == self.was && !context.blind {
                return Ok(RevertOutcome::NoOp);
            }
            let resource = format!("health check {}: inverted {}", self.health_check, self.was);
            let call = update(context.clients, &self.health_check, now.version, self.was);
            context.unmake(self, self.call(), resource, call).await?;
            Ok(RevertOutcome::Reverted)
        }
        .boxed()
    }
}
