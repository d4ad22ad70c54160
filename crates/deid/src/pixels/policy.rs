//! The pixel policy: which images go out without a person looking at them (PS3.15 E.3.1; profiles/pixels.toml).
//!
//! It judges what the object says of itself. What is not plainly a primary image of a listed kind is held.

pub mod region;

use crate::profile::ForProcessing;
use dicom::dataset::Dataset;
use dicom::tag::{self, Tag, tags};
use serde::Deserialize;
use std::sync::LazyLock;

const POLICY: &str = include_str!("../../../profiles/pixels.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    class: Vec<Class>,
    suspicious: Suspicious,
    processing: Processing,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Class {
    #[serde(rename = "name")]
    _name: String,
    uid: String,
    modalities: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Suspicious {
    image_type: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Processing {
    classes: Vec<String>,
}

/// Why an image is not passed unseen. The codes are stable: they stand in holds, counts and reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PixelReason {
    /// The SOP class is not one whose images pass.
    ClassNotListed,
    /// The object has no pixel data.
    NoPixelData,
    /// The modality is not one of its SOP class.
    ModalityDisagrees,
    /// Image Type (0008,0008) does not say whether the image is primary.
    ImageTypeUnclear,
    /// Image Type says secondary, or a screen, a report, a composite.
    NotPrimary,
    /// Burned In Annotation (0028,0301) is anything but NO, where present.
    BurnedInAnnotation,
    /// Conversion Type (0008,0064): the image was made from something else.
    Converted,
    /// Overlays (60xx) were part of it.
    Overlays,
    /// Graphics or text annotations (group 0070) were part of it.
    Graphics,
    /// Presentation Intent Type (0008,0068) or the SOP class says FOR PROCESSING.
    ForProcessing,
}

impl PixelReason {
    /// The code.
    pub fn code(self) -> &'static str {
        match self {
            Self::ClassNotListed => "pixels-class-not-listed",
            Self::NoPixelData => "pixels-none",
            Self::ModalityDisagrees => "pixels-modality-disagrees",
            Self::ImageTypeUnclear => "pixels-image-type-unclear",
            Self::NotPrimary => "pixels-not-primary",
            Self::BurnedInAnnotation => "pixels-burned-in-annotation",
            Self::Converted => "pixels-converted",
            Self::Overlays => "pixels-overlays",
            Self::Graphics => "pixels-graphics",
            Self::ForProcessing => "pixels-for-processing",
        }
    }
}

/// What a person has said of an image that the policy holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Review {
    /// Nobody has looked.
    Pending,
    /// A person has looked and found nothing that identifies: doubts about pixels are settled, rejections are not.
    Released,
}

/// What the object declared of its pixels before its elements were cleaned away.
#[derive(Clone, Default)]
pub(crate) struct Declared {
    sop_class: String,
    modality: String,
    image_type: Vec<String>,
    burned_in: Option<String>,
    intent: Option<String>,
    converted: bool,
    overlays: bool,
    graphics: bool,
    has_pixels: bool,
}

impl Declared {
    pub(crate) fn of(dataset: &Dataset, sop_class: &str, has_pixels: bool) -> Self {
        let mut declared = Self {
            sop_class: sop_class.to_owned(),
            modality: declared(dataset, tags::MODALITY).unwrap_or_default(),
            image_type: declared(dataset, tags::IMAGE_TYPE)
                .map(|values| values.split('\\').map(|value| value.trim().to_owned()).collect())
                .unwrap_or_default(),
            burned_in: declared(dataset, tags::BURNED_IN_ANNOTATION),
            intent: declared(dataset, tags::PRESENTATION_INTENT_TYPE),
            has_pixels,
            ..Self::default()
        };
        declared.note(dataset);
        declared
    }

    /// Overlays, graphics and conversions, at any depth.
    pub(crate) fn note(&mut self, dataset: &Dataset) {
        for element in dataset {
            match element.tag.0 {
                0x6000..=0x60FF if !tag::is_private(element.tag) => self.overlays = true,
                0x0070 => self.graphics = true,
                _ => self.converted |= element.tag == tags::CONVERSION_TYPE && !element.is_empty(),
            }
            for item in element.items() {
                self.note(item);
            }
        }
    }
}

