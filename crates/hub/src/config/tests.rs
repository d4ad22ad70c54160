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
    assert_eq!(config.source("elder").unwrap().query_levels, [Level::Study, Level::Series]);
    assert_eq!(config.trust("RB8").unwrap().dpia.as_ref().unwrap().id, "DPIA-RB8");
}

#[test]
fn the_minimal_sample_gets_its_defaults() {
    let config = parse(MINIMAL).unwrap();
    assert_eq!(config.database_url.expose(), "sqlite:///etc/tributary/data/hub.db");
    assert_eq!(config.linkage_url.expose(), "sqlite:///etc/tributary/data/linkage.db");
    assert_eq!(config.outbox.url, "file:///etc/tributary/data/outbox");
    assert_eq!(config.projects[0].inbox.url, "file:///etc/tributary/inbox/nccid");
    let source = &config.sources[0];
    assert_eq!(source.calling_ae_title, config.listen.ae_title);
    let itself = StorePeer {
        ae_title: AeTitle::parse("ROYAL_PACS").unwrap(),
        host: Some("pacs.royal.example".into()),
        certificate: None,
    };
    assert_eq!(source.store_from, [itself], "an archive stores as itself unless told otherwise");
    assert_eq!(source.retrieve, Retrieve::Auto);
}

#[test]
fn review_pages_are_for_this_machine_unless_there_is_tls() {
    assert!(parse(MINIMAL).unwrap().portal.is_none(), "none unless asked for");
    let with = |portal: &str| format!("{MINIMAL}\n[portal]\n{portal}\n");
    let portal = parse(&with("listen = \"127.0.0.1:8470\"")).unwrap().portal.unwrap();
    assert_eq!((portal.sample_first, portal.sample_one_in), (20, 50));
    let faults = faults_of(&with("listen = \"0.0.0.0:8470\""));
    assert_eq!(faults.iter().map(|fault| fault.key.as_str()).collect::<Vec<_>>(), ["portal.listen"]);
    assert!(faults[0].what.contains("[portal.tls]"), "{}", faults[0].what);
    let tls = "listen = \"0.0.0.0:8470\"\n[portal.tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"";
    assert!(parse(&with(tls)).unwrap().portal.unwrap().tls.is_some());
    assert_eq!(faults_of(&with("listen = \"here\"")).len(), 1);
}

#[test]
fn an_unknown_key_is_an_error_with_its_line() {
    let text = MINIMAL.replace("port = 104", "port = 104\nstudies_per_minute = 3");
    let Err(ConfigError::File(config::ConfigError::Invalid { line, detail, .. })) = parse(&text) else {
        panic!("it is taken")
    };
    assert_eq!(text.lines().nth(line - 1).unwrap(), "studies_per_minute = 3");
    assert!(detail.contains("unknown field `studies_per_minute`"), "{detail}");
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
fn a_peer_or_an_inbox_that_two_could_own_is_refused() {
    let source = MINIMAL.split_once("[[sources]]").unwrap().1.split("[[").next().unwrap();
    let twin = format!("{MINIMAL}\n[[sources]]{}", source.replace("\"royal\"", "\"twin\""));
    assert_eq!(faults_of(&twin)[0].key, "sources.twin.store_from");
    let project = MINIMAL.split_once("[[projects]]").unwrap().1.split("\n[[").next().unwrap();
    let second = format!("{MINIMAL}\n[[projects]]{}", project.replace("\"nccid\"", "\"mammography\""));
    assert_eq!(faults_of(&second)[0].key, "projects.inbox");
}

#[test]
fn a_certificate_is_pinned_by_its_fingerprint() {
    let config = parse(FULL).unwrap();
    let birch = config.sources.iter().find(|source| source.name == "birch").unwrap();
    assert_eq!(birch.store_from[0].certificate.unwrap().as_bytes()[..3], [0x3b, 0x1c, 0x6f]);
    let short = FULL.replace("certificate_sha256 = \"3b:", "certificate_sha256 = \"");
    assert_eq!(faults_of(&short)[0].key, "sources[2].store_from.certificate_sha256");
    let open = FULL.replace("\nclient_ca", "\n# client_ca");
    assert_eq!(faults_of(&open)[0].key, "listen.tls.client_ca");
}

#[test]
fn archives_without_tls_need_a_door_of_their_own() {
    let one_door = FULL.replace("address = \"0.0.0.0:2762\"", "");
    let faults = faults_of(&one_door);
    assert_eq!(faults.len(), 8, "eight of the nine archives call without TLS: {faults:?}");
    assert!(faults.iter().all(|fault| fault.what.contains("listen.tls.address")));
}

#[test]
fn ae_titles_follow_ps3_5_section_6_2() {
    assert_eq!(AeTitle::parse(" PACS ").unwrap().as_str(), "PACS");
    for bad in ["", "    ", "SEVENTEEN_LETTERS", "BACK\\SLASH", "T\u{e9}"] {
        assert!(AeTitle::parse(bad).is_err(), "{bad:?}");
    }
}
