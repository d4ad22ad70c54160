//! An archive as a process of its own: this very program, started again, serves one archive of a region until it is killed.

use platform::testing::TempDir;
use sim::region::{Region, Size};
use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tributary::demo::house::HUB_AE;

/// How much longer an archive thinks in a night of kills.
pub(crate) const LATENCY: Duration = Duration::from_millis(10);
/// Seed, index, port and hub of the archive to serve, and where to write what it was answered 0x0000 for.
const SERVE: &str = "TRIBUTARY_ARCHIVE";
const STARTS_WITHIN: Duration = Duration::from_secs(20);

/// The process.
pub(crate) struct Apart {
    child: Child,
    /// What was answered 0x0000, one SOP Instance UID a line.
    delivered: PathBuf,
    _folder: TempDir,
}

impl Apart {
    /// Starts it and waits until it listens.
    pub(crate) async fn start(seed: u64, at: usize, port: u16, hub: SocketAddr) -> Self {
        let folder = TempDir::new();
        let delivered = folder.path().join("delivered");
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "archive::process", "--ignored", "--nocapture"])
            .env(SERVE, format!("{seed} {at} {port} {hub} {}", delivered.display()))
            // It ends when this end is closed: when we do.
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut apart = Self { child, delivered, _folder: folder };
        let began = Instant::now();
        while !apart.delivered.exists() {
            assert!(
                began.elapsed() < STARTS_WITHIN && apart.child.try_wait().unwrap().is_none(),
                "no archive"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        apart
    }

    /// SIGKILL; tells what it had been answered 0x0000 for.
    pub(crate) fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.delivered()
    }

    /// What it has been answered 0x0000 for.
    pub(crate) fn delivered(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.delivered).unwrap();
        // The last line may be half written.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(str::to_owned).collect()
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "no test: the archive's own process, started by the kill journey"]
async fn process() {
    let Ok(words) = std::env::var(SERVE) else { return };
    let [seed, at, port, hub, delivered] = words.splitn(5, ' ').collect::<Vec<_>>().try_into().unwrap();
    let mut region = Region::nccid(seed.parse().unwrap(), Size::TEST);
    let at: usize = at.parse().unwrap();
    region.sources[at].manners.latency += LATENCY;
    let address = SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap()));
    let running = region.archives().remove(at).serve_at(address).await.unwrap();
    running.archive.know(HUB_AE, hub.parse().unwrap());
    std::thread::spawn(|| {
        std::io::stdin().read_to_end(&mut Vec::new()).ok();
        std::process::exit(0);
    });
    let mut file = fs::File::create(delivered).unwrap();
    let mut told = 0;
    loop {
        let all = running.archive.delivered();
        let new: String = all[told..].iter().map(|uid| format!("{uid}\n")).collect();
        file.write_all(new.as_bytes()).unwrap();
        told = all.len();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
