//! The national inbox is a bucket whose service refuses, and hangs up: the night waits and ends as it does on files. Needs an S3
//! server: `TRIBUTARY_TEST_S3=http://127.0.0.1:PORT` with a bucket `tributary-test`, any credentials.

use super::one_at_a_time;
use super::place::{Place, assert_same, papers};
use super::small::{import, outgoing, push, region};
use dicom::dimse::Status;
use platform::testing::TempDir;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the service does with who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    Open,
    /// 503 Slow Down.
    Refuses,
    /// The connection ends without an answer.
    HangsUp,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_refuses_is_waited_for() {
    let Some(endpoint) = std::env::var("TRIBUTARY_TEST_S3").ok().filter(|url| !url.is_empty()) else {
        return;
    };
    let _alone = one_at_a_time().await;
    let (folder, (region, pushing)) = (TempDir::new(), region(1));
    let (calm, root) = (folder.path().join("calm"), folder.path().join("night"));
    let place = Place::open(&calm, region.clone(), None, Some(pushing)).await;
    let wanted = play(&place, async || {}).await;
    drop(place);

    let upstream = endpoint.trim_start_matches("http://").trim_end_matches('/').parse().unwrap();
    let (door, turned_away, address) = door_before(upstream).await;
    let (ports, hub_address) = papers(&root, &region, Some(&calm));
    use_bucket(&root, address);
    let place = Place::begin(&root, region, ports, hub_address, Some(pushing)).await;
    let came = play(&place, async || {
        for shut in [Door::Refuses, Door::HangsUp] {
            door.send(shut).unwrap();
            let (before, began) = (turned_away.load(Ordering::Relaxed), Instant::now());
            while turned_away.load(Ordering::Relaxed) < before + 3 {
                assert!(began.elapsed() < Duration::from_secs(30), "nobody calls at a door that {shut:?}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        door.send(Door::Open).unwrap();
    })
    .await;
    assert_same(&wanted, &came);
}

/// A night, with something done while it goes on.
async fn play(place: &Place, meanwhile: impl AsyncFnOnce()) -> super::place::Facts {
    import(place).await;
    let mut processes = [place.start("hub"), place.start("national")];
    processes[0].wait_until_serving();
    push(place, &outgoing(place), 1, Duration::ZERO, |_, status| assert_eq!(status, Status::SUCCESS)).await;
    meanwhile().await;
    place.finish(&mut processes, &[]).await;
    drop(processes);
    place.facts().await
}

/// Has both houses' papers name a bucket for the inbox.
fn use_bucket(root: &Path, address: SocketAddr) {
    let secret = |name: &str| {
        let path = root.join("keys").join(name);
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).unwrap();
        fs::write(&path, "testing\n").unwrap();
        path.display().to_string()
    };
    let (id, key) = (secret("s3-id"), secret("s3-key"));
    let files = format!("{{ url = \"file://{}\" }}", root.canonicalize().unwrap().join("inbox").display());
    let prefix = platform::keys::random_id().unwrap();
    let bucket = format!(
        "{{ url = \"s3://tributary-test/{prefix}\", s3 = {{ endpoint = \"http://{address}\", \
         access_key_id_file = {id:?}, secret_access_key_file = {key:?} }} }}"
    );
    for paper in ["hub.toml", "national.toml"] {
        let text = fs::read_to_string(root.join(paper)).unwrap();
        assert!(text.contains(&files), "{paper} names no inbox");
        fs::write(root.join(paper), text.replace(&files, &bucket)).unwrap();
    }
}

/// A door before a service; how many it has turned away; and where it is.
async fn door_before(upstream: SocketAddr) -> (watch::Sender<Door>, Arc<AtomicU32>, SocketAddr) {
    let (door, state) = watch::channel(Door::Open);
    let turned_away = Arc::new(AtomicU32::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let counter = Arc::clone(&turned_away);
    tokio::spawn(async move {
        loop {
            let (caller, _) = listener.accept().await.unwrap();
            tokio::spawn(admit(caller, upstream, state.clone(), Arc::clone(&counter)));
        }
    });
    (door, turned_away, address)
}

async fn admit(
    mut caller: TcpStream,
    upstream: SocketAddr,
    mut state: watch::Receiver<Door>,
    turned_away: Arc<AtomicU32>,
) {
    let door = *state.borrow_and_update();
    match door {
        Door::Open => {
            let mut service = TcpStream::connect(upstream).await.unwrap();
            // When the door shuts, what goes through it breaks.
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut caller, &mut service) => {}
                _ = state.changed() => {}
            }
            return;
        }
        Door::Refuses => {
            let answer = b"HTTP/1.1 503 Slow Down\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            if caller.read(&mut [0; 65536]).await.is_ok_and(|read| read > 0) {
                caller.write_all(answer).await.ok();
            }
        }
        Door::HangsUp => {}
    }
    turned_away.fetch_add(1, Ordering::Relaxed);
}
