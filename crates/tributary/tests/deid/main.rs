//! `tributary deid` as a person runs it: a folder of simulated hospital images in, a clean folder out.
#![expect(clippy::unwrap_used, reason = "a test says what failed by failing")]

mod people;
mod preview;
mod tool;
mod words;

use sim::calendar::Day;
use sim::encode::Syntax;
use sim::images::{Hospital, Instance, Kind, Maker, NhsNumberIn, Oddity, Series, Study};
use sim::people::{LocalId, People, Person, Script};
use sim::text::Charset;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

/// The seed of all that is simulated here.
const SEED: u64 = 20;

fn hospital(maker: Maker, script: Script, nhs_number: NhsNumberIn) -> Arc<Hospital> {
    Arc::new(Hospital {
        ods: "ZZ1".into(),
        name: "Sandbeach General".into(),
        address: "1 Shore Road, Sandbeach ZZ1 1QX".into(),
        issuer: "SANDBEACH".into(),
        accession_prefix: "SB".into(),
        station_ae: "SB_CT1".into(),
        maker,
        charset: match script {
            Script::Plain => Charset::Ascii,
            Script::WesternEuropean => Charset::Latin1,
            Script::CentralEuropean => Charset::Latin2,
            Script::Cyrillic => Charset::Cyrillic,
            Script::Japanese => Charset::Japanese,
            Script::Korean => Charset::Korean,
            Script::Chinese => Charset::Chinese,
        },
        nhs_number,
    })
}

fn instance(
    hospital: &Arc<Hospital>,
    person: &Arc<Person>,
    kind: Kind,
    n: u32,
    oddity: Option<Oddity>,
) -> Instance {
    let uid = |level: u32| format!("1.2.826.0.1.3680043.9.7.{level}.{n}");
    let study = Study {
        uid: uid(1),
        date: Day::of(2020, 3, 1),
        time_s: 3600,
        accession: format!("SB{:08}", 77_000_000 + n),
        id: format!("ST{n}"),
        description: "Chest".into(),
        body_part: Some("CHEST"),
    };
    let series = Series {
        uid: uid(2),
        number: 1,
        kind,
        description: "Chest".into(),
        frame_of_reference: uid(3),
        instances: 1,
    };
    Instance {
        hospital: Arc::clone(hospital),
        person: Arc::clone(person),
        study: Arc::new(study),
        series: Arc::new(series),
        uid: uid(4),
        number: 1,
        size: 64,
        oddity,
        seed: SEED,
    }
}

/// Clean images of six people in every script, maker and syntax, and one of each oddity.
fn hospital_day(into: &Path) -> (Vec<Instance>, Vec<(PathBuf, Oddity)>) {
    let mut people = People::new(SEED);
    let scripts = [
        (Script::Plain, Maker::Siemens, NhsNumberIn::PatientId, Syntax::ImplicitLittle),
        (Script::WesternEuropean, Maker::Ge, NhsNumberIn::OtherPatientIds, Syntax::ExplicitLittle),
        (Script::CentralEuropean, Maker::Philips, NhsNumberIn::OtherPatientIdsSequence, Syntax::ExplicitBig),
        (Script::Cyrillic, Maker::Fuji, NhsNumberIn::Nowhere, Syntax::Deflated),
        (Script::Japanese, Maker::Siemens, NhsNumberIn::PatientId, Syntax::Rle),
        (Script::Korean, Maker::Ge, NhsNumberIn::Nowhere, Syntax::JpegLossless),
    ];
    let (mut clean, mut odd) = (Vec::new(), Vec::new());
    let mut n = 0;
    for (script, maker, nhs_number, syntax) in scripts {
        let hospital = hospital(maker, script, nhs_number);
        let mut person = people.next(script);
        person.local_ids.push(LocalId { issuer: "SANDBEACH".into(), id: format!("SB{n}471199") });
        let person = Arc::new(person);
        let folder = into.join(format!("{} {}", person.name.family, person.nhs_number));
        fs::create_dir_all(&folder).unwrap();
        for kind in [Kind::Cr, Kind::Dx, Kind::Ct, Kind::Mr] {
            n += 1;
            let made = instance(&hospital, &person, kind, n, None);
            fs::write(folder.join(format!("IM{n}.dcm")), made.file(syntax)).unwrap();
            clean.push(made);
        }
    }
    let hospital = hospital(Maker::Siemens, Script::Plain, NhsNumberIn::PatientId);
    let person = Arc::new(people.next(Script::Plain));
    for oddity in [
        Oddity::BurnedIn,
        Oddity::Secondary,
        Oddity::ConversionType,
        Oddity::Overlay,
        Oddity::Graphics,
        Oddity::ForProcessing,
    ] {
        n += 1;
        let kind = if oddity == Oddity::ForProcessing { Kind::Dx } else { Kind::Ct };
        let path = into.join(format!("odd{n}"));
        fs::write(&path, instance(&hospital, &person, kind, n, Some(oddity)).file(Syntax::ExplicitLittle))
            .unwrap();
        odd.push((path, oddity));
    }
    (clean, odd)
}

/// Under these pixels are judged by what is declared, and what is odd is held.
const DECLARED: &str =
    "retain-longitudinal-modified-dates,retain-patient-characteristics,retain-device-identity";

