//! An arrow between modules never points up.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Who may know whom.
const MAY_KNOW: &[(&str, &str)] = &[
    ("cli", "cloud dns engine env faults files lab measure model net observe preflight report scenario users"),
    ("engine", "preflight faults users observe scenario env cloud model"),
    ("preflight", "cloud scenario env model faults users observe tokens dns net"),
    ("faults", "cloud scenario env model"),
    ("users", "tokens srp dns cloud scenario env model net"),
    ("observe", "dns cloud env model net"),
    ("tokens", "model"),
    ("srp", "model"),
    ("dns", "model net"),
    ("cloud", "env model net"),
    ("files", "model"),
    ("scenario", "model files"),
    ("env", "model files"),
    ("measure", "scenario model"),
    ("report", "measure scenario model"),
    ("lab", "tokens srp env model net"),
    ("net", "model"),
    ("model", ""),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn no_arrow_points_up_and_no_file_is_long() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        MAY_KNOW.iter().map(|(module, known)| (*module, known.split_whitespace().collect())).collect();
    let mut files = Vec::new();
    sources(&root, &mut files);
    let (mut wrong, mut arrows) = (Vec::new(), 0);
    for file in files {
        let relative = file.strip_prefix(&root).unwrap().to_owned();
        let module = relative.components().next().unwrap().as_os_str().to_string_lossy().replace(".rs", "");
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        if code.lines().count() > 600 {
            wrong.push(format!("{} has more than 600 lines", relative.display()));
        }
        let Some(known) = allowed.get(module.as_str()) else { continue };
        if relative.ends_with("tests.rs") {
            continue;
        }
        for (number, line) in code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for part in line.split("crate::").skip(1) {
                let target: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                arrows += 1;
                if allowed.contains_key(target.as_str()) && target != module && !known.contains(target.as_str()) {
                    wrong.push(format!("{}:{}: {module} may not know {target}", relative.display(), number + 1));
                }
            }
        }
    }
    assert!(arrows > 100, "the sources were not read");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
