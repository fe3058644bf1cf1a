//! The executor on a small EC2 in memory, whose answers are lost, whose descriptions lag, and in which others are at work.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use jiff::Timestamp;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::form_urlencoded;

use super::*;
use crate::cloud::{Access, reconnect};
use crate::faults::changes::network_acl::{CopyRule, CreateClone, Deny, Swap};
use crate::faults::network::AclRule;
use crate::faults::tags::{CLONE_TAG, RUN_TAG};
use gameday_core::env::{CredentialRef, SecretRef};
use gameday_core::model::{Event, Span};

const LAG: Duration = Duration::from_millis(60);
const ALLOWED_FOR: Duration = Duration::from_millis(120);

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct FakeAcl {
    rules: BTreeMap<(bool, i32), (bool, String)>,
    tags: BTreeMap<String, String>,
}

/// What is there. Associations are numbered anew with every replacement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct There {
    acls: BTreeMap<String, FakeAcl>,
    associations: BTreeMap<String, (u32, String)>,
}

#[derive(Debug, Default)]
struct Ec2 {
    now: There,
    before: Vec<(Instant, There)>,
    lag: Duration,
    made: u32,
    tokens: BTreeMap<String, String>,
    /// Operations whose next answer is lost, though they take effect.
    lost: BTreeSet<&'static str>,
    /// Operations that are refused.
    denied: BTreeSet<&'static str>,
    /// So often deleting says that something still uses what nothing uses.
    in_use: u32,
    calls: Vec<String>,
}

#[derive(Debug, Clone)]
struct FakeEc2(Arc<Mutex<Ec2>>);

type RequestForm = BTreeMap<String, String>;

impl Ec2 {
    fn described(&self) -> &There {
        let at = Instant::now() - self.lag;
        // What was before the first change after that moment.
        self.before.iter().find(|(changed, _)| *changed > at).map_or(&self.now, |(_, before)| before)
    }

    fn change(&mut self) {
        self.before.push((Instant::now(), self.now.clone()));
    }

    fn answer(&mut self, action: &str, form: &RequestForm) -> Result<String, &'static str> {
        let text = |key: &str| form.get(key).cloned().unwrap_or_default();
        if self.denied.iter().any(|denied| *denied == action) {
            return Err("UnauthorizedOperation");
        }
        if action == "DescribeNetworkAcls" {
            return Ok(shown(self.described()));
        }
        let key = (text("Egress") == "true", text("RuleNumber").parse().unwrap_or_default());
        let known = |now: &There, acl: &str| now.acls.contains_key(acl);
        match action {
            "CreateNetworkAcl" => {
                let id = self.tokens.get(&text("ClientToken")).cloned().unwrap_or_else(|| {
                    self.change();
                    self.made += 1;
                    let id = format!("acl-new-{}", self.made);
                    let tag = |n: u32| {
                        let of = |part: &str| form.get(&format!("TagSpecification.1.Tag.{n}.{part}")).cloned();
                        of("Key").zip(of("Value"))
                    };
                    let acl = FakeAcl { tags: (1..9).filter_map(tag).collect(), ..FakeAcl::default() };
                    self.now.acls.insert(id.clone(), acl);
                    self.tokens.insert(text("ClientToken"), id.clone());
                    id
                });
                Ok(format!("<networkAcl><networkAclId>{id}</networkAclId></networkAcl>"))
            }
            "CreateNetworkAclEntry" => {
                self.change();
                let acl = self.now.acls.get_mut(&text("NetworkAclId")).ok_or("InvalidNetworkAclID.NotFound")?;
                if acl.rules.contains_key(&key) {
                    return Err("NetworkAclEntryAlreadyExists");
                }
                acl.rules.insert(key, (text("RuleAction") == "allow", text("CidrBlock")));
                Ok(String::new())
            }
            "DeleteNetworkAclEntry" => {
                self.change();
                let acl = self.now.acls.get_mut(&text("NetworkAclId")).ok_or("InvalidNetworkAclID.NotFound")?;
                acl.rules.remove(&key).map(|_| String::new()).ok_or("InvalidNetworkAclEntry.NotFound")
            }
            "ReplaceNetworkAclAssociation" => {
                if !known(&self.now, &text("NetworkAclId")) {
                    return Err("InvalidNetworkAclID.NotFound");
                }
                self.change();
                self.made += 1;
                let (new, old) = (self.made, text("AssociationId"));
                let mut used = self.now.associations.values_mut();
                let used = used.find(|(id, _)| format!("assoc-{id}") == old).ok_or("InvalidAssociationID.NotFound")?;
                *used = (new, text("NetworkAclId"));
                Ok(format!("<newAssociationId>assoc-{new}</newAssociationId>"))
            }
            "DeleteNetworkAcl" => {
                let acl = text("NetworkAclId");
                if self.in_use > 0 || self.now.associations.values().any(|(_, used)| *used == acl) {
                    self.in_use = self.in_use.saturating_sub(1);
                    return Err("DependencyViolation");
                }
                self.change();
                self.now.acls.remove(&acl).map(|_| String::new()).ok_or("InvalidNetworkAclID.NotFound")
            }
            "DeleteTags" => {
                self.change();
                let keys = (1..9).filter_map(|n| form.get(&format!("Tag.{n}.Key")));
                let acl = self.now.acls.get_mut(&text("ResourceId.1")).ok_or("InvalidNetworkAclID.NotFound")?;
                keys.for_each(|key| drop(acl.tags.remove(key)));
                Ok(String::new())
            }
            _ => Err("InvalidAction"),
        }
    }
}

