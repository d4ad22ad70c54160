//! Text taken apart: words, their pieces and what stands between them; and written again without what goes.

use super::dates::Found;
use std::ops::Range;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Letters without a change of case in between (`SMITH`, `Mac`), or digits.
pub(super) struct Piece {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) digits: bool,
    /// The word that it belongs to.
    pub(super) word: usize,
    key: Range<usize>,
}

/// What becomes of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Not decided: it stays unless something says otherwise.
    Open,
    /// A date that stays.
    Date,
    /// A date that is written otherwise.
    Moved(String),
    /// It goes.
    Gone,
}

/// Letters and digits without a gap, a number with its decimal point, or a date as a whole.
pub(super) struct Word {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) pieces: Range<usize>,
    pub(super) is_date: bool,
    pub(super) fate: Fate,
}

/// A stretch of text.
pub(super) struct Passage<'t> {
    pub(super) text: &'t str,
    /// Whether there are capitals and small letters: where all are the same, a capital says nothing.
    pub(super) mixed: bool,
    /// Whether Every Word Begins With A Capital.
    pub(super) titled: bool,
    pub(super) pieces: Vec<Piece>,
    pub(super) words: Vec<Word>,
    keys: String,
}

impl<'t> Passage<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let mut passage = Self {
            text,
            mixed: text.contains(char::is_lowercase) && text.contains(char::is_uppercase),
            titled: false,
            pieces: Vec::new(),
            words: Vec::new(),
            keys: String::with_capacity(text.len()),
        };
        let mut run_start = None;
        let mut last = ' ';
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let next = chars.peek().map_or(' ', |(_, next)| *next);
            let point = c == '.' && last.is_ascii_digit() && next.is_ascii_digit();
            if is_word_char(c) || point {
                run_start.get_or_insert(at);
            } else if let Some(start) = run_start.take() {
                passage.add_run(start, at);
            }
            last = c;
        }
        if let Some(start) = run_start {
            passage.add_run(start, text.len());
        }
        let small = |word: &Word| text[word.start..].starts_with(char::is_lowercase);
        passage.titled = passage.mixed && !passage.words.iter().any(small);
        passage
    }

    /// One word of which only its pieces are known so far.
    fn add_run(&mut self, start: usize, end: usize) {
        let first = self.pieces.len();
        let bytes = self.text.as_bytes();
        let mut from = start;
        for at in start + 1..=end {
            if at == end || (self.text.is_char_boundary(at) && is_seam(bytes, from, at, end)) {
                self.add_piece(from, at);
                from = at;
            }
        }
        self.words.push(Word {
            start,
            end,
            pieces: first..self.pieces.len(),
            is_date: false,
            fate: Fate::Open,
        });
    }

    fn add_piece(&mut self, start: usize, end: usize) {
        let text = &self.text[start..end];
        if text == "." {
            return;
        }
        let from = self.keys.len();
        fold(text, false, &mut self.keys);
        let digits = text.as_bytes()[0].is_ascii_digit();
        self.pieces.push(Piece { start, end, digits, word: self.words.len(), key: from..self.keys.len() });
    }

    /// Makes each date one word, which cuts off what is glued to it.
    pub(super) fn mark_dates(&mut self, dates: Vec<Found>) {
        if dates.is_empty() {
            return;
        }
        let mut words: Vec<Word> = Vec::with_capacity(self.words.len());
        let mut dates = dates.into_iter().peekable();
        let old = std::mem::take(&mut self.words);
        let mut at = 0;
        for word in old {
            while at < word.pieces.end {
                match dates.next_if(|date| date.pieces.start == at) {
                    Some(date) => {
                        at = date.pieces.end;
                        let word = self.word_of(date.pieces, date.fate);
                        words.push(Word { is_date: true, ..word });
                    }
                    None => {
                        let until = dates.peek().map_or(word.pieces.end, |date| date.pieces.start);
                        let until = until.min(word.pieces.end);
                        words.push(self.word_of(at..until, Fate::Open));
                        at = until;
                    }
                }
            }
        }
        for (index, word) in words.iter().enumerate() {
            self.pieces[word.pieces.clone()].iter_mut().for_each(|piece| piece.word = index);
        }
        self.words = words;
    }

    fn word_of(&self, pieces: Range<usize>, fate: Fate) -> Word {
        let (start, end) = (self.pieces[pieces.start].start, self.pieces[pieces.end - 1].end);
        Word { start, end, pieces, is_date: false, fate }
    }

    /// The piece as it is compared: in small letters, without accents.
    pub(super) fn key(&self, piece: usize) -> &str {
        self.pieces.get(piece).map_or("", |piece| &self.keys[piece.key.clone()])
    }

    /// The pieces of a word as one, without a decimal point.
    pub(super) fn word_key(&self, word: usize) -> &str {
        let Some(pieces) = self.words.get(word).map(|word| &word.pieces) else { return "" };
        match (self.pieces.get(pieces.start), self.pieces.get(pieces.end.saturating_sub(1))) {
            (Some(first), Some(last)) => &self.keys[first.key.start..last.key.end],
            _ => "",
        }
    }

    pub(super) fn word(&self, word: usize) -> &'t str {
        self.words.get(word).map_or("", |word| &self.text[word.start..word.end])
    }

    /// The pieces as they stand there, with what stands between them.
    pub(super) fn written(&self, pieces: Range<usize>) -> &'t str {
        match (self.pieces.get(pieces.start), self.pieces.get(pieces.end.saturating_sub(1))) {
            (Some(first), Some(last)) if first.start < last.end => &self.text[first.start..last.end],
            _ => "",
        }
    }

    /// What stands between this piece and the next.
    pub(super) fn gap_after_piece(&self, piece: usize) -> &'t str {
        match (self.pieces.get(piece), self.pieces.get(piece + 1)) {
            (Some(left), Some(right)) => &self.text[left.end..right.start],
            (Some(left), None) => &self.text[left.end..],
            _ => "",
        }
    }

    /// What stands before this word; before the first past the last, what stands at the end.
    pub(super) fn gap_before(&self, word: usize) -> &'t str {
        let from = word.checked_sub(1).and_then(|left| self.words.get(left)).map_or(0, |left| left.end);
        let to = self.words.get(word).map_or(self.text.len(), |right| right.start);
        &self.text[from..to]
    }

    pub(super) fn is_gone(&self, word: usize) -> bool {
        self.words.get(word).is_some_and(|word| word.fate == Fate::Gone)
    }

    pub(super) fn remove(&mut self, words: Range<usize>) {
        if let Some(words) = self.words.get_mut(words) {
            words.iter_mut().for_each(|word| word.fate = Fate::Gone);
        }
    }

    /// Removes the words that these pieces belong to.
    pub(super) fn remove_pieces(&mut self, pieces: Range<usize>) {
        for piece in pieces {
            let word = self.pieces[piece].word;
            self.remove(word..word + 1);
        }
    }

    /// Whether anything was decided.
    pub(super) fn changed(&self) -> bool {
        self.words.iter().any(|word| matches!(word.fate, Fate::Gone | Fate::Moved(_)))
    }

    /// What is left, added to `out`, and how many runs of words went.
    pub(super) fn write(&self, out: &mut String) -> usize {
        let (mut runs, mut index) = (0, 0);
        let started = out.len();
        loop {
            let first_gone = index;
            while self.is_gone(index) {
                index += 1;
            }
            let gap = self.gap_before(index);
            if index > first_gone {
                runs += 1;
                let before = (out.len() > started).then(|| self.gap_before(first_gone));
                mend(out, before, gap, index < self.words.len());
            } else {
                out.push_str(gap);
            }
            let Some(word) = self.words.get(index) else { break };
            match &word.fate {
                Fate::Moved(text) => out.push_str(text),
                _ => out.push_str(&self.text[word.start..word.end]),
            }
            index += 1;
        }
        runs
    }
}

