use std::collections::BTreeMap;
use std::ops::Range;

use miette::SourceSpan;
use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where the values of a file are.
#[derive(Debug, Clone, Default)]
pub struct Spans(BTreeMap<String, SourceSpan>);

impl Spans {
    /// The span of the value at a path, as `phases.hold` or `objectives[2].at_most`; of the
    /// nearest parent where the file has no such value, and of the file's start where it has no parent either.
    pub fn of(&self, path: &str) -> SourceSpan {
        let mut path = path;
        loop {
            if let Some(span) = self.0.get(path) {
                return *span;
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None => return SourceSpan::from((0, 0)),
            }
        }
    }

    /// Walks a parsed file and notes where each value is.
    pub(super) fn collect(text: &str, root: &DeTable<'_>) -> Self {
        let mut spans = Self::default();
        spans.table(text, "", root);
        spans
    }

    fn table(&mut self, text: &str, path: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            self.value(text, &join(path, key.get_ref()), value);
        }
    }

    fn value(&mut self, text: &str, path: &str, value: &Spanned<DeValue<'_>>) {
        self.0.insert(path.to_owned(), first_line(text, value.span()));
        match value.get_ref() {
            DeValue::Table(table) => self.table(text, path, table),
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.value(text, &format!("{path}[{index}]"), item);
                }
            }
            _ => {}
        }
    }
}

/// The path of a key in the table at a path.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// A span cut to its first line: a caret below that is enough, and a box around a long array hides the point.
pub(super) fn first_line(text: &str, span: Range<usize>) -> SourceSpan {
    let start = span.start.min(text.len());
    let end = span.end.clamp(start, text.len());
    let length = text.get(start..end).and_then(|value| value.find('\n')).unwrap_or(end - start);
    SourceSpan::from((start, length))
}

/// A value without its spans. Dates become text, which is how the files' types read them.
pub(super) fn plain(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or(Value::Null, Value::from)
        }
        DeValue::Float(number) => number.as_str().parse::<f64>().map_or(Value::Null, Value::from),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Datetime(date) => Value::String(date.to_string()),
        DeValue::Array(items) => items.iter().map(|item| plain(item.get_ref())).collect(),
        DeValue::Table(table) => plain_table(table),
    }
}

/// [`plain`] for a table.
pub(super) fn plain_table(table: &DeTable<'_>) -> Value {
    table.iter().map(|(key, value)| (key.get_ref().to_string(), plain(value.get_ref()))).collect()
}

/// The value at a path, as `objectives[2].at_most`.
pub(super) fn lookup<'v>(root: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').filter(|step| !step.is_empty()).try_fold(root, |value, step| {
        let mut parts = step.split('[');
        let value = value.get(parts.next()?)?;
        parts.try_fold(value, |value, index| value.get(index.strip_suffix(']')?.parse::<usize>().ok()?))
    })
}
