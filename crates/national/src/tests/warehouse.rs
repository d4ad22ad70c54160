//! Where things come to lie.

use super::*;
use crate::partition::Partition;
use crate::serve::Round;

async fn partition(stage: &Stage, n: u8) -> Option<Partition> {
    let assignment = stage.house.store().assignment("nccid", &pseudonym(n)).await.unwrap();
    assignment.map(|assignment| assignment.partition)
}

#[tokio::test]
async fn the_tree_is_the_databases_own() {
    for stage in stages().await {
        let mut hub = Hub::cm();
        let xray = image_with(1, "2.25.12", |set| set.put_text(tags::MODALITY, VR::CS, "DX"));
        hub.send(&stage, &[image(1, "2.25.11"), xray, negative(1, "x")].map(|sent| of_trust(sent, "RTR")))
            .await;
        hub.send(&stage, &[of_trust(positive(2, "The Held-Out Hospital"), "ZZZ")]).await;
        stage.house.run_once().await.unwrap();
        let (one, two) = (pseudonym(1), pseudonym(2));
        assert_eq!(
            stage.tree().await,
            [
                format!("training/ct-metadata/{one}/2.25.11/2.25.21/2.25.11.json"),
                format!("training/ct/{one}/2.25.11/2.25.21/2.25.11.dcm"),
                format!("training/data/{one}/status_2021-02-01.json"),
                format!("training/xray-metadata/{one}/2.25.11/2.25.21/2.25.12.json"),
                format!("training/xray/{one}/2.25.11/2.25.21/2.25.12.dcm"),
                format!("validation/data/{two}/data_2021-02-01.json"),
            ]
        );
        let stored = stage.project().warehouse().get(&stage.tree().await[1]).await.unwrap();
        assert_eq!(stored, image(1, "2.25.11").bytes, "the very bytes that were cleared");
        let header = stage.project().warehouse().get(&stage.tree().await[0]).await.unwrap();
        let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
        assert_eq!(header["00180050"], serde_json::json!({"vr": "DS", "Value": [5.0]}));
        assert_eq!(header["00100010"]["Value"][0]["Alphabetic"], one.as_str());
        assert!(header.get("7FE00010").is_none() && header.get("00020010").is_none());
        let counts = stage.house.status().await.unwrap().remove(0).partitions;
        let ct = counts.iter().find(|count| count.kind == "ct").unwrap();
        assert_eq!((ct.partition.as_str(), ct.patients, ct.studies, ct.holdings), ("training", 1, 1, 1));
    }
}

#[tokio::test]
async fn a_patient_never_changes_its_partition() {
    for mut stage in stages().await {
        let mut hub = Hub::cm();
        hub.send(&stage, &[of_trust(image(1, "2.25.1"), "RTR")]).await;
        stage.house.run_once().await.unwrap();
        stage = stage
            .restarted_with(|rules| {
                rules.sites.training.clear();
                rules.sites.validation.push("RTR".into());
            })
            .await;
        hub.next_day();
        hub.send(&stage, &[of_trust(image(1, "2.25.2"), "RTR"), of_trust(image(2, "2.25.3"), "RTR")]).await;
        stage.house.run_once().await.unwrap();
        assert_eq!(partition(&stage, 1).await, Some(Partition::Training));
        assert_eq!(partition(&stage, 2).await, Some(Partition::Validation));
        assert_eq!(stage.tree().await.iter().filter(|key| key.starts_with("training/ct/")).count(), 2);
    }
}

