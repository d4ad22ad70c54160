//! A data set under construction together with its answers: whoever puts an attribute says in the same breath what it is.

use super::key::{Place, Rule};
use super::rules::{Answers, Inside, TABLE, answers, cleaned};
use dicom::dataset::{Dataset, Element};
use dicom::tag::{self, Tag, VR};
use std::sync::Arc;

/// A part of a text.
#[derive(Debug, Clone)]
pub(super) enum Part {
    /// Words that research needs.
    Useful(&'static str),
    /// What identifies.
    Secret(String),
    /// Neither: commas, and words that a tool may keep or not.
    Loose(&'static str),
}

/// A data set, or an item of one, and the answers for what is in it.
pub(super) struct Sheet {
    pub(super) set: Dataset,
    pub(super) places: Vec<Place>,
    /// Everything that identifies: a value with one of these inside must not stay.
    secrets: Arc<Vec<String>>,
    path: String,
    inside: Inside,
    depth: usize,
}

impl Sheet {
    pub(super) fn new(secrets: Arc<Vec<String>>) -> Self {
        let (set, places) = (Dataset::new(), Vec::new());
        Self { set, places, secrets, path: String::new(), inside: Inside::TOP, depth: 0 }
    }

    fn item(&self, tag: Tag, at: usize, inside: Inside) -> Self {
        Self {
            path: format!("{}{}[{at}].", self.path, plain(tag)),
            inside,
            depth: self.depth + 1,
            ..Self::new(Arc::clone(&self.secrets))
        }
    }

    /// Whether a text holds something that identifies.
    pub(super) fn identifies(&self, text: &str) -> bool {
        self.secrets.iter().any(|secret| text.contains(secret.as_str()))
    }

    /// A standard attribute of text, by its keyword.
    pub(super) fn text(&mut self, keyword: &str, value: impl AsRef<str>) {
        let Some((tag, vr)) = look_up(keyword) else { return };
        self.text_at(tag, vr, value.as_ref());
    }

    /// Several of them.
    pub(super) fn texts<const N: usize>(&mut self, pairs: [(&str, &str); N]) {
        for (keyword, value) in pairs {
            self.text(keyword, value);
        }
    }

    /// A standard attribute of text whose tag is known.
    pub(super) fn text_at(&mut self, tag: Tag, vr: VR, value: &str) {
        let known = match tag::entry(tag) {
            Some(entry) => entry.vr,
            None => vr,
        };
        let answers = answers(tag, known, self.identifies(value), self.inside, self.depth == 0);
        let category = self.category(tag, known);
        self.put_text(tag, vr, value, category, answers);
    }

    /// Free text of parts: what identifies goes, and under cleaning options the useful words stay.
    pub(super) fn said(&mut self, keyword: &str, parts: &[Part]) {
        let Some((tag, vr)) = look_up(keyword) else { return };
        self.said_at(tag, vr, parts, "free text");
    }

    /// The same under a value representation of its own.
    pub(super) fn said_at(&mut self, tag: Tag, vr: VR, parts: &[Part], category: &str) {
        let mut value = String::new();
        let (mut gone, mut keep) = (Vec::new(), Vec::new());
        for part in parts {
            match part {
                Part::Useful(text) => {
                    value.push_str(text);
                    keep.extend(text.split_whitespace().map(str::to_owned));
                }
                Part::Secret(text) => {
                    value.push_str(text);
                    gone.push(text.clone());
                }
                Part::Loose(text) => value.push_str(text),
            }
        }
        let clean = Rule::Clean { gone: gone.clone(), keep };
        let row = TABLE.get(&tag);
        let removed = Rule::Gone { present: false };
        let open = match row {
            Some(row) if cleaned(row) => Answers { research: Some(clean), basic: Some(removed) },
            Some(_) => Answers::both(&removed),
            // Text that the table does not list, with an identifier inside: that must go whatever the options are.
            None => Answers { research: Some(clean), basic: Some(Rule::Clean { gone, keep: Vec::new() }) },
        };
        let shut = || Some(Rule::Gone { present: false });
        let answers = Answers {
            research: if self.inside.research { open.research } else { shut() },
            basic: if self.inside.basic { open.basic } else { shut() },
        };
        let category = if self.depth > 0 { format!("{category} in sequence") } else { category.into() };
        self.put_text(tag, vr, &value, category, answers);
    }

    /// Text with answers of its own.
    pub(super) fn put_text(
        &mut self,
        tag: Tag,
        vr: VR,
        value: &str,
        category: impl Into<String>,
        answers: Answers,
    ) {
        self.set.put(Element::text_of(tag, vr, value));
        self.answer(tag, vr, value.to_owned(), false, category.into(), answers);
    }

    /// Bytes with answers of their own.
    pub(super) fn put_bytes(&mut self, tag: Tag, vr: VR, bytes: &[u8], category: &str, answers: Answers) {
        self.set.put(Element::bytes_of(tag, vr, bytes));
        self.answer(tag, vr, hexadecimal(bytes), true, category.to_owned(), answers);
    }

    /// Binary numbers of a standard attribute, little endian.
    pub(super) fn bytes(&mut self, keyword: &str, vr: VR, bytes: &[u8]) {
        let Some((tag, _)) = look_up(keyword) else { return };
        let answers = answers(tag, vr, false, self.inside, self.depth == 0);
        let category = self.category(tag, vr);
        self.put_bytes(tag, vr, bytes, &category, answers);
    }

    /// Unsigned shorts.
    pub(super) fn us(&mut self, keyword: &str, values: &[u16]) {
        self.bytes(keyword, VR::US, &values.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>());
    }

    /// Unsigned longs.
    pub(super) fn ul(&mut self, keyword: &str, values: &[u32]) {
        self.bytes(keyword, VR::UL, &values.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>());
    }

    /// Signed longs.
    pub(super) fn sl(&mut self, keyword: &str, values: &[i32]) {
        self.bytes(keyword, VR::SL, &values.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>());
    }

    /// Singles.
    pub(super) fn fl(&mut self, keyword: &str, values: &[f32]) {
        self.bytes(keyword, VR::FL, &values.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>());
    }

    /// Doubles.
    pub(super) fn fd(&mut self, keyword: &str, values: &[f64]) {
        self.bytes(keyword, VR::FD, &values.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>());
    }

    /// A sequence of so many items, each filled in turn; the table says whether it stays.
    pub(super) fn items(&mut self, keyword: &str, count: usize, fill: impl FnMut(usize, &mut Self)) {
        let Some((tag, _)) = look_up(keyword) else { return };
        self.fill(tag, count, self.inside.below(tag), fill);
    }

    /// A sequence that its IOD needs (Type 1), whatever compound code the table gives it: its items stay and are cleaned.
    pub(super) fn needed(&mut self, keyword: &str, count: usize, fill: impl FnMut(usize, &mut Self)) {
        let Some((tag, _)) = look_up(keyword) else { return };
        self.fill(tag, count, self.inside, fill);
    }

    /// A private sequence, or another one that must go with all that it holds.
    pub(super) fn doomed(&mut self, tag: Tag, count: usize, fill: impl FnMut(usize, &mut Self)) {
        self.fill(tag, count, Inside { research: false, basic: false }, fill);
    }

    fn fill(&mut self, tag: Tag, count: usize, inside: Inside, mut fill: impl FnMut(usize, &mut Self)) {
        let mut items = Vec::with_capacity(count);
        for at in 0..count {
            let mut item = self.item(tag, at, inside);
            fill(at, &mut item);
            items.push(item.set);
            self.places.extend(item.places);
        }
        self.set.put(Element::items_of(tag, items));
    }

    /// A code of the standard's own or of another published scheme (PS3.3 §8): research needs value, scheme and meaning.
    pub(super) fn code(&mut self, keyword: &str, value: &str, scheme: &str, meaning: &str) {
        self.items(keyword, 1, |_, item| item.coded(value, scheme, meaning));
    }

    /// The content of a code item.
    pub(super) fn coded(&mut self, value: &str, scheme: &str, meaning: &str) {
        let answers = |keep: bool| if keep { Answers::both(&Rule::Keep) } else { Answers::gone() };
        for (keyword, text) in
            [("CodeValue", value), ("CodingSchemeDesignator", scheme), ("CodeMeaning", meaning)]
        {
            let Some((tag, vr)) = look_up(keyword) else { continue };
            let secret = self.identifies(text);
            let mut answers = answers(!secret);
            if !secret && !self.inside.research {
                answers.research = None;
            }
            if !secret && !self.inside.basic {
                answers.basic = None;
            }
            self.put_text(tag, vr, text, if secret { "code" } else { "coded content" }, answers);
        }
    }

    fn answer(&mut self, tag: Tag, vr: VR, value: String, hex: bool, category: String, mut answers: Answers) {
        let path = format!("{}{}", self.path, plain(tag));
        // An empty value has nothing to lose.
        if value.is_empty() {
            answers = Answers { research: None, basic: None };
        }
        self.places.retain(|place| place.path != path);
        if answers.research.is_none() && answers.basic.is_none() {
            return;
        }
        let Answers { research, basic } = answers;
        self.places.push(Place { path, category, vr: vr.to_string().into(), value, hex, research, basic });
    }

    fn category(&self, tag: Tag, vr: VR) -> String {
        let what = match vr {
            VR::UI => "uid",
            VR::DA | VR::DT | VR::TM => "date",
            VR::PN => "person name",
            _ if TABLE.contains_key(&tag) => "listed attribute",
            _ => "other attribute",
        };
        if self.depth > 0 { format!("{what} in sequence") } else { what.to_owned() }
    }

    /// Whether nothing of this tag was put yet.
    pub(super) fn lacks(&self, tag: Tag) -> bool {
        !self.set.contains(tag)
    }

    /// Adds an answer for text outside the data set.
    pub(super) fn outside(&mut self, path: &str, category: &str, value: &str) {
        self.outlaw(path, category, value.into(), false);
    }

    /// The same for bytes.
    pub(super) fn outside_bytes(&mut self, path: &str, category: &str, value: &[u8]) {
        self.outlaw(path, category, hexadecimal(value), true);
    }

    fn outlaw(&mut self, path: &str, category: &str, value: String, hex: bool) {
        let Answers { research, basic } = Answers::gone();
        let (path, category) = (path.into(), category.into());
        self.places.push(Place { path, category, vr: "OB".into(), value, hex, research, basic });
    }
}

/// Tag and value representation of a keyword.
pub(super) fn look_up(keyword: &str) -> Option<(Tag, VR)> {
    let tag = tag::by_keyword(keyword);
    debug_assert!(tag.is_some(), "no such keyword: {keyword}");
    let tag = tag?;
    Some((tag, tag::entry(tag)?.vr))
}

/// A tag as eight digits.
pub(super) fn plain(tag: Tag) -> String {
    format!("{:04X}{:04X}", tag.0, tag.1)
}

/// Bytes in hexadecimal.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
