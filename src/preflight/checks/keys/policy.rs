//! What a key policy allows (IAM user guide, "JSON policy element reference"), as far as it concerns a user pool's key.

use serde_json::Value;

/// The services that Cognito uses the key as (Cognito developer guide, "Data protection in Amazon Cognito").
pub(super) const COGNITO: [&str; 2] = ["cognito-idp.amazonaws.com", "identitystore.amazonaws.com"];
/// The service that delivers Cognito's exported logs (the same).
pub(super) const LOG_DELIVERY: &str = "delivery.logs.amazonaws.com";
/// The encryption context that Cognito gives (the same).
pub(super) const CONTEXT: &str = "kms:EncryptionContext:aws:cognito-idp:userpool-arn";

/// An Allow statement.
pub(super) struct KeyStatement<'a> {
    /// Its `Sid`, or its number.
    pub label: String,
    actions: Vec<&'a str>,
    services: Vec<&'a str>,
    accounts: Vec<&'a str>,
    anybody: bool,
    conditions: Vec<Condition<'a>>,
}

/// One test of a statement.
struct Condition<'a> {
    operator: &'a str,
    key: &'a str,
    values: Vec<&'a str>,
}

/// A key's call by Cognito.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyCall<'a> {
    /// The pool's account.
    pub account: &'a str,
    /// The pool's ARN in the Region of the key.
    pub pool_arn: &'a str,
}

/// The statements that allow something.
pub(super) fn statements(policy: &Value) -> Vec<KeyStatement<'_>> {
    let statements = match &policy["Statement"] {
        Value::Array(list) => list.iter().collect(),
        other => vec![other],
    };
    let allowing = statements.into_iter().enumerate().filter(|(_, statement)| statement["Effect"] == "Allow");
    allowing.map(|(number, statement)| KeyStatement::new(number, statement)).collect()
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        other => other.as_array().into_iter().flatten().filter_map(Value::as_str).collect(),
    }
}

/// `*` stands for any text, `?` for one character; letters of actions and keys are of either case.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let mut fits = vec![false; text.len() + 1];
    fits[0] = true;
    for want in pattern {
        let mut next = vec![false; text.len() + 1];
        next[0] = want == '*' && fits[0];
        for (at, has) in text.iter().enumerate() {
            next[at + 1] = match want {
                '*' => fits[at + 1] || next[at],
                '?' => fits[at],
                want => fits[at] && want.eq_ignore_ascii_case(has),
            };
        }
        fits = next;
    }
    fits[text.len()]
}

impl<'a> KeyStatement<'a> {
    fn new(number: usize, statement: &'a Value) -> Self {
        let principal = &statement["Principal"];
        let aws = texts(&principal["AWS"]);
        let tests = statement["Condition"].as_object().into_iter().flatten();
        let conditions = tests.flat_map(|(operator, keys)| {
            let keys = keys.as_object().into_iter().flatten();
            keys.map(move |(key, values)| Condition { operator, key, values: texts(values) })
        });
        Self {
            label: statement["Sid"].as_str().map_or_else(|| format!("statement {}", number + 1), str::to_owned),
            actions: texts(&statement["Action"]),
            services: texts(&principal["Service"]),
            anybody: principal == "*" || aws.contains(&"*"),
            accounts: aws.into_iter().filter(|principal| *principal != "*").collect(),
            conditions: conditions.collect(),
        }
    }

    /// Whether it is about an action.
    pub(super) fn covers(&self, action: &str) -> bool {
        self.actions.iter().any(|pattern| fits(pattern, action))
    }

    /// The services that it allows something.
    pub(super) fn services(&self) -> &[&'a str] {
        &self.services
    }

    /// The principals in accounts that it allows something: ARNs, and accounts by number.
    pub(super) fn principals(&self) -> &[&'a str] {
        &self.accounts
    }

    /// Whether it allows something to anybody.
    pub(super) fn is_for_anybody(&self) -> bool {
        self.anybody
    }

