//! What every back end must do: one suite, run on a folder, on memory and on S3. A test helper: it panics where a back end fails.

use super::{ObjectError, Objects, PART_BYTES};
use bytes::Bytes;
use futures::TryStreamExt;
use std::io::{Cursor, Read, Seek, SeekFrom};

/// Runs the whole suite below `under`, a prefix that nothing else uses.
///
/// # Panics
/// Where the back end does not do as the others do.
#[expect(clippy::unwrap_used, reason = "a test helper: a panic is its finding")]
pub async fn run(objects: &Objects, under: &str) {
    let name = |tail: &str| format!("{under}/{tail}");
    put_and_get(objects, &name("a")).await;
    put_new_once(objects, &name("b")).await;
    ranges(objects, &name("c")).await;
    listing(objects, &name("d")).await;
    large(objects, &name("e")).await;
    blocking_reads(objects, &name("f")).await;
    between(objects, objects, &name("g")).await;
    batches(objects, &name("h")).await;
    bad_names(objects).await;
    for info in objects.list_sorted(under).await.unwrap() {
        objects.delete(&info.name).await.unwrap();
    }
    assert!(objects.list_sorted(under).await.unwrap().is_empty());
}

/// Runs the part of the suite in which an object goes from one store into another, or within one.
///
/// # Panics
/// Where an object that was put is not one of its own.
#[expect(clippy::unwrap_used, reason = "a test helper: a panic is its finding")]
pub async fn between(to: &Objects, from: &Objects, under: &str) {
    let (source, target) = (format!("{under}/source"), format!("{under}/new/folder/target"));
    let put = async || to.put_from(&target, from, &source).await;
    assert!(matches!(put().await, Err(ObjectError::NotFound(name)) if name == source));
    assert!(matches!(to.head(&target).await, Err(ObjectError::NotFound(_))), "nothing is there for nothing");
    from.put(&source, Bytes::from_static(b"first")).await.unwrap();
    assert_eq!(put().await.unwrap(), 5);
    assert_eq!(put().await.unwrap(), 5, "the same once more");
    assert_eq!(to.get(&target).await.unwrap(), "first");
    from.put(&source, Bytes::from_static(b"second")).await.unwrap();
    assert_eq!(to.get(&target).await.unwrap(), "first", "the target is as it was put");
    assert_eq!(put().await.unwrap(), 6, "in place of what was there");
    from.delete(&source).await.unwrap();
    assert_eq!(to.get(&target).await.unwrap(), "second", "the target outlives the source");
    from.put(&source, Bytes::from_static(b"third")).await.unwrap();
    to.delete(&target).await.unwrap();
    assert_eq!(put().await.unwrap(), 5);
    to.put(&target, Bytes::from_static(b"other")).await.unwrap();
    assert_eq!(from.get(&source).await.unwrap(), "third", "the source is as it was");
    to.delete(&target).await.unwrap();
    assert_eq!(from.get(&source).await.unwrap(), "third", "the source outlives the target");
    let batch = to.batch();
    assert!(!batch.holds(&target, 5).await.unwrap(), "nothing is there");
    assert_eq!(batch.put_from(&target, from, &source).await.unwrap(), 5);
    assert!(batch.holds(&target, 5).await.unwrap(), "as it was put");
    assert!(!batch.holds(&target, 6).await.unwrap(), "another length");
    batch.settle().await.unwrap();
    assert_eq!(to.get(&target).await.unwrap(), "third");
    from.delete(&source).await.unwrap();
}

