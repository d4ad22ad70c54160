//! The pixel policy: which images go out without a person looking at them, and which are read for text (PS3.15 E.3.1;
//! profiles/pixels.toml).
//!
//! It judges what the object says of itself. Without the option, what is not plainly a primary image of a listed kind is held.

use super::clean::{Extent, Task, regions_without};
use super::detect::Markers;
use super::region::Region;
use crate::profile::{
    DeviceRegions, ForProcessing, InspectPrimary, LossyJpeg, PixelSettings, Profile, ProfileOption,
};
use dicom::dataset::Dataset;
use dicom::tag::{self, Tag, tags};
use residue::Needle;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use submission::digest::Digest;

const POLICY: &str = include_str!("../../../../profiles/pixels.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    class: Vec<Class>,
    suspicious: Suspicious,
    processing: Processing,
    faceless: Faceless,
    marker: Marker,
    /// SOP classes by UID, each with its name.
    picture: BTreeMap<String, String>,
    values: BTreeMap<String, String>,
    document: BTreeMap<String, String>,
    without_pixels: Vec<WithoutPixels>,
    #[serde(default)]
    device: Vec<DeviceRegions>,
}

/// SOP classes that have no pixel data.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WithoutPixels {
    /// The option that cleans what they have instead.
    cleaned_by: Option<String>,
    classes: BTreeMap<String, String>,
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
struct Faceless {
    body_parts: Vec<String>,
    near: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Marker {
    words: Vec<String>,
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
    /// The object is a document or a model in a wrapping.
    Document,
    /// Nothing here decodes its frames, or they are not what the header says.
    Undecodable,
    /// A frame, or all of them once decoded, are larger than is looked at.
    TooLarge,
    /// Its pixel data could not be read from where it lies.
    Unreadable,
    /// Its pixel data is not what it should be from its first byte to its last: the code of [`dicom::part10::PixelError`].
    Unaccounted(&'static str),
    /// Burned In Annotation says that there is something, and nothing was found.
    DeclaredNotFound,
    /// Most of it would have to be blanked.
    MostlyText,
    /// Text is still found after it was blanked several times.
    TextRemains,
    /// The project asks for faces to be removed, and the image may show one (PS3.15 E.3.2).
    VisualFeatures,
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
            Self::Document => "encapsulated-document",
            Self::Undecodable => "pixels-undecodable",
            Self::TooLarge => "pixels-too-large",
            Self::Unreadable => "pixels-unreadable",
            Self::Unaccounted(code) => code,
            Self::DeclaredNotFound => "pixels-declared-not-found",
            Self::MostlyText => "pixels-mostly-text",
            Self::TextRemains => "pixels-text-remains",
            Self::VisualFeatures => "pixels-visual-features",
        }
    }
}

