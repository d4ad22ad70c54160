//! The lenient opener: finds where the data set begins and what it is encoded in, whatever the file claims.

use super::encoding::{
    self, EXPLICIT_BE, EXPLICIT_LE, Encoding, IMPLICIT_LE, Syntax, UNDEFINED, is_native, looks_explicit,
};
use super::error::{NoteKind, ReadError};
use super::frames::native_len;
use super::inflate::Inflated;
use super::input::Input;
use super::meta::{self, FileMeta};
use super::reader::{Parts, Reader};
use super::{Layout, Limits, Object, Source, text};
use crate::dataset::Dataset;
use crate::tag::{self, Tag, tags};
use crate::uid::transfer_syntax as ts;
use std::io::Cursor;

/// Opens an object: reads its header, walks its pixel data and what follows, leaves the body in the source.
pub fn open(source: Box<dyn Source>, limits: &Limits) -> Result<Object, ReadError> {
    read(source, limits, None)
}

/// Opens an object to look at a few elements of its top level: what else stands there is passed over by its length, and
/// sequences are not looked into. What is broken inside them is found by who opens the whole.
pub fn glance(source: Box<dyn Source>, limits: &Limits, wanted: &[Tag]) -> Result<Object, ReadError> {
    let only: Vec<Tag> = wanted.iter().chain(&STRUCTURE).copied().collect();
    read(source, limits, Some(&only))
}

/// What says how everything else is to be read.
const STRUCTURE: [Tag; 9] = [
    tags::SPECIFIC_CHARACTER_SET,
    tags::SOP_CLASS_UID,
    tags::SOP_INSTANCE_UID,
    tags::SAMPLES_PER_PIXEL,
    tags::PHOTOMETRIC_INTERPRETATION,
    tags::NUMBER_OF_FRAMES,
    tags::ROWS,
    tags::COLUMNS,
    tags::BITS_ALLOCATED,
];

fn read(mut source: Box<dyn Source>, limits: &Limits, only: Option<&[Tag]>) -> Result<Object, ReadError> {
    let mut reader = Reader::new(Input::new(&mut *source)?, limits, only);
    let found = locate(&mut reader)?;
    let (meta, mut syntax) = (found.meta, found.syntax);
    let mut notes = std::mem::take(&mut reader.notes);
    let start = reader.input.position();
    if syntax.deflated {
        drop(reader);
        source = Box::new(Inflated::open(source, start, limits.inflated_bytes_max)?);
        syntax.deflated = false;
        reader = Reader::new(Input::new(&mut *source)?, limits, only);
    }
    std::mem::swap(&mut reader.notes, &mut notes);
    let parts = reader.read_parts(syntax.encoding, true)?;
    let notes = std::mem::take(&mut reader.notes);
    drop(reader);
    finish(meta, syntax, parts, notes, source)
}

/// What the beginning of a source tells.
struct Found {
    meta: FileMeta,
    syntax: Syntax,
}

