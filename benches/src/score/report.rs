//! The scores as tables in Markdown, and what was lost as a list.

use super::{Corpus, Score, Share};
use dicom::tag::{self, Tag};
use sim::corpus::key::{Fate, Rule};
use std::collections::BTreeSet;
use std::fmt::Write;

/// All tables.
pub(super) fn markdown(corpus: &Corpus, scores: &[Score]) -> String {
    let mut out = String::new();
    let count = |fate| corpus.keys.iter().filter(|key| key.fate(corpus.options) == fate).count();
    let _ = writeln!(
        out,
        "{} objects: {} can be cleaned, {} must be held, {} may be either. Options: {}.\n",
        corpus.keys.len(),
        count(Fate::CanClean),
        count(Fate::MustHold),
        count(Fate::Either),
        if corpus.options.names().is_empty() { "none".into() } else { corpus.options.names().join(", ") },
    );
    row(&mut out, "", scores.iter().map(|score| score.tool.clone()));
    row(&mut out, "---", scores.iter().map(|_| "---:".into()));
    type Cell = fn(&Score) -> String;
    let rows: [(&str, Cell); 9] = [
        ("objects written", |s| s.written.to_string()),
        ("of these without a leak", |s| percent(s.leak_free)),
        ("objects with a leak", |s| (s.leak_free.of - s.leak_free.done).to_string()),
        ("held of those that must be", |s| percent(s.held_as_must)),
        ("written of those that can be", |s| percent(s.written_as_can)),
        ("protective actions taken", |s| percent(s.all.actions)),
        ("research elements kept", |s| percent(s.all.elements)),
        ("texts in pixels hidden", |s| percent(s.texts_hidden)),
        ("persons with one pseudonym of their own", |s| percent(s.pseudonyms)),
    ];
    for (name, cell) in rows {
        row(&mut out, name, scores.iter().map(cell));
    }
    row(&mut out, "persons whose intervals are kept", scores.iter().map(|s| percent(s.intervals)));
    row(&mut out, "files that cannot be read or told apart", scores.iter().map(|s| s.unreadable.to_string()));
    out.push_str(
        "\nBy kind of object: without a leak, of those written / actions taken / elements kept.\n\n",
    );
    row(&mut out, "", scores.iter().map(|score| score.tool.clone()));
    row(&mut out, "---", scores.iter().map(|_| "---:".into()));
    for kind in scores.iter().flat_map(|score| score.by_kind.keys()).collect::<BTreeSet<_>>() {
        row(
            &mut out,
            kind,
            scores.iter().map(|score| {
                let shares = score.by_kind.get(kind).copied().unwrap_or_default();
                let leaks = score.leak_free_by_kind.get(kind).copied().unwrap_or_default();
                format!("{} / {} / {}", percent(leaks), percent(shares.actions), percent(shares.elements))
            }),
        );
    }
    out.push_str("\nBy hiding place: actions taken / elements kept.\n\n");
    row(&mut out, "", scores.iter().map(|score| score.tool.clone()));
    row(&mut out, "---", scores.iter().map(|_| "---:".into()));
    for category in scores.iter().flat_map(|score| score.by_category.keys()).collect::<BTreeSet<_>>() {
        row(
            &mut out,
            category,
            scores.iter().map(|score| {
                let shares = score.by_category.get(category).copied().unwrap_or_default();
                format!("{} / {}", percent(shares.actions), percent(shares.elements))
            }),
        );
    }
    out
}

fn row(out: &mut String, name: &str, cells: impl Iterator<Item = String>) {
    let _ = writeln!(out, "| {name} | {} |", cells.collect::<Vec<_>>().join(" | "));
}

/// In per cent, rounded down: nothing short of all shows as 100.
fn percent(share: Share) -> String {
    if share.of == 0 {
        return "–".into();
    }
    let hundredths = share.done * 10_000 / share.of;
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

/// What a tool lost, the most frequent first.
pub(super) fn losses(score: &Score) -> String {
    let mut all: Vec<_> = score.losses.iter().collect();
    all.sort_by_key(|(_, loss)| std::cmp::Reverse(loss.count));
    let mut out = String::new();
    for (what, loss) in all {
        let _ = writeln!(out, "{:>6}  {what}  |  {}", loss.count, loss.example);
    }
    out
}

/// A path in keywords, without the numbers of items.
pub(super) fn named(path: &str) -> String {
    let step = |step: &str| {
        let digits = step.split('[').next().unwrap_or_default();
        let number = u32::from_str_radix(digits, 16).ok();
        let tag =
            number.map(|n| Tag(u16::try_from(n >> 16).unwrap_or(0), u16::try_from(n & 0xffff).unwrap_or(0)));
        tag.and_then(tag::entry).map_or_else(|| digits.to_owned(), |entry| entry.keyword.to_owned())
    };
    path.split('.').map(step).collect::<Vec<_>>().join("/")
}

/// The beginning of a value.
pub(super) fn short(value: &str) -> String {
    value.chars().take(48).collect()
}

/// A rule in a word.
pub(super) fn rule(rule: &Rule) -> &'static str {
    match rule {
        Rule::Gone { present: true } => "gone, still present",
        Rule::Gone { present: false } => "gone",
        Rule::Uid => "uid",
        Rule::Shift => "shift",
        Rule::Clean { .. } => "clean",
        Rule::Keep => "keep",
    }
}