#[tokio::test]
async fn split_patients_fall_by_the_keyed_rule_whichever_hub_sends_them() {
    for stage in stages().await {
        let (mut cm, mut wales) = (Hub::cm(), Hub::new("wales", 2));
        let images: Vec<Sent> = (1..20).map(|n| image(n, &format!("2.25.1{n}"))).collect();
        cm.send(&stage, &images).await;
        wales.send(&stage, &[image(1, "2.25.777")]).await;
        stage.house.run_once().await.unwrap();
        let key = PartitionKey::new(&[3; 32]);
        for n in 1..20 {
            let by_rule = key.decide(&pseudonym(n), 50.try_into().unwrap());
            assert_eq!(partition(&stage, n).await, Some(by_rule));
        }
        let folders = stage.tree().await;
        let of_one = folders.iter().filter(|key| key.contains(&format!("/ct/{}/", pseudonym(1)))).count();
        assert_eq!(of_one, 2, "one patient of two hubs lies in one place");
    }
}

#[tokio::test]
async fn an_unknown_centre_or_modality_waits_and_is_loaded_when_it_is_known() {
    for mut stage in stages().await {
        let mut hub = Hub::cm();
        let ultrasound = image_with(1, "2.25.2", |set| set.put_text(tags::MODALITY, VR::CS, "US"));
        let sent =
            [of_trust(image(2, "2.25.1"), "XXX"), ultrasound, of_trust(negative(3, "New Hospital"), "YYY")];
        hub.send(&stage, &sent).await;
        stage.house.run_once().await.unwrap();
        assert_eq!(stage.verdicts(&hub, 1).await, ["accepted"; 3], "the hub has done its part");
        let states = stage.states().await;
        assert_eq!(
            states,
            [("held unknown-centre".to_owned(), 2), ("held unknown-modality".to_owned(), 1)].into()
        );
        let held = crate::quarantine::list(&stage.house, Some("nccid")).await.unwrap();
        let wanting: Vec<_> = held.iter().map(|one| one.detail.clone().unwrap()).collect();
        assert_eq!(wanting, ["XXX", "US", "New Hospital"]);
        assert_eq!(stage.house.run_once().await.unwrap(), Round::default(), "nothing changed, nothing done");
        stage = stage
            .restarted_with(|rules| {
                rules.sites.training.extend(["XXX".to_owned(), "New Hospital".to_owned()]);
                rules.modality_folders.insert("US".into(), "us".into());
            })
            .await;
        assert_eq!(stage.house.run_once().await.unwrap().settled, 3);
        assert_eq!(stage.states().await, [("loaded".to_owned(), 3)].into());
        assert!(stage.tree().await.iter().any(|key| key.contains("/us/")));
    }
}

#[tokio::test]
async fn an_image_waits_for_the_record_that_names_its_centre() {
    for stage in stages().await {
        let mut hub = Hub::cm();
        hub.send(&stage, &[of_trust(image(1, "2.25.1"), "XXX")]).await;
        stage.house.run_once().await.unwrap();
        assert_eq!(stage.states().await, [("held unknown-centre".to_owned(), 1)].into());
        hub.next_day();
        hub.send(&stage, &[of_trust(negative(1, "The Held-Out Hospital"), "XXX")]).await;
        assert_eq!(stage.house.run_once().await.unwrap().settled, 2);
        assert_eq!(partition(&stage, 1).await, Some(Partition::Validation));
        assert_eq!(stage.states().await, [("loaded".to_owned(), 2)].into());
    }
}

#[tokio::test]
async fn equal_bytes_are_one_holding_with_both_provenances() {
    for stage in stages().await {
        let (mut cm, mut wales) = (Hub::cm(), Hub::new("wales", 2));
        cm.send(&stage, &[image(1, "2.25.1")]).await;
        wales.send(&stage, &[of_trust(image(1, "2.25.1"), "RTR")]).await;
        stage.house.run_once().await.unwrap();
        assert_eq!(stage.verdicts(&wales, 1).await, ["accepted"]);
        let status = stage.house.status().await.unwrap().remove(0);
        assert_eq!((status.partitions[0].holdings, status.superseded, status.listed), (1, 0, 2));
        let trusts: Vec<_> = status.items.iter().map(|count| count.trust.clone()).collect();
        assert_eq!(trusts, ["REM", "RTR"]);
    }
}

