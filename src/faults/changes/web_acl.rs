//! Changes of the web ACL in front of a user pool: a copy of it that blocks sign-ins, and which of the two the pool has.
//!
//! The original is never edited. A copy needs no lock token to be taken away again, so that a schedule can do it, and what others change in the
//! original meanwhile is in force again with it.

use std::collections::BTreeMap;

use aws_sdk_wafv2::operation::create_web_acl::builders::CreateWebACLFluentBuilder;
use aws_sdk_wafv2::types::{
    AllowAction, BlockAction, ByteMatchStatement, DefaultAction, FieldToMatch, PositionalConstraint, Rule, RuleAction,
    Scope, SingleHeader, Statement, Tag, TextTransformation, TextTransformationType, UriPath, VisibilityConfig, WebAcl,
    WebAclSummary,
};
use aws_smithy_types::Blob;
use aws_smithy_types::error::operation::BuildError;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cloud::{CloudError, ErrorClass, RegionClients};
use crate::faults::change::{Applied, Change, ChangeContext, RevertOutcome, Stage, Universal, gone};
use crate::faults::finder::Finder;
use crate::faults::permits::Permits;
use crate::faults::state::{Attribute, FactKind, Own, Snapshot, State, ids, text, there};
use crate::faults::tags::{RUN_TAG, RUNS_BEGIN, WAS_TAG};
use gameday_core::model::RUN_HEADER;

/// What the copy's tag says of a pool that had no web ACL.
const NONE: &str = "none";
/// The end of the tag of a copy that has the web ACL which the pool had.
const WAS: &str = "web-acl";
/// The tag of a copy that has the user pool which it is for.
const POOL_TAG: &str = "gameday:pool";
/// The name of the rule that blocks. A rule's name is unique in its web ACL (WAFV2 API reference, Rule).
const RULE: &str = "gameday-block";
/// Characters of a name at the most (WAFV2 API reference, `EntityName`).
const NAME_CHARACTERS: usize = 128;

/// wafv2:CreateWebACL with the rules of the pool's own and one that blocks; inverse wafv2:DeleteWebACL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreateBlockingAcl {
    /// The user pool's ARN.
    pub pool: String,
    /// The ARN of the web ACL that it repeats; nothing where the pool has none.
    pub original: Option<String>,
    /// Its key.
    pub copy: String,
    /// Its name: the run's ID and the fault's number.
    pub name: String,
    /// Whether it blocks every user, else those whose requests carry the run's header alone.
    pub everyone: bool,
    /// Tags that the environment asks for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// wafv2:AssociateWebACL with the copy; inverse the same with the original, or wafv2:DisassociateWebACL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AssociateBlockingAcl {
    /// The user pool's ARN.
    pub pool: String,
    /// The ARN of the web ACL that the pool had; nothing where it had none.
    pub original: Option<String>,
    /// The copy's key.
    pub copy: String,
}

/// The web ACL of a user pool.
///
/// # Errors
/// [`CloudError`].
pub(crate) async fn of_pool(clients: &RegionClients, pool: &str) -> Result<Option<WebAcl>, CloudError> {
    let call = clients.reading.waf.get_web_acl_for_resource().resource_arn(pool).send();
    Ok(call.await.map_err(CloudError::of("wafv2:GetWebACLForResource"))?.web_acl)
}

/// Every web ACL of the Region that a run made.
async fn of_runs(clients: &RegionClients) -> Result<Vec<WebAclSummary>, CloudError> {
    let (mut found, mut marker) = (Vec::new(), None);
    loop {
        let call = clients.reading.waf.list_web_acls().scope(Scope::Regional).set_next_marker(marker).send();
        let answer = call.await.map_err(CloudError::of("wafv2:ListWebACLs"))?;
        let own = |acl: &WebAclSummary| acl.name().is_some_and(|name| run_of(name).is_some());
        found.extend(answer.web_acls.unwrap_or_default().into_iter().filter(own));
        marker = answer.next_marker;
        if marker.is_none() {
            return Ok(found);
        }
    }
}

/// What a pool had before, by the tags of a copy.
#[derive(Debug, Default)]
enum Before {
    /// They do not say.
    #[default]
    Unknown,
    Nothing,
    WebAcl(String),
}

