//! The world fails: disks full or broken, the database locked, stores that refuse, an archive that breaks off. Senders are told
//! 0xA700 and keep what they have, jobs wait with a code, and the night ends as if nothing had been.

use super::one_at_a_time;
use super::place::{Place, assert_same, files, texts};
use super::process::Process;
use super::shim::{Shim, Strikes};
use super::small::{import, outgoing, push, region};
use dicom::dimse::Status;
use platform::db::sql;
use platform::testing::TempDir;
use sim::faults::Fault;
use sim::pacs::{Operation, Outgoing};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// EIO: the disk is broken.
const BROKEN: i32 = 5;
/// ENOSPC: the disk is full.
const FULL: i32 = 28;
/// EACCES: the store refuses.
const REFUSED: i32 = 13;
/// What fails is noticed within this.
const NOTICED_MAX: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_is_told_waited_for_and_costs_nothing() {
    let _alone = one_at_a_time().await;
    let (folder, (region, pushing)) = (TempDir::new(), region(1));
    let (calm, root) = (folder.path().join("calm"), folder.path().join("night"));
    let Some(shim) = Shim::build(folder.path(), &root) else { return };
    let place = Place::open(&calm, region.clone(), None, Some(pushing)).await;
    import(&place).await;
    let mut processes = [place.start("hub"), place.start("national")];
    processes[0].wait_until_serving();
    push(&place, &outgoing(&place), 1, Duration::ZERO, |_, status| assert_eq!(status, Status::SUCCESS)).await;
    place.finish(&mut processes, &[]).await;
    drop(processes);
    let wanted = place.facts().await;

    let mut place = Place::open(&root, region, Some(&calm), Some(pushing)).await;
    place.shim = Some(shim.clone());
    for archive in place.archives.iter().flatten().map(|running| &running.archive) {
        archive.retrieval_faults.add([Fault::AbortInObject(1), Fault::DropAfterBytes(3_000)]);
    }
    let mut processes = [place.start("hub"), place.start("national")];
    processes[0].wait_until_serving();
    senders_are_told(&place, &shim, &processes[0]).await;
    steps_wait(&place, &shim, &processes).await;
    place.finish(&mut processes, &[]).await;
    drop(processes);
    assert_same(&wanted, &place.facts().await);
    place.check_end().await;
    archives_were_asked_again(&place).await;
}

/// While the hub cannot make an object last, its sender is told 0xA700, and nothing of it stays.
async fn senders_are_told(place: &Place, shim: &Shim, hub: &Process) {
    let objects = outgoing(place);
    let refused = async |objects: &[Outgoing], what: &str, why: &str| {
        let begins = hub.log().len();
        push(place, objects, 1, Duration::ZERO, |_, status| {
            assert_eq!(status, Status::OUT_OF_RESOURCES, "{what}");
        })
        .await;
        let log = hub.log();
        let told =
            log[begins..].lines().filter(|line| line.contains("its sender keeps it") && line.contains(why));
        assert_eq!(told.count(), objects.len(), "{what}: {}", &log[begins..]);
        assert_eq!(texts(place.hub.store.db(), sql("SELECT id AS line FROM spool")).await, [""; 0], "{what}");
    };
    for (errno, strikes, text, why) in [
        (FULL, Strikes::Writes, "/hub/spool/", "No space left on device"),
        (BROKEN, Strikes::Syncs, "/hub/spool", "Input/output error"),
        (FULL, Strikes::Writes, "/hub/hub.db-wal", "the disk is full"),
        (BROKEN, Strikes::Syncs, "/hub/hub.db-wal", "the disk failed"),
    ] {
        shim.strike(errno, strikes, text);
        refused(&objects[..3], text, why).await;
    }
    shim.mend();
    let locked = place.hub.store.write().await.unwrap();
    refused(&objects[..1], "another holds the database", "locked by another").await;
    drop(locked);
}

/// A step that meets a store that is full or refuses waits, and nothing goes on as if it had been done.
async fn steps_wait(place: &Place, shim: &Shim, processes: &[Process; 2]) {
    shim.strike(FULL, Strikes::Writes, "/hub/outbox/");
    import(place).await;
    push(place, &outgoing(place), 1, Duration::ZERO, |_, status| assert_eq!(status, Status::SUCCESS)).await;
    noticed("a full outbox", async || {
        let put_off = sql("SELECT id AS line FROM jobs WHERE kind = 'deidentify' AND code = 'object-store'");
        !texts(place.hub.store.db(), put_off).await.is_empty()
    })
    .await;
    assert_eq!(files(&place.folder.join("hub/outbox")), Vec::<PathBuf>::new());

    shim.strike(REFUSED, Strikes::Writes, "/inbox/");
    noticed("an inbox that refuses", async || says(&processes[0], "what=\"the night\"")).await;
    assert_eq!(files(&place.folder.join("inbox")), Vec::<PathBuf>::new());

    // What is in the inbox is not durable, so no manifest says that it is there.
    shim.strike(BROKEN, Strikes::Syncs, "/images");
    let nights = || processes[0].log().matches("what=\"the night\"").count();
    let before = nights();
    noticed("an inbox that does not last", async || nights() >= before + 2).await;
    let inbox = files(&place.folder.join("inbox"));
    let manifests = inbox.iter().filter(|path| path.to_string_lossy().contains("manifest-"));
    assert!(!inbox.is_empty() && manifests.count() == 0, "{inbox:?}");

    shim.strike(FULL, Strikes::Writes, "/warehouse/");
    noticed("a full warehouse", async || says(&processes[1], "the project's round did not end")).await;
    assert_eq!(files(&place.folder.join("warehouse")), Vec::<PathBuf>::new());

    shim.strike(BROKEN, Strikes::Syncs, "/national/national.sqlite-wal");
    let before = processes[1].log().matches("did not end").count();
    noticed("a broken disk at the national house", async || {
        processes[1].log().matches("did not end").count() > before
    })
    .await;
    let receipts = files(&place.folder.join("inbox/receipts-demo-region"));
    assert_eq!(receipts, Vec::<PathBuf>::new(), "a receipt whose holdings are not durable");
    shim.mend();
}

fn says(process: &Process, words: &str) -> bool {
    process.log().contains(words)
}

async fn noticed(what: &str, mut check: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !check().await {
        assert!(began.elapsed() < NOTICED_MAX, "{what} is not noticed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Each archive broke off within an object, and was asked for its study again.
async fn archives_were_asked_again(place: &Place) {
    for archive in place.archives.iter().flatten().map(|running| &running.archive) {
        let asked = archive.asked();
        let retrievals = asked.iter().filter(|asked| asked.operation != Operation::Find).count();
        let studies: std::collections::BTreeSet<_> = asked
            .iter()
            .filter(|asked| asked.operation != Operation::Find)
            .map(|asked| format!("{:?}", asked.keys))
            .collect();
        assert!(
            studies.is_empty() || retrievals > studies.len(),
            "{retrievals} retrievals, {} studies",
            studies.len()
        );
    }
}
