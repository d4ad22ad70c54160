//! What journeys share: a hub in a temporary folder with real keys and a real configuration, and foreign programs as peers.
#![expect(clippy::unwrap_used, reason = "a test helper: what fails here is the test")]

pub mod archive;
pub mod forms;

use hub::ae::{Acceptor, Peers};
use hub::config::Config;
use hub::context::Hub;
use hub::pipeline::nightly::night;
use hub::pipeline::receive::Receiver;
use hub::service::Service;
use platform::clock::SystemClock;
use platform::keys::{KeyKind, SecretKey};
use platform::testing::TempDir;
use sim::region::{Region, Size};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use tributary::demo::house::{self, Papers};

/// A hub that takes objects in: its folder, its stores and its listening application entity.
pub struct Rig {
    /// The hub.
    pub hub: Arc<Hub>,
    /// The port that it listens on.
    pub port: u16,
    acceptor: Option<Acceptor>,
    dir: TempDir,
}

/// A port that nobody listens on at this moment.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// What is particular to a hub: lines of its `[listen]` section and of its one source.
pub struct Particular {
    /// After the address.
    pub listen: String,
    /// Who stores, and how.
    pub source: String,
}

impl Default for Particular {
    fn default() -> Self {
        let source = r#"store_from = [{ ae_title = "STORESCU", host = "127.0.0.1" }]"#.into();
        Self { listen: String::new(), source }
    }
}

/// The configuration of a hub with one source, `royal`.
fn config(dir: &Path, port: u16, particular: &Particular) -> Config {
    let Particular { listen, source } = particular;
    let text = format!(
        r#"
[hub]
id = "journey"
data_dir = "data"
[keys]
sealing = "keys/sealing.key"
signing = "keys/signing.key"
[limits]
spool_reserve_bytes = 1048576
[listen]
ae_title = "TRIBUTARY"
address = "127.0.0.1:{port}"
{listen}
[[projects]]
project = "nccid"
key = "keys/nccid.key"
inbox = {{ url = "file://inbox" }}
receipt_keys = ["keys/national.pub"]
[[sources]]
name = "royal"
ae_title = "ROYAL"
host = "127.0.0.1"
port = 104
nhs_number_in = "patient-id"
trust = "RX1"
{source}
[[trusts]]
ods = "RX1"
name = "Royal Example"
legal_basis = {{ id = "L", expires = 2099-01-01 }}
agreement = {{ id = "A", expires = 2099-01-01 }}
dpia = {{ id = "D", expires = 2099-01-01 }}
"#
    );
    Config::parse(&text, dir).unwrap()
}

impl Rig {
    /// A hub without TLS.
    pub async fn new() -> Self {
        Self::with_listen("").await
    }

    /// A hub with these lines in its `[listen]` section.
    pub async fn with_listen(listen: &str) -> Self {
        Self::build(|_| Particular { listen: listen.to_owned(), ..Particular::default() }).await
    }

    /// A hub whose particulars are made from its folder.
    pub async fn build(particular: impl FnOnce(&Path) -> Particular) -> Self {
        let dir = TempDir::new();
        let keys = dir.path().join("keys");
        SecretKey::create(&keys.join("sealing.key"), KeyKind::HubStorage).unwrap();
        SecretKey::create(&keys.join("signing.key"), KeyKind::HubSigning).unwrap();
        SecretKey::create(&keys.join("nccid.key"), KeyKind::Project).unwrap();
        let national = SecretKey::generate(KeyKind::NationalSigning).unwrap().public().unwrap();
        std::fs::write(keys.join("national.pub"), national.to_string()).unwrap();
        let particular = particular(dir.path());
        let port = free_port();
        let config = config(dir.path(), port, &particular);
        let hub = Hub::open(config, SystemClock::shared(), deid::custody::Custody::mint()).await.unwrap();
        let mut rig = Self { hub: Arc::new(hub), port, acceptor: None, dir };
        rig.listen(Peers::Configured);
        rig
    }

    /// Listens (again).
    pub fn listen(&mut self, peers: Peers) {
        let hub = &self.hub;
        let receiver = Receiver::new(
            Arc::clone(&hub.spool),
            hub.store.clone(),
            hub.linkage.clone(),
            Arc::clone(&hub.clock),
        );
        self.acceptor = None;
        let acceptor = Acceptor::listen(Arc::clone(&hub.config), peers, receiver, Arc::clone(&hub.clock));
        self.acceptor = Some(acceptor.unwrap());
    }