/// What the tags of a copy say.
#[derive(Debug, Default)]
struct CopyTags {
    run: Option<String>,
    pool: Option<String>,
    original: Before,
}

impl CopyTags {
    async fn of(clients: &RegionClients, copy: &str) -> Result<Self, CloudError> {
        let call = clients.reading.waf.list_tags_for_resource().resource_arn(copy).send();
        let answer = there(call.await.map_err(CloudError::of("wafv2:ListTagsForResource")))?;
        let tags = answer.and_then(|answer| answer.tag_info_for_resource).and_then(|info| info.tag_list);
        let mut found = Self::default();
        for Tag { key, value, .. } in tags.unwrap_or_default() {
            match key {
                key if key == RUN_TAG => found.run = Some(value),
                key if key == POOL_TAG => found.pool = Some(value),
                key if key == format!("{WAS_TAG}{WAS}") => {
                    found.original = if value == NONE { Before::Nothing } else { Before::WebAcl(value) }
                }
                _ => {}
            }
        }
        Ok(found)
    }
}

/// Whether a web ACL is there.
async fn exists(clients: &RegionClients, arn: &str) -> Result<bool, CloudError> {
    let call = clients.reading.waf.get_web_acl().arn(arn).send();
    Ok(there(call.await.map_err(CloudError::of("wafv2:GetWebACL")))?.is_some())
}

/// Whether a web ACL is a run's copy: by its name, and by the rule that blocks.
pub(crate) fn is_copy(acl: &WebAcl) -> bool {
    run_of(acl.name()).is_some() && acl.rules().iter().any(|rule| rule.name() == RULE)
}

/// The name of a run's web ACL; nothing where it would be too long.
pub(crate) fn name(run: &str, number: usize) -> Option<String> {
    let name = format!("{run}-{number}");
    (name.len() <= NAME_CHARACTERS).then_some(name)
}

/// The run that made a web ACL of that name.
pub(crate) fn run_of(name: &str) -> Option<&str> {
    name.rsplit_once('-').map(|(run, _)| run).filter(|run| run.starts_with(RUNS_BEGIN))
}

fn visibility(name: &str) -> Result<VisibilityConfig, BuildError> {
    VisibilityConfig::builder()
        .sampled_requests_enabled(true)
        .cloud_watch_metrics_enabled(true)
        .metric_name(name)
        .build()
}

/// The rule that blocks, before every other one.
fn block(run: &str, everyone: bool) -> Result<Rule, BuildError> {
    let (field, word, constraint) = if everyone {
        let path = FieldToMatch::builder().uri_path(UriPath::builder().build());
        (path, "/", PositionalConstraint::StartsWith)
    } else {
        let header = FieldToMatch::builder().single_header(SingleHeader::builder().name(RUN_HEADER).build()?);
        (header, run, PositionalConstraint::Exactly)
    };
    let as_it_is = TextTransformation::builder().priority(0).r#type(TextTransformationType::None).build()?;
    let matches = ByteMatchStatement::builder()
        .field_to_match(field.build())
        .search_string(Blob::new(word))
        .positional_constraint(constraint)
        .text_transformations(as_it_is)
        .build()?;
    Rule::builder()
        .name(RULE)
        .priority(0)
        .statement(Statement::builder().byte_match_statement(matches).build())
        .action(RuleAction::builder().block(BlockAction::builder().build()).build())
        .visibility_config(visibility(RULE)?)
        .build()
}

/// The call that makes the copy of a pool's web ACL.
fn copy_of(
    clients: &RegionClients,
    original: Option<WebAcl>,
    name: &str,
    blocking: Rule,
) -> Result<CreateWebACLFluentBuilder, BuildError> {
    let call = clients.mutating.waf.create_web_acl().scope(Scope::Regional).name(name).rules(blocking);
    let Some(acl) = original else {
        let allow = DefaultAction::builder().allow(AllowAction::builder().build()).build();
        return Ok(call.default_action(allow).visibility_config(visibility(name)?));
    };
    // Each rule's number is its own, and the new one has the first.
    let later = |mut rule: Rule| {
        rule.priority += 1;
        rule
    };
    let call = acl.rules.unwrap_or_default().into_iter().map(later).fold(call, CreateWebACLFluentBuilder::rules);
    Ok(call
        .set_default_action(acl.default_action)
        .set_visibility_config(acl.visibility_config)
        .set_data_protection_config(acl.data_protection_config)
        .set_custom_response_bodies(acl.custom_response_bodies)
        .set_captcha_config(acl.captcha_config)
        .set_challenge_config(acl.challenge_config)
        .set_token_domains(acl.token_domains)
        .set_association_config(acl.association_config)
        .set_application_config(acl.application_config)
        .set_monetization_config(acl.monetization_config))
}

