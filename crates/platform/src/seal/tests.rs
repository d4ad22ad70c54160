//! The laws of sealing: what goes in comes out, from anywhere; nothing else does.

use super::*;
use crate::keys::KeyKind;
use crate::testing::TempDir;
use proptest::prelude::*;
use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom, Write};

const C: usize = CHUNK_BYTES;

fn key(n: u8) -> SealingKey {
    SealingKey::new(SecretKey::from_bytes(KeyKind::HubStorage, [n; 32]))
}

fn text(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|i| u8::try_from((i * 31 + i / 251) % 256).unwrap()).collect()
}

fn sealed(text: &[u8], name: &str) -> Vec<u8> {
    let mut writer = SealedWriter::new(Vec::new(), &key(1), name).unwrap();
    for piece in text.chunks(10_007) {
        writer.write_all(piece).unwrap();
    }
    writer.finish().unwrap()
}

fn opened(sealed: &[u8], name: &str) -> Result<Vec<u8>, SealError> {
    let mut reader = SealedReader::open(Cursor::new(sealed), &key(1), name)?;
    let mut out = Vec::new();
    reader.read_to_end(&mut out)?;
    Ok(out)
}

/// A file of a few chunks, some bytes away from their borders.
fn lengths() -> impl Strategy<Value = usize> {
    prop_oneof![0..300_usize, C - 3..C + 3, 2 * C - 2..2 * C + 2, 0..3 * C]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_goes_in_comes_out(bytes in lengths()) {
        let text = text(bytes);
        let file = sealed(&text, "a");
        prop_assert!(opened(&file, "a").unwrap() == text);
        prop_assert_eq!(file.len(), HEADER_BYTES + bytes + 16 * bytes.div_ceil(C).max(1));
    }

    #[test]
    fn reading_may_start_anywhere(bytes in lengths(), starts in prop::collection::vec((0.0..1.0_f64, 1..90_000_usize), 1..6)) {
        let text = text(bytes);
        let mut reader = SealedReader::open(Cursor::new(sealed(&text, "a")), &key(1), "a").unwrap();
        prop_assert_eq!(reader.size_bytes(), bytes as u64);
        for (share, want) in starts {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a small length")]
            let at = (share * bytes as f64) as usize;
            let mut out = vec![0; want.min(bytes - at)];
            reader.seek(SeekFrom::Start(at as u64)).unwrap();
            reader.read_exact(&mut out).unwrap();
            prop_assert!(out == text[at..at + out.len()]);
        }
        prop_assert_eq!(reader.seek(SeekFrom::End(0)).unwrap(), bytes as u64);
    }

    #[test]
    fn a_changed_bit_anywhere_is_refused(bytes in lengths(), place in 0.0..1.0_f64, bit in 0..8_u8) {
        let mut file = sealed(&text(bytes), "a");
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a small length")]
        let at = (place * file.len() as f64) as usize;
        file[at] ^= 1 << bit;
        prop_assert!(opened(&file, "a").is_err());
    }

    #[test]
    fn a_file_cut_anywhere_does_not_open(bytes in lengths(), place in 0.0..1.0_f64) {
        let file = sealed(&text(bytes), "a");
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a small length")]
        let end = (place * file.len() as f64) as usize;
        prop_assert!(SealedReader::open(Cursor::new(&file[..end]), &key(1), "a").is_err());
    }
}

#[test]
fn every_byte_of_the_header_counts() {
    let file = sealed(b"body", "a");
    for at in 0..HEADER_BYTES {
        let mut changed = file.clone();
        changed[at] ^= 0x10;
        assert!(opened(&changed, "a").is_err(), "byte {at}");
    }
}

#[test]
fn cut_at_a_chunk_border_extended_swapped_or_renamed_is_refused_with_its_place() {
    let (text, sealed_chunk) = (text(3 * C), C + 16);
    let file = sealed(&text, "a");
    let cut = &file[..HEADER_BYTES + 2 * sealed_chunk];
    assert!(matches!(opened(cut, "a"), Err(SealError::Tampered { chunk: 1, chunks: 2 })));
    let mut extended = file.clone();
    extended.extend_from_slice(&file[HEADER_BYTES..HEADER_BYTES + 100]);
    assert!(matches!(opened(&extended, "a"), Err(SealError::Tampered { chunk: 3, chunks: 4 })));
    let mut swapped = file.clone();
    let (one, two) = swapped[HEADER_BYTES..].split_at_mut(sealed_chunk);
    one.swap_with_slice(&mut two[..sealed_chunk]);
    let mut reader = SealedReader::open(Cursor::new(&swapped), &key(1), "a").unwrap();
    assert!(matches!(reader.verify(), Err(SealError::Tampered { chunk: 0, chunks: 3 })));
    assert!(matches!(opened(&file, "b"), Err(SealError::Tampered { .. })), "another file's name");
    assert!(matches!(opened(b"DICM", "a"), Err(SealError::Truncated { bytes: 4 })));
    assert!(matches!(opened(&[0; 200], "a"), Err(SealError::NotSealed)));
    let other = SealedReader::open(Cursor::new(&file), &key(2), "a");
    assert!(matches!(other, Err(SealError::WrongKey { .. })));
}