fn shown(there: &There) -> String {
    let mut text = "<networkAclSet>".to_owned();
    for (id, acl) in &there.acls {
        let _ = write!(text, "<item><networkAclId>{id}</networkAclId><vpcId>vpc-1</vpcId><entrySet>");
        for ((egress, number), (allow, cidr)) in &acl.rules {
            let action = if *allow { "allow" } else { "deny" };
            let _ = write!(
                text,
                "<item><ruleNumber>{number}</ruleNumber><protocol>-1</protocol><ruleAction>{action}</ruleAction>\
                 <egress>{egress}</egress><cidrBlock>{cidr}</cidrBlock></item>"
            );
        }
        text.push_str("</entrySet><associationSet>");
        for (subnet, (number, _)) in there.associations.iter().filter(|(_, (_, used))| used == id) {
            let _ = write!(
                text,
                "<item><networkAclAssociationId>assoc-{number}</networkAclAssociationId>\
                 <networkAclId>{id}</networkAclId><subnetId>{subnet}</subnetId></item>"
            );
        }
        text.push_str("</associationSet><tagSet>");
        for (key, value) in &acl.tags {
            let _ = write!(text, "<item><key>{key}</key><value>{value}</value></item>");
        }
        text.push_str("</tagSet></item>");
    }
    text + "</networkAclSet>"
}

impl HttpConnector for FakeEc2 {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().unwrap_or_default();
        let form: RequestForm = form_urlencoded::parse(body).into_owned().collect();
        let action = form.get("Action").cloned().unwrap_or_default();
        let mut ec2 = self.0.lock().unwrap();
        ec2.calls.push(action.clone());
        let answer = ec2.answer(&action, &form);
        if ec2.lost.iter().any(|lost| *lost == action) {
            ec2.lost.retain(|lost| *lost != action);
            return HttpConnectorFuture::ready(Err(ConnectorError::io("lost on purpose".into())));
        }
        let (status, text) = match answer {
            Ok(inner) => (200_u16, format!("<{action}Response>{inner}</{action}Response>")),
            Err(code) => {
                let error = format!("<Error><Code>{code}</Code><Message>m</Message></Error>");
                (400, format!("<Response><Errors>{error}</Errors><RequestID>r</RequestID></Response>"))
            }
        };
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), SdkBody::from(text))))
    }
}

/// A run on two subnets that share an ACL.
struct Rehearsal {
    ec2: Arc<Mutex<Ec2>>,
    before: There,
    clients: RegionClients,
    folder: tempfile::TempDir,
    journal: Arc<Journal>,
    executor: Executor,
    told: Arc<Mutex<Vec<Event>>>,
}

const ORIGINAL: &str = "acl-1";
const CLONE: &str = "1/acl-1";

fn rule(number: i32, egress: bool, allow: bool) -> AclRule {
    AclRule { number, allow, ..AclRule::deny_all(egress, false) }
}

fn region() -> Region {
    Region::from("us-east-1")
}

fn prepare() -> Vec<(Region, Action)> {
    let (vpc, original, clone) = ("vpc-1".to_owned(), ORIGINAL.to_owned(), CLONE.to_owned());
    let make = CreateClone {
        vpc: vpc.clone(),
        original: original.clone(),
        clone: clone.clone(),
        client_token: "t".into(),
        tags: BTreeMap::default(),
    };
    let copy = |egress| CopyRule { vpc: vpc.clone(), clone: clone.clone(), rule: rule(100, egress, true) };
    let swap = |subnet: &str| {
        let (vpc, original, clone) = (vpc.clone(), original.clone(), clone.clone());
        Action::Swap(Swap { vpc, subnet: subnet.to_owned(), original, clone })
    };
    let copies = [false, true].map(copy).map(Action::CopyRule);
    let actions = [Action::CreateClone(make)].into_iter().chain(copies).chain(["subnet-1", "subnet-2"].map(swap));
    actions.map(|action| (region(), action)).collect()
}

