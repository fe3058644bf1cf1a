//! Lambda functions: how they are deployed, who may invoke them, and what they answer.

use std::sync::Arc;

use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use aws_sdk_lambda::primitives::Blob;
use serde_json::Value;

use super::{Facts, Unavailable, found};
use crate::cloud::CloudError;
use gameday_core::model::RegionRole;

/// How a function is deployed.
pub type Configuration = GetFunctionConfigurationOutput;

/// The parts of an unqualified function ARN, between colons.
const UNQUALIFIED: usize = 7;

/// What an invocation gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Invoked {
    /// The function's answer.
    Answer(Value),
    /// It threw an error, of this type.
    Threw(String),
}

impl Facts {
    /// A function's configuration.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn function(&self, role: RegionRole, arn: &str) -> Result<Arc<Configuration>, Unavailable> {
        let operation = "lambda:GetFunctionConfiguration";
        self.call(operation, role, arn, async {
            let call = self.cloud.region(role).reading.lambda.get_function_configuration().function_name(arn);
            call.send().await.map_err(CloudError::of(operation))
        })
        .await
    }

    /// A function's reserved concurrency.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn reserved_concurrency(&self, role: RegionRole, arn: &str) -> Result<Option<i32>, Unavailable> {
        let operation = "lambda:GetFunctionConcurrency";
        // It is the function's, not a version's or an alias's.
        let name = arn.splitn(UNQUALIFIED + 1, ':').take(UNQUALIFIED).collect::<Vec<_>>().join(":");
        let answer = self.call(operation, role, &name, async {
            let call = self.cloud.region(role).reading.lambda.get_function_concurrency().function_name(&name);
            let answer = call.send().await.map_err(CloudError::of(operation))?;
            Ok(answer.reserved_concurrent_executions)
        });
        Ok(*answer.await?)
    }

    /// The account's concurrent executions in a Region.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn account_concurrency(&self, role: RegionRole) -> Result<i32, Unavailable> {
        let operation = "lambda:GetAccountSettings";
        let answer = self.call(operation, role, "", async {
            let answer = self.cloud.region(role).reading.lambda.get_account_settings().send().await;
            let limit = answer.map_err(CloudError::of(operation))?.account_limit;
            limit
                .map(|limit| limit.concurrent_executions)
                .ok_or_else(|| CloudError::incomplete(operation, "AccountLimit"))
        });
        Ok(*answer.await?)
    }

    /// A function's resource policy; nothing where it has none.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn function_policy(&self, role: RegionRole, arn: &str) -> Result<Option<Arc<Value>>, Unavailable> {
        let operation = "lambda:GetPolicy";
        let answer = self.call(operation, role, arn, async {
            let answer = self.cloud.region(role).reading.lambda.get_policy().function_name(arn).send().await;
            let policy = answer.map_err(CloudError::of(operation))?.policy.unwrap_or_default();
            serde_json::from_str(&policy).map_err(|_| CloudError::incomplete(operation, "policy that is JSON"))
        });
        found(answer.await)
    }

    /// What a function answers to an event. It really runs.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn invoked(&self, role: RegionRole, arn: &str, event: &Value) -> Result<Arc<Invoked>, Unavailable> {
        let operation = "lambda:InvokeFunction";
        self.call(operation, role, arn, async {
            let call = self.cloud.region(role).mutating.lambda.invoke().function_name(arn);
            let answer = call.payload(Blob::new(event.to_string())).send().await.map_err(CloudError::of(operation))?;
            let payload = answer.payload.map(Blob::into_inner).unwrap_or_default();
            let payload: Value = serde_json::from_slice(&payload).unwrap_or_default();
            Ok(match answer.function_error {
                // Messages of functions may have anything in them; their type tells enough.
                Some(_) => Invoked::Threw(payload["errorType"].as_str().unwrap_or("an error").to_owned()),
                None => Invoked::Answer(payload),
            })
        })
        .await
    }
}
