//! `tributary deid` as a tool: it goes on after a stop, rehearses, reports, prints JSON lines, and looks at what others cleaned.

use super::{DECLARED, files, hospital, hospital_day, instance, tributary};
use sim::encode::Syntax;
use sim::images::{Instance, Kind, Maker, NhsNumberIn};
use sim::people::{People, Script};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tributary"));
    command.arg("deid").args(args);
    command
}

fn tree(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    files(root)
        .into_iter()
        .map(|p| (p.strip_prefix(root).unwrap().to_owned(), fs::read(&p).unwrap()))
        .collect()
}

fn str_of(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Of files with one SOP Instance UID those that are the same to the last bit are written once; one that is not is held, and not lost.
#[test]
fn one_pixel_tells_two_files_with_one_uid_apart() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in"), dir.path().join("out"));
    fs::create_dir(&input).unwrap();
    let hospital = hospital(Maker::Siemens, Script::Plain, NhsNumberIn::PatientId);
    let person = Arc::new(People::new(7).next(Script::Plain));
    let image = instance(&hospital, &person, Kind::Ct, 1, None).file(Syntax::ExplicitLittle);
    let mut other = image.clone();
    // In the middle of its 64 by 64 pixels of 16 bits; what is behind them does not go out.
    let pixel = other.len() - 64 * 64;
    other[pixel] ^= 1;
    for (name, bytes) in [("a", &image), ("b", &image), ("c", &other), ("d", &image)] {
        fs::write(input.join(name), bytes).unwrap();
    }
    let outcomes = || {
        let run =
            program(&[str_of(&input), str_of(&output), "--options", DECLARED, "--json"]).output().unwrap();
        let lines = String::from_utf8(run.stdout).unwrap();
        let mut told: Vec<(String, String, String)> = lines
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|line| (line["path"].to_string(), line["outcome"].to_string(), line["reasons"].to_string()))
            .collect();
        told.sort();
        let told = told.into_iter().map(|(_, outcome, why)| format!("{outcome} {why}"));
        told.collect::<Vec<_>>()
    };
    let held = "\"held\" [\"same-uid-other-content\"]";
    let expected = ["\"cleared\" null", "\"repeated\" null", held, "\"repeated\" null"];
    assert_eq!(outcomes(), expected);
    assert_eq!(files(&output).len(), 1);
    // The same again, from what the state knows.
    assert_eq!(outcomes(), expected);
}

#[test]
fn a_run_that_is_killed_again_and_again_ends_as_one_that_was_not() {
    let dir = tempfile::tempdir().unwrap();
    let (input, calm, key) = (dir.path().join("in"), dir.path().join("calm"), dir.path().join("key"));
    hospital_day(&input);
    // Two files of one instance.
    let one = files(&input)[0].clone();
    fs::copy(&one, input.join("zz twin")).unwrap();
    let key_args = ["--key", str_of(&key)];
    let of = |out: &Path| program(&[&[str_of(&input), str_of(out)], &key_args[..]].concat());
    assert_eq!(of(&calm).output().unwrap().status.code(), Some(3));

    let troubled = dir.path().join("troubled");
    let (mut kills, mut wait_ms) = (0, 5);
    loop {
        let mut child = of(&troubled).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait_ms));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        // Whatever lies in OUT at any moment is what will lie there at the end.
        let end = tree(&calm);
        let so_far = if troubled.is_dir() { tree(&troubled) } else { Vec::new() };
        assert!(so_far.iter().all(|file| end.contains(file)));
        if status.code().is_some() {
            break;
        }
        kills += 1;
        wait_ms += 7;
    }
    assert!(kills > 3, "it was killed {kills} times");
    assert!(tree(&calm) == tree(&troubled), "after {kills} kills");
    let beside =
        |out: &str, suffix: &str| fs::read_to_string(dir.path().join(format!("{out}{suffix}"))).unwrap();
    for suffix in [".mapping.csv", ".held.csv"] {
        assert_eq!(beside("calm", suffix), beside("troubled", suffix));
    }

    // Once more: everything is there already.
    let before = fs::metadata(&files(&troubled)[0]).unwrap().modified().unwrap();
    assert_eq!(of(&troubled).output().unwrap().status.code(), Some(3));
    assert_eq!(fs::metadata(&files(&troubled)[0]).unwrap().modified().unwrap(), before);
    // What somebody took away comes back.
    fs::remove_file(&files(&troubled)[0]).unwrap();
    assert_eq!(of(&troubled).output().unwrap().status.code(), Some(3));
    assert!(tree(&calm) == tree(&troubled));
}

