//! The house rules that no compiler knows: one function each, given what it looks at, giving the breaches.

use crate::source::{Source, Tree, word_at};
use std::collections::BTreeMap;

/// One place where a rule is broken.
#[derive(Debug)]
pub(crate) struct Breach {
    /// From the root of the repository.
    pub(crate) path: String,
    /// From 1.
    pub(crate) line: usize,
    /// The rule's name.
    pub(crate) rule: &'static str,
    /// What to do about it.
    pub(crate) what: String,
}

/// A file may have this many lines of code before its tests.
const FILE_LINES_MAX: usize = 600;
/// A function may have this many.
const FUNCTION_LINES_MAX: usize = 70;
/// State tables and generated tables say so, and are as long as they must be.
const TABLE_MARK: &str = "// tidy: table";

fn breach(source: &Source, index: usize, rule: &'static str, what: impl Into<String>) -> Breach {
    Breach { path: source.path.clone(), line: index + 1, rule, what: what.into() }
}

/// Each crate uses only the crates of its row in ARCHITECTURE.md; its tests may use `sim` as well.
pub(crate) fn dependencies(tree: &Tree) -> Vec<Breach> {
    let table = table_of_crates(&tree.architecture);
    let name_of = |path: &'_ str| path.rsplit('/').nth(1).unwrap_or_default().to_owned();
    let ours: Vec<String> = tree
        .manifests
        .iter()
        .map(|(path, _)| name_of(path))
        .chain(table.keys().map(ToString::to_string))
        .collect();
    let mut breaches = Vec::new();
    for (path, text) in &tree.manifests {
        let mut tell = |line: usize, what: String| {
            breaches.push(Breach { path: path.clone(), line: line + 1, rule: "walls", what });
        };
        let name = name_of(path);
        let name = name.as_str();
        let Ok(manifest) = text.parse::<toml::Table>() else {
            tell(0, "not TOML".into());
            continue;
        };
        let inherits =
            manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
        if inherits != Some(true) {
            tell(0, "inherit the lints: [lints] workspace = true".into());
        }
        let Some(may_use) = table.get(name) else {
            tell(0, format!("give `{name}` a row in the table `crate | may use` of ARCHITECTURE.md"));
            continue;
        };
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let used = manifest.get(section).and_then(toml::Value::as_table).into_iter().flatten();
            for (key, value) in used {
                let package = value.get("package").and_then(toml::Value::as_str).unwrap_or(key);
                let in_tests = section == "dev-dependencies" && package == "sim";
                if ours.iter().any(|ours| ours == package)
                    && !may_use.contains(&package)
                    && !in_tests
                    && package != name
                {
                    let line = text
                        .lines()
                        .position(|line| line.trim_start().starts_with(key.as_str()))
                        .unwrap_or(0);
                    tell(
                        line,
                        format!("`{name}` may not use `{package}`: ARCHITECTURE.md says what it may use"),
                    );
                }
            }
        }
    }
    breaches
}

/// The markdown table whose columns are `crate` and `may use`.
fn table_of_crates(architecture: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut table = BTreeMap::new();
    let row = |line: &str| line.trim().starts_with('|');
    let mut lines = architecture.lines().skip_while(|line| {
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        !matches!(columns.as_slice(), ["", "crate", "may use", ..])
    });
    lines.next();
    for line in lines.skip(1).take_while(|line| row(line)) {
        let mut columns = line.trim().trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`'));
        let name = columns.next().unwrap_or_default();
        let uses = columns.next().unwrap_or_default();
        table.insert(
            name,
            uses.split(',')
                .map(|cell| cell.trim().trim_matches('`'))
                .filter(|cell| !cell.is_empty())
                .collect(),
        );
    }
    table
}

/// A module uses only what stands above it in the list of its crate; the list is the floor plan.
pub(crate) fn module_order(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for root in &tree.sources {
        let Some(folder) =
            ["lib.rs", "main.rs"].iter().find_map(|name| root.path.strip_suffix(&format!("/src/{name}")))
        else {
            continue;
        };
        let modules: Vec<&str> = root.own_code().filter_map(|(_, line)| declared_module(line)).collect();
        let own_items: Vec<String> = root.own_code().filter_map(|(_, line)| declared_item(line)).collect();
        let below = format!("{folder}/src/");
        for source in tree.sources.iter().filter(|source| source.path.starts_with(&below)) {
            let Some(path) = source.module_path() else { continue };
            let Some(own) = modules.iter().position(|module| path.first() == Some(module)) else { continue };
            breaches.extend(upward_uses(source, &path, &modules, own, &own_items));
        }
    }
    breaches
}

