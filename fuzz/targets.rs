//! What the fuzzers feed, and what must hold of any bytes whatever: no panic, no lie, nothing identifying. Each target tells
//! whether the input was taken to the end, so that whoever feeds it knows whether anything was tried.

use bytes::BytesMut;
use deid::custody::{Custody, Sensitive};
use deid::identity::PersonKey;
use deid::instance::{Instance, PixelVerdict, Rejection};
use deid::pixels::region::Region;
use deid::pixels::{PixelPolicy, Review};
use deid::profile::{Dates, ForProcessing, LossyJpeg, PixelSettings, Profile, ProfileOption, Settings};
use deid::pseudonym::{ProjectKey, Pseudonymiser, Subject};
use deid::verify::Verifier;
use dicom::association::{Answer, Association, Event, Timers};
use dicom::dataset::{Dataset, Element};
use dicom::part10::{self, FileMeta, Limits, Object};
use dicom::pdu;
use dicom::roles::scp::{Asked, Provider};
use dicom::tag::{Tag, VR, tags};
use hub::cohort::{self, Import};
use hub::project::Project;
use residue::{Form, Needle, NeedleKind, Patterns, SearchError, Searcher};
use std::collections::HashMap;
use std::io::Cursor;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;
use submission::signed::Signer;

/// The name that every sample's patient has, and that may not go out.
pub(crate) const NAME: &str = "SENTINELFUZZ";

/// The Upper Layer: what is read is written and read the same; whatever an acceptor is fed, it ends in good order.
pub(crate) fn pdu(data: &[u8]) -> bool {
    let limits = pdu::Limits::default();
    let mut input = BytesMut::from(data);
    let mut stored = false;
    while let Ok(Some(read)) = pdu::read(&mut input, &limits) {
        let (mut once, mut twice) = (BytesMut::new(), BytesMut::new());
        pdu::write(&read, &mut once);
        let mut copy = once.clone();
        let again = pdu::read(&mut copy, &limits).expect("what was written can be read");
        pdu::write(&again.expect("a whole PDU"), &mut twice);
        assert_eq!(once, twice, "a PDU changes each time that it is written");
    }
    let mut association = Association::accept(limits, Timers::default(), Duration::ZERO);
    let mut provider = Provider::new();
    let mut input = BytesMut::new();
    for piece in data.chunks(97) {
        input.extend_from_slice(piece);
        association.handle_bytes(&mut input, Duration::ZERO);
        while let Some(event) = association.poll_event() {
            if let Event::Requested(proposal) = &event {
                let decision = proposal.accept(|context| match context.transfer_syntaxes.first() {
                    Some(syntax) => Answer::Accept {
                        transfer_syntax: syntax.clone(),
                        roles: proposal.roles_for(&context.abstract_syntax),
                    },
                    None => Answer::Refuse(pdu::ContextRefusal::TransferSyntaxesNotSupported),
                });
                association.respond(&decision, Duration::ZERO);
                continue;
            }
            if let Ok(Asked::Data { last: true, .. }) = provider.handle(&mut association, event) {
                stored |= provider.answer_store(&mut association, dicom::dimse::Status::SUCCESS).is_ok();
            }
        }
        while association.poll_transmit(Duration::ZERO).is_some() {}
    }
    association.handle_closed(Duration::ZERO);
    while association.poll_event().is_some() {}
    assert!(association.is_closed(), "the association hangs");
    stored
}

fn limits() -> Limits {
    Limits { header_bytes_max: 1 << 20, inflated_bytes_max: 4 << 20, ..Limits::default() }
}

fn open(bytes: &[u8]) -> Result<Object, part10::ReadError> {
    part10::open(Box::new(Cursor::new(bytes.to_vec())), &limits())
}

/// Part 10: what is opened can be written; what is written opens again, is written the same, and the independent reader of
/// the residue search can follow it too.
pub(crate) fn dataset(data: &[u8]) -> bool {
    let Ok(mut object) = open(data) else { return false };
    let _ = object.account_for_pixels();
    let (mut once, mut twice) = (Vec::new(), Vec::new());
    if object.write(&mut once).is_err() {
        return false;
    }
    open(&once).expect("what was written can be read").write(&mut twice).expect("and written again");
    assert!(once == twice, "an object changes each time that it is written");
    match Searcher::new(&[], Patterns::all()).search(&mut Cursor::new(&once), Form::Dicom) {
        Ok(_) | Err(SearchError::TooMuch { .. }) => {}
        Err(error) => panic!("what was written cannot be searched: {error}"),
    }
    true
}

struct Wall {
    engine: Pseudonymiser,
    subject: Subject,
    verifier: Verifier,
    signer: Signer,
    policy: PixelPolicy,
    /// The same, but lossy JPEG stays JPEG.
    keeping: PixelPolicy,
    /// The profiles that were asked for, by their options as bits.
    profiles: Mutex<HashMap<u16, Arc<Profile>>>,
}

