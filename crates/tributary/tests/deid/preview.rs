//! `tributary profile preview`: what it says of a changed profile is what `tributary deid` does under both.

use super::tool::assert_names_nobody;
use super::{files, hospital_day};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn preview(args: &[&str], folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tributary"));
    command.args(["profile", "preview"]).args(args).arg(folder).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The project of the program, with the name of the station removed and pixels read for text.
fn changed_project(dir: &Path) -> PathBuf {
    let nccid = include_str!("../../../../projects/nccid.toml");
    let options = "options = [\"retain-longitudinal-modified-dates\",";
    assert!(nccid.contains(options));
    let reads = nccid.replace(options, &format!("{options} \"clean-pixel-data\","));
    let path = dir.join("changed.toml");
    let removes = "[[deidentification.override]]\nattribute = \"StationName\"\naction = \"remove\"\nreason = \"a ward\"\n";
    fs::write(&path, format!("{reads}\n{removes}")).unwrap();
    path
}

/// The outcome of a file, and what was done to the name of its station.
type Told = (Value, Value);

/// What `tributary deid` says of each file under a project.
fn rehearsed(input: &Path, out: &Path, project: &str) -> BTreeMap<String, Told> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tributary"));
    command.arg("deid").args([input, out]).args(["--dry-run", "--json", "--project", project]);
    let lines = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let of = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let actions = line["actions"].as_array().cloned().unwrap_or_default();
        let station = actions.iter().find(|told| told["tag"] == "(0008,1010)");
        let station = station.map_or(Value::Null, |told| told["action"].clone());
        (line["path"].as_str().unwrap().to_owned(), (line["outcome"].clone(), station))
    };
    lines.lines().map(of).collect()
}

#[test]
fn it_tells_what_the_tool_would_do_under_both() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in");
    let (clean, _) = hospital_day(&input);
    fs::write(input.join("notes.txt"), "not an image").unwrap();
    let changed = changed_project(dir.path());
    let changed = changed.to_str().unwrap();
    let out = preview(&["nccid", changed, "--json"], &input);
    assert_eq!(out.status.code(), Some(1), "{}", said(&out));
    let told: Value = serde_json::from_slice(&out.stdout).unwrap();

    let old = rehearsed(&input, &dir.path().join("out"), "nccid");
    let new = rehearsed(&input, &dir.path().join("out"), changed);
    let number = |is: &dyn Fn(&Told, &Told) -> bool| {
        old.iter().filter(|(path, old)| is(old, &new[*path])).count() as u64
    };
    let is = |one: &Told, outcome: &str| one.0 == outcome;
    let freed = number(&|old, new| is(old, "held") && is(new, "cleared"));
    let caught = number(&|old, new| is(old, "cleared") && is(new, "held"));
    let held = |of: &str| told[of]["objects"].as_u64().unwrap();
    assert!(freed > 0, "no odd image is clean once it is read");
    assert_eq!((held("no_longer_held"), held("newly_held")), (freed, caught));
    // Each odd image was held for what it declares.
    let reasons = told["no_longer_held"]["reasons"].as_object().unwrap();
    assert!(!reasons.is_empty() && reasons.keys().all(|code| code.starts_with("pixels-")), "{reasons:?}");
    assert_eq!(told["sample"], files(&input).len());

    let line = |of: &str| {
        let lines = told["actions"].as_array().unwrap();
        lines
            .iter()
            .find(|line| line["attribute"] == of)
            .unwrap_or_else(|| panic!("{of} in {lines:?}"))
            .clone()
    };
    let station = line("StationName");
    let parted = number(&|old, new| old.1 == "kept" && new.1 == "removed");
    assert!(parted > 0);
    assert_eq!(
        (&station["old"], &station["new"], &station["objects"]),
        (&"kept".into(), &"removed".into(), &parted.into())
    );
    let kinds: u64 = station["kinds"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(kinds, parted);
    let pixels = line("the pixels");
    assert_eq!(
        (&pixels["old"], &pixels["new"]),
        (&"judged by the header alone".into(), &"read for text".into())
    );
    // The study date goes out the same under both: it is not told.
    assert!(told["actions"].as_array().unwrap().iter().all(|line| line["attribute"] != "StudyDate"));

    let words = said(&preview(&["nccid", changed], &input));
    assert!(words.contains("StationName") && words.contains("CT ct-image"), "{words}");
    assert!(words.trim_end().lines().last().unwrap().contains(&format!("{freed} no longer held")), "{words}");
    assert_names_nobody(&words, &clean, "the preview");
    assert_names_nobody(&told.to_string(), &clean, "the preview");
    // Nothing was written.
    let mut left: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["changed.toml", "in"]);
}

#[test]
fn a_sample_is_spread_and_what_is_alike_is_said_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("in");
    hospital_day(&input);
    let same = dir.path().join("same.toml");
    fs::write(&same, include_str!("../../../../projects/nccid.toml")).unwrap();
    let out = preview(&["nccid", same.to_str().unwrap(), "--sample", "7"], &input);
    assert_eq!(out.status.code(), Some(0), "{}", said(&out));
    assert!(said(&out).starts_with("7 of the 30 files"), "{}", said(&out));
    assert!(said(&out).contains("7 alike, 0 written otherwise, 0 newly held"), "{}", said(&out));
    // The profile of `tributary deid` has a name here.
    let research = preview(&["research", "research", "--sample", "3"], &input);
    assert_eq!(research.status.code(), Some(0), "{}", said(&research));
    // A sample cannot count people, and says so.
    let counts = dir.path().join("counts.toml");
    let nccid = include_str!("../../../../projects/nccid.toml");
    let options = "options = [\"retain-longitudinal-modified-dates\",";
    assert!(nccid.contains(options));
    fs::write(&counts, nccid.replace(options, &format!("age_people_min = 5\n{options}"))).unwrap();
    let counted = preview(&["nccid", counts.to_str().unwrap(), "--sample", "3"], &input);
    assert_eq!(counted.status.code(), Some(1), "{}", said(&counted));
    assert!(said(&counted).contains("not told") && said(&counted).contains("3 alike"), "{}", said(&counted));
    let empty = dir.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let nothing = preview(&["nccid", "nccid"], &empty);
    assert!(nothing.status.code() == Some(1) && said(&nothing).contains("there is no file"));
}
