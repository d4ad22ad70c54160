//! The corpus is the same for a seed, has every kind and every row of the table, and plants what it says.

use super::*;
use key::Rule;
use std::collections::BTreeSet;

#[test]
fn a_seed_makes_the_same_corpus_and_another_seed_another() {
    let make = |seed| corpus(seed, 40).map(|case| (case.file, case.key)).collect::<Vec<_>>();
    assert_eq!(make(3), make(3));
    assert_ne!(make(3)[0], make(4)[0]);
}

#[test]
fn a_corpus_of_700_has_what_it_is_for() {
    let keys: Vec<ObjectKey> = corpus(2, 700).map(|case| case.key).collect();
    let kinds: BTreeSet<&str> = keys.iter().map(|key| key.kind.as_str()).collect();
    assert_eq!(kinds.len(), images::KINDS.len() + documents::KINDS.len() + therapy::KINDS.len());
    assert_eq!(keys.iter().map(|key| key.syntax.as_str()).collect::<BTreeSet<_>>().len(), 7);
    for fate in [Fate::CanClean, Fate::MustHold, Fate::Either] {
        assert!(keys.iter().filter(|key| key.research == fate).count() > 20, "{fate:?}");
    }
    // Nearly every row of the table is planted somewhere.
    let planted: BTreeSet<&str> =
        keys.iter().flat_map(|key| &key.places).filter_map(|place| place.path.rsplit('.').next()).collect();
    let missing = rules::TABLE.keys().filter(|tag| !planted.contains(sheet::plain(**tag).as_str())).count();
    assert!(missing < 120, "{missing} rows of Table E.1-1 are planted nowhere");
    let of = |wanted: fn(&Rule) -> bool| {
        keys.iter()
            .flat_map(|key| &key.places)
            .filter_map(|place| place.research.as_ref())
            .filter(|r| wanted(r))
            .count()
    };
    assert!(of(|rule| matches!(rule, Rule::Gone { .. })) > 5_000);
    assert!(of(|rule| matches!(rule, Rule::Keep)) > 5_000);
    assert!(of(|rule| matches!(rule, Rule::Clean { .. })) > 1_000);
}

#[test]
fn one_person_is_met_in_several_hospitals_and_a_local_number_is_two_persons_somewhere() {
    let visits = crowd::visits(5, 40);
    let sites = |cluster: &str| {
        visits
            .iter()
            .filter(|visit| visit.cluster == cluster)
            .map(|visit| visit.site.number)
            .collect::<BTreeSet<_>>()
    };
    assert!(sites("0").len() > 1);
    let shared = visits.iter().any(|one| {
        visits.iter().any(|other| {
            one.local() == other.local()
                && one.site.number != other.site.number
                && one.person.name != other.person.name
        })
    });
    assert!(shared);
}