/// Of a user pool's web ACL, by the pool's ARN.
pub(crate) const SNAPSHOT: Snapshot = Snapshot {
    reads: &["wafv2:ListWebACLs"],
    describe: |clients, pool, state| Box::pin(snapshot(clients, pool, state)),
};

async fn snapshot(clients: &RegionClients, pool: &str, state: &mut State) -> Result<(), CloudError> {
    let acl = there(of_pool(clients, pool).await)?.flatten();
    let acl = ids(acl.iter().map(WebAcl::arn));
    state.add(&clients.region, FactKind::UserPool, pool, [(Attribute::WebAcl, acl)]);
    let Some(run) = state.run().cloned() else { return Ok(()) };
    for acl in of_runs(clients).await? {
        let (arn, name) = (acl.arn.unwrap_or_default(), acl.name.unwrap_or_default());
        if run_of(&name) == Some(run.as_str()) {
            state.add(&clients.region, FactKind::WebAcl, &arn, [(Attribute::Name, text(&name))]);
        }
    }
    Ok(())
}

impl CreateBlockingAcl {
    /// The web ACL of that name; another one cannot have it.
    async fn made(&self, clients: &RegionClients) -> Result<Option<WebAclSummary>, CloudError> {
        Ok(of_runs(clients).await?.into_iter().find(|acl| acl.name() == Some(self.name.as_str())))
    }
}

