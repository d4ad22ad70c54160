//! The other way to build it: an Orthanc that receives, a script that has it anonymise each study and forward it, and an
//! Orthanc that keeps what comes.

use crate::Bench;
use crate::data::File;
use crate::http::ask;
use crate::load::{self, Receiver};
use crate::measure::{Row, Server, free_port, settle};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

pub(crate) const NAME: &str = "Orthanc → anonymise by REST → Orthanc";
/// Studies that are anonymised at once.
const WORKERS: usize = 2;
/// So often a study is tried again that Orthanc fails at.
const TRIES: usize = 3;
const PATIENCE: Duration = Duration::from_secs(300);

struct Orthanc {
    server: Server,
    dicom: u16,
    http: u16,
}

impl Orthanc {
    fn start(bench: &Bench, folder: &Path, forward_to: Option<u16>) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let (dicom, http) = (free_port()?, free_port()?);
        let mut modalities = json!({});
        if let Some(port) = forward_to {
            modalities["next"] = json!(["ORTHANC", "127.0.0.1", port]);
        }
        let config = json!({
            "Name": "bench", "StorageDirectory": folder.join("db"), "IndexDirectory": folder.join("db"),
            "StorageCompression": false, "HttpPort": http, "DicomPort": dicom, "DicomAet": "ORTHANC",
            "DicomCheckCalledAet": false, "DicomAlwaysAllowStore": true, "AuthenticationEnabled": false,
            "RemoteAccessAllowed": false, "StableAge": 1, "SynchronousCMove": true,
            "DicomModalities": modalities, "Plugins": [],
        });
        let file = folder.join("orthanc.json");
        std::fs::write(&file, config.to_string())?;
        let program = if crate::measure::has("Orthanc") { "Orthanc" } else { "orthanc" };
        let mut command = Command::new(program);
        // As shipped it waits 40 ms for delayed acknowledgements; that would be no comparison of work.
        command.env("TCP_NODELAY", "1").arg(&file);
        let mut server = Server::start(&mut command, &bench.folder.join("orthanc.log"))?;
        server.wait_for(dicom)?;
        server.wait_for(http)?;
        Ok(Self { server, dicom, http })
    }

    fn instances(&self) -> Result<usize> {
        let statistics = ask(self.http, "GET", "/statistics", None)?;
        let count = statistics["CountInstances"].as_u64().context("no CountInstances")?;
        Ok(usize::try_from(count)?)
    }
}

/// The chain once: first push to last instance at its end.
pub(crate) fn once(bench: &Bench, objects: &[File], associations: usize) -> Result<Row> {
    let folder = bench.fresh("orthanc")?;
    let last = Orthanc::start(bench, &folder.join("last"), None)?;
    let first = Orthanc::start(bench, &folder.join("first"), Some(last.dicom))?;
    settle();
    let before = first.server.cpu_s() + last.server.cpu_s();
    let begun = Instant::now();
    let is_done = AtomicBool::new(false);
    let (pushed, worked) = std::thread::scope(|scope| {
        let script = scope.spawn(|| script(first.http, &is_done));
        let to = Receiver { port: first.dicom, called: "ORTHANC", calling: "BENCH" };
        let pushed = load::push(to, objects, associations);
        let mut arrived = Ok(0);
        while begun.elapsed() < PATIENCE
            && !script.is_finished()
            && matches!(arrived, Ok(n) if n < objects.len())
        {
            sleep(Duration::from_millis(100));
            arrived = last.instances();
        }
        is_done.store(true, Ordering::Relaxed);
        let worked = script.join().unwrap_or_else(|_| bail!("the script broke off"));
        (pushed, worked.and(arrived))
    });
    let wall_s = begun.elapsed().as_secs_f64();
    let (pushed, arrived) = (pushed?, worked?);
    let complete = pushed.stored == objects.len() && arrived == objects.len();
    let row = Row {
        contender: NAME.into(),
        objects: arrived,
        bytes: objects.iter().map(File::len).sum(),
        wall_s,
        cpu_s: first.server.cpu_s() + last.server.cpu_s() - before,
        rss_mib: first.server.rss_mib() + last.server.rss_mib(),
        note: if complete { String::new() } else { format!("{arrived} of {} arrived", objects.len()) },
        ..Row::default()
    };
    drop((first, last));
    bench.empty(&folder)?;
    Ok(row)
}

/// Anonymises and forwards each study when it is stable, and removes it, until it is told that all is done.
fn script(http: u16, is_done: &AtomicBool) -> Result<()> {
    let (stable, ours) = (Mutex::new(Vec::<String>::new()), Mutex::new(HashSet::<String>::new()));
    std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..WORKERS).map(|_| scope.spawn(|| worker(http, is_done, &stable, &ours))).collect();
        let mut since = 0;
        while !is_done.load(Ordering::Relaxed) {
            let changes = ask(http, "GET", &format!("/changes?since={since}&limit=500"), None)?;
            since = changes["Last"].as_u64().unwrap_or(since);
            for change in changes["Changes"].as_array().into_iter().flatten() {
                let id = change["ID"].as_str().unwrap_or_default().to_owned();
                let own = ours.lock().is_ok_and(|ours| ours.contains(&id));
                let mut stable = stable.lock().map_err(|_| anyhow::anyhow!("a worker broke off"))?;
                // Again, if something of a study came after it had been forwarded.
                if change["ChangeType"] == "StableStudy" && !own && !stable.contains(&id) {
                    stable.push(id);
                }
            }
            if changes["Done"].as_bool() != Some(false) {
                sleep(Duration::from_millis(100));
            }
        }
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|_| bail!("a worker broke off")))
    })
}

fn worker(
    http: u16,
    is_done: &AtomicBool,
    stable: &Mutex<Vec<String>>,
    ours: &Mutex<HashSet<String>>,
) -> Result<()> {
    while !is_done.load(Ordering::Relaxed) {
        let Some(study) = stable.lock().ok().and_then(|mut stable| stable.pop()) else {
            sleep(Duration::from_millis(50));
            continue;
        };
        let mut tries = 1..=TRIES;
        while let Err(e) = forward(http, &study, ours) {
            eprintln!("Orthanc: {e}");
            tries.next().context("Orthanc fails again and again")?;
            sleep(Duration::from_millis(500));
        }
    }
    Ok(())
}

/// Anonymises a study, sends what is made of it, and removes both; nothing, if it is not there any more.
fn forward(http: u16, study: &str, ours: &Mutex<HashSet<String>>) -> Result<()> {
    let studies = ask(http, "GET", "/studies", None)?;
    if !studies.as_array().is_some_and(|all| all.iter().any(|id| id == study)) {
        return Ok(());
    }
    let made = ask(http, "POST", &format!("/studies/{study}/anonymize"), Some(&json!({})))?;
    let id = made["ID"].as_str().context("no anonymised study")?.to_owned();
    if let Ok(mut ours) = ours.lock() {
        ours.insert(id.clone());
    }
    ask(http, "POST", "/modalities/next/store", Some(&Value::String(id.clone())))?;
    for id in [&id, study] {
        ask(http, "DELETE", &format!("/studies/{id}"), None)?;
    }
    Ok(())
}