    /// Whether it allows something to Cognito.
    pub(super) fn is_for_cognito(&self) -> bool {
        self.services.iter().any(|service| COGNITO.contains(service))
    }

    /// Whether it asks for a condition key, whatever value that must have.
    pub(super) fn asks_for(&self, key: &str) -> bool {
        self.conditions.iter().any(|condition| condition.key.eq_ignore_ascii_case(key))
    }

    /// Whether it asks for any condition key that begins so.
    pub(super) fn asks_for_some(&self, begin: &str) -> bool {
        let begins = |key: &str| key.get(..begin.len()).is_some_and(|head| head.eq_ignore_ascii_case(begin));
        self.conditions.iter().any(|condition| begins(condition.key))
    }

    /// The first condition that a call of Cognito certainly does not meet, in words.
    pub(super) fn fails(&self, call: KeyCall<'_>) -> Option<String> {
        let fails = |condition: &&Condition<'_>| {
            let key = condition.key;
            let has = match () {
                () if key.eq_ignore_ascii_case("aws:SourceAccount") => call.account,
                () if key.eq_ignore_ascii_case("aws:SourceArn") || key.eq_ignore_ascii_case(CONTEXT) => call.pool_arn,
                // What Cognito tells there is not known here.
                () => return false,
            };
            let positive = ["StringEquals", "StringLike", "ArnEquals", "ArnLike", "StringEqualsIgnoreCase"];
            let operator = condition.operator.strip_suffix("IfExists").unwrap_or(condition.operator);
            positive.contains(&operator) && !condition.values.iter().any(|pattern| fits(pattern, has))
        };
        let failed = self.conditions.iter().find(fails)?;
        Some(format!("{} {} {}", failed.operator, failed.key, failed.values.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CALL: KeyCall<'_> = KeyCall {
        account: "111122223333",
        pool_arn: "arn:aws:cognito-idp:us-west-2:111122223333:userpool/us-east-1_P",
    };

    fn statement(condition: &Value) -> Value {
        json!({ "Statement": {
            "Effect": "Allow",
            "Principal": { "Service": ["cognito-idp.amazonaws.com"], "AWS": ["*", "arn:aws:iam::1:root"] },
            "Action": "kms:De*",
            "Condition": condition,
        } })
    }

    #[test]
    fn a_statement_is_read_whatever_form_its_lists_have() {
        let policy = statement(&json!({}));
        let read = statements(&policy);
        let read = &read[0];
        assert!(
            read.is_for_cognito() && read.is_for_anybody() && read.covers("kms:Decrypt") && !read.covers("kms:Encrypt")
        );
        assert_eq!((read.principals(), read.label.as_str()), (&["arn:aws:iam::1:root"][..], "statement 1"));
        let denies = json!({ "Statement": [{ "Effect": "Deny", "Principal": "*", "Action": "*" }] });
        assert!(statements(&denies).is_empty());
    }

    #[test]
    fn a_condition_fails_only_where_that_is_certain() {
        let fails = |condition: Value| statements(&statement(&condition))[0].fails(CALL);
        assert_eq!(fails(json!({ "StringEquals": { "aws:sourceAccount": "111122223333" } })), None);
        assert!(fails(json!({ "StringEquals": { "aws:SourceAccount": ["444455556666"] } })).is_some());
        assert_eq!(fails(json!({ "ArnLike": { "aws:SourceArn": "arn:aws:cognito-idp:*:111122223333:*" } })), None);
        let primary = "arn:aws:cognito-idp:us-east-1:111122223333:userpool/us-east-1_P";
        assert!(fails(json!({ "ArnEquals": { "aws:SourceArn": primary } })).unwrap().contains(primary));
        assert_eq!(
            fails(json!({ "StringNotEquals": { "aws:SourceAccount": "1" }, "Bool": { "aws:x": "true" } })),
            None
        );
    }
}
