//! The writer: one clean form. Explicit VR Little Endian (or the encapsulated syntax as read), defined lengths,
//! even values, group 0002 rebuilt, the preamble empty.

use super::body;
use super::encoding::{self, UNDEFINED, has_long_form, padding, put_front, put_tag};
use super::error::WriteError;
use super::frames::{EXTENDED_LENGTHS, EXTENDED_OFFSETS, TOTAL_LENGTH};
use super::meta::encode_meta;
use super::{Layout, Object, Pixels};
use crate::dataset::{Dataset, Element, Value};
use crate::tag::{Tag, VR, tags};
use crate::uid::transfer_syntax as ts;
use std::io::Write;

/// Most headers are no longer.
const HEAD_USUAL_BYTES: usize = 16 << 10;

impl Object {
    /// The transfer syntax that [`Object::write`] writes.
    pub fn written_transfer_syntax(&self) -> &str {
        encoding::written_as(&self.meta.transfer_syntax)
    }

    /// Writes a Part 10 file; returns its length in bytes. The SOP UIDs of group 0002 are the data set's own
    /// where it has them.
    pub fn write(&mut self, out: &mut dyn Write) -> Result<u64, WriteError> {
        let sop_class = self.dataset.text(tags::SOP_CLASS_UID).unwrap_or(&self.meta.sop_class);
        let sop_instance = self.dataset.text(tags::SOP_INSTANCE_UID).unwrap_or(&self.meta.sop_instance);
        let source_ae = self.meta.source_ae.as_deref();
        let mut head = Vec::with_capacity(HEAD_USUAL_BYTES);
        head.extend_from_slice(&encode_meta(
            sop_class,
            sop_instance,
            self.written_transfer_syntax(),
            source_ae,
        ));
        let mut writer = Writer { explicit: true, out: &mut head };
        let offsets_lie = self.pixels.as_ref().is_some_and(body::needs_realignment);
        for element in &self.dataset {
            if !(offsets_lie && matches!(element.tag, EXTENDED_OFFSETS | EXTENDED_LENGTHS | TOTAL_LENGTH)) {
                writer.element(element)?;
            }
        }
        if let Some(pixels) = &self.pixels {
            put_pixel_front(&mut head, pixels)?;
        }
        out.write_all(&head)?;
        let mut written = head.len() as u64;
        if let Some(pixels) = &self.pixels {
            written += body::copy_value(pixels, &mut *self.body, out)?;
        }
        let mut tail = Vec::new();
        Writer { explicit: true, out: &mut tail }.dataset(&self.trailing)?;
        out.write_all(&tail)?;
        out.flush()?;
        Ok(written + tail.len() as u64)
    }
}

fn put_pixel_front(out: &mut Vec<u8>, pixels: &Pixels) -> Result<(), WriteError> {
    let (vr, len) = match &pixels.layout {
        Layout::Native { len } => {
            let padded = len + len % 2;
            let len = u32::try_from(padded).ok().filter(|len| *len != UNDEFINED);
            (pixels.vr, len.ok_or(WriteError::TooLong { tag: pixels.tag })?)
        }
        // Encapsulated pixel data is OB (PS3.5 §A.4).
        Layout::Encapsulated { .. } => (VR::OB, UNDEFINED),
    };
    // Only the long form has room for an image; a VR without it is a mistake of the writer's.
    let vr = if has_long_form(vr) { vr } else { VR::OB };
    put_front(out, pixels.tag, vr, len);
    Ok(())
}

/// Writes a data set without preamble and meta header, in Implicit or Explicit VR Little Endian.
///
/// Any transfer syntax but Implicit VR Little Endian means the explicit form. A value of 4 GiB, which no element
/// can hold, is written empty.
pub fn write_dataset(dataset: &Dataset, transfer_syntax: &str, out: &mut Vec<u8>) {
    let explicit = transfer_syntax != ts::IMPLICIT_VR_LITTLE_ENDIAN;
    let mut writer = Writer { explicit, out };
    for element in dataset {
        let start = writer.out.len();
        if writer.element(element).is_err() {
            writer.out.truncate(start);
            let empty = Element::bytes_of(element.tag, element.vr, Vec::new());
            let _ = writer.element(&empty);
        }
    }
}

struct Writer<'a> {
    explicit: bool,
    out: &'a mut Vec<u8>,
}

impl Writer<'_> {
    fn dataset(&mut self, dataset: &Dataset) -> Result<(), WriteError> {
        dataset.iter().try_for_each(|element| self.element(element))
    }

    fn element(&mut self, element: &Element) -> Result<(), WriteError> {
        let tag = element.tag;
        // Group lengths and delimiters are not elements of a data set; groups 0000 and 0002 have their own places.
        if tag.1 == 0 || tag.0 < 0x0008 || tag.0 == 0xFFFE {
            return Ok(());
        }
        match &element.value {
            Value::Bytes(bytes) => self.bytes(tag, element.vr, bytes),
            Value::Items(items) => self.items(tag, items),
        }
    }

    fn bytes(&mut self, tag: Tag, vr: VR, bytes: &[u8]) -> Result<(), WriteError> {
        let padded = bytes.len() + bytes.len() % 2;
        let len = u32::try_from(padded).ok().filter(|len| *len != UNDEFINED);
        let len = len.ok_or(WriteError::TooLong { tag })?;
        if self.explicit {
            // Too long for the short form, or bytes that only claim to be a sequence: UN (PS3.5 §6.2.2).
            let fits = has_long_form(vr) || u16::try_from(len).is_ok();
            let fits = fits && (vr != VR::SQ || bytes.is_empty());
            put_front(self.out, tag, if fits { vr } else { VR::UN }, len);
        } else {
            put_tag(self.out, tag);
            self.out.extend_from_slice(&len.to_le_bytes());
        }
        self.out.extend_from_slice(bytes);
        if bytes.len() % 2 == 1 {
            self.out.push(padding(vr));
        }
        Ok(())
    }

    /// A sequence, with defined lengths throughout (PS3.5 §7.5.1, Table 7.5-1).
    fn items(&mut self, tag: Tag, items: &[Dataset]) -> Result<(), WriteError> {
        if self.explicit {
            put_front(self.out, tag, VR::SQ, 0);
        } else {
            put_tag(self.out, tag);
            self.out.extend_from_slice(&[0; 4]);
        }
        let start = self.out.len();
        for item in items {
            self.out.extend_from_slice(&encoding::item_header(0));
            let item_start = self.out.len();
            self.dataset(item)?;
            self.patch_length(tag, item_start)?;
        }
        self.patch_length(tag, start)
    }

    /// Fills in the 32-bit length that stands right before `start`.
    fn patch_length(&mut self, tag: Tag, start: usize) -> Result<(), WriteError> {
        let len = u32::try_from(self.out.len() - start).ok().filter(|len| *len != UNDEFINED);
        let len = len.ok_or(WriteError::TooLong { tag })?;
        self.out[start - 4..start].copy_from_slice(&len.to_le_bytes());
        Ok(())
    }
}