/// Symbols beyond ASCII that stand between words; any other character beyond ASCII is part of one.
const SYMBOLS: &str = "\u{a0}°º²³¹×±÷–—‘’“”•…½¼¾·→←↑↓≤≥≈®™©§\u{2002}\u{2003}\u{2009}\u{202f}\u{3000}";

pub(super) fn is_word_char(c: char) -> bool {
    if c.is_ascii() {
        // A control character is part of a word, so that it goes with it.
        c.is_ascii_alphanumeric() || (c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r' | '\x0c'))
    } else {
        !SYMBOLS.contains(c)
    }
}

/// Whether a piece that began at `from` ends before `at`: digits and letters meet, or a capital begins a new word.
fn is_seam(bytes: &[u8], from: usize, at: usize, end: usize) -> bool {
    let (last, next) = (bytes[at - 1], bytes[at]);
    let point = last == b'.' || next == b'.';
    let number = last.is_ascii_digit() != next.is_ascii_digit();
    let small_then_capital = last.is_ascii_lowercase() && next.is_ascii_uppercase();
    let last_capital = at > from
        && last.is_ascii_uppercase()
        && next.is_ascii_uppercase()
        && bytes[at + 1..end].first().is_some_and(u8::is_ascii_lowercase);
    point || number || small_then_capital || last_capital
}

/// Adds the text in small letters and without accents; `expanded` as languages write it that have no accents: `oe` for `ö`.
pub(super) fn fold(text: &str, expanded: bool, into: &mut String) {
    if text.is_ascii() {
        into.extend(text.bytes().map(|byte| char::from(byte.to_ascii_lowercase())));
        return;
    }
    for c in text.nfc().flat_map(char::to_lowercase) {
        match c {
            'ä' | 'ö' | 'ü' if expanded => into.extend([c.nfd().next().unwrap_or(c), 'e']),
            'ø' if expanded => into.push_str("oe"),
            'å' if expanded => into.push_str("aa"),
            'ß' => into.push_str("ss"),
            'æ' => into.push_str("ae"),
            'œ' => into.push_str("oe"),
            'þ' => into.push_str("th"),
            'ø' => into.push('o'),
            'ł' => into.push('l'),
            'đ' | 'ð' => into.push('d'),
            'ı' => into.push('i'),
            // Soft hyphens and what has no width are written inside words to no effect.
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => {}
            other => {
                let plain = other.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase);
                into.extend(plain);
            }
        }
    }
}