/// Reads group 0002 if there is one, and leaves the reader where the data set begins (or its deflate stream).
fn locate(reader: &mut Reader<'_>) -> Result<Found, ReadError> {
    let front = reader.input.peek(132)?;
    let prefix_at = if front.get(128..132) == Some(b"DICM") {
        Some(132)
    } else if front.starts_with(b"DICM") {
        Some(4)
    } else {
        None
    };
    reader.input.skip(prefix_at.unwrap_or(0))?;
    if prefix_at != Some(132) {
        reader.notes.add(NoteKind::NoPreamble, None, 0);
    }
    let at = reader.input.position();
    let Some(mut meta) = meta::read(reader)? else {
        reader.notes.add(NoteKind::NoMeta, None, at);
        let encoding = sniff(&mut reader.input, prefix_at.is_none())?.ok_or(ReadError::NotDicom)?;
        let meta = FileMeta { transfer_syntax: encoding.native_uid().to_owned(), ..FileMeta::default() };
        return Ok(Found { meta, syntax: Syntax::of(encoding.native_uid()) });
    };
    let at = reader.input.position();
    let seen = sniff(&mut reader.input, false)?;
    if meta.transfer_syntax.is_empty() {
        reader.notes.add(NoteKind::NoTransferSyntax, Some(Tag(2, 0x0010)), at);
        meta.transfer_syntax = seen.unwrap_or(IMPLICIT_LE).native_uid().to_owned();
        let syntax = Syntax::of(&meta.transfer_syntax);
        return Ok(Found { meta, syntax });
    }
    let mut syntax = Syntax::of(&meta.transfer_syntax);
    if seen.is_none() && !syntax.deflated && begins_with_no_element(&mut reader.input, syntax.encoding)? {
        return Err(ReadError::NotDicom);
    }
    // What is really deflated hardly ever looks like an element, and never like an explicit one.
    let contradicts =
        |seen: &Encoding| if syntax.deflated { seen.explicit } else { *seen != syntax.encoding };
    if let Some(seen) = seen.filter(contradicts) {
        reader.notes.add(NoteKind::WrongTransferSyntax, Some(Tag(2, 0x0010)), at);
        syntax = Syntax { encoding: seen, deflated: false, ..syntax };
        if is_native(&meta.transfer_syntax) {
            meta.transfer_syntax = seen.native_uid().to_owned();
        }
    }
    Ok(Found { meta, syntax })
}

/// The encoding of the data set that begins here, judged by its first two elements; `None` if it is none.
/// `strict`: nothing else says that this is DICOM at all.
fn sniff(input: &mut Input<'_>, strict: bool) -> Result<Option<Encoding>, ReadError> {
    let left = input.remaining();
    let front = input.peek(512)?;
    if front.len() < 8 {
        return Ok(None);
    }
    Ok([EXPLICIT_LE, IMPLICIT_LE, EXPLICIT_BE]
        .into_iter()
        .find(|encoding| fits(*encoding, front, left, strict)))
}

/// Whether what stands here has a tag that no data set begins with: neither one of the dictionary, nor a private creator's
/// (PS3.5 §7.8.1), nor a group length or a delimiter.
fn begins_with_no_element(input: &mut Input<'_>, encoding: Encoding) -> Result<bool, ReadError> {
    let front = input.peek(8)?;
    if front.len() < 8 {
        return Ok(false);
    }
    let first = encoding.tag(front);
    let creator = tag::is_private(first) && first.1 < 0x1000;
    Ok(first.1 != 0 && first.0 != 0xFFFE && !creator && tag::entry(first).is_none())
}

fn fits(encoding: Encoding, front: &[u8], left: u64, strict: bool) -> bool {
    let first = encoding.tag(front);
    // Data sets begin with group 0008; a file without it begins with another of the low groups.
    if !(0x0008..=0x0088).contains(&first.0) || (strict && !matches!(first.0, 0x0008 | 0x0010)) {
        return false;
    }
    if encoding.explicit != looks_explicit(front) {
        return false;
    }
    let Some((value_at, len)) = value_of(encoding, front) else { return false };
    if len == UNDEFINED {
        return true;
    }
    let next_at = value_at + u64::from(len);
    if next_at > left {
        // A truncated file is still a file, if its first element is one that the standard knows.
        return !strict && encoding.explicit && tag::entry(first).is_some();
    }
    let next = usize::try_from(next_at).ok().and_then(|at| front.get(at..at + 8));
    match next {
        Some(next) => {
            let second = encoding.tag(next);
            second > first && second.0 >= 0x0008 && encoding.explicit == looks_explicit(next)
        }
        // The second element lies outside what was read, or there is none.
        None => tag::entry(first).is_some() || first.1 == 0,
    }
}

