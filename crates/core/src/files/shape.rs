use miette::SourceSpan;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{FileFinding, MOST};
use super::tree::{first_line, join};
use crate::model::{Cidr, Percent, PortRange, Rate, parse_duration};

/// Checks a parsed file against the JSON Schema of its type. Knows as much of JSON Schema as the
/// derived schemas use: references, nullable values, constants, tagged and untagged tables.
pub(super) struct Shape<'a> {
    text: &'a str,
    root: &'a Value,
    /// Whether all of the file was parsed; else missing keys may just be unreadable.
    whole: bool,
    findings: Vec<FileFinding>,
}

const LONGEST_WORD: usize = 64;

/// A table in the file, and where to point when something is missing from it.
struct TableAt<'a> {
    path: &'a str,
    span: SourceSpan,
}

impl<'a> Shape<'a> {
    pub(super) fn check(text: &'a str, schema: &'a Value, tree: &DeTable<'_>, whole: bool) -> Vec<FileFinding> {
        let mut shape = Self { text, root: schema, whole, findings: Vec::new() };
        shape.table(&TableAt { path: "", span: SourceSpan::from((0, 0)) }, schema, tree, &[]);
        shape.findings
    }

    /// Follows references and takes the value's part of "this or null"; the name is that of the last definition.
    fn resolve(&self, schema: &'a Value) -> (Option<&'a str>, &'a Value) {
        let (mut name, mut schema) = (None, schema);
        loop {
            if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|r| r.strip_prefix("#/$defs/")) {
                let Some(definition) = self.root.get("$defs").and_then(|defs| defs.get(target)) else {
                    break;
                };
                (name, schema) = (Some(target), definition);
            } else if let Some([only]) = branches(schema).as_deref() {
                if only.get("const").is_some() {
                    break;
                }
                schema = only;
            } else {
                break;
            }
        }
        (name, schema)
    }

    fn value(&mut self, path: &str, schema: &'a Value, value: &Spanned<DeValue<'_>>) {
        if self.findings.len() >= MOST {
            return;
        }
        let (name, schema) = self.resolve(schema);
        let span = first_line(self.text, value.span());
        if let Some(unit) = name.and_then(TextForm::named) {
            self.findings.extend(unit.check(path, value.get_ref(), span));
        } else if let Some(branches) = branches(schema) {
            let constants: Vec<&str> = branches.iter().filter_map(|b| b.get("const")?.as_str()).collect();
            if constants.len() == branches.len() {
                self.constant(path, &constants, value.get_ref(), span);
            } else {
                self.variant(&TableAt { path, span }, &branches, value.get_ref());
            }
        } else if let Some(allowed) = schema.get("enum").and_then(Value::as_array) {
            let allowed: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
            self.constant(path, &allowed, value.get_ref(), span);
        } else {
            self.plain(&TableAt { path, span }, schema, value.get_ref());
        }
    }

    fn plain(&mut self, at: &TableAt<'_>, schema: &'a Value, value: &DeValue<'_>) {
        let expected = match schema.get("type") {
            Some(Value::String(expected)) => expected.as_str(),
            Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).find(|k| *k != "null").unwrap_or("any"),
            _ => "any",
        };
        match (expected, value) {
            ("any", _)
            | ("string", DeValue::String(_))
            | ("boolean", DeValue::Boolean(_))
            | ("number", DeValue::Integer(_)) => {}
            ("number", DeValue::Float(number)) => {
                // "inf" and "nan" are TOML numbers, and of no use as any setting.
                if !number.as_str().parse().is_ok_and(f64::is_finite) {
                    self.findings.push(wrong_type(at, expected, value, false));
                }
            }
            ("integer", DeValue::Integer(number)) => {
                let number = i64::from_str_radix(number.as_str(), number.radix()).ok();
                self.findings.extend(bounds(at, schema, number));
            }
            ("object", DeValue::Table(table)) => self.table(at, schema, table, &[]),
            ("array", DeValue::Array(items)) => {
                if let Some(schema) = schema.get("items") {
                    for (index, item) in items.iter().enumerate() {
                        self.value(&format!("{}[{index}]", at.path), schema, item);
                    }
                }
            }
            _ => {
                let of_tables = schema.get("items").is_some_and(|items| self.is_table(items));
                self.findings.push(wrong_type(at, expected, value, of_tables));
            }
        }
    }

    fn is_table(&self, schema: &'a Value) -> bool {
        let (_, schema) = self.resolve(schema);
        schema.get("properties").is_some()
            || branches(schema).is_some_and(|b| b.iter().any(|b| b.get("properties").is_some()))
    }

    /// A word out of a list.
    fn constant(&mut self, path: &str, allowed: &[&str], value: &DeValue<'_>, span: SourceSpan) {
        let DeValue::String(word) = value else {
            self.findings.push(
                wrong_type(&TableAt { path, span }, "string", value, false).help(format!("write {}", one_of(allowed))),
            );
            return;
        };
        if !allowed.contains(&word.as_ref()) {
            let message = format!("`{word}` is not a value of `{path}`");
            let finding = match nearest(word, allowed.iter().copied()) {
                Some(near) => FileFinding::span(span, message, format!("did you mean `{near}`?")),
                None => FileFinding::span(span, message, "not known"),
            };
            self.findings.push(finding.help(format!("write {}", one_of(allowed))));
        }
    }

    /// A table that may have one of several shapes: by a tag, or by the keys that it has.
    fn variant(&mut self, at: &TableAt<'_>, branches: &[&'a Value], value: &DeValue<'_>) {
        let DeValue::Table(table) = value else {
            let shapes: Vec<String> = branches.iter().map(|branch| sketch(branch)).collect();
            let finding = wrong_type(at, "object", value, false);
            self.findings.push(finding.help(format!("write {}", shapes.join(" or "))));
            return;
        };
        let Some(tag) = tag(branches) else {
            self.untagged(at, branches, table);
            return;
        };
        let constant = |branch: &'a Value| branch["properties"][tag]["const"].as_str().unwrap_or_default();
        let allowed: Vec<&str> = branches.iter().map(|branch| constant(branch)).collect();
        match table.get(tag) {
            Some(word) => {
                let branch = branches.iter().find(|branch| word.get_ref().as_str() == Some(constant(branch)));
                if let Some(branch) = branch {
                    self.table(at, branch, table, &[]);
                } else {
                    let span = first_line(self.text, word.span());
                    self.constant(&join(at.path, tag), &allowed, word.get_ref(), span);
                }
            }
            None if self.whole => {
                let finding = FileFinding::span(
                    at.span,
                    format!("`{}` lacks `{tag}`", at.path),
                    format!("`{tag}` is missing here"),
                );
                self.findings.push(finding.help(format!("add `{tag}`: {}", one_of(&allowed))));
            }
            None => {}
        }
    }

    fn untagged(&mut self, at: &TableAt<'_>, branches: &[&'a Value], table: &DeTable<'_>) {
        let known = |branch: &Value| {
            table.keys().filter(|key| branch["properties"].get(key.get_ref().as_ref()).is_some()).count()
        };
        let missing = |branch: &Value| required(branch).iter().filter(|key| !table.contains_key(**key)).count();
        let best = branches.iter().max_by_key(|branch| (known(branch), usize::MAX - missing(branch)));
        match best {
            Some(best) if known(best) > 0 => {
                let rivals: Vec<&Value> = branches.iter().filter(|branch| branch != &best).copied().collect();
                self.table(at, best, table, &rivals);
            }
            _ => {
                let shapes: Vec<String> = branches.iter().map(|branch| sketch(branch)).collect();
                let finding = FileFinding::span(
                    at.span,
                    format!("`{}` has none of the keys that it may have", at.path),
                    "none of them here",
                );
                self.findings.push(finding.help(format!("write {}", shapes.join(" or "))));
            }
        }
    }

    /// A table with known keys, or with any keys and values of one kind. `rivals` are the shapes that it could have had instead.
    fn table(&mut self, at: &TableAt<'_>, schema: &'a Value, table: &DeTable<'_>, rivals: &[&'a Value]) {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            if let Some(each) = schema.get("additionalProperties").filter(|each| each.is_object()) {
                for (key, value) in table {
                    self.value(&join(at.path, key.get_ref()), each, value);
                }
            }
            return;
        };
        let mut meant: Vec<&str> = Vec::new();
        for (key, value) in table {
            if self.findings.len() >= MOST {
                return;
            }
            let path = join(at.path, key.get_ref());
            if let Some(schema) = properties.get(key.get_ref().as_ref()) {
                self.value(&path, schema, value);
                continue;
            }
            let span = first_line(self.text, key.span());
            if rivals.iter().any(|rival| rival["properties"].get(key.get_ref().as_ref()).is_some()) {
                self.findings.push(rivalry(at.path, key.get_ref(), span, schema, rivals));
                continue;
            }
            let free = properties.keys().map(String::as_str).filter(|known| !table.contains_key(*known));
            let near = nearest(key.get_ref(), free);
            self.findings.push(unknown(at.path, key.get_ref(), span, near, properties.keys().map(String::as_str)));
            if let Some(near) = near {
                // Its value is checked as what was meant, so that the next round finds nothing new.
                self.value(&path, &properties[near], value);
                meant.push(near);
            }
        }
        if self.whole {
            self.missing(at, schema, |key| table.contains_key(key) || meant.contains(&key));
        }
    }

    fn missing(&mut self, at: &TableAt<'_>, schema: &'a Value, there: impl Fn(&str) -> bool) {
        let keys: Vec<&str> = required(schema).into_iter().filter(|key| !there(key)).collect();
        if keys.is_empty() {
            return;
        }
        let list = keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        let place = if at.path.is_empty() { "the file".to_owned() } else { format!("`{}`", at.path) };
        let label =
            if keys.len() == 1 { format!("{list} is missing here") } else { "these are missing here".to_owned() };
        let lines = keys.iter().map(|key| {
            let property = &schema["properties"][key];
            match property
                .get("description")
                .or_else(|| self.resolve(property).1.get("description"))
                .and_then(Value::as_str)
            {
                Some(what) => format!("add `{key}`: {what}"),
                None => format!("add `{key}`"),
            }
        });
        let help = lines.collect::<Vec<_>>().join("\n");
        self.findings.push(FileFinding::span(at.span, format!("{place} lacks {list}"), label).help(help));
    }
}