#[test]
fn another_profile_into_the_same_out_is_refused_until_it_begins_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output, fresh) = (dir.path().join("in"), dir.path().join("out"), dir.path().join("fresh"));
    let key = dir.path().join("out.key");
    hospital_day(&input);
    assert_eq!(tributary(&[&input, &output]).status.code(), Some(3));
    let changed = [str_of(&input), str_of(&output), "--options", ""];
    let refused = program(&changed).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("project or options") && said.contains("--restart"), "{said}");
    assert_eq!(program(&[&changed[..], &["--restart"]].concat()).output().unwrap().status.code(), Some(3));
    let alone = [str_of(&input), str_of(&fresh), "--options", "", "--key", str_of(&key)];
    assert_eq!(program(&alone).output().unwrap().status.code(), Some(3));
    assert!(tree(&output) == tree(&fresh));

    // What another version of the program left there is known by its schema.
    let state = dir.path().join("out.state/state.sqlite");
    let other = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); \
                 db.execute('UPDATE schema_steps SET sha256 = 0'); db.commit()";
    assert!(Command::new("python3").args(["-c", other]).arg(&state).status().unwrap().success());
    let refused = program(&changed).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("another version") && said.contains("--restart"), "{said}");
    assert_eq!(program(&[&changed[..], &["--restart"]].concat()).output().unwrap().status.code(), Some(3));
    assert!(tree(&output) == tree(&fresh));
}

#[test]
fn a_dry_run_tells_the_same_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in"), dir.path().join("out"));
    hospital_day(&input);
    let report = dir.path().join("report.html");
    let args =
        [str_of(&input), str_of(&output), "--dry-run", "--report", str_of(&report), "--options", DECLARED];
    let dry = program(&args).output().unwrap();
    assert_eq!(dry.status.code(), Some(3));
    let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "IN and the report: {left:?}");
    assert!(fs::read_to_string(&report).unwrap().contains("Nothing was written"));
    let wet = tributary(&[&input, &output]);
    let before = tree(&output);
    let again = program(&[str_of(&input), str_of(&output), "--dry-run", "--options", ""]).output().unwrap();
    assert_eq!(again.status.code(), Some(3));
    assert!(tree(&output) == before, "what lies in OUT is not touched");
    let numbers = |text: &[u8]| -> Vec<String> {
        let lines = String::from_utf8_lossy(text).into_owned();
        let is_count = |line: &&str| line.trim_start().starts_with(|c: char| c.is_ascii_digit());
        lines
            .lines()
            .filter(is_count)
            .map(|line| line.split_whitespace().next().unwrap().to_owned())
            .collect()
    };
    assert_eq!(numbers(&dry.stdout), numbers(&wet.stdout));
}

/// Nothing of these people, neither in lower nor in upper case.
pub(super) fn assert_names_nobody(text: &str, people: &[Instance], what: &str) {
    let lower = text.to_lowercase();
    for sentinel in people.iter().flat_map(Instance::sentinels) {
        assert!(!lower.contains(&sentinel.text.to_lowercase()), "a {} in {what}", sentinel.kind);
    }
}

