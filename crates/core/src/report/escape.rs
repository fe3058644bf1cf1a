//! Escaping of text, by the format of the document that it goes into.

use std::ffi::OsStr;
use std::fmt::{self, Write};
use std::os::unix::ffi::OsStrExt;

use askama::filters::Escaper;

/// Makes text plain in GitHub's and GitLab's Markdown, in a paragraph, a list item or a table cell: no markup, no
/// HTML, no second line, and no automatic link but to an e-mail address, for which they look once escapes are undone.
#[derive(Debug, Clone, Copy)]
pub struct Markdown;

impl Escaper for Markdown {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        let mut rest = text.char_indices().peekable();
        let mut in_word = false;
        while let Some((index, c)) = rest.next() {
            let after_word = std::mem::replace(&mut in_word, c.is_alphanumeric());
            match c {
                // Inside a word it marks nothing (CommonMark, "Emphasis"), and names stay searchable.
                '_' if after_word && rest.peek().is_some_and(|(_, next)| next.is_alphanumeric()) => {
                    dest.write_char(c)?;
                }
                '&' => dest.write_str("&amp;")?,
                '<' => dest.write_str("&lt;")?,
                '>' => dest.write_str("&gt;")?,
                '\\' | '`' | '*' | '_' | '[' | ']' | '{' | '}' | '|' | '~' | '$' | '#' | '!' => write!(dest, "\\{c}")?,
                // At the start of a line these begin a list or underline a heading.
                '-' | '+' | '=' if index == 0 => write!(dest, "\\{c}")?,
                // `https://…` and `www.…` become links even without markup.
                ':' if rest.peek().is_some_and(|(_, next)| *next == '/') => dest.write_str("\\:")?,
                '.' if ends_with_www(&text[..index]) => dest.write_str("\\.")?,
                c if c.is_control() || is_invisible(c) => dest.write_char(' ')?,
                c => dest.write_char(c)?,
            }
        }
        Ok(())
    }
}

fn ends_with_www(text: &str) -> bool {
    text.as_bytes().last_chunk::<3>().is_some_and(|last| last.eq_ignore_ascii_case(b"www"))
}

/// Makes text harmless inside a Mermaid diagram, which has no escape of its own: only letters,
/// digits and a few signs are kept.
#[derive(Debug, Clone, Copy)]
pub struct Mermaid;

impl Escaper for Mermaid {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '.' | '-' | '_' | '(' | ')' | '/');
        text.chars().try_for_each(|c| dest.write_char(if plain(c) { c } else { ' ' }))
    }
}

/// A path or a name as one word of a shell command, on one line: in quotes, unless it is made of what most names are made of.
pub fn shell_word(word: impl AsRef<OsStr>) -> String {
    let word = word.as_ref();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '/' | '@' | '+');
    match word.to_str() {
        Some(text) if !text.is_empty() && text.chars().all(plain) => text.to_owned(),
        // Nothing stands for a quote between quotes: they end, and begin again after it.
        Some(text) if !text.chars().any(|c| c.is_control() || is_invisible(c)) => {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
        _ => {
            word.as_bytes().iter().fold("$'".to_owned(), |mut quoted, byte| {
                // Writing to a `String` cannot fail.
                let _ = match byte {
                    b'\'' | b'\\' => write!(quoted, "\\{}", char::from(*byte)),
                    b' '..=b'~' => write!(quoted, "{}", char::from(*byte)),
                    _ => write!(quoted, "\\x{byte:02x}"),
                };
                quoted
            }) + "'"
        }
    }
}

/// Makes text one word of a shell command inside a code block.
#[derive(Debug, Clone, Copy)]
pub struct Shell;

impl Escaper for Shell {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        dest.write_str(&shell_word(text))
    }
}

/// Makes text plain in HTML: no markup, and nothing that turns round the words after it.
#[derive(Debug, Clone, Copy)]
pub struct Html;

impl Escaper for Html {
    fn write_escaped_str<W: Write>(&self, dest: W, text: &str) -> fmt::Result {
        askama::filters::Html.write_escaped_str(dest, &one_line(text))
    }
}

/// Makes text harmless in a label's value and in the help of OpenMetrics text ("Escaping" in its text format): one line, with
/// backslash and quote escaped.
#[derive(Debug, Clone, Copy)]
pub struct OpenMetrics;

impl Escaper for OpenMetrics {
    fn write_escaped_str<W: Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '\\' | '"' => write!(dest, "\\{c}")?,
                c if c.is_control() || is_invisible(c) => dest.write_char(' ')?,
                c => dest.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// Characters that reorder or hide what follows (Unicode bidirectional controls, line separators).
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Text on one line without control characters, for formats whose library escapes the rest.
pub(super) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || is_invisible(c) { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn markdown(text: &str) -> String {
        let mut out = String::new();
        Markdown.write_escaped_str(&mut out, text).unwrap();
        out
    }

    #[test]
    fn markup_becomes_text() {
        assert_eq!(markdown("a|b`c`*d*\n# e"), r"a\|b\`c\`\*d\* \# e");
        assert_eq!(markdown("<script>&"), "&lt;script&gt;&amp;");
        assert_eq!(markdown("see https://evil.example"), r"see https\://evil.example");
        assert_eq!(markdown("- 12:30"), r"\- 12:30");
        assert_eq!(markdown("www.evil.example, (WwW.evil.example)"), r"www\.evil.example, (WwW\.evil.example)");
        assert_eq!(markdown("ww.example 再w.example"), "ww.example 再w.example");
        assert_eq!(markdown("risk_profile _not emphasis_ __"), r"risk_profile \_not emphasis\_ \_\_");
    }

    #[test]
    fn a_shell_gets_one_word() {
        let shell = |text: &str| {
            let mut out = String::new();
            Shell.write_escaped_str(&mut out, text).unwrap();
            out
        };
        assert_eq!(shell("arn:aws:iam::1:role/a-1_b@c+d.e"), "arn:aws:iam::1:role/a-1_b@c+d.e");
        assert_eq!(shell("team prod"), "'team prod'");
        assert_eq!(shell("a-1; rm -rf $(x)"), "'a-1; rm -rf $(x)'");
        assert_eq!(shell("a-1; rm -rf $(x)\n```"), r"$'a-1; rm -rf $(x)\x0a```'");
        assert_eq!(shell("x'; y"), r"'x'\''; y'");
        assert_eq!(shell("x'; \\\u{202e}"), r"$'x\'; \\\xe2\x80\xae'");
        assert_eq!(shell(""), "''");
        assert_eq!(shell_word(OsStr::from_bytes(b"\xff")), r"$'\xff'");
    }

    #[test]
    fn a_label_stays_one_quoted_string() {
        let mut out = String::new();
        OpenMetrics.write_escaped_str(&mut out, "a\"} 1\n# EOF\\").unwrap();
        assert_eq!(out, r#"a\"} 1 # EOF\\"#);
    }

    #[test]
    fn mermaid_keeps_no_syntax() {
        let mut out = String::new();
        Mermaid.write_escaped_str(&mut out, "a:b;c#d```\nsection (e)").unwrap();
        assert_eq!(out, "a b c d    section (e)");
    }
}
