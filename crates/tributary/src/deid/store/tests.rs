//! The state of a run: who is drawn together, who may use it.

use super::*;
use std::collections::{BTreeMap, BTreeSet};
use submission::pseudonym::Pseudonym;

/// What one object says: identifiers by number, the first an NHS number or not, a birth date and a sex by number.
type Says = (Vec<u8>, bool, Option<u8>, Option<u8>);

/// Numbers below ten are NHS numbers, the others local identifiers.
fn name(n: u8) -> Pseudonym {
    Pseudonym::from_mac("Subject", &[n; 32]).unwrap()
}

fn claims((names, by_number, birth, sex): &Says) -> Claims {
    let number = names.first().filter(|_| *by_number).map(|n| name(n % 10));
    Claims {
        by_number: number,
        by_local_id: names.iter().skip(usize::from(*by_number)).map(|n| name(10 + n % 10)).collect(),
        birth: birth.map(|n| [n; 32]),
        sex: sex.map(|n| [n; 32]),
        study: None,
        known: [0; 32],
    }
}

/// What the store makes of objects that were read in this order: a pseudonym each, or a code.
fn resolved(objects: &[Says]) -> Vec<Result<Pseudonym, String>> {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("state")).unwrap();
    let path = |n: usize| PathBuf::from(format!("{n:04}"));
    let found = (0..objects.len()).map(|n| Found { path: path(n), bytes: 1, changed_ns: 1 });
    store.found(&found.collect::<Vec<_>>()).unwrap();
    let looked = objects.iter().enumerate().map(|(n, says)| {
        let said =
            Said { claims: Ok(claims(says)), age: None, uid: None, modality: "CT", sop_class: String::new() };
        Looked { path: path(n), said: Ok(said) }
    });
    store.looked(looked.collect()).unwrap();
    store.resolve(None).unwrap();
    store.to_clean(Path::new("")).unwrap().into_iter().map(|task| task.person).collect()
}

/// The same by hand: who shares an identifier is one person; one person with two numbers, birth dates or sexes is none.
fn by_hand(objects: &[Says]) -> Vec<Result<Pseudonym, String>> {
    let claims: Vec<Claims> = objects.iter().map(claims).collect();
    let names = |claims: &Claims| {
        claims.by_number.iter().chain(&claims.by_local_id).cloned().collect::<BTreeSet<_>>()
    };
    let mut groups: Vec<usize> = (0..claims.len()).collect();
    for _ in &claims {
        for (a, b) in (0..claims.len()).flat_map(|a| (0..claims.len()).map(move |b| (a, b))) {
            if !names(&claims[a]).is_disjoint(&names(&claims[b])) {
                let least = groups[a].min(groups[b]);
                (groups[a], groups[b]) = (least, least);
            }
        }
    }
    let mut people = BTreeMap::<usize, [BTreeSet<Vec<u8>>; 4]>::new();
    for (group, claims) in groups.iter().zip(&claims) {
        let [numbers, locals, births, sexes] = people.entry(*group).or_default();
        let text = |name: &Pseudonym| name.as_str().as_bytes().to_vec();
        numbers.extend(claims.by_number.iter().map(text));
        locals.extend(claims.by_local_id.iter().map(text));
        births.extend(claims.birth.map(|birth| birth.to_vec()));
        sexes.extend(claims.sex.map(|sex| sex.to_vec()));
    }
    let person = |group: &usize| {
        let [numbers, locals, births, sexes] = &people[group];
        if [numbers, births, sexes].iter().any(|all| all.len() > 1) {
            return Err("identity-conflicting".to_owned());
        }
        let first = numbers.first().or(locals.first()).unwrap();
        Ok(Pseudonym::parse(std::str::from_utf8(first).unwrap()).unwrap())
    };
    groups.iter().map(person).collect()
}

/// Objects of a few people with a few identifiers each, by a simple generator: the same seed, the same objects.
fn objects(seed: u64) -> Vec<Says> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u8::try_from((state >> 33) % below).unwrap()
    };
    let count = 2 + next(10);
    (0..count)
        .map(|_| {
            let names: Vec<u8> = (0..=next(3)).map(|_| next(10)).collect();
            let by_number = next(3) == 0;
            (names, by_number, (next(8) == 0).then(|| next(2)), (next(8) == 0).then(|| next(2)))
        })
        .collect()
}

#[test]
fn people_are_drawn_together_as_by_hand_whatever_the_order() {
    for seed in 0..60 {
        let objects = objects(seed);
        let expected = by_hand(&objects);
        assert_eq!(resolved(&objects), expected, "seed {seed}: {objects:?}");
        let backwards: Vec<Says> = objects.iter().rev().cloned().collect();
        let mut told = resolved(&backwards);
        told.reverse();
        assert_eq!(told, expected, "seed {seed}, backwards");
    }
}

#[test]
fn one_process_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let first = Store::open(dir.path()).unwrap();
    let second = Store::open(dir.path()).map(|_| ()).unwrap_err();
    assert!(second.to_string().contains("another run is at work"), "{second}");
    drop(first);
    assert!(Store::open(dir.path()).is_ok());
}

#[tokio::test]
async fn no_statement_sorts_all_files_in_memory() {
    let sources = [include_str!("results.rs"), include_str!("../store.rs")];
    let plans = platform::testing::plans::plans(STEPS, &sources).await;
    assert!(plans.len() > 10, "{}", plans.len());
    for plan in plans {
        // So many as are asked for are sorted, and no more.
        let few = ["deid: treated", "deid: masked"].contains(&plan.name.as_str());
        let sorts = plan.steps.iter().any(|step| step.contains("TEMP B-TREE"));
        assert!(few || !sorts, "{plan:?}");
    }
}
