//! `health-check-invert`: the health check says the opposite of what its checkers see, so that the record moves while
//! the primary stays up: Route 53's documented way to drill (Cognito developer guide, "Multi-Region replication").

use super::{Kind, nothing_else};
use crate::faults::action::Action;
use crate::faults::changes::health_check::{InvertHealthCheck, describe};
use crate::faults::changes::mark::Marked;
use crate::faults::fault::{BlastRadius, FaultError, PlanContext, PlannedFault, Target};
use crate::faults::state::{Part, Scope};

pub(super) const KIND: Kind = Kind { plan: |context| Box::pin(plan(context)), permit: nothing_else };

async fn plan(context: &PlanContext<'_>) -> Result<PlannedFault, FaultError> {
    let id = context.site.dns.health_check_id.clone();
    let described = describe(context.clients, &id).await?;
    if described.config.disabled() == Some(true) {
        return Err(FaultError::Refused("a disabled health check counts as healthy, so inverting it has no effect"));
    }
    let on = Marked::HealthCheck(id.clone());
    let tags = on.tags(context.clients).await?;
    let was = described.inverted();
    let mark = context.mark(on, &tags, [("state".to_owned(), was.to_string())])?;
    let label = tags.get("Name").map_or_else(|| format!("health check {id}"), |name| format!("{id} ({name})"));
    Ok(PlannedFault {
        targets: vec![Target { id: id.clone(), label, tags }],
        blast_radius: BlastRadius::default(),
        actions: vec![mark, Action::InvertHealthCheck(InvertHealthCheck { health_check: id.clone(), was })],
        scope: Scope::of(Part::HealthCheck, &context.clients.region, &id),
    })
}