/// What is written in place of words that went: what stood on their left (none at the start) and right, made one.
fn mend(out: &mut String, left: Option<&str>, right: &str, more: bool) {
    let is_line_end = |c| matches!(c, '\n' | '\r');
    let Some(left) = left else {
        // Nothing is left before: only what belongs to the next word.
        let tail = right.rfind(char::is_whitespace).map_or("", |at| &right[at..]);
        out.extend(tail.chars().filter(|c| more && "([{<>+~±".contains(*c)));
        return;
    };
    let closers = |gap: &'_ str| gap.find(|c| !")]}%.;!?°²³".contains(c)).unwrap_or(gap.len());
    if let Some(at) = right.find(is_line_end) {
        out.push_str(&left[..closers(left)]);
        out.push_str(&right[at..]);
    } else if let Some(at) = left.rfind(is_line_end) {
        out.push_str(&left[..=at]);
    } else if more {
        out.push_str(joint(left, right));
    } else {
        out.push_str(&left[..closers(left)]);
        if right.trim_end().ends_with('.') && !out.ends_with('.') {
            out.push('.');
        }
    }
}

/// One of the two gaps: the one that parts more, and no half of a pair of brackets.
fn joint<'t>(left: &'t str, right: &'t str) -> &'t str {
    let opens = |gap: &str| gap.contains(['(', '[', '{']);
    let closes = |gap: &str| gap.contains([')', ']', '}']);
    let (opened, closed) = (opens(left) && !closes(left), closes(right) && !opens(right));
    if opened && closed {
        let right = right.trim_start_matches([')', ']', '}']);
        return if right.starts_with(char::is_whitespace) || right.starts_with([',', ';']) {
            right
        } else {
            " "
        };
    }
    if opened || (closes(left) && !closed) {
        return left;
    }
    if closed || opens(right) {
        return right;
    }
    let rank = |gap: &str| {
        if gap.contains(['.', ';', '!', '?']) {
            5
        } else if gap.contains(':') {
            4
        } else if gap.contains(',') {
            3
        } else if gap.contains(char::is_whitespace) {
            2
        } else {
            u8::from(matches!(gap, "_" | "-" | "/" | "+" | "&" | "|" | "^" | "="))
        }
    };
    let stronger = if rank(right) > rank(left) { right } else { left };
    match (rank(stronger), stronger) {
        (0, _) => " ",
        // Between two numbers a point alone would make them one.
        (_, ".") => ". ",
        _ => stronger,
    }
}
