#![allow(dead_code, reason = "most fields are only there to be read from a file")]

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::*;
use crate::model::sha256;
use crate::model::{Percent, Span};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Menu {
    /// What it is called.
    name: String,
    wait: Option<Span>,
    #[serde(default)]
    share: Option<Percent>,
    #[serde(default)]
    guests: u16,
    #[serde(default)]
    dishes: Vec<Dish>,
    #[serde(default)]
    prices: BTreeMap<String, f64>,
    #[serde(default)]
    paid: Option<Payment>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(tag = "course", rename_all = "lowercase", deny_unknown_fields)]
enum Dish {
    Soup { bowl: String },
    Cake { slices: u32 },
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
enum Payment {
    Cash { coins: u32 },
    Card { number: String, bank: String },
}

/// The problems of a text as `line: message (label)`.
fn problems(text: &str) -> Vec<String> {
    let Err(found) = read_str::<Menu>("menu.toml", text) else {
        return Vec::new();
    };
    let line = |problem: &Problem| {
        let label = problem.labels.first().and_then(|label| label.label()).unwrap_or_default().to_owned();
        format!("{}: {problem} ({label})", problem.location().unwrap().0)
    };
    found.problems().iter().map(line).collect()
}

#[test]
fn a_good_file_has_value_digest_and_spans() {
    let text = "name = \"a\"\nwait = \"90s\"\n[[dishes]]\ncourse = \"cake\"\nslices = 3\n";
    let menu = read_str::<Menu>("dir/menu.toml", text).unwrap();
    assert_eq!(menu.value.wait, Some(Span::secs(90)));
    assert!(matches!(menu.value.dishes[..], [Dish::Cake { slices: 3 }]));
    assert_eq!((menu.name(), menu.folder()), ("menu".to_owned(), Path::new("dir")));
    assert_eq!(menu.sha256, sha256(text.as_bytes()));
    let at = |path: &str| {
        let span = menu.spans.of(path);
        &text[span.offset()..span.offset() + span.len()]
    };
    assert_eq!(at("wait"), "\"90s\"");
    assert_eq!(at("dishes[0].slices"), "3");
    assert_eq!(at("dishes[0].icing.colour"), "[[dishes]]", "the nearest parent");
    assert_eq!(at("nothing.like.it"), "", "the file's start");
}

#[test]
fn sha256_is_the_standard_one() {
    assert_eq!(sha256(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

#[test]
fn a_misspelt_key_is_reported_once_and_its_value_is_still_checked() {
    assert_eq!(
        problems("nam = 3\nzzz = 1\n"),
        [
            "1: `nam` is not a key of this file (did you mean `name`?)",
            "1: `nam` must be a text, not a number (not a text)",
            "2: `zzz` is not a key of this file (not known here)",
        ]
    );
}

#[test]
fn numbers_want_units_and_ranges() {
    assert_eq!(
        problems("name = \"a\"\nwait = 90\nshare = 0.5\nguests = 70000\n[prices]\n\"a.b\" = true\n"),
        [
            "2: `wait` has no unit (write \"90s\"?)",
            "3: `share` has no unit (write \"0.5%\"?)",
            "4: `guests` is out of range (out of range)",
            "6: `prices.a.b` must be a number, not true or false (not a number)",
        ]
    );
}

#[test]
fn tagged_tables_are_told_apart_by_their_tag() {
    let text = "name = \"a\"\n[[dishes]]\nbowl = \"b\"\n[[dishes]]\ncourse = \"cak\"\n[[dishes]]\ncourse = \"cake\"\nbowl = \"b\"\n";
    assert_eq!(
        problems(text),
        [
            "2: `dishes[0]` lacks `course` (`course` is missing here)",
            "5: `cak` is not a value of `dishes[1].course` (did you mean `cake`?)",
            "6: `dishes[2]` lacks `slices` (`slices` is missing here)",
            "8: `bowl` is not a key of `dishes[2]` (not known here)",
        ]
    );
    assert_eq!(
        problems("name = \"a\"\n[dishes]\n"),
        ["2: `dishes` must be a list of tables, not a table (not a list of tables)"]
    );
}

#[test]
fn untagged_tables_are_told_apart_by_their_keys() {
    let text = |table: &str| format!("name = \"a\"\npaid = {table}\n");
    assert_eq!(problems(&text("{ number = \"1\" }")), ["2: `paid` lacks `bank` (`bank` is missing here)"]);
    assert_eq!(
        problems(&text("{ number = \"1\", bank = \"b\", coins = 2 }")),
        ["2: `coins` does not go with the other keys of `paid` (belongs to another form)"]
    );
    assert_eq!(problems(&text("{}")), ["2: `paid` has none of the keys that it may have (none of them here)"]);
    assert_eq!(problems(&text("3")), ["2: `paid` must be a table, not a number (not a table)"]);
}

#[test]
fn every_syntax_error_is_reported_without_its_consequences() {
    assert_eq!(
        problems("wait = \nguests = 1\nguests = 2\n[dishes\n"),
        [
            "1: string values must be quoted, expected literal string (a value is missing here, or lacks its quotes)",
            "3: duplicate key (given a second time)",
            "4: unclosed table, expected `]` (ends here)",
        ],
        "no word of the missing name, which may stand where the parser could not read"
    );
}

#[test]
fn what_only_serde_knows_is_reported_too() {
    #[derive(Debug, Deserialize, JsonSchema)]
    struct Picky {
        #[schemars(with = "String")]
        #[allow(dead_code, reason = "only read")]
        at: std::net::IpAddr,
    }
    let found = read_str::<Picky>("picky.toml", "\nat = \"nowhere\"\n").unwrap_err();
    assert_eq!(found.problems()[0].location(), Some((2, 6)));
    assert_eq!(found.to_string(), "picky.toml has a problem");
}
