//! The look at an object that this or another program has cleaned: what the profile would not have let out, and what identifies.
//!
//! It cannot tell a stand-in from an original value, so an attribute that may stay with another value is only searched, for
//! patterns of identifiers and for the identifiers of the originals where the caller has them.

use crate::instance::{Instance, Rejection};
use crate::pixels::{Asked, Declared, Judgement, PixelPolicy, PixelReason, Task, clean, markers};
use crate::profile::{Profile, ProfileOption, Types};
use crate::verify::{Residue, Verifier, may_go_out};
use dicom::dataset::{Dataset, Element};
use dicom::part10::{self, Limits, Object, ReadError, Source};
use dicom::private::Blocks;
use dicom::tag::{self, Tag, tags};
use residue::{FindingKind, Form, Needle, NeedleKind, ReadSeek};
use std::fmt;
use std::sync::Arc;

/// More say nothing new of one object.
const DOUBTS_MAX: usize = 256;

/// Something that should not be there; it holds no value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Doubt {
    /// A stable code.
    pub code: &'static str,
    /// A path of tags; empty for what concerns the whole object.
    pub place: String,
    /// What it is, in words.
    pub what: String,
}

/// Identifiers of patients, from original objects.
#[derive(Clone, Default)]
pub struct Known(Vec<Needle>);

impl Known {
    /// Those of one original.
    pub fn of(original: Box<dyn Source>, limits: &Limits) -> Result<Self, Rejection> {
        let opened = Instance::open(original, limits)?;
        let mut needles = opened.needles().to_vec();
        let uid = opened.facts().sop_instance_uid.inside();
        if !uid.is_empty() {
            needles.push(Needle::new(NeedleKind::Uid, uid.clone()));
        }
        Ok(Self(needles))
    }

    /// Adds those of another original, each once.
    pub fn add(&mut self, other: Self) {
        for needle in other.0 {
            if !self.0.contains(&needle) {
                self.0.push(needle);
            }
        }
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What a reader of its frames finds: reasons why they cannot be read, or that there is text.
fn read(object: Object, known: &[Needle]) -> Vec<PixelReason> {
    let task = Task { is_read: true, ..Task::default() };
    match clean(object, &task, &markers(known)) {
        Ok((_, inspection)) if inspection.regions.is_empty() => Vec::new(),
        Ok(_) => vec![PixelReason::TextRemains],
        Err(held) => held.reasons,
    }
}

/// Shows how many they are only.
impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Known({})", self.0.len())
    }
}

/// Inspects objects under a profile and a pixel policy.
pub struct Inspector {
    profile: Arc<Profile>,
    pixels: PixelPolicy,
    limits: Limits,
}

impl Inspector {
    /// Under this profile and policy.
    pub fn new(profile: Arc<Profile>, pixels: PixelPolicy) -> Self {
        Self { profile, pixels, limits: Limits::default() }
    }

