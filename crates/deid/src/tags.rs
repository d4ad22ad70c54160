//! Every element, at every depth: what the profile says of it is carried out (PS3.15 E.1.1).
//!
//! The dictionary, not the object, says what VR an attribute has; a value that is not valid for it is not kept. What
//! neither the dictionary nor the profile knows goes.

use crate::dates;
use crate::identity::NhsNumber;
use crate::profile::{Action, Dates, Profile, ProfileOption, Rule, Types, attribute_name, is_well_known};
use crate::pseudonym::{Pseudonymiser, Subject};
use crate::text::{DatesInText, Identifier, TextCleaner};
use crate::values;
use dicom::dataset::{Dataset, Element, Value, ValueBytes};
use dicom::private::{self, Blocks};
use dicom::tag::{self, Tag, VR, tags};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) mod codes;
mod overlays;

pub(crate) use overlays::is_overlay;

/// One data set being cleaned: the profile, the person, and the UIDs replaced so far.
pub(crate) struct Cleaner<'a> {
    profile: &'a Profile,
    pseudonymiser: &'a Pseudonymiser,
    subject: &'a Subject,
    text: Arc<TextCleaner>,
    types: Types,
    /// Within a sequence for which something else is to stand in (D): text that nothing lists is replaced there, too.
    standing_in: bool,
    uids: BTreeMap<String, String>,
    /// The SOP Instance UID that the object came with.
    instance: String,
}

/// Date and DateTime of a content item (PS3.3 C.17.3).
const REPORTED_DATES: [Tag; 2] = [tags::DATE_TIME, tags::DATE];
/// The same with its time and its text.
const REPORTED: [Tag; 4] = [tags::DATE_TIME, tags::DATE, tags::TIME, tags::TEXT_VALUE];

impl<'a> Cleaner<'a> {
    /// `identifiers`: what text may not say, beside what looks like an identifier of anybody.
    pub(crate) fn new(
        profile: &'a Profile,
        pseudonymiser: &'a Pseudonymiser,
        subject: &'a Subject,
        identifiers: Vec<Identifier>,
    ) -> Self {
        let dates = match profile.dates() {
            Dates::Remove => DatesInText::Remove,
            Dates::Shift => DatesInText::Shift(*subject.offset_days.inside()),
            Dates::Keep => DatesInText::Keep,
        };
        let text = profile.text_cleaner(identifiers, dates);
        let (types, uids, instance) = (Types::of(None), BTreeMap::new(), String::new());
        Self { profile, pseudonymiser, subject, text, types, standing_in: false, uids, instance }
    }

    /// The data set of an instance, cleaned, with the declarations that are true of it now.
    pub(crate) fn clean(&mut self, dataset: Dataset) -> Dataset {
        let told = dataset.text(tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED).map(str::to_owned);
        self.types = Types::of(dataset.text(tags::SOP_CLASS_UID));
        self.instance = dataset.text(tags::SOP_INSTANCE_UID).unwrap_or_default().to_owned();
        let planes = if self.profile.has(ProfileOption::CleanGraphics) {
            overlays::clean(&dataset, &self.text)
        } else {
            Vec::new()
        };
        let mut cleaned = self.level(dataset, None);
        cleaned.extend(planes);
        self.declare(&mut cleaned, told.as_deref());
        cleaned
    }

    /// Every UID that was replaced, and by what.
    pub(crate) fn into_uids(self) -> BTreeMap<String, String> {
        self.uids
    }

    /// One level: the data set itself, or an item of this sequence.
    fn level(&mut self, dataset: Dataset, sequence: Option<Tag>) -> Dataset {
        let code = codes::of(&dataset, &self.text, sequence);
        let identifies = codes::identifies(&dataset, self.profile);
        let blocks = if self.profile.keeps_safe_private() { Blocks::of(&dataset) } else { Blocks::default() };
        let mut cleaned = dataset.map_elements(|element| {
            if tag::is_private(element.tag) {
                self.private(element, &blocks)
            } else if identifies && REPORTED.contains(&element.tag) {
                let (tag, (vr, value)) = (element.tag, read_as(tag::entry(element.tag)?.vr, element));
                self.dummy(tag, vr, value)
            } else {
                self.element(element, sequence)
            }
        });
        reserve(&mut cleaned, &blocks);
        if let Some(code) = code {
            code.put(&mut cleaned);
        }
        cleaned
    }

