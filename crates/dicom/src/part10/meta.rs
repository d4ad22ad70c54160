//! File Meta Information: group 0002 (PS3.10 §7.1), always Explicit VR Little Endian.

use super::encoding::{EXPLICIT_LE, IMPLICIT_LE, UNDEFINED, looks_explicit, put_element, put_short_text};
use super::error::ReadError;
use super::reader::Reader;
use crate::tag::{Tag, VR};
use crate::uid::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, is_well_known};
use std::fmt;

/// What group 0002 says, without padding; empty where it says nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct FileMeta {
    /// Media Storage SOP Class UID (0002,0002).
    pub sop_class: String,
    /// Media Storage SOP Instance UID (0002,0003).
    pub sop_instance: String,
    /// Transfer Syntax UID (0002,0010): what the source is really in, after the reader's correction.
    pub transfer_syntax: String,
    /// Source Application Entity Title (0002,0016): written again if present, so drop it where it may not leave.
    pub source_ae: Option<String>,
    /// Implementation Class UID (0002,0012) as read; the writer puts our own.
    pub implementation_class: Option<String>,
    /// Implementation Version Name (0002,0013) as read; the writer puts our own.
    pub implementation_version: Option<String>,
}

/// Shows no UID of an instance and no AE title: both identify.
impl fmt::Debug for FileMeta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |uid: &str| if is_well_known(uid) { uid.to_owned() } else { "…".to_owned() };
        f.debug_struct("FileMeta")
            .field("sop_class", &shown(&self.sop_class))
            .field("transfer_syntax", &shown(&self.transfer_syntax))
            .finish_non_exhaustive()
    }
}

/// The longest UID (PS3.5 §9.1): what is longer is none, and as good as not there.
const UID_CHARS_MAX: usize = 64;

impl FileMeta {
    fn set(&mut self, element: u16, value: &[u8]) {
        let text = String::from_utf8_lossy(value);
        let text = text.trim_matches(['\0', ' ']).to_owned();
        let is_uid = matches!(element, 0x0002 | 0x0003 | 0x0010 | 0x0012);
        if text.is_empty() || (is_uid && text.len() > UID_CHARS_MAX) {
            return;
        }
        match element {
            0x0002 => self.sop_class = text,
            0x0003 => self.sop_instance = text,
            0x0010 => self.transfer_syntax = text,
            0x0012 => self.implementation_class = Some(text),
            0x0013 => self.implementation_version = Some(text),
            0x0016 => self.source_ae = Some(text),
            _ => {}
        }
    }
}

/// Reads elements while their group is 0002; the group length is not believed. `None` where there is none.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<Option<FileMeta>, ReadError> {
    let mut meta = None;
    loop {
        let front = reader.input.peek(8)?;
        if front.len() < 8 || EXPLICIT_LE.tag(front).0 != 0x0002 {
            return Ok(meta);
        }
        // Some old writers use implicit form even here.
        let encoding = if looks_explicit(front) { EXPLICIT_LE } else { IMPLICIT_LE };
        let header = reader.header(encoding)?;
        reader.count(header.at)?;
        if header.len == UNDEFINED {
            return Err(ReadError::BadLength { at: header.at });
        }
        let value = reader.value(&header)?;
        meta.get_or_insert_with(FileMeta::default).set(header.tag.1, &value);
    }
}

/// Preamble, `DICM` and group 0002: what precedes a data set that was received as it is, to make a file of it.
pub fn encode_meta(
    sop_class: &str,
    sop_instance: &str,
    transfer_syntax: &str,
    source_ae: Option<&str>,
) -> Vec<u8> {
    let mut group = Vec::with_capacity(256);
    put_element(&mut group, Tag(2, 0x0001), VR::OB, &[0, 1]);
    for (element, uid) in [
        (0x0002, sop_class),
        (0x0003, sop_instance),
        (0x0010, transfer_syntax),
        (0x0012, IMPLEMENTATION_CLASS_UID),
    ] {
        put_short_text(&mut group, Tag(2, element), VR::UI, uid);
    }
    put_short_text(&mut group, Tag(2, 0x0013), VR::SH, IMPLEMENTATION_VERSION_NAME);
    if let Some(title) = source_ae {
        put_short_text(&mut group, Tag(2, 0x0016), VR::AE, title);
    }
    let mut out = vec![0u8; 128];
    out.extend_from_slice(b"DICM");
    // Each value is far below 64 KiB, so the group is far below 4 GiB.
    let length = u32::try_from(group.len()).unwrap_or(u32::MAX);
    put_element(&mut out, Tag(2, 0), VR::UL, &length.to_le_bytes());
    out.append(&mut group);
    out
}
