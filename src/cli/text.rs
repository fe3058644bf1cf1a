//! Text for a terminal: wrapped, with everything that is to be copied in one piece.

use textwrap::{Options, WordSeparator, WordSplitter};

/// The width of text, and of a terminal that does not say how wide it is.
pub(super) const WIDTH: u16 = 80;

/// A space within a command: it is never a place to break a line.
const KEPT_SPACE: char = '\u{a0}';

/// What a width is to be replaced by: a terminal with an unknown size (`docker run -t`, `ssh -tt`, `script`) has no columns.
pub(super) fn replaced(terminal: Option<u16>) -> Option<u16> {
    (terminal == Some(0)).then_some(WIDTH)
}

/// Whether the terminal of standard output, or else of standard error, has no columns.
pub(super) fn has_no_columns() -> bool {
    use rustix::termios::tcgetwinsize;
    let sizes = [tcgetwinsize(std::io::stdout()), tcgetwinsize(std::io::stderr())];
    sizes.into_iter().find_map(Result::ok).is_some_and(|size| size.ws_col == 0)
}

/// In lines of [`WIDTH`], each after the first with an indent.
pub(super) fn hanging(text: &str, indent: &str) -> String {
    filled(text, "", indent)
}

/// In lines of [`WIDTH`], each with an indent.
pub(super) fn indented(text: &str, indent: &str) -> String {
    filled(text, indent, indent)
}

/// Words, and commands in backticks, stay whole: a command that is broken over two lines cannot be copied.
fn filled(text: &str, first: &str, indent: &str) -> String {
    let options = Options::new(WIDTH.into())
        .initial_indent(first)
        .subsequent_indent(indent)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .break_words(false);
    let kept: String = text.split('`').enumerate().map(|(number, part)| kept(number, part)).collect();
    textwrap::fill(&kept, options).replace(KEPT_SPACE, " ")
}

/// Every second part between backticks is a command.
fn kept(number: usize, part: &str) -> String {
    match number {
        0 => part.to_owned(),
        _ if number % 2 == 1 => format!("`{}", part.replace(' ', &KEPT_SPACE.to_string())),
        _ => format!("`{part}"),
    }
}

/// Markdown as it is read on a terminal: paragraphs wrapped, the lines of fenced code as they are, without the fences.
pub(super) fn markdown(text: &str, indent: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut fenced = false;
    let mut paragraph: Vec<&str> = Vec::new();
    let flush = |paragraph: &mut Vec<&str>, parts: &mut Vec<String>| {
        if !paragraph.is_empty() {
            parts.push(indented(&paragraph.join(" "), indent));
            paragraph.clear();
        }
    };
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            flush(&mut paragraph, &mut parts);
            fenced = !fenced;
        } else if fenced {
            parts.push(format!("{indent}    {line}").trim_end().to_owned());
        } else if line.trim().is_empty() {
            flush(&mut paragraph, &mut parts);
            parts.push(String::new());
        } else if line.starts_with("- ") || line.starts_with("| ") {
            flush(&mut paragraph, &mut parts);
            paragraph.push(line);
        } else {
            paragraph.push(line);
        }
    }
    flush(&mut paragraph, &mut parts);
    parts.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a17_a_terminal_without_columns_is_taken_for_one_of_80() {
        assert_eq!([Some(0), Some(120), None].map(replaced), [Some(80), None, None]);
    }

    #[test]
    fn a12_a_remedy_is_whole_and_its_commands_can_be_copied() {
        let command =
            "aws cognito-idp describe-user-pool --region us-east-1 --user-pool-id us-east-1_ABCDEFGHI --query UserPool";
        let remedy = format!(
            "Look first, with these words until the line is nearly full, `{command}`, then:\n\n```sh\n{command} \\\n  --output json\n```\n\nWhat follows the code is kept."
        );
        let shown = markdown(&remedy, "  ");
        assert!(shown.lines().any(|line| line.contains(&format!("`{command}`"))), "{shown}");
        assert!(shown.lines().any(|line| line.trim() == format!("{command} \\")), "{shown}");
        assert!(shown.contains("    --output json") && !shown.contains("```"), "{shown}");
        assert!(shown.ends_with("What follows the code is kept."), "{shown}");
        let words = shown.lines().filter(|line| !line.contains("aws "));
        assert!(words.clone().all(|line| line.chars().count() <= 80), "{shown}");
    }
}