/// The definitions whose texts have a form of their own, most of them a unit.
#[derive(Clone, Copy)]
enum TextForm {
    Duration,
    Percent,
    Rate,
    Cidr,
    PortRange,
}

impl TextForm {
    fn named(definition: &str) -> Option<Self> {
        match definition {
            "Duration" => Some(Self::Duration),
            "Percent" => Some(Self::Percent),
            "Rate" => Some(Self::Rate),
            "Cidr" => Some(Self::Cidr),
            "PortRange" => Some(Self::PortRange),
            _ => None,
        }
    }

    fn check(self, path: &str, value: &DeValue<'_>, span: SourceSpan) -> Option<FileFinding> {
        let (what, units, suffix) = match self {
            Self::Duration => ("a duration", "units are ms, s, m and h: \"500ms\", \"90s\", \"1m30s\"", "s"),
            Self::Percent => ("a share", "the unit is %: \"99.5%\"", "%"),
            Self::Rate => ("a rate", "units are /s and /min: \"2/s\", \"90/min\"", "/s"),
            Self::Cidr => ("a block of addresses", "address and prefix: \"10.0.0.0/8\", \"2001:db8::/32\"", "/32"),
            Self::PortRange => ("a port or a range", "one port or two with a dash: \"443\", \"8000-8999\"", ""),
        };
        let number = match value {
            DeValue::String(text) => {
                let parsed = match self {
                    Self::Duration => parse_duration(text).map(|_| ()),
                    Self::Percent => Percent::parse(text).map(|_| ()),
                    Self::Rate => Rate::parse(text).map(|_| ()),
                    Self::Cidr => Cidr::parse(text).map(|_| ()),
                    Self::PortRange => PortRange::parse(text).map(|_| ()),
                };
                return parsed.err().map(|message| FileFinding::span(span, message, format!("not {what}")).help(units));
            }
            DeValue::Integer(number) => number.as_str(),
            DeValue::Float(number) => number.as_str(),
            other => {
                let message = format!("`{path}` must be {what}, not {}", article(other));
                return Some(FileFinding::span(span, message, format!("not {what}")).help(units));
            }
        };
        let message = match self {
            Self::Duration | Self::Percent | Self::Rate => format!("`{path}` has no unit"),
            Self::Cidr | Self::PortRange => format!("`{path}` is a number, not text"),
        };
        Some(FileFinding::span(span, message, format!("write \"{number}{suffix}\"?")).help(units))
    }
}

