//! Bad files given to the program: each ends in an error that names the file and a code, and is left where it lies.
#![expect(clippy::unwrap_used, reason = "a test says what failed by failing")]

use platform::testing::TempDir;
use sim::encode::Syntax;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn tributary(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tributary")).args(args).current_dir(folder).output().unwrap()
}

/// A folder with a hub's configuration and keys.
fn a_hub() -> TempDir {
    let dir = TempDir::new();
    fs::write(dir.path().join("hub.toml"), include_str!("../../../docs/samples/hub-minimal.toml")).unwrap();
    for args in [
        ["keys", "init", "keys", "--hub", "--national"].as_slice(),
        &["keys", "init", "keys", "--project", "nccid"],
    ] {
        assert!(tributary(dir.path(), args).status.success());
    }
    fs::rename(dir.path().join("keys/national-signing.pub"), dir.path().join("keys/national.pub")).unwrap();
    dir
}

/// Runs a command that must fail and say all these words.
fn fails(dir: &TempDir, args: &[&str], words: &[&str]) {
    let output = tributary(dir.path(), args);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{args:?}: {said}");
    for word in words {
        assert!(said.contains(word), "{args:?} does not say {word:?}: {said}");
    }
}

#[test]
fn an_unknown_key_is_told_with_file_line_and_name() {
    let dir = a_hub();
    let file = dir.path().join("hub.toml");
    let good = fs::read_to_string(&file).unwrap();
    fs::write(&file, good.replace("[listen]", "[listen]\ncolour = \"blue\"")).unwrap();
    let text = fs::read_to_string(&file).unwrap();
    let line = 1 + text.lines().position(|line| line.starts_with("colour")).unwrap();
    fails(
        &dir,
        &["hub", "status"],
        &["config-invalid", "hub.toml", &format!("line {line}"), "listen.colour", "unknown"],
    );
    fs::write(dir.path().join("national.toml"), "data_dir = \"n\"\ncolour = \"blue\"\n").unwrap();
    fails(
        &dir,
        &["national", "status"],
        &["config-invalid", "national.toml", "line 2", "\"colour\"", "unknown"],
    );
}

#[test]
fn a_bad_key_file_is_named_with_its_code() {
    use std::os::unix::fs::PermissionsExt as _;
    for (code, spoil) in [
        (
            "key-malformed",
            (|key: &Path| fs::write(key, "tributary-key 1 hub-signing not-hex").unwrap()) as fn(&Path),
        ),
        ("key-exposed", |key| fs::set_permissions(key, fs::Permissions::from_mode(0o644)).unwrap()),
        ("key-unreadable", |key| fs::remove_file(key).unwrap()),
        ("key-kind", |key| {
            fs::copy(key.with_file_name("sealing.key"), key).unwrap();
        }),
    ] {
        let dir = a_hub();
        spoil(&dir.path().join("keys/signing.key"));
        fails(&dir, &["hub", "status"], &[code, "signing.key"]);
    }
}

#[test]
fn an_unreadable_sheet_is_named_and_nothing_of_it_is_imported() {
    let dir = a_hub();
    let sheets: [(&str, &[u8], &str); 4] = [
        ("damaged.xlsx", b"PK\x03\x04 and then nothing of a workbook", "sheet-damaged"),
        ("empty.csv", b" \n\n", "sheet-empty"),
        ("letter.csv", b"Dear colleague,\nplease find the patients attached.\n", "sheet-no-headings"),
        ("old.xls", b"\xd0\xcf\x11\xe0 torn", "sheet-damaged"),
    ];
    for (name, bytes, code) in sheets {
        fs::write(dir.path().join(name), bytes).unwrap();
        fails(&dir, &["hub", "cohort", "import", name, "--trust", "RX1"], &[name, code]);
        assert_eq!(fs::read(dir.path().join(name)).unwrap(), bytes);
    }
    let status = tributary(dir.path(), &["hub", "status"]);
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
}

#[test]
fn what_cannot_be_read_is_held_by_its_code_and_the_good_file_goes_on() {
    let dir = TempDir::new();
    let given = dir.path().join("in");
    fs::create_dir(&given).unwrap();
    let image = sim::images::ct_study(7, 1, 32).remove(0);
    let whole = image.file(Syntax::ExplicitLittle);
    let front =
        [image.object().meta(Syntax::ExplicitLittle), b"\x08\x00\x60\x00CS\x02\x00CT".to_vec()].concat();
    let huge = [&front[..], b"\x42\x00\x11\x00OB\x00\x00\xF0\xFF\xFF\xFF", &[0; 600]].concat();
    let level = b"\x40\x00\x75\x02SQ\x00\x00\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF";
    let wrong = b"\x40\x00\x75\x02SQ\x00\x00\x08\x00\x00\x00\xFE\xFF\x00\xE0\x40\x00\x00\x00";
    for (name, bytes) in [
        ("good.dcm", whole.clone()),
        ("letter.dcm", b"%PDF-1.7 a letter".repeat(20)),
        ("short.dcm", whole[..whole.len() - 100].to_vec()),
        ("huge.dcm", huge),
        ("wrong.dcm", [&front[..], wrong, &[0; 64]].concat()),
        ("deep.dcm", [front.clone(), level.repeat(10_000)].concat()),
    ] {
        fs::write(given.join(name), bytes).unwrap();
    }
    let output = tributary(dir.path(), &["deid", "in", "out", "--options", "retain-device-identity"]);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let held = fs::read_to_string(dir.path().join("out.held.csv")).unwrap();
    for (name, code) in [
        ("letter.dcm", "not-dicom"),
        ("short.dcm", "truncated"),
        ("huge.dcm", "truncated"),
        ("wrong.dcm", "bad-length"),
        ("deep.dcm", "too-deep"),
    ] {
        let row = held.lines().find(|line| line.contains(name)).unwrap_or_default();
        assert!(row.ends_with(code), "{name}: {row:?}");
        assert!(given.join(name).exists());
    }
    assert!(!held.contains("good.dcm"), "{held}");
}
