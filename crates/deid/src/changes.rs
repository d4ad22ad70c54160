//! What was done to each element of an object: tags and actions, never a value.

use dicom::dataset::{Dataset, Element, Value};
use dicom::tag::{self, Tag, VR};
use std::collections::BTreeSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

/// What was done to an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// It is not there any more.
    Removed,
    /// It is there without a value.
    Emptied,
    /// It has another value: a pseudonym, a mapped UID, a moved date, a stand-in.
    Replaced,
    /// Something was taken out of it: words of a text, elements of a sequence.
    Cleaned,
    /// It has the value that it had.
    Kept,
    /// It was not there.
    Added,
}

impl Change {
    /// Every change.
    pub const ALL: [Self; 6] =
        [Self::Removed, Self::Emptied, Self::Replaced, Self::Cleaned, Self::Kept, Self::Added];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::Emptied => "emptied",
            Self::Replaced => "replaced",
            Self::Cleaned => "cleaned",
            Self::Kept => "kept",
            Self::Added => "added",
        }
    }
}

/// The sequences on the way to an element, and the element.
pub type TagPath = Vec<Tag>;

/// What an object had: its elements and digests of their values. Nothing can be read from it.
pub struct Outline(Vec<Line>);

struct Line {
    tag: Tag,
    had: Had,
}

enum Had {
    Nothing,
    Bytes(u64),
    /// The whole text, and its words.
    Text(u64, BTreeSet<u64>),
    Items(Vec<Outline>),
}

impl Outline {
    /// Of these data sets as if they were one.
    pub fn of<'a>(datasets: impl IntoIterator<Item = &'a Dataset>) -> Self {
        let mut lines: Vec<Line> = datasets
            .into_iter()
            .flat_map(Dataset::iter)
            .map(|element| Line { tag: element.tag, had: Had::of(element) })
            .collect();
        lines.sort_by_key(|line| line.tag);
        Self(lines)
    }

    /// What became of it: each path once with each change. What lies in a sequence that was removed is not told by itself.
    pub fn changes(&self, outgoing: &Dataset) -> BTreeSet<(TagPath, Change)> {
        let mut told = BTreeSet::new();
        self.compare(outgoing, &mut Vec::new(), &mut told);
        told
    }

    /// Tells of one level; whether anything was changed there.
    fn compare(&self, now: &Dataset, at: &mut TagPath, told: &mut BTreeSet<(TagPath, Change)>) -> bool {
        let mut changed = false;
        let mut tell = |tag: Tag, at: &mut TagPath, told: &mut BTreeSet<_>, change: Change| {
            at.push(tag);
            told.insert((at.clone(), change));
            at.pop();
            changed |= change != Change::Kept;
        };
        for line in &self.0 {
            let change = match now.get(line.tag) {
                None => Change::Removed,
                Some(element) => {
                    at.push(line.tag);
                    let change = line.had.change(element, at, told);
                    at.pop();
                    change
                }
            };
            tell(line.tag, at, told, change);
        }
        for element in now {
            if self.0.binary_search_by_key(&element.tag, |line| line.tag).is_err() {
                tell(element.tag, at, told, Change::Added);
            }
        }
        changed
    }
}

impl Had {
    fn of(element: &Element) -> Self {
        match &element.value {
            Value::Items(items) if items.is_empty() => Self::Nothing,
            Value::Items(items) => Self::Items(items.iter().map(|item| Outline::of([item])).collect()),
            Value::Bytes(bytes) if plain(bytes).is_empty() => Self::Nothing,
            Value::Bytes(bytes) if is_prose(element.vr) => {
                Self::Text(digest(plain(bytes)), words(bytes).collect())
            }
            Value::Bytes(bytes) => Self::Bytes(digest(plain(bytes))),
        }
    }

    fn change(&self, now: &Element, at: &mut TagPath, told: &mut BTreeSet<(TagPath, Change)>) -> Change {
        match (self, &now.value) {
            (Self::Items(had), Value::Items(items)) if had.len() == items.len() => {
                let mut changed = false;
                for (outline, item) in had.iter().zip(items) {
                    changed |= outline.compare(item, at, told);
                }
                if changed { Change::Cleaned } else { Change::Kept }
            }
            (Self::Nothing, Value::Items(items)) if items.is_empty() => Change::Kept,
            (_, Value::Items(items)) if items.is_empty() => Change::Emptied,
            (_, Value::Items(_)) => Change::Replaced,
            (had, Value::Bytes(bytes)) => match (had, plain(bytes)) {
                (Self::Nothing, []) => Change::Kept,
                (_, []) => Change::Emptied,
                (Self::Bytes(was) | Self::Text(was, _), is) if *was == digest(is) => Change::Kept,
                (Self::Text(_, was), is) if words(is).any(|word| was.contains(&word)) => Change::Cleaned,
                _ => Change::Replaced,
            },
        }
    }
}

