//! Sets both houses up as a person would: keys, configuration files, sheets and lists, all in one folder.

use crate::keyfiles;
use anyhow::{Context, Result, bail};
use hub::cohort::Import;
use hub::context::Hub;
use platform::config::SecretText;
use sim::region::Region;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The hub's AE title.
pub const HUB_AE: &str = "TRIBUTARY";
const PROJECT: &str = "nccid";
/// The hub's name in consignments.
pub const HUB_ID: &str = "demo-region";

/// The configuration files.
pub struct Papers {
    /// The hub's.
    pub hub: PathBuf,
    /// The national house's.
    pub national: PathBuf,
}

/// Where the houses keep databases and objects.
#[derive(Debug, Clone, Default)]
pub enum Keep {
    /// SQLite and files, in the folder.
    #[default]
    Folder,
    /// PostgreSQL and S3.
    Servers(Box<Servers>),
}

/// PostgreSQL databases and an S3 bucket; what is secret of them goes into private files beside the keys.
#[derive(Debug, Clone)]
pub struct Servers {
    /// The hub's database: `postgres://…`.
    pub hub: SecretText,
    /// The hub's linkage.
    pub linkage: SecretText,
    /// The national house's database.
    pub national: SecretText,
    /// The S3 service's address: `https://…`.
    pub endpoint: String,
    /// Bucket and prefix, `s3://bucket/prefix`; outbox, inbox and warehouse lie below it.
    pub place: String,
    /// The access key id.
    pub access_key_id: SecretText,
    /// The secret access key.
    pub secret_access_key: SecretText,
}

impl Keep {
    /// Writes the secrets, each into a file that only its owner may read.
    fn write_secrets(&self, folder: &Path) -> Result<()> {
        let Self::Servers(servers) = self else { return Ok(()) };
        for (name, secret) in [
            ("hub/database.url", &servers.hub),
            ("hub/linkage.url", &servers.linkage),
            ("national/database.url", &servers.national),
            ("s3-access-key-id", &servers.access_key_id),
            ("s3-secret-access-key", &servers.secret_access_key),
        ] {
            let path = folder.join("keys").join(name);
            let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
            let mut file = file.with_context(|| path.display().to_string())?;
            file.write_all(secret.expose().as_bytes())?;
        }
        Ok(())
    }

    /// The inline table that says where objects of that name lie.
    fn objects(&self, folder: &Path, name: &str) -> String {
        let Self::Servers(servers) = self else {
            return format!("{{ url = {:?} }}", format!("file://{}", folder.join(name).display()));
        };
        let secret = |name: &str| folder.join("keys").join(name).display().to_string();
        format!(
            "{{ url = {:?}, s3 = {{ endpoint = {:?}, access_key_id_file = {:?}, secret_access_key_file = {:?} }} }}",
            format!("{}/{name}", servers.place),
            servers.endpoint,
            secret("s3-access-key-id"),
            secret("s3-secret-access-key"),
        )
    }

    /// What the hub's configuration says beyond its defaults: a line in `[hub]`, and a section.
    fn of_hub(&self, folder: &Path) -> (String, &'static str) {
        match self {
            Self::Folder => (String::new(), ""),
            Self::Servers(_) => (
                format!("outbox = {}\n", self.objects(folder, "outbox")),
                "[database]\nurl_file = \"keys/hub/database.url\"\nlinkage_url_file = \"keys/hub/linkage.url\"\n\n",
            ),
        }
    }

    /// The line that names the national house's database.
    fn of_national(&self, folder: &Path) -> String {
        let at = |name: &str| folder.join(name).display().to_string();
        match self {
            Self::Folder => {
                format!("database_url = {:?}", format!("sqlite://{}", at("national/national.sqlite")))
            }
            Self::Servers(_) => format!("database_url_file = {:?}", at("keys/national/database.url")),
        }
    }
}

/// Writes keys, configurations, sheets and lists.
pub fn write(folder: &Path, region: &Region, ports: &[u16], keep: &Keep) -> Result<Papers> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    if fs::read_dir(folder)?.next().is_some() {
        bail!("{} is not empty: give a folder that is new", folder.display());
    }
    let folder = folder.canonicalize()?;
    keyfiles::hub(&folder.join("keys/hub"))?;
    keyfiles::backup(&folder.join("keys/offline"))?;
    keyfiles::project(&folder.join("keys/hub"), PROJECT)?;
    keyfiles::national(&folder.join("keys/national"))?;
    keep.write_secrets(&folder)?;
    let papers = Papers { hub: folder.join("hub.toml"), national: folder.join("national.toml") };
    fs::write(&papers.hub, hub_toml(&folder, region, ports, keep)?)?;
    fs::write(&papers.national, national_toml(&folder, region, keep)?)?;
    let lists = folder.join("sheets");
    fs::create_dir_all(&lists)?;
    for trust in &region.trusts {
        fs::write(lists.join(format!("{}.csv", trust.ods)), region.sheet(&trust.ods))?;
        if let Some(objections) = region.objections_of(&trust.ods) {
            fs::write(lists.join(format!("{}-objections.csv", trust.ods)), objections)?;
        }
    }
    let check = region.opt_out();
    fs::write(lists.join("opt-out-submitted.csv"), check.submitted)?;
    fs::write(lists.join("opt-out-returned.csv"), check.returned)?;
    Ok(papers)
}

