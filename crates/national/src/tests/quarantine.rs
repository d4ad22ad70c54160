//! What a person can do with what was set aside.

use super::*;
use crate::code::Code;
use crate::quarantine::{Decided, accept, list, reject, show};
use crate::store::QuarantinedId;

#[tokio::test]
async fn a_finding_that_is_no_identifier_can_be_accepted() {
    for stage in stages().await {
        let mut hub = Hub::cm();
        let looks_bad =
            image_with(1, "2.25.1", |set| set.put_text(tags::IMAGE_COMMENTS, VR::LT, "phantom 999 123 4578"));
        hub.send(&stage, &[looks_bad]).await;
        stage.house.run_once().await.unwrap();
        let aside = list(&stage.house, None).await.unwrap();
        assert_eq!((aside.len(), aside[0].code.as_str()), (1, "residue-found"));
        assert!(aside[0].detail.as_ref().unwrap().contains("0020,4000"), "{:?}", aside[0].detail);
        let id = QuarantinedId::parse(&aside[0].id.to_string()).unwrap();
        assert_eq!(show(&stage.house, &id).await.unwrap().unwrap(), aside[0]);
        assert_eq!(accept(&stage.house, &id, "anna").await.unwrap(), Decided::LookedAgain(None));
        assert_eq!(stage.states().await, [("loaded".to_owned(), 1)].into());
        assert_eq!(accept(&stage.house, &id, "anna").await.unwrap(), Decided::NotFound);
    }
}

#[tokio::test]
async fn accepting_looks_again_but_waives_nothing_else() {
    for stage in stages().await {
        let mut hub = Hub::cm();
        let sent = [image(1, "2.25.1")];
        let manifest = hub.manifest(&sent);
        hub.put_manifest(&stage, &manifest).await;
        stage.house.run_once().await.unwrap();
        let id = list(&stage.house, None).await.unwrap().remove(0).id;
        let still = Decided::LookedAgain(Some(Code::ObjectMissing));
        assert_eq!(accept(&stage.house, &id, "anna").await.unwrap(), still);
        hub.put_objects(&stage, &sent).await;
        assert_eq!(accept(&stage.house, &id, "anna").await.unwrap(), Decided::LookedAgain(None));
        assert_eq!(stage.states().await, [("loaded".to_owned(), 1)].into());
    }
}

#[tokio::test]
async fn what_is_rejected_stays_rejected_and_counted() {
    for stage in stages().await {
        let mut hub = Hub::cm();
        hub.send(&stage, &[Sent { bytes: b"no image".to_vec(), ..image(1, "2.25.1") }]).await;
        stage.house.run_once().await.unwrap();
        let id = list(&stage.house, None).await.unwrap().remove(0).id;
        assert_eq!(reject(&stage.house, &id, "anna").await.unwrap(), Decided::Rejected);
        assert_eq!(accept(&stage.house, &id, "anna").await.unwrap(), Decided::NotFound);
        assert_eq!(stage.states().await, [("rejected search-failed".to_owned(), 1)].into());
        assert!(list(&stage.house, None).await.unwrap().is_empty());
        let nothing = QuarantinedId::parse("nccid/cm/9@9").unwrap();
        assert_eq!(reject(&stage.house, &nothing, "anna").await.unwrap(), Decided::NotFound);
    }
}

#[tokio::test]
async fn a_manifest_set_aside_is_read_anew_when_accepted() {
    for stage in stages().await {
        let mut hub = Hub::cm();
        let sent = [image(1, "2.25.1")];
        hub.put_objects(&stage, &sent).await;
        let manifest = hub.manifest(&sent);
        let key = manifest.path().to_string();
        stage.project().inbox().put(&key, "half".into()).await.unwrap();
        stage.house.run_once().await.unwrap();
        assert_eq!(stage.alerts().await, ["manifest-malformed"]);
        let id = list(&stage.house, None).await.unwrap().remove(0).id;
        hub.put_manifest(&stage, &manifest).await;
        stage.house.run_once().await.unwrap();
        assert_eq!(stage.house.status().await.unwrap()[0].listed, 0, "not before a person has looked");
        assert_eq!(accept(&stage.house, &id, "anna").await.unwrap(), Decided::WillLookAgain);
        assert!(stage.alerts().await.is_empty());
        stage.house.run_once().await.unwrap();
        assert_eq!(stage.verdicts(&hub, 1).await, ["accepted"]);
    }
}