/// Where the first value begins and how long it is.
fn value_of(encoding: Encoding, front: &[u8]) -> Option<(u64, u32)> {
    let vr = encoding::vr([front[4], front[5]]).filter(|_| encoding.explicit);
    match vr {
        Some(vr) if encoding::has_long_form(vr) => {
            let long: [u8; 4] = front.get(8..12)?.try_into().ok()?;
            Some((12, encoding.u32(long)))
        }
        Some(_) => Some((8, u32::from(encoding.u16([front[6], front[7]])))),
        None => Some((8, encoding.u32([front[4], front[5], front[6], front[7]]))),
    }
}

/// Text to UTF-8, pixel layout against syntax, group 0002 against the data set.
fn finish(
    mut meta: FileMeta,
    syntax: Syntax,
    mut parts: Parts,
    mut notes: super::error::Notes,
    body: Box<dyn Source>,
) -> Result<Object, ReadError> {
    text::to_utf8(&mut parts.dataset, &mut parts.trailing, &mut notes);
    if let Some(pixels) = &mut parts.pixels {
        match pixels.layout {
            Layout::Encapsulated { .. } if is_native(&meta.transfer_syntax) => {
                return Err(ReadError::PixelEncoding { at: pixels.at });
            }
            Layout::Native { len } if len > 0 && !is_native(&meta.transfer_syntax) => {
                if native_len(&parts.dataset).is_none_or(|native| native.next_multiple_of(2) != len) {
                    return Err(ReadError::PixelEncoding { at: pixels.at });
                }
                // Uncompressed after all: as many bytes as rows, columns and bits say.
                notes.add(NoteKind::WrongTransferSyntax, Some(pixels.tag), pixels.at);
                meta.transfer_syntax = syntax.encoding.native_uid().to_owned();
            }
            _ => {}
        }
        if syntax.pixels_big_endian {
            pixels.swap_bytes = encoding::word_bytes(pixels.vr);
        }
        // The standard swaps OW by 16 bits whatever the cell (PS3.5 §7.3); half of all writers swap whole cells.
        // Which one this was cannot be told, so it is not guessed.
        let wide = parts.dataset.integer(tags::BITS_ALLOCATED).is_some_and(|bits| bits > 16);
        if pixels.swap_bytes == 2 && wide {
            return Err(ReadError::PixelEncoding { at: pixels.at });
        }
    }
    reconcile(&mut meta.sop_class, &parts.dataset, tags::SOP_CLASS_UID, &mut notes);
    reconcile(&mut meta.sop_instance, &parts.dataset, tags::SOP_INSTANCE_UID, &mut notes);
    let Parts { dataset, pixels, trailing } = parts;
    Ok(Object { meta, dataset, pixels, trailing, notes: notes.into_vec(), body })
}

fn reconcile(field: &mut String, dataset: &Dataset, tag: Tag, notes: &mut super::error::Notes) {
    let Some(uid) = dataset.text(tag) else { return };
    if field.is_empty() {
        *field = uid.to_owned();
    } else if field != uid {
        notes.add(NoteKind::MetaDisagrees, Some(tag), 0);
    }
}

/// Reads a data set without preamble and meta header: a DIMSE identifier or data set held in memory.
pub fn read_dataset(bytes: &[u8], transfer_syntax: &str, limits: &Limits) -> Result<Dataset, ReadError> {
    let uid = if transfer_syntax.is_empty() { ts::IMPLICIT_VR_LITTLE_ENDIAN } else { transfer_syntax };
    let syntax = Syntax::of(uid.trim_end_matches(['\0', ' ']));
    let (mut plain, mut inflated);
    let source: &mut dyn Source = if syntax.deflated {
        let deflated = Box::new(Cursor::new(bytes.to_vec()));
        inflated = Inflated::open(deflated, 0, limits.inflated_bytes_max)?;
        &mut inflated
    } else {
        plain = Cursor::new(bytes);
        &mut plain
    };
    let mut reader = Reader::new(Input::new(source)?, limits, None);
    let mut parts = reader.read_parts(syntax.encoding, false)?;
    text::to_utf8(&mut parts.dataset, &mut parts.trailing, &mut reader.notes);
    Ok(parts.dataset)
}