#[expect(clippy::unwrap_used, reason = "a test helper: a panic is its finding")]
async fn put_and_get(objects: &Objects, under: &str) {
    let name = format!("{under}/x/y.dcm");
    assert!(matches!(objects.get(&name).await, Err(ObjectError::NotFound(_))));
    assert!(matches!(objects.head(&name).await, Err(ObjectError::NotFound(_))));
    objects.delete(&name).await.unwrap();
    objects.put(&name, Bytes::from_static(b"one")).await.unwrap();
    objects.put(&name, Bytes::from_static(b"three")).await.unwrap();
    assert_eq!(objects.get(&name).await.unwrap(), "three");
    assert_eq!(objects.head(&name).await.unwrap().bytes, 5);
    objects.put(&format!("{under}/empty"), Bytes::new()).await.unwrap();
    assert_eq!(objects.get(&format!("{under}/empty")).await.unwrap(), "");
    objects.delete(&name).await.unwrap();
    assert!(matches!(objects.get(&name).await, Err(ObjectError::NotFound(_))));
}

#[expect(clippy::unwrap_used, reason = "a test helper: a panic is its finding")]
async fn batches(objects: &Objects, under: &str) {
    let [one, two] = ["x/one", "y/two"].map(|name| format!("{under}/{name}"));
    let batch = objects.batch();
    batch.put(&one, Bytes::from_static(b"before")).await.unwrap();
    batch.put(&one, Bytes::from_static(b"one")).await.unwrap();
    assert_eq!(batch.put_reader(&two, Cursor::new(b"two")).await.unwrap(), 3);
    batch.settle().await.unwrap();
    assert_eq!(objects.get(&one).await.unwrap(), "one");
    assert_eq!(objects.get(&two).await.unwrap(), "two");
}

#[expect(clippy::unwrap_used, reason = "a test helper: a panic is its finding")]
async fn put_new_once(objects: &Objects, under: &str) {
    let name = format!("{under}/once");
    let race = (0..4_u8).map(|n| objects.put_new(&name, Bytes::from(vec![n])));
    let won = futures::future::join_all(race).await.into_iter().filter(|r| match r {
        Ok(()) => true,
        Err(ObjectError::AlreadyExists(_)) => false,
        Err(e) => panic!("put_new: {e}"),
    });
    assert_eq!(won.count(), 1, "of several callers one wins");
    let kept = objects.get(&name).await.unwrap();
    assert!(matches!(
        objects.put_new(&name, Bytes::from_static(b"z")).await,
        Err(ObjectError::AlreadyExists(_))
    ));
    assert_eq!(objects.get(&name).await.unwrap(), kept, "the first stays");
}

#[expect(clippy::unwrap_used, reason = "a test helper: a panic is its finding")]
async fn ranges(objects: &Objects, under: &str) {
    let name = format!("{under}/ten");
    objects.put(&name, Bytes::from_static(b"0123456789")).await.unwrap();
    assert_eq!(objects.read_range(&name, 2..5).await.unwrap(), "234");
    assert_eq!(objects.read_range(&name, 8..99).await.unwrap(), "89", "cut where the object ends");
    assert_eq!(objects.read_range(&name, 10..20).await.unwrap(), "");
    assert_eq!(objects.read_range(&name, 3..3).await.unwrap(), "");
    let missing = objects.read_range(&format!("{under}/none"), 0..4).await;
    assert!(matches!(missing, Err(ObjectError::NotFound(_))));
    let pieces: Vec<Bytes> = objects.stream(&name).await.unwrap().try_collect().await.unwrap();
    assert_eq!(pieces.concat(), b"0123456789");
}

