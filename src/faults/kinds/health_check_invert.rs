//! `health-check-invert`: the health check says the opposite of what its checkers see, so that the record moves while
//! the primary stays up: Route 53's documented way to drill (Cognito developer guide, "Multi-Region replication").

use std::collections::BTreeMap;

use crate::faults::action::Action;
use crate::faults::changes::health_check::{Invert, describe};
use crate::faults::plan::{Ask, Cover, FaultError, Planned, Target};
use crate::faults::state::Scope;

/// Plans it.
///
/// # Errors
/// [`FaultError`].
pub async fn plan(ask: &Ask<'_>) -> Result<Planned, FaultError> {
    let id = ask.site.dns.health_check_id.clone();
    let described = describe(ask.clients, &id).await?;
    if described.config.disabled() == Some(true) {
        return Err(FaultError::Refused("a disabled health check counts as healthy, so inverting it tells nothing"));
    }
    let call = ask.clients.reading.route53.list_tags_for_resource().resource_id(&id);
    let call = call.resource_type(aws_sdk_route53::types::TagResourceType::Healthcheck).send();
    let tags = call.await.map_err(crate::cloud::CloudError::of("route53:ListTagsForResource"))?;
    let tags = tags.resource_tag_set.and_then(|set| set.tags).unwrap_or_default();
    let tags: BTreeMap<String, String> = tags.into_iter().filter_map(|tag| Some((tag.key?, tag.value?))).collect();
    let label = tags.get("Name").map_or_else(|| format!("health check {id}"), |name| format!("{id} ({name})"));
    Ok(Planned {
        targets: vec![Target { id: id.clone(), label, tags }],
        cover: Cover::default(),
        actions: vec![Action::Invert(Invert { health_check: id.clone(), was: described.inverted() })],
        scope: Scope { health_checks: [(ask.clients.region.clone(), id)].into(), ..Scope::default() },
    })
}
