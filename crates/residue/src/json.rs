//! The strings and numbers of a JSON text (RFC 8259), unescaped, with the byte where each stands.

/// A string or a number.
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) at: usize,
    /// Whether its key, or a key around it, names a birth.
    pub(crate) of_birth: bool,
}

/// How deep arrays and objects may nest.
const DEPTH_MAX: usize = 128;

/// Calls `found` for each string (keys too) and number; `Err` holds the byte where the text is not JSON.
pub(crate) fn walk(bytes: &[u8], mut found: impl FnMut(Token)) -> Result<(), usize> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.valid_up_to())?;
    let mut open: Vec<(u8, bool)> = Vec::new();
    let (mut at, mut of_birth, mut tokens) = (0, false, 0_usize);
    while let Some(&byte) = bytes.get(at) {
        let around = open.last().is_some_and(|(_, of_birth)| *of_birth);
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' | b':' => at += 1,
            b',' => {
                if open.last().is_some_and(|(kind, _)| *kind == b'{') {
                    of_birth = around;
                }
                at += 1;
            }
            b'{' | b'[' => {
                if open.len() == DEPTH_MAX {
                    return Err(at);
                }
                open.push((byte, of_birth));
                at += 1;
            }
            b'}' | b']' => {
                let wanted = if byte == b'}' { b'{' } else { b'[' };
                let (kind, _) = open.pop().ok_or(at)?;
                if kind != wanted {
                    return Err(at);
                }
                of_birth = open.last().is_some_and(|(_, of_birth)| *of_birth);
                at += 1;
            }
            b'"' => {
                let (string, end) = string(text, at)?;
                let next = bytes[end..].iter().find(|byte| !byte.is_ascii_whitespace());
                if next == Some(&b':') {
                    let key = string.to_lowercase();
                    of_birth = around
                        || ["birth", "dob", "00100030", "0010,0030"].iter().any(|word| key.contains(word));
                }
                found(Token { text: string, at, of_birth });
                at = end;
            }
            b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {
                let len = bytes[at..]
                    .iter()
                    .take_while(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b))
                    .count();
                found(Token { text: text[at..at + len].to_owned(), at, of_birth });
                at += len;
            }
            _ => return Err(at),
        }
        tokens += 1;
    }
    if open.is_empty() && tokens > 0 { Ok(()) } else { Err(at) }
}

/// The string that opens at `start`, and where it ends.
fn string(text: &str, start: usize) -> Result<(String, usize), usize> {
    let mut out = String::new();
    let mut units: Vec<u16> = Vec::new();
    let mut chars = text[start + 1..].char_indices();
    while let Some((offset, c)) = chars.next() {
        let at = start + 1 + offset;
        if c == '\\' && text[at..].starts_with("\\u") {
            let hex = text.get(at + 2..at + 6).ok_or(at)?;
            units.push(u16::from_str_radix(hex, 16).map_err(|_| at)?);
            chars.nth(4);
            continue;
        }
        out.extend(char::decode_utf16(units.drain(..)).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)));
        match c {
            '"' => return Ok((out, at + 1)),
            '\\' => match chars.next().map(|(_, escaped)| escaped) {
                Some(c @ ('"' | '\\' | '/')) => out.push(c),
                Some('b' | 'f') => out.push(' '),
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('t') => out.push('\t'),
                _ => return Err(at),
            },
            c if u32::from(c) < 0x20 => return Err(at),
            c => out.push(c),
        }
    }
    Err(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(json: &str) -> Result<Vec<(String, bool)>, usize> {
        let mut out = Vec::new();
        walk(json.as_bytes(), |token| out.push((token.text, token.of_birth))).map(|()| out)
    }

    #[test]
    fn keys_strings_and_numbers_are_told() {
        let told =
            texts(r#"{"a": ["\u0041\ud83d\ude00\n", 12.5e3], "DateOfBirth": {"x": "1950"}, "b": null}"#)
                .unwrap();
        let told: Vec<_> = told.iter().map(|(text, birth)| (text.as_str(), *birth)).collect();
        assert_eq!(
            told,
            [
                ("a", false),
                ("A😀\n", false),
                ("12.5e3", false),
                ("DateOfBirth", true),
                ("x", true),
                ("1950", true),
                ("b", false),
                ("null", false)
            ]
        );
    }

    #[test]
    fn what_is_not_json_is_refused_where_it_breaks() {
        for bad in ["", "{", "[}", "\"a", "{\"a\": \"\\x\"}", "hello", "\"\\u12\"", "]"] {
            assert!(texts(bad).is_err(), "{bad}");
        }
        assert!(texts(&"[".repeat(1000)).is_err());
    }
}