fn declared_module(line: &str) -> Option<&str> {
    let line = line.trim();
    let line = line.strip_prefix("pub(crate) ").or_else(|| line.strip_prefix("pub ")).unwrap_or(line);
    line.strip_prefix("mod ")?.strip_suffix(';')
}

/// What the crate's root declares itself is below every module.
fn declared_item(line: &str) -> Option<String> {
    let words = ["const", "static", "type", "struct", "enum", "trait", "fn", "macro_rules!"];
    let rest = words.iter().find_map(|word| word_at(line, word).map(|end| line[end..].trim_start()))?;
    let public = line.starts_with(|c: char| c.is_alphabetic());
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (public && !name.is_empty()).then_some(name)
}

fn upward_uses(
    source: &Source,
    path: &[&str],
    modules: &[&str],
    own: usize,
    own_items: &[String],
) -> Vec<Breach> {
    const RULE: &str = "order";
    let mut breaches = Vec::new();
    let code: Vec<&str> = source.own_code().map(|(_, line)| line).collect();
    let (mut braces, mut inline): (i64, Vec<i64>) = (0, Vec::new());
    for (index, line) in code.iter().enumerate() {
        for (at, _) in line.match_indices("crate::") {
            if line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
                continue;
            }
            for name in names_after(&code, index, at + "crate::".len()) {
                match modules.iter().position(|module| *module == name) {
                    Some(other) if other <= own => {}
                    Some(_) => breaches.push(breach(
                        source,
                        index,
                        RULE,
                        format!("`{}` stands above `{name}` in the list of modules: turn the use round, or move the module", modules[own]),
                    )),
                    None if own_items.contains(&name) => {}
                    None => breaches.push(breach(source, index, RULE, format!("say which module `{name}` comes from"))),
                }
            }
        }
        let supers = line.matches("super::super::").count() + usize::from(line.contains("super::"));
        if supers >= path.len() + inline.len() {
            breaches.push(breach(source, index, RULE, "`super` is the crate here: say `crate::module`"));
        }
        if line.trim_end().ends_with('{') && word_at(line, "mod").is_some() {
            inline.push(braces);
        }
        braces += net_braces(line);
        if inline.last().is_some_and(|outside| braces <= *outside) {
            inline.pop();
        }
    }
    breaches
}

fn net_braces(line: &str) -> i64 {
    line.chars().map(|c| i64::from(c == '{') - i64::from(c == '}')).sum()
}

/// The first name of each path after `crate::`: one, or those of a group in braces, which may go on over lines.
fn names_after(code: &[&str], index: usize, from: usize) -> Vec<String> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let first = |text: &str| text.trim_start().chars().take_while(|c| is_name(*c)).collect::<String>();
    let rest = &code[index][from..];
    if !rest.starts_with('{') {
        return vec![first(rest)];
    }
    let (mut depth, mut names, mut current) = (0_i32, Vec::new(), String::new());
    for c in std::iter::once(rest)
        .chain(code[index + 1..].iter().copied())
        .flat_map(|line| line.chars().chain(['\n']))
    {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        let ends = depth == 0 || (depth == 1 && c == ',');
        if ends {
            names.extend(Some(first(&current)).filter(|name| !name.is_empty()));
            current.clear();
        } else if !(depth == 1 && c == '{') {
            current.push(c);
        }
        if depth == 0 {
            break;
        }
    }
    names
}

/// Every file says first what it is.
pub(crate) fn first_line(source: &Source) -> Vec<Breach> {
    let said = source.lines.first().is_some_and(|line| line.starts_with("//! ") && line.len() > "//! ".len());
    if said {
        Vec::new()
    } else {
        vec![breach(source, 0, "first line", "open with a line `//!` that says what the file is")]
    }
}

/// Files are short.
pub(crate) fn file_length(source: &Source) -> Vec<Breach> {
    let marked = source.lines.iter().take(20).any(|line| line.trim() == TABLE_MARK);
    let end = if source.tests_from == 0 { source.code.len() } else { source.tests_from };
    let length = source.code[..end].iter().filter(|line| !line.trim().is_empty()).count();
    if marked || length <= FILE_LINES_MAX {
        return Vec::new();
    }
    let what = format!("{length} lines of code, {FILE_LINES_MAX} at most: which two stories does it tell?");
    vec![breach(source, 0, "length", what)]
}

