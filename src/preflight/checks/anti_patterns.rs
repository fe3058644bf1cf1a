//! The mistakes of such a migration that the field knows by name. Each is what some checks look for, so that it needs no check of its own.

/// Codes by name. A mistake may show in several ways.
const NAMES: [(&str, &[&str]); 5] = [
    ("replication before schema audit", &["GD110", "GD111", "GD112", "GD113"]),
    ("independent keys", &["GD202"]),
    ("TTL over 60 s", &["GD502"]),
    ("JWKS at request time", &["GD709"]),
    ("default InitiateAuth quota", &["GD608"]),
];

/// The name of the anti-pattern that a code finds, if it is one.
pub fn name(code: &str) -> Option<&'static str> {
    NAMES.iter().find(|(_, codes)| codes.contains(&code)).map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_one_name_and_others_have_none() {
        let codes: Vec<&str> = NAMES.iter().flat_map(|(_, codes)| codes.iter().copied()).collect();
        let mut unique = codes.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), codes.len());
        let checks: Vec<&str> = super::super::all().iter().map(|check| check.code).collect();
        let gone: Vec<_> = codes.iter().filter(|code| !checks.contains(code)).collect();
        assert!(gone.is_empty(), "no check has {gone:?}");
        assert_eq!((name("GD502"), name("GD501")), (Some("TTL over 60 s"), None));
    }
}