static WALL: LazyLock<Wall> = LazyLock::new(|| {
    let engine = Pseudonymiser::new(&ProjectKey::new([7; 32]), "Covid").expect("a prefix");
    let person = PersonKey::Local { issuer: "FUZZ".into(), id: Sensitive::new("4711".into()) };
    let kept = PixelSettings { lossy_jpeg: LossyJpeg::Keep, ..PixelSettings::default() };
    Wall {
        subject: engine.subject(&person).expect("a subject"),
        engine,
        verifier: Verifier::default(),
        signer: Signer::from_seed(&[9; 32]).expect("a seed"),
        policy: PixelPolicy::new(ForProcessing::Accept),
        keeping: PixelPolicy::new(ForProcessing::Accept).with(&kept),
        profiles: Mutex::default(),
    }
});

impl Wall {
    /// The profile of these options, a bit each in the order of CID 7050. Of the two options for dates one is taken.
    fn profile(&self, bits: u16) -> Arc<Profile> {
        let mut options: Vec<ProfileOption> = ProfileOption::all()
            .enumerate()
            .filter(|(at, _)| bits >> at & 1 == 1)
            .map(|(_, option)| option)
            .collect();
        if options.contains(&ProfileOption::RetainLongitudinalModifiedDates) {
            options.retain(|option| *option != ProfileOption::RetainLongitudinalFullDates);
        }
        let mut profiles = self.profiles.lock().unwrap_or_else(PoisonError::into_inner);
        let names = || options.iter().map(|option| option.name()).collect::<Vec<_>>();
        let new =
            || Arc::new(Profile::new(&Settings::basic("fuzz").with_options(&names())).expect("a profile"));
        Arc::clone(profiles.entry(bits & OPTION_BITS).or_insert_with(new))
    }

    /// Bytes to bytes, or why the object is held.
    fn through(&self, file: &[u8], profile: &Arc<Profile>, review: &Review) -> Result<Vec<u8>, String> {
        self.under(&self.policy, file, profile, review)
    }

    fn under(
        &self,
        policy: &PixelPolicy,
        file: &[u8],
        profile: &Arc<Profile>,
        review: &Review,
    ) -> Result<Vec<u8>, String> {
        let known = [Needle::new(NeedleKind::Name, NAME)];
        let rejected = |rejection: Rejection| rejection.code().to_owned();
        let instance = Instance::open(Box::new(Cursor::new(file.to_vec())), &limits()).map_err(rejected)?;
        let cleaned = instance.clean_tags(profile, &self.subject, &self.engine, &known).map_err(rejected)?;
        let judged = match cleaned.clean_pixels(policy, review.clone()) {
            PixelVerdict::Clear(judged) => judged,
            PixelVerdict::Review { reasons, .. } | PixelVerdict::Reject(reasons) => {
                return Err(format!("{reasons:?}"));
            }
        };
        let mut out = Cursor::new(Vec::new());
        let written = judged.verify_and_write(&mut out, &self.verifier, &self.signer, 0);
        written.map_err(|residue| format!("{residue:?}"))?;
        Ok(out.into_inner())
    }
}

/// A bit for each option of the profile.
const OPTION_BITS: u16 = (1 << 12) - 1;
/// The options of the research profile of `tributary deid`, for samples.
pub(crate) const RESEARCH: u16 = 0b0101_1101_1101;
/// What the name of the patient of other samples begins with: no word of any vocabulary does.
pub(crate) const OWN_NAME: &str = "zqxv";

/// The wall, bytes to bytes, under the options and the review that the first two bytes ask for: what comes through can be read,
/// outside its pixels no name is anywhere, and where nothing is moved a second time changes nothing.
pub(crate) fn deid(data: &[u8]) -> bool {
    let [low, high, file @ ..] = data else { return false };
    let asked = u16::from_le_bytes([*low, *high]);
    let corner = || vec![Region { left: 1, top: 0, width: 9, height: 7 }];
    let review = match asked >> 12 & 3 {
        0 => Review::Pending,
        1 => Review::Released,
        2 => Review::Masked(corner()),
        _ => Review::Ruled(corner()),
    };
    let wall = &*WALL;
    let profile = wall.profile(asked);
    let Ok(out) = wall.through(file, &profile, &review) else { return false };
    let header = header(&out);
    for name in own_names(file).chain([NAME.to_ascii_lowercase()]) {
        assert!(!says(&header, &name), "the name came through");
    }
    if asked >> 14 == 3 && profile.dates() != Dates::Shift {
        stays(&out, &profile, &review);
    }
    true
}