/// Under [`DECLARED`], unless the arguments choose.
fn tributary(args: &[&Path]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tributary"));
    command.arg("deid").args(args);
    if !args.iter().any(|arg| arg.starts_with("--options") || arg.starts_with("--project")) {
        command.args(["--options", DECLARED]);
    }
    command.output().unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

#[test]
fn a_hospitals_day_comes_out_clean_and_exactly_the_odd_ones_are_held() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in"), dir.path().join("out"));
    let (clean, odd) = hospital_day(&input);
    fs::write(input.join("notes.txt"), "not an image").unwrap();
    let done = tributary(&[&input, &output]);
    let said = String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(3), "{said}");

    let written = files(&output);
    let held = fs::read_to_string(dir.path().join("out.held.csv")).unwrap();
    assert_eq!(written.len(), clean.len(), "{held}");
    let codes = |path: &Path| {
        held.lines()
            .find(|line| line.contains(path.to_str().unwrap()))
            .map(|line| line.rsplit(',').next().unwrap().to_owned())
    };
    for (path, oddity) in &odd {
        let code = codes(path).unwrap_or_else(|| panic!("{oddity:?} was not held"));
        assert!(code.starts_with("pixels-"), "{oddity:?}: {code}");
    }
    assert_eq!(held.lines().count(), 1 + odd.len() + 1, "{held}");
    assert_eq!(codes(&input.join("notes.txt")).as_deref(), Some("not-dicom"));

    // <study>/<series>/<instance>.dcm, new UIDs only, and nothing left behind.
    for path in &written {
        let parts: Vec<_> = path.strip_prefix(&output).unwrap().components().collect();
        assert_eq!(parts.len(), 3);
        assert!(parts.iter().all(|part| part.as_os_str().to_str().unwrap().starts_with("2.25.")));
    }
    let mapping = fs::read_to_string(dir.path().join("out.mapping.csv")).unwrap();
    assert!(mapping.starts_with("old_uid,new_uid\n"));
    for made in &clean {
        assert!(mapping.contains(&format!("\n{},2.25.", made.uid)));
    }

    // No string by which any of these people could be found, in any file or in what was said.
    let mut everything = said.into_bytes();
    written.iter().for_each(|path| everything.extend(fs::read(path).unwrap()));
    let lower = everything.to_ascii_lowercase();
    for sentinel in clean.iter().flat_map(Instance::sentinels) {
        let text = sentinel.text.to_lowercase();
        let hit = lower.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!hit, "a {} survived", sentinel.kind);
    }

    // One person is one pseudonym.
    let patients: BTreeSet<String> =
        written.iter().map(|path| text_of(path, dicom::tag::tags::PATIENT_ID)).collect();
    assert_eq!(patients.len(), 6);
    let dates: BTreeSet<String> =
        written.iter().map(|path| text_of(path, dicom::tag::tags::STUDY_DATE)).collect();
    assert!(dates.iter().all(|date| date.len() == 8 && date != "20200301"));

    // Again with the same key: the same bytes in the same places.
    let again = dir.path().join("again");
    let key = dir.path().join("out.key");
    let done = tributary(&[&input, &again, Path::new("--key"), &key]);
    assert_eq!(done.status.code(), Some(3));
    let relative = |root: &Path| -> Vec<(PathBuf, Vec<u8>)> {
        files(root)
            .into_iter()
            .map(|p| (p.strip_prefix(root).unwrap().to_owned(), fs::read(&p).unwrap()))
            .collect()
    };
    assert!(relative(&output) == relative(&again));
}

/// The built-in research profile reads and cleans what the declarations alone would hold.
#[test]
fn the_research_profile_cleans_most_of_what_declarations_hold_and_names_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in"), dir.path().join("out"));
    let (clean, odd) = hospital_day(&input);
    let done =
        Command::new(env!("CARGO_BIN_EXE_tributary")).arg("deid").args([&input, &output]).output().unwrap();
    assert!(matches!(done.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&done.stderr));
    let written = files(&output);
    assert!(written.len() > clean.len() && written.len() <= clean.len() + odd.len(), "{}", written.len());
    let everything: Vec<u8> = written.iter().flat_map(|path| fs::read(path).unwrap()).collect();
    let lower = everything.to_ascii_lowercase();
    for sentinel in clean.iter().flat_map(Instance::sentinels) {
        let text = sentinel.text.to_lowercase();
        assert!(
            !lower.windows(text.len()).any(|window| window == text.as_bytes()),
            "a {} survived",
            sentinel.kind
        );
    }
    for path in &written {
        let said = text_of(path, dicom::tag::tags::DEIDENTIFICATION_METHOD);
        assert!(said.contains("Clean Descriptors") && said.contains("Clean Pixel Data"), "{said}");
    }
}

fn text_of(path: &Path, tag: dicom::tag::Tag) -> String {
    let file = Box::new(fs::File::open(path).unwrap());
    let object = dicom::part10::open(file, &dicom::part10::Limits::default()).unwrap();
    object.dataset.text(tag).unwrap().to_owned()
}

#[test]
fn what_cannot_be_done_is_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in"), dir.path().join("out"));
    fs::create_dir(&input).unwrap();
    fs::write(input.join("a"), "x").unwrap();
    let inside = output.join("mapping.csv");
    for (args, says) in [
        (vec![Path::new("--mapping"), &inside], "inside OUT"),
        (vec![Path::new("--options"), Path::new("keep-all")], "unknown option"),
        (vec![Path::new("--project"), Path::new("no-such-project")], "no-such-project"),
    ] {
        let mut all = vec![input.as_path(), output.as_path()];
        all.extend(args);
        let done = tributary(&all);
        assert_eq!(done.status.code(), Some(1));
        assert!(
            String::from_utf8_lossy(&done.stderr).contains(says),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        assert!(!output.exists());
    }
}