impl Change for CreateBlockingAcl {
    fn call(&self) -> &'static str {
        "wafv2:CreateWebACL"
    }

    fn resource(&self) -> String {
        match &self.original {
            Some(original) => format!("copy of {} that blocks sign-ins", short(original)),
            None => "web ACL that blocks sign-ins".to_owned(),
        }
    }

    fn inverse(&self) -> &'static str {
        "wafv2:DeleteWebACL"
    }

    fn stage(&self) -> Stage {
        Stage::Create
    }

    fn makes(&self) -> Option<&str> {
        Some(&self.copy)
    }

    fn note(&self) -> Option<String> {
        let who = if self.everyone {
            "every call of Cognito's public API and every page of managed login at this pool is refused, to real users too: sign-in, refresh, \
             sign-up and password reset; calls with AWS credentials (ADMIN_ flows) are not"
                .to_owned()
        } else {
            format!(
                "requests with the header {RUN_HEADER} of this run are refused, and no others, if Cognito shows that header to AWS WAF (assumed)"
            )
        };
        let logs = self.original.as_ref().map_or("", |_| {
            "; while the copy is associated, requests are not in the log of the original web ACL, its rate-based rules count anew, and what is changed \
             in the original is not in force"
        });
        Some(format!("{who}{logs}"))
    }

    fn permit(&self, permits: &mut Permits<'_>) {
        let own = permits.waf(&format!("regional/webacl/{RUNS_BEGIN}*"));
        let mut used = vec![own.clone()];
        if self.original.is_some() {
            // What the rules of the original refer to.
            let parts = ["ipset", "managedruleset", "regexpatternset", "rulegroup"];
            used.extend(parts.map(|part| permits.waf(&format!("regional/{part}/*"))));
        }
        permits.statement("MakeWebAcls").allow(["wafv2:CreateWebACL"], used);
        permits
            .statement("ChangeOwnWebAcls")
            .allow(["wafv2:DeleteWebACL", "wafv2:ListTagsForResource", "wafv2:TagResource"], [own]);
    }

    fn leftovers<'a>(finder: &'a mut Finder<'_>) -> BoxFuture<'a, Result<(), CloudError>> {
        async {
            let own = finder.user_pool().await?.and_then(|pool| pool.arn.clone());
            for acl in of_runs(finder.clients).await? {
                let (Some(copy), Some(name)) = (acl.arn, acl.name) else { continue };
                let Some(run) = run_of(&name).map(str::to_owned) else { continue };
                let tags = CopyTags::of(finder.clients, &copy).await?;
                // A name alone may be anybody's. And another pool's belongs to another environment, which knows how it was.
                let Some(pool) = tags.pool.filter(|_| tags.run.as_deref() == Some(run.as_str())) else { continue };
                if own.as_ref().is_some_and(|own| *own != pool) {
                    continue;
                }
                let original = match tags.original {
                    // Then the copy is all that is known; while the pool has it, it cannot be deleted.
                    Before::Unknown => None,
                    Before::Nothing => Some(None),
                    Before::WebAcl(arn) => Some(Some(arn)),
                };
                if let Some(original) = original.clone() {
                    finder.add(&run, AssociateBlockingAcl { pool: pool.clone(), original, copy: copy.clone() });
                }
                let (original, tags) = (original.flatten(), BTreeMap::new());
                finder.add(&run, Self { pool, original, copy, name, everyone: false, tags });
            }
            Ok(())
        }
        .boxed()
    }

    fn same_target(&self, other: &Self) -> bool {
        self.name == other.name
    }

    fn apply<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Applied, CloudError>> {
        async {
            let unfit = |error: BuildError| CloudError::incomplete(self.call(), &error.to_string());
            let found = of_pool(context.clients, &self.pool).await?;
            // A copy of another one, or of none, would take the pool's own rules away.
            if found.as_ref().map(WebAcl::arn) != self.original.as_deref() {
                let message = format!("{} has another web ACL than the plan recorded", self.pool);
                return Err(CloudError { operation: self.call(), class: ErrorClass::Stale, code: None, message });
            }
            let blocking = block(context.run.as_str(), self.everyone).map_err(unfit)?;
            let mut call = copy_of(context.clients, found, &self.name, blocking).map_err(unfit)?;
            let was = self.original.clone().unwrap_or_else(|| NONE.to_owned());
            let own = [
                (RUN_TAG.to_owned(), context.run.to_string()),
                (POOL_TAG.to_owned(), self.pool.clone()),
                (format!("{WAS_TAG}{WAS}"), was),
            ];
            for (key, value) in own.into_iter().chain(self.tags.clone()) {
                call = call.tags(Tag::builder().key(key).value(value).build().map_err(unfit)?);
            }
            let call = call.send().map(|answer| answer.map_err(CloudError::of(self.call())));
            let answer = context.make(self, Box::pin(call)).await?;
            let id = answer.summary.and_then(|acl| acl.arn);
            Ok(Applied { id: Some(id.ok_or_else(|| CloudError::incomplete(self.call(), "ARN"))?) })
        }
        .boxed()
    }

    fn settled<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Option<Applied>, CloudError>> {
        async { Ok(self.made(context.clients).await?.and_then(|acl| acl.arn).map(|arn| Applied { id: Some(arn) })) }
            .boxed()
    }

    fn undo<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<RevertOutcome, CloudError>> {
        async {
            let Some(acl) = self.made(context.clients).await? else {
                // A list may lag behind: where it must not be believed, what was made is there.
                return match context.made.get(&self.copy).filter(|_| context.blind) {
                    Some(arn) => Err(CloudError {
                        operation: "wafv2:ListWebACLs",
                        class: ErrorClass::NotFound,
                        code: None,
                        message: format!("{arn} is not listed yet"),
                    }),
                    None => Ok(RevertOutcome::NoOp),
                };
            };
            let call = context.clients.mutating.waf.delete_web_acl().scope(Scope::Regional).name(&self.name);
            let call = call.set_id(acl.id).set_lock_token(acl.lock_token).send();
            let call = call.map(|answer| gone(answer.map_err(CloudError::of("wafv2:DeleteWebACL"))));
            context.unmake(self, "wafv2:DeleteWebACL", self.name.clone(), call).await
        }
        .boxed()
    }
}