    fn element(&mut self, element: Element, sequence: Option<Tag>) -> Option<Element> {
        let tag = element.tag;
        // The groups that do not belong into a data set are never kept; nor are group lengths.
        if tag.0 <= 0x0002 || tag.1 == 0 {
            return None;
        }
        if sequence == Some(tags::CODING_SCHEME_IDENTIFICATION_SEQUENCE) {
            if tag == tags::CODING_SCHEME_DESIGNATOR {
                return Some(codes::designator(element));
            }
        } else if sequence.is_some() && codes::is_part(tag) {
            // Codes are judged as a whole, with their schemes.
            return None;
        }
        let vr = tag::entry(tag)?.vr;
        let rule = self.profile.rule_in(self.types, sequence, tag, vr);
        // Text within what something else is to stand in for is replaced, too.
        let is_replaced = self.standing_in && rule.action == Action::Clean && vr != VR::SQ;
        let rule = if is_replaced { Rule { action: Action::Dummy, ..rule } } else { rule };
        let (vr, value) = read_as(vr, element);
        self.apply(rule.action, rule, tag, vr, value, sequence.is_none())
    }

    /// A private element that is known to be safe: its value, if that is valid for the VR and VM of the list, or a mapped UID
    /// (PS3.15 E.3.10). Any other goes.
    fn private(&mut self, element: Element, blocks: &Blocks) -> Option<Element> {
        let tag = element.tag;
        let safe = private::safe(blocks.creator(tag)?, tag)?;
        let (vr, value) = read_as(safe.vr, element);
        let Some(Value::Bytes(bytes)) = value else { return None };
        let kept = match vr {
            // The list says what these are for; no terms are defined.
            VR::CS if self.names_somebody(&bytes) => None,
            VR::CS => values::is_valid(vr, &bytes).then(|| Element { tag, vr, value: Value::Bytes(bytes) }),
            VR::UI => self.value(self.profile.unlisted(tag, vr).action, tag, vr, bytes),
            VR::LO | VR::SH if self.may_be_somebody(&bytes) || is_dated(&bytes) => None,
            _ => self.value(Action::Keep, tag, vr, bytes),
        };
        kept.filter(|element| safe.allows(element))
    }

    /// Carries out an action; where the value does not allow it, the rule's fallback.
    fn apply(
        &mut self,
        action: Action,
        rule: Rule,
        tag: Tag,
        vr: VR,
        value: Option<Value>,
        top: bool,
    ) -> Option<Element> {
        let fallback = |cleaner: &mut Self| match rule.fallback {
            // A fallback that needs a valid value as well would go round in circles.
            Action::Empty | Action::Dummy if action != rule.fallback => {
                cleaner.apply(rule.fallback, rule, tag, vr, None, top)
            }
            _ => None,
        };
        match action {
            Action::Remove => None,
            Action::Empty => Some(empty(tag, vr)),
            Action::Dummy | Action::ByType(_) => self.dummy(tag, vr, value),
            Action::KeepAtTop if !top => None,
            Action::Keep
            | Action::KeepAtTop
            | Action::Uid
            | Action::Shift
            | Action::Terms
            | Action::Clean
            | Action::Technical
            | Action::Named
            | Action::Pseudonym => {
                let kept = match value {
                    Some(Value::Items(items)) => self.items(tag, items),
                    Some(Value::Bytes(bytes)) => self.value(action, tag, vr, bytes),
                    None => None,
                };
                kept.or_else(|| fallback(self))
            }
        }
    }

    /// The items of a sequence, cleaned. A sequence of which nothing is left is not kept; one that was empty is.
    ///
    /// An item that has become empty stays in its place: items of functional groups are counted (PS3.3 C.7.6.16).
    fn items(&mut self, tag: Tag, items: Vec<Dataset>) -> Option<Element> {
        let was_empty = items.iter().all(Dataset::is_empty);
        let items: Vec<Dataset> = items.into_iter().map(|item| self.level(item, Some(tag))).collect();
        let is_left = was_empty || items.iter().any(|item| !item.is_empty());
        is_left.then(|| Element::items_of(tag, items))
    }

