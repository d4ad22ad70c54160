//! Holding one place of an output against its rule.

use super::places::{Found, Pair};
use super::reader::{self, Element, Value};
use dicom::tag::Tag;
use sim::corpus::key::{ObjectKey, Place, Rule};
use std::collections::HashMap;

/// What is known of all outputs of a tool before any is judged.
#[derive(Default)]
pub(super) struct Whole {
    /// Old UID to the new one that most places have.
    pub(super) uids: HashMap<String, String>,
    /// Person to the days that most dates moved.
    pub(super) offsets: HashMap<String, i64>,
}

/// Whether a place was protected, and whether it kept what research needs; `None` where the rule asks nothing of the kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) protected: Option<bool>,
    pub(super) kept: Option<bool>,
}

impl Verdict {
    /// What a place of an object that was not written lost.
    pub(super) fn lost(place: &Place, rule: &Rule) -> Self {
        let failed = |asked: bool| asked.then_some(false);
        let (protects, keeps) = asks(place, rule);
        Self { protected: failed(protects), kept: failed(keeps) }
    }
}

/// Whether a rule asks for protection, and whether it asks for keeping.
fn asks(place: &Place, rule: &Rule) -> (bool, bool) {
    match rule {
        Rule::Gone { .. } => (true, false),
        Rule::Uid => (true, true),
        Rule::Shift => (place.vr != "TM", true),
        Rule::Clean { gone, keep } => (!gone.is_empty(), !keep.is_empty()),
        Rule::Keep => (false, true),
    }
}

/// What the output has at a place, as text or in hexadecimal like the key; `None` where it is not there.
pub(super) fn value(pair: &Pair, place: &Place) -> Option<String> {
    match place.path.as_str() {
        "meta" | "preamble" => {
            let preamble = place.path == "preamble";
            let head = &pair.after.head;
            let part = if preamble { head.get(..128) } else { head.get(128..) }.unwrap_or_default();
            Some(String::from_utf8_lossy(part).into_owned())
        }
        path => match pair.find(path) {
            Found::Absent => None,
            Found::There(element, charset) => Some(readable(element, &charset, place.hex)),
        },
    }
}

fn readable(element: &Element, charset: &str, hex: bool) -> String {
    match &element.value {
        Value::Bytes(bytes) if hex => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        Value::Bytes(bytes) => reader::text(bytes, charset),
        Value::Items(items) if items.is_empty() => String::new(),
        Value::Items(_) => "a sequence".into(),
        Value::Fragments(fragments) => fragments.iter().flatten().map(|byte| format!("{byte:02x}")).collect(),
    }
}

/// Holds a place against its rule.
pub(super) fn judge(whole: &Whole, key: &ObjectKey, place: &Place, rule: &Rule, pair: &Pair) -> Verdict {
    let now = value(pair, place);
    let (protects, keeps) = asks(place, rule);
    let (protected, kept) = match rule {
        Rule::Gone { present } => (gone(key, place, now.as_deref(), *present), false),
        Rule::Uid => uids(whole, &place.value, now.as_deref()),
        Rule::Shift => shifted(whole, key, place, now.as_deref()),
        Rule::Clean { gone, keep } => cleaned(key, gone, keep, now.as_deref()),
        Rule::Keep => (false, now.is_some_and(|now| same(place, &now))),
    };
    Verdict { protected: protects.then_some(protected), kept: keeps.then_some(kept) }
}

fn gone(key: &ObjectKey, place: &Place, now: Option<&str>, present: bool) -> bool {
    let Some(now) = now else { return !present };
    if now.is_empty() {
        return true;
    }
    if place.category == "overlay" && place.hex {
        return blanked(&place.value, now);
    }
    if place.hex {
        return !now.contains(place.value.trim_end_matches("00"));
    }
    let old = place.value.trim();
    if old.is_empty() || now.trim() == old || now.to_lowercase().contains(&old.to_lowercase()) {
        return false;
    }
    !tells(key, now) && !parts(old).any(|part| now.to_lowercase().contains(&part.to_lowercase()))
}

/// Whether at most one in ten of the dots of an overlay is left: what they wrote can no longer be read.
fn blanked(old: &str, now: &str) -> bool {
    let dots = |text: &str| -> Vec<u32> { text.chars().filter_map(|digit| digit.to_digit(16)).collect() };
    let (old, now) = (dots(old), dots(now));
    let left: u32 = old.iter().zip(&now).map(|(old, now)| (old & now).count_ones()).sum();
    left * 10 <= old.iter().map(|digit| digit.count_ones()).sum()
}

