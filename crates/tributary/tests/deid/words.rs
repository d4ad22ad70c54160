//! `tributary profile words`: what a region writes and no list has is told, counted by people; names are not. Approved, it stays.

use super::{SEED, hospital, instance, tributary};
use dicom::dataset::Dataset;
use dicom::part10::{Limits, open};
use dicom::tag::tags;
use serde_json::Value;
use sim::encode::Syntax;
use sim::images::{Kind, Maker, NhsNumberIn, Study};
use sim::people::{People, Script};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

/// Two objects of each of six people, who are all described in the same way.
fn described(into: &Path, describe: impl Fn(&str) -> String) {
    fs::create_dir_all(into).unwrap();
    let hospital = hospital(Maker::Siemens, Script::Plain, NhsNumberIn::PatientId);
    let mut people = People::new(SEED);
    for person in 0..6 {
        let named = Arc::new(people.next(Script::Plain));
        for n in 0..2 {
            let number = person * 2 + n;
            let mut made = instance(&hospital, &named, Kind::Ct, number, None);
            let description = describe(&named.name.family);
            made.study = Arc::new(Study { description, ..(*made.study).clone() });
            fs::write(into.join(format!("{number}.dcm")), made.file(Syntax::ExplicitLittle)).unwrap();
        }
    }
}

fn words(folder: &Path, more: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tributary"));
    let out = command.args(["profile", "words"]).arg(folder).args(more).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn description(folder: &Path) -> Option<String> {
    let file = super::files(folder).into_iter().find(|path| path.extension().is_some_and(|ext| ext == "dcm"));
    let header: Dataset =
        open(Box::new(fs::File::open(file.unwrap()).unwrap()), &Limits::default()).unwrap().dataset;
    header.text(tags::STUDY_DESCRIPTION).map(str::to_owned)
}

#[test]
fn a_region_approves_its_own_words_and_nobodys_name_is_among_them() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in");
    described(&input, |family| format!("CT Chest Wibbleprotokoll {family}, Dr Zanzibarova"));
    let told: Vec<Value> =
        words(&input, &["--json"]).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let in_description =
        |told: &&Value| told["attributes"].as_array().unwrap().contains(&"StudyDescription".into());
    let described: Vec<&Value> = told.iter().filter(in_description).collect();
    let [word] = described.as_slice() else { panic!("{described:?}") };
    assert_eq!(
        (&word["word"], &word["people"], &word["objects"]),
        (&"wibbleprotokoll".into(), &6.into(), &12.into())
    );
    assert_eq!(words(&input, &["--json", "--people-min", "7"]), "");

    // Nobody has signed yet.
    let project = dir.path().join("ours.toml");
    let section = words(&input, &["--toml"]);
    let base = include_str!("../../../../projects/nccid.toml")
        .replace("options = [\"retain", "options = [\"clean-descriptors\", \"retain");
    fs::write(&project, format!("{base}{section}")).unwrap();
    let out = dir.path().join("out");
    let under = [input.as_path(), &out, Path::new("--project"), &project];
    let refused = tributary(&under);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("the reason is missing") && !out.exists());
    let signed = section.replace("reason = \"\"", "reason = \"protocols of ours, seen by A Reviewer\"");
    fs::write(&project, format!("{base}{signed}")).unwrap();
    let cleaned = tributary(&under);
    assert!(cleaned.status.success(), "{}", String::from_utf8_lossy(&cleaned.stderr));
    assert_eq!(description(&out).as_deref(), Some("CT Chest Wibbleprotokoll"));
    assert_eq!(words(&input, &["--project", project.to_str().unwrap(), "--json"]), "");
}
