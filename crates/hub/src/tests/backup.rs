//! Backup, two nights, the box lost, restore, one night: every instance acknowledged, no sequence number used twice.

use super::{HOUR, House, Now, config, names};
use crate::backup::{BackupError, backup, catch_up, is_unfinished, restore};
use crate::pipeline::nightly::night;
use deid::custody::Custody;
use platform::keys::{KeyKind, SecretKey};

const ANNA: &str = "9990000018";

fn state(state: &str) -> (String, Option<String>) {
    (state.into(), None)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_hub_goes_on_where_the_bucket_says() {
    let house = House::new().await;
    let anna = house.person(ANNA).await;
    let one = house.cleared("royal", &anna, 1, b"one").await;
    let lost = house.received("royal", &anna, 9, b"not yet looked at").await;
    let private = SecretKey::generate(KeyKind::BackupRecipient).unwrap();
    let file = house.dir.path().join("hub.backup");
    backup(&house.hub, &file, &private.public().unwrap()).await.unwrap();
    // Two nights of which the backup knows nothing.
    night(&house.hub).await.unwrap();
    house.answer(&[]).await;
    house.clock.advance(24 * HOUR);
    house.cleared("royal", &anna, 2, b"two").await;
    night(&house.hub).await.unwrap();
    house.answer(&[]).await;
    // The box is lost: data, spool, outbox. The bucket and the safe with the keys are elsewhere.
    let super::House { hub, clock, national, dir } = house;
    hub.store.db().close().await;
    hub.linkage.db().close().await;
    drop(hub);
    std::fs::remove_dir_all(dir.path().join("data")).unwrap();
    let (hub, restored) =
        restore(config(&dir), &file, &private, clock.shared(), Custody::mint()).await.unwrap();
    assert_eq!((restored.consignments, restored.fetched_again), (2, 1));
    assert!(!is_unfinished(&config(&dir)));
    let house = House { hub: std::sync::Arc::new(hub), clock, national, dir };
    assert_eq!(house.state(&one).await, state("sent"));
    assert_eq!(house.state(&lost).await, state("missing"));
    // The archive sends again what this hub does not remember, and something new.
    let two = house.cleared("royal", &anna, 2, b"two").await;
    let three = house.cleared("royal", &anna, 3, b"three").await;
    house.clock.advance(24 * HOUR);
    house.mark(&anna, "national", true).await;
    assert_eq!(night(&house.hub).await.unwrap().sent, 1);
    house.answer(&[]).await;
    night(&house.hub).await.unwrap();
    for id in [&one, &two, &three] {
        assert_eq!(house.state(id).await, state("acknowledged"));
    }
    let manifests = house.manifests().await;
    let sequences: Vec<u64> = manifests.iter().map(|(_, manifest)| manifest.sequence).collect();
    assert_eq!(sequences, [1, 2, 3]);
    assert_eq!(names(&manifests[2].1), ["2.25.3.dcm"], "what was sent before is not sent again");
    assert_eq!(manifests[2].1.previous, Some(manifests[1].0));
    assert_eq!(catch_up(&house.hub).await.unwrap().consignments, 0, "once is enough");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consignment_sealed_before_the_backup_and_sent_after_it_is_taken_as_it_was_sent() {
    let house = House::new().await;
    let anna = house.person(ANNA).await;
    let ben = house.person("9990000026").await;
    let one = house.cleared("royal", &anna, 1, b"one").await;
    let two = house.cleared("royal", &ben, 2, b"two").await;
    crate::pipeline::consign::consign(&house.hub, house.served()).await.unwrap().unwrap();
    let private = SecretKey::generate(KeyKind::BackupRecipient).unwrap();
    let file = house.dir.path().join("hub.backup");
    backup(&house.hub, &file, &private.public().unwrap()).await.unwrap();
    house.mark(&ben, "local:RX1", false).await;
    night(&house.hub).await.unwrap();
    house.answer(&[]).await;
    let super::House { hub, clock, national, dir } = house;
    hub.store.db().close().await;
    hub.linkage.db().close().await;
    drop(hub);
    std::fs::remove_dir_all(dir.path().join("data")).unwrap();
    let (hub, restored) =
        restore(config(&dir), &file, &private, clock.shared(), Custody::mint()).await.unwrap();
    assert_eq!(restored.consignments, 1);
    let house = House { hub: std::sync::Arc::new(hub), clock, national, dir };
    night(&house.hub).await.unwrap();
    assert_eq!(house.state(&one).await, state("acknowledged"));
    assert_ne!(house.state(&two).await.0, "acknowledged");
    assert_eq!(house.clock.now_(), super::FIRST_NIGHT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_never_overwrites_and_opens_for_its_recipient_only() {
    let house = House::new().await;
    let private = SecretKey::generate(KeyKind::BackupRecipient).unwrap();
    let file = house.dir.path().join("hub.backup");
    backup(&house.hub, &file, &private.public().unwrap()).await.unwrap();
    let again = backup(&house.hub, &file, &private.public().unwrap()).await;
    assert!(matches!(again, Err(BackupError::Exists)));
    let clock = house.clock.shared();
    let there = restore(config(&house.dir), &file, &private, clock.clone(), Custody::mint()).await;
    assert!(matches!(there, Err(BackupError::NotEmpty(_))));
    house.hub.store.db().close().await;
    house.hub.linkage.db().close().await;
    std::fs::remove_dir_all(house.dir.path().join("data")).unwrap();
    let other = SecretKey::generate(KeyKind::BackupRecipient).unwrap();
    let stranger = restore(config(&house.dir), &file, &other, clock.clone(), Custody::mint()).await;
    assert!(matches!(stranger, Err(BackupError::Seal(_))));
    // Cut off, and done again with the right key.
    assert!(is_unfinished(&config(&house.dir)));
    restore(config(&house.dir), &file, &private, clock, Custody::mint()).await.unwrap();
}