fn cut() -> Vec<(Region, Action)> {
    let deny =
        |egress| Action::Deny(Deny { vpc: "vpc-1".to_owned(), clone: CLONE.to_owned(), rule: rule(1, egress, false) });
    [false, true].map(|egress| (region(), deny(egress))).into()
}

impl Rehearsal {
    async fn new(lag: Duration) -> Self {
        let there = There {
            acls: BTreeMap::from([(
                ORIGINAL.to_owned(),
                FakeAcl {
                    rules: [false, true].map(|egress| ((egress, 100), (true, "0.0.0.0/0".to_owned()))).into(),
                    ..FakeAcl::default()
                },
            )]),
            associations: [("subnet-1", 901), ("subnet-2", 902)]
                .map(|(subnet, number)| (subnet.to_owned(), (number, ORIGINAL.to_owned())))
                .into(),
        };
        let ec2 = Arc::new(Mutex::new(Ec2 { now: there.clone(), lag, ..Ec2::default() }));
        let secret_access_key = SecretRef::Literal(Secret::new("secret".to_owned()));
        let access = Access {
            credentials: Some(CredentialRef::Static { access_key_id: "key".to_owned(), secret_access_key }),
            description_lag: Some(Span(ALLOWED_FOR)),
            ..Access::default()
        };
        let mut clients = reconnect(&access, &region()).await.unwrap();
        let fake = SharedHttpConnector::new(FakeEc2(Arc::clone(&ec2)));
        let http: SharedHttpClient = http_client_fn(move |_, _| fake.clone());
        let config = aws_sdk_ec2::Config::builder()
            .behavior_version(aws_sdk_ec2::config::BehaviorVersion::latest())
            .region(aws_sdk_ec2::config::Region::new("us-east-1"))
            .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
            .retry_config(aws_smithy_types::retry::RetryConfig::disabled())
            .http_client(http)
            .build();
        clients.ec2 = aws_sdk_ec2::Client::from_conf(config.clone());
        clients.ec2_mutating = aws_sdk_ec2::Client::from_conf(config);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.ndjson");
        // The journal holds no secret, and needs none here.
        let access = Access { credentials: None, ..access };
        let journal = Arc::new(Journal::create(&path, RunId::from("gd-1"), access, Timestamp::UNIX_EPOCH).unwrap());
        let told: Arc<Mutex<Vec<Event>>> = Arc::default();
        let executor = Self::executor(&journal, &clients, &told);
        Self { ec2, before: there, clients, folder, journal, executor, told }
    }

    fn executor(journal: &Arc<Journal>, clients: &RegionClients, told: &Arc<Mutex<Vec<Event>>>) -> Executor {
        let told = Arc::clone(told);
        let sink: MutationSink = Arc::new(move |event| told.lock().unwrap().push(event));
        Executor::new(Arc::clone(journal), [clients.clone()], Clock::start(1.0), sink)
    }

    fn ec2(&self) -> MutexGuard<'_, Ec2> {
        self.ec2.lock().unwrap()
    }

    async fn inject(&self) -> Result<(), FaultError> {
        let stop = CancellationToken::new();
        for actions in [prepare(), cut()] {
            self.executor.make(&actions, &stop).await?;
            self.executor.confirm(&actions).await?;
        }
        Ok(())
    }

    async fn restore(&self) -> Restored {
        self.executor.restore(&CancellationToken::new()).await
    }

    /// Another process, which has nothing but the journal.
    async fn rollback(&self) -> Restored {
        let (path, copy) = (self.journal.path().to_owned(), self.folder.path().join("copy"));
        std::fs::copy(&path, &copy).unwrap();
        std::fs::rename(&copy, &path).unwrap();
        let (journal, _) = Journal::reopen(&path).unwrap();
        let executor = Self::executor(&Arc::new(journal), &self.clients, &self.told);
        executor.restore(&CancellationToken::new()).await
    }

    /// Everything is as it was, association IDs aside.
    fn is_back(&self) -> bool {
        let users = |there: &There| -> BTreeMap<String, String> {
            there.associations.iter().map(|(subnet, (_, acl))| (subnet.clone(), acl.clone())).collect()
        };
        let ec2 = self.ec2();
        ec2.now.acls == self.before.acls && users(&ec2.now) == users(&self.before)
    }

    fn changed_by_others(&self) -> Vec<String> {
        let told = self.told.lock().unwrap();
        told.iter()
            .filter_map(|event| match event {
                Event::ChangedByOthers { resource, .. } => Some(resource.clone()),
                _ => None,
            })
            .collect()
    }

    fn denies(&self) -> usize {
        let ec2 = self.ec2();
        ec2.now.acls.values().flat_map(|acl| acl.rules.values()).filter(|(allow, _)| !allow).count()
    }
}

