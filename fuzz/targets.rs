//! What the fuzzers feed, and what must hold of any bytes whatever: no panic, no lie, nothing identifying. Each target tells
//! whether the input was taken to the end, so that whoever feeds it knows whether anything was tried.

use bytes::BytesMut;
use deid::custody::{Custody, Sensitive};
use deid::identity::PersonKey;
use deid::instance::{Instance, PixelVerdict};
use deid::pixels::region::Region;
use deid::pixels::{PixelPolicy, Review};
use deid::profile::{ForProcessing, Profile, Settings};
use deid::pseudonym::{ProjectKey, Pseudonymiser, Subject};
use deid::verify::Verifier;
use dicom::association::{Answer, Association, Event, Timers};
use dicom::dataset::{Dataset, Element};
use dicom::part10::{self, FileMeta, Limits, Object};
use dicom::pdu;
use dicom::roles::scp::{Asked, Provider};
use dicom::tag::{VR, tags};
use hub::cohort::{self, Import};
use hub::project::Project;
use residue::{Form, Needle, NeedleKind, Patterns, SearchError, Searcher};
use std::io::Cursor;
use std::sync::{Arc, LazyLock};
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

fn open(bytes: &[u8]) -> Result<Object, part10::ReadError> {
    let limits = Limits { header_bytes_max: 1 << 20, inflated_bytes_max: 4 << 20, ..Limits::default() };
    part10::open(Box::new(Cursor::new(bytes.to_vec())), &limits)
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
    profile: Arc<Profile>,
    engine: Pseudonymiser,
    subject: Subject,
    verifier: Verifier,
    signer: Signer,
    policy: PixelPolicy,
}

static WALL: LazyLock<Wall> = LazyLock::new(|| {
    let options =
        ["retain-longitudinal-modified-dates", "retain-patient-characteristics", "retain-device-identity"];
    let engine = Pseudonymiser::new(&ProjectKey::new([7; 32]), "Covid").expect("a prefix");
    let person = PersonKey::Local { issuer: "FUZZ".into(), id: Sensitive::new("4711".into()) };
    Wall {
        profile: Arc::new(Profile::new(&Settings::basic("fuzz").with_options(&options)).expect("a profile")),
        subject: engine.subject(&person).expect("a subject"),
        engine,
        verifier: Verifier::default(),
        signer: Signer::from_seed(&[9; 32]).expect("a seed"),
        policy: PixelPolicy::new(ForProcessing::Hold),
    }
});

/// The wall, bytes to bytes: what comes through can be read, and outside its pixels the name is nowhere.
pub(crate) fn deid(data: &[u8]) -> bool {
    let wall = &*WALL;
    let limits = Limits { header_bytes_max: 1 << 20, inflated_bytes_max: 4 << 20, ..Limits::default() };
    let known = [Needle::new(NeedleKind::Name, NAME)];
    let Ok(instance) = Instance::open(Box::new(Cursor::new(data.to_vec())), &limits) else { return false };
    let Ok(cleaned) = instance.clean_tags(&wall.profile, &wall.subject, &wall.engine, &known) else {
        return false;
    };
    let PixelVerdict::Clear(judged) = cleaned.clean_pixels(&wall.policy, Review::Released) else {
        return false;
    };
    let mut out = Cursor::new(Vec::new());
    if judged.verify_and_write(&mut out, &wall.verifier, &wall.signer, 0).is_err() {
        return false;
    }
    let mut object = open(out.get_ref()).expect("what came through can be read");
    object.pixels = None;
    let mut header = Vec::new();
    object.write(&mut header).expect("and written");
    let is_there = header.windows(NAME.len()).any(|window| window == NAME.as_bytes());
    assert!(!is_there, "the name came through");
    true
}

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

/// A compressed frame under a person's boxes: what is decoded is as large as the header says, and is decoded the same again.
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
    let (Some(once), again) = (blanked(&file), blanked(&file)) else { return false };
    assert!(again.is_some_and(|again| again == once), "a frame is decoded otherwise each time");
    let native = usize::from(FRAME_SIDE * FRAME_SIDE) * usize::from(samples * allocated / 8);
    let object = open(&once).expect("what came through can be read");
    let layout = object.pixels.expect("pixel data").layout;
    assert_eq!(layout, part10::Layout::Native { len: native as u64 }, "another size than declared");
    true
}

fn blanked(file: &[u8]) -> Option<Vec<u8>> {
    static CLEAN_PIXELS: LazyLock<Arc<Profile>> = LazyLock::new(|| {
        let settings = Settings::basic("fuzz").with_options(&["clean-pixel-data"]);
        Arc::new(Profile::new(&settings).expect("a profile"))
    });
    let wall = &*WALL;
    let instance = Instance::open(Box::new(Cursor::new(file.to_vec())), &Limits::default()).ok()?;
    let cleaned = instance.clean_tags(&CLEAN_PIXELS, &wall.subject, &wall.engine, &[]).ok()?;
    let masks = vec![Region { left: 0, top: 0, width: 3, height: 2 }];
    let PixelVerdict::Clear(judged) = cleaned.clean_pixels(&wall.policy, Review::Masked(masks)) else {
        return None;
    };
    let mut out = Cursor::new(Vec::new());
    judged.verify_and_write(&mut out, &wall.verifier, &wall.signer, 0).expect("it is written");
    Some(out.into_inner())
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