    /// A value that is kept, mapped, moved or compared with a list; `None` if it is not valid.
    fn value(&mut self, action: Action, tag: Tag, vr: VR, bytes: ValueBytes) -> Option<Element> {
        // A report may say the date of birth as any other date.
        if REPORTED_DATES.contains(&tag) && values_of(&bytes).any(|value| self.text.is_known_day(value)) {
            return None;
        }
        let bytes: ValueBytes = match (action, vr) {
            (Action::Uid, _) | (Action::Keep, VR::UI) => self.uid_values(action, &bytes)?,
            (Action::Named, _) if self.may_be_somebody(&bytes) => self.numbered(&bytes),
            (Action::Terms, _) | (Action::Clean, VR::CS) => self.terms(tag, vr, &bytes)?,
            (_, VR::OB) if tag == tags::ICC_PROFILE && !values::is_icc_profile(&bytes) => return None,
            (Action::Keep, VR::CS) if self.names_somebody(&bytes) => return None,
            (Action::Clean, VR::AE) => self.words(vr, &bytes)?,
            (Action::Clean, _) if tag::is_charset_text(vr) && vr != VR::PN => self.words(vr, &bytes)?,
            (Action::Clean, _) => return None,
            (Action::Technical, _) if self.names_somebody(&bytes) => self.words(vr, &bytes)?,
            (Action::Pseudonym, _) => self.stand_ins(vr, &bytes)?,
            (Action::Shift, VR::DA | VR::DT) => self.shifted(vr, &bytes),
            (Action::Shift, VR::SH | VR::LO) => utc_offset(tag, &bytes)?,
            (Action::Shift, VR::TM) => only_valid(vr, &bytes),
            (Action::Shift, _) => return None,
            (_, VR::DA | VR::DT | VR::TM) => only_valid(vr, &bytes),
            (_, VR::SH) if tag == tags::TIMEZONE_OFFSET_FROM_UTC => utc_offset(tag, &bytes)?,
            (_, VR::AS) => self.ages(&bytes)?,
            (_, VR::DS | VR::IS) if values_of(&bytes).any(|value| self.is_identifier(value)) => return None,
            _ if values::is_valid(vr, &bytes) => bytes,
            // Written as no coded string is, and of allowed words: `C-SPINE`, `female`.
            (_, VR::CS) => self.terms(tag, vr, &bytes)?,
            _ => return None,
        };
        Some(Element { tag, vr, value: Value::Bytes(bytes) })
    }

    /// D: a fixed value of the VR, a mapped UID, a moved date, a cleaned sequence. What was empty stays empty.
    fn dummy(&mut self, tag: Tag, vr: VR, value: Option<Value>) -> Option<Element> {
        match (vr, value) {
            (VR::SQ, Some(Value::Items(items))) => {
                if items.is_empty() {
                    return Some(empty(tag, vr));
                }
                if attribute_name(tag).ends_with("CodeSequence") {
                    return Some(Element::items_of(tag, vec![dummy_code()]));
                }
                let outside = std::mem::replace(&mut self.standing_in, true);
                let items = self.items(tag, items);
                self.standing_in = outside;
                items
            }
            (VR::SQ, _) => None,
            (VR::UI, Some(Value::Bytes(bytes))) => {
                let mapped = self.uid_values(Action::Uid, &bytes).unwrap_or_default();
                Some(Element { tag, vr, value: Value::Bytes(mapped) })
            }
            (_, Some(value)) if value == Value::Bytes(ValueBytes::new()) => Some(empty(tag, vr)),
            _ => Some(Element::bytes_of(tag, vr, values::dummy(vr))),
        }
    }

    /// Each UID mapped, unless it is the standard's own or is kept. What is no valid UID cannot be kept.
    fn uid_values(&mut self, action: Action, bytes: &[u8]) -> Option<ValueBytes> {
        let text = std::str::from_utf8(bytes).ok()?;
        let values = || text.split('\\').map(|value| value.trim_matches(['\0', ' ']));
        // What names the object, in a place that keeps UIDs, is mapped as everywhere else.
        let names_it = || values().any(|uid| uid == self.instance) || self.text.is_known(text);
        let may_stay = || values::is_valid(VR::UI, bytes) && !(self.profile.maps_uids() && names_it());
        if action == Action::Keep && may_stay() {
            return Some(bytes.into());
        }
        let values = values();
        Some(values.map(|uid| self.uid(uid)).collect::<Vec<_>>().join("\\").into_bytes().into())
    }