#[test]
fn a_chunk_of_another_file_under_the_same_key_and_name_is_refused() {
    let (one, two) = (sealed(&text(2 * C), "a"), sealed(&text(2 * C), "a"));
    let mut mixed = one.clone();
    mixed[HEADER_BYTES..HEADER_BYTES + C + 16].copy_from_slice(&two[HEADER_BYTES..HEADER_BYTES + C + 16]);
    assert!(matches!(opened(&mixed, "a"), Err(SealError::Tampered { chunk: 0, .. })));
}

#[test]
fn a_file_never_finished_never_opens() {
    let mut kept = Vec::new();
    let mut writer = SealedWriter::new(&mut kept, &key(1), "a").unwrap();
    writer.write_all(&text(3 * C)).unwrap();
    drop(writer);
    assert!(opened(&kept, "a").is_err());
}

#[test]
fn a_backup_opens_for_its_recipient_only() {
    let private = SecretKey::from_bytes(KeyKind::BackupRecipient, [9; 32]);
    let public = private.public().unwrap();
    let mut writer = SealedWriter::for_recipient(Vec::new(), &public, "backup").unwrap();
    writer.write_all(&text(C + 5)).unwrap();
    let file = writer.finish().unwrap();
    let mut out = Vec::new();
    SealedReader::open_as_recipient(Cursor::new(&file), &private, "backup")
        .unwrap()
        .read_to_end(&mut out)
        .unwrap();
    assert!(out == text(C + 5));
    let stranger = SecretKey::from_bytes(KeyKind::BackupRecipient, [8; 32]);
    assert!(SealedReader::open_as_recipient(Cursor::new(&file), &stranger, "backup").is_err());
    assert!(SealedReader::open(Cursor::new(&file), &key(1), "backup").is_err());
}

#[test]
fn a_column_opens_in_its_own_place_only() {
    let key = key(1);
    let sealed = key.seal_column("linkage", "r1", "nhs", b"9990000018").unwrap();
    assert_eq!(key.open_column("linkage", "r1", "nhs", &sealed).unwrap(), b"9990000018");
    assert_ne!(
        sealed,
        key.seal_column("linkage", "r1", "nhs", b"9990000018").unwrap(),
        "equal values look different"
    );
    assert!(key.open_column("linkage", "r2", "nhs", &sealed).is_err());
    assert!(key.open_column("linkage", "r1", "birth", &sealed).is_err());
    assert!(key.open_column("linkag", "er1", "nhs", &sealed).is_err());
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(key.open_column("linkage", "r1", "nhs", &changed).is_err(), "byte {at}");
    }
    assert!(key.open_column("linkage", "r1", "nhs", &sealed[..10]).is_err());
}

#[test]
fn nothing_secret_is_printed() {
    let key = key(0x41);
    let error = key.open_column("t", "r", "c", b"SECRET-SECRET-SECRET-SECRET-SECRET").unwrap_err();
    let reader = SealedReader::open(Cursor::new(sealed(b"SECRET", "a")), &self::key(1), "a").unwrap();
    let shown = format!(
        "{key:?} {error:?} {error} {reader:?} {:?}",
        SealedWriter::new(Vec::new(), &key, "n").unwrap()
    );
    assert!(!shown.contains("SECRET") && !shown.contains("4141") && !shown.contains("65, 65"), "{shown}");
}

#[test]
fn a_temporary_object_reads_as_written_and_leaves_no_plain_byte_and_no_key() {
    let dir = TempDir::new();
    let path = dir.path().join("temporary");
    let file = File::options().create_new(true).read(true).write(true).open(&path).unwrap();
    let mut temporary = SealedTemporary::new(file).unwrap();
    let text = b"Quillfeather^Ottilie ".repeat(C / 7);
    text.chunks(10_007).for_each(|piece| temporary.write_all(piece).unwrap());
    for at in [0, C as u64 + 5, 1] {
        temporary.seek(SeekFrom::Start(at)).unwrap();
        let mut out = Vec::new();
        temporary.read_to_end(&mut out).unwrap();
        assert!(out == text[usize::try_from(at).unwrap()..]);
    }
    assert!(temporary.write_all(b"more").is_err(), "it has been read");
    let left = std::fs::read(&path).unwrap();
    assert!(left.len() > text.len());
    assert!(!left.windows(12).any(|window| window == b"Quillfeather"), "in the clear on the disk");
    // Another temporary object has another key.
    let other = SealedTemporary::new(Cursor::new(Vec::new())).unwrap();
    assert!(!format!("{temporary:?}{other:?}").contains("Quill"));
    drop(temporary);
    assert!(SealedReader::open(Cursor::new(left), &key(1), "temporary").is_err());
}
