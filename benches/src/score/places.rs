//! Finding the places of the key in an output: items that a tool dropped must not make the others look like their neighbours.

use super::reader::{Element, File, Set, Value};
use dicom::tag::Tag;
use std::collections::HashMap;

/// An input and its output side by side.
pub(super) struct Pair {
    pub(super) before: File,
    pub(super) after: File,
}

/// What stands at a place of the output.
pub(super) enum Found<'a> {
    /// The attribute, or a sequence that it stood in, is not there.
    Absent,
    /// It is there; and the character set of the text around it.
    There(&'a Element, String),
}

/// The steps of a path: a tag, and the item where it goes further down.
fn steps(path: &str) -> Option<Vec<(Tag, Option<usize>)>> {
    path.split('.')
        .map(|step| {
            let (tag, item) = match step.split_once('[') {
                Some((tag, rest)) => (tag, Some(rest.trim_end_matches(']').parse().ok()?)),
                None => (step, None),
            };
            let number = u32::from_str_radix(tag, 16).ok()?;
            Some((Tag(u16::try_from(number >> 16).ok()?, u16::try_from(number & 0xffff).ok()?), item))
        })
        .collect()
}

impl Pair {
    /// What stands in the output where the key's path leads in the input.
    pub(super) fn find(&self, path: &str) -> Found<'_> {
        let Some(steps) = steps(path) else { return Found::Absent };
        let (mut before, mut after) = (&self.before.set, &self.after.set);
        let mut charset = charset_of(after).unwrap_or_default();
        for (tag, item) in steps {
            let Some(element) = after.get(tag) else { return Found::Absent };
            let Some(item) = item else { return Found::There(element, charset) };
            let (Some(Value::Items(olds)), Value::Items(news)) =
                (before.get(tag).map(|element| &element.value), &element.value)
            else {
                return Found::Absent;
            };
            let Some(new) = partner(olds, news, item) else { return Found::Absent };
            (before, after) = (&olds[item], &news[new]);
            charset = charset_of(after).unwrap_or(charset);
        }
        Found::Absent
    }
}

fn charset_of(set: &Set) -> Option<String> {
    set.ascii(Tag(0x0008, 0x0005))
}

/// The item of the output that an item of the input became.
fn partner(olds: &[Set], news: &[Set], item: usize) -> Option<usize> {
    if item >= olds.len() {
        return None;
    }
    if olds.len() == news.len() {
        return Some(item);
    }
    // The best way to pair them in order: rows are items of the input, columns those of the output.
    let (rows, columns) = (olds.len(), news.len());
    let mut best = vec![vec![0usize; columns + 1]; rows + 1];
    for row in (0..rows).rev() {
        for column in (0..columns).rev() {
            let paired = likeness(&olds[row], &news[column]) + best[row + 1][column + 1];
            best[row][column] = paired.max(best[row + 1][column]).max(best[row][column + 1]);
        }
    }
    let (mut row, mut column) = (0, 0);
    while row < rows && column < columns {
        if best[row][column] == best[row + 1][column] {
            row += 1;
        } else if best[row][column] == best[row][column + 1] {
            column += 1;
        } else {
            if row == item {
                return Some(column);
            }
            (row, column) = (row + 1, column + 1);
        }
        if row > item {
            return None;
        }
    }
    None
}

/// How alike two items are: attributes in common count, equal values count more.
fn likeness(old: &Set, new: &Set) -> usize {
    let news: HashMap<Tag, &Element> = new.elements.iter().map(|element| (element.tag, element)).collect();
    old.elements
        .iter()
        .filter_map(|old| Some((old, news.get(&old.tag)?)))
        .map(|(old, new)| match (&old.value, &new.value) {
            (Value::Bytes(a), Value::Bytes(b)) if trimmed(a) == trimmed(b) => 4,
            (Value::Items(a), Value::Items(b)) => {
                1 + a.iter().zip(b).map(|(a, b)| likeness(a, b)).sum::<usize>()
            }
            _ => 1,
        })
        .sum()
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| !matches!(byte, 0 | b' ')).map_or(0, |at| at + 1);
    &bytes[..end]
}
