//! Lambda in one Region: the functions of the estate, and what comes of invoking them. What they look up is what the estate has in
//! the Region that their variables name.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};

use super::lock;
use crate::estate::lambda::{self, Program};
use crate::estate::{AccountFixture, arn};
use crate::topology;
use gameday_core::model::{RegionRole, matches};

/// What a function's reserved concurrency is where nothing is reserved.
const UNRESERVED: i64 = -1;
/// The Region in the name of an AWS endpoint stands third from its end.
const REGION_IN_ENDPOINT: usize = 3;
/// The same for a proxy of RDS.
const REGION_IN_PROXY: usize = 4;

/// The functions of a Region.
#[derive(Debug)]
pub(crate) struct Functions {
    region: &'static str,
    by_name: BTreeMap<String, Function>,
    estate: Arc<AccountFixture>,
}

#[derive(Debug)]
pub(crate) struct Function {
    arn: String,
    spec: lambda::FunctionFixture,
    reserved: AtomicI64,
    tags: Mutex<BTreeMap<String, String>>,
}

/// Nothing came of an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Uninvoked {
    /// Lambda did not run the function: its error code, and why.
    Refused(&'static str, String),
    /// The function ran, and threw this type of error with this message.
    Failed(&'static str, String),
}

impl Functions {
    /// Those that the estate has in a Region.
    pub(crate) fn new(role: RegionRole, estate: Arc<AccountFixture>) -> Self {
        let region = topology::region(role);
        let specs = estate.lambda.get(region).map(|lambda| lambda.functions.clone()).unwrap_or_default();
        let functions = specs.into_iter().map(|(name, spec)| (name.clone(), Function::new(region, &name, spec)));
        Self { region, by_name: functions.collect(), estate }
    }

    /// All of them, by name.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Function> {
        self.by_name.values()
    }

    /// The one with a name, an ARN or a partial ARN (Lambda API reference, `FunctionName`).
    pub(crate) fn find(&self, given: &str) -> Option<&Function> {
        let given = given.strip_suffix(":$LATEST").unwrap_or(given);
        let partial = |function: &Function| format!("{}:function:{}", topology::ACCOUNT, function.name());
        let named =
            |function: &&Function| given == function.name() || given == function.arn() || given == partial(function);
        self.all().find(named)
    }

    /// The Region's name.
    pub(crate) fn region(&self) -> &'static str {
        self.region
    }

    /// The account's concurrent executions, and what is left of them for functions that have none reserved.
    pub(crate) fn concurrency(&self) -> (i64, i64) {
        let all = self.estate.lambda.get(self.region).map_or(0, |lambda| lambda.concurrent_executions);
        (all, all - self.all().filter_map(Function::reserved).sum::<i64>())
    }

    /// Invokes a function as a service does for one of its resources, which the function's policy must allow.
    ///
    /// # Errors
    /// [`Uninvoked`].
    pub(crate) fn invoke_for(
        &self,
        service: &str,
        source: &str,
        function: &str,
        event: &Value,
    ) -> Result<Value, Uninvoked> {
        let allowed = self.find(function).filter(|function| function.lets(service, source));
        // A function that was deleted is told of by the same error as one that may not be invoked (re:Post, "Resolve Lambda trigger
        // errors in Amazon Cognito").
        let denied = || {
            let message =
                format!("{service} is not authorized to perform: lambda:InvokeFunction on resource: {function}");
            Uninvoked::Refused("AccessDeniedException", message)
        };
        self.invoke(allowed.ok_or_else(denied)?, event)
    }

    /// Invokes a function.
    ///
    /// # Errors
    /// [`Uninvoked`].
    pub(crate) fn invoke(&self, function: &Function, event: &Value) -> Result<Value, Uninvoked> {
        if function.is_throttled() {
            return Err(Uninvoked::Refused("TooManyRequestsException", "Rate Exceeded.".to_owned()));
        }
        // Lambda developer guide, "Lambda function states": a function runs once it is Active; the attempt wakes an Inactive one, and
        // fails.
        if function.spec.state != "Active" {
            let message = format!(
                "The operation cannot be performed at this time. The function is currently in the following state: {}",
                function.spec.state
            );
            return Err(Uninvoked::Refused("ResourceConflictException", message));
        }
        if !self.estate.iam.roles.contains_key(function.role_name()) {
            let message = "The role defined for the function cannot be assumed by Lambda.".to_owned();
            return Err(Uninvoked::Refused("AccessDeniedException", message));
        }
        match function.spec.program {
            Program::Claims => self.claims(function, event),
            Program::Audit => self.audit(function, event),
            // What it throws to have a caller refused (API Gateway developer guide, "Output from an API Gateway Lambda authorizer"): the
            // lab's API has an authorizer of its own, and nobody else brings a token.
            Program::Authorizer => Err(Uninvoked::Failed("Error", "Unauthorized".to_owned())),
        }
    }

    /// What a function may do with something, by its role.
    fn permitted(&self, function: &Function, action: &str, resource: &str) -> Result<(), Uninvoked> {
        if self.estate.iam.allows(&function.spec.role, action, resource) {
            return Ok(());
        }
        let message = format!("{} is not authorized to perform: {action} on resource: {resource}", function.spec.role);
        Err(Uninvoked::Failed("AccessDeniedException", message))
    }

    fn claims(&self, function: &Function, event: &Value) -> Result<Value, Uninvoked> {
        let endpoint = function.variable("AWS_ENDPOINT_URL_DYNAMODB");
        let region = labels(endpoint).rev().nth(REGION_IN_ENDPOINT - 1).unwrap_or(self.region);
        let name = function.variable("TABLE_NAME");
        self.permitted(function, "dynamodb:GetItem", &arn("dynamodb", region, &format!("table/{name}")))?;
        let table = self.estate.dynamodb.get(region).and_then(|tables| tables.get(name));
        let table = table
            .filter(|table| table.is_readable())
            .ok_or_else(|| Uninvoked::Failed("ResourceNotFoundException", "Requested resource not found".to_owned()))?;
        let attributes = &event["request"]["userAttributes"];
        let mut claims = serde_json::Map::new();
        for claim in function.variable("CLAIMS").split(',') {
            let Some(item) = table.items.get(claim) else { continue };
            let of = |name: &str| item.get(name).map(String::as_str);
            let value = match of("attribute") {
                Some("AWS_REGION") => Some(self.region),
                attribute => attribute.and_then(|name| attributes[name].as_str()).or_else(|| of("otherwise")),
            };
            claims.extend(value.map(|value| (claim.to_owned(), Value::from(value))));
        }
        let mut answer = event.clone();
        answer["response"] = json!({ "claimsAndScopeOverrideDetails": {
            "idTokenGeneration": { "claimsToAddOrOverride": claims },
            "accessTokenGeneration": { "claimsToAddOrOverride": claims },
        } });
        Ok(answer)
    }

    fn audit(&self, function: &Function, event: &Value) -> Result<Value, Uninvoked> {
        let failed = |kind, message: String| Err(Uninvoked::Failed(kind, message));
        let secret = function.variable("SECRET_ARN");
        self.permitted(function, "secretsmanager:GetSecretValue", secret)?;
        if !self.estate.has_secret(secret) {
            let message = "Secrets Manager can't find the specified secret.".to_owned();
            return failed("ResourceNotFoundException", message);
        }
        let host = function.variable("DATABASE_HOST");
        let region = labels(host).rev().nth(REGION_IN_PROXY - 1).unwrap_or_default();
        let proxies = self.estate.rds.proxies.get(region).into_iter().flat_map(BTreeMap::values);
        if !proxies.into_iter().any(|proxy| proxy.endpoint == host && proxy.status == "available") {
            return failed("Error", format!("getaddrinfo ENOTFOUND {host}"));
        }
        Ok(event.clone())
    }
}

