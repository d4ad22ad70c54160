//! What comes in, what does not, and that nothing is taken in twice or lost.

use super::*;
use crate::intake::{answer, decide, discover, look_at, settle_slice};
use crate::serve::Round;
use platform::audit;

#[tokio::test]
async fn a_consignment_comes_in_and_is_answered_once() {
    for stage in stages().await {
        let mut hub = Hub::cm();
        hub.send(&stage, &[image(1, "2.25.11"), negative(1, "Split Hospital"), image(1, "2.25.12")]).await;
        let round = stage.house.run_once().await.unwrap();
        assert_eq!(round, Round { opened: 1, settled: 3, answered: 1 });
        let receipt = stage.receipt(&hub, 1, 1).await;
        assert_eq!((Some(receipt.manifest), receipt.audit_root), (hub.previous, Digest::of(b"audit")));
        assert_eq!(receipt.at_us, NOW.as_micros());
        assert_eq!(stage.verdicts(&hub, 1).await, ["accepted"; 3]);
        assert_eq!(stage.states().await, [("loaded".to_owned(), 3)].into());
        assert_eq!(
            stage.house.run_once().await.unwrap(),
            Round::default(),
            "a second round has nothing to do"
        );
        assert!(stage.alerts().await.is_empty());
    }
}

#[tokio::test]
async fn each_bad_object_is_set_aside_with_its_own_code_and_the_good_ones_go_on() {
    for stage in stages().await {
        let mut hub = Hub::cm();
        let put = |tag, vr, text: &'static str| move |set: &mut Dataset| set.put_text(tag, vr, text);
        let mut private = Dataset::new();
        private.put_text(Tag(0x0009, 0x0010), VR::LO, "ACME");
        let safe = |set: &mut Dataset| {
            set.put_text(Tag(0x0019, 0x0010), VR::LO, "SIEMENS MR HEADER");
            set.put_text(Tag(0x0019, 0x100C), VR::IS, "1000");
        };
        let sent = [
            image_with(1, "2.25.1", safe),
            image(1, "2.25.2"),
            image(1, "2.25.3"),
            image(1, "2.25.4"),
            image_with(1, "2.25.5", put(tags::IMAGE_COMMENTS, VR::LT, "seen with 999 123 4578 yesterday")),
            image_with(1, "2.25.6", put(tags::PATIENT_ID, VR::LO, "CovidBBBBBBBBBBBBBBBBBBBB")),
            image_with(1, "2.25.7", put(tags::PATIENT_NAME, VR::PN, "SENTINEL^ANNA")),
            image_with(1, "2.25.8", put(tags::SOP_INSTANCE_UID, VR::UI, "2.25.88")),
            image_with(1, "2.25.9", put(tags::PATIENT_IDENTITY_REMOVED, VR::CS, "NO")),
            image_with(1, "2.25.10", |set| {
                set.put(Element::items_of(tags::REFERENCED_STUDY_SEQUENCE, vec![private]));
            }),
            image_with(1, "2.25.11", |set| {
                set.remove(tags::SERIES_INSTANCE_UID);
            }),
            Sent { bytes: b"no image at all".to_vec(), ..image(1, "2.25.12") },
            Sent { bytes: br#"{"Pseudonym":"x"}"#.to_vec(), ..negative(1, "A") },
            Sent { name: ItemName::Data(pseudonym(2)), pseudonym: pseudonym(2), ..positive(1, "A") },
        ];
        hub.put_objects(&stage, &sent).await;
        let inbox = stage.project().inbox();
        let mut changed = sent[1].bytes.clone();
        *changed.last_mut().unwrap() ^= 1;
        inbox.put(&hub.path(&sent[1]).to_string(), changed.into()).await.unwrap();
        let longer = [sent[2].bytes.as_slice(), b"x"].concat();
        inbox.put(&hub.path(&sent[2]).to_string(), longer.into()).await.unwrap();
        inbox.delete(&hub.path(&sent[3]).to_string()).await.unwrap();
        let manifest = hub.manifest(&sent);
        hub.put_manifest(&stage, &manifest).await;
        stage.house.run_once().await.unwrap();
        let expected = [
            "accepted",
            "digest-differs",
            "length-differs",
            "object-missing",
            "residue-found",
            "patient-differs",
            "patient-differs",
            "instance-differs",
            "not-declared",
            "private-elements",
            "attributes-missing",
            "search-failed",
            "record-malformed",
            "record-differs",
        ];
        assert_eq!(stage.verdicts(&hub, 1).await, expected);
        assert_eq!(stage.states().await["loaded"], 1);
        assert_eq!(stage.tree().await.len(), 2, "one image and its header");
        for one in stage.house.store().quarantined("nccid", 100).await.unwrap() {
            let shown = format!("{one:?}");
            assert!(!shown.contains("SENTINEL") && !shown.contains("4578"), "{shown}");
        }
    }
}

#[tokio::test]
async fn a_clearance_must_be_the_hubs_and_about_this_object() {
    for stage in stages().await {
        let mut hub = Hub::cm();
        let stranger = Hub::new("cm", 7);
        let sent = [image(1, "2.25.1"), image(1, "2.25.2"), image(1, "2.25.3"), negative(1, "A")];
        hub.put_objects(&stage, &sent).await;
        let mut manifest = hub.manifest(&sent);
        manifest.entries[0].clearance = stranger.entry(&sent[0]).clearance;
        manifest.entries[1].clearance = hub.entry(&sent[2]).clearance;
        manifest.entries[3].clearance =
            hub.entry(&Sent { pseudonym: pseudonym(2), ..sent[3].clone() }).clearance;
        hub.put_manifest(&stage, &manifest).await;
        stage.house.run_once().await.unwrap();
        let expected = ["clearance-invalid", "clearance-mismatch", "accepted", "clearance-mismatch"];
        assert_eq!(stage.verdicts(&hub, 1).await, expected);
    }
}

#[tokio::test]
async fn a_manifest_of_a_stranger_a_forged_or_a_misplaced_one_is_never_believed() {
    for stage in stages().await {
        let sent = [image(1, "2.25.1")];
        let inbox = stage.project().inbox();
        let mut stranger = Hub::new("cm", 7);
        stranger.send(&stage, &sent).await;
        let mut forger = Hub { number: 2, ..Hub::cm() };
        let manifest = forger.manifest(&sent);
        forger.put_manifest(&stage, &manifest).await;
        let key = manifest.path().to_string();
        let text = String::from_utf8(inbox.get(&key).await.unwrap().to_vec()).unwrap();
        inbox.put(&key, text.replace("REM", "RTR").into()).await.unwrap();
        let mut copied = Hub { number: 3, ..Hub::cm() };
        let manifest = copied.manifest(&sent);
        copied.put_manifest(&stage, &manifest).await;
        let bytes = inbox.get(&manifest.path().to_string()).await.unwrap();
        inbox.delete(&manifest.path().to_string()).await.unwrap();
        inbox.put("raw-cm/2021-02-01/manifest-4.json", bytes).await.unwrap();
        inbox.put("raw-cm/2021-02-01/manifest-5.json", "{}".into()).await.unwrap();
        inbox.put("raw-nobody/2021-02-01/manifest-1.json", "{}".into()).await.unwrap();
        stage.house.run_once().await.unwrap();
        assert_eq!(stage.house.run_once().await.unwrap(), Round::default());
        let expected = [
            "manifest-forged",
            "manifest-malformed",
            "manifest-misplaced",
            "manifest-stranger",
            "unknown-prefix",
        ];
        assert_eq!(stage.alerts().await, expected);
        assert_eq!(stage.house.status().await.unwrap()[0].listed, 0);
        assert!(inbox.list_sorted("receipts-cm").await.unwrap().is_empty());
        let aside = stage.house.store().quarantined("nccid", 100).await.unwrap();
        assert_eq!(aside.len(), 4, "and the hub's own first manifest still goes through:");
        let mut hub = Hub { number: 6, ..Hub::cm() };
        hub.send(&stage, &sent).await;
        stage.house.run_once().await.unwrap();
        assert_eq!(stage.verdicts(&hub, 1).await, ["accepted"]);
    }
}

#[tokio::test]
async fn a_gap_in_the_sequence_alerts_and_waits() {
    for stage in stages().await {
        let mut hub = Hub::cm();
        let (one, two, three) = ([image(1, "2.25.1")], [image(1, "2.25.2")], [image(1, "2.25.3")]);
        hub.send(&stage, &one).await;
        let late = hub.manifest(&two);
        hub.put_manifest(&stage, &late).await;
        let bytes = stage.project().inbox().get(&late.path().to_string()).await.unwrap();
        stage.project().inbox().delete(&late.path().to_string()).await.unwrap();
        hub.send(&stage, &three).await;
        assert_eq!(stage.house.run_once().await.unwrap().opened, 1);
        assert_eq!(stage.alerts().await, ["sequence-gap"]);
        assert_eq!(stage.house.run_once().await.unwrap(), Round::default());
        hub.put_objects(&stage, &two).await;
        stage.project().inbox().put(&late.path().to_string(), bytes).await.unwrap();
        assert_eq!(stage.house.run_once().await.unwrap().opened, 2);
        assert!(stage.alerts().await.is_empty());
        assert_eq!(stage.states().await, [("loaded".to_owned(), 3)].into());
    }
}

#[tokio::test]
async fn a_used_sequence_number_or_a_wrong_predecessor_is_refused() {
    for stage in stages().await {
        let mut hub = Hub::cm();
        hub.send(&stage, &[image(1, "2.25.1")]).await;
        stage.house.run_once().await.unwrap();
        let mut again = Hub { number: 2, ..Hub::cm() };
        again.send(&stage, &[image(1, "2.25.2")]).await;
        let mut other = Hub { sequence: 2, number: 3, previous: Some(Digest::of(b"x")), ..Hub::cm() };
        other.send(&stage, &[image(1, "2.25.3")]).await;
        stage.house.run_once().await.unwrap();
        assert_eq!(stage.alerts().await, ["chain-broken", "sequence-reused"]);
        assert_eq!(stage.states().await, [("loaded".to_owned(), 1)].into());
    }
}

#[tokio::test]
async fn a_replayed_manifest_gives_the_same_receipt_and_nothing_twice() {
    for stage in stages().await {
        let mut hub = Hub::cm();
        let sent = [image(1, "2.25.1")];
        hub.send(&stage, &sent).await;
        stage.house.run_once().await.unwrap();
        let path = ReceiptPath { hub: hub.id.clone(), sequence: 1, revision: 1 }.to_string();
        let receipt = stage.project().inbox().get(&path).await.unwrap();
        let manifest = Hub::cm().manifest(&sent);
        Hub::cm().put_objects(&stage, &sent).await;
        Hub::cm().put_manifest(&stage, &manifest).await;
        stage.project().inbox().delete(&path).await.unwrap();
        stage.clock.advance(std::time::Duration::from_secs(60));
        stage.house.run_once().await.unwrap();
        assert_eq!(stage.project().inbox().get(&path).await.unwrap(), receipt, "byte for byte");
        assert_eq!(stage.states().await, [("loaded".to_owned(), 1)].into());
    }
}

#[tokio::test]
async fn a_name_written_again_under_the_same_date_is_set_aside() {
    for stage in stages().await {
        let mut hub = Hub::cm();
        hub.send(&stage, &[image(1, "2.25.1")]).await;
        stage.house.run_once().await.unwrap();
        hub.send(&stage, &[image_with(1, "2.25.1", |set| set.put_text(tags::KVP, VR::DS, "120"))]).await;
        stage.house.run_once().await.unwrap();
        assert_eq!(stage.verdicts(&hub, 2).await, ["path-reused"]);
    }
}

#[tokio::test]
async fn killed_between_any_two_steps_it_ends_the_same() {
    for cut in 0..7 {
        for mut stage in stages().await {
            let mut hub = Hub::cm();
            hub.send(&stage, &[image(1, "2.25.1"), negative(1, "Split Hospital"), image(1, "2.25.2")]).await;
            let project = stage.project();
            for step in 0..cut {
                let open = stage.house.store().unanswered("nccid").await.unwrap().into_iter().next();
                match (step, open) {
                    (0, _) => assert_eq!(discover(&stage.house, project).await.unwrap(), 1),
                    // Objects put into the warehouse, then cut off before their rows.
                    (1 | 3, Some(open)) => {
                        for item in stage.house.store().next_slice(&open.id, 10).await.unwrap() {
                            look_at(&stage.house, project, &item).await.unwrap();
                        }
                    }
                    (2 | 4, Some(open)) => {
                        assert!(settle_slice(&stage.house, project, &open).await.unwrap() > 0);
                    }
                    (5, Some(open)) => decide(&stage.house, &open).await.unwrap(),
                    (6, Some(open)) => answer(&stage.house, project, &open).await.unwrap(),
                    _ => unreachable!("the consignment is open until it is answered"),
                }
            }
            stage.clock.advance(std::time::Duration::from_secs(3_600));
            stage = stage.restarted().await;
            stage.house.run_once().await.unwrap();
            assert_eq!(stage.verdicts(&hub, 1).await, ["accepted"; 3], "cut after {cut} steps");
            assert_eq!(stage.states().await, [("loaded".to_owned(), 3)].into());
            assert_eq!(stage.tree().await.len(), 5);
            assert_eq!(stage.house.run_once().await.unwrap(), Round::default());
            let chain =
                audit::root(&mut stage.house.store().db().read().await.unwrap(), "REM").await.unwrap();
            assert_eq!(chain.unwrap().length, 1, "told to the audit once");
        }
    }
}

#[tokio::test]
async fn each_trust_has_its_own_chain_in_the_audit() {
    for stage in stages().await {
        let mut hub = Hub::cm();
        hub.send(&stage, &[image(1, "2.25.1"), of_trust(image(2, "2.25.2"), "RTR")]).await;
        stage.house.run_once().await.unwrap();
        let roots = audit::roots(&mut stage.house.store().db().read().await.unwrap()).await.unwrap();
        assert_eq!(roots.iter().map(|root| root.chain.as_str()).collect::<Vec<_>>(), ["REM", "RTR"]);
    }
}
