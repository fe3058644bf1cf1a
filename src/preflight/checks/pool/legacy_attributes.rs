use super::Schemas;
use crate::preflight::checks::{Check, Occurrence, REPLICA};
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD113",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Nothing,
    title: "The schema has an attribute with a legacy name",
    why: "*Anti-pattern: replication before a schema audit.* Developer-only attributes (`dev:`, `dev:custom:`) come \
          from early user pools: no app client can write them, and few tools copy them. A replica inherits the schema, \
          and a schema cannot be cleaned up later, so replication makes the mistake permanent in both Regions.",
    remedy: "Audit the schema before you set up replication:\n\n\
             ```sh\n\
             aws cognito-idp describe-user-pool --region REGION --user-pool-id USER_POOL_ID --query \\\n  \
             'UserPool.SchemaAttributes[?starts_with(Name, `dev:`) || starts_with(Name, `custom:custom:`)]'\n\
             ```\n\n\
             Move the values to a custom attribute, and restrict it with `WriteAttributes` of the app clients. If the \
             pool is not replicated yet, consider a new pool with a clean schema.",
    calls: &["cognito-idp:DescribeUserPool"],
    look: |facts| {
        Box::pin(async move {
            let schemas = Schemas::of(facts).await?;
            let both = [(&facts.cloud.primary, &schemas.primary), (&facts.cloud.replica, &schemas.replica)];
            let mut sights = Vec::new();
            for (clients, attributes) in both {
                let names = attributes.iter().filter(|attribute| {
                    let name = attribute.name().unwrap_or_default();
                    let legacy = name.starts_with("dev:") || name.starts_with("custom:custom:");
                    legacy || attribute.developer_only_attribute().unwrap_or_default()
                });
                let names: Vec<&str> = names.filter_map(|attribute| attribute.name()).collect();
                if !names.is_empty() {
                    let region = &clients.region;
                    sights.push(Occurrence::of(format!(
                        "cognito-idp:DescribeUserPool in {region}: SchemaAttributes contains {}",
                        names.join(", ")
                    )));
                }
            }
            Ok(sights)
        })
    },
};