/// The labels of the host in a URL, or of a host.
fn labels(url: &str) -> std::str::Split<'_, char> {
    let host = url.strip_prefix("https://").unwrap_or(url);
    host.split('/').next().unwrap_or_default().split('.')
}

impl Function {
    fn new(region: &str, name: &str, spec: lambda::FunctionFixture) -> Self {
        let tags = BTreeMap::from([("Name".to_owned(), name.to_owned())]);
        let reserved = AtomicI64::new(spec.reserved_concurrency.unwrap_or(UNRESERVED));
        Self { arn: arn("lambda", region, &format!("function:{name}")), spec, reserved, tags: Mutex::new(tags) }
    }

    pub(crate) fn arn(&self) -> &str {
        &self.arn
    }

    pub(crate) fn name(&self) -> &str {
        self.arn.rsplit(':').next().unwrap_or_default()
    }

    /// What else it is.
    pub(crate) fn spec(&self) -> &lambda::FunctionFixture {
        &self.spec
    }

    /// Its reserved concurrency.
    pub(crate) fn reserved(&self) -> Option<i64> {
        Some(self.reserved.load(Ordering::SeqCst)).filter(|reserved| *reserved != UNRESERVED)
    }

    /// Reserves concurrency, or frees it.
    pub(crate) fn reserve(&self, executions: Option<i64>) {
        self.reserved.store(executions.unwrap_or(UNRESERVED), Ordering::SeqCst);
    }

    /// Whether every invocation is throttled.
    pub(crate) fn is_throttled(&self) -> bool {
        self.reserved() == Some(0)
    }

    pub(crate) fn tags(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        lock(&self.tags)
    }

    fn variable(&self, name: &str) -> &str {
        self.spec.environment.get(name).map(String::as_str).unwrap_or_default()
    }

    fn role_name(&self) -> &str {
        self.spec.role.rsplit('/').next().unwrap_or_default()
    }

    /// Whether its policy lets a service invoke it for a resource.
    fn lets(&self, service: &str, source: &str) -> bool {
        let fits =
            |statement: &lambda::Statement| statement.service == service && matches(&statement.source_arn, source);
        self.spec.policy.iter().any(fits)
    }
}