#[expect(clippy::unwrap_used, reason = "a test helper: a panic is its finding")]
async fn listing(objects: &Objects, under: &str) {
    for tail in
        ["raw-hub/2020-04-01/images/1.2.3.dcm", "raw-hub/2020-04-01/manifest-1.json", "raw-hubbub/other"]
    {
        objects.put(&format!("{under}/{tail}"), Bytes::from_static(b"data")).await.unwrap();
    }
    let names = |list: Vec<super::ObjectInfo>| list.into_iter().map(|i| i.name).collect::<Vec<_>>();
    let found = names(objects.list_sorted(&format!("{under}/raw-hub")).await.unwrap());
    let expected = ["images/1.2.3.dcm", "manifest-1.json"].map(|t| format!("{under}/raw-hub/2020-04-01/{t}"));
    assert_eq!(found, expected, "whole parts of a name only, at any depth");
    assert_eq!(objects.list_sorted(&format!("{under}/raw-hub/")).await.unwrap().len(), 2);
    assert!(objects.list_sorted(&format!("{under}/nothing-here")).await.unwrap().is_empty());
    assert!(objects.list_sorted("").await.unwrap().len() >= 3);
    let (folders, objects_here) = objects.list_folder(&format!("{under}/raw-hub/2020-04-01")).await.unwrap();
    assert_eq!((folders, names(objects_here)), (vec!["images".into()], vec![expected[1].clone()]));
    assert_eq!(objects.list_folder(under).await.unwrap().0, ["raw-hub", "raw-hubbub"], "one level only");
    assert_eq!(objects.list_folder(&format!("{under}/nothing-here")).await.unwrap(), (vec![], vec![]));
}

#[expect(clippy::unwrap_used, reason = "a test helper: a panic is its finding")]
async fn large(objects: &Objects, under: &str) {
    for extra in [0, 1, PART_BYTES + 17] {
        let name = format!("{under}/large-{extra}");
        let content: Vec<u8> = (0..PART_BYTES + extra).map(|i| u8::try_from(i % 251).unwrap()).collect();
        let bytes = objects.put_reader(&name, Cursor::new(content.clone())).await.unwrap();
        assert_eq!(bytes, content.len() as u64);
        assert!(objects.get(&name).await.unwrap() == content, "large object, {extra} bytes over");
    }
    let name = format!("{under}/broken");
    let broken = Cursor::new(vec![1; PART_BYTES + 1]).chain(Broken);
    assert!(matches!(objects.put_reader(&name, broken).await, Err(ObjectError::Source { .. })));
    assert!(matches!(objects.head(&name).await, Err(ObjectError::NotFound(_))), "whole or not at all");
}

#[expect(clippy::unwrap_used, reason = "a test helper: a panic is its finding")]
async fn blocking_reads(objects: &Objects, under: &str) {
    let name = format!("{under}/seek");
    let content: Vec<u8> = (0..3_000_000_u32).map(|i| u8::try_from(i % 253).unwrap()).collect();
    objects.put(&name, content.clone().into()).await.unwrap();
    let (objects, missing) = (objects.clone(), format!("{under}/none"));
    tokio::task::spawn_blocking(move || {
        assert!(matches!(objects.open_blocking(&missing), Err(ObjectError::NotFound(_))));
        let mut reader = objects.open_blocking(&name).unwrap();
        assert_eq!(reader.size_bytes().unwrap(), 3_000_000);
        let mut four = [0; 4];
        reader.seek(SeekFrom::Start(2_500_000)).unwrap();
        reader.read_exact(&mut four).unwrap();
        assert_eq!(four, content[2_500_000..2_500_004]);
        reader.seek(SeekFrom::Current(-4)).unwrap();
        reader.read_exact(&mut four).unwrap();
        assert_eq!(four, content[2_500_000..2_500_004]);
        reader.rewind().unwrap();
        let mut all = Vec::new();
        reader.read_to_end(&mut all).unwrap();
        assert!(all == content);
        assert_eq!(reader.seek(SeekFrom::End(5)).unwrap(), 3_000_005);
        assert_eq!(reader.read(&mut four).unwrap(), 0);
    })
    .await
    .unwrap();
}

async fn bad_names(objects: &Objects) {
    for name in ["", "/a", "a//b", "../a", "a/..", "a/./b", "a#1", "a\\b", "a\nb", "a%2fb", "ä", "a/"] {
        let refused = objects.put(name, Bytes::new()).await;
        assert!(matches!(refused, Err(ObjectError::BadName(_))), "name {name:?}");
    }
}

/// A source that fails.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::Error::other("the source broke"))
    }
}
