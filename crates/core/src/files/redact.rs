//! Secrets that somebody wrote into a file by mistake: no diagnostic may show them.

use std::ops::Range;

use crate::model::Secret;

/// Parts of keys whose values are secrets.
const WORDS: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "passwort",
    "secret",
    "token",
    "credential",
    "privatekey",
    "apikey",
    "totp",
    "bearer",
    "cookie",
];
/// Whole keys of that kind.
const KEYS: [&str; 5] = ["pass", "pwd", "pw", "accesskey", "otp"];
/// Keys that only look like that: they name where something is.
const NAMES: [&str; 3] = ["secretsmanager", "tokenendpoint", "tokenuse"];
/// Shorter ones would blacken words that have nothing to do with them.
const SHORTEST: usize = 4;
/// Messages hold words of the file, which may be of any length; our own choice.
const LONGEST_MESSAGE: usize = 2000;
/// The length of an AWS secret access key.
const AWS_SECRET: usize = 40;

/// A text without its secrets.
#[derive(Debug)]
pub(super) struct Redacted {
    /// As long as the original, byte for byte, so that spans point to the same places.
    pub text: String,
    secrets: Vec<Secret>,
}

impl Redacted {
    pub(super) fn of(text: &str) -> Self {
        let mut spans = values(text);
        spans.extend(words(text));
        let mut bytes = text.as_bytes().to_vec();
        let mut secrets = Vec::new();
        for span in spans {
            let Some(secret) = text.get(span.clone()) else { continue };
            bytes[span].iter_mut().filter(|byte| !byte.is_ascii_whitespace()).for_each(|byte| *byte = b'*');
            if secret.len() >= SHORTEST {
                // A parser tells of the value, not of how it is written.
                let plain = toml::from_str::<toml::Table>(&format!("k = \"{secret}\"")).ok();
                let plain = plain.and_then(|table| Some(table.get("k")?.as_str()?.to_owned()));
                secrets.extend(plain.filter(|plain| plain != secret));
                secrets.push(secret.to_owned());
            }
        }
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        let secrets = secrets.into_iter().map(Secret::new).collect();
        // Whole characters were replaced.
        Self { text: String::from_utf8(bytes).unwrap_or_default(), secrets }
    }

    /// A message as it may be shown: without the secrets of the text, and not as long as a text may be.
    pub(super) fn shown(&self, message: String) -> String {
        let mut message = self.clean(message);
        if let Some((end, _)) = message.char_indices().nth(LONGEST_MESSAGE) {
            message.truncate(end);
            message.push('…');
        }
        message
    }

    fn clean(&self, message: String) -> String {
        self.secrets.iter().map(Secret::expose).fold(message, |message, secret| {
            if message.contains(secret) { message.replace(secret, "***") } else { message }
        })
    }
}

fn is_secret(key: &str) -> bool {
    let key: String = key.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let looks = KEYS.contains(&key.as_str()) || WORDS.iter().any(|word| key.contains(word));
    looks && !NAMES.contains(&key.as_str())
}

/// The values of keys that look like secrets', whether the text is TOML or not.
fn values(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let in_key = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let end = at + bytes[at..].iter().take_while(|byte| in_key(byte)).count();
        if end == at {
            at += 1;
            continue;
        }
        let key = &text[at..end];
        at = end;
        let gap = bytes[end..].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'"' | b'\'')).count();
        if !matches!(bytes.get(end + gap), Some(b'=' | b':')) || !is_secret(key) {
            continue;
        }
        let from = end + gap + 1;
        let from = from + bytes[from..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        // The keys of a table speak for themselves.
        if bytes.get(from) != Some(&b'{') {
            at = value(bytes, from, &mut found);
        }
    }
    found
}

