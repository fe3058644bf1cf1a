//! `gameday iam-policy` against every call that the lab was really asked: it is enough, and nothing in it is too much.
//!
//! The judge knows what these policies use of IAM: Allow statements, wildcards, five operators (IAM user guide, "Policy
//! evaluation logic" and "Condition operators").

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use crate::support::{FULL_FAILOVER, Lab, gameday, short_scenario};
use serde_json::Value;

fn glob(pattern: &str, value: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern.len() == value.len() && pattern.chars().zip(value.chars()).all(|(a, b)| a == '?' || a == b),
        Some((start, rest)) => {
            let head = value.get(..start.len()).is_some_and(|head| glob(start, head));
            head && (start.len()..=value.len()).any(|at| value.is_char_boundary(at) && glob(rest, &value[at..]))
        }
    }
}

fn texts(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .map_or_else(|| value.as_str().into_iter().collect(), |all| all.iter().filter_map(Value::as_str).collect())
}

/// Whether a statement's conditions hold for a request and one of its resources.
fn holds(conditions: &Value, call: &Value, tags: &Value) -> bool {
    conditions.as_object().into_iter().flatten().all(|(operator, keys)| {
        keys.as_object().unwrap().iter().all(|(key, wanted)| {
            let wanted = texts(wanted);
            let has = match key.strip_prefix("aws:ResourceTag/") {
                Some(tag) => texts(&tags[tag]),
                None => texts(&call["context"][key.as_str()]),
            };
            let one = |value: &&str| match operator.as_str() {
                "StringLike" | "ForAllValues:StringLike" => wanted.iter().any(|pattern| glob(pattern, value)),
                _ => wanted.contains(value),
            };
            match operator.as_str() {
                "ForAllValues:StringEquals" | "ForAllValues:StringLike" => has.iter().all(one),
                "StringEquals" | "StringLike" => has.iter().any(one),
                "Null" => wanted == [if has.is_empty() { "true" } else { "false" }],
                other => panic!("the judge does not know {other}"),
            }
        })
    })
}

/// Every resource of a call must be allowed by some statement.
fn allowed(statements: &[Value], call: &Value) -> bool {
    let action = call["action"].as_str().unwrap();
    let by = |statement: &Value, arn: &str, tags: &Value| {
        texts(&statement["Action"]).iter().any(|pattern| glob(pattern, action))
            && texts(&statement["Resource"]).iter().any(|pattern| glob(pattern, arn))
            && holds(&statement["Condition"], call, tags)
    };
    let resources = call["resources"].as_array().unwrap();
    if resources.is_empty() {
        return statements.iter().any(|statement| by(statement, "*", &Value::Null));
    }
    resources.iter().all(|resource| {
        let arn = resource["arn"].as_str().unwrap();
        statements.iter().any(|statement| by(statement, arn, &resource["tags"]))
    })
}

/// What a lab's control plane was asked so far.
fn calls(endpoint: &str) -> Vec<Value> {
    let address = endpoint.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /calls HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

fn policy(scenario: &Path, environment: &Path) -> Value {
    let mut command = gameday();
    let done = command.arg("iam-policy").arg(scenario).arg("--env").arg(environment).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).unwrap()
}

/// Runs faults on a lab, and judges every call of that run.
fn is_exact(faults: &str, settings: &str) {
    // Ends soon: what is called does not depend on how long it lasts.
    let ends = "[stop]\nerror_budget = 3\nmax_outage = \"20s\"\n";
    is_exact_with(&format!("{faults}\n{ends}"), settings, "20", |scenario| scenario);
}