    /// Everything that should not be there, in order; nothing if the object is clean as far as one can tell. `source` and `bytes`
    /// are the same object.
    pub fn inspect(
        &self,
        source: Box<dyn Source>,
        bytes: &mut dyn ReadSeek,
        known: &Known,
        verifier: &Verifier,
    ) -> Result<Vec<Doubt>, ReadError> {
        let mut object = part10::open(source, &self.limits)?;
        let mut doubts = Doubts::default();
        let types = Types::of(object.dataset.text(tags::SOP_CLASS_UID));
        if object.dataset.text(tags::PATIENT_IDENTITY_REMOVED) != Some("YES") {
            let what = "the object does not say that identity was removed";
            doubts.add("identity-not-removed", tags::PATIENT_IDENTITY_REMOVED.to_string(), what);
        }
        for set in [&object.dataset, &object.trailing] {
            self.level(set, types, &mut Vec::new(), &mut doubts);
        }
        let class = object.dataset.text(tags::SOP_CLASS_UID).unwrap_or_default();
        let mut declared = Declared::of(&object.dataset, class, object.pixels.is_some());
        declared.note(&object.trailing);
        if self.profile.has(ProfileOption::CleanRecognizableVisualFeatures) {
            declared.note_face(&object.dataset);
        }
        if let Err(error) = object.account_for_pixels() {
            doubts.add(
                error.code(),
                String::new(),
                "the pixel data element holds what is no pixel, or too little",
            );
        }
        let mut needles = known.0.clone();
        if !self.profile.maps_uids() {
            needles.retain(|needle| needle.kind != NeedleKind::Uid);
        }
        // Another program's bytes may say one thing here and another there: nothing is excused.
        let searched = verifier.search(needles, bytes, Form::Dicom);
        let uid = object.dataset.text(tags::SOP_INSTANCE_UID).unwrap_or_default();
        let reasons = match self.pixels.judge(&declared, Asked::of(&self.profile), uid) {
            Judgement::Pass(_) => Vec::new(),
            Judgement::Read(_) | Judgement::Doubt(_, Some(_)) => read(object, &known.0),
            Judgement::Doubt(reasons, None) | Judgement::Withhold(reasons) | Judgement::Reject(reasons) => {
                reasons
            }
        };
        for reason in reasons {
            doubts.add(reason.code(), String::new(), "an image that does not pass unseen");
        }
        match searched {
            Ok(()) => {}
            Err(Residue::Found(findings)) => {
                for finding in &findings {
                    doubts.add("residue-found", finding.place.clone(), kind(finding.kind));
                }
            }
            Err(other) => doubts.add(other.code(), String::new(), "it cannot be searched"),
        }
        Ok(doubts.0)
    }

    fn level(&self, set: &Dataset, types: Types, at: &mut Vec<Tag>, doubts: &mut Doubts) {
        let blocks = Blocks::of(set);
        for element in set {
            let sequence = at.last().copied();
            at.push(element.tag);
            if let Some((code, what)) = self.of(element, types, sequence, &blocks) {
                doubts.add(code, crate::changes::path_text(at), what);
            } else {
                element.items().iter().for_each(|item| self.level(item, types, at, doubts));
            }
            at.pop();
        }
    }

    /// Why the profile would not have let an element out, if it would not.
    fn of(
        &self,
        element: &Element,
        types: Types,
        sequence: Option<Tag>,
        blocks: &Blocks,
    ) -> Option<(&'static str, &'static str)> {
        let tag = element.tag;
        if element.is_empty() || tag.1 == 0 || part10::is_pixel_data(tag) {
            return None;
        }
        if tag::is_private(tag) {
            let may_stay = self.profile.keeps_safe_private() && blocks.is_safe(element);
            return (!may_stay)
                .then_some(("private-element", "a private element that is not known to be safe"));
        }
        let Some(entry) = tag::entry(tag) else {
            return Some(("unknown-element", "an element that the dictionary does not know"));
        };
        let is_removed = !may_go_out(&self.profile, types, sequence, tag, entry.vr);
        is_removed.then_some(("element-not-allowed", "an element that the profile removes"))
    }
}

/// What was found so far.
#[derive(Default)]
struct Doubts(Vec<Doubt>);

impl Doubts {
    fn add(&mut self, code: &'static str, place: String, what: impl Into<String>) {
        let doubt = Doubt { code, place, what: what.into() };
        if self.0.len() < DOUBTS_MAX && !self.0.contains(&doubt) {
            self.0.push(doubt);
        }
    }
}

fn kind(kind: FindingKind) -> String {
    match kind {
        FindingKind::Needle(kind) => format!("an identifier of an original: {}", lower(kind)),
        FindingKind::Pattern(kind) => format!("what looks like an identifier: {}", lower(kind)),
    }
}