/// Cleaned again, an object is what it was, but that its UIDs are mapped anew.
fn stays(out: &[u8], profile: &Arc<Profile>, review: &Review) {
    let again = WALL.through(out, profile, review).expect("what came through comes through again");
    let [mut values, mut values_again] = [Vec::new(), Vec::new()];
    depth_first(&open(out).expect("it opens").dataset, &mut values);
    depth_first(&open(&again).expect("it opens").dataset, &mut values_again);
    assert!(values == values_again, "what is clean changes when it is cleaned again");
}

/// Every value but UIDs, by its tag.
fn depth_first(set: &Dataset, into: &mut Vec<(Tag, Vec<u8>)>) {
    for element in set {
        if element.vr != VR::UI {
            into.push((element.tag, element.bytes().to_vec()));
        }
        element.items().iter().for_each(|item| depth_first(item, into));
    }
}

/// The outgoing header as bytes, which opens.
fn header(file: &[u8]) -> Vec<u8> {
    let mut object = open(file).expect("what came through can be read");
    object.pixels = None;
    let mut header = Vec::new();
    object.write(&mut header).expect("and written");
    header
}

/// The words of the patient's name as the object has it, in small letters, that cannot be there by chance.
fn own_names(file: &[u8]) -> impl Iterator<Item = String> {
    let name = Instance::open(Box::new(Cursor::new(file.to_vec())), &limits())
        .ok()
        .and_then(|instance| {
            instance.facts().patient.name.as_ref().map(|name| name.expose(&Custody::mint()).clone())
        })
        .unwrap_or_default();
    let words: Vec<String> = name.split(|c: char| !c.is_alphabetic()).map(str::to_ascii_lowercase).collect();
    let is_own = |word: &String| word.starts_with(OWN_NAME) && word.is_ascii() && word.len() > OWN_NAME.len();
    words.into_iter().filter(is_own)
}

/// Whether a word, which is given in small ASCII letters, stands in these bytes: a byte or two for each letter, in any case.
fn says(bytes: &[u8], word: &str) -> bool {
    let stands = |bytes: &[u8]| {
        let is_letter =
            |at: Option<&u8>| at.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80);
        bytes.windows(word.len()).enumerate().any(|(at, window)| {
            window.eq_ignore_ascii_case(word.as_bytes())
                && !is_letter(at.checked_sub(1).and_then(|before| bytes.get(before)))
                && !is_letter(bytes.get(at + word.len()))
        })
    };
    let every_second = |from: usize| bytes.iter().skip(from).step_by(2).copied().collect::<Vec<u8>>();
    stands(bytes) || (0..2).any(|from| stands(&every_second(from)))
}