/// The same with a changed scenario, at another speed.
fn is_exact_with(faults: &str, settings: &str, speed: &str, change: impl Fn(String) -> String) {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rules.toml");
    let head = "schema_version = 1\nname = \"ruled\"\nkind = \"lab\"\n[account]\nallowed = [\"111122223333\"]\n";
    std::fs::write(&rules, format!("{head}[lab]\nttl = \"20s\"\n{settings}")).unwrap();
    let lab = Lab::start(folder.path(), &["--speed", speed, "--seed", "5", "--env", rules.to_str().unwrap()]);
    let scenario = short_scenario(folder.path());
    let text = std::fs::read_to_string(&scenario).unwrap();
    let (start, end) = (text.find("[[faults]]").unwrap(), text.find("[users.arrivals]").unwrap());
    std::fs::write(&scenario, change(format!("{}{faults}\n{}", &text[..start], &text[end..]))).unwrap();
    let policies = policy(&scenario, &lab.environment);

    let site = lab.site();
    let endpoints = [&site.primary.endpoints["ec2"], &site.replica.endpoints["ec2"]];
    let before: Vec<usize> = endpoints.iter().map(|endpoint| calls(endpoint).len()).collect();
    let mut run = gameday();
    run.arg("run").arg(&scenario).arg("--env").arg(&lab.environment).arg("--out").arg(folder.path().join("run"));
    let done = run.output().unwrap();
    let code = done.status.code();
    let said = [&done.stdout, &done.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(matches!(code, Some(0 | 1 | 4)), "{code:?} {said:?}");
    let asked: Vec<Value> =
        endpoints.iter().zip(before).flat_map(|(endpoint, before)| calls(endpoint).split_off(before)).collect();

    // What the schedules of the dead-man switch call, their role must be allowed.
    let (scheduled, made): (Vec<Value>, Vec<Value>) =
        asked.into_iter().partition(|call| call["scheduled_as"].is_string());
    let role = site.dead_man.as_ref().unwrap().role_arn.as_str();
    assert!(!scheduled.is_empty() && scheduled.iter().all(|call| call["scheduled_as"] == role), "{scheduled:#?}");
    // What only the checks read is in a policy of its own.
    let statements = |of: &str| policies[of]["Statement"].as_array().unwrap().clone();
    let runner = statements("runner");
    let (made, read): (Vec<Value>, Vec<Value>) = made.into_iter().partition(|call| allowed(&runner, call));
    for call in read {
        assert!(allowed(&statements("preflight"), &call), "not allowed: {call}");
    }
    enough_and_not_too_much(&policies["runner"], &made);
    enough_and_not_too_much(&policies["dead_man"], &scheduled);
}

/// Every call is allowed, every statement and every action is needed.
fn enough_and_not_too_much(policy: &Value, asked: &[Value]) {
    let statements = policy["Statement"].as_array().unwrap().clone();
    let mut kinds = BTreeMap::<&str, u32>::new();
    for call in asked {
        *kinds.entry(call["action"].as_str().unwrap()).or_default() += 1;
        assert!(allowed(&statements, call), "not allowed: {call}\nby {statements:#?}");
    }
    println!("{} calls of {} actions, {} statements", asked.len(), kinds.len(), statements.len());
    for (number, statement) in statements.iter().enumerate() {
        let mut without = statements.clone();
        without.remove(number);
        // A pool loses its copy to none only where somebody has deleted its original.
        let rare = ["DisassociateWebAcl", "DisassociateFromUserPool"].map(Value::from).contains(&statement["Sid"]);
        assert!(rare || asked.iter().any(|call| !allowed(&without, call)), "nothing needs {statement}");
        for action in texts(&statement["Action"]) {
            // A copy loses the run's tags only where somebody has deleted its original: tests/third_party.rs.
            // The tags of a copy are read by a search without a journal alone: tests/guard.rs.
            let rare = statement["Sid"] == "ChangeOwnNetworkAcls" && action == "ec2:DeleteTags"
                || action == "wafv2:ListTagsForResource"
                || rare;
            assert!(rare || kinds.contains_key(action), "nothing was asked that needs {action}: {kinds:?}");
        }
    }
}

#[test]
fn network_acls() {
    let faults = "[[faults]]\nkind = \"nacl-blackhole\"\n\n[[faults]]\nkind = \"client-egress-blackhole\"\n";
    is_exact(faults, "");
}

#[test]
fn security_groups_of_interfaces_health_check_trigger_limit_and_web_acl() {
    let faults = "[[faults]]\nkind = \"security-group-blackhole\"\n\n[[faults]]\nkind = \"health-check-invert\"\n\n\
                  [[faults]]\nkind = \"lambda-trigger-break\"\nregion = \"replica\"\n\n\
                  [[faults]]\nkind = \"provisioned-limit\"\nregion = \"replica\"\nrate = \"300/s\"\n\n\
                  [[faults]]\nkind = \"waf-block\"\nregion = \"replica\"\n";
    is_exact(faults, "");
}

#[test]
fn security_groups_of_load_balancers() {
    is_exact("[[faults]]\nkind = \"security-group-blackhole\"\n", "load_balancers = true\n");
}

#[test]
fn security_group_rules() {
    is_exact("[[faults]]\nkind = \"security-group-blackhole\"\nmethod = \"revoke-rules\"\n", "");
}

/// Users who change something in the pool, and people who are new there.
#[test]
fn what_users_change() {
    let arriving = ["sign-up", "first-federated-sign-in"]
        .map(|action| format!("[[expectations]]\naction = \"{action}\"\nregion = \"primary\"\nexpect = \"works\"\n"));
    let text = format!("[[faults]]\nkind = \"health-check-invert\"\n\n{}", arriving.concat());
    let flows = |scenario: String| {
        scenario.replace(
            "flow = \"USER_PASSWORD_AUTH\"",
            "flow = \"USER_PASSWORD_AUTH\"\nusers = \"new-password\"\nexpect = \"refused\"",
        )
    };
    // To its end, since newcomers come late, and slowly enough for logins on a busy machine.
    is_exact_with(&text, "", "4", flows);
}

/// The same table with every secret in Secrets Manager, but for the credentials, which must be there first.
fn in_secrets_manager(value: toml::Value, named: &mut Vec<String>) -> toml::Value {
    match value {
        toml::Value::Table(table) if table.contains_key("file") && table.contains_key("key") => {
            let name = format!("gameday/{}", table["key"].as_str().unwrap());
            named.push(name.clone());
            toml::Value::Table([("secrets_manager".to_owned(), name.into())].into_iter().collect())
        }
        toml::Value::Table(table) => {
            let changed = table.into_iter().map(|(key, value)| {
                let kept = key == "credentials";
                let value = if kept { value } else { in_secrets_manager(value, named) };
                (key, value)
            });
            toml::Value::Table(changed.collect())
        }
        toml::Value::Array(items) => {
            toml::Value::Array(items.into_iter().map(|item| in_secrets_manager(item, named)).collect())
        }
        other => other,
    }
}

#[test]
fn what_users_call_with_credentials_is_allowed_and_every_secret_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::start(folder.path(), &["--speed", "20", "--seed", "5"]);
    let text = std::fs::read_to_string(&lab.environment).unwrap();
    let mut secrets = Vec::new();
    let changed = in_secrets_manager(toml::from_str(&text).unwrap(), &mut secrets);
    // Of two app clients, of the users, and of each population; and the TOTP secret.
    assert!(secrets.len() >= 7, "{secrets:?}");
    let environment = folder.path().join("managed.toml");
    std::fs::write(&environment, toml::to_string(&changed).unwrap()).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let statements = |scenario: &Path| {
        let policy = policy(scenario, &environment);
        policy["runner"]["Statement"].as_array().unwrap().clone()
    };
    let every = statements(&root.join("scenarios/every-flow.toml"));
    let pool = |region: &str| format!("arn:aws:cognito-idp:{region}:111122223333:userpool/{}", lab.site().pool.id);
    let (primary, replica) = (pool("us-east-1"), pool("us-west-2"));
    let calls = [
        ("AdminInitiateAuth", &primary, true),
        ("AdminInitiateAuth", &replica, true),
        ("AdminRespondToAuthChallenge", &primary, true),
        ("AdminRespondToAuthChallenge", &replica, true),
        ("AdminSetUserPassword", &primary, true),
        ("AdminSetUserPassword", &replica, false),
        ("AdminDeleteUser", &primary, true),
        // Newcomers are deleted where they were tried, which is the replica.
        ("AdminDeleteUser", &replica, true),
        ("AdminGetUser", &primary, true),
    ];
    let call =
        |action: &str, arn: &str| serde_json::json!({ "action": action, "resources": [{ "arn": arn, "tags": {} }] });
    let small = statements(&root.join(FULL_FAILOVER));
    for (operation, arn, expected) in calls {
        let call = call(&format!("cognito-idp:{operation}"), arn);
        assert_eq!(allowed(&every, &call), expected, "{operation} {arn}");
        assert!(!allowed(&small, &call), "{operation} {arn}: the full failover does not call it");
    }
    for name in &secrets {
        let arn = format!("arn:aws:secretsmanager:us-east-1:111122223333:secret:{name}-a1B2c3");
        // All of them are read before a run, whatever the scenario.
        for statements in [&every, &small] {
            assert!(allowed(statements, &call("secretsmanager:GetSecretValue", &arn)), "{name}");
        }
    }
}

