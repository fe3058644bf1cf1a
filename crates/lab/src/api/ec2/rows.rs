use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Ec2Call, Ec2Outcome, invalid};
use crate::api::ServiceError;
use crate::api::xml::{Element, list, text};
use crate::world::State;

/// Values that one filter may have (EC2 API reference, "Filtering").
const FILTER_VALUES: usize = 200;

/// A described resource: what filters see of it, and what the answer shows.
pub(super) struct DescribedRow {
    pub id: String,
    /// Attributes by filter name.
    pub attributes: Vec<(&'static str, Vec<String>)>,
    pub shown: Vec<Element>,
}

/// How one kind of resource is described.
pub(super) struct ResourceKind {
    /// The parameter that lists IDs.
    pub ids: &'static str,
    /// The error for an ID that is not there.
    pub not_found: &'static str,
    /// The kind's name in that error.
    pub noun: &'static str,
    /// The element that holds the items.
    pub set: &'static str,
}

/// Filters rows and gives the page that was asked for.
pub(super) fn describe(
    state: &State,
    call: &Ec2Call<'_>,
    kind: &ResourceKind,
    mut rows: Vec<DescribedRow>,
) -> Ec2Outcome {
    let wanted = call.params.list(kind.ids);
    for id in &wanted {
        if !rows.iter().any(|row| row.id == *id) {
            return Err(ServiceError::bad(kind.not_found, format!("The {} ID '{id}' does not exist", kind.noun)));
        }
    }
    if !wanted.is_empty() {
        rows.retain(|row| wanted.contains(&row.id.as_str()));
    }
    let rows = filter(call, rows, |row, name, patterns| matches(state, row, name, patterns))?;
    let (page, token) = page(call, !wanted.is_empty(), rows)?;
    let tagged = page.into_iter().map(|row| {
        let mut shown = row.shown;
        shown.push(tag_set(state, &row.id));
        shown
    });
    let mut answer = vec![list(kind.set, "item", tagged)];
    answer.extend(token.map(|token| text("nextToken", token)));
    Ok(answer)
}

/// The rows that every filter of the request matches.
pub(super) fn filter(
    call: &Ec2Call<'_>,
    mut rows: Vec<DescribedRow>,
    matches: impl Fn(&DescribedRow, &str, &[&str]) -> Result<bool, ServiceError>,
) -> Result<Vec<DescribedRow>, ServiceError> {
    for number in call.params.numbers("Filter") {
        let name = call.required(&format!("Filter.{number}.Name"))?;
        let values = call.params.list(&format!("Filter.{number}.Value"));
        if values.len() > FILTER_VALUES {
            let message = format!("The maximum number of filter values specified on a single call is {FILTER_VALUES}");
            return Err(ServiceError::bad("FilterLimitExceeded", message));
        }
        let mut kept = Vec::new();
        for row in rows {
            if matches(&row, name, &values)? {
                kept.push(row);
            }
        }
        rows = kept;
    }
    Ok(rows)
}

fn matches(state: &State, row: &DescribedRow, name: &str, patterns: &[&str]) -> Result<bool, ServiceError> {
    if let Some(key) = name.strip_prefix("tag:") {
        return Ok(state.tags(&row.id).any(|(known, value)| known == key && any(patterns, value)));
    }
    if name == "tag-key" {
        return Ok(state.tags(&row.id).any(|(known, _)| any(patterns, known)));
    }
    row.matches(name, patterns)
}

impl DescribedRow {
    /// Whether an attribute has one of the values.
    ///
    /// # Errors
    /// When there is no such attribute.
    pub(super) fn matches(&self, name: &str, patterns: &[&str]) -> Result<bool, ServiceError> {
        let attribute = self.attributes.iter().find(|(known, _)| *known == name);
        let (_, values) = attribute.ok_or_else(|| invalid(format!("The filter '{name}' is invalid")))?;
        Ok(values.iter().any(|value| any(patterns, value)))
    }
}

fn any(patterns: &[&str], value: &str) -> bool {
    patterns.iter().any(|pattern| glob(pattern.as_bytes(), value.as_bytes()))
}

/// `*` is any text, `?` one character, `\` takes the next one literally (EC2 API reference, "Filtering").
fn glob(pattern: &[u8], value: &[u8]) -> bool {
    match (pattern, value) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=value.len()).any(|skipped| glob(rest, &value[skipped..])),
        ([b'?', rest @ ..], [_, value @ ..]) => glob(rest, value),
        ([b'\\', literal, rest @ ..] | [literal, rest @ ..], [first, value @ ..]) => {
            literal == first && glob(rest, value)
        }
        _ => false,
    }
}

/// The page of a result that was asked for, and the token of the next one.
pub(super) fn page(
    call: &Ec2Call<'_>,
    by_id: bool,
    rows: Vec<DescribedRow>,
) -> Result<(Vec<DescribedRow>, Option<String>), ServiceError> {
    let size: Option<usize> = match call.params.get("MaxResults") {
        None => None,
        Some(_) if by_id => {
            let message = "The parameter MaxResults cannot be used with the parameter that lists IDs";
            return Err(ServiceError::bad("InvalidParameterCombination", message));
        }
        Some(text) => {
            let size = text.parse().ok().filter(|size| (5..=1000).contains(size));
            Some(size.ok_or_else(|| {
                invalid(format!(
                    "Value ({text}) for parameter maxResults is invalid. Expecting a value between 5 and 1000."
                ))
            })?)
        }
    };
    let action = call.params.get("Action").unwrap_or_default();
    let start = match call.params.get("NextToken") {
        None => 0,
        Some(token) => offset(action, token).filter(|start| *start < rows.len()).ok_or_else(|| {
            let message = "The specified pagination token is not valid or is expired.";
            ServiceError::bad("InvalidPaginationToken", message)
        })?,
    };
    let end = size.map_or(rows.len(), |size| start.saturating_add(size).min(rows.len()));
    let token = (end < rows.len()).then(|| URL_SAFE_NO_PAD.encode(format!("{action}:{end}")));
    Ok((rows.into_iter().take(end).skip(start).collect(), token))
}

/// A token is of one action's answer alone.
fn offset(action: &str, token: &str) -> Option<usize> {
    let token = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    token.strip_prefix(action)?.strip_prefix(':')?.parse().ok()
}

/// A resource's tags as answers show them.
pub(super) fn tag_set(state: &State, id: &str) -> Element {
    list("tagSet", "item", state.tags(id).map(|(key, value)| vec![text("key", key), text("value", value)]))
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn patterns() {
        for (pattern, value, expected) in [
            ("a*c", "abbc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*", "", true),
            (r"a\*", "a*", true),
            (r"a\*", "ab", false),
        ] {
            assert_eq!(glob(pattern.as_bytes(), value.as_bytes()), expected, "{pattern} {value}");
        }
    }
}
