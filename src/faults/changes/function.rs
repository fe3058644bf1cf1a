//! Changes of Lambda functions.

use std::collections::BTreeSet;

use aws_sdk_cognitoidentityprovider::types::{LambdaConfigType, PreTokenGenerationVersionConfigType};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cloud::{CloudError, ErrorClass, RegionClients};
use crate::faults::change::{Applied, Change, ChangeContext, RevertOutcome, Stage, Universal};
use crate::faults::changes::mark::Marked;
use crate::faults::finder::Finder;
use crate::faults::permits::Permits;
use crate::faults::state::{Attribute, FactKind, Own, Snapshot, State, text, there};
use crate::faults::tags::WAS_TAG;
use gameday_core::scenario::Trigger;

/// lambda:PutFunctionConcurrency with none at all, so that every invocation is throttled (Lambda developer guide,
/// "Configuring reserved concurrency"); inverse lambda:DeleteFunctionConcurrency, or the value that it had.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThrottleFunction {
    /// The function's name or ARN.
    pub function: String,
    /// What was reserved before; nothing where nothing was.
    pub was: Option<i32>,
}

/// What is reserved for a function, as states compare it.
pub(crate) fn reserved_text(reserved: Option<i32>) -> String {
    reserved.map_or_else(|| "none".to_owned(), |number| number.to_string())
}

/// What is reserved for a function.
///
/// # Errors
/// [`CloudError`].
pub(crate) async fn reserved(clients: &RegionClients, function: &str) -> Result<Option<i32>, CloudError> {
    let call = clients.reading.lambda.get_function_concurrency().function_name(function);
    let answer = call.send().await.map_err(CloudError::of("lambda:GetFunctionConcurrency"))?;
    Ok(answer.reserved_concurrent_executions)
}

async fn reserve(clients: &RegionClients, function: &str, executions: i32) -> Result<(), CloudError> {
    let call = clients.mutating.lambda.put_function_concurrency().function_name(function);
    let call = call.reserved_concurrent_executions(executions).send();
    call.await.map(drop).map_err(CloudError::of("lambda:PutFunctionConcurrency"))
}

async fn free(clients: &RegionClients, function: &str) -> Result<(), CloudError> {
    let call = clients.mutating.lambda.delete_function_concurrency().function_name(function);
    call.send().await.map(drop).map_err(CloudError::of("lambda:DeleteFunctionConcurrency"))
}

impl ThrottleFunction {
    /// As a mark tells it.
    pub fn was_text(&self) -> String {
        self.was.map_or_else(|| "none".to_owned(), |number| number.to_string())
    }

    /// The change that a mark tells of.
    pub fn of_text(function: String, was: &str) -> Option<Self> {
        let was = if was == "none" { None } else { Some(was.parse().ok()?) };
        Some(Self { function, was })
    }
}

fn words(reserved: Option<i32>) -> String {
    reserved.map_or_else(|| "none reserved".to_owned(), |number| format!("{number} reserved"))
}

/// Of a function, by its ARN.
pub(crate) const SNAPSHOT: Snapshot =
    Snapshot { reads: &[], describe: |clients, arn, state| Box::pin(snapshot(clients, arn, state)) };

async fn snapshot(clients: &RegionClients, arn: &str, state: &mut State) -> Result<(), CloudError> {
    let Some(reserved) = there(reserved(clients, arn).await)? else { return Ok(()) };
    let facts = [(Attribute::ReservedConcurrency, text(reserved_text(reserved)))];
    state.add(&clients.region, FactKind::Function, arn, facts);
    let tags = there(Marked::Function(arn.to_owned()).tags(clients).await)?.unwrap_or_default();
    state.add_tags(&clients.region, FactKind::Function, arn, tags);
    Ok(())
}

