//! The hub's signing key is rotated while things are cleared and not yet sent: all of them are acknowledged.

use super::new_folder;
use deid::custody::Custody;
use hub::config::Config;
use hub::context::Hub;
use hub::pipeline::nightly::night;
use hub::service::Service;
use platform::clock::SystemClock;
use platform::testing::TempDir;
use sim::region::{Fate, Region, Size};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::sync::Arc;
use tributary::demo::{Keep, collect, house};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_cleared_under_the_old_signing_key_is_acknowledged_under_the_new() {
    let (dir, ods) = (TempDir::new(), "ZB1");
    let folder = new_folder(&dir);
    let region = Region::nccid(13, Size::TEST);
    let mut archives = Vec::new();
    for archive in region.archives() {
        archives.push(archive.serve().await.unwrap());
    }
    let ports: Vec<u16> = archives.iter().map(|archive| archive.address.port()).collect();
    let papers = house::write(&folder, &region, &ports, &Keep::Folder).unwrap();
    let clock = SystemClock::shared();
    let open = async || {
        let config = Config::load(&papers.hub).unwrap();
        Arc::new(Hub::open(config, Arc::clone(&clock), Custody::mint()).await.unwrap())
    };
    let hub = open().await;
    house::import_trust(&hub, ods, &folder).await.unwrap();
    house::import_check(&hub, &folder).await.unwrap();
    let service = Service::start(Arc::clone(&hub)).await.unwrap();
    archives.iter().for_each(|running| running.archive.know(house::HUB_AE, service.address()));
    collect(&hub, &service, clock.as_ref(), &|_| {}).await.unwrap();
    drop(service);
    let cleared = hub.store.instances_in("nccid", "cleared").await.unwrap();
    let of_trust = |fate| region.instances.iter().filter(move |p| p.ods == ods && p.fate == fate).count();
    assert_eq!(cleared.len(), of_trust(Fate::Acknowledged));
    assert!(!cleared.is_empty());
    drop(hub);

    let new = folder.join("keys/new");
    let made =
        Command::new(env!("CARGO_BIN_EXE_tributary")).args(["keys", "init", "--hub"]).arg(&new).status();
    assert!(made.unwrap().success());
    let change = |file: &std::path::Path, from: &str, to: &str| {
        let text = fs::read_to_string(file).unwrap();
        assert!(text.contains(from), "{from} in {text}");
        fs::write(file, text.replace(from, to)).unwrap();
    };
    change(
        &papers.hub,
        "signing = \"keys/hub/signing.key\"",
        "signing = \"keys/new/signing.key\"\nsigning_previous = [\"keys/hub/signing.pub\"]",
    );
    let new = format!(", {:?}]", new.join("signing.pub").display().to_string());
    change(&papers.national, "signing.pub\"]", &format!("signing.pub\"{new}"));

    let hub = open().await;
    let sent = night(&hub).await.unwrap();
    assert_eq!((sent.sent, sent.alerts.len()), (1, 0));
    let national = national::config::Config::load(&papers.national).unwrap();
    national::house::House::open(national, clock.clone()).await.unwrap().run_once().await.unwrap();
    assert_eq!(night(&hub).await.unwrap().receipted, 1);
    let acknowledged = hub.store.instances_in("nccid", "acknowledged").await.unwrap();
    let ids = |rows: &[hub::store::Instance]| rows.iter().map(|row| row.id.clone()).collect::<BTreeSet<_>>();
    assert_eq!(ids(&acknowledged), ids(&cleared));
}