fn lower(kind: impl fmt::Debug) -> String {
    format!("{kind:?}").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{ForProcessing, Settings};
    use dicom::part10::{FileMeta, Object};
    use dicom::tag::VR;
    use dicom::uid::{sop_class, transfer_syntax};
    use std::io::Cursor;

    fn file(elements: &[(Tag, VR, &str)]) -> Vec<u8> {
        let mut set = Dataset::new();
        set.put_text(tags::SOP_CLASS_UID, VR::UI, sop_class::CT_IMAGE);
        set.put_text(tags::SOP_INSTANCE_UID, VR::UI, "2.25.7");
        set.put_text(tags::MODALITY, VR::CS, "CT");
        set.put_text(tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY");
        for (tag, value) in
            [(tags::ROWS, 1_u16), (tags::COLUMNS, 2), (tags::SAMPLES_PER_PIXEL, 1), (tags::BITS_ALLOCATED, 8)]
        {
            set.put(Element::bytes_of(tag, VR::US, value.to_le_bytes()));
        }
        elements.iter().for_each(|(tag, vr, text)| set.put_text(*tag, *vr, text));
        let meta = FileMeta {
            transfer_syntax: transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN.into(),
            ..FileMeta::default()
        };
        let mut bytes = Cursor::new(Vec::new());
        Object::new(meta, set).with_native_pixels(VR::OW, vec![0; 2]).write(&mut bytes).unwrap();
        bytes.into_inner()
    }

    fn found(bytes: Vec<u8>, known: &Known) -> Vec<(&'static str, String)> {
        found_under(&Settings::basic("test"), bytes, known)
    }

    fn found_under(settings: &Settings, bytes: Vec<u8>, known: &Known) -> Vec<(&'static str, String)> {
        let profile = Arc::new(Profile::new(settings).unwrap());
        let inspector = Inspector::new(profile, PixelPolicy::new(ForProcessing::Reject));
        let source = Box::new(Cursor::new(bytes.clone()));
        let doubts = inspector.inspect(source, &mut Cursor::new(bytes), known, &Verifier::default()).unwrap();
        doubts.into_iter().map(|doubt| (doubt.code, doubt.place)).collect()
    }

    const REMOVED: (Tag, VR, &str) = (tags::PATIENT_IDENTITY_REMOVED, VR::CS, "YES");

    #[test]
    fn what_is_clean_raises_no_doubt() {
        assert_eq!(found(file(&[REMOVED]), &Known::default()), []);
    }

    #[test]
    fn each_thing_that_should_not_be_there_is_named() {
        let bytes = file(&[
            (tags::PATIENT_ADDRESS, VR::LO, "1 Shore Road"),
            (Tag(0x0009, 0x0010), VR::LO, "ACME"),
            (tags::PATIENT_ID, VR::LO, "999 000 0018"),
            (tags::BURNED_IN_ANNOTATION, VR::CS, "YES"),
        ]);
        let found = found(bytes, &Known::default());
        for (code, place) in [
            ("identity-not-removed", "(0012,0062)"),
            ("private-element", "(0009,0010)"),
            ("element-not-allowed", "(0010,1040)"),
            ("pixels-burned-in-annotation", ""),
            ("residue-found", "(0010,0020)"),
        ] {
            assert!(found.contains(&(code, place.to_owned())), "{code} in {found:?}");
        }
    }

    #[test]
    fn a_face_is_looked_for_where_faces_are_to_go() {
        let settings = Settings::basic("test")
            .with_options(&["clean-recognizable-visual-features", "clean-descriptors"]);
        let of = |description| {
            let told = (tags::STUDY_DESCRIPTION, VR::LO, description);
            let bytes = file(&[REMOVED, (tags::BODY_PART_EXAMINED, VR::CS, "CHEST"), told]);
            found_under(&settings, bytes, &Known::default())
        };
        assert_eq!(of("CT chest"), []);
        assert_eq!(of("CT head and chest"), [("pixels-visual-features", String::new())]);
    }

    #[test]
    fn identifiers_of_the_original_are_found() {
        let original = file(&[(tags::PATIENT_NAME, VR::PN, "Fernsby^Horatia")]);
        let known = Known::of(Box::new(Cursor::new(original)), &Limits::default()).unwrap();
        let cleaned = file(&[REMOVED, (tags::PATIENT_ID, VR::LO, "horatia fernsby")]);
        let found = found(cleaned, &known);
        assert!(found.contains(&("residue-found", "(0010,0020)".to_owned())), "{found:?}");
    }
}