    /// The UID that goes out for this one.
    fn uid(&mut self, uid: &str) -> String {
        if uid.is_empty() || is_well_known(uid) {
            return uid.to_owned();
        }
        // What is not quite a UID is mapped too: references to it then still agree.
        let mapped = self.pseudonymiser.uid(uid);
        self.uids.insert(uid.to_owned(), mapped.clone());
        mapped
    }

    /// Text without what identifies, each value for itself; `None` if that leaves nothing of something.
    fn words(&self, vr: VR, bytes: &[u8]) -> Option<ValueBytes> {
        let text = std::str::from_utf8(bytes).ok()?.trim_end_matches(['\0', ' ']);
        let cleaned = if tag::is_multi_valued_text(vr) {
            let values = text.split('\\').map(|value| self.text.clean(value.trim_matches(' ')).text);
            values.collect::<Vec<_>>().join("\\")
        } else {
            self.text.clean(text).text
        };
        let cleaned = values::cut(vr, cleaned);
        let is_left = text.is_empty() || cleaned.chars().any(|c| c != '\\');
        (is_left && values::is_valid(vr, cleaned.as_bytes())).then(|| cleaned.into_bytes().into())
    }

    /// A keyed stand-in for each value; nothing stands in for nothing.
    fn stand_ins(&self, vr: VR, bytes: &[u8]) -> Option<ValueBytes> {
        let text = std::str::from_utf8(bytes).ok()?.trim_matches(['\0', ' ']);
        let of = |value: &str| {
            let plain = value.trim();
            if plain.is_empty() { String::new() } else { self.pseudonymiser.stand_in(plain) }
        };
        let values: Vec<String> =
            if tag::is_multi_valued_text(vr) { text.split('\\').map(of).collect() } else { vec![of(text)] };
        Some(values.join("\\").into_bytes().into())
    }

    /// Whether a name that somebody gave to a part of the object names somebody, or holds a number that is longer than a year.
    fn may_be_somebody(&self, bytes: &[u8]) -> bool {
        let runs = bytes.split(|byte| !byte.is_ascii_digit());
        self.names_somebody(bytes) || runs.map(<[u8]>::len).any(|digits| digits > 4)
    }

    /// A word and a number in the place of such a name: equal for equal names, and clean itself.
    fn numbered(&self, bytes: &[u8]) -> ValueBytes {
        let name = String::from_utf8_lossy(bytes).trim_matches(['\0', ' ']).to_uppercase();
        let [a, b, ..] = self.pseudonymiser.digest("layer", &name);
        ValueBytes::from_slice(format!("LAYER {:04}", u16::from_be_bytes([a, b]) % 10_000).as_bytes())
    }

    /// Whether something that is known of the person, or of others whom the object names, stands in the text.
    fn names_somebody(&self, bytes: &[u8]) -> bool {
        std::str::from_utf8(bytes).is_ok_and(|text| self.text.is_known(text))
    }

    /// A number that identifies: an NHS number of anybody, or one that is this person's.
    fn is_identifier(&self, value: &str) -> bool {
        let value = value.trim_matches([' ', '\0']);
        let is_long = value.len() > 4 && value.bytes().all(|b| b.is_ascii_digit());
        is_nhs_number(value) || (is_long && self.text.is_known(value))
    }

    /// Each value that is a listed term or made of allowed words, in its place; `None` if that leaves nothing of something.
    fn terms(&self, tag: Tag, vr: VR, bytes: &[u8]) -> Option<ValueBytes> {
        let text = std::str::from_utf8(bytes).ok()?.trim_end_matches(['\0', ' ']);
        let given: Vec<&str> = text.split('\\').map(|value| value.trim_matches(' ')).collect();
        let terms: Vec<Option<&str>> = given.iter().map(|value| self.term(tag, vr, value)).collect();
        let is_whole = !terms.contains(&None);
        let kept = terms.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>().join("\\");
        if is_whole {
            return Some(kept.into_bytes().into());
        }
        let left = kept.trim_end_matches('\\');
        // Row and column stand or fall together (PS3.3 C.7.6.1.1.1).
        (!left.is_empty() && tag != tags::PATIENT_ORIENTATION).then(|| left.as_bytes().into())
    }