/// So are functions, but for those of tests.
pub(crate) fn function_length(source: &Source) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (index, line) in source.own_code() {
        let Some(name) = word_at(line, "fn").map(|end| line[end..].trim_start()).filter(|name| {
            name.starts_with(|c: char| c.is_alphabetic() || c == '_')
                && line[..line.len() - name.len()].matches('"').count() % 2 == 0
        }) else {
            continue;
        };
        let marked =
            source.lines[index.saturating_sub(3)..index].iter().any(|line| line.trim() == TABLE_MARK);
        let length = body_length(source, index);
        if !marked && length > FUNCTION_LINES_MAX {
            let name: String = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let what =
                format!("`{name}` has {length} lines of code, {FUNCTION_LINES_MAX} at most: name its steps");
            breaches.push(breach(source, index, "length", what));
        }
    }
    breaches
}

/// Lines of code from the signature to the closing brace.
fn body_length(source: &Source, start: usize) -> usize {
    let (mut braces, mut parentheses, mut opened, mut length) = (0_i32, 0_i32, false, 0);
    for line in &source.code[start..source.tests_from] {
        length += usize::from(!line.trim().is_empty());
        for c in line.chars() {
            match c {
                '(' | '[' => parentheses += 1,
                ')' | ']' => parentheses -= 1,
                '{' => (braces, opened) = (braces + 1, true),
                '}' => braces -= 1,
                ';' if !opened && parentheses == 0 => return length,
                _ => {}
            }
            if opened && braces == 0 {
                return length;
            }
        }
    }
    length
}

/// A name, and the only places where it may stand (beginnings of paths); what to do elsewhere.
struct Place {
    names: &'static [&'static str],
    only_in: &'static [&'static str],
    instead: &'static str,
}

const MACHINES: &[&str] = &[
    "crates/platform/",
    "crates/hub/",
    "crates/national/",
    "crates/sim/",
    "crates/tributary/",
    "tests/",
    "xtask/",
];

const PLACES: &[Place] = &[
    Place {
        names: &[
            "tokio",
            "sqlx",
            "rusqlite",
            "object_store",
            "axum",
            "std::fs",
            "std::net",
            "std::path",
            "std::process",
            "std::thread",
        ],
        only_in: MACHINES,
        instead: "this crate is pure: take bytes (`std::io`) and time as arguments",
    },
    Place {
        names: &["SystemTime::now", "Utc::now", "Local::now", "UNIX_EPOCH.elapsed"],
        only_in: &["crates/platform/src/clock.rs", "xtask/"],
        instead: "ask `platform::clock`, or take `now` as an argument",
    },
    Place {
        names: &["Instant::now"],
        only_in: &["crates/platform/src/clock.rs", "crates/sim/", "xtask/"],
        instead: "ask `platform::clock`, or take `now` as an argument",
    },
    Place {
        names: &[
            "dicom_core",
            "dicom_ul",
            "dicom_dictionary_std",
            "dicom_encoding",
            "dicom_object",
            "dicom_parser",
        ],
        only_in: &["crates/dicom/", "crates/deid/src/pixels"],
        instead: "foreign DICOM crates are named only in `dicom`: their errors can carry values",
    },
    Place {
        names: &["Custody::mint"],
        only_in: &["crates/tributary/"],
        instead: "take `&Custody` as an argument: it is minted once, in the binary",
    },
];

/// Some names stand in some places only; tests may use all.
pub(crate) fn names(source: &Source) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for place in PLACES {
        if place.only_in.iter().any(|beginning| source.path.starts_with(beginning)) {
            continue;
        }
        for (index, line) in source.own_code() {
            for name in place.names {
                if word_at(line, name).is_some() || grouped(line, name) {
                    breaches.push(breach(
                        source,
                        index,
                        "names",
                        format!("no `{name}` here: {}", place.instead),
                    ));
                }
            }
        }
    }
    breaches
}

/// `use std::{fs, io}` names `std::fs`.
fn grouped(line: &str, name: &str) -> bool {
    let Some((before, last)) = name.split_once("::") else { return false };
    let group = line.find(&format!("{before}::{{")).map(|at| &line[at..]);
    before == "std" && group.is_some_and(|group| word_at(group, last).is_some())
}

const SQL_PLACES: &[&str] = &[
    "crates/hub/src/linkage",
    "crates/platform/src/db",
    "crates/platform/src/jobs",
    "crates/platform/src/audit",
    "xtask/",
];

const SQL_WORDS: &[&str] = &[
    "SELECT ",
    "INSERT INTO ",
    "INSERT OR ",
    "UPDATE ",
    "DELETE FROM ",
    "CREATE TABLE",
    "CREATE INDEX",
    "CREATE UNIQUE",
    "ALTER TABLE",
    "DROP TABLE",
    "PRAGMA ",
    "WITH RECURSIVE",
];

