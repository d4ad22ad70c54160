//! The linkage on SQLite and PostgreSQL: one person one pseudonym, two people never merge, nothing readable at rest.

use super::*;
use deid::identity::PersonKey;
use deid::pseudonym::{ProjectKey, Pseudonymiser};
use platform::keys::{KeyKind, SecretKey};
use platform::testing::{TestDb, test_dbs};

const NOW: Timestamp = Timestamp::from_micros(1);

async fn has_conflict(linkage: &Linkage, person: &str) -> bool {
    linkage.standing(person).await.unwrap().has_conflict
}

async fn linkages() -> Vec<(TestDb, Linkage)> {
    let mut all = Vec::new();
    for test in test_dbs(MIGRATIONS).await {
        let key = SealingKey::new(SecretKey::from_bytes(KeyKind::HubStorage, [3; 32]));
        let linkage = Linkage::open(test.db.clone(), key, &[4; 32]).await.unwrap();
        all.push((test, linkage));
    }
    all
}

fn engine() -> Pseudonymiser {
    Pseudonymiser::new(&ProjectKey::new([5; 32]), "Covid").unwrap()
}

fn facts(number: Option<&str>, local: Option<(&str, &str)>, birth: &str) -> Sensitive<Identity> {
    Sensitive::new(Identity {
        nhs_number: number.map(str::to_owned),
        local_ids: local.iter().map(|(issuer, id)| ((*issuer).to_owned(), (*id).to_owned())).collect(),
        birth_date: Some(birth.to_owned()),
        ..Identity::default()
    })
}

async fn pseudonym(linkage: &Linkage, person: &str) -> String {
    let subject = linkage.subject("nccid", person, &engine(), &Custody::mint()).await.unwrap().unwrap();
    subject.pseudonym.as_str().to_owned()
}

#[tokio::test]
async fn one_number_at_three_trusts_is_one_person_and_equal_local_ids_stay_two() {
    let custody = Custody::mint();
    for (_db, linkage) in linkages().await {
        let mut people = Vec::new();
        for issuer in ["A", "B", "C"] {
            let facts = facts(Some("9990000018"), Some((issuer, "100")), "19500101");
            people.push(linkage.register(&facts, "RX1", &custody, NOW).await.unwrap().person);
        }
        people.dedup();
        assert_eq!(people.len(), 1);
        let other = linkage
            .register(&facts(None, Some(("D", "100")), "19500101"), "RX1", &custody, NOW)
            .await
            .unwrap();
        assert_ne!(other.person, people[0]);
        assert_ne!(pseudonym(&linkage, &other.person).await, pseudonym(&linkage, &people[0]).await);
    }
}

#[tokio::test]
async fn a_number_with_two_birth_dates_holds_everything_of_that_person() {
    let custody = Custody::mint();
    for (_db, linkage) in linkages().await {
        let first = linkage
            .register(&facts(Some("9990000018"), None, "19500101"), "RX1", &custody, NOW)
            .await
            .unwrap();
        assert_eq!(first.conflict, None);
        let second = linkage
            .register(&facts(Some("9990000018"), None, "19600101"), "RX2", &custody, NOW)
            .await
            .unwrap();
        assert_eq!(
            (second.person, second.conflict.as_deref()),
            (first.person.clone(), Some("identity-conflict"))
        );
        assert!(has_conflict(&linkage, &first.person).await);
    }
}

#[tokio::test]
async fn a_local_id_under_two_numbers_merges_nobody() {
    let custody = Custody::mint();
    for (_db, linkage) in linkages().await {
        let a = facts(Some("9990000018"), Some(("A", "7")), "19500101");
        let b = facts(Some("9990000026"), Some(("A", "7")), "19500101");
        let a = linkage.register(&a, "RX1", &custody, NOW).await.unwrap();
        let b = linkage.register(&b, "RX1", &custody, NOW).await.unwrap();
        assert!(b.conflict.is_some() && has_conflict(&linkage, &a.person).await);
    }
}

