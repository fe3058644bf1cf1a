//! What a user reads is written in the field's words and in plain sentences: a short list of words that are neither.

use std::path::{Path, PathBuf};

/// What is not written, with what an SRE would say.
const BANNED: [(&str, &str); 8] = [
    ("nobody", "no one, no user, or a passive sentence"),
    ("whoever", "anyone who, the one that"),
    ("told", "reported, printed"),
    ("front door", "endpoint, or load balancer"),
    ("front doors", "endpoints, or load balancers"),
    ("kept by hand", "manual sync"),
    ("otherwise than", "in another way than"),
    ("foretold", "predicted"),
];

fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, ending, found);
        } else if path.to_str().unwrap().ends_with(ending) {
            found.push(path);
        }
    }
}

/// The banned words of a text, each with its line.
fn banned(text: &str) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.to_lowercase();
        for (word, _) in BANNED {
            let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
            let alone = |(at, _): &(usize, &str)| {
                !line[..*at].ends_with(part_of_name)
                    && !line[..*at].ends_with('{')
                    && !line[at + word.len()..].starts_with(part_of_name)
            };
            found.extend(line.match_indices(word).filter(alone).map(|_| (number + 1, word)));
        }
    }
    found
}

/// The string literals of a Rust file, each on its own lines, with everything else blank: comments, code, characters, and tests.
fn literals(source: &str) -> String {
    let source = source.split("#[cfg(test)]\nmod tests").next().unwrap();
    let characters: Vec<char> = source.chars().collect();
    let (mut shown, mut at) = (String::new(), 0);
    let is = |at: usize, text: &str| text.chars().enumerate().all(|(n, c)| characters.get(at + n) == Some(&c));
    let blank = |c: char, shown: &mut String| shown.push(if c == '\n' { '\n' } else { ' ' });
    while at < characters.len() {
        let before = at.checked_sub(1).map_or(' ', |at| characters[at]);
        if is(at, "//") {
            while at < characters.len() && characters[at] != '\n' {
                at += 1;
            }
        } else if characters[at] == 'r' && !before.is_alphanumeric() && (is(at, "r\"") || is(at, "r#\"")) {
            let end = if is(at, "r\"") { "\"" } else { "\"#" };
            at += end.len() + 1;
            while at < characters.len() && !is(at, end) {
                shown.push(characters[at]);
                at += 1;
            }
            at += end.len();
        } else if characters[at] == '\'' && (is(at + 2, "'") || is(at + 1, "\\")) {
            // A character, and no lifetime.
            at += if is(at + 1, "\\") { 2 } else { 1 };
            while at < characters.len() && characters[at] != '\'' {
                at += 1;
            }
            at += 1;
        } else if characters[at] == '"' {
            at += 1;
            shown.push(' ');
            while at < characters.len() && characters[at] != '"' {
                if characters[at] == '\\' {
                    shown.push(' ');
                    at += 1;
                    blank(characters[at], &mut shown);
                } else {
                    shown.push(characters[at]);
                }
                at += 1;
            }
            shown.push(' ');
            at += 1;
        } else {
            blank(characters[at], &mut shown);
            at += 1;
        }
    }
    shown
}

#[test]
fn literals_are_what_a_program_can_print() {
    let source = "let told = 'a'; // nobody\nfoo(\"whoever \\\"told\\\" {told}\", '\"', r#\"nobody\"#);\n'\\'' \"told\"\n#[cfg(test)]\nmod tests { \"nobody\" }";
    let found: Vec<(usize, &str)> = banned(&literals(source));
    assert_eq!(found, [(2, "nobody"), (2, "whoever"), (2, "told"), (3, "told")]);
    assert!(banned("untold `front_door.name` told_of {told}").is_empty());
}

#[test]
fn what_a_user_reads_has_none_of_the_banned_words() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut texts, mut sources) = (vec![root.join("README.md"), root.join("CONTRIBUTING.md")], Vec::new());
    files(&root.join("docs"), ".md", &mut texts);
    for templates in ["templates", "crates/core/templates", "crates/lab/templates"] {
        for ending in [".md", ".html", ".svg", ".openmetrics", ".mermaid"] {
            files(&root.join(templates), ending, &mut texts);
        }
    }
    for folder in ["src", "crates/core/src", "crates/protocols/src", "crates/lab/src"] {
        files(&root.join(folder), ".rs", &mut sources);
    }
    assert!(texts.len() > 150 && sources.len() > 400, "the texts were not found");
    let mut wrong = Vec::new();
    let mut judge = |path: &Path, text: &str| {
        for (line, word) in banned(text) {
            let better = BANNED.iter().find(|(banned, _)| *banned == word).unwrap().1;
            let path = path.strip_prefix(root).unwrap().display();
            wrong.push(format!("{path}:{line}: \"{word}\"; better: {better}"));
        }
    };
    for path in texts {
        judge(&path, &std::fs::read_to_string(&path).unwrap());
    }
    for path in sources.iter().filter(|path| !path.ends_with("tests.rs")) {
        judge(path, &literals(&std::fs::read_to_string(path).unwrap()));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
