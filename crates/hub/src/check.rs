//! Will it work? Everything that a configuration names is tried, nothing is changed, and what fails is told with its remedy.

use crate::ae::{AeError, Client, check_tls};
use crate::config::{Config, Level, Source};
use crate::project::Project;
use deid::profile::{Profile, Settings};
use dicom::dataset::Dataset;
use dicom::pdu::RejectReason;
use dicom::tag::{VR, tags};
use platform::clock::Timestamp;
use platform::db::Db;
use platform::disk;
use platform::keys::{KeyKind, PublicKey, SecretKey};
use platform::objects::{Objects, ObjectsConfig};
use std::fmt::Display;

/// How a thing that was tried turned out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It works.
    Fine,
    /// It works, and a person should know something.
    Notice,
    /// It does not work.
    Fault,
}

/// One thing that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How it turned out.
    pub verdict: Verdict,
    /// What was tried.
    pub what: String,
    /// What came of it, and what to do.
    pub said: String,
}

struct Findings(Vec<Finding>);

impl Findings {
    fn tell(&mut self, verdict: Verdict, what: impl Into<String>, said: impl Display) {
        self.0.push(Finding { verdict, what: what.into(), said: said.to_string() });
    }

    fn of<T, E: Display>(&mut self, what: impl Into<String>, tried: Result<T, E>) -> Option<T> {
        match tried {
            Ok(value) => {
                self.tell(Verdict::Fine, what, "");
                Some(value)
            }
            Err(error) => {
                self.tell(Verdict::Fault, what, error);
                None
            }
        }
    }
}

/// Tries all that the configuration names: keys, databases, stores, disks, certificates, projects, papers.
pub async fn check(config: &Config, now: Timestamp) -> Vec<Finding> {
    let mut found = Findings(Vec::new());
    found.of("keys.sealing", SecretKey::load(&config.keys.sealing, KeyKind::HubStorage));
    found.of("keys.signing", SecretKey::load(&config.keys.signing, KeyKind::HubSigning));
    for path in &config.keys.signing_previous {
        found.of("keys.signing_previous", PublicKey::load(path, KeyKind::HubSigning));
    }
    match &config.keys.backup_recipient {
        Some(path) => {
            found.of("keys.backup_recipient", PublicKey::load(path, KeyKind::BackupRecipient));
        }
        None => found.tell(
            Verdict::Notice,
            "keys.backup_recipient",
            "not given, so there are no backups: make one with `tributary keys init DIR --backup`, away from this machine",
        ),
    }
    for error in check_tls(config) {
        found.tell(Verdict::Fault, "TLS", error);
    }
    check_disk(config, &mut found);
    check_database("database.url", config.database_url.expose(), &mut found).await;
    check_database("database.linkage_url", config.linkage_url.expose(), &mut found).await;
    check_objects("hub.outbox", &config.outbox, &mut found).await;
    for (at, entry) in config.projects.iter().enumerate() {
        let what = |key: &str| format!("projects[{at}].{key} ({})", entry.project);
        if let Some(project) = found.of(what("project"), Project::load(&entry.project)) {
            let profile =
                Settings::from_toml(project.deidentification).and_then(|settings| Profile::new(&settings));
            found.of(what("deidentification"), profile);
        }
        found.of(what("key"), SecretKey::load(&entry.key, KeyKind::Project));
        for path in &entry.receipt_keys {
            found.of(what("receipt_keys"), PublicKey::load(path, KeyKind::NationalSigning));
        }
        check_objects(&what("inbox"), &entry.inbox, &mut found).await;
    }
    check_papers(config, now, &mut found);
    found.0
}

fn check_disk(config: &Config, found: &mut Findings) {
    let tried = disk::create_dirs(&config.spool_dir).and_then(|()| disk::bytes_free(&config.spool_dir));
    let reserve = config.limits.spool_reserve_bytes;
    match tried {
        Ok(free) if free < reserve => found.tell(
            Verdict::Fault,
            "hub.spool_dir",
            format!(
                "{free} bytes free, spool_reserve_bytes is {reserve}: archives would be refused with 0xA700"
            ),
        ),
        tried => {
            found.of("hub.spool_dir", tried);
        }
    }
}