#[tokio::test]
async fn what_was_made_is_undone_though_every_description_lags() {
    let rehearsal = Rehearsal::new(LAG).await;
    rehearsal.inject().await.unwrap();
    assert_eq!(rehearsal.denies(), 2);
    let restored = rehearsal.restore().await;
    assert_eq!((restored.left, rehearsal.is_back()), (Vec::new(), true));
    assert_eq!(restored.mutations, restored.reverted);
}

#[tokio::test]
async fn an_interrupted_injection_is_undone_though_its_calls_are_not_described_yet() {
    let rehearsal = Rehearsal::new(LAG).await;
    rehearsal.executor.make(&prepare(), &CancellationToken::new()).await.unwrap();
    rehearsal.executor.make(&cut(), &CancellationToken::new()).await.unwrap();
    // Not confirmed: descriptions still show how it was before.
    assert_eq!(rehearsal.restore().await.left, Vec::<String>::new());
    assert!(rehearsal.is_back());
}

#[tokio::test]
async fn lost_answers_are_neither_repeated_blindly_nor_believed() {
    for lost in ["CreateNetworkAcl", "CreateNetworkAclEntry", "ReplaceNetworkAclAssociation"] {
        for lag in [Duration::ZERO, LAG] {
            let rehearsal = Rehearsal::new(lag).await;
            rehearsal.ec2().lost.insert(lost);
            rehearsal.inject().await.unwrap();
            assert_eq!(rehearsal.ec2().now.acls.len(), 2, "{lost}: one clone");
            for lost in ["DeleteNetworkAclEntry", "ReplaceNetworkAclAssociation", "DeleteNetworkAcl"] {
                rehearsal.ec2().lost.insert(lost);
            }
            assert_eq!(rehearsal.restore().await.left, Vec::<String>::new(), "{lost}");
            assert!(rehearsal.is_back(), "{lost}, lag {lag:?}");
        }
    }
}

#[tokio::test]
async fn a_call_that_takes_effect_after_its_process_died_is_undone() {
    let rehearsal = Rehearsal::new(LAG).await;
    rehearsal.executor.make(&prepare(), &CancellationToken::new()).await.unwrap();
    // The process dies when it has sent this.
    rehearsal.journal.record_intents(&cut().iter().collect::<Vec<_>>()).await.unwrap();
    let ec2 = Arc::clone(&rehearsal.ec2);
    let late = tokio::spawn(async move {
        tokio::time::sleep(LAG).await;
        let mut ec2 = ec2.lock().unwrap();
        ec2.change();
        if let Some(acl) = ec2.now.acls.get_mut("acl-new-1") {
            acl.rules.insert((false, 1), (false, "0.0.0.0/0".to_owned()));
        }
    });
    let restored = rehearsal.rollback().await;
    late.await.unwrap();
    assert_eq!((restored.left, rehearsal.is_back()), (Vec::new(), true));
}

#[tokio::test]
async fn what_somebody_changed_since_the_plan_is_not_touched() {
    let rehearsal = Rehearsal::new(Duration::ZERO).await;
    {
        let mut ec2 = rehearsal.ec2();
        ec2.now.acls.insert("acl-tight".to_owned(), FakeAcl::default());
        ec2.now.associations.insert("subnet-2".to_owned(), (903, "acl-tight".to_owned()));
    }
    let refused = rehearsal.inject().await.unwrap_err();
    assert!(matches!(&refused, FaultError::Changed(what) if what.contains("subnet-2")), "{refused}");
    assert_eq!(rehearsal.restore().await.left, Vec::<String>::new());
    let ec2 = rehearsal.ec2();
    assert_eq!(ec2.now.associations["subnet-2"], (903, "acl-tight".to_owned()));
    assert_eq!(ec2.now.associations["subnet-1"].1, ORIGINAL);
}

