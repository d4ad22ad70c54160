//! A corpus with an answer key: objects of every common kind with identifiers planted wherever they hide, and what must become
//! of each. Development uses seeds 1 to 99, reports seeds from 1001; nobody looks at what a reporting seed makes.

mod common;
mod crowd;
mod documents;
mod hiding;
mod images;
pub mod key;
mod pixels;
mod rules;
mod sheet;
mod therapy;

use crate::encode::{Object, Pixels, Syntax};
use crate::people::Script;
use crate::random::Random;
use crate::text::Charset;
use crowd::Visit;
use dicom::dataset::Dataset;
use dicom::tag::{Tag, VR};
use key::{Fate, ObjectKey, PixelKey};
use pixels::{Look, Written};
use sheet::{Part, Sheet};
use std::sync::Arc;

/// An object of the corpus.
pub struct Case {
    /// The Part 10 file.
    pub file: Vec<u8>,
    /// What must become of it.
    pub key: ObjectKey,
    /// The samples as they were before they were written, little endian: what a scorer compares the pixels of an output with.
    pub samples: Vec<u8>,
}

/// A kind of object.
#[derive(Debug)]
struct Kind {
    name: &'static str,
    sop_class: &'static str,
    modality: &'static str,
    body: &'static str,
    study: &'static [Part],
    series: &'static [Part],
    look: Look,
    frames: u16,
    /// How often the picture names the patient.
    written: Written,
    build: fn(&mut Job<'_>, &mut Sheet),
    /// Why an object of this kind may, or must, be held whoever it is of.
    fate: (Fate, &'static str),
}

impl Kind {
    fn has_pixels(&self) -> bool {
        self.look != Look::None
    }
}

/// One object while it is made.
struct Job<'a> {
    visit: &'a Visit,
    kind: &'static Kind,
    number: u32,
    series_uid: String,
    uid: String,
    frame_of_reference: String,
    size: u16,
    syntax: Syntax,
    identified_in_pixels: bool,
    /// The pixels are said to be in a syntax that they are not in.
    undecodable: bool,
    random: Random,
    /// What else must be found nowhere, besides what identifies the person and the hospital.
    leaks: Vec<String>,
}

impl Job<'_> {
    /// Whether Retain Device Identity keeps this attribute: what identifies people is not planted there, because the option says
    /// that its value is wanted.
    fn kept_device(&self, tag: Tag) -> bool {
        rules::answers(tag, VR::LO, false, rules::Inside::TOP, true).research == Some(key::Rule::Keep)
    }
}

/// The corpus of a seed, one object after another.
pub fn corpus(seed: u64, objects: u32) -> impl Iterator<Item = Case> {
    let persons = usize::try_from(objects / 14 + 2).unwrap_or(2).max(20);
    let visits = crowd::visits(seed, persons);
    let kinds: Vec<&'static Kind> =
        images::KINDS.iter().chain(documents::KINDS).chain(therapy::KINDS).collect();
    (0..objects).map(move |at| {
        let nth = usize::try_from(at).unwrap_or(0);
        // Visits take turns so that each is met by several kinds: the strides have no common divisor with either count.
        let visit = &visits[nth * 7 % visits.len()];
        let kind = kinds[(nth + nth / kinds.len() * 5) % kinds.len()];
        case(seed, at + 1, visit, kind)
    })
}

const SYNTAXES: [Syntax; 8] = [
    Syntax::ExplicitLittle,
    Syntax::ImplicitLittle,
    Syntax::Rle,
    Syntax::ExplicitLittle,
    Syntax::JpegLossless,
    Syntax::ExplicitBig,
    Syntax::Deflated,
    Syntax::ImplicitLittle,
];

fn case(seed: u64, number: u32, visit: &Visit, kind: &'static Kind) -> Case {
    let mut random = Random::labelled(seed, &format!("corpus object {number}"));
    let identified_in_pixels = match kind.written {
        Written::Always => true,
        Written::OneIn(n) => random.below(n) == 0,
        Written::Never => false,
    };
    let preferred = random.pick(&SYNTAXES);
    let native = preferred.is_encapsulated() && !kind.has_pixels();
    let series_uid = format!("{}.{}", visit.study_uid, number % 9 + 1);
    let mut job = Job {
        visit,
        kind,
        number,
        uid: format!("{series_uid}.{number}"),
        frame_of_reference: format!("{}.0.1", visit.study_uid),
        series_uid,
        size: random.pick(kind.look.sizes()),
        syntax: if native { Syntax::ExplicitLittle } else { preferred },
        identified_in_pixels,
        undecodable: false,
        random,
        leaks: Vec::new(),
    };
    let mut sheet = Sheet::new(Arc::new(visit.secrets()));
    common::add(&mut job, &mut sheet);
    (kind.build)(&mut job, &mut sheet);
    let picture = pixels::add(&mut job, &mut sheet);
    hiding::add(&mut job, &mut sheet);
    let trailing = if kind.has_pixels() { hiding::trailing(&mut job, &mut sheet) } else { Dataset::new() };
    finish(job, sheet, picture, trailing)
}

