//! A copy that nobody touched keeps all and protects nothing; what was not written has lost all.

use super::*;

fn corpus(folder: &Path, objects: u32) -> Corpus {
    let mut keys = Vec::new();
    for part in ["in", "samples"] {
        fs::create_dir(folder.join(part)).unwrap();
    }
    for case in sim::corpus::corpus(9, objects) {
        fs::write(folder.join("in").join(&case.key.file), case.file).unwrap();
        fs::write(folder.join("samples").join(&case.key.file), case.samples).unwrap();
        keys.push(case.key);
    }
    Corpus { folder: folder.into(), keys, options: Options::Research }
}

#[test]
fn an_untouched_copy_keeps_all_and_protects_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let corpus = corpus(dir.path(), 140);
    for options in [Options::Research, Options::Basic] {
        let corpus = Corpus { folder: corpus.folder.clone(), keys: corpus.keys.clone(), options };
        let score = corpus.score("copy", &dir.path().join("in")).unwrap();
        assert_eq!((score.written, score.unreadable), (140, 0));
        assert_eq!(score.leak_free.done, 0);
        let failed: Vec<_> = score.by_category.iter().filter(|(_, shares)| shares.actions.done > 0).collect();
        assert!(failed.is_empty(), "taken for protected: {failed:?}");
        assert_eq!((score.texts_hidden.done, score.intervals.done), (0, 0));
        assert!(options == Options::Basic || score.texts_hidden.of > 0);
        let lost: Vec<_> = score.losses.iter().filter(|(what, _)| what.starts_with("not kept")).collect();
        let of_changes = |what: &str| ["uid", "date"].iter().any(|kind| what.contains(&format!("| {kind}")));
        let wrong: Vec<_> = lost.into_iter().filter(|(what, _)| !of_changes(what)).collect();
        assert!(wrong.is_empty(), "taken for lost: {wrong:?}");
    }
}

#[test]
fn what_was_not_written_has_lost_all() {
    let dir = tempfile::tempdir().unwrap();
    let corpus = corpus(dir.path(), 60);
    let score = corpus.score("nothing", &dir.path().join("none")).unwrap();
    assert_eq!((score.written, score.all.actions.done, score.all.elements.done), (0, 0, 0));
    assert_eq!(score.held_as_must.done, score.held_as_must.of);
    assert!(score.all.actions.of > 1_000 && score.written_as_can.of > 30);
}