/// What a person has said of an image that the policy holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Review {
    /// Nobody has looked.
    Pending,
    /// A person has looked and found nothing that identifies: doubts about pixels are settled, rejections are not.
    Released,
    /// A person has looked and found nothing that identifies outside these regions, which are blanked in every frame.
    Masked(Vec<Region>),
    /// Nobody has looked at this image, but a rule for its device settles the doubts: these regions are blanked in every frame,
    /// and the rest is read for text, whatever the profile asks for.
    Ruled(Vec<Region>),
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
    body_part: String,
    /// Not known where nobody has looked: see [`Declared::note_face`].
    speaks_of_a_face: Option<bool>,
    manufacturer: String,
    model: String,
    rows: u32,
    columns: u32,
    /// Where an ultrasound picture shows its patient (PS3.3 §C.8.5.5).
    ultrasound: Vec<Region>,
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
            body_part: declared(dataset, tags::BODY_PART_EXAMINED).unwrap_or_default(),
            manufacturer: declared(dataset, tags::MANUFACTURER).unwrap_or_default(),
            model: declared(dataset, tags::MANUFACTURER_MODEL_NAME).unwrap_or_default(),
            rows: number(dataset, tags::ROWS).unwrap_or(0),
            columns: number(dataset, tags::COLUMNS).unwrap_or(0),
            ultrasound: ultrasound_regions(dataset),
            ..Self::default()
        };
        declared.note(dataset);
        declared
    }

    /// Whether slices of it could be put together to a face, or it is a photograph: it says no part of the body, or one near the face.
    fn may_show_a_face(&self) -> bool {
        let shows_surfaces = matches!(self.modality.as_str(), "CT" | "MR" | "PT" | "XC" | "GM" | "ES" | "OP");
        let is_elsewhere =
            policy().faceless.body_parts.contains(&self.body_part) && self.speaks_of_a_face == Some(false);
        self.has_pixels && shows_surfaces && !is_elsewhere
    }

    /// Looks whether what is said of the examination names a part near the face; needed only where faces are to go.
    pub(crate) fn note_face(&mut self, dataset: &Dataset) {
        self.speaks_of_a_face = Some(speaks_of_a_face(dataset));
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

/// Whether what is said of the examination names a part near the face, whatever Body Part Examined says.
fn speaks_of_a_face(dataset: &Dataset) -> bool {
    let names_it = |text: &str| {
        let mut words = text.split(|c: char| !c.is_alphabetic());
        words.any(|word| policy().faceless.near.iter().any(|near| near.eq_ignore_ascii_case(word)))
    };
    dataset.iter().any(|element| {
        let is_told = matches!(element.tag.0, 0x0008 | 0x0018 | 0x0032 | 0x0040);
        is_told && (element.texts().any(names_it) || element.items().iter().any(speaks_of_a_face))
    })
}

/// What an attribute says, under whatever VR it was written: routers write UN (PS3.5 §6.2.2), and a declaration counts all
/// the same. What is not text says something that nobody knows.
fn declared(dataset: &Dataset, tag: Tag) -> Option<String> {
    let text = String::from_utf8_lossy(dataset.get(tag)?.bytes());
    Some(text.trim_matches([' ', '\0']).to_uppercase())
}

fn number(dataset: &Dataset, tag: Tag) -> Option<u32> {
    dataset.integer(tag).and_then(|value| u32::try_from(value).ok())
}

/// The regions of Sequence of Ultrasound Regions (0018,6011) that lie in the frame. Both corners belong to a region.
fn ultrasound_regions(dataset: &Dataset) -> Vec<Region> {
    let size = number(dataset, tags::COLUMNS).zip(number(dataset, tags::ROWS)).unwrap_or_default();
    let region = |item: &Dataset| {
        let (left, top) =
            (number(item, tags::REGION_LOCATION_MIN_X0)?, number(item, tags::REGION_LOCATION_MIN_Y0)?);
        let (right, bottom) =
            (number(item, tags::REGION_LOCATION_MAX_X1)?, number(item, tags::REGION_LOCATION_MAX_Y1)?);
        let (right, bottom) = (right.saturating_add(1).min(size.0), bottom.saturating_add(1).min(size.1));
        let (width, height) = (right.checked_sub(left)?, bottom.checked_sub(top)?);
        (width > 0 && height > 0).then_some(Region { left, top, width, height })
    };
    dataset.items(tags::SEQUENCE_OF_ULTRASOUND_REGIONS).iter().take(REGIONS_MAX).filter_map(region).collect()
}

/// More ultrasound regions than any screen has.
const REGIONS_MAX: usize = 64;

/// Which options that concern pixels a profile carries out.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Asked {
    features: bool,
    pixels: bool,
    graphics: bool,
    content: bool,
}

impl Asked {
    /// By this profile.
    pub(crate) fn of(profile: &Profile) -> Self {
        let has = |option| profile.options().any(|own| own == option);
        Self {
            features: has(ProfileOption::CleanRecognizableVisualFeatures),
            pixels: has(ProfileOption::CleanPixelData),
            graphics: has(ProfileOption::CleanGraphics),
            content: has(ProfileOption::CleanStructuredContent),
        }
    }

    /// Whether what an object without pixels has instead is cleaned.
    fn cleans(self, without: &WithoutPixels) -> bool {
        match without.cleaned_by.as_deref() {
            None => self.pixels,
            Some(name) if name == ProfileOption::CleanGraphics.name() => self.graphics,
            Some(name) => self.content && name == ProfileOption::CleanStructuredContent.name(),
        }
    }
}

