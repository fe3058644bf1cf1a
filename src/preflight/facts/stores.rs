//! What functions depend on: tables, secrets, and databases.

use std::sync::Arc;

use aws_sdk_dynamodb::types::TableDescription;
use aws_sdk_rds::types::{DbProxy, GlobalCluster};
use aws_sdk_secretsmanager::operation::describe_secret::DescribeSecretOutput;

use super::{Facts, Unavailable, found};
use crate::cloud::CloudError;
use gameday_core::model::RegionRole;

impl Facts {
    /// A DynamoDB table; nothing where there is none.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn table(&self, role: RegionRole, name: &str) -> Result<Option<Arc<TableDescription>>, Unavailable> {
        let operation = "dynamodb:DescribeTable";
        let answer = self.call(operation, role, name, async {
            let call = self.cloud.region(role).checked.dynamodb.describe_table().table_name(name);
            let answer = call.send().await.map_err(CloudError::of(operation))?;
            answer.table.ok_or_else(|| CloudError::incomplete(operation, "Table"))
        });
        found(answer.await)
    }

    /// What is known of a secret, its value aside; nothing where there is none.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn secret(&self, role: RegionRole, id: &str) -> Result<Option<Arc<DescribeSecretOutput>>, Unavailable> {
        let operation = "secretsmanager:DescribeSecret";
        let answer = self.call(operation, role, id, async {
            let call = self.cloud.region(role).checked.secrets.describe_secret().secret_id(id);
            call.send().await.map_err(CloudError::of(operation))
        });
        found(answer.await)
    }

    /// The global clusters that a Region sees.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn global_clusters(&self, role: RegionRole) -> Result<Arc<Vec<GlobalCluster>>, Unavailable> {
        let operation = "rds:DescribeGlobalClusters";
        self.call(operation, role, "", async {
            let pages = self.cloud.region(role).checked.rds.describe_global_clusters().into_paginator().items();
            pages.send().collect::<Result<Vec<_>, _>>().await.map_err(CloudError::of(operation))
        })
        .await
    }

    /// The RDS Proxies of a Region.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn proxies(&self, role: RegionRole) -> Result<Arc<Vec<DbProxy>>, Unavailable> {
        let operation = "rds:DescribeDBProxies";
        self.call(operation, role, "", async {
            let pages = self.cloud.region(role).checked.rds.describe_db_proxies().into_paginator().items();
            pages.send().collect::<Result<Vec<_>, _>>().await.map_err(CloudError::of(operation))
        })
        .await
    }
}