impl Change for ThrottleFunction {
    fn call(&self) -> &'static str {
        "lambda:PutFunctionConcurrency"
    }

    fn resource(&self) -> String {
        format!("{}: concurrency 0", self.function)
    }

    fn inverse(&self) -> &'static str {
        match self.was {
            None => "lambda:DeleteFunctionConcurrency",
            Some(_) => "lambda:PutFunctionConcurrency as it was",
        }
    }

    fn stage(&self) -> Stage {
        Stage::Inject
    }

    fn universal(&self, _: &dyn Fn(&str) -> Option<String>) -> Option<Universal> {
        Some(match self.was {
            None => Universal {
                operation: "lambda:deleteFunctionConcurrency",
                input: json!({ "FunctionName": self.function }),
            },
            Some(was) => Universal {
                operation: "lambda:putFunctionConcurrency",
                input: json!({ "FunctionName": self.function, "ReservedConcurrentExecutions": was }),
            },
        })
    }

    fn permit(&self, permits: &mut Permits<'_>) {
        let functions = permits.statement("ThrottleFunctions");
        let calls = ["lambda:PutFunctionConcurrency", "lambda:GetFunctionConcurrency", "lambda:ListTags"];
        functions.allow(calls, [self.function.clone()]);
        if self.was.is_none() {
            functions.allow(["lambda:DeleteFunctionConcurrency"], []);
        }
    }

    fn leftovers<'a>(finder: &'a mut Finder<'_>) -> BoxFuture<'a, Result<(), CloudError>> {
        async {
            let config = finder.user_pool().await?.and_then(|pool| pool.lambda_config.as_ref());
            for function in config.map(functions).unwrap_or_default() {
                let on = Marked::Function(function.clone());
                let Some(tags) = finder.tags_of(&on).await? else { continue };
                let throttle = tags.get(&format!("{WAS_TAG}state")).and_then(|was| Self::of_text(function, was));
                if let Some((run, throttle)) = finder.marked(on, &tags).zip(throttle) {
                    finder.add(&run, throttle);
                }
            }
            Ok(())
        }
        .boxed()
    }

    fn healed_by(operation: &str, input: &Value) -> Option<Self> {
        let was = match operation {
            "lambda:deleteFunctionConcurrency" => None,
            "lambda:putFunctionConcurrency" => {
                Some(i32::try_from(input["ReservedConcurrentExecutions"].as_i64()?).ok()?)
            }
            _ => return None,
        };
        Some(Self { function: input["FunctionName"].as_str()?.to_owned(), was })
    }

    fn same_target(&self, other: &Self) -> bool {
        self.function == other.function
    }

    fn permit_heal(&self, permits: &mut Permits<'_>) {
        let call = match self.was {
            Some(_) => "lambda:PutFunctionConcurrency",
            None => "lambda:DeleteFunctionConcurrency",
        };
        permits.statement("HealFunctions").allow([call], [self.function.clone()]);
    }

    fn owns(&self) -> Option<(FactKind, Attribute, Own)> {
        let own = Own::Is(reserved_text(Some(0)));
        Some((FactKind::Function, Attribute::ReservedConcurrency, own))
    }

    fn touches(&self) -> String {
        self.function.clone()
    }

    fn drift<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Option<String>, CloudError>> {
        async {
            let now = reserved(context.clients, &self.function).await?;
            let (was, is) = (words(self.was), words(now));
            Ok((now != self.was).then(|| format!("{} had {was}, and has {is}", self.function)))
        }
        .boxed()
    }

    fn apply<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Applied, CloudError>> {
        async {
            context.make(self, reserve(context.clients, &self.function, 0)).await?;
            Ok(Applied::default())
        }
        .boxed()
    }

    fn settled<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Option<Applied>, CloudError>> {
        async { Ok((reserved(context.clients, &self.function).await? == Some(0)).then(Applied::default)) }.boxed()
    }

    fn undo<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<RevertOutcome, CloudError>> {
        async {
            let now = match reserved(context.clients, &self.function).await {
                Err(error) if error.class == ErrorClass::NotFound => {
                    return Ok(RevertOutcome::ChangedByOthers(format!("{} no longer exists", self.function)));
                }
                other => other?,
            };
            if now == self.was && !context.blind {
                return Ok(RevertOutcome::NoOp);
            }
            if now != Some(0) && now != self.was {
                let found =
                    format!("{} was changed to {} by someone else and is left as it is", self.function, words(now));
                return Ok(RevertOutcome::ChangedByOthers(found));
            }
            let resource = format!("{}: {}", self.function, words(self.was));
            match self.was {
                None => {
                    let call = free(context.clients, &self.function);
                    context.unmake(self, "lambda:DeleteFunctionConcurrency", resource, call).await?;
                }
                Some(was) => {
                    let call = reserve(context.clients, &self.function, was);
                    context.unmake(self, "lambda:PutFunctionConcurrency", resource, call).await?;
                }
            }
            Ok(RevertOutcome::Reverted)
        }
        .boxed()
    }
}

/// Concurrency and tags are the function's, not a version's or an alias's: seven parts of the ARN.
pub(crate) fn unqualified(arn: &str) -> &str {
    arn.match_indices(':').nth(6).map_or(arn, |(end, _)| &arn[..end])
}

/// The functions of all triggers that can be broken.
fn functions(config: &LambdaConfigType) -> BTreeSet<String> {
    Trigger::ALL
        .iter()
        .filter_map(|trigger| of_trigger(config, *trigger))
        .map(|arn| unqualified(&arn).to_owned())
        .collect()
}

/// The function of a trigger.
pub(crate) fn of_trigger(config: &LambdaConfigType, trigger: Trigger) -> Option<String> {
    let arn = match trigger {
        Trigger::PreAuthentication => config.pre_authentication(),
        Trigger::PostAuthentication => config.post_authentication(),
        Trigger::PreTokenGeneration => config
            .pre_token_generation()
            .or_else(|| config.pre_token_generation_config().map(PreTokenGenerationVersionConfigType::lambda_arn)),
        Trigger::UserMigration => config.user_migration(),
        Trigger::DefineAuthChallenge => config.define_auth_challenge(),
    };
    arn.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_or_alias_is_cut_off() {
        let plain = "arn:aws:lambda:us-east-1:111122223333:function:pre-token";
        assert_eq!(unqualified(plain), plain);
        assert_eq!(unqualified(&format!("{plain}:live")), plain);
    }
}
