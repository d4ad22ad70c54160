//! Versions of an object, in whatever order they come: the newest word is current, history is kept, equal bytes are one holding.

use super::*;
use crate::intake::{look_at, write_down};
use crate::quarantine::{Decided, accept, list, reject};
use crate::serve::Round;
use crate::store::Settled;
use platform::db::sql;
use proptest::prelude::*;
use proptest::strategy::ValueTree;

const UID: &str = "2.25.1";

/// The versions differ in their bytes, the last also in its series.
fn version(v: usize) -> Sent {
    image_with(1, UID, |set| {
        set.put_text(tags::KVP, VR::DS, &(100 + v).to_string());
        if v == 2 {
            set.put_text(tags::SERIES_INSTANCE_UID, VR::UI, "2.25.999");
        }
    })
}

/// All that is held, and all that lies in the tree.
async fn end_state(stage: &Stage) -> (Vec<[String; 5]>, BTreeMap<String, Digest>) {
    let held = sql("SELECT sha256, state, key, raw_path, trust FROM holdings ORDER BY sha256")
        .all(&mut stage.db.db.read().await.unwrap(), |row| {
            Ok([
                row.get("sha256")?,
                row.get("state")?,
                row.get("key")?,
                row.get("raw_path")?,
                row.get("trust")?,
            ])
        })
        .await
        .unwrap();
    let mut tree = BTreeMap::new();
    for key in stage.tree().await {
        tree.insert(key.clone(), Digest::of(&stage.project().warehouse().get(&key).await.unwrap()));
    }
    (held, tree)
}

/// Two hubs send versions of one image, a day each; the answer is where that ends. `order` says whose turn it is.
async fn deliver(stage: &Stage, sent: &[Vec<usize>; 2], order: &[bool]) {
    let mut hubs = [Hub::cm(), Hub::new("wales", 2)];
    let trusts = ["REM", "RTR"];
    let mut next = [0; 2];
    for turn in order {
        let of = usize::from(*turn);
        let of = if next[of] < sent[of].len() { of } else { 1 - of };
        hubs[of].send(stage, &[of_trust(version(sent[of][next[of]]), trusts[of])]).await;
        hubs[of].next_day();
        next[of] += 1;
        stage.house.run_once().await.unwrap();
    }
    assert_eq!(next, [sent[0].len(), sent[1].len()]);
}

#[tokio::test]
async fn deliveries_in_any_order_end_in_the_same_state() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let versions = || prop::collection::vec(0_usize..3, 1..4);
    let cases = (versions(), versions(), prop::collection::vec(any::<bool>(), 6));
    for _ in 0..6 {
        let (cm, wales, order) = cases.new_tree(&mut runner).unwrap().current();
        let (sent, n) = ([cm, wales], order.len());
        let n = n.min(sent[0].len() + sent[1].len());
        let mut ends = Vec::new();
        for order in [vec![false; 6], vec![true; 6], order] {
            for stage in stages().await {
                deliver(&stage, &sent, &order[..n]).await;
                ends.push(end_state(&stage).await);
            }
        }
        assert!(ends.windows(2).all(|two| two[0] == two[1]), "{sent:?}: {ends:#?}");
        // The latest day counts; of one day the higher sequence, then the later name.
        let last = if sent[0].len() > sent[1].len() { sent[0].last() } else { sent[1].last() };
        let current = Digest::of(&version(*last.unwrap()).bytes).to_string();
        let (held, tree) = &ends[0];
        let states: Vec<_> = held.iter().filter(|h| h[1] == "current").map(|h| h[0].clone()).collect();
        assert_eq!(states, std::slice::from_ref(&current));
        let images: Vec<_> = tree.iter().filter(|(key, _)| key.ends_with(".dcm")).collect();
        assert_eq!((images.len(), images[0].1.to_string()), (1, current));
        let mut distinct: Vec<_> = sent.iter().flatten().collect();
        distinct.sort();
        distinct.dedup();
        assert_eq!(held.len(), distinct.len(), "nothing is dropped");
    }
}