    /// A value that may stand: a listed term as the list spells it, or one in which there is nothing to clean.
    fn term<'v>(&self, tag: Tag, vr: VR, value: &'v str) -> Option<&'v str> {
        if value.is_empty() {
            return Some("");
        }
        let is_one =
            || values::is_valid(vr, value.as_bytes()) || (vr == VR::CS && values::is_loose_code(value));
        let is_clean = || is_one() && self.text.clean(value).text == value;
        // Makers number kinds of images; nothing else is so short but a date (`120453`), which has its month in the middle.
        let is_kind = || {
            let is_short = value.len() <= 6 && value.bytes().all(|byte| byte.is_ascii_digit());
            let may_be_day =
                || value.len() == 6 && value.get(2..4).is_some_and(|n| ("01"..="12").contains(&n));
            tag == tags::IMAGE_TYPE && is_short && !may_be_day() && !self.text.is_known(value)
        };
        self.profile.term(tag, vr, value).or_else(|| (is_clean() || is_kind()).then_some(value))
    }

    fn shifted(&self, vr: VR, bytes: &[u8]) -> ValueBytes {
        let days = *self.subject.offset_days.inside();
        let shift = if vr == VR::DA { dates::shift_da } else { dates::shift_dt };
        each_value(bytes, |value| shift(value, days))
    }

    fn ages(&self, bytes: &[u8]) -> Option<ValueBytes> {
        let is_valid = values::is_valid(VR::AS, bytes);
        let ages = self.profile.ages();
        let capped = |value: &str| ages.outgoing(value).unwrap_or_else(|| value.to_owned());
        is_valid.then(|| each_value(bytes, capped))
    }

    /// Says, at the top level, who this is now and what was done; earlier claims are replaced (PS3.3 C.7.1.1, C.12.1).
    fn declare(&self, dataset: &mut Dataset, told: Option<&str>) {
        let pseudonym = self.subject.pseudonym.as_str();
        dataset.put_text(tags::PATIENT_NAME, VR::PN, pseudonym);
        dataset.put_text(tags::PATIENT_ID, VR::LO, pseudonym);
        dataset.put_text(tags::PATIENT_IDENTITY_REMOVED, VR::CS, "YES");
        let mut codes = vec![code_item("DCM", "113100", "Basic Application Confidentiality Profile")];
        for (code, meaning) in self.profile.options().map(ProfileOption::code) {
            codes.push(code_item("DCM", code, meaning));
        }
        dataset.put_text(tags::DEIDENTIFICATION_METHOD, VR::LO, &self.profile.methods().join("\\"));
        dataset.put(Element::items_of(tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE, codes));
        let modified = match self.profile.dates() {
            Dates::Shift => "MODIFIED",
            Dates::Remove => "REMOVED",
            // Dates that someone moved before stay moved.
            Dates::Keep if matches!(told, Some("MODIFIED" | "REMOVED")) => "MODIFIED",
            Dates::Keep => "UNMODIFIED",
        };
        dataset.put_text(tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED, VR::CS, modified);
    }
}

/// Takes back the declaration of an option that there was nothing to carry out on (CID 7050).
pub(crate) fn undeclare(dataset: &mut Dataset, option: ProfileOption) {
    let ((code, _), method) = (option.code(), option.method());
    let methods: Vec<&str> =
        dataset.texts(tags::DEIDENTIFICATION_METHOD).filter(|declared| *declared != method).collect();
    let methods = methods.join("\\");
    let is_other = |item: &&Dataset| item.text(tags::CODE_VALUE) != Some(code);
    let codes =
        dataset.items(tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE).iter().filter(is_other).cloned().collect();
    dataset.put_text(tags::DEIDENTIFICATION_METHOD, VR::LO, &methods);
    dataset.put(Element::items_of(tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE, codes));
}

/// Names the creators of the private elements that are left, and no others.
fn reserve(cleaned: &mut Dataset, blocks: &Blocks) {
    let kept = cleaned.iter().filter_map(|element| {
        Some((private::creator_of(element.tag)?, blocks.creator(element.tag)?.to_owned()))
    });
    for (tag, creator) in kept.collect::<BTreeMap<_, _>>() {
        cleaned.put_text(tag, VR::LO, &creator);
    }
}

