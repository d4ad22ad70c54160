//! `tidy`: reads the tree, holds every rule against it, prints the breaches as `path:line: rule: what to do`.

use crate::rules::{self, Breach};
use crate::source::{Source, Tree};
use anyhow::Context;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

/// Where Rust files lie.
const FOLDERS: [&str; 5] = ["crates", "xtask", "tests", "benches", "fuzz"];

/// Checks the tree below `root`.
pub(crate) fn run(root: &Path) -> anyhow::Result<ExitCode> {
    let tree = read(root)?;
    anyhow::ensure!(!tree.sources.is_empty(), "no Rust file below {}", root.display());
    let breaches = check(&tree);
    for Breach { path, line, rule, what } in &breaches {
        println!("{path}:{line}: {rule}: {what}");
    }
    println!("tidy: {} files, {} breaches", tree.sources.len(), breaches.len());
    Ok(if breaches.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every breach of every rule, in the order of paths and lines.
pub(crate) fn check(tree: &Tree) -> Vec<Breach> {
    let mut breaches = rules::dependencies(tree);
    breaches.extend(rules::module_order(tree));
    for source in &tree.sources {
        for rule in [
            rules::first_line,
            rules::file_length,
            rules::function_length,
            rules::names,
            rules::sql,
            rules::facade,
        ] {
            breaches.extend(rule(source));
        }
    }
    breaches.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    breaches
}

fn read(root: &Path) -> anyhow::Result<Tree> {
    let architecture = root.join("ARCHITECTURE.md");
    let architecture =
        fs::read_to_string(&architecture).with_context(|| architecture.display().to_string())?;
    let mut tree = Tree { architecture, ..Tree::default() };
    for folder in FOLDERS {
        if root.join(folder).is_dir() {
            walk(&root.join(folder), folder, &mut tree)?;
        }
    }
    Ok(tree)
}

fn walk(folder: &Path, path: &str, tree: &mut Tree) -> anyhow::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{path}/{name}");
        if entry.file_type()?.is_dir() {
            if !matches!(name.as_str(), "target" | "compile_fail") {
                walk(&entry.path(), &path, tree)?;
            }
        } else if name == "Cargo.toml" {
            tree.manifests.push((path, fs::read_to_string(entry.path())?));
        } else if name.ends_with(".rs") {
            tree.sources.push(Source::new(&path, &fs::read_to_string(entry.path())?));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_tree_on_disk_is_told_by_path_and_line() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("ARCHITECTURE.md", "| crate | may use |\n|---|---|\n| deid | |\n");
        write("crates/deid/Cargo.toml", "[lints]\nworkspace = true\n[dependencies]\nhub.workspace = true\n");
        write("crates/hub/Cargo.toml", "[lints]\nworkspace = true\n");
        write("crates/deid/src/lib.rs", "//! Fine.\n\nuse tokio::net;\n");
        write("crates/deid/tests/compile_fail/leak.rs", "fn main() {}\n");
        let told: Vec<String> = check(&read(folder.path()).unwrap())
            .into_iter()
            .map(|breach| format!("{}:{}: {}", breach.path, breach.line, breach.rule))
            .collect();
        let wanted = [
            "crates/deid/Cargo.toml:4: walls",
            "crates/deid/src/lib.rs:3: names",
            "crates/hub/Cargo.toml:1: walls",
        ];
        assert_eq!(told, wanted);
        assert_eq!(run(folder.path()).unwrap(), ExitCode::FAILURE);
    }

    #[test]
    fn this_repository_is_readable() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let tree = read(&root).unwrap();
        assert!(tree.sources.iter().any(|source| source.path == "xtask/src/tidy.rs"));
        assert!(rules::dependencies(&tree).is_empty());
    }
}
