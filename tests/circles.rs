//! No circle of files across folders: what a file uses never comes back to it by way of another folder. A module and those inside it may know each
//! other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;

use crate::names::Names;

/// A module: its crate and the names that lead to it.
type Module = (String, Vec<String>);

/// The crates of the workspace, by the names that others use.
const CRATES: [(&str, &str); 4] = [
    ("gameday", "src"),
    ("gameday_core", "crates/core/src"),
    ("gameday_protocols", "crates/protocols/src"),
    ("gameday_lab", "crates/lab/src"),
];

/// All files, by module, with the paths under which they are shown.
#[derive(Default)]
struct Sources(BTreeMap<Module, (String, Names)>);

impl Sources {
    fn add(&mut self, of_crate: &str, file: &str, text: &str) {
        let stem = file.trim_end_matches(".rs");
        let stem = if stem == "lib" { "" } else { stem.trim_end_matches("/mod") };
        let names = stem.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        self.0.insert((of_crate.to_owned(), names), (format!("{of_crate}/{file}"), Names::of(text)));
    }

    /// The module that a path leads to from another one; of a name that it hands on, the module that has it.
    fn find(&self, from: &Module, path: &[String], depth: usize) -> Option<&Module> {
        let (first, rest) = path.split_first().filter(|_| depth < 8)?;
        let (_, source) = self.0.get(from)?;
        let inside = || self.0.contains_key(&(from.0.clone(), [&*from.1, std::slice::from_ref(first)].concat()));
        match first.as_str() {
            "crate" => self.descend((from.0.clone(), Vec::new()), rest, depth),
            "self" => self.descend(from.clone(), rest, depth),
            "super" => {
                let (_, parents) = from.1.split_last()?;
                let to = (from.0.clone(), parents.to_vec());
                if rest.first().is_some_and(|next| next == "super") {
                    self.find(&to, rest, depth)
                } else {
                    self.descend(to, rest, depth)
                }
            }
            name if CRATES.iter().any(|(known, _)| *known == name) => {
                self.descend((name.to_owned(), Vec::new()), rest, depth)
            }
            name => match source.imports.get(name).filter(|import| *import != path) {
                Some(import) => self.find(from, &[import, rest].concat(), depth + 1),
                None if inside() => self.descend(from.clone(), path, depth),
                None => None,
            },
        }
    }

    fn descend(&self, mut at: Module, path: &[String], depth: usize) -> Option<&Module> {
        for (index, name) in path.iter().enumerate() {
            let inner = (at.0.clone(), [&*at.1, std::slice::from_ref(name)].concat());
            if self.0.contains_key(&inner) {
                at = inner;
                continue;
            }
            let (_, source) = self.0.get(&at)?;
            if let Some(import) = source.imports.get(name).filter(|_| !source.defines.contains(name)) {
                return self.find(&at, &[import, &path[index + 1..]].concat(), depth + 1);
            }
            break;
        }
        self.0.get_key_value(&at).map(|(module, _)| module)
    }

    /// Circles of files that are not all in one folder.
    fn circles(&self) -> Vec<Vec<&str>> {
        let mut graph = DiGraphMap::<&Module, ()>::new();
        for (module, (_, source)) in &self.0 {
            for path in &source.paths {
                let related = |other: &Module| {
                    other.0 == module.0 && (other.1.starts_with(&module.1) || module.1.starts_with(&other.1))
                };
                if let Some(other) = self.find(module, path, 0).filter(|other| !related(other)) {
                    graph.add_edge(module, other, ());
                }
            }
        }
        assert!(self.0.len() < 10 || graph.edge_count() > 1000, "the sources were not read");
        let file = |module: &&Module| self.0[*module].0.as_str();
        let circles = tarjan_scc(&graph).into_iter().map(|circle| circle.iter().map(file).collect::<Vec<_>>());
        let folder = |file: &str| Path::new(file).parent().map(Path::to_owned);
        circles.filter(|circle| circle.iter().map(|file| folder(file)).collect::<BTreeSet<_>>().len() > 1).collect()
    }
}

#[test]
fn no_circle_of_files_goes_through_two_folders() {
    let mut all = Sources::default();
    for (name, folder) in CRATES {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let file = path.strip_prefix(&root).unwrap().to_str().unwrap();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|ending| ending == "rs")
                    && !file.contains("tests")
                    && file != "main.rs"
                {
                    all.add(name, file, &fs::read_to_string(&path).unwrap());
                }
            }
        }
    }
    assert_eq!(all.circles(), Vec::<Vec<&str>>::new());
}

#[test]
fn a_circle_through_two_folders_is_found() {
    let circles = |files: &[(&str, &str)]| {
        let mut all = Sources::default();
        let modules = [("lib.rs", ""), ("a/mod.rs", ""), ("c/mod.rs", "")];
        for (file, text) in modules.iter().chain(files) {
            all.add("gameday", file, text);
        }
        all.circles()
            .into_iter()
            .map(|circle| circle.into_iter().map(str::to_owned).collect::<BTreeSet<_>>())
            .collect::<Vec<_>>()
    };
    let both = [BTreeSet::from(["gameday/a/b.rs".to_owned(), "gameday/c/d.rs".to_owned()])];
    let there = "use crate::c::d::D; pub struct B;";
    assert_eq!(circles(&[("a/b.rs", there), ("c/d.rs", "use crate::{a::b::B, e}; pub struct D;")]), both);
    assert_eq!(circles(&[("a/b.rs", there), ("c/d.rs", "fn f() { super::super::a::b::g() }")]), both);
    // By a name that another module hands on.
    let handed_on = [
        ("a/mod.rs", "mod b; pub use b::B;"),
        ("a/b.rs", there),
        ("c/d.rs", "use crate::a::B as Other; pub struct D(Other);"),
    ];
    assert_eq!(circles(&handed_on), both);
    // One way, a module and what is in it, and tests.
    assert!(circles(&[("a/b.rs", there), ("c/d.rs", "pub struct D;")]).is_empty());
    assert!(
        circles(&[("c.rs", "mod d; use d::D; pub struct C;"), ("c/d.rs", "use super::C; pub struct D;")]).is_empty()
    );
    assert!(circles(&[("a/b.rs", there), ("c/d.rs", "#[cfg(test)] mod tests { use crate::a::b::B; }")]).is_empty());
}
