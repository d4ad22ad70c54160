//! An instance on its way through the wall: identifiable, tags cleaned, pixels judged, de-identified.
//!
//! Each step consumes the one before, so nothing that is half clean can be kept, printed or sent by mistake.

use crate::changes::Outline;
use crate::custody::Custody;
use crate::facts::{self, Facts};
use crate::pixels::region::Region;
use crate::pixels::{
    self, Asked, Declared, Extent, Held, Inspection, Judgement, Picture, PixelPolicy, PixelReason, Review,
    Task,
};
use crate::profile::{Profile, ProfileOption, Types, is_well_known};
use crate::pseudonym::{Pseudonymiser, Subject};
use crate::state::{Deidentified, Identifiable, PixelsCleaned, State, TagsCleaned};
use crate::tags::{Cleaner, undeclare};
use crate::text::{DatesInText, Identifier};
use crate::verify::{self, Promises, Residue, Tee, UIDS, VERIFIER, Verifier};
use crate::words::{self, UnknownWord};
use dicom::dataset::Dataset;
use dicom::part10::{self, Layout, Limits, Object, ReadError, Source};
use dicom::tag::{VR, tags};
use residue::{Form, Needle};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Seek, Write};
use std::marker::PhantomData;
use std::sync::Arc;
use submission::clearance::Clearance;
use submission::digest::Hasher;
use submission::names::{InstanceUid, Label};
use submission::paths::ItemName;
use submission::signed::{Signed, Signer};

/// One DICOM object in one state of de-identification: its header in memory, its body in its source.
pub struct Instance<S: State> {
    object: Object,
    facts: Facts,
    declared: Declared,
    needles: Vec<Needle>,
    limits: Limits,
    cleaning: Option<Cleaning>,
    inspection: Inspection,
    state: PhantomData<S>,
}

/// What cleaning leaves to be known until the object is written.
struct Cleaning {
    profile: Arc<Profile>,
    subject: Subject,
    replaced: BTreeMap<String, String>,
}

/// Why an object cannot be de-identified.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(#[from] ReadError),
    /// It lacks a UID without which it is no instance of anything (PS3.3 C.7.2.1, C.7.3.1, C.12.1).
    #[error("the object has no {0}")]
    Incomplete(&'static str),
    /// Its transfer syntax is none of the standard's (PS3.6 Annex A): nobody knows what its bytes say, and the UID itself may identify.
    #[error("the transfer syntax is none of the standard's")]
    TransferSyntax,
    /// The project asks for people of an age, and this person is younger.
    #[error("the person is younger than the project allows")]
    TooYoung,
    /// The project asks for people of an age, and the object tells none.
    #[error("the project asks for people of an age; the object tells none")]
    AgeUnknown,
    /// More identifiers than one person has.
    #[error("the object holds more than {} identifiers of its patient", facts::NEEDLES_MAX)]
    TooManyIdentifiers,
}

impl Rejection {
    /// Whether the object is sound and the project does not want it as it is.
    pub fn is_policy(&self) -> bool {
        matches!(self, Self::TooYoung | Self::AgeUnknown)
    }

    /// A stable code for holds and counts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(error) => error.code(),
            Self::Incomplete(_) => "incomplete",
            Self::TransferSyntax => "transfer-syntax-unknown",
            Self::TooYoung => "age-too-young",
            Self::AgeUnknown => "age-unknown",
            Self::TooManyIdentifiers => "too-many-identifiers",
        }
    }
}

/// The verdict of the pixel policy.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "taken apart at once; a box would only hide the state")]
pub enum PixelVerdict {
    /// The pixels pass.
    Clear(Instance<PixelsCleaned>),
    /// A person has to look.
    Review {
        /// Why.
        reasons: Vec<PixelReason>,
        /// What was found and could be blanked, in some frame or in all.
        boxes: Vec<Region>,
    },
    /// The image is outside the project.
    Reject(Vec<PixelReason>),
}

