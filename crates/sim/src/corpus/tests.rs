//! The corpus is the same for a seed, and each object says truly what is in it.

use super::*;

#[test]
fn a_seed_makes_the_same_corpus_and_another_seed_another() {
    let make = |seed| corpus(seed, 40).map(|case| (case.file, case.key)).collect::<Vec<_>>();
    assert_eq!(make(3), make(3));
    assert_ne!(make(3)[0], make(4)[0]);
}