/// Type and name of a web ACL, of its ARN.
fn short(arn: &str) -> &str {
    arn.split_once(":regional/").map_or(arn, |(_, rest)| rest.rsplit_once('/').map_or(rest, |(named, _)| named))
}

impl Change for AssociateBlockingAcl {
    fn call(&self) -> &'static str {
        "wafv2:AssociateWebACL"
    }

    fn resource(&self) -> String {
        format!("{}: web ACL that blocks sign-ins", self.pool)
    }

    fn inverse(&self) -> &'static str {
        match self.original {
            Some(_) => "wafv2:AssociateWebACL with the original",
            None => "wafv2:DisassociateWebACL",
        }
    }

    fn stage(&self) -> Stage {
        Stage::Inject
    }

    fn universal(&self, _: &dyn Fn(&str) -> Option<String>) -> Option<Universal> {
        Some(match &self.original {
            Some(original) => Universal {
                operation: "wafv2:associateWebACL",
                input: json!({ "WebACLArn": original, "ResourceArn": self.pool }),
            },
            None => Universal { operation: "wafv2:disassociateWebACL", input: json!({ "ResourceArn": self.pool }) },
        })
    }

    fn healed_by(operation: &str, input: &Value) -> Option<Self> {
        let original = match operation {
            "wafv2:disassociateWebACL" => None,
            "wafv2:associateWebACL" => Some(input["WebACLArn"].as_str()?.to_owned()),
            _ => return None,
        };
        Some(Self { pool: input["ResourceArn"].as_str()?.to_owned(), original, copy: String::new() })
    }

    fn permit(&self, permits: &mut Permits<'_>) {
        let (all, pool) = (permits.waf("regional/webacl/*"), self.pool.clone());
        let own = permits.waf(&format!("regional/webacl/{RUNS_BEGIN}*"));
        let acls = [own, pool.clone()].into_iter().chain(self.original.clone());
        let calls = ["wafv2:AssociateWebACL", "cognito-idp:AssociateWebACL"];
        permits.statement("AssociateWebAcl").allow(calls, acls);
        // Whichever the pool has: one that somebody else gave it must be seen, too. The answer shows the web ACL, which takes a permission of its own.
        let calls = ["wafv2:GetWebACLForResource", "cognito-idp:GetWebACLForResource", "wafv2:GetWebACL"];
        permits.statement("ReadWebAcl").allow(calls, [all, pool.clone()]);
        disassociate_permits(permits, pool);
    }

    fn permit_heal(&self, permits: &mut Permits<'_>) {
        match &self.original {
            Some(original) => {
                let calls = ["wafv2:AssociateWebACL", "cognito-idp:AssociateWebACL"];
                permits.statement("HealWebAcl").allow(calls, [self.pool.clone(), original.clone()]);
            }
            None => disassociate_permits(permits, self.pool.clone()),
        }
    }

    fn same_target(&self, other: &Self) -> bool {
        self.pool == other.pool
    }

    fn owns(&self) -> Option<(FactKind, Attribute, Own)> {
        Some((FactKind::UserPool, Attribute::WebAcl, Own::Refers))
    }

    fn touches(&self) -> String {
        self.pool.clone()
    }

    fn drift<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Option<String>, CloudError>> {
        async {
            let now = of_pool(context.clients, &self.pool).await?.map(|acl| acl.arn);
            let words = |acl: &Option<String>| acl.as_deref().unwrap_or("no web ACL").to_owned();
            let same = now == self.original || (now.is_some() && now == context.made.get(&self.copy));
            Ok((!same).then(|| format!("{} had {}, and has {}", self.pool, words(&self.original), words(&now))))
        }
        .boxed()
    }

    fn apply<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Applied, CloudError>> {
        async {
            let acl = context.id(&self.copy)?;
            // A later turn of a fault comes after what others did meanwhile.
            let now = of_pool(context.clients, &self.pool).await?.map(|acl| acl.arn);
            if now != self.original && now.as_deref() != Some(acl.as_str()) {
                let message = format!("{} was given another web ACL by someone else", self.pool);
                return Err(CloudError { operation: self.call(), class: ErrorClass::Refused, code: None, message });
            }
            context.make(self, associate(context.clients, &self.pool, &acl)).await?;
            Ok(Applied::default())
        }
        .boxed()
    }

    fn settled<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Option<Applied>, CloudError>> {
        async {
            let Some(copy) = context.made.get(&self.copy) else { return Ok(None) };
            let now = of_pool(context.clients, &self.pool).await?;
            Ok(now.filter(|acl| acl.arn() == copy).map(|_| Applied::default()))
        }
        .boxed()
    }

    fn undo<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<RevertOutcome, CloudError>> {
        async {
            let now = match of_pool(context.clients, &self.pool).await {
                Err(error) if error.class == ErrorClass::NotFound => {
                    return Ok(RevertOutcome::ChangedByOthers(format!("{} no longer exists", self.pool)));
                }
                other => other?,
            };
            // A schedule does not tell the copy; its name does.
            let own = now.as_ref().is_some_and(|acl| {
                context.made.get(&self.copy).is_some_and(|copy| copy == acl.arn)
                    || run_of(acl.name()) == Some(context.run.as_str())
            });
            let now = now.map(|acl| acl.arn);
            if now == self.original && !context.blind {
                return Ok(RevertOutcome::NoOp);
            }
            if let (None, Some(original)) = (&now, &self.original)
                && !exists(context.clients, original).await?
            {
                return Ok(RevertOutcome::ChangedByOthers(self.original_is_gone(original)));
            }
            if !own && now != self.original {
                let found = now.as_deref().unwrap_or("no web ACL");
                return Ok(RevertOutcome::ChangedByOthers(format!(
                    "{} was given {found} by someone else and is left as it is",
                    self.pool
                )));
            }
            self.give_back(context).await
        }
        .boxed()
    }
}