/// One value, without its quotes; gives where it ends.
fn value(bytes: &[u8], from: usize, found: &mut Vec<Range<usize>>) -> usize {
    let rest = &bytes[from..];
    let until = |skip: usize, stop: &dyn Fn(&[u8]) -> bool| {
        let inside = &rest[skip..];
        from + skip + (0..inside.len()).find(|at| stop(&inside[*at..])).unwrap_or(inside.len())
    };
    for quotes in [b"\"\"\"".as_slice(), b"'''"] {
        if rest.starts_with(quotes) {
            let end = until(3, &|rest| rest.starts_with(quotes));
            found.push(from + 3..end);
            return end.saturating_add(3).min(bytes.len());
        }
    }
    match rest.first() {
        Some(b'[') => {
            let end = until(1, &|rest| matches!(rest.first(), Some(b']')));
            let mut at = from + 1;
            while at < end {
                at = if matches!(bytes[at], b'"' | b'\'') { value(&bytes[..end], at, found) } else { at + 1 };
            }
            end
        }
        Some(quote @ (b'"' | b'\'')) => {
            let mut escaped = false;
            let end = rest[1..].iter().position(|byte| {
                let ends = *byte == b'\n' || (byte == quote && !escaped);
                escaped = *byte == b'\\' && *quote == b'"' && !escaped;
                ends
            });
            let end = from + 1 + end.unwrap_or(rest.len() - 1);
            found.push(from + 1..end);
            (end + 1).min(bytes.len())
        }
        Some(_) => {
            let end = until(0, &|rest| matches!(rest.first(), Some(b'\n' | b'\r' | b',' | b'}' | b'#')));
            found.push(from..end);
            end
        }
        None => from,
    }
}

/// What looks like a secret wherever it stands: AWS secret access keys, JSON web tokens, private keys.
fn words(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let in_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '_' | '-' | '.');
    let mut at = 0;
    for word in text.split(|c: char| !in_word(c)) {
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        let has = |of: fn(&u8) -> bool| word.as_bytes().iter().any(of);
        let mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
        let is_key = word.len() == AWS_SECRET && mixed && !has(|byte| matches!(byte, b'.' | b'_' | b'-'));
        let is_token = word.starts_with("eyJ") && word.len() >= 20 && word.contains('.');
        if is_key || is_token {
            found.push(start..start + word.len());
        }
    }
    while let Some(begin) = text[at..].find("PRIVATE KEY-----") {
        let begin = at + begin + "PRIVATE KEY-----".len();
        let end = text[begin..].find("-----END").map_or(text.len(), |end| begin + end);
        found.push(begin..end);
        at = end;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_is_in_the_text_by_mistake_is_in_no_diagnostic() {
        let text = "password = \"hunter2-é\"\nclient_secret = s3cr3t, x = 1\ntoken = '''\nline1\nline2'''\n[credentials]\naccess_key_id = \"AKIDEXAMPLE\"\n\
                    secret_access_key = { file = \"a.toml\", key = \"k\" }\nusers = [{ password = \"inner\\\"x\" }]\nsecrets_manager = \"prod/users\"\n\
                    passwords = [\"one1\", 'two2']\nkey = \"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\"\n\"api-key\" : yaml-style\n";
        let redacted = Redacted::of(text);
        assert_eq!(redacted.text.len(), text.len());
        for secret in ["hunter2", "s3cr3t", "line1", "line2", "inner", "one1", "two2", "wJalr", "yaml-style"] {
            assert!(!redacted.text.contains(secret), "{secret}: {}", redacted.text);
        }
        for name in ["AKIDEXAMPLE", "a.toml", "prod/users", "x = 1", "secret_access_key = {", "key = \"k\""] {
            assert!(redacted.text.contains(name), "{name}: {}", redacted.text);
        }
        let message = redacted.clean("invalid type: string \"hunter2-é\", inner\"x and inner\\\"x".to_owned());
        assert_eq!(message, "invalid type: string \"***\", *** and ***");
    }

    #[test]
    fn what_is_broken_keeps_its_secrets_too() {
        for text in [
            "password = \"open\nnext = 1",
            "password = open",
            "password = '''open",
            "password = [\"open\"",
            "password=\"open",
        ] {
            let redacted = Redacted::of(text);
            assert!(!redacted.text.contains("open") && redacted.text.len() == text.len(), "{text}: {}", redacted.text);
        }
        for text in ["password", "password =", "password = [", "secret = \"", "token = é"] {
            assert_eq!(Redacted::of(text).text.len(), text.len());
        }
    }
}