/// A value without its padding (PS3.5 §6.2).
fn plain(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\0'] = bytes {
        bytes = rest;
    }
    bytes
}

fn is_prose(vr: VR) -> bool {
    matches!(vr, VR::SH | VR::LO | VR::ST | VR::LT | VR::UT | VR::UC)
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u64> {
    let words = bytes.split(|byte| byte.is_ascii_whitespace() || *byte == b'\\');
    words.filter(|word| word.len() > 2).map(digest)
}

fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// Shows how much it holds only.
impl fmt::Debug for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outline({} elements)", self.0.len())
    }
}

/// A path as reports write it: `(0008,1140)>(0008,1155)`.
pub fn path_text(path: &[Tag]) -> String {
    path.iter().map(ToString::to_string).collect::<Vec<_>>().join(">")
}

/// The keyword of an attribute (PS3.6); empty where it has none.
pub fn keyword(tag: Tag) -> &'static str {
    tag::entry(tag).map_or("", |entry| entry.keyword)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dicom::tag::tags;

    fn set(elements: &[(Tag, VR, &str)]) -> Dataset {
        elements.iter().map(|(tag, vr, text)| Element::text_of(*tag, *vr, text)).collect()
    }

    fn told(before: &Dataset, after: &Dataset) -> Vec<(String, &'static str)> {
        let changes = Outline::of([before]).changes(after);
        changes.iter().map(|(path, change)| (path_text(path), change.name())).collect()
    }

    #[test]
    fn each_element_is_told_once_with_what_was_done_to_it() {
        let mut before = set(&[
            (tags::MODALITY, VR::CS, "CT"),
            (tags::STUDY_DESCRIPTION, VR::LO, "Chest of Smith"),
            (tags::PATIENT_NAME, VR::PN, "Smith^John"),
            (tags::PATIENT_BIRTH_DATE, VR::DA, "19530412"),
            (tags::PATIENT_ADDRESS, VR::LO, "1 Shore Road"),
        ]);
        let inner = |uid: &str| set(&[(tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, uid)]);
        before.put(Element::items_of(tags::SOURCE_IMAGE_SEQUENCE, vec![inner("1.2"), inner("1.3")]));
        let mut after = set(&[
            (tags::MODALITY, VR::CS, "CT "),
            (tags::STUDY_DESCRIPTION, VR::LO, "Chest of"),
            (tags::PATIENT_NAME, VR::PN, "Subject1"),
            (tags::PATIENT_BIRTH_DATE, VR::DA, ""),
            (tags::PATIENT_IDENTITY_REMOVED, VR::CS, "YES"),
        ]);
        after.put(Element::items_of(tags::SOURCE_IMAGE_SEQUENCE, vec![inner("2.25.1"), inner("2.25.2")]));
        let expected = [
            ("(0008,0060)", "kept"),
            ("(0008,1030)", "cleaned"),
            ("(0008,2112)", "cleaned"),
            ("(0008,2112)>(0008,1155)", "replaced"),
            ("(0010,0010)", "replaced"),
            ("(0010,0030)", "emptied"),
            ("(0010,1040)", "removed"),
            ("(0012,0062)", "added"),
        ];
        assert_eq!(told(&before, &after), expected.map(|(path, change)| (path.to_owned(), change)));
    }

    #[test]
    fn what_is_left_alone_is_kept_at_every_depth() {
        let mut whole = set(&[(tags::MODALITY, VR::CS, "CT"), (tags::PATIENT_AGE, VR::AS, "")]);
        let inner = set(&[(tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, "1.2")]);
        whole.put(Element::items_of(tags::SOURCE_IMAGE_SEQUENCE, vec![inner]));
        assert!(told(&whole, &whole.clone()).iter().all(|(_, change)| *change == "kept"));
    }
}