/// Which images pass unseen, and which are read.
pub struct PixelPolicy {
    for_processing: ForProcessing,
    settings: PixelSettings,
}

/// A judgement.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// Its pixels are not looked at.
    Pass(Extent),
    /// Doubts that a person may settle; then this is left to be done, if anything is.
    Doubt(Vec<PixelReason>, Option<Task>),
    /// Held, whatever a person says.
    Withhold(Vec<PixelReason>),
    /// Outside the project.
    Reject(Vec<PixelReason>),
    /// Frames are read.
    Read(Task),
}

impl PixelPolicy {
    /// The compiled-in policy, and what the project says of FOR PROCESSING images.
    pub fn new(for_processing: ForProcessing) -> Self {
        Self { for_processing, settings: PixelSettings::default() }
    }

    /// This policy, and what the project says of pixels.
    pub fn with(mut self, settings: &PixelSettings) -> Self {
        self.settings = settings.clone();
        self
    }

    /// Judges an object that goes out under this SOP Instance UID.
    pub(crate) fn judge(&self, declared: &Declared, asked: Asked, uid: &str) -> Judgement {
        let file = policy();
        let class = declared.sop_class.as_str();
        let processing = declared.intent.as_deref().is_some_and(|intent| intent == "FOR PROCESSING")
            || file.processing.classes.iter().any(|listed| listed == class);
        // Nobody has looked at such an image before: it is accepted only where it is read.
        let is_accepted = self.for_processing == ForProcessing::Accept && asked.pixels;
        if processing && self.for_processing != ForProcessing::Hold && !is_accepted {
            return Judgement::Reject(vec![PixelReason::ForProcessing]);
        }
        // Nothing removes a face yet; a study that may show one waits.
        if asked.features && declared.may_show_a_face() {
            return Judgement::Withhold(vec![PixelReason::VisualFeatures]);
        }
        let doubts = doubts(declared, processing, self.for_processing);
        let without = file.without_pixels.iter().find(|without| without.classes.contains_key(class));
        if without.is_some_and(|without| !declared.has_pixels && asked.cleans(without)) {
            return Judgement::Pass(Extent::NoPixels);
        }
        if !asked.pixels {
            return if doubts.is_empty() {
                Judgement::Pass(Extent::Declared)
            } else {
                Judgement::Doubt(doubts, None)
            };
        }
        let task = self.task(declared);
        let is_primary = file.class.iter().any(|primary| primary.uid == class);
        let is_picture = is_primary || file.picture.contains_key(class) || processing;
        if file.document.contains_key(class) {
            Judgement::Withhold(vec![PixelReason::Document])
        } else if file.values.contains_key(class) {
            Judgement::Pass(Extent::Values)
        } else if is_picture && !declared.has_pixels {
            Judgement::Pass(Extent::NoPixels)
        } else if !declared.has_pixels {
            Judgement::Doubt(doubts, None)
        } else if !is_picture {
            Judgement::Doubt(vec![PixelReason::ClassNotListed], Some(task))
        } else if processing && self.for_processing == ForProcessing::Hold {
            Judgement::Doubt(vec![PixelReason::ForProcessing], Some(task))
        } else if declared.image_type.iter().any(|value| value == "LABEL") {
            // The label of a slide: what is not text there is a bar code, which nothing here reads (PS3.3 C.8.12.4.1.1).
            Judgement::Doubt(vec![PixelReason::BurnedInAnnotation], Some(task))
        } else if is_primary && doubts.is_empty() && self.leaves_out(declared, uid) {
            Judgement::Pass(Extent::LeftOut)
        } else {
            Judgement::Read(task)
        }
    }

    /// Whether the project's sample of primary CT and MR images leaves this one out.
    fn leaves_out(&self, declared: &Declared, uid: &str) -> bool {
        let InspectPrimary::Every(every) = self.settings.inspect_primary else { return false };
        let [a, b, c, d, ..] = *Digest::of(uid.as_bytes()).as_bytes();
        matches!(declared.modality.as_str(), "CT" | "MR") && u32::from_be_bytes([a, b, c, d]) % every != 0
    }