#[test]
fn a17_policies_are_bound_to_tags_and_resources() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::start(folder.path(), &["--speed", "20", "--seed", "5"]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let policies = policy(&root.join(FULL_FAILOVER), &lab.environment);
    let statements = |of: &str| policies[of]["Statement"].as_array().unwrap().clone();
    let (runner, preflight) = (statements("runner"), statements("preflight"));

    // Without tags, `ec2:DeleteTags` deletes all of them.
    let vpc = runner.iter().find(|statement| statement["Sid"] == "Lock").unwrap()["Resource"][0].clone();
    let delete = |context: Value| {
        serde_json::json!({
            "action": "ec2:DeleteTags", "resources": [{ "arn": vpc, "tags": {} }], "context": context,
        })
    };
    let lock = serde_json::json!({ "aws:TagKeys": ["gameday:lock"] });
    let other = serde_json::json!({ "aws:TagKeys": ["gameday:lock", "CostCentre"] });
    for (context, expected) in [(serde_json::json!({}), false), (lock, true), (other, false)] {
        assert_eq!(allowed(&runner, &delete(context.clone())), expected, "{context}");
    }
    for statement in runner.iter().filter(|statement| statement["Condition"].to_string().contains("ForAllValues")) {
        assert_eq!(statement["Condition"]["Null"]["aws:TagKeys"], serde_json::json!(["false"]), "{statement}");
    }

    let call =
        |action: &str, arn: &str| serde_json::json!({ "action": action, "resources": [{ "arn": arn, "tags": {} }] });
    let (account, pool) = ("111122223333", &lab.site().pool.id);
    let trigger = format!("arn:aws:lambda:us-west-2:{account}:function:gameday-pre-token");
    for (action, arn, expected) in [
        ("cognito-idp:ListUsers", format!("arn:aws:cognito-idp:us-west-2:{account}:userpool/{pool}"), true),
        ("cognito-idp:ListUsers", format!("arn:aws:cognito-idp:us-west-2:{account}:userpool/us-west-2_OTHER"), false),
        ("lambda:GetFunctionConfiguration", trigger.clone(), true),
        ("lambda:InvokeFunction", trigger, true),
        ("lambda:InvokeFunction", format!("arn:aws:lambda:us-west-2:{account}:function:payments"), false),
        ("route53:ListResourceRecordSets", "arn:aws:route53:::hostedzone/ZOTHER".to_owned(), false),
        ("iam:GetRolePolicy", format!("arn:aws:iam::{account}:role/gameday"), true),
        ("dynamodb:DescribeTable", format!("arn:aws:dynamodb:us-west-2:{account}:table/claims"), true),
        ("dynamodb:DescribeTable", format!("arn:aws:dynamodb:eu-west-1:{account}:table/claims"), false),
    ] {
        assert_eq!(allowed(&preflight, &call(action, &arn)), expected, "{action} {arn}: {preflight:#?}");
    }
    // What is left on everything lists, or knows no resource (service authorization reference).
    let anything = preflight.iter().find(|statement| statement["Resource"] == serde_json::json!(["*"])).unwrap();
    let lists = |action: &str| {
        let known = [
            "acm:ListCertificates",
            "cloudtrail:DescribeTrails",
            "cloudwatch:DescribeAlarms",
            "cloudwatch:GetMetricData",
            "cloudwatch:ListDashboards",
            "cloudwatch:ListMetrics",
            "cognito-idp:DescribeUserPoolDomain",
            "cognito-idp:GetProvisionedLimit",
            "lambda:GetAccountSettings",
            "rds:DescribeDBProxies",
            "rds:DescribeGlobalClusters",
            "servicequotas:ListServiceQuotas",
            "wafv2:GetWebACL",
            "wafv2:GetWebACLForResource",
        ];
        known.contains(&action)
            || action.starts_with("ec2:Describe")
            || action.starts_with("elasticloadbalancing:Describe")
    };
    let bound: Vec<&str> = texts(&anything["Action"]).into_iter().filter(|action| !lists(action)).collect();
    assert!(bound.is_empty(), "these could be bound to resources: {bound:?}");
}
