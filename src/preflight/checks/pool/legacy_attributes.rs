use super::Schemas;
use crate::model::{Predicts, Severity};
use crate::preflight::checks::{Check, REPLICA, Sight};

pub const CHECK: Check = Check {
    code: "GD113",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Nothing,
    title: "The schema has an attribute with a legacy name",
    why: "*Anti-pattern: replication before a schema audit.* Developer-only attributes (`dev:`, `dev:custom:`) are a legacy of early user \
          pools: no app client can write them, and few tools copy them. A schema is never cleaned up later, and a replica inherits it as \
          it is, so what is wrong with it is frozen in both Regions from then on.",
    remedy: "Audit the schema before replication is set up:\n\n\
             ```\naws cognito-idp describe-user-pool --user-pool-id POOL --query \
             'UserPool.SchemaAttributes[?starts_with(Name, `dev:`) || starts_with(Name, `custom:custom:`)]'\n```\n\n\
             Move the values to a custom attribute, restrict it by the app clients' `WriteAttributes`, and where the pool is not \
             replicated yet, consider a new pool with a clean schema.",
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
                    sights.push(Sight::of(format!(
                        "cognito-idp:DescribeUserPool in {region}: SchemaAttributes has {}",
                        names.join(", ")
                    )));
                }
            }
            Ok(sights)
        })
    },
};