/// The alternatives of a schema, null left out.
fn branches(schema: &Value) -> Option<Vec<&Value>> {
    let list = schema.get("anyOf").or_else(|| schema.get("oneOf"))?.as_array()?;
    Some(list.iter().filter(|branch| branch.get("type").and_then(Value::as_str) != Some("null")).collect())
}

/// The key whose constant tells the alternatives apart.
fn tag<'a>(branches: &[&'a Value]) -> Option<&'a str> {
    let constant = |branch: &Value, key: &str| branch["properties"][key].get("const").is_some();
    let keys = branches.first()?.get("properties")?.as_object()?.keys();
    keys.map(String::as_str).find(|key| branches.iter().all(|branch| constant(branch, key)))
}

fn required(schema: &Value) -> Vec<&str> {
    let list = schema.get("required").and_then(Value::as_array);
    list.map_or_else(Vec::new, |keys| keys.iter().filter_map(Value::as_str).collect())
}

/// A table's required keys, as one writes them: `{ file = …, key = … }`.
fn sketch(branch: &Value) -> String {
    let keys: Vec<String> = required(branch).iter().map(|key| format!("{key} = …")).collect();
    format!("`{{ {} }}`", keys.join(", "))
}

fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.as_slice() {
        [only] => only.clone(),
        _ => format!("one of {}", quoted.join(", ")),
    }
}