/// SQL lives in the stores, whose methods are named as acts of the business.
pub(crate) fn sql(source: &Source) -> Vec<Breach> {
    let at_home = source.path.contains("/store/") || source.path.ends_with("/store.rs");
    if at_home || SQL_PLACES.iter().any(|beginning| source.path.starts_with(beginning)) {
        return Vec::new();
    }
    let is_sql = |text: &str| SQL_WORDS.iter().any(|word| text.trim_start().starts_with(word));
    let found = source.strings.iter().filter(|(index, text)| *index < source.tests_from && is_sql(text));
    found
        .map(|(index, _)| breach(source, *index, "sql", "move the statement into a method of the store"))
        .collect()
}

/// A crate has one façade at most.
pub(crate) fn facade(source: &Source) -> Vec<Breach> {
    if !source.path.ends_with("/src/lib.rs") {
        return Vec::new();
    }
    let (mut blocks, mut inside, mut open) = (0_usize, false, false);
    let mut breaches = Vec::new();
    for (index, line) in source.own_code() {
        let line = line.trim();
        if line.is_empty() || line.starts_with("#[") {
            continue;
        }
        if line.starts_with("pub use ") && !inside {
            blocks += 1;
            if blocks > 1 {
                breaches.push(breach(source, index, "façade", "gather every `pub use` in one block"));
            }
        }
        inside = open || line.starts_with("pub use ");
        open = inside && !line.ends_with(';');
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(breaches: Vec<Breach>) -> Vec<(usize, &'static str)> {
        breaches.into_iter().map(|breach| (breach.line, breach.rule)).collect()
    }

    const TABLE: &str = "text\n\n| crate | may use |\n|---|---|\n| deid | dicom, `residue` |\n| dicom | |\n| residue | |\n| hub | deid |\n| sim | |\n\n| other | x |";

    fn manifest(name: &str, text: &str) -> Vec<(usize, &'static str)> {
        let text = format!("[lints]\nworkspace = true\n{text}");
        let manifests = vec![(format!("crates/{name}/Cargo.toml"), text)];
        told(dependencies(&Tree { manifests, architecture: TABLE.into(), ..Tree::default() }))
    }

    #[test]
    fn a_crate_uses_what_its_row_says() {
        assert_eq!(
            manifest(
                "deid",
                "[dependencies]\ndicom.workspace = true\nresidue.workspace = true\nserde = \"1\""
            ),
            []
        );
        assert_eq!(manifest("residue", "[dependencies]\ndicom.workspace = true"), [(4, "walls")]);
        assert_eq!(
            manifest("deid", "[dependencies]\nx = { package = \"hub\", path = \"../hub\" }"),
            [(4, "walls")]
        );
        assert_eq!(manifest("deid", "[dev-dependencies]\nsim.workspace = true"), []);
        assert_eq!(manifest("deid", "[dev-dependencies]\nhub.workspace = true"), [(4, "walls")]);
        assert_eq!(manifest("new", ""), [(1, "walls")]);
    }

    fn order(files: &[(&str, &str)]) -> Vec<(usize, &'static str)> {
        let sources =
            files.iter().map(|(path, text)| Source::new(&format!("crates/x/src/{path}"), text)).collect();
        told(module_order(&Tree { sources, ..Tree::default() }))
    }

    #[test]
    fn a_module_uses_only_what_stands_above_it() {
        let lib = ("lib.rs", "//! X.\nmod a;\npub mod b;\npub use b::B;\n");
        assert_eq!(order(&[lib, ("b.rs", "use crate::a::A;\nuse crate::{a, b::c};\n")]), []);
        assert_eq!(order(&[lib, ("a.rs", "use crate::b::B;\n")]), [(1, "order")]);
        assert_eq!(
            order(&[lib, ("a/deep.rs", "use crate::{\n    a::C,\n    b::{D, E},\n};\n")]),
            [(1, "order")]
        );
        assert_eq!(order(&[lib, ("a.rs", "fn f() { crate::b::g() }\n")]), [(1, "order")]);
        assert_eq!(order(&[lib, ("b.rs", "use crate::B;\n")]), [(1, "order")]);
        assert_eq!(order(&[("lib.rs", "mod b;\npub const B: u8 = 1;\n"), ("b.rs", "use crate::B;\n")]), []);
        assert_eq!(
            order(&[
                lib,
                ("a.rs", "// crate::b\nuse mycrate::b;\n#[cfg(test)]\nmod tests {\n use crate::b;\n}\n")
            ]),
            []
        );
    }

    #[test]
    fn super_is_no_way_round() {
        let lib = ("lib.rs", "//! X.\nmod a;\nmod b;\n");
        assert_eq!(order(&[lib, ("a.rs", "use super::b::B;\n")]), [(1, "order")]);
        assert_eq!(order(&[lib, ("a/c.rs", "use super::d;\nuse super::super::b;\n")]), [(2, "order")]);
        assert_eq!(
            order(&[lib, ("a.rs", "mod sealed {\n    impl S for super::T {}\n}\nuse super::b;\n")]),
            [(4, "order")]
        );
    }

    #[test]
    fn a_file_says_what_it_is() {
        assert_eq!(told(first_line(&Source::new("crates/x/src/a.rs", "use a;\n"))), [(1, "first line")]);
        assert_eq!(told(first_line(&Source::new("crates/x/src/a.rs", "//! \n"))), [(1, "first line")]);
        assert_eq!(told(first_line(&Source::new("crates/x/src/a.rs", "//! A.\n"))), []);
    }

    #[test]
    fn long_files_and_functions_are_told_but_for_tables() {
        let long = |count: usize| "    a();\n".repeat(count);
        let function = |count| format!("//! A.\n\nfn f(a: [u8; 3]) -> u8 {{\n{}}}\n", long(count));
        let check = |text: &str, rule: fn(&Source) -> Vec<Breach>| {
            told(rule(&Source::new("crates/x/src/a.rs", text)))
        };
        assert_eq!(check(&function(68), function_length), []);
        assert_eq!(check(&function(69), function_length), [(3, "length")]);
        assert_eq!(check(&function(69).replace("fn f", "// tidy: table\nfn f"), function_length), []);
        assert_eq!(check(&function(69).replace("    a();\n", "    // why\n\n"), function_length), []);
        assert_eq!(check(&format!("#[cfg(test)]\nmod tests {{\n{}}}\n", function(99)), function_length), []);
        assert_eq!(check(&function(598), file_length), []);
        assert_eq!(check(&function(599), file_length), [(1, "length")]);
        assert_eq!(check(&function(599).replace("//! A.", "//! A.\n// tidy: table"), file_length), []);
        assert_eq!(check(&format!("//! A.\n#[cfg(test)]\nmod tests {{\n{}}}\n", long(700)), file_length), []);
    }

    #[test]
    fn names_stand_in_their_places() {
        let check = |path: &str, text: &str| told(names(&Source::new(path, text)));
        for text in [
            "use tokio::net::TcpStream;",
            "use std::{fs, io};",
            "let now = Utc::now();",
            "use std::net::IpAddr;",
        ] {
            assert_eq!(check("crates/deid/src/a.rs", text), [(1, "names")], "{text}");
        }
        assert_eq!(check("crates/deid/src/a.rs", "// tokio\nlet tokio_like = \"std::fs\";"), []);
        assert_eq!(check("crates/deid/tests/a.rs", "use std::fs;"), []);
        assert_eq!(
            check("crates/hub/src/a.rs", "use tokio::fs;\nlet t = SystemTime::now();"),
            [(2, "names")]
        );
        assert_eq!(check("crates/platform/src/clock.rs", "let t = SystemTime::now();"), []);
        assert_eq!(
            check("crates/hub/src/a.rs", "use dicom_core::Tag;\nCustody::mint();"),
            [(1, "names"), (2, "names")]
        );
        assert_eq!(check("crates/dicom/src/a.rs", "use dicom_core::Tag;"), []);
        assert_eq!(check("crates/tributary/src/main.rs", "Custody::mint();"), []);
    }

    #[test]
    fn sql_stays_in_the_stores() {
        let text = "//! A.\nlet q = \"\n  SELECT a FROM b\";\nlet r = \"UPDATE jobs SET a = 1\";\nlet s = \"Select a file\";";
        let check = |path: &str| told(sql(&Source::new(path, text)));
        assert_eq!(check("crates/hub/src/cohort.rs"), [(2, "sql"), (4, "sql")]);
        assert_eq!(check("crates/hub/src/store/cohort.rs"), []);
        assert_eq!(check("crates/platform/src/db.rs"), []);
        assert_eq!(check("crates/hub/tests/a.rs"), []);
    }

    #[test]
    fn one_facade_is_enough() {
        let check = |text: &str| told(facade(&Source::new("crates/x/src/lib.rs", text)));
        assert_eq!(
            check("//! X.\nmod a;\n\npub use a::{\n    B,\n    C,\n};\npub use a::D;\n\npub use a::E;\n"),
            []
        );
        assert_eq!(check("//! X.\npub use a::A;\nmod b;\npub use b::B;\n"), [(4, "façade")]);
    }
}