fn hub_toml(folder: &Path, region: &Region, ports: &[u16], keep: &Keep) -> Result<String> {
    // Free now, and asked for again in a moment.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let inbox = keep.objects(folder, "inbox");
    let (outbox, database) = keep.of_hub(folder);
    let mut text = String::new();
    write!(
        text,
        "# The hub of the demo, as a hub of thirteen trusts would be configured.\n\n\
         [hub]\nid = \"{HUB_ID}\"\ndata_dir = \"hub\"\n{outbox}\n{database}\
         [keys]\nsealing = \"keys/hub/sealing.key\"\nsigning = \"keys/hub/signing.key\"\n\
         backup_recipient = \"keys/offline/backup.pub\"\n\n\
         [listen]\nae_title = \"{HUB_AE}\"\naddress = \"127.0.0.1:{port}\"\n\n\
         [limits]\nspool_reserve_bytes = 16777216\n\n\
         [[projects]]\nproject = \"{PROJECT}\"\nkey = \"keys/hub/{PROJECT}.key\"\n\
         receipt_keys = [\"keys/national/national-signing.pub\"]\ninbox = {inbox}\n\n"
    )?;
    text += &region.hub_sections(ports, HUB_AE);
    Ok(text)
}

fn national_toml(folder: &Path, region: &Region, keep: &Keep) -> Result<String> {
    let at = |name: &str| folder.join(name).display().to_string();
    let (data, database) = (at("national"), keep.of_national(folder));
    let (signing, partition) = (at("keys/national/national-signing.key"), at("keys/national/partition.key"));
    let (hub_key, inbox, warehouse) =
        (at("keys/hub/signing.pub"), keep.objects(folder, "inbox"), keep.objects(folder, "warehouse"));
    let sites: Vec<&str> = region.trusts.iter().map(|trust| trust.ods.as_str()).collect();
    let mut text = String::new();
    write!(
        text,
        "# The national house of the demo.\n\ndata_dir = {data:?}\n{database}\npoll_s = 5\n\n\
         [keys]\nsigning = {signing:?}\npartition = {partition:?}\n\n\
         [[hub]]\nid = \"{HUB_ID}\"\npublic_keys = [{hub_key:?}]\n\n\
         [[project]]\nid = \"{PROJECT}\"\ntraining_percentage = 50\n\
         inbox = {inbox}\nwarehouse = {warehouse}\n\
         modality_folders = {{ CT = \"ct\", CR = \"xray\", DX = \"xray\", MR = \"mri\" }}\n\
         sites = {{ split = {sites:?} }}\n"
    )?;
    Ok(text)
}

/// Imports every trust's sheet, the opt-out check and the objections, by the real importers; tells how many rows are in.
pub async fn import(hub: &Hub, region: &Region, folder: &Path) -> Result<usize> {
    let mut rows = 0;
    for trust in &region.trusts {
        rows += import_trust(hub, &trust.ods, folder).await?;
    }
    import_check(hub, folder).await?;
    Ok(rows)
}

/// Imports the sheet and the objections of one trust; tells how many rows are in.
pub async fn import_trust(hub: &Hub, ods: &str, folder: &Path) -> Result<usize> {
    let served = hub.projects.first().context("the hub serves no project")?;
    let lists = folder.join("sheets");
    let bytes = fs::read(lists.join(format!("{ods}.csv")))?;
    let import = Import {
        project: &served.project,
        map: &[],
        dates: None,
        issuer: None,
        arm: None,
        worksheet: None,
        placeholders: &hub.config.placeholders,
        today: hub.clock.now().date(),
        sheet_bytes_max: hub.config.limits.sheet_bytes_max,
        sheet_rows_max: hub.config.limits.sheet_rows_max,
    };
    let sheet = hub::cohort::import(&bytes, &import, &hub.custody)?;
    if let Some(problem) = sheet.problems.first() {
        bail!("the sheet of {ods}: {problem}");
    }
    let digest = submission::digest::Digest::of(&bytes).to_string();
    hub::enrol::enrol(hub, served, ods, &sheet, &digest, "demo").await?;
    let objections = lists.join(format!("{ods}-objections.csv"));
    if objections.exists() {
        hub::objections::objections_taken(hub, ods, &fs::read(objections)?, None, "demo").await?;
    }
    Ok(sheet.rows.len())
}

/// Imports what the national opt-out check answered.
pub async fn import_check(hub: &Hub, folder: &Path) -> Result<()> {
    let lists = folder.join("sheets");
    let (submitted, returned) =
        (fs::read(lists.join("opt-out-submitted.csv"))?, fs::read(lists.join("opt-out-returned.csv"))?);
    hub::objections::check_taken(hub, &submitted, &returned, hub.today(), "demo").await?;
    Ok(())
}