/// Text in an object, cleaned with the name of its patient: options, review and character set are asked for by three bytes, the
/// name ends at the first NUL. What comes out is cleaned the same again and does not say the name.
pub(crate) fn text(data: &[u8]) -> bool {
    let [low, high, charset, said @ ..] = data else { return false };
    let asked = u16::from_le_bytes([*low, *high]);
    let mut parts = said.splitn(2, |byte| *byte == 0);
    let (name, text) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let mut set = Dataset::new();
    let charset = CHARSETS[usize::from(*charset) % CHARSETS.len()];
    for (tag, vr, value) in [
        (tags::SPECIFIC_CHARACTER_SET, VR::CS, charset),
        (tags::SOP_CLASS_UID, VR::UI, "1.2.840.10008.5.1.4.1.1.66.1"),
        (tags::SOP_INSTANCE_UID, VR::UI, "1.2.3.1"),
        (tags::STUDY_INSTANCE_UID, VR::UI, "1.2.3.2"),
        (tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3.3"),
        (tags::MODALITY, VR::CS, "REG"),
        (tags::PATIENT_BIRTH_DATE, VR::DA, BIRTH_DATE),
    ] {
        set.put_text(tag, vr, value);
    }
    for (tag, vr, value) in [
        (tags::PATIENT_NAME, VR::PN, name),
        (tags::STUDY_DESCRIPTION, VR::LO, text),
        (tags::IMAGE_COMMENTS, VR::LT, text),
    ] {
        set.put(Element::bytes_of(tag, vr, value.to_vec()));
    }
    let meta = FileMeta { transfer_syntax: "1.2.840.10008.1.2.1".into(), ..FileMeta::default() };
    let mut file = Vec::new();
    if Object::new(meta, set).write(&mut file).is_err() {
        return false;
    }
    let clean_descriptors = 1 << 4;
    let profile = WALL.profile(asked | clean_descriptors);
    let Ok(out) = WALL.through(&file, &profile, &Review::Released) else { return false };
    let header = header(&out);
    for name in own_names(&file) {
        assert!(!says(&header, &name), "the name came through");
    }
    if profile.dates() != Dates::Shift {
        assert!(!says(&header, BIRTH_DATE), "the date of birth came through");
        stays(&out, &profile, &Review::Released);
    }
    true
}

/// Character sets, single and switched (PS3.3 C.12.1.1.2).
const CHARSETS: [&str; 14] = [
    "",
    "ISO_IR 192",
    "ISO_IR 100",
    "ISO_IR 101",
    "ISO_IR 144",
    "ISO_IR 127",
    "ISO_IR 126",
    "ISO_IR 13",
    "ISO_IR 166",
    "GB18030",
    "GBK",
    "\\ISO 2022 IR 87",
    "\\ISO 2022 IR 149",
    "ISO 2022 IR 6\\ISO 2022 IR 100\\ISO 2022 IR 144",
];
const BIRTH_DATE: &str = "19530412";

/// The transfer syntaxes of frames, by the first byte of an input (PS3.6 Table A-1).
pub(crate) const CODINGS: [&str; 7] = [
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.201",
];
/// Rows and columns of such a frame.
pub(crate) const FRAME_SIDE: u16 = 32;

/// A compressed frame, read for text or under a person's boxes: what is decoded is as large as the header says, and is decoded
/// the same again.
pub(crate) fn frames(data: &[u8]) -> bool {
    let [coding, kind, stream @ ..] = data else { return false };
    let mut set = Dataset::new();
    let (samples, photometric) = if kind & 1 == 0 { (1_u16, "MONOCHROME2") } else { (3, "RGB") };
    let allocated = if kind & 2 == 0 { 8_u16 } else { 16 };
    for (tag, uid) in [
        (tags::SOP_CLASS_UID, "1.2.840.10008.5.1.4.1.1.7"),
        (tags::SOP_INSTANCE_UID, "1.2.3.1"),
        (tags::STUDY_INSTANCE_UID, "1.2.3.2"),
        (tags::SERIES_INSTANCE_UID, "1.2.3.3"),
    ] {
        set.put_text(tag, VR::UI, uid);
    }
    set.put_text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, photometric);
    for (tag, value) in [
        (tags::ROWS, FRAME_SIDE),
        (tags::COLUMNS, FRAME_SIDE),
        (tags::SAMPLES_PER_PIXEL, samples),
        (tags::BITS_ALLOCATED, allocated),
        (tags::PIXEL_REPRESENTATION, u16::from(kind >> 2 & 1)),
    ] {
        set.put(Element::bytes_of(tag, VR::US, value.to_le_bytes()));
    }
    let syntax = CODINGS[usize::from(*coding) % CODINGS.len()].to_owned();
    let meta = FileMeta { transfer_syntax: syntax, ..FileMeta::default() };
    let mut file = Vec::new();
    if Object::new(meta, set).with_encapsulated_pixels(&[stream]).write(&mut file).is_err() {
        return false;
    }
    let profile = WALL.profile(1);
    if kind & 8 == 8 {
        return WALL.through(&file, &profile, &Review::Pending).is_ok();
    }
    let masked = Review::Masked(vec![Region { left: 0, top: 0, width: 3, height: 2 }]);
    let [once, again] = [(); 2].map(|()| WALL.through(&file, &profile, &masked));
    let Ok(once) = once else { return false };
    // What stays JPEG is decoded as well as before.
    let kept = WALL.under(&WALL.keeping, &file, &profile, &masked).expect("it can be decoded at least");
    assert!(WALL.through(&kept, &profile, &Review::Released).is_ok(), "what was kept cannot be decoded");
    assert!(again.is_ok_and(|again| again == once), "a frame is decoded otherwise each time");
    let native = usize::from(FRAME_SIDE * FRAME_SIDE) * usize::from(samples * allocated / 8);
    let object = open(&once).expect("what came through can be read");
    let layout = object.pixels.expect("pixel data").layout;
    assert_eq!(layout, part10::Layout::Native { len: native as u64 }, "another size than declared");
    true
}

/// A cohort sheet: rows and problems, or an error.
pub(crate) fn sheet(data: &[u8]) -> bool {
    static PROJECT: LazyLock<Project> = LazyLock::new(|| Project::named("nccid").expect("built in"));
    let import = Import {
        project: &PROJECT,
        map: &[],
        dates: None,
        issuer: None,
        arm: None,
        worksheet: None,
        placeholders: &[],
        today: "2026-11-21".parse().expect("a date"),
        sheet_bytes_max: 1 << 20,
        sheet_rows_max: 1000,
    };
    let Ok(sheet) = cohort::import(data, &import, &Custody::mint()) else { return false };
    assert!(sheet.rows.len() <= sheet.rows_read as usize, "rows out of nothing");
    sheet.problems.iter().for_each(|problem| drop(problem.to_string()));
    true
}
