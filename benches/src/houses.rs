//! A hub and a national house of their own, as real processes with real configuration, keys and sheets.

use crate::Bench;
use crate::measure::{Server, free_port};
use anyhow::{Context, Result, ensure};
use sim::images::Instance;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const CALLING: &str = "BENCH";
pub(crate) const CALLED: &str = "TRIBUTARY";

pub(crate) struct Houses {
    pub(crate) hub: Server,
    pub(crate) national: Server,
    pub(crate) port: u16,
    folder: PathBuf,
    program: PathBuf,
}

impl Houses {
    /// Sets both up for these people, and starts them.
    pub(crate) fn start(bench: &Bench, folder: &Path, people: &[Instance]) -> Result<Self> {
        let (at, port) = (|name: &str| folder.join(name), free_port()?);
        // Nobody listens there: what is measured comes by push.
        let nowhere = free_port()?;
        for (name, what) in
            [("keys/hub", ["--hub", "--project", "nccid"].as_slice()), ("keys/national", &["--national"])]
        {
            run(bench, &["keys".into(), "init".into(), at(name).into_os_string()], what)?;
        }
        let trust = &people.first().context("nobody")?.hospital;
        fs::write(at("hub.toml"), hub_toml(port, nowhere, &trust.ods))?;
        fs::write(at("national.toml"), national_toml(folder, &trust.ods))?;
        let mut sheet = "NHS Number,Date of Birth,Status,Swab Date\n".to_owned();
        let mut list = "NHS Number\n".to_owned();
        for person in people.iter().map(|instance| &instance.person) {
            writeln!(sheet, "{},{},positive,2020-04-01", person.nhs_number, person.birth.iso())?;
            writeln!(list, "{}", person.nhs_number)?;
        }
        fs::write(at("sheet.csv"), sheet)?;
        fs::write(at("list.csv"), list)?;
        let houses = |args: &[&str]| {
            let config = ["hub".into(), "--config".into(), at("hub.toml").into_os_string()];
            run(bench, &config, args)
        };
        let path = |name: &str| at(name).display().to_string();
        houses(&["cohort", "import", &path("sheet.csv"), "--trust", &trust.ods])?;
        let list = path("list.csv");
        houses(&["optouts", "import", "--submitted", &list, "--returned", &list])?;
        let serve = |house: &str| {
            let mut command = Command::new(&bench.tributary);
            command
                .arg(house)
                .arg("--config")
                .arg(at(&format!("{house}.toml")))
                .args(["--log", "warn", "serve"]);
            Server::start(&mut command, &bench.folder.join(format!("{house}.log")))
        };
        let (mut hub, national) = (serve("hub")?, serve("national")?);
        hub.wait_for(port)?;
        Ok(Self { hub, national, port, folder: folder.to_owned(), program: bench.tributary.clone() })
    }

    pub(crate) fn cpu_s(&self) -> f64 {
        self.hub.cpu_s() + self.national.cpu_s()
    }

    /// Instances that have come so far, as `tributary hub status` says, and those that are held.
    pub(crate) fn acknowledged(&self) -> Result<usize> {
        let mut command = Command::new(&self.program);
        let ended =
            command.arg("hub").arg("--config").arg(self.folder.join("hub.toml")).arg("status").output()?;
        let said = String::from_utf8_lossy(&ended.stdout).into_owned();
        let mut lines = said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let headings =
            lines.by_ref().find(|words| words.first() == Some(&"trust")).context("hub status: no table")?;
        let from_right = headings.iter().rev().position(|word| *word == "acknowledged");
        let Some(from_right) = from_right else { return Ok(0) };
        let row = lines.find(|words| words.len() > from_right && words[0].starts_with("ZZ"));
        let cell = row
            .and_then(|words| words.iter().rev().nth(from_right).copied())
            .context("hub status: no row")?;
        Ok(cell.chars().filter(char::is_ascii_digit).collect::<String>().parse()?)
    }

    /// Whether objects wait in the hub's spool.
    pub(crate) fn spools(&self) -> Result<bool> {
        for entry in fs::read_dir(self.folder.join("hub/spool"))? {
            if Path::new(&entry?.file_name()).extension().is_some_and(|extension| extension == "sealed") {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The images that the national house holds.
    pub(crate) fn held(&self) -> Result<Vec<PathBuf>> {
        let mut files = crate::measure::files(&self.folder.join("warehouse"))?;
        files.retain(|path| path.extension().is_some_and(|extension| extension == "dcm"));
        Ok(files)
    }
}

fn run(bench: &Bench, program: &[std::ffi::OsString], args: &[&str]) -> Result<()> {
    let ended = Command::new(&bench.tributary).args(program).args(args).output()?;
    ensure!(
        ended.status.success(),
        "{program:?} {args:?}: {}{}",
        String::from_utf8_lossy(&ended.stdout),
        String::from_utf8_lossy(&ended.stderr)
    );
    Ok(())
}

fn hub_toml(port: u16, nowhere: u16, ods: &str) -> String {
    format!(
        r#"
[hub]
id = "bench"
data_dir = "hub"
[keys]
sealing = "keys/hub/sealing.key"
signing = "keys/hub/signing.key"
[listen]
ae_title = "{CALLED}"
address = "127.0.0.1:{port}"
[limits]
spool_reserve_bytes = 16777216
associations_per_peer_max = 64
[transfer]
start = "00:00"
end = "00:00"
every_s = 1
receipts_every_s = 1
[[projects]]
project = "nccid"
key = "keys/hub/nccid.key"
receipt_keys = ["keys/national/national-signing.pub"]
inbox = {{ url = "file://inbox" }}
[[sources]]
name = "royal"
ae_title = "ROYAL"
host = "127.0.0.1"
port = {nowhere}
nhs_number_in = "patient-id"
trust = "{ods}"
store_from = [{{ ae_title = "{CALLING}", host = "127.0.0.1" }}]
[[trusts]]
ods = "{ods}"
name = "Simulated Infirmary"
legal_basis = {{ id = "L", expires = 2099-01-01 }}
agreement = {{ id = "A", expires = 2099-01-01 }}
dpia = {{ id = "D", expires = 2099-01-01 }}
"#
    )
}

fn national_toml(folder: &Path, ods: &str) -> String {
    let at = |name: &str| folder.join(name).display().to_string();
    format!(
        r#"
data_dir = "{}"
database_url = "sqlite://{}"
poll_s = 1
[keys]
signing = "{}"
partition = "{}"
[[hub]]
id = "bench"
public_keys = ["{}"]
[[project]]
id = "nccid"
training_percentage = 50
inbox = {{ url = "file://{}" }}
warehouse = {{ url = "file://{}" }}
modality_folders = {{ CT = "ct", CR = "xray", DX = "xray", MR = "mri" }}
sites = {{ split = ["{ods}"] }}
"#,
        at("national"),
        at("national/national.sqlite"),
        at("keys/national/national-signing.key"),
        at("keys/national/partition.key"),
        at("keys/hub/signing.pub"),
        at("inbox"),
        at("warehouse"),
    )
}
