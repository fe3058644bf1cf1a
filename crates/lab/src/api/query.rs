//! The AWS query protocol's parameters: `Name.1.Part.2=value`.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::Query;

/// A request's parameters.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(BTreeMap<String, String>);

impl Params {
    /// From a URI's query and a form body; `None` when they are not a form, or too long for one (64 KiB).
    pub(crate) fn parse(query: &str, body: &[u8]) -> Option<Self> {
        let body = std::str::from_utf8(body).ok()?;
        let mut all = BTreeMap::new();
        for form in [query, body] {
            let uri = http::Uri::builder().path_and_query(format!("/?{form}")).build().ok()?;
            let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&uri).ok()?;
            all.extend(pairs);
        }
        Some(Self(all))
    }

    /// From names and values.
    pub(crate) fn from_pairs(pairs: Vec<(String, String)>) -> Self {
        Self(pairs.into_iter().collect())
    }

    /// Every parameter.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A parameter.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// `PREFIX.1`, `PREFIX.2` and so on, in the order of their numbers.
    pub(crate) fn list(&self, prefix: &str) -> Vec<&str> {
        self.numbers(prefix).into_iter().filter_map(|number| self.get(&format!("{prefix}.{number}"))).collect()
    }

    /// The numbers N of `PREFIX.N` and `PREFIX.N.…`.
    pub(crate) fn numbers(&self, prefix: &str) -> BTreeSet<u32> {
        let names = self.0.keys().filter_map(|name| name.strip_prefix(prefix)?.strip_prefix('.'));
        names.filter_map(|rest| rest.split('.').next()?.parse().ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_in_the_order_of_numbers() {
        let params = Params::parse("", b"Id.10=j&Id.2=b&Id.1=a%2Fa+x&Tag.1.Key=k").unwrap();
        assert_eq!(params.list("Id"), ["a/a x", "b", "j"]);
        assert_eq!(params.numbers("Tag").into_iter().collect::<Vec<_>>(), [1]);
        assert_eq!(params.get("Tag.1.Key"), Some("k"));
    }
}