#[tokio::test]
async fn another_version_supersedes_with_its_history_and_nothing_is_dropped() {
    for stage in stages().await {
        let mut hub = Hub::cm();
        let first = image(1, "2.25.1");
        let mut second = image_with(1, "2.25.1", |set| {
            set.put_text(tags::KVP, VR::DS, "120");
            set.put_text(tags::SERIES_INSTANCE_UID, VR::UI, "2.25.999");
        });
        second.supersedes = Some(Digest::of(&first.bytes));
        hub.send(&stage, std::slice::from_ref(&first)).await;
        let first_path = hub.path(&first).to_string();
        stage.house.run_once().await.unwrap();
        hub.next_day();
        hub.send(&stage, std::slice::from_ref(&second)).await;
        stage.house.run_once().await.unwrap();
        let status = stage.house.status().await.unwrap().remove(0);
        assert_eq!((status.partitions[0].holdings, status.superseded), (1, 1));
        let tree = stage.tree().await;
        assert_eq!(tree.len(), 2, "the tree has the current version only: {tree:?}");
        let image_key = tree.iter().find(|key| key.ends_with("/2.25.999/2.25.1.dcm")).unwrap();
        assert_eq!(stage.project().warehouse().get(image_key).await.unwrap(), second.bytes);
        assert_eq!(stage.project().inbox().get(&first_path).await.unwrap(), first.bytes, "the first is kept");
        hub.next_day();
        hub.send(&stage, std::slice::from_ref(&first)).await;
        stage.house.run_once().await.unwrap();
        assert_eq!(stage.verdicts(&hub, 3).await, ["accepted"]);
        let status = stage.house.status().await.unwrap().remove(0);
        assert_eq!(
            (status.partitions[0].holdings, status.superseded),
            (1, 1),
            "one holding, two provenances"
        );
        let tree = stage.tree().await;
        let image_key = tree.iter().find(|key| key.ends_with("/2.25.1.dcm")).unwrap();
        assert_eq!(tree.len(), 2, "{tree:?}");
        assert_eq!(
            stage.project().warehouse().get(image_key).await.unwrap(),
            first.bytes,
            "the newest word counts"
        );
    }
}

#[tokio::test]
async fn two_pseudonyms_of_one_subject_lie_in_one_partition_or_are_kept_out() {
    for stage in stages().await {
        let mut hub = Hub::cm();
        let alias = |n, derived| Alias { pseudonym: pseudonym(n), nhs_derived: pseudonym(derived) };
        // Known before either is placed: both fall as the NHS-derived one does, wherever seen first.
        hub.aliases = vec![alias(1, 2)];
        hub.send(&stage, &[image(1, "2.25.1"), of_trust(image(2, "2.25.2"), "RVA")]).await;
        stage.house.run_once().await.unwrap();
        assert_eq!(partition(&stage, 1).await, partition(&stage, 2).await);
        // Learnt too late.
        hub.next_day();
        hub.aliases = vec![];
        let images = [of_trust(image(3, "2.25.3"), "RTR"), of_trust(image(4, "2.25.4"), "RVA")];
        hub.send(&stage, &images).await;
        stage.house.run_once().await.unwrap();
        hub.next_day();
        hub.aliases = vec![alias(3, 4)];
        hub.send(&stage, &[]).await;
        stage.house.run_once().await.unwrap();
        assert_eq!(partition(&stage, 3).await, Some(Partition::Training), "nobody moves");
        let status = stage.house.status().await.unwrap().remove(0);
        assert_eq!(status.partition_conflicts, [(pseudonym(3).into(), pseudonym(4).into())]);
        for (n, releasable) in [(1, true), (2, true), (3, false), (4, false)] {
            let may = stage.house.store().is_releasable("nccid", pseudonym(n).as_str()).await.unwrap();
            assert_eq!(may, releasable, "patient {n}");
        }
    }
}