fn finish(job: Job<'_>, mut sheet: Sheet, picture: Option<(Pixels, PixelKey)>, trailing: Dataset) -> Case {
    let visit = job.visit;
    let private_meta = (job.number.is_multiple_of(5))
        .then(|| format!("{} {}", visit.person.name.family, visit.person.nhs_number));
    if let Some(text) = &private_meta {
        sheet.outside("meta", "file meta information", text);
    }
    let source_ae = if job.number.is_multiple_of(4) {
        visit.site.issuer.clone()
    } else {
        format!("{}_GATE", visit.site.ods)
    };
    sheet.outside("meta", "file meta information", &source_ae);
    let preamble = (job.number.is_multiple_of(6)).then(|| visit.person.name.plain());
    if let Some(text) = &preamble {
        sheet.outside("preamble", "preamble", text);
    }
    let (pixels, pixel_key) = picture.unzip();
    let object = Object {
        sop_class: job.kind.sop_class.into(),
        sop_instance: job.uid.clone(),
        dataset: std::mem::take(&mut sheet.set),
        pixels,
        trailing,
        charset: charset(visit),
        source_ae,
        private_meta,
        undefined_lengths: job.number.is_multiple_of(3),
    };
    let mut file = if job.undecodable { damaged(&object) } else { object.file(job.syntax) };
    if let Some(text) = preamble {
        for (to, from) in file.iter_mut().take(128).zip(text.bytes()) {
            *to = from;
        }
    }
    let samples = object.pixels.map(|pixels| pixels.to_bytes()).unwrap_or_default();
    let key = key_of(&job, sheet, pixel_key);
    Case { file, key, samples }
}

/// The object with a JPEG 2000 codestream that breaks off, in the syntax of that name.
fn damaged(object: &Object) -> Vec<u8> {
    let mut file = object.file_as(Syntax::ExplicitLittle, "1.2.840.10008.1.2.4.90");
    let codestream = b"\xff\x4f\xff\x51\0\x29\0\0\0\0\0\x40\0\0\0\x40damaged beyond reading";
    file.extend(b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\0\0\0\0\xfe\xff\0\xe0");
    file.extend(u32::try_from(codestream.len()).unwrap_or(0).to_le_bytes());
    file.extend(codestream);
    file.extend(b"\xfe\xff\xdd\xe0\0\0\0\0");
    file
}

/// The character set of an object: the hospital's, or another where that cannot hold the name.
fn charset(visit: &Visit) -> Charset {
    match visit.person.name.script {
        Script::Chinese if visit.site.number.is_multiple_of(2) => Charset::Chinese,
        _ => visit.site.charset.or_one_that_holds(&visit.person.name.pn()),
    }
}

fn key_of(job: &Job<'_>, sheet: Sheet, pixels: Option<PixelKey>) -> ObjectKey {
    let visit = job.visit;
    let (doubt, doubt_why) = visit.doubt.fate();
    let (own, own_why) = job.kind.fate;
    let (research, why) = match (doubt, own) {
        (Fate::MustHold, _) => (Fate::MustHold, doubt_why),
        _ => (own, own_why),
    };
    // Without Clean Pixel Data nobody may say that a picture with a name in it is de-identified (PS3.15 E.3.1).
    let basic = if job.identified_in_pixels { Fate::MustHold } else { research };
    let mut leaks = visit.secrets();
    leaks.extend([job.uid.clone(), job.series_uid.clone()]);
    leaks.extend(job.leaks.iter().cloned());
    leaks.sort();
    leaks.dedup();
    ObjectKey {
        file: format!("{:05}.dcm", job.number),
        number: job.number,
        kind: job.kind.name.into(),
        sop_class: job.kind.sop_class.into(),
        sop_instance: job.uid.clone(),
        syntax: if job.undecodable { "1.2.840.10008.1.2.4.90".into() } else { job.syntax.uid().into() },
        person: visit.cluster.clone(),
        research,
        basic,
        why: why.into(),
        places: sheet.places,
        pixels,
        leaks,
    }
}

#[cfg(test)]
mod tests;