#[tokio::test]
async fn versions_that_were_held_are_placed_in_the_order_of_their_sequence() {
    for mut stage in stages().await {
        let mut hub = Hub::cm();
        // In text the tenth comes before the ninth.
        for n in 1..=10 {
            let sent = if n < 9 { vec![] } else { vec![of_trust(version(n - 9), "XXX")] };
            hub.send(&stage, &sent).await;
            hub.next_day();
        }
        stage.house.run_once().await.unwrap();
        assert_eq!(stage.states().await, [("held unknown-centre".to_owned(), 2)].into());
        stage = stage.restarted_with(|rules| rules.sites.training.push("XXX".to_owned())).await;
        stage.house.run_once().await.unwrap();
        let (_, tree) = end_state(&stage).await;
        assert!(tree.values().any(|digest| *digest == Digest::of(&version(1).bytes)), "{tree:?}");
    }
}

/// A version that is set aside; the answer is its name in commands.
async fn set_aside(stage: &Stage, hub: &mut Hub) -> crate::store::QuarantinedId {
    hub.send(stage, &[doubtful()]).await;
    hub.next_day();
    stage.house.run_once().await.unwrap();
    list(&stage.house, None).await.unwrap().remove(0).id
}

fn doubtful() -> Sent {
    image_with(1, UID, |set| set.put_text(tags::IMAGE_COMMENTS, VR::LT, "phantom 999 123 4578"))
}

#[tokio::test]
async fn an_older_version_that_is_accepted_late_is_history() {
    for stage in stages().await {
        let mut hub = Hub::cm();
        let id = set_aside(&stage, &mut hub).await;
        hub.send(&stage, &[version(1)]).await;
        stage.house.run_once().await.unwrap();
        assert_eq!(accept(&stage.house, &id, "anna").await.unwrap(), Decided::LookedAgain(None));
        let status = stage.house.status().await.unwrap().remove(0);
        assert_eq!((status.partitions[0].holdings, status.superseded), (1, 1));
        let (_, tree) = end_state(&stage).await;
        assert!(tree.values().any(|digest| *digest == Digest::of(&version(1).bytes)), "{tree:?}");
        assert!(!tree.values().any(|digest| *digest == Digest::of(&doubtful().bytes)), "{tree:?}");
    }
}

#[tokio::test]
async fn what_is_accepted_after_its_receipt_is_answered_once_more() {
    for stage in stages().await {
        let mut hub = Hub::cm();
        let id = set_aside(&stage, &mut hub).await;
        assert_eq!(stage.verdicts(&hub, 1).await, ["residue-found"]);
        accept(&stage.house, &id, "anna").await.unwrap();
        let stage = stage.restarted().await;
        assert_eq!(stage.house.run_once().await.unwrap().answered, 1);
        assert_eq!(stage.verdicts(&hub, 1).await, ["residue-found"], "what was signed stays");
        assert_eq!(stage.verdicts_of(&hub, 1, 2).await, ["accepted"]);
        assert_eq!(stage.receipt(&hub, 1, 2).await.manifest, stage.receipt(&hub, 1, 1).await.manifest);
        assert_eq!(stage.house.run_once().await.unwrap(), Round::default(), "once");
    }
}

#[tokio::test]
async fn what_a_person_rejects_while_it_is_looked_at_does_not_come_in() {
    for stage in stages().await {
        let mut hub = Hub::cm();
        hub.send(&stage, &[version(0)]).await;
        hub.next_day();
        let id = set_aside(&stage, &mut hub).await;
        let item = stage.house.store().item("nccid/cm/2", 0).await.unwrap().unwrap();
        let accepted = crate::store::Item { waived: item.code, ..item };
        let outcome = look_at(&stage.house, stage.project(), &accepted).await.unwrap();
        assert!(matches!(outcome, Settled::Loaded(_)), "{outcome:?}");
        assert_eq!(reject(&stage.house, &id, "ben").await.unwrap(), Decided::Rejected);
        write_down(&stage.house, stage.project(), &[(accepted, outcome)]).await.unwrap();
        let states = [("loaded".to_owned(), 1), ("rejected residue-found".to_owned(), 1)];
        assert_eq!(stage.states().await, states.into());
        let (held, tree) = end_state(&stage).await;
        assert_eq!((held.len(), tree.len()), (1, 2));
        assert!(tree.values().any(|digest| *digest == Digest::of(&version(0).bytes)), "{tree:?}");
        assert_eq!(stage.house.run_once().await.unwrap(), Round::default(), "no receipt says otherwise");
    }
}
