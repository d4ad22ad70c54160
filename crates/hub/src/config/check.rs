//! From what was written to what is meant: paths resolved, titles and addresses checked, references between sections followed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use chrono_tz::Tz;
use platform::config::{SecretFile, SecretText};
use platform::objects::{ObjectsConfig, S3Config};
use submission::digest::Digest;

use super::raw::{
    Limits, RawConfig, RawDatabase, RawDocument, RawHours, RawListen, RawPortal, RawProject, RawRule,
    RawSource, RawTransfer, RawTrust,
};
use super::{
    AeTitle, Config, ConfigError, Document, Endpoint, Fault, Hours, KeyPaths, Level, Listen, ListenTls,
    NhsNumberIn, PortalConfig, ProjectEntry, Rule, Source, SourceTls, StorePeer, Trust,
};

/// Collects faults, so that a person mends them in one go.
struct Checker<'a> {
    base: &'a Path,
    zone: Tz,
    faults: Vec<Fault>,
}

/// The whole configuration, or every fault in it.
pub(super) fn meant(raw: RawConfig, base: &Path) -> Result<Config, ConfigError> {
    let mut faults = Vec::new();
    let zone = raw.hub.time_zone.parse().unwrap_or_else(|_| {
        faults.push(fault("hub.time_zone", "no such time zone; write one as Europe/London"));
        Tz::Europe__London
    });
    let mut check = Checker { base, zone, faults };
    check.name("hub.id", &raw.hub.id);
    check.limits(&raw.limits);
    let data_dir = check.path(raw.hub.data_dir);
    let (database_url, linkage_url) = check.databases(raw.database, &data_dir);
    let listen = check.listen(raw.listen);
    let config = Config {
        hub_id: raw.hub.id,
        contact: raw.hub.contact,
        spool_dir: raw.hub.spool_dir.map_or_else(|| data_dir.join("spool"), |p| check.path(p)),
        outbox: match raw.hub.outbox {
            Some(outbox) => check.objects("hub.outbox", outbox),
            None => ObjectsConfig { url: file_url(&data_dir.join("outbox")), s3: None },
        },
        database_url,
        linkage_url,
        keys: KeyPaths {
            sealing: check.path(raw.keys.sealing),
            signing: check.path(raw.keys.signing),
            signing_previous: raw.keys.signing_previous.into_iter().map(|p| check.path(p)).collect(),
            backup_recipient: raw.keys.backup_recipient.map(|p| check.path(p)),
        },
        projects: raw.projects.into_iter().enumerate().map(|(i, p)| check.project(i, p)).collect(),
        portal: raw.portal.map(|p| check.portal(p)),
        limits: raw.limits,
        transfer: check.transfer(&raw.transfer),
        transfer_every_s: raw.transfer.every_s,
        receipts_every_s: raw.transfer.receipts_every_s,
        placeholders: raw.identity.placeholders,
        sources: {
            let ours = &listen.ae_title;
            raw.sources.into_iter().enumerate().map(|(i, s)| check.source(i, s, ours, &data_dir)).collect()
        },
        listen,
        trusts: raw.trusts.into_iter().enumerate().map(|(i, t)| check.trust(i, t)).collect(),
        data_dir,
    };
    check.references(&config);
    if check.faults.is_empty() { Ok(config) } else { Err(ConfigError::Faults(check.faults)) }
}

fn fault(key: impl Into<String>, what: impl Into<String>) -> Fault {
    Fault { key: key.into(), what: what.into() }
}

