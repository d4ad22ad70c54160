//! A Rust file as tidy sees it: its lines without comments and strings, its strings, and where its tests begin.

/// All that the rules look at.
#[derive(Default)]
pub(crate) struct Tree {
    /// Every Rust file.
    pub(crate) sources: Vec<Source>,
    /// Every crate's manifest: its path and its text.
    pub(crate) manifests: Vec<(String, String)>,
    /// ARCHITECTURE.md.
    pub(crate) architecture: String,
}

/// A file of the tree.
pub(crate) struct Source {
    /// From the root of the repository, with forward slashes.
    pub(crate) path: String,
    /// As it stands.
    pub(crate) lines: Vec<String>,
    /// The same lines; comments gone, strings emptied.
    pub(crate) code: Vec<String>,
    /// Each string and the line (from 0) on which it opens.
    pub(crate) strings: Vec<(usize, String)>,
    /// Code from this line on is a test.
    pub(crate) tests_from: usize,
}

impl Source {
    /// Reads a file's text.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let (code, strings) = strip(text);
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let is_test = path.split('/').any(|part| matches!(part, "tests" | "benches" | "fuzz" | "tests.rs"));
        let module = (0..code.len()).find(|&at| {
            code[at].trim() == "#[cfg(test)]"
                && code[at + 1..]
                    .iter()
                    .map(|line| line.trim())
                    .find(|line| !line.starts_with("#["))
                    .is_some_and(is_module)
        });
        let tests_from = if is_test { 0 } else { module.unwrap_or(code.len()) };
        Self { path: path.to_owned(), lines, code, strings, tests_from }
    }

    /// Lines of code that are no tests, with their number from 0.
    pub(crate) fn own_code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code[..self.tests_from].iter().map(String::as_str).enumerate()
    }

    /// The path below `src`, without its extension: `a/b` for `crates/x/src/a/b.rs`; `a` for `src/a/mod.rs`.
    pub(crate) fn module_path(&self) -> Option<Vec<&str>> {
        let (_, below) = self.path.split_once("/src/")?;
        let mut parts: Vec<&str> = below.strip_suffix(".rs")?.split('/').collect();
        if parts.last() == Some(&"mod") {
            parts.pop();
        }
        Some(parts)
    }
}

fn is_module(line: &str) -> bool {
    line.starts_with("mod ") || line.starts_with("pub mod ") || line.starts_with("pub(crate) mod ")
}

/// Whether `word` stands in `line` by itself; gives where it ends.
pub(crate) fn word_at(line: &str, word: &str) -> Option<usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let apart = |at: usize| {
        let end = at + word.len();
        let free = !line[..at].chars().next_back().is_some_and(is_word)
            && !line[end..].chars().next().is_some_and(is_word);
        free.then_some(end)
    };
    line.match_indices(word).find_map(|(at, _)| apart(at))
}

/// The text line by line without comments and with empty strings; and the strings.
fn strip(text: &str) -> (Vec<String>, Vec<(usize, String)>) {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut strings) = (String::with_capacity(text.len()), Vec::new());
    let mut at = 0;
    while at < chars.len() {
        let rest = &chars[at..];
        let before_is_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
        at += match rest {
            ['/', '/', ..] => rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
            ['/', '*', ..] => keep_lines(rest, block_comment(rest), &mut code),
            ['"', ..] => string(rest, 1, "\"", true, &mut code, &mut strings),
            ['r', '"' | '#', ..] if !before_is_word => raw_string(rest, 1, &mut code, &mut strings),
            ['b', 'r', '"' | '#', ..] if !before_is_word => raw_string(rest, 2, &mut code, &mut strings),
            ['\'', '\\', _, ..] => {
                code.push_str("' '");
                3 + rest[3..].iter().position(|c| *c == '\'').map_or(0, |end| end + 1)
            }
            ['\'', _, '\'', ..] => {
                code.push_str("' '");
                3
            }
            _ => {
                code.push(rest[0]);
                1
            }
        };
    }
    (code.lines().map(str::to_owned).collect(), strings)
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn keep_lines(rest: &[char], len: usize, code: &mut String) -> usize {
    code.extend(rest[..len].iter().filter(|c| **c == '\n'));
    len
}

fn raw_string(rest: &[char], prefix: usize, code: &mut String, strings: &mut Vec<(usize, String)>) -> usize {
    let hashes = rest[prefix..].iter().take_while(|c| **c == '#').count();
    if rest.get(prefix + hashes) != Some(&'"') {
        code.push(rest[0]);
        return 1; // a raw identifier
    }
    string(rest, prefix + hashes + 1, &format!("\"{}", "#".repeat(hashes)), false, code, strings)
}

fn string(
    rest: &[char],
    start: usize,
    close: &str,
    escapes: bool,
    code: &mut String,
    strings: &mut Vec<(usize, String)>,
) -> usize {
    let line = code.matches('\n').count();
    let close: Vec<char> = close.chars().collect();
    let mut at = start;
    while at < rest.len() && !rest[at..].starts_with(&close) {
        at += if escapes && rest[at] == '\\' { 2 } else { 1 };
    }
    let end = at.min(rest.len());
    strings.push((line, rest[start..end].iter().collect()));
    code.push('"');
    keep_lines(&rest[start..], end - start, code);
    code.push('"');
    (end + close.len()).min(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_no_code() {
        let text = "let a = \"x // y\"; // z\n/* { /* } */ */ let b = r#\"q\"w\"#;\nlet c: &'a u8 = '{'; let d = '\\''; let e = \"l1\n\\\"l2\";\nend";
        let source = Source::new("crates/x/src/a.rs", text);
        assert_eq!(source.code[0], "let a = \"\"; ");
        assert_eq!(source.code[1], " let b = \"\";");
        assert_eq!(source.code[2], "let c: &'a u8 = ' '; let d = ' '; let e = \"");
        assert_eq!(source.code[4], "end");
        assert_eq!(source.strings[1], (1, "q\"w".to_owned()));
    }

    #[test]
    fn tests_begin_at_their_module() {
        let text = "#[cfg(test)]\nuse a::b;\nfn f() {}\n#[cfg(test)]\n#[allow(x)]\nmod tests {\n}\n";
        assert_eq!(Source::new("crates/x/src/a.rs", text).tests_from, 3);
        assert_eq!(Source::new("crates/x/tests/a.rs", text).tests_from, 0);
    }
}