/// The candidate that was probably meant: at most a third of its letters differ, one of a short word's.
pub fn nearest<'c>(word: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    // Comparing takes as long as both are long; no word of a file is longer.
    if word.len() > LONGEST_WORD {
        return None;
    }
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let word = plain(word);
    candidates
        .map(|candidate| (strsim::damerau_levenshtein(&word, &plain(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).max(1))
        .min()
        .map(|(_, candidate)| candidate)
}

fn unknown<'k>(
    path: &str,
    key: &str,
    span: SourceSpan,
    near: Option<&str>,
    known: impl Iterator<Item = &'k str>,
) -> FileFinding {
    let place = if path.is_empty() { "this file".to_owned() } else { format!("`{path}`") };
    let keys: Vec<String> = known.map(|key| format!("`{key}`")).collect();
    let label = near.map_or_else(|| "not known here".to_owned(), |near| format!("did you mean `{near}`?"));
    FileFinding::span(span, format!("`{key}` is not a key of {place}"), label)
        .help(format!("its keys are {}", keys.join(", ")))
}

/// A key of another shape than the one that the rest of the table has.
fn rivalry(path: &str, key: &str, span: SourceSpan, schema: &Value, rivals: &[&Value]) -> FileFinding {
    let shapes: Vec<String> = std::iter::once(schema).chain(rivals.iter().copied()).map(sketch).collect();
    FileFinding::span(span, format!("`{key}` does not go with the other keys of `{path}`"), "belongs to another form")
        .help(format!("write either {}", shapes.join(" or ")))
}

fn bounds(at: &TableAt<'_>, schema: &Value, number: Option<i64>) -> Option<FileFinding> {
    let bits = match schema.get("format").and_then(Value::as_str) {
        Some("uint8") => i64::from(u8::MAX),
        Some("uint16") => i64::from(u16::MAX),
        Some("uint32") => i64::from(u32::MAX),
        _ => i64::MAX,
    };
    let least = schema.get("minimum").and_then(Value::as_i64).unwrap_or(i64::MIN);
    let most = schema.get("maximum").and_then(Value::as_i64).unwrap_or(bits);
    if number.is_some_and(|number| (least..=most).contains(&number)) {
        return None;
    }
    Some(
        FileFinding::span(at.span, format!("`{}` is out of range", at.path), "out of range")
            .help(format!("write a number from {least} to {most}")),
    )
}

fn wrong_type(at: &TableAt<'_>, expected: &str, value: &DeValue<'_>, of_tables: bool) -> FileFinding {
    let (what, help) = match expected {
        "object" => ("a table", format!("write a `[{}]` table, or `{{ key = value }}`", at.path)),
        "array" if of_tables => {
            ("a list of tables", format!("write `[[{}]]`, with two brackets, above each of them", at.path))
        }
        "array" => ("a list", "write `[\"…\", \"…\"]`, even for one value".to_owned()),
        "string" => ("a text", "write it in quotes".to_owned()),
        "integer" => ("a whole number", "write it without quotes, fraction and unit".to_owned()),
        "number" => ("a number", "write it without quotes and unit".to_owned()),
        "boolean" => ("true or false", "write `true` or `false`, without quotes".to_owned()),
        other => (other, "see the JSON Schema".to_owned()),
    };
    let message = format!("`{}` must be {what}, not {}", at.path, article(value));
    FileFinding::span(at.span, message, format!("not {what}")).help(help)
}

fn article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