    fn task(&self, declared: &Declared) -> Task {
        let mut masks = Vec::new();
        if !declared.ultrasound.is_empty() {
            masks = regions_without(declared.columns, declared.rows, &declared.ultrasound);
        }
        let devices = policy().device.iter().chain(&self.settings.devices);
        for device in devices.filter(|device| is_of(declared, device)) {
            masks.extend(device.boxes.iter().map(|&[left, top, width, height]| Region {
                left,
                top,
                width,
                height,
            }));
        }
        let is_declared = declared.burned_in.as_deref().is_some_and(|value| value != "NO");
        Task { masks, is_declared, is_read: true, keeps_jpeg: self.keeps_jpeg() }
    }

    /// Whether lossy JPEG stays JPEG where it can.
    pub(crate) fn keeps_jpeg(&self) -> bool {
        self.settings.lossy_jpeg == LossyJpeg::Keep
    }
}

/// What radiographers write on an image of everybody, but for what somebody is known by: a patient may be called Prone.
pub(crate) fn markers(known: &[Needle]) -> Markers {
    static MARKERS: LazyLock<Markers> =
        LazyLock::new(|| Markers::new(policy().marker.words.iter().map(String::as_str)));
    let words = |needle: &Needle| {
        needle.text.split(|c: char| !c.is_alphanumeric()).map(str::to_uppercase).collect::<Vec<_>>()
    };
    let told: BTreeSet<String> = known.iter().flat_map(words).collect();
    MARKERS.without(|word| told.contains(word))
}

/// Whether an object comes from this kind of device in this format.
fn is_of(declared: &Declared, device: &DeviceRegions) -> bool {
    let same = |given: &str, declared: &str| given.trim().to_uppercase() == declared;
    same(&device.manufacturer, &declared.manufacturer)
        && same(&device.model, &declared.model)
        && (device.rows, device.columns) == (declared.rows, declared.columns)
}

/// Why an image does not pass by what it declares alone.
fn doubts(declared: &Declared, processing: bool, for_processing: ForProcessing) -> Vec<PixelReason> {
    use PixelReason as R;
    let file = policy();
    let mut doubts = Vec::new();
    let mut doubt = |is: bool, reason| {
        if is {
            doubts.push(reason);
        }
    };
    let class = file.class.iter().find(|class| class.uid == declared.sop_class);
    let listed_word = |value: &String| file.suspicious.image_type.contains(value);
    doubt(processing && for_processing == ForProcessing::Hold, R::ForProcessing);
    doubt(class.is_none() && !processing, R::ClassNotListed);
    doubt(!declared.has_pixels, R::NoPixelData);
    doubt(class.is_some_and(|class| !class.modalities.contains(&declared.modality)), R::ModalityDisagrees);
    match declared.image_type.get(1).map(String::as_str) {
        _ if declared.image_type.iter().any(listed_word) => doubt(true, R::NotPrimary),
        Some("PRIMARY") => {}
        _ => doubt(true, R::ImageTypeUnclear),
    }
    doubt(declared.burned_in.as_deref().is_some_and(|value| value != "NO"), R::BurnedInAnnotation);
    doubt(declared.converted, R::Converted);
    doubt(declared.overlays, R::Overlays);
    doubt(declared.graphics, R::Graphics);
    doubts
}

fn policy() -> &'static PolicyFile {
    static FILE: LazyLock<PolicyFile> = LazyLock::new(|| {
        // A test reads it, so a file that cannot be read never ships; without it nothing passes.
        toml::from_str(POLICY).unwrap_or(PolicyFile {
            class: Vec::new(),
            suspicious: Suspicious { image_type: Vec::new() },
            processing: Processing { classes: Vec::new() },
            faceless: Faceless { body_parts: Vec::new(), near: Vec::new() },
            marker: Marker { words: Vec::new() },
            picture: BTreeMap::new(),
            values: BTreeMap::new(),
            document: BTreeMap::new(),
            without_pixels: Vec::new(),
            device: Vec::new(),
        })
    });
    &FILE
}

#[cfg(test)]
mod tests;