#[tokio::test]
async fn what_somebody_moved_during_the_outage_is_left_alone_and_named_once() {
    let rehearsal = Rehearsal::new(LAG).await;
    rehearsal.inject().await.unwrap();
    {
        let mut ec2 = rehearsal.ec2();
        ec2.change();
        ec2.now.acls.insert("acl-theirs".to_owned(), FakeAcl::default());
        ec2.now.associations.insert("subnet-2".to_owned(), (904, "acl-theirs".to_owned()));
    }
    assert_eq!(rehearsal.restore().await.left, Vec::<String>::new());
    assert_eq!(rehearsal.changed_by_others(), ["subnet-2"]);
    let ec2 = rehearsal.ec2();
    assert_eq!(ec2.now.associations["subnet-2"].1, "acl-theirs");
    assert_eq!(ec2.now.associations["subnet-1"].1, ORIGINAL);
    assert!(!ec2.now.acls.contains_key("acl-new-1"), "the clone is gone");
}

#[tokio::test]
async fn what_is_refused_is_left_and_done_by_the_next_restore() {
    let rehearsal = Rehearsal::new(Duration::ZERO).await;
    rehearsal.inject().await.unwrap();
    rehearsal.ec2().denied.insert("DeleteNetworkAclEntry");
    rehearsal.ec2().denied.insert("ReplaceNetworkAclAssociation");
    let restored = rehearsal.restore().await;
    assert!(restored.left.iter().any(|left| left.contains("UnauthorizedOperation")), "{:?}", restored.left);
    rehearsal.ec2().denied.clear();
    assert_eq!(rehearsal.restore().await.left, Vec::<String>::new());
    assert!(rehearsal.is_back());
}

#[tokio::test]
async fn what_was_used_a_moment_ago_is_deleted_a_moment_later() {
    let rehearsal = Rehearsal::new(Duration::ZERO).await;
    rehearsal.inject().await.unwrap();
    rehearsal.ec2().in_use = 3;
    assert_eq!(rehearsal.restore().await.left, Vec::<String>::new());
    assert!(rehearsal.is_back());
}

#[tokio::test]
async fn a_run_whose_journal_is_gone_restores_from_memory() {
    for cut_to in [None, Some(0), Some(300)] {
        let rehearsal = Rehearsal::new(Duration::ZERO).await;
        rehearsal.inject().await.unwrap();
        match cut_to {
            None => std::fs::remove_dir_all(rehearsal.folder.path()).unwrap(),
            Some(length) => {
                let file = std::fs::OpenOptions::new().write(true).open(rehearsal.journal.path()).unwrap();
                file.set_len(length).unwrap();
            }
        }
        assert_eq!(rehearsal.restore().await.left, Vec::<String>::new());
        assert!(rehearsal.is_back(), "{cut_to:?}");
        if cut_to.is_some() {
            let read = crate::faults::read_journal(rehearsal.journal.path()).unwrap();
            assert_eq!((read.actions.len(), read.incomplete), (7, None), "it is whole again");
        }
    }
}

#[tokio::test]
async fn verifying_that_is_cut_short_leaves_the_journal_to_be_restored_again() {
    let rehearsal = Rehearsal::new(LAG).await;
    rehearsal.inject().await.unwrap();
    let give_up = CancellationToken::new();
    give_up.cancel();
    let restored = rehearsal.executor.restore(&give_up).await;
    assert!(
        restored.left.iter().any(|left| left.contains("the verification of the restore was interrupted")),
        "{restored:?}"
    );
    assert_eq!(rehearsal.denies(), 0, "it is healed all the same");
    assert_eq!(rehearsal.rollback().await.left, Vec::<String>::new());
    assert!(rehearsal.is_back());
}

#[tokio::test]
async fn the_clone_takes_the_place_of_an_original_that_somebody_deleted() {
    let rehearsal = Rehearsal::new(Duration::ZERO).await;
    rehearsal.inject().await.unwrap();
    rehearsal.ec2().now.acls.remove(ORIGINAL);
    assert_eq!(rehearsal.restore().await.left, Vec::<String>::new());
    assert_eq!(rehearsal.denies(), 0);
    assert!(rehearsal.changed_by_others().contains(&"subnet-1".to_owned()));
    let ec2 = rehearsal.ec2();
    assert!(ec2.now.associations.values().all(|(_, used)| used == "acl-new-1"));
    let tags = &ec2.now.acls["acl-new-1"].tags;
    assert!(!tags.contains_key(RUN_TAG) && !tags.contains_key(CLONE_TAG), "{tags:?}");
}