#[tokio::test]
async fn a_number_that_becomes_known_later_keeps_the_pseudonym_and_makes_an_alias() {
    let custody = Custody::mint();
    for (_db, linkage) in linkages().await {
        let local =
            linkage.register(&facts(None, Some(("A", "7")), "19500101"), "RX1", &custody, NOW).await.unwrap();
        let before = pseudonym(&linkage, &local.person).await;
        assert!(linkage.aliases("nccid", &engine()).await.unwrap().is_empty());
        let both = facts(Some("9990000018"), Some(("A", "7")), "19500101");
        let later = linkage.register(&both, "RX1", &custody, NOW).await.unwrap();
        assert_eq!(later.person, local.person);
        assert_eq!(pseudonym(&linkage, &later.person).await, before);
        let aliases = linkage.aliases("nccid", &engine()).await.unwrap();
        assert_eq!(aliases.len(), 1);
        assert_eq!(aliases[0].0.as_str(), before);
        let number = deid::identity::NhsNumber::parse("9990000018").unwrap();
        let derived = engine().pseudonym(&PersonKey::Nhs(Sensitive::new(number))).unwrap();
        assert_eq!(aliases[0].1, derived);
    }
}

#[tokio::test]
async fn two_handles_of_one_person_become_one_and_the_older_pseudonym_an_alias() {
    let custody = Custody::mint();
    for (_db, linkage) in linkages().await {
        let local =
            linkage.register(&facts(None, Some(("A", "7")), "19500101"), "RX1", &custody, NOW).await.unwrap();
        let older = pseudonym(&linkage, &local.person).await;
        let numbered = linkage
            .register(&facts(Some("9990000018"), None, "19500101"), "RX1", &custody, NOW)
            .await
            .unwrap();
        assert_ne!(numbered.person, local.person);
        let both = facts(Some("9990000018"), Some(("A", "7")), "19500101");
        let joined = linkage.register(&both, "RX1", &custody, NOW).await.unwrap();
        assert_eq!(joined.person, numbered.person);
        let key = PersonKey::Local { issuer: "A".into(), id: Sensitive::new("7".into()) };
        let by_id = linkage.find(&key, &custody).await.unwrap().unwrap();
        assert_eq!((&by_id.person, by_id.handles.len()), (&numbered.person, 2));
        let number = deid::identity::NhsNumber::parse("9990000018").unwrap();
        let key = PersonKey::Nhs(Sensitive::new(number));
        assert_eq!(linkage.find(&key, &custody).await.unwrap().unwrap(), by_id);
        let aliases = linkage.aliases("nccid", &engine()).await.unwrap();
        assert_eq!(aliases.iter().map(|(a, _)| a.as_str()).collect::<Vec<_>>(), [older]);
    }
}

#[tokio::test]
async fn nothing_in_the_file_can_be_read_without_the_key() {
    let custody = Custody::mint();
    for (test, linkage) in linkages().await {
        let facts = facts(Some("9990000018"), Some(("ISSUERSENTINEL", "LOCALSENTINEL")), "19500101");
        linkage.register(&facts, "RX1", &custody, NOW).await.unwrap();
        linkage.remember_study(&Sensitive::new("1.2.826.0.1.99".into()), &custody).await.unwrap();
        test.db.close().await;
        let Some(file) = test.db.file() else { continue };
        let bytes = std::fs::read(file).unwrap();
        for needle in ["9990000018", "SENTINEL", "19500101", "1.2.826.0.1.99"] {
            assert!(!bytes.windows(needle.len()).any(|w| w == needle.as_bytes()), "{needle} at rest");
        }
    }
}