impl Instance<Identifiable> {
    /// Opens an object as it came.
    pub fn open(source: Box<dyn Source>, limits: &Limits) -> Result<Self, Rejection> {
        let object = part10::open(source, limits)?;
        let facts = Facts::of(&object);
        let mut declared = Declared::of(&object.dataset, &facts.sop_class, object.pixels.is_some());
        declared.note(&object.trailing);
        let needles = facts::needles([&object.dataset, &object.trailing]);
        let needles = needles.ok_or(Rejection::TooManyIdentifiers)?;
        let limits = limits.clone();
        let inspection = Inspection::of(Extent::Declared);
        Ok(Self { object, facts, declared, needles, limits, cleaning: None, inspection, state: PhantomData })
    }

    /// What the object says of itself.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Words of its descriptions that go under this profile only because no list has them.
    pub fn unknown_words(&self, profile: &Profile) -> Vec<UnknownWord> {
        let text = profile.text_cleaner(self.identifiers(profile), DatesInText::Remove);
        let (mut words, types) = (Vec::new(), Types::of(Some(&self.facts.sop_class)));
        words::of(&self.object.dataset, (profile, types), &text, None, &mut words);
        words
    }

    /// What its text may not say: the identifiers that are known, and who else is named in the object.
    fn identifiers(&self, profile: &Profile) -> Vec<Identifier> {
        let mut identifiers: Vec<Identifier> = self.needles.iter().map(Identifier::from).collect();
        for dataset in [&self.object.dataset, &self.object.trailing] {
            facts::mentions(dataset, profile, &mut identifiers);
        }
        identifiers
    }

    /// The identifiers of the patient that the object holds, to be searched for elsewhere.
    pub(crate) fn needles(&self) -> &[Needle] {
        &self.needles
    }

    /// What there is to compare with the outgoing header: see [`Outline::changes`].
    pub fn outline(&self) -> Outline {
        Outline::of([&self.object.dataset, &self.object.trailing])
    }

    /// Length of pixel data that goes out without compression, as it may where something is blanked: an object is often far
    /// shorter where it lies.
    pub fn native_pixel_bytes(&self) -> u64 {
        match self.object.pixels.as_ref().map(|pixels| &pixels.layout) {
            Some(Layout::Native { len }) => *len,
            Some(Layout::Encapsulated { .. }) => pixels::decoded_bytes(&self.object.dataset),
            None => 0,
        }
    }

    /// How many frames it says that it has.
    pub fn frames(&self) -> u32 {
        pixels::count(&self.object.dataset, self.object.pixels.is_some())
    }

    /// A frame for a reviewer to look at, counted from 0.
    pub fn picture(&mut self, frame: u32) -> Result<Picture, PixelReason> {
        pixels::picture(&mut self.object, frame)
    }

    /// Cleans every element under the profile; what follows the pixel data goes altogether.
    ///
    /// `known` is what the caller knows of the person beside what the object says itself: text is cleaned of it, and what goes out
    /// is searched for it.
    pub fn clean_tags(
        mut self,
        profile: &Arc<Profile>,
        subject: &Subject,
        pseudonymiser: &Pseudonymiser,
        known: &[Needle],
    ) -> Result<Instance<TagsCleaned>, Rejection> {
        if !is_well_known(self.object.written_transfer_syntax()) {
            return Err(Rejection::TransferSyntax);
        }
        for (tag, name) in [
            (tags::SOP_CLASS_UID, "SOP Class UID"),
            (tags::SOP_INSTANCE_UID, "SOP Instance UID"),
            (tags::STUDY_INSTANCE_UID, "Study Instance UID"),
            (tags::SERIES_INSTANCE_UID, "Series Instance UID"),
        ] {
            if self.object.dataset.text(tag).is_none() {
                return Err(Rejection::Incomplete(name));
            }
        }
        if let Some(min_years) = profile.ages().min_years {
            match self.facts.age_years {
                None => return Err(Rejection::AgeUnknown),
                Some(years) if years < min_years => return Err(Rejection::TooYoung),
                Some(_) => {}
            }
        }
        if profile.has(ProfileOption::CleanRecognizableVisualFeatures) {
            self.declared.note_face(&self.object.dataset);
        }
        let fresh: Vec<Needle> =
            known.iter().filter(|known| !self.needles.contains(known)).cloned().collect();
        self.needles.extend(fresh);
        let mut cleaner = Cleaner::new(profile, pseudonymiser, subject, self.identifiers(profile));
        self.object.dataset = cleaner.clean(std::mem::take(&mut self.object.dataset));
        let replaced = cleaner.into_uids();
        self.object.trailing = Dataset::new();
        self.object.meta.source_ae = None;
        self.cleaning = Some(Cleaning { profile: Arc::clone(profile), subject: subject.clone(), replaced });
        Ok(self.into_state())
    }
}