/// What an attribute says, under whatever VR it was written: routers write UN (PS3.5 §6.2.2), and a declaration counts all
/// the same. What is not text says something that nobody knows.
fn declared(dataset: &Dataset, tag: Tag) -> Option<String> {
    let text = String::from_utf8_lossy(dataset.get(tag)?.bytes());
    Some(text.trim_matches([' ', '\0']).to_uppercase())
}

/// Which images pass unseen.
pub struct PixelPolicy {
    for_processing: ForProcessing,
}

/// A judgement: nothing, doubts that a person may settle, or reasons why it is outside the project.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    Pass,
    Doubt(Vec<PixelReason>),
    Reject(Vec<PixelReason>),
}

impl PixelPolicy {
    /// The compiled-in policy, and what the project says of FOR PROCESSING images.
    pub fn new(for_processing: ForProcessing) -> Self {
        Self { for_processing }
    }

    pub(crate) fn judge(&self, declared: &Declared) -> Judgement {
        use PixelReason as R;
        let file = policy();
        let mut doubts = Vec::new();
        let mut doubt = |is: bool, reason| {
            if is {
                doubts.push(reason);
            }
        };
        let class = file.class.iter().find(|class| class.uid == declared.sop_class);
        let processing = declared.intent.as_deref().is_some_and(|intent| intent == "FOR PROCESSING")
            || file.processing.classes.contains(&declared.sop_class);
        if processing && self.for_processing == ForProcessing::Reject {
            return Judgement::Reject(vec![R::ForProcessing]);
        }
        let listed_word = |value: &String| file.suspicious.image_type.contains(value);
        doubt(processing, R::ForProcessing);
        doubt(class.is_none() && !processing, R::ClassNotListed);
        doubt(!declared.has_pixels, R::NoPixelData);
        doubt(
            class.is_some_and(|class| !class.modalities.contains(&declared.modality)),
            R::ModalityDisagrees,
        );
        match declared.image_type.get(1).map(String::as_str) {
            _ if declared.image_type.iter().any(listed_word) => doubt(true, R::NotPrimary),
            Some("PRIMARY") => {}
            _ => doubt(true, R::ImageTypeUnclear),
        }
        doubt(declared.burned_in.as_deref().is_some_and(|value| value != "NO"), R::BurnedInAnnotation);
        doubt(declared.converted, R::Converted);
        doubt(declared.overlays, R::Overlays);
        doubt(declared.graphics, R::Graphics);
        if doubts.is_empty() { Judgement::Pass } else { Judgement::Doubt(doubts) }
    }
}

fn policy() -> &'static PolicyFile {
    static FILE: LazyLock<PolicyFile> = LazyLock::new(|| {
        // A test reads it, so a file that cannot be read never ships; without it nothing passes.
        toml::from_str(POLICY).unwrap_or(PolicyFile {
            class: Vec::new(),
            suspicious: Suspicious { image_type: Vec::new() },
            processing: Processing { classes: Vec::new() },
        })
    });
    &FILE
}

#[cfg(test)]
mod tests {
    use super::*;
    use dicom::dataset::Element;
    use dicom::tag::{Tag, VR};
    use dicom::uid::sop_class;

    fn judge(class: &str, modality: &str, image_type: &str, more: &[(Tag, &str)]) -> Judgement {
        let mut set = Dataset::new();
        set.put_text(tags::MODALITY, VR::CS, modality);
        set.put_text(tags::IMAGE_TYPE, VR::CS, image_type);
        for (tag, value) in more {
            set.put_text(*tag, VR::CS, value);
        }
        PixelPolicy::new(ForProcessing::Reject).judge(&Declared::of(&set, class, true))
    }

    #[test]
    fn primary_radiographs_ct_and_mr_that_declare_nothing_pass() {
        assert!(!policy().class.is_empty());
        for (class, modality, image_type) in [
            (sop_class::CT_IMAGE, "CT", "ORIGINAL\\PRIMARY\\AXIAL"),
            (sop_class::CR_IMAGE, "CR", "DERIVED\\PRIMARY"),
            (sop_class::DX_FOR_PRESENTATION, "DX", "DERIVED\\PRIMARY"),
            (sop_class::MR_IMAGE, "MR", "ORIGINAL\\PRIMARY\\M\\ND"),
        ] {
            assert_eq!(judge(class, modality, image_type, &[]), Judgement::Pass);
        }
        let no = [(tags::BURNED_IN_ANNOTATION, "NO")];
        assert_eq!(judge(sop_class::CT_IMAGE, "CT", "ORIGINAL\\PRIMARY", &no), Judgement::Pass);
    }

