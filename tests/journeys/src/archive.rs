//! Foreign programs as the archive: DCMTK's dcmqrscp and Orthanc, each in a folder of its own, until the journey ends.

use crate::free_port;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tributary::demo::house;

/// How images come to the hub.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The archive knows no destination: only C-GET can bring anything.
    Get,
    /// The hub asks for nothing else.
    Move,
    /// C-GET, and C-MOVE for what it leaves out.
    Both,
}

impl By {
    /// Whether the hub asks by C-GET.
    pub fn asks_get(self) -> bool {
        self != Self::Move
    }

    /// The hub's port, where the archive is to know it as a destination.
    pub fn known(self, hub_port: u16) -> Option<u16> {
        (self != Self::Get).then_some(hub_port)
    }
}

/// What a foreign archive is told of itself and of the hub.
pub struct Setting<'a> {
    /// Where it keeps everything.
    pub folder: &'a Path,
    /// Its AE title.
    pub ae_title: &'a str,
    /// The port that it listens on.
    pub port: u16,
    /// The hub's port, where the hub is a known destination.
    pub hub_port: Option<u16>,
    /// Options of dcmqrscp for what it takes in and sends out beyond what is uncompressed. Orthanc needs none.
    pub options: &'a [&'a str],
}

/// A foreign program that serves until the journey ends.
pub struct Archive {
    process: Child,
    log: PathBuf,
}

impl Drop for Archive {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

impl Archive {
    fn start(program: &str, args: &[&str], folder: &Path) -> Self {
        let log = folder.join("archive.log");
        let file = fs::File::create(&log).unwrap();
        let mut command = Command::new(program);
        command.args(args).current_dir(folder).env("TCP_NODELAY", "1").stdin(Stdio::null());
        command.stdout(file.try_clone().unwrap()).stderr(file);
        Self { process: command.spawn().unwrap(), log }
    }

    /// What the program has written so far.
    pub fn told(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap()).into_owned()
    }

    /// Waits until it does.
    pub async fn listens(&mut self, port: u16) {
        for _ in 0..200 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return;
            }
            assert!(self.process.try_wait().unwrap().is_none(), "the archive ended at once: {}", self.told());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the archive does not listen on {port}: {}", self.told());
    }
}

/// Where dcmqrscp keeps its images and their index.
pub fn dcmqrscp_images(folder: &Path) -> PathBuf {
    folder.join("images")
}

/// DCMTK's image archive.
pub fn dcmqrscp(setting: &Setting<'_>) -> Archive {
    let Setting { folder, ae_title, port, hub_port, options } = setting;
    let images = dcmqrscp_images(folder);
    fs::create_dir_all(&images).unwrap();
    let known = hub_port.map(|port| format!("hub = ({}, 127.0.0.1, {port})\n", house::HUB_AE));
    let config = format!(
        "NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n\
         HostTable BEGIN\n{}HostTable END\nVendorTable BEGIN\nVendorTable END\n\
         AETable BEGIN\n{ae_title} {} RW (200, 1024mb) ANY\nAETable END\n",
        known.unwrap_or_default(),
        images.display()
    );
    fs::write(folder.join("qr.cfg"), config).unwrap();
    Archive::start("dcmqrscp", &[&["-v", "-c", "qr.cfg"], *options].concat(), folder)
}

/// Orthanc's name on this machine.
pub fn orthanc_program() -> String {
    std::env::var("TRIBUTARY_TEST_ORTHANC").unwrap_or_else(|_| "Orthanc".into())
}

/// Orthanc without plugins.
pub fn orthanc(setting: &Setting<'_>) -> Archive {
    let Setting { folder, ae_title, port, hub_port, .. } = setting;
    let known = hub_port.map(|port| format!(r#""hub": [{:?}, "127.0.0.1", {port}]"#, house::HUB_AE));
    let config = format!(
        r#"{{
  "StorageDirectory": "images", "IndexDirectory": "images", "Plugins": [],
  "HttpPort": {}, "RemoteAccessAllowed": false, "DeidentifyLogs": false,
  "DicomAet": {ae_title:?}, "DicomPort": {port}, "DicomCheckCalledAet": false,
  "DicomAlwaysAllowFind": true, "DicomAlwaysAllowGet": true, "DicomAlwaysAllowMove": true,
  "DicomModalities": {{ {} }}
}}"#,
        free_port(),
        known.unwrap_or_default()
    );
    fs::write(folder.join("orthanc.json"), config).unwrap();
    Archive::start(&orthanc_program(), &["--verbose", "orthanc.json"], folder)
}