impl Instance<TagsCleaned> {
    /// Judges the pixels by what the object declared before it was cleaned. Under Clean Pixel Data they are read for text,
    /// which is blanked.
    pub fn clean_pixels(self, policy: &PixelPolicy, review: Review) -> PixelVerdict {
        let asked = self.cleaning.as_ref().map(|cleaning| Asked::of(&cleaning.profile)).unwrap_or_default();
        let uid = self.object.dataset.text(tags::SOP_INSTANCE_UID).unwrap_or_default();
        let judgement = policy.judge(&self.declared, asked, uid);
        let is_pending = review == Review::Pending;
        let task = match judgement {
            Judgement::Reject(reasons) => return PixelVerdict::Reject(reasons),
            Judgement::Withhold(reasons) => return PixelVerdict::Review { reasons, boxes: Vec::new() },
            Judgement::Doubt(reasons, _) if is_pending => {
                return PixelVerdict::Review { reasons, boxes: Vec::new() };
            }
            Judgement::Pass(extent) => return self.inspected(policy, Inspection::of(extent), review),
            Judgement::Doubt(_, None) => {
                return self.inspected(policy, Inspection::of(Extent::Declared), review);
            }
            Judgement::Doubt(_, Some(task)) | Judgement::Read(task) => task,
        };
        self.worked_on(task, review)
    }

    /// Regions of a person or a rule count wherever there are pixels, and whatever the policy says.
    fn inspected(mut self, policy: &PixelPolicy, inspection: Inspection, review: Review) -> PixelVerdict {
        match &review {
            Review::Masked(masks) | Review::Ruled(masks)
                if !masks.is_empty() && self.object.pixels.is_some() =>
            {
                self.worked_on(Task { keeps_jpeg: policy.keeps_jpeg(), ..Task::default() }, review)
            }
            _ => {
                self.inspection = inspection;
                PixelVerdict::Clear(self.declared_as_done())
            }
        }
    }

    fn worked_on(mut self, mut task: Task, review: Review) -> PixelVerdict {
        task.is_read = match review {
            Review::Pending => task.is_read,
            Review::Released | Review::Masked(_) => false,
            Review::Ruled(_) => true,
        };
        if let Review::Masked(regions) | Review::Ruled(regions) = review {
            task.masks.extend(regions);
        }
        match pixels::clean(self.object, &task, &pixels::markers(&self.needles)) {
            Ok((object, inspection)) => {
                self.object = object;
                self.inspection = inspection;
                PixelVerdict::Clear(self.declared_as_done())
            }
            Err(Held { reasons, boxes }) => PixelVerdict::Review { reasons, boxes },
        }
    }

    /// Declares Clean Pixel Data where it was carried out, and nowhere else (PS3.15 E.3.1, CID 7050).
    fn declared_as_done(mut self) -> Instance<PixelsCleaned> {
        let is_asked = self.cleaning.as_ref().is_some_and(|cleaning| {
            cleaning.profile.options().any(|option| option == ProfileOption::CleanPixelData)
        });
        let dataset = &mut self.object.dataset;
        if is_asked && self.inspection.extent.is_clean() {
            dataset.put_text(tags::BURNED_IN_ANNOTATION, VR::CS, "NO");
        } else if is_asked {
            undeclare(dataset, ProfileOption::CleanPixelData);
        }
        self.into_state()
    }
}

