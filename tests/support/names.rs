//! What a Rust file defines, imports and names, by its syntax.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree};

/// What a file says of itself and of others.
#[derive(Debug, Default)]
pub struct Names {
    /// Names that it defines.
    pub defines: BTreeSet<String>,
    /// Names that it imports or hands on, with the paths that they stand for.
    pub imports: BTreeMap<String, Vec<String>>,
    /// Every path that it names.
    pub paths: BTreeSet<Vec<String>>,
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes
        .iter()
        .any(|one| one.path().is_ident("cfg") && one.parse_args::<syn::Ident>().is_ok_and(|of| of == "test"))
}

impl Names {
    /// Of a file; modules of tests are left out.
    pub fn of(text: &str) -> Self {
        let mut names = Self::default();
        names.visit_file(&syn::parse_file(text).unwrap());
        names
    }

    /// The paths in what a macro is given, which has no syntax of its own.
    fn take_tokens(&mut self, tokens: TokenStream) {
        let (mut path, mut colons) = (Vec::new(), 0);
        for token in tokens {
            match token {
                TokenTree::Ident(name) if path.is_empty() || colons == 2 => path.push(name.to_string()),
                TokenTree::Punct(mark) if mark.as_char() == ':' && !path.is_empty() => {
                    colons += 1;
                    continue;
                }
                other => {
                    self.end_of_path(&mut path);
                    match other {
                        TokenTree::Group(group) => self.take_tokens(group.stream()),
                        TokenTree::Ident(name) => path.push(name.to_string()),
                        _ => {}
                    }
                }
            }
            colons = 0;
        }
        self.end_of_path(&mut path);
    }

    fn end_of_path(&mut self, path: &mut Vec<String>) {
        let path = std::mem::take(path);
        if path.len() > 1 {
            self.paths.insert(path);
        }
    }

    fn take(&mut self, tree: &UseTree, mut path: Vec<String>) {
        match tree {
            UseTree::Path(one) => {
                path.push(one.ident.to_string());
                self.take(&one.tree, path);
            }
            UseTree::Group(group) => group.items.iter().for_each(|one| self.take(one, path.clone())),
            UseTree::Glob(_) => drop(self.paths.insert(path)),
            UseTree::Name(_) | UseTree::Rename(_) => {
                let (name, known_as) = match tree {
                    UseTree::Rename(one) => (one.ident.to_string(), one.rename.to_string()),
                    UseTree::Name(one) => (one.ident.to_string(), one.ident.to_string()),
                    _ => unreachable!(),
                };
                let known_as = if name == "self" { path.last().cloned().unwrap_or_default() } else { known_as };
                if name != "self" {
                    path.push(name);
                }
                self.paths.insert(path.clone());
                self.imports.insert(known_as, path);
            }
        }
    }
}

impl Visit<'_> for Names {
    fn visit_item_use(&mut self, item: &ItemUse) {
        self.take(&item.tree, Vec::new());
    }

    fn visit_item_mod(&mut self, item: &ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item(&mut self, item: &Item) {
        let name = match item {
            Item::Struct(one) => Some(&one.ident),
            Item::Enum(one) => Some(&one.ident),
            Item::Trait(one) => Some(&one.ident),
            Item::Type(one) => Some(&one.ident),
            Item::Const(one) => Some(&one.ident),
            Item::Static(one) => Some(&one.ident),
            Item::Fn(one) => Some(&one.sig.ident),
            Item::Macro(one) => one.ident.as_ref(),
            _ => None,
        };
        self.defines.extend(name.map(ToString::to_string));
        visit::visit_item(self, item);
    }

    fn visit_macro(&mut self, called: &syn::Macro) {
        self.take_tokens(called.tokens.clone());
        visit::visit_macro(self, called);
    }

    fn visit_path(&mut self, path: &syn::Path) {
        if path.segments.len() > 1 && path.leading_colon.is_none() {
            self.paths.insert(path.segments.iter().map(|one| one.ident.to_string()).collect());
        }
        visit::visit_path(self, path);
    }
}