/// The parts of a value that say something by themselves: components of names, several values.
fn parts(value: &str) -> impl Iterator<Item = &str> {
    value.split(['\\', '^', '=']).map(str::trim).filter(|part| part.chars().count() >= 4)
}

/// Whether a text has something inside that the key says must be found nowhere.
fn tells(key: &ObjectKey, text: &str) -> bool {
    let text = text.to_lowercase();
    key.leaks.iter().any(|leak| text.contains(&leak.to_lowercase()))
}

/// The standard's own UIDs are no identifiers (PS3.6 Annex A).
pub(super) fn is_standard(uid: &str) -> bool {
    uid.starts_with("1.2.840.10008.")
}

/// Whether the UIDs are other ones, and whether they are those that they became elsewhere.
fn uids(whole: &Whole, old: &str, now: Option<&str>) -> (bool, bool) {
    let Some(now) = now else { return (true, false) };
    let (olds, news): (Vec<&str>, Vec<&str>) = (old.split('\\').collect(), now.split('\\').collect());
    let protected = olds.iter().all(|old| is_standard(old) || !news.contains(old));
    let consistent = olds.len() == news.len()
        && olds.iter().zip(&news).all(|(old, new)| {
            if is_standard(old) { old == new } else { whole.uids.get(*old).is_some_and(|known| known == new) }
        });
    (protected, protected && consistent)
}

/// The day number of the date that a value begins with.
pub(super) fn day(value: &str) -> Option<i64> {
    let digits = value.get(..8)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| digits.get(range)?.parse().ok();
    let (year, month, day): (i32, i32, i32) = (number(0..4)?, number(4..6)?, number(6..8)?);
    let valid = (1..=12).contains(&month) && (1..=31).contains(&day);
    valid.then(|| i64::from(sim::calendar::Day::of(year, month, day).0))
}

fn shifted(whole: &Whole, key: &ObjectKey, place: &Place, now: Option<&str>) -> (bool, bool) {
    let Some(now) = now else { return (true, false) };
    let old = place.value.trim();
    if place.vr == "TM" {
        return (true, now.trim() == old);
    }
    let protected = !now.contains(old.get(..8).unwrap_or(old));
    let (Some(before), Some(after)) = (day(old), day(now)) else { return (protected, false) };
    let by_the_constant = whole.offsets.get(&key.person) == Some(&(after - before));
    // What follows the day, a time and an offset from UTC, is as it was.
    (protected, protected && by_the_constant && old.get(8..) == now.trim().get(8..))
}

fn cleaned(key: &ObjectKey, gone: &[String], keep: &[String], now: Option<&str>) -> (bool, bool) {
    let Some(now) = now else { return (true, false) };
    let lower = now.to_lowercase();
    let protected = !gone.iter().any(|part| lower.contains(&part.to_lowercase())) && !tells(key, now);
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric() && c != '.').collect();
    let kept = keep.iter().all(|word| {
        let word = word.to_lowercase();
        words.iter().any(|have| have.trim_matches('.') == word.trim_matches('.')) || lower.contains(&word)
    });
    (protected, kept)
}

fn same(place: &Place, now: &str) -> bool {
    if place.hex {
        return now == place.value || now.strip_suffix("00") == Some(&place.value);
    }
    let values = |text: &str| -> Vec<String> {
        text.split('\\').map(|value| value.trim_matches([' ', '\0']).to_owned()).collect()
    };
    values(now) == values(&place.value)
}

/// The UIDs and dates of an output, for [`Whole`].
pub(super) fn observe(
    key: &ObjectKey,
    rules: &[(&Place, &Rule)],
    pair: &Pair,
    uids: &mut HashMap<String, HashMap<String, usize>>,
    days: &mut HashMap<String, HashMap<i64, usize>>,
) {
    for (place, rule) in rules {
        let uid = **rule == Rule::Uid;
        if !uid && **rule != Rule::Shift {
            continue;
        }
        let Some(now) = value(pair, place) else { continue };
        if uid {
            for (old, new) in place.value.split('\\').zip(now.split('\\')) {
                *uids.entry(old.to_owned()).or_default().entry(new.to_owned()).or_default() += 1;
            }
        } else if let (Some(before), Some(after)) = (day(&place.value), day(&now)) {
            *days.entry(key.person.clone()).or_default().entry(after - before).or_default() += 1;
        }
    }
}

/// PatientID of an output.
pub(super) fn pseudonym(pair: &Pair) -> Option<String> {
    pair.after.set.ascii(Tag(0x0010, 0x0020)).filter(|id| !id.is_empty())
}