async fn check_database(what: &str, url: &str, found: &mut Findings) {
    let tried = async { Db::open(url).await?.read().await.map(drop) };
    found.of(what, tried.await);
}

async fn check_objects(what: &str, config: &ObjectsConfig, found: &mut Findings) {
    let tried = async { Objects::open(config)?.head("check/none").await.map(drop) };
    match tried.await {
        Err(platform::objects::ObjectError::NotFound(_)) => found.tell(Verdict::Fine, what, ""),
        tried => {
            found.of(what, tried);
        }
    }
}

fn check_papers(config: &Config, now: Timestamp, found: &mut Findings) {
    let governance = crate::trusts::Governance::new(&config.trusts);
    for trust in governance.trusts() {
        match governance.permits(&trust.ods, now.date()) {
            Ok(()) => found.tell(Verdict::Fine, format!("papers of {}", trust.ods), ""),
            Err(lapse) => found.tell(
                Verdict::Notice,
                "papers".to_owned(),
                format!("{lapse}: nothing is asked of this trust and nothing leaves"),
            ),
        }
    }
    for source in config.sources.iter().filter(|source| source.paused || source.pause_file.exists()) {
        found.tell(Verdict::Notice, format!("source {}", source.name), "paused: nothing is asked of it");
    }
}

/// Calls an archive as the hub would: C-ECHO, then a C-FIND that matches nobody. Blocks until it has answered.
pub fn probe(client: &Client, source: &Source) -> Vec<Finding> {
    let mut found = Findings(Vec::new());
    let at = format!("{} at {}:{}", source.ae_title, source.endpoint.host, source.endpoint.port);
    match client.echo(source) {
        Ok(()) => found.tell(Verdict::Fine, "C-ECHO", format!("{at} answers")),
        Err(error) => {
            found.tell(Verdict::Fault, "C-ECHO", in_words(&error, source));
            return found.0;
        }
    }
    let mut keys = Dataset::new();
    keys.put_text(tags::PATIENT_ID, VR::LO, "TRIBUTARY-PROBE");
    keys.put_text(tags::STUDY_INSTANCE_UID, VR::UI, "");
    match client.find(source, Level::Study, &keys) {
        Ok(answers) if answers.is_empty() => found.tell(Verdict::Fine, "C-FIND", "answers queries"),
        Ok(answers) => found.tell(
            Verdict::Notice,
            "C-FIND",
            format!(
                "{} studies match an id that nobody has: this archive does not match on Patient ID as it should",
                answers.len()
            ),
        ),
        Err(error) => found.tell(Verdict::Fault, "C-FIND", in_words(&error, source)),
    }
    found.0
}

/// What a failed call means to the people who can mend it.
fn in_words(error: &AeError, source: &Source) -> String {
    let (host, port) = (&source.endpoint.host, source.endpoint.port);
    let advice = match error {
        AeError::Unreachable { error, .. } => match error.kind() {
            std::io::ErrorKind::ConnectionRefused => {
                format!(
                    "nothing listens at {host}:{port}: is the port right, is the archive's DICOM service running?"
                )
            }
            std::io::ErrorKind::TimedOut => {
                format!(
                    "no answer from {host}:{port}: a firewall between the hub and the archive, most likely"
                )
            }
            _ => format!("{host}:{port} cannot be reached: check the host name and the network"),
        },
        AeError::Tls(_) => "check the certificates of both sides, and server_name".to_owned(),
        AeError::Rejected(rejection) => match rejection.reason {
            RejectReason::CalledAeNotRecognised => {
                format!("the archive does not answer to the AE title {}: check ae_title", source.ae_title)
            }
            RejectReason::CallingAeNotRecognised => format!(
                "the archive does not know the AE title {}: ask its administrator to add it, with this machine's address",
                source.calling_ae_title
            ),
            RejectReason::TemporaryCongestion => "the archive is busy: try again later".to_owned(),
            _ => "the archive's log says why".to_owned(),
        },
        AeError::Broken(_) | AeError::Ended => {
            "the archive broke off: its log says why; a TLS port called without TLS does this".to_owned()
        }
        AeError::Role(_) => "the archive does not offer this service to us: ask its administrator".to_owned(),
        AeError::Failed(_) => "the archive cannot do it: its log says why".to_owned(),
    };
    format!("{error} – {advice}")
}
