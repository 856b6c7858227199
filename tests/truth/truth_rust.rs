//! What syn says the files on stdin use: PATH, KIND, SPEC, NAME by tabs; "PATH !" for a file that it
//! cannot parse.  What a macro is called with is only words to it: `use`, `mod` and paths of the crate
//! are looked for among these words.
use std::io::BufRead;
use syn::visit::{self, Visit};

struct Found {
    rows: Vec<(u8, String, String)>,
}

fn name(ident: &proc_macro2::Ident) -> String {
    ident.to_string()
}

impl Found {
    fn tree(&mut self, prefix: &str, tree: &syn::UseTree) {
        let join = |word: &str| if prefix.is_empty() { word.to_string() } else { format!("{prefix}::{word}") };
        let mut leaf = |ident: &proc_macro2::Ident| {
            let word = name(ident);
            let nested = !prefix.is_empty() && prefix != "::";
            self.rows.push((1, if word == "self" && nested { prefix.to_string() } else { join(&word) }, String::new()));
        };
        match tree {
            syn::UseTree::Path(p) => self.tree(&join(&name(&p.ident)), &p.tree),
            syn::UseTree::Name(n) => leaf(&n.ident),
            syn::UseTree::Rename(r) => leaf(&r.ident),
            syn::UseTree::Glob(_) => self.rows.push((2, prefix.to_string(), "*".into())),
            syn::UseTree::Group(g) => {
                for item in &g.items {
                    self.tree(prefix, item)
                }
            }
        }
    }
}

impl Found {
    fn words(&mut self, words: proc_macro2::TokenStream) {
        use proc_macro2::TokenTree::*;
        let list: Vec<proc_macro2::TokenTree> = words.into_iter().collect();
        let text = |i: usize| list.get(i).map(|t| t.to_string()).unwrap_or_default();
        let mut i = 0;
        while i < list.len() {
            if let Group(group) = &list[i] {
                self.words(group.stream());
            }
            let word = text(i);
            if ["use", "mod", "extern"].contains(&word.as_str()) {
                let end = (i..list.len()).find(|&k| text(k) == ";").unwrap_or(i);
                let tokens: proc_macro2::TokenStream = list[i..=end].iter().cloned().collect();
                if let Ok(item) = syn::parse2::<syn::Item>(tokens) {
                    self.visit_item(&item);
                    i = end;
                }
            } else if ["crate", "self", "super"].contains(&word.as_str()) {
                let mut path = word;
                while text(i + 1) == ":" && text(i + 2) == ":" && matches!(list.get(i + 3), Some(Ident(_))) {
                    path = format!("{path}::{}", text(i + 3));
                    i += 3;
                }
                if path.contains("::") {
                    self.rows.push((1, path, String::new()))
                }
            }
            i += 1;
        }
    }
}

impl<'a> Visit<'a> for Found {
    fn visit_macro(&mut self, call: &'a syn::Macro) {
        self.words(call.tokens.clone());
        visit::visit_macro(self, call)
    }
    fn visit_item_use(&mut self, item: &'a syn::ItemUse) {
        let mut inner = Found { rows: vec![] };
        inner.tree("", &item.tree);
        for (kind, spec, name) in inner.rows {
            let spec = if item.leading_colon.is_some() { format!("::{spec}") } else { spec };
            self.rows.push((kind, spec, name))
        }
    }
    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        if item.content.is_none() {
            let mut path = String::new();
            for attr in &item.attrs {
                if let Ok(syn::Meta::NameValue(pair)) = attr.parse_meta() {
                    if let (true, syn::Lit::Str(text)) = (pair.path.is_ident("path"), &pair.lit) {
                        path = text.value()
                    }
                }
            }
            self.rows.push((5, name(&item.ident), path))
        }
        visit::visit_item_mod(self, item)
    }
    fn visit_item_extern_crate(&mut self, item: &'a syn::ItemExternCrate) {
        self.rows.push((1, name(&item.ident), String::new()))
    }
    fn visit_path(&mut self, path: &'a syn::Path) {
        let words: Vec<String> = path.segments.iter().map(|s| name(&s.ident)).collect();
        if words.len() > 1 && ["crate", "self", "super"].contains(&words[0].as_str()) {
            self.rows.push((1, words.join("::"), String::new()))
        }
        visit::visit_path(self, path)
    }
}

fn main() {
    for path in std::io::stdin().lock().lines().flatten() {
        let text = std::fs::read_to_string(&path).unwrap_or_else(|_| "(".into());
        match syn::parse_file(&text) {
            Err(_) => println!("{path}\t!"),
            Ok(file) => {
                let mut found = Found { rows: vec![] };
                found.visit_file(&file);
                for (kind, spec, name) in found.rows {
                    println!("{path}\t{kind}\t{spec}\t{name}")
                }
            }
        }
    }
}
