//! Tests of the simulated archive over real sockets.

use super::*;
use crate::faults::Fault;
use crate::images::tests::instance;
use crate::images::{Kind, Maker};
use crate::people::Script;

fn stack(slices: u32) -> Vec<Instance> {
    let first = instance(Kind::Ct, None, Script::Japanese, Maker::Philips, Charset::Japanese);
    (1..=slices)
        .map(|number| Instance {
            uid: format!("{}.{number}", first.series.uid),
            number,
            size: 32,
            ..first.clone()
        })
        .collect()
}

fn sender(to: &Running) -> Sender {
    Sender {
        calling_ae: "TESTER".into(),
        called_ae: to.archive.manners().ae_title.clone(),
        address: to.address,
    }
}

#[tokio::test]
async fn an_archive_answers_echo_only_under_its_own_title() {
    let running = Archive::new(Manners::plain("SIM_A"), []).serve().await.unwrap();
    assert!(sender(&running).echo().await.unwrap());
    let wrong = Sender { called_ae: "OTHER".into(), ..sender(&running) };
    assert!(matches!(wrong.echo().await, Err(LinkError::Ended("refused"))));
}

#[tokio::test]
async fn what_is_pushed_is_held_and_a_refusal_is_seen() {
    let source = Archive::new(Manners { syntax: Syntax::Rle, ..Manners::plain("SIM_A") }, stack(4));
    let running = Archive::new(Manners::plain("SIM_B"), []).serve().await.unwrap();
    running.archive.store_faults.add([Fault::None, Fault::RefuseStore(0xA700)]);
    let sent = sender(&running).push(&source.outgoing()).await.unwrap();
    assert_eq!(sent.succeeded(), 3);
    assert_eq!(sent.statuses[1].0, 0xA700);
    let stored = running.archive.stored();
    assert_eq!(stored.len(), 3);
    assert_eq!(stored[0].dataset, source.outgoing()[0].dataset);
}

#[tokio::test]
async fn planned_faults_strike_once() {
    let running = Archive::new(Manners::plain("SIM_A"), []).serve().await.unwrap();
    running.archive.association_faults.add([Fault::Refuse, Fault::DropAfterBytes(10)]);
    assert!(sender(&running).echo().await.is_err());
    assert!(sender(&running).echo().await.is_err());
    assert!(sender(&running).echo().await.unwrap());
    assert_eq!(running.archive.associations(), 3);
}

/// Runs a DCMTK tool against an archive; `None` where DCMTK is not installed.
async fn dcmtk(tool: &str, to: &Running, arguments: &[&str]) -> Option<String> {
    let title = &to.archive.manners().ae_title;
    let port = to.address.port().to_string();
    let mut command = tokio::process::Command::new(tool);
    command.args(["-v", "-aet", "TESTER", "-aec", title]).args(arguments).args(["127.0.0.1", &port]);
    match command.output().await {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("{tool} is not installed: not tested");
            None
        }
        output => {
            let output = output.unwrap();
            Some(
                [output.stdout, output.stderr]
                    .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                    .concat(),
            )
        }
    }
}

#[tokio::test]
async fn dcmtk_finds_at_every_level() {
    let running = Archive::new(Manners::plain("SIM_A"), stack(3)).serve().await.unwrap();
    let study =
        ["-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyDate=20200301-20200501", "-k", "PatientID=LOC*"];
    let keys = ["-k", "NumberOfStudyRelatedInstances", "-k", "ModalitiesInStudy=CT", "-k", "PatientName"];
    let Some(found) = dcmtk("findscu", &running, &[&study[..], &keys[..]].concat()).await else { return };
    assert!(found.contains("IS [3 ]"), "{found}");
    assert!(found.contains("\\ISO 2022 IR 87"), "{found}");
    let none =
        ["-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyDate=20200402-", "-k", "PatientID=LOC0042"];
    let found = dcmtk("findscu", &running, &none).await.unwrap();
    assert!(!found.contains("Find Response: 1"), "{found}");
    let image =
        ["-S", "-k", "QueryRetrieveLevel=IMAGE", "-k", "StudyInstanceUID=1.3.6.1.4.1.99999.1.20200401.1"];
    let found = dcmtk("findscu", &running, &[&image[..], &["-k", "SOPInstanceUID"]].concat()).await.unwrap();
    assert!(found.contains("Find Response: 3"), "{found}");
    assert!(running.archive.was_asked_for("LOC0042"));
    assert!(!running.archive.was_asked_for("LOC0043"));
    assert_eq!(running.archive.asked().iter().map(|asked| asked.matched).collect::<Vec<_>>(), [1, 0, 3]);
}

#[tokio::test]
async fn dcmtk_gets_a_study() {
    let running = Archive::new(Manners::plain("SIM_A"), stack(3)).serve().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().to_str().unwrap();
    let uid = "StudyInstanceUID=1.3.6.1.4.1.99999.1.20200401.1";
    let keys = ["-S", "-od", into, "-k", "QueryRetrieveLevel=STUDY", "-k", uid];
    let Some(log) = dcmtk("getscu", &running, &keys).await else { return };
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "{log}");
}

#[tokio::test]
async fn dcmtk_has_a_study_moved_to_another_archive_and_a_planned_failure_is_reported() {
    let manners = Manners {
        stores_as: Some("SIM_STORE".into()),
        syntax: Syntax::JpegLossless,
        ..Manners::plain("SIM_A")
    };
    let from = Archive::new(manners, stack(3)).serve().await.unwrap();
    let to = Archive::new(Manners::plain("SIM_B"), []).serve().await.unwrap();
    from.archive.know("SIM_B", to.address);
    from.archive.retrieval_faults.add([Fault::AbortInObject(2)]);
    let keys = ["-S", "-aem", "SIM_B", "-k", "QueryRetrieveLevel=STUDY"];
    let keys = [&keys[..], &["-k", "StudyInstanceUID=1.3.6.1.4.1.99999.1.20200401.1"]].concat();
    let Some(log) = dcmtk("movescu", &from, &keys).await else { return };
    assert_eq!(to.archive.stored().len(), 1, "{log}");
    dcmtk("movescu", &from, &keys).await.unwrap();
    let stored = to.archive.stored();
    assert_eq!(stored.len(), 4);
    assert_eq!(
        (stored[3].calling_ae.as_str(), stored[3].transfer_syntax.as_str()),
        ("SIM_STORE", Syntax::JpegLossless.uid())
    );
}