/// The element as the dictionary would have it: its VR, and its value, or none where it cannot be read so.
fn read_as(listed: VR, element: Element) -> (VR, Option<Value>) {
    let found = element.vr;
    match element.value {
        Value::Items(items) if listed == VR::SQ => (listed, Some(Value::Items(items))),
        Value::Items(_) => (listed, None),
        Value::Bytes(bytes) if listed == VR::SQ => {
            (listed, bytes.is_empty().then_some(Value::Items(Vec::new())))
        }
        Value::Bytes(bytes) if values::is_compatible(listed, found) => (found, Some(Value::Bytes(bytes))),
        // Another text VR, or UN: the value must do for the VR of the dictionary. Bytes of unknown character set must be ASCII.
        Value::Bytes(bytes) if tag::is_text(listed) && tag::is_text(found) => {
            (listed, Some(Value::Bytes(bytes)))
        }
        Value::Bytes(bytes) if found == VR::UN && tag::is_text(listed) => {
            (listed, bytes.is_ascii().then_some(Value::Bytes(bytes)))
        }
        Value::Bytes(bytes) if found == VR::UN || bytes.is_empty() => (listed, Some(Value::Bytes(bytes))),
        Value::Bytes(_) => (listed, None),
    }
}

fn empty(tag: Tag, vr: VR) -> Element {
    if vr == VR::SQ { Element::items_of(tag, Vec::new()) } else { Element::bytes_of(tag, vr, Vec::new()) }
}

/// Ten digits that are an NHS number are no measurement, however the number is written.
fn is_nhs_number(value: &str) -> bool {
    let value = value.trim_matches([' ', '\0']);
    let whole = value.parse::<f64>().ok().filter(|n| n.fract() == 0.0 && (1e9..1e10).contains(n));
    let whole = whole.map(|n| format!("{n:.0}"));
    [Some(value), whole.as_deref()].into_iter().flatten().any(|digits| NhsNumber::parse(digits).is_ok())
}

/// Whether there are as many digits as a date has: no name of a pulse sequence or of a codec has them.
fn is_dated(bytes: &[u8]) -> bool {
    bytes.iter().filter(|byte| byte.is_ascii_digit()).count() >= 6
}

/// Each value of a multi-valued text.
fn values_of(bytes: &[u8]) -> impl Iterator<Item = &str> {
    std::str::from_utf8(bytes).unwrap_or_default().split('\\')
}

/// Each value of a multi-valued text, changed.
fn each_value(bytes: &[u8], change: impl Fn(&str) -> String) -> ValueBytes {
    let Ok(text) = std::str::from_utf8(bytes) else { return ValueBytes::new() };
    let text = text.trim_end_matches(['\0', ' ']);
    text.split('\\')
        .map(|value| change(value.trim_matches(' ')))
        .collect::<Vec<_>>()
        .join("\\")
        .into_bytes()
        .into()
}

/// Dates and times that are valid; others become empty, in their place.
fn only_valid(vr: VR, bytes: &[u8]) -> ValueBytes {
    each_value(
        bytes,
        |value| if values::is_valid(vr, value.as_bytes()) { value.to_owned() } else { String::new() },
    )
}

/// Timezone Offset From UTC (0008,0201) is the one attribute among the dates that is text (PS3.3 C.12.1.1.8).
fn utc_offset(tag: Tag, bytes: &[u8]) -> Option<ValueBytes> {
    let text = std::str::from_utf8(bytes).ok()?.trim_matches([' ', '\0']);
    (tag == tags::TIMEZONE_OFFSET_FROM_UTC && (text.is_empty() || dates::is_utc_offset(text)))
        .then(|| text.as_bytes().into())
}

/// An item of a code sequence.
pub(crate) fn code_item(scheme: &str, value: &str, meaning: &str) -> Dataset {
    let mut item = Dataset::new();
    item.put_text(tags::CODE_VALUE, VR::SH, value);
    item.put_text(tags::CODING_SCHEME_DESIGNATOR, VR::SH, scheme);
    item.put_text(tags::CODE_MEANING, VR::LO, meaning);
    item
}

/// A code that says nothing, for a code sequence that may not be empty.
fn dummy_code() -> Dataset {
    let mut item = Dataset::new();
    codes::Coded::removed().put(&mut item);
    item
}

#[cfg(test)]
mod table;
#[cfg(test)]
mod tests;