#[tokio::test]
async fn a_study_is_found_again_by_its_token() {
    let custody = Custody::mint();
    for (_db, linkage) in linkages().await {
        let token = linkage.remember_study(&Sensitive::new("1.2.3".into()), &custody).await.unwrap();
        assert_eq!(token, linkage.token(TokenKind::Study, "1.2.3\0"));
        assert_ne!(token, linkage.token(TokenKind::Instance, "1.2.3"));
        assert_eq!(linkage.study_uid(&token).await.unwrap().unwrap().expose(&custody), "1.2.3");
    }
}

#[tokio::test]
async fn a_trust_corrects_what_it_said_itself_and_nobody_elses() {
    let custody = Custody::mint();
    for (_db, linkage) in linkages().await {
        let say = async |trust: &str, birth: &str| {
            let facts = facts(Some("9990000018"), Some((trust, "7")), birth);
            linkage.register(&facts, trust, &custody, NOW).await.unwrap()
        };
        let known = async |person: &str| {
            let identity = linkage.identity(person).await.unwrap().unwrap();
            identity.expose(&custody).clone()
        };
        let wrong = say("RX1", "19510101").await;
        assert!(!wrong.is_corrected && wrong.conflict.is_none());
        let right = say("RX1", "19500101").await;
        assert!(right.is_corrected && right.conflict.is_none());
        assert_eq!(known(&right.person).await.birth_date.as_deref(), Some("19500101"));
        // Another trust is wrong now: nothing goes on until it has said otherwise.
        let other = say("RX2", "19600101").await;
        assert!(!other.is_corrected && other.conflict.is_some());
        assert!(say("RX1", "19500101").await.conflict.is_some(), "RX1 cannot speak for RX2");
        let mended = say("RX2", "19500101").await;
        assert!(mended.is_corrected && mended.conflict.is_none());
        assert!(!has_conflict(&linkage, &right.person).await);
        assert_eq!(known(&right.person).await.local_ids.len(), 2);
    }
}

#[tokio::test]
async fn a_handle_of_which_only_the_id_is_known_joins_whom_a_sheet_names_by_it() {
    let custody = Custody::mint();
    for (_db, linkage) in linkages().await {
        let objects =
            Sensitive::new(Identity { local_ids: vec![("A".into(), "7".into())], ..Identity::default() });
        let objects = linkage.register(&objects, "A", &custody, NOW).await.unwrap();
        let mark = OptOutMark { kind: "local:A".into(), permitted: false, checked: NOW.date() };
        linkage.mark_opt_outs(&[(objects.person.clone(), mark)]).await.unwrap();
        let by_number = facts(Some("9990000018"), None, "19500101");
        linkage.register(&by_number, "A", &custody, NOW).await.unwrap();
        let both = facts(Some("9990000018"), Some(("A", "7")), "19500101");
        let both = linkage.register(&both, "A", &custody, NOW).await.unwrap();
        assert_eq!(both.conflict, None);
        for handle in [&both.person, &objects.person] {
            let standing = linkage.standing(handle).await.unwrap();
            assert!(standing.has_number && !standing.marks[0].permitted);
        }
    }
}

#[tokio::test]
async fn the_later_day_counts_whatever_the_order_and_on_one_day_the_answer_that_forbids() {
    let custody = Custody::mint();
    let day = |text: &str| text.parse::<NaiveDate>().unwrap();
    for (_db, linkage) in linkages().await {
        let anna = facts(Some("9990000018"), None, "19500101");
        let anna = linkage.register(&anna, "RX1", &custody, NOW).await.unwrap().person;
        for (date, permitted, then) in [
            ("2026-11-01", true, true),
            ("2026-10-01", false, true),
            ("2026-11-01", false, false),
            ("2026-11-01", true, false),
            ("2026-11-02", true, true),
        ] {
            let mark = OptOutMark { kind: "national".into(), permitted, checked: day(date) };
            linkage.mark_opt_outs(&[(anna.clone(), mark)]).await.unwrap();
            assert_eq!(
                linkage.standing(&anna).await.unwrap().marks[0].permitted,
                then,
                "after {date} {permitted}"
            );
        }
    }
}
