//! The commands as people type them: help that teaches, keys that are not overwritten, checks that say what to mend.
#![expect(clippy::unwrap_used, reason = "a test: what fails here is the test")]

use std::path::Path;
use std::process::{Command, Output};

fn tributary(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tributary")).current_dir(folder).args(args).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

const HUB: &str = r#"
[hub]
id = "example"
data_dir = "data"
[keys]
sealing = "keys/sealing.key"
signing = "keys/signing.key"
[listen]
ae_title = "TRIBUTARY"
address = "127.0.0.1:0"
[limits]
spool_reserve_bytes = 1048576
[[projects]]
project = "nccid"
key = "keys/nccid.key"
inbox = { url = "file://inbox" }
receipt_keys = ["keys/national-signing.pub"]
[[sources]]
name = "royal"
ae_title = "ROYAL_PACS"
host = "127.0.0.1"
port = 1
nhs_number_in = "patient-id"
trust = "RX1"
[[trusts]]
ods = "RX1"
name = "Royal Example NHS Foundation Trust"
legal_basis = { id = "LB", expires = 2099-03-31 }
agreement = { id = "DSA", expires = 2020-03-31 }
dpia = { id = "DPIA", expires = 2099-03-31 }
"#;

/// A folder with a hub's configuration and all its keys.
fn hub() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("hub.toml"), HUB).unwrap();
    let made = tributary(
        dir.path(),
        &["keys", "init", "keys", "--hub", "--national", "--backup", "--project", "nccid"],
    );
    assert!(made.status.success(), "{}", out(&made));
    dir
}

#[test]
fn every_command_has_help() {
    let dir = tempfile::tempdir().unwrap();
    for command in [
        "",
        "demo",
        "deid",
        "profile",
        "profile explain",
        "profile show",
        "profile diff",
        "profile preview",
        "keys",
        "keys init",
        "audit",
        "audit verify",
        "bench receive",
        "national",
        "national quarantine",
        "hub",
        "hub cohort import",
        "hub optouts import",
        "hub objections import",
        "hub status",
        "hub review",
        "hub backup",
        "hub restore",
        "hub sheet",
        "hub dataflow",
        "hub probe",
    ] {
        let mut args: Vec<&str> = command.split_whitespace().collect();
        args.push("--help");
        let help = tributary(dir.path(), &args);
        assert!(help.status.success() && out(&help).contains("Usage:"), "{command}: {}", out(&help));
    }
}

#[test]
fn a_profile_is_explained_and_a_changed_project_shows_what_it_changes() {
    let dir = tempfile::tempdir().unwrap();
    let told = tributary(dir.path(), &["profile", "explain", "0018,1000", "--project", "nccid"]);
    assert!(told.status.success(), "{}", out(&told));
    assert!(out(&told).starts_with("DeviceSerialNumber (0018,1000)"), "{}", out(&told));
    assert!(out(&told).contains("retain-device-identity K"), "{}", out(&told));
    let shown = tributary(dir.path(), &["profile", "show"]);
    assert!(shown.status.success() && out(&shown).contains("113107"), "{}", out(&shown));
    let nccid = include_str!("../../../projects/nccid.toml");
    std::fs::write(dir.path().join("ours.toml"), nccid.replace("\"retain-device-identity\"", "")).unwrap();
    let same = tributary(dir.path(), &["profile", "diff", "nccid", "nccid"]);
    assert_eq!(same.status.code(), Some(0), "{}", out(&same));
    let changed = tributary(dir.path(), &["profile", "diff", "nccid", "./ours.toml"]);
    assert_eq!(changed.status.code(), Some(1), "{}", out(&changed));
    assert!(out(&changed).contains("DeviceSerialNumber") && !out(&changed).contains("StudyDate"));
    let unknown = tributary(dir.path(), &["profile", "explain", "StudyDat"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(out(&unknown).contains("as StudyDate, or its tag"), "{}", out(&unknown));
}

#[test]
fn keys_are_made_once_and_never_overwritten() {
    let dir = hub();
    let key = dir.path().join("keys/signing.key");
    let before = std::fs::read(&key).unwrap();
    let again = tributary(dir.path(), &["keys", "init", "keys", "--hub"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(out(&again).contains("key-exists"), "{}", out(&again));
    assert_eq!(std::fs::read(&key).unwrap(), before);
}

#[test]
fn check_says_what_is_fine_and_what_to_mend() {
    let dir = hub();
    let well = tributary(dir.path(), &["hub", "check"]);
    assert!(well.status.success(), "{}", out(&well));
    let said = out(&well);
    assert!(said.contains("papers: RX1: the data-sharing agreement was in force until 2020-03-31"), "{said}");
    std::fs::remove_file(dir.path().join("keys/signing.key")).unwrap();
    std::fs::remove_file(dir.path().join("keys/national-signing.pub")).unwrap();
    let ill = tributary(dir.path(), &["hub", "check"]);
    assert_eq!(ill.status.code(), Some(1));
    let told = out(&ill);
    assert!(
        told.contains("FAULT   keys.signing") && told.contains("FAULT   projects[0].receipt_keys"),
        "{told}"
    );
}

#[test]
fn probe_says_in_words_why_an_archive_does_not_answer() {
    let dir = hub();
    let probe = tributary(dir.path(), &["hub", "probe", "royal"]);
    assert_eq!(probe.status.code(), Some(1));
    assert!(out(&probe).contains("nothing listens at 127.0.0.1:1"), "{}", out(&probe));
}

#[test]
fn a_sheet_is_tried_then_imported_and_its_problems_told_by_row_and_column() {
    let dir = hub();
    let sheet = "NHS Number,Date of Birth,Swab Date,Result\n9990000018,1950-01-01,2020-04-01,positive\n\
                 9990000019,1950-01-01,2020-04-01,positive\n";
    std::fs::write(dir.path().join("sheet.csv"), sheet).unwrap();
    let import = ["hub", "cohort", "import", "sheet.csv", "--trust", "RX1"];
    let tried = tributary(dir.path(), &[&import[..], &["--dry-run"]].concat());
    assert_eq!(tried.status.code(), Some(3), "{}", out(&tried));
    assert!(out(&tried).contains("row 3, column \"NHS Number\": nhs-number-check-digit"), "{}", out(&tried));
    let status = out(&tributary(dir.path(), &["hub", "status"]));
    assert!(status.contains("RX1       .  "), "a dry run imports nothing: {status}");
    tributary(dir.path(), &import);
    let status = tributary(dir.path(), &["hub", "status"]);
    assert!(status.status.success() && out(&status).contains("RX1       1  "), "{}", out(&status));
    let list = out(&tributary(dir.path(), &["hub", "optouts", "list"]));
    assert_eq!(list, "9990000018,\r\n");
    let paused = tributary(dir.path(), &["hub", "pause", "royal"]);
    assert!(paused.status.success());
    assert!(out(&tributary(dir.path(), &["hub", "status"])).contains("paused: royal"));
    let audit = tributary(dir.path(), &["audit", "verify"]);
    assert!(audit.status.success() && out(&audit).contains("hub: whole"), "{}", out(&audit));
}

#[test]
fn pages_are_made_from_the_configuration() {
    let dir = hub();
    assert!(out(&tributary(dir.path(), &["hub", "sheet", "royal"])).contains("ROYAL_PACS"));
    assert!(out(&tributary(dir.path(), &["hub", "dataflow"])).contains("example"));
    let unknown = tributary(dir.path(), &["hub", "sheet", "elsewhere"]);
    assert!(out(&unknown).contains("no source elsewhere; there are royal"));
}
