//! The samples parse, and what is wrong is told with its place and its remedy, all at once.

use super::*;

const FULL: &str = include_str!("../../../../docs/samples/hub.toml");
const MINIMAL: &str = include_str!("../../../../docs/samples/hub-minimal.toml");

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("/etc/tributary"))
}

fn faults_of(text: &str) -> Vec<Fault> {
    match parse(text) {
        Err(ConfigError::Faults(faults)) => faults,
        other => panic!("expected faults, got {other:?}"),
    }
}

#[test]
fn the_full_sample_has_thirteen_trusts_behind_nine_archives() {
    let config = parse(FULL).unwrap();
    assert_eq!(config.trusts.len(), 13);
    assert_eq!(config.sources.len(), 9);
    let regional = config.source("regional").unwrap();
    assert_eq!(regional.attribution.len(), 5);
    assert_eq!(regional.store_from.len(), 2);
    assert_eq!(config.source("elder").unwrap().query_levels, [Level::Series]);
    assert_eq!(config.trust("RB8").unwrap().dpia.as_ref().unwrap().id, "DPIA-RB8");
}

#[test]
fn the_minimal_sample_gets_its_defaults() {
    let config = parse(MINIMAL).unwrap();
    assert_eq!(config.database_url.as_str(), "sqlite:///etc/tributary/data/hub.db");
    assert_eq!(config.linkage_url.as_str(), "sqlite:///etc/tributary/data/linkage.db");
    assert_eq!(config.outbox.url, "file:///etc/tributary/data/outbox");
    assert_eq!(config.projects[0].inbox.url, "file:///etc/tributary/inbox/nccid");
    let source = &config.sources[0];
    assert_eq!(source.calling_ae_title, config.listen.ae_title);
    let itself = StorePeer {
        ae_title: AeTitle::parse("ROYAL_PACS").unwrap(),
        host: Some("pacs.royal.example".into()),
    };
    assert_eq!(source.store_from, [itself], "an archive stores as itself unless told otherwise");
    assert_eq!(source.retrieve, Retrieve::Auto);
}

#[test]
fn an_unknown_key_is_an_error_with_its_line() {
    let text = MINIMAL.replace("port = 104", "port = 104\nstudies_per_minute = 3");
    let Err(ConfigError::Syntax { line, message, .. }) = parse(&text) else { panic!() };
    assert_eq!(text.lines().nth(line - 1).unwrap(), "studies_per_minute = 3");
    assert!(message.contains("unknown field `studies_per_minute`"), "{message}");
}

#[test]
fn every_fault_is_told_at_once() {
    let text = MINIMAL
        .replace("\"example\"", "\"Not A Name\"")
        .replace("ROYAL_PACS", "MUCH_TOO_LONG_AN_AE_TITLE")
        .replace("trust = \"RX1\"", "trust = \"RX9\"");
    let keys: Vec<_> = faults_of(&text).into_iter().map(|f| f.key).collect();
    assert_eq!(keys, ["hub.id", "sources[0].ae_title", "sources.royal.attribution"]);
}

#[test]
fn a_password_in_a_url_is_sent_to_a_file_and_never_printed() {
    let text = format!("{MINIMAL}\n[database]\nurl = \"postgres://hub:hunter2@db/hub\"\n");
    let faults = faults_of(&text);
    assert_eq!(faults[0].key, "database.url");
    assert!(!format!("{faults:?}").contains("hunter2"));
    assert!(!format!("{:?}", DatabaseUrl("postgres://hub:hunter2@db/hub".into())).contains("hunter2"));
}

#[test]
fn linkage_never_shares_the_hubs_database() {
    let text = format!("{MINIMAL}\n[database]\nurl = \"sqlite://a.db\"\nlinkage_url = \"sqlite://a.db\"\n");
    assert_eq!(faults_of(&text)[0].key, "database.linkage_url");
}

#[test]
fn a_source_without_attribution_is_refused() {
    let text = MINIMAL.replace("trust = \"RX1\"", "");
    assert!(faults_of(&text)[0].what.contains("attribution"));
}

#[test]
fn an_s3_inbox_needs_its_service_and_a_folder_does_not() {
    let text = MINIMAL.replace("file://inbox/nccid", "s3://national/nccid");
    assert_eq!(faults_of(&text)[0].key, "projects[0].inbox");
    let config = parse(FULL).unwrap();
    let s3 = config.projects[0].inbox.s3.as_ref().unwrap();
    assert_eq!(s3.secret_access_key_file.path(), Path::new("/etc/tributary/keys/s3-secret"));
}

#[test]
fn ae_titles_follow_ps3_5_section_6_2() {
    assert_eq!(AeTitle::parse(" PACS ").unwrap().as_str(), "PACS");
    for bad in ["", "    ", "SEVENTEEN_LETTERS", "BACK\\SLASH", "T\u{e9}"] {
        assert!(AeTitle::parse(bad).is_err(), "{bad:?}");
    }
}