    #[test]
    fn each_suspicion_is_named() {
        use PixelReason as R;
        let ct = |image_type, more: &[(Tag, &str)]| judge(sop_class::CT_IMAGE, "CT", image_type, more);
        let primary = "ORIGINAL\\PRIMARY";
        for (judgement, reason) in [
            (ct(primary, &[(tags::BURNED_IN_ANNOTATION, "YES")]), R::BurnedInAnnotation),
            (ct("DERIVED\\SECONDARY", &[]), R::NotPrimary),
            (ct("DERIVED\\PRIMARY\\SCREEN SAVE", &[]), R::NotPrimary),
            (ct("ORIGINAL", &[]), R::ImageTypeUnclear),
            (ct(primary, &[(tags::CONVERSION_TYPE, "WSD")]), R::Converted),
            (ct(primary, &[(Tag(0x6002, 0x3000), "x")]), R::Overlays),
            (ct(primary, &[(Tag(0x0070, 0x0001), "x")]), R::Graphics),
            (judge(sop_class::CT_IMAGE, "OT", primary, &[]), R::ModalityDisagrees),
            (judge(sop_class::SECONDARY_CAPTURE, "OT", primary, &[]), R::ClassNotListed),
        ] {
            assert_eq!(judgement, Judgement::Doubt(vec![reason]));
        }
    }

    #[test]
    fn a_declaration_counts_whatever_its_vr() {
        for (tag, value, expected) in [
            (tags::BURNED_IN_ANNOTATION, "yes ", Judgement::Doubt(vec![PixelReason::BurnedInAnnotation])),
            (
                tags::BURNED_IN_ANNOTATION,
                "\u{1}\u{2}",
                Judgement::Doubt(vec![PixelReason::BurnedInAnnotation]),
            ),
            (tags::BURNED_IN_ANNOTATION, "NO", Judgement::Pass),
            (
                tags::PRESENTATION_INTENT_TYPE,
                "FOR PROCESSING",
                Judgement::Reject(vec![PixelReason::ForProcessing]),
            ),
            (tags::IMAGE_TYPE, "ORIGINAL\\SECONDARY", Judgement::Doubt(vec![PixelReason::NotPrimary])),
        ] {
            for vr in [VR::UN, VR::LO, VR::OB] {
                let mut set = Dataset::new();
                set.put_text(tags::MODALITY, VR::CS, "CT");
                set.put_text(tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY");
                set.put(Element::bytes_of(tag, vr, value));
                let judged = PixelPolicy::new(ForProcessing::Reject).judge(&Declared::of(
                    &set,
                    sop_class::CT_IMAGE,
                    true,
                ));
                assert_eq!(judged, expected, "{tag} {vr:?}");
            }
        }
    }

    #[test]
    fn graphics_inside_an_item_count() {
        let item: Dataset = [Element::text_of(Tag(0x6000, 0x3000), VR::OW, "xx")].into_iter().collect();
        let mut set = Dataset::new();
        set.put(Element::items_of(tags::SOURCE_IMAGE_SEQUENCE, vec![item]));
        assert!(Declared::of(&set, sop_class::CT_IMAGE, true).overlays);
    }

    #[test]
    fn for_processing_is_outside_the_project() {
        let intent = [(tags::PRESENTATION_INTENT_TYPE, "FOR PROCESSING")];
        let reject = Judgement::Reject(vec![PixelReason::ForProcessing]);
        assert_eq!(judge(sop_class::DX_FOR_PRESENTATION, "DX", "ORIGINAL\\PRIMARY", &intent), reject);
        assert_eq!(judge(sop_class::DX_FOR_PROCESSING, "DX", "ORIGINAL\\PRIMARY", &[]), reject);
    }
}
