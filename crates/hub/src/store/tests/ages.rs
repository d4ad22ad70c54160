//! Which ages few people have, on SQLite and PostgreSQL.

use super::super::*;
use super::{NOW, arrives_of, goes, stores};

/// An instance of a person, cleared with an age.
async fn clear(store: &Store, tx: &mut Tx, person: &str, n: u32, age: Option<&str>) -> String {
    let Arrival::Ours(row) = arrives_of(store, tx, None, person, &format!("token {n}")).await else {
        panic!("not taken in")
    };
    let name = format!("{n}.dcm");
    let out = Outgoing { name: &name, pseudonym: "P", digest: "d", bytes: 3, clearance: "{}", age };
    assert!(store.item_cleared(tx, "instance", &row.id, &out, NOW).await.unwrap());
    row.id
}

#[tokio::test]
async fn people_of_an_age_are_counted_once_wherever_their_images_are() {
    for (_db, store) in stores().await {
        let mut tx = store.write().await.unwrap();
        for n in 1..=3 {
            clear(&store, &mut tx, "ann", n, Some("067Y")).await;
        }
        clear(&store, &mut tx, "ben", 4, Some("006M")).await;
        let none = clear(&store, &mut tx, "ben", 5, None).await;
        let few = store.few_ages(&mut tx, "nccid", Some(2)).await.unwrap();
        assert_eq!(few, Ages::from(["006M", "067Y"].map(str::to_owned)));
        let counts = store.few_ages_counts(&mut tx, "nccid", &few).await.unwrap();
        assert_eq!(
            counts.iter().map(|count| (count.trust.as_str(), count.n)).collect::<Vec<_>>(),
            [("RX1", 4)]
        );
        assert_eq!(store.few_ages(&mut tx, "nccid", None).await.unwrap(), Ages::new(), "nobody counts");
        assert_eq!(store.few_ages(&mut tx, "other", Some(2)).await.unwrap(), Ages::new());

        // Who was sent counts on; who is held does not.
        let gone = clear(&store, &mut tx, "cara", 6, Some("067Y")).await;
        goes(&store, &mut tx, &gone, &["consigned", "sent"]).await;
        let held = clear(&store, &mut tx, "dan", 7, Some("006M")).await;
        let item = Item { id: held, ..super::an_item() };
        assert!(store.item_withdrawn(&mut tx, &item, "held", Some("objected"), NOW).await.unwrap());
        let few = store.few_ages(&mut tx, "nccid", Some(2)).await.unwrap();
        assert_eq!(few, Ages::from(["006M".to_owned()]));
        tx.commit().await.unwrap();
        let cleared = store.cleared("nccid", "2026-01-01", &few, 9).await.unwrap();
        let names: Vec<&str> = cleared.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(names, ["1.dcm", "2.dcm", "3.dcm", "5.dcm"]);
        assert!(cleared.iter().any(|item| item.id == none && item.age.is_none()));
    }
}