#[test]
fn report_and_json_lines_tell_of_every_file_and_of_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in"), dir.path().join("out"));
    let (clean, odd) = hospital_day(&input);
    let report = dir.path().join("report.html");
    let args =
        [str_of(&input), str_of(&output), "--json", "--report", str_of(&report), "--options", DECLARED];
    let done = program(&args).output().unwrap();
    assert_eq!(done.status.code(), Some(3));
    let lines: Vec<serde_json::Value> = String::from_utf8(done.stdout.clone())
        .unwrap()
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(lines.len(), clean.len() + odd.len());
    for line in &lines {
        let path = Path::new(line["path"].as_str().unwrap());
        assert!(path.starts_with(&input) && path.is_file());
        match line["outcome"].as_str().unwrap() {
            "cleared" => {
                assert!(output.join(line["output"].as_str().unwrap()).is_file());
                let done_to = |keyword: &str| {
                    let all = line["actions"].as_array().unwrap();
                    all.iter()
                        .find(|action| action["keyword"] == keyword)
                        .map(|action| action["action"].clone())
                };
                assert_eq!(done_to("PatientName").unwrap(), "replaced");
                assert_eq!(done_to("PatientAddress").unwrap(), "removed");
                assert_eq!(done_to("Rows").unwrap(), "kept");
                assert_names_nobody(&line["actions"].to_string(), &clean, "actions");
            }
            "held" => assert!(!line["reasons"].as_array().unwrap().is_empty()),
            other => panic!("{other}"),
        }
    }
    let page = fs::read_to_string(&report).unwrap();
    assert_names_nobody(&page, &clean, "the report");
    assert!(!page.contains(str_of(&input)));
    for said in ["pixels-burned-in-annotation", "a person has to look at it", "PatientName", "ct image"] {
        assert!(page.contains(said), "{said}");
    }
    // A run with nothing left to do tells of every file as well.
    let again = program(&args).output().unwrap();
    let sorted = |out: &[u8]| {
        let mut lines: Vec<String> = String::from_utf8_lossy(out).lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&again.stdout), sorted(&done.stdout));
}

#[test]
fn what_was_cleaned_is_verified_and_what_was_not_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in"), dir.path().join("out"));
    hospital_day(&input);
    assert_eq!(tributary(&[&input, &output]).status.code(), Some(3));
    let verify = |folder: &Path, more: &[&str]| {
        program(&[&["--verify-only", str_of(folder), "--json"], more].concat()).output().unwrap()
    };
    let clean = verify(&output, &["--original", str_of(&input)]);
    let said = String::from_utf8_lossy(&clean.stdout).into_owned();
    assert_eq!(clean.status.code(), Some(0), "{said}");
    assert!(said.lines().all(|line| line.contains("\"outcome\":\"clean\"")));
    let found = verify(&input, &[]);
    assert_eq!(found.status.code(), Some(3));
    for line in String::from_utf8(found.stdout).unwrap().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let codes: Vec<&str> = line["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|finding| finding["code"].as_str().unwrap())
            .collect();
        for code in ["identity-not-removed", "element-not-allowed", "private-element", "residue-found"] {
            assert!(codes.contains(&code), "{code} in {codes:?}");
        }
    }
    assert_eq!(tributary(&[Path::new("--verify-only")]).status.code(), Some(2));
    assert_eq!(tributary(&[&input]).status.code(), Some(2));
}

/// The example of docs/deidentification.md, as it stands there.
#[test]
fn a_python_program_can_run_it() {
    let Ok(python) = std::env::var("TRIBUTARY_TEST_PYTHON") else {
        eprintln!("skipped: TRIBUTARY_TEST_PYTHON is not set (./dev test sets it)");
        return;
    };
    let docs = include_str!("../../../../docs/deidentification.md");
    let example = docs.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("in"), dir.path().join("out"));
    let (clean, odd) = hospital_day(&input);
    let example = example
        .replace("\"tributary\"", &format!("{:?}", env!("CARGO_BIN_EXE_tributary")))
        .replace("\"scans\"", &format!("{:?}", str_of(&input)))
        .replace("\"clean\"", &format!("{:?}", str_of(&output)));
    let done = Command::new(python).args(["-c", &example]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let told = said.lines().last().and_then(|line| line.split_once(" cleared, ")).unwrap();
    let held: usize = told.1.trim_end_matches(" held").parse().unwrap();
    assert_eq!(told.0.parse::<usize>().unwrap() + held, clean.len() + odd.len(), "{said}");
}