impl AssociateBlockingAcl {
    fn original_is_gone(&self, original: &str) -> String {
        format!("{} was deleted by someone else: {} has no web ACL now", short(original), self.pool)
    }

    async fn give_back(&self, context: &ChangeContext<'_>) -> Result<RevertOutcome, CloudError> {
        let Some(original) = &self.original else {
            let call = disassociate(context.clients, &self.pool);
            let resource = format!("{}: no web ACL", self.pool);
            context.unmake(self, "wafv2:DisassociateWebACL", resource, call).await?;
            return Ok(RevertOutcome::Reverted);
        };
        let call = associate(context.clients, &self.pool, original);
        let resource = format!("{}: {}", self.pool, short(original));
        match context.unmake(self, "wafv2:AssociateWebACL", resource, call).await {
            Ok(()) => Ok(RevertOutcome::Reverted),
            Err(error) if error.class == ErrorClass::NotFound && !exists(context.clients, original).await? => {
                // Whoever deleted the original leaves the pool with none; nobody stays locked out.
                let call = disassociate(context.clients, &self.pool);
                let resource = format!("{}: no web ACL", self.pool);
                context.unmake(self, "wafv2:DisassociateWebACL", resource, call).await?;
                Ok(RevertOutcome::ChangedByOthers(self.original_is_gone(original)))
            }
            Err(error) => Err(error),
        }
    }
}

/// WAF's own action knows no web ACL to be bound to (Cognito developer guide, "Permissions for working with web ACLs"); the pool's is bound to the pool.
fn disassociate_permits(permits: &mut Permits<'_>, pool: String) {
    permits.statement("DisassociateWebAcl").allow(["wafv2:DisassociateWebACL"], ["*".to_owned()]);
    permits.statement("DisassociateFromUserPool").allow(["cognito-idp:DisassociateWebACL"], [pool]);
}

async fn associate(clients: &RegionClients, pool: &str, acl: &str) -> Result<(), CloudError> {
    let call = clients.mutating.waf.associate_web_acl().resource_arn(pool).web_acl_arn(acl).send();
    call.await.map(drop).map_err(CloudError::of("wafv2:AssociateWebACL"))
}

async fn disassociate(clients: &RegionClients, pool: &str) -> Result<(), CloudError> {
    let call = clients.mutating.waf.disassociate_web_acl().resource_arn(pool).send();
    call.await.map(drop).map_err(CloudError::of("wafv2:DisassociateWebACL"))
}