impl Instance<PixelsCleaned> {
    /// Writes the object, looks at what was written, and clears it.
    ///
    /// The bytes are hashed while they are written. On an error, what `out` holds may identify: the caller destroys it.
    pub fn verify_and_write<W: Read + Write + Seek>(
        mut self,
        out: &mut W,
        verifier: &Verifier,
        signer: &Signer,
        at_us: i64,
    ) -> Result<(Instance<Deidentified>, Signed<Clearance>), Residue> {
        let mut hasher = Hasher::default();
        let Written { name, bytes } = self.write_verified(out, verifier, |passed| hasher.update(passed))?;
        // Cleaning is what brought the instance into this state.
        let Some(cleaning) = &self.cleaning else { return Err(Residue::ReadBack) };
        let label = |text: &str| Label::parse(text).map_err(|_| Residue::Sign);
        let clearance = Clearance {
            name,
            bytes,
            sha256: hasher.finish(),
            pseudonym: cleaning.subject.pseudonym.clone(),
            profile: label(cleaning.profile.name())?,
            edition: label(cleaning.profile.edition())?,
            engine: label(crate::ENGINE)?,
            verifier: label(VERIFIER)?,
            at_us,
        };
        let clearance = Signed::sign(&clearance, signer).map_err(|_| Residue::Sign)?;
        Ok((self.into_state(), clearance))
    }

    /// The same for a caller who sends the object to nobody that would ask for a clearance: nothing is hashed, nothing signed.
    pub fn verify_and_write_here<W: Read + Write + Seek>(
        mut self,
        out: &mut W,
        verifier: &Verifier,
    ) -> Result<(Instance<Deidentified>, Written), Residue> {
        let written = self.write_verified(out, verifier, |_| {})?;
        Ok((self.into_state(), written))
    }

    /// Accounts for every byte of the pixel data, writes the object, reads it back and searches it. All bytes pass.
    fn write_verified<W: Read + Write + Seek>(
        &mut self,
        out: &mut W,
        verifier: &Verifier,
        pass: impl FnMut(&[u8]),
    ) -> Result<Written, Residue> {
        let Some(cleaning) = &self.cleaning else { return Err(Residue::ReadBack) };
        // Whoever keeps it files it under these.
        let uid = |tag| self.object.dataset.text(tag).and_then(|uid| InstanceUid::parse(uid).ok());
        let [study, series, instance] = UIDS.map(uid);
        let name = ItemName::Image(study.and(series).and(instance).ok_or(Residue::NoName)?);
        self.object.account_for_pixels()?;
        let mut tee = Tee::new(out, pass);
        let bytes = self.object.write(&mut tee)?;
        let outgoing = verify::read_back(&tee.into_head(), self.object.pixels.is_some(), &self.limits)?;
        let pseudonym = &cleaning.subject.pseudonym;
        let promises = Promises {
            profile: &cleaning.profile,
            pseudonym: pseudonym.as_str(),
            replaced: &cleaning.replaced,
        };
        promises.check(&outgoing)?;
        let mut needles = std::mem::take(&mut self.needles);
        needles.retain(|needle| needle.text != pseudonym.as_str());
        verify::without_chance_dates(&mut needles, &outgoing);
        if !cleaning.profile.maps_uids() {
            needles.retain(|needle| needle.kind != residue::NeedleKind::Uid);
        }
        let searched = verifier.search(needles, out, Form::Dicom);
        verify::without_own_words(searched, &outgoing, &cleaning.profile)?;
        Ok(Written { name, bytes })
    }
}

/// What was written of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its name.
    pub name: ItemName,
    /// Its length.
    pub bytes: u64,
}

impl Instance<Deidentified> {
    /// What was done to its pixels.
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }

    /// The outgoing Study, Series and SOP Instance UID: the levels under which the object is kept.
    pub fn uids(&self) -> [&str; 3] {
        UIDS.map(|tag| self.object.dataset.text(tag).unwrap_or_default())
    }

    /// The outgoing header.
    pub fn header(&self) -> &Dataset {
        &self.object.dataset
    }

    /// Every UID that was replaced, and by what: for the mapping that stays at the hospital.
    pub fn replaced_uids(&self, _: &Custody) -> impl Iterator<Item = (&str, &str)> {
        self.cleaning
            .iter()
            .flat_map(|cleaning| &cleaning.replaced)
            .map(|(old, new)| (old.as_str(), new.as_str()))
    }
}

impl<S: State> Instance<S> {
    fn into_state<T: State>(self) -> Instance<T> {
        let Self { object, facts, declared, needles, limits, cleaning, inspection, state: _ } = self;
        Instance { object, facts, declared, needles, limits, cleaning, inspection, state: PhantomData }
    }
}

/// Shows state and size only.
impl<S: State> fmt::Debug for Instance<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instance<{}>({} elements)", S::NAME, self.object.dataset.len())
    }
}

#[cfg(test)]
mod tests;