impl Checker<'_> {
    fn note(&mut self, key: impl Into<String>, what: impl Into<String>) {
        self.faults.push(fault(key, what));
    }

    /// `base`-relative to absolute (or as relative as the base is).
    fn path(&self, path: PathBuf) -> PathBuf {
        self.base.join(path)
    }

    fn name(&mut self, key: &str, text: &str) {
        let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if text.is_empty() || text.len() > 40 || !plain {
            self.note(key, "1 to 40 lower case letters, digits and hyphens");
        }
    }

    fn ae_title(&mut self, key: &str, text: &str) -> AeTitle {
        AeTitle::parse(text).unwrap_or_else(|what| {
            self.note(key, what);
            AeTitle("INVALID".into())
        })
    }

    fn hours(&mut self, key: &str, raw: &RawHours) -> Hours {
        let zone = self.zone;
        Hours::parse(&raw.start, &raw.end, zone).unwrap_or_else(|what| {
            self.note(key, what);
            Hours::new(chrono::NaiveTime::MIN, chrono::NaiveTime::MIN, zone)
        })
    }

    fn transfer(&mut self, raw: &RawTransfer) -> Hours {
        for (key, value) in [("every_s", raw.every_s), ("receipts_every_s", raw.receipts_every_s)] {
            if value == 0 {
                self.note(format!("transfer.{key}"), "at least 1");
            }
        }
        self.hours("transfer", &RawHours { start: raw.start.clone(), end: raw.end.clone() })
    }

    fn limits(&mut self, limits: &Limits) {
        let least = [
            ("limits.associations_max", u64::from(limits.associations_max), 1),
            ("limits.associations_per_peer_max", u64::from(limits.associations_per_peer_max), 1),
            // PS3.8 §9.3.1: the PDU header alone is 6 bytes; below 4 KiB nothing real works.
            ("limits.pdu_bytes_max", u64::from(limits.pdu_bytes_max), 4096),
            ("limits.idle_s", u64::from(limits.idle_s), 1),
            ("limits.header_bytes_max", limits.header_bytes_max, 4096),
            ("limits.sheet_bytes_max", limits.sheet_bytes_max, 1),
            ("limits.sheet_rows_max", u64::from(limits.sheet_rows_max), 1),
            ("limits.consignment_objects_max", u64::from(limits.consignment_objects_max), 1),
        ];
        for (key, value, min) in least {
            if value < min {
                self.note(key, format!("at least {min}"));
            }
        }
    }

    fn databases(&mut self, raw: RawDatabase, data_dir: &Path) -> (SecretText, SecretText) {
        let main = self.database("database.url", raw.url, raw.url_file, data_dir, "hub.db");
        let linkage = self.database(
            "database.linkage_url",
            raw.linkage_url,
            raw.linkage_url_file,
            data_dir,
            "linkage.db",
        );
        if main == linkage {
            self.note(
                "database.linkage_url",
                "must differ from database.url: linkage has a database of its own",
            );
        }
        (main, linkage)
    }

    fn database(
        &mut self,
        key: &str,
        url: Option<String>,
        file: Option<PathBuf>,
        data_dir: &Path,
        default: &str,
    ) -> SecretText {
        let url = match (url, file) {
            (Some(_), Some(_)) => {
                self.note(key, format!("give either {key} or {key}_file, not both"));
                String::new()
            }
            (Some(url), None) => {
                if has_password(&url) {
                    self.note(
                        key,
                        format!("holds a password: put the URL in a file and name it in {key}_file"),
                    );
                }
                url
            }
            (None, Some(file)) => match SecretFile::new(self.path(file)).read() {
                Ok(text) => text.expose().to_owned(),
                Err(e) => {
                    self.note(format!("{key}_file"), e.to_string());
                    String::new()
                }
            },
            (None, None) => format!("sqlite://{}", data_dir.join(default).display()),
        };
        if !url.is_empty() && !["sqlite:", "postgres:", "postgresql:"].iter().any(|s| url.starts_with(s)) {
            self.note(key, "begins with sqlite:// or postgres://");
        }
        SecretText::new(url)
    }

    fn objects(&mut self, key: &str, raw: ObjectsConfig) -> ObjectsConfig {
        // A path relative to the configuration reads better than a whole URL in a small set-up.
        let url = match raw.url.strip_prefix("file://") {
            Some(path) => file_url(&self.path(path.into())),
            None => raw.url,
        };
        let s3 = raw.s3.map(|s3| S3Config {
            access_key_id_file: SecretFile::new(self.base.join(s3.access_key_id_file.path())),
            secret_access_key_file: SecretFile::new(self.base.join(s3.secret_access_key_file.path())),
            ..s3
        });
        match (url.starts_with("s3://"), &s3) {
            (true, None) => self.note(key, "s3:// needs the service's address and keys, in a table s3"),
            (false, Some(_)) => self.note(key, "a table s3 goes with an s3:// URL"),
            (false, None) if !url.starts_with("file://") && url != "memory:" => {
                self.note(key, "a URL that begins with file:// or s3://");
            }
            _ => {}
        }
        ObjectsConfig { url, s3 }
    }

    fn listen(&mut self, raw: RawListen) -> Listen {
        let mut address = |key: &str, text: &str| {
            text.parse().unwrap_or_else(|_| {
                self.note(key, "an IP address and a port, as 0.0.0.0:11112");
                std::net::SocketAddr::from(([127, 0, 0, 1], 11112))
            })
        };
        let tls_address = raw.tls.as_ref().and_then(|tls| tls.address.as_deref());
        let tls_address = tls_address.map(|text| address("listen.tls.address", text));
        let address = address("listen.address", &raw.address);
        let tls = raw.tls.map(|t| ListenTls {
            address: tls_address,
            certificate: self.path(t.certificate),
            key: self.path(t.key),
            client_ca: t.client_ca.map(|p| self.path(p)),
        });
        Listen { ae_title: self.ae_title("listen.ae_title", &raw.ae_title), address, tls }
    }

    fn portal(&mut self, raw: RawPortal) -> PortalConfig {
        let address = raw.listen.parse().unwrap_or_else(|_| {
            self.note("portal.listen", "an IP address and a port, as 127.0.0.1:8470");
            std::net::SocketAddr::from(([127, 0, 0, 1], 8470))
        });
        if raw.tls.is_none() && !address.ip().is_loopback() {
            self.note(
                "portal.listen",
                "pages are served without TLS on this machine only (127.0.0.1): give [portal.tls] certificate and key",
            );
        }
        if raw.sample_first == 0 || raw.sample_one_in == 0 {
            self.note("portal.sample_first", "at least 1, as sample_one_in");
        }
        let tls = raw.tls.map(|tls| ListenTls {
            address: None,
            certificate: self.path(tls.certificate),
            key: self.path(tls.key),
            client_ca: None,
        });
        let (sample_first, sample_one_in) = (raw.sample_first, raw.sample_one_in);
        PortalConfig { address, tls, sample_first, sample_one_in }
    }

    fn project(&mut self, i: usize, raw: RawProject) -> ProjectEntry {
        let key = format!("projects[{i}]");
        if raw.receipt_keys.is_empty() {
            self.note(format!("{key}.receipt_keys"), "at least the one public key that signs receipts");
        }
        let project = if raw.project.ends_with(".toml") {
            self.path(raw.project.into()).display().to_string()
        } else {
            raw.project
        };
        ProjectEntry {
            project,
            key: self.path(raw.key),
            inbox: self.objects(&format!("{key}.inbox"), raw.inbox),
            receipt_keys: raw.receipt_keys.into_iter().map(|p| self.path(p)).collect(),
        }
    }

    fn source(&mut self, i: usize, raw: RawSource, ours: &AeTitle, data_dir: &Path) -> Source {
        let key = format!("sources[{i}]");
        self.source_in_itself(&key, &raw);
        let ae_title = self.ae_title(&format!("{key}.ae_title"), &raw.ae_title);
        let levels = raw.query_levels.unwrap_or_else(|| vec![Level::Study, Level::Series, Level::Image]);
        if !levels.contains(&Level::Study) {
            self.note(
                format!("{key}.query_levels"),
                "study, and series and image where the archive answers there too (PS3.4 §C.6.2.1)",
            );
        }
        let or_ours = |check: &mut Self, name: &str, text: Option<String>| match text {
            Some(text) => check.ae_title(&format!("{key}.{name}"), &text),
            None => ours.clone(),
        };
        let calling_ae_title = or_ours(self, "calling_ae_title", raw.calling_ae_title);
        let move_destination = or_ours(self, "move_destination", raw.move_destination);
        let mut store_from: Vec<_> = raw
            .store_from
            .into_iter()
            .map(|p| StorePeer {
                ae_title: self.ae_title(&format!("{key}.store_from"), &p.ae_title),
                host: p.host,
                certificate: self.fingerprint(&key, p.certificate_sha256),
            })
            .collect();
        if store_from.is_empty() {
            let host = Some(raw.host.clone());
            store_from.push(StorePeer { ae_title: ae_title.clone(), host, certificate: None });
        }
        let pause_file = data_dir.join("pause").join(&raw.name);
        Source {
            ae_title,
            endpoint: Endpoint { host: raw.host, port: raw.port },
            calling_ae_title,
            store_from,
            tls: raw.tls.map(|t| self.source_tls(&key, t)),
            query_levels: levels,
            retrieve: raw.retrieve,
            move_destination,
            nhs_number_in: raw.nhs_number_in,
            issuer: raw.issuer,
            studies_per_hour: raw.studies_per_hour,
            associations_max: raw.associations_max,
            query_window: self.hours(&format!("{key}.query_window"), &raw.query_window),
            paused: raw.paused,
            pause_file: raw.pause_file.map_or(pause_file, |p| self.path(p)),
            timeouts: raw.timeouts,
            attribution: self.attribution(&key, raw.trust, raw.attribution),
            contact: raw.contact,
            name: raw.name,
        }
    }

    /// As `openssl x509 -fingerprint -sha256` prints it: pairs of hexadecimal digits, with or without colons.
    fn fingerprint(&mut self, key: &str, text: Option<String>) -> Option<Digest> {
        let digest = Digest::parse(&text?.replace(':', "").to_ascii_lowercase());
        if digest.is_err() {
            let key = format!("{key}.store_from.certificate_sha256");
            self.note(key, "the SHA-256 of the certificate: 64 hexadecimal digits");
        }
        digest.ok()
    }

    fn source_in_itself(&mut self, key: &str, raw: &RawSource) {
        self.name(&format!("{key}.name"), &raw.name);
        if raw.host.is_empty() || raw.port == 0 {
            self.note(format!("{key}.host"), "a host name or address, and a port from 1 to 65535");
        }
        if raw.studies_per_hour == 0 || raw.associations_max == 0 {
            self.note(
                format!("{key}.studies_per_hour"),
                "at least 1, as associations_max; to stop, say paused = true",
            );
        }
        if raw.nhs_number_in == NhsNumberIn::None
            && raw.issuer.is_none()
            && raw.attribution.iter().all(|r| r.issuer_of_patient_id.is_none())
        {
            self.note(
                format!("{key}.issuer"),
                "needed where nhs_number_in = \"none\": no one could be asked for",
            );
        }
    }

    fn source_tls(&mut self, key: &str, raw: super::raw::RawSourceTls) -> SourceTls {
        let identity = match (raw.certificate, raw.key) {
            (Some(certificate), Some(private)) => Some((self.path(certificate), self.path(private))),
            (None, None) => None,
            _ => {
                self.note(format!("{key}.tls"), "certificate and key come together");
                None
            }
        };
        SourceTls { ca: self.path(raw.ca), identity, server_name: raw.server_name }
    }

    fn attribution(&mut self, key: &str, trust: Option<String>, rules: Vec<RawRule>) -> Vec<Rule> {
        let all = |trust| Rule {
            trust,
            issuer_of_patient_id: None,
            institution_name: None,
            institution_code: None,
            accession_prefix: None,
            ae_title: None,
        };
        match (trust, rules.is_empty()) {
            (Some(trust), true) => vec![all(trust)],
            (None, false) => rules.into_iter().map(|r| self.rule(key, r)).collect(),
            _ => {
                self.note(key, "give either trust (all its objects are one trust's) or attribution rules");
                Vec::new()
            }
        }
    }

    fn rule(&mut self, key: &str, raw: RawRule) -> Rule {
        let rule = Rule {
            ae_title: raw.ae_title.map(|t| self.ae_title(&format!("{key}.attribution.ae_title"), &t)),
            trust: raw.trust,
            issuer_of_patient_id: raw.issuer_of_patient_id,
            institution_name: raw.institution_name,
            institution_code: raw.institution_code,
            accession_prefix: raw.accession_prefix,
        };
        let texts = [
            &rule.issuer_of_patient_id,
            &rule.institution_name,
            &rule.institution_code,
            &rule.accession_prefix,
        ];
        if rule.ae_title.is_none() && texts.iter().all(|t| t.as_deref().is_none_or(|t| t.trim().is_empty())) {
            self.note(format!("{key}.attribution"), "each rule gives at least one condition");
        }
        rule
    }

    fn trust(&mut self, i: usize, raw: RawTrust) -> Trust {
        let key = format!("trusts[{i}]");
        let plain = raw.ods.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        if !(3..=6).contains(&raw.ods.len()) || !plain {
            self.note(format!("{key}.ods"), "an ODS code: 3 to 6 capital letters and digits");
        }
        if raw.name.trim().is_empty() {
            self.note(format!("{key}.name"), "the trust's name, as it stands for SubmittingCentre");
        }
        let mut document = |name: &str, raw: Option<RawDocument>| {
            let raw = raw?;
            let day = raw.expires.date.and_then(|d| {
                NaiveDate::from_ymd_opt(i32::from(d.year), u32::from(d.month), u32::from(d.day))
            });
            if day.is_none() {
                self.note(format!("{key}.{name}.expires"), "a date, as 2027-03-31");
            }
            Some(Document { id: raw.id, expires: day? })
        };
        Trust {
            legal_basis: document("legal_basis", raw.legal_basis),
            agreement: document("agreement", raw.agreement),
            dpia: document("dpia", raw.dpia),
            ods: raw.ods,
            name: raw.name,
            contact: raw.contact,
        }
    }

    /// Who stores is whose: a peer that two sources name could be either's.
    fn peers(&mut self, config: &Config) {
        let mut taken = BTreeSet::new();
        for source in &config.sources {
            let key = format!("sources.{}.store_from", source.name);
            for peer in &source.store_from {
                if !taken.insert((&peer.ae_title, &peer.host, peer.certificate.map(|c| *c.as_bytes()))) {
                    self.note(&key, format!("{} at this host is another source's too", peer.ae_title));
                }
                if peer.certificate.is_some() && source.tls.is_none() {
                    self.note(&key, "certificate_sha256 needs the source's tls");
                }
            }
            let own_door = config.listen.tls.as_ref().is_none_or(|tls| tls.address.is_some());
            if source.tls.is_none() && !own_door {
                self.note(&key, "it calls without TLS: give TLS an address of its own (listen.tls.address)");
            }
            let shown = config.listen.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
            if source.tls.is_some() && config.listen.tls.is_some() && !shown {
                self.note(
                    "listen.tls.client_ca",
                    format!("{} calls over TLS: who signs its certificate?", source.name),
                );
            }
        }
    }

    /// What one section says of another must be there, and once.
    fn references(&mut self, config: &Config) {
        self.peers(config);
        let mut names = BTreeSet::new();
        for source in &config.sources {
            if !names.insert(source.name.as_str()) {
                self.note(format!("sources.{}", source.name), "two sources have this name");
            }
            for rule in &source.attribution {
                if config.trust(&rule.trust).is_none() {
                    self.note(
                        format!("sources.{}.attribution", source.name),
                        format!("there is no [[trusts]] entry with ods = \"{}\"", rule.trust),
                    );
                }
            }
        }
        let mut codes = BTreeSet::new();
        for trust in &config.trusts {
            if !codes.insert(trust.ods.as_str()) {
                self.note(format!("trusts.{}", trust.ods), "two trusts have this ODS code");
            }
        }
        let mut projects = BTreeSet::new();
        for entry in &config.projects {
            if !projects.insert(entry.project.as_str()) {
                self.note("projects", format!("{} is listed twice", entry.project));
            }
        }
        let mut inboxes = BTreeSet::new();
        for entry in &config.projects {
            let endpoint = entry.inbox.s3.as_ref().map(|s3| s3.endpoint.as_deref());
            if !inboxes.insert((entry.inbox.url.trim_end_matches('/'), endpoint)) {
                self.note(
                    "projects.inbox",
                    format!("{} is another project's too: each has its own", entry.inbox.url),
                );
            }
        }
        for (i, number) in config.placeholders.iter().enumerate() {
            if number.len() != 10 || !number.bytes().all(|b| b.is_ascii_digit()) {
                self.note(format!("identity.placeholders[{i}]"), "ten digits");
            }
        }
    }
}

fn file_url(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// `scheme://user:password@host/…`
fn has_password(url: &str) -> bool {
    url.split_once("://")
        .and_then(|(_, rest)| rest.split('/').next())
        .and_then(|authority| authority.rsplit_once('@'))
        .is_some_and(|(user, _)| user.contains(':'))
}