    /// Stops listening, and starts the whole service instead, which listens on the same port and works what was received.
    pub async fn serve(&mut self) -> Service {
        self.acceptor = None;
        Service::start(Arc::clone(&self.hub)).await.unwrap()
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Every object that was answered 0x0000, opened again from the sealed spool.
    pub async fn received(&self) -> Vec<dicom::part10::Object> {
        let mut objects = Vec::new();
        for id in self.hub.store.live_spool().await.unwrap() {
            let source = Box::new(self.hub.spool.read(&id).unwrap());
            objects.push(dicom::part10::open(source, &dicom::part10::Limits::default()).unwrap());
        }
        objects
    }
}

/// A hub on archives of the region, as the demo sets it up, with its papers imported; the national house behind it.
pub struct Houses {
    /// The hub.
    pub hub: Arc<Hub>,
    /// It listens, and works when it is told to.
    pub service: Service,
    papers: Papers,
}

/// What is written before archive and hub start: each must know the other's port.
pub struct Setup {
    papers: Papers,
    config: Config,
}

impl Setup {
    /// Writes both houses' papers for archives on these ports.
    pub fn write(dir: &Path, region: &Region, ports: &[u16]) -> Self {
        Self::with(dir, region, ports, "")
    }

    /// The same, with these sections in the hub's configuration.
    pub fn with(dir: &Path, region: &Region, ports: &[u16], sections: &str) -> Self {
        let papers = house::write(&dir.join("house"), region, ports, &house::Keep::Folder).unwrap();
        let written = std::fs::read_to_string(&papers.hub).unwrap();
        std::fs::write(&papers.hub, format!("{written}\n{sections}")).unwrap();
        let config = Config::load(&papers.hub).unwrap();
        Self { papers, config }
    }

    /// The port that the hub will listen on.
    pub fn hub_port(&self) -> u16 {
        self.config.listen.address.port()
    }

    /// Imports the papers, and listens.
    pub async fn open(self, region: &Region) -> Houses {
        let Self { papers, config } = self;
        let hub = Hub::open(config, SystemClock::shared(), deid::custody::Custody::mint()).await.unwrap();
        let hub = Arc::new(hub);
        house::import(&hub, region, papers.hub.parent().unwrap()).await.unwrap();
        let service = Service::start(Arc::clone(&hub)).await.unwrap();
        Houses { hub, service, papers }
    }
}

impl Houses {
    /// Carries what is cleared into the warehouse, and the receipts back.
    pub async fn night(&self) {
        night(&self.hub).await.unwrap();
        let national = national::config::Config::load(&self.papers.national).unwrap();
        let house = national::house::House::open(national, SystemClock::shared()).await.unwrap();
        house.run_once().await.unwrap();
        night(&self.hub).await.unwrap();
    }

    /// Where the national house keeps what it took.
    pub fn warehouse(&self) -> PathBuf {
        self.papers.hub.parent().unwrap().join("warehouse")
    }
}

/// One archive out of the region, with the one trust behind it, its sheet and its lists, as if there were no other.
pub fn only(source: &str, size: Size) -> Region {
    let mut region = Region::nccid(2020, size);
    let at = region.sources.iter().position(|planned| planned.name == source).unwrap();
    region.sources = vec![region.sources[at].clone()];
    region.trusts.retain(|trust| trust.source == at);
    assert_eq!(region.trusts.len(), 1, "{source} is shared");
    region.trusts[0].source = 0;
    let ods = region.trusts[0].ods.clone();
    region.rows.retain(|row| row.ods == ods);
    region.objections.retain(|(trust, _)| *trust == ods);
    region.instances.retain(|planted| planted.source == at);
    region.instances.iter_mut().for_each(|planted| planted.source = 0);
    region
}

/// Whether a foreign program is installed; a journey that needs a missing one says so and ends.
pub fn has(program: &str) -> bool {
    let found =
        Command::new("sh").args(["-c", &format!("command -v {program}")]).output().unwrap().status.success();
    if !found {
        eprintln!("skipped: {program} is not installed (./dev test installs it)");
    }
    found
}

/// Runs a foreign program without blocking the runtime.
pub async fn run(program: &str, args: &[&str]) -> Output {
    let (program, args) = (program.to_owned(), args.iter().map(|&a| a.to_owned()).collect::<Vec<_>>());
    let ran = move || Command::new(program).args(args).env("TCP_NODELAY", "1").output().unwrap();
    tokio::task::spawn_blocking(ran).await.unwrap()
}

/// Writes a CT image of the simulation as a Part 10 file in Explicit VR Little Endian.
pub fn a_ct_file(dir: &Path, seed: u64) -> PathBuf {
    let instance = sim::images::ct_study(seed, 1, 64).remove(0);
    let path = dir.join(format!("ct-{seed}.dcm"));
    std::fs::write(&path, instance.file(sim::encode::Syntax::ExplicitLittle)).unwrap();
    path
}
