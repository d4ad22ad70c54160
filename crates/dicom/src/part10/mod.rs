//! Part 10 files: a bounded header in memory, a body that stays where it is (PS3.10 §7, PS3.5 §7).
//!
//! [`open`] reads what real archives hold and names what it had to forgive in [`Note`]s; [`Object::write`]
//! writes one clean form. Pixel data is never loaded; the elements behind it are walked to the end.

mod body;
mod encoding;
mod error;
mod frames;
mod inflate;
mod input;
mod meta;
mod open;
mod reader;
mod text;
mod write;

pub use body::PixelReader;
pub use error::{Note, NoteKind, PixelError, ReadError, WriteError};
pub use meta::{FileMeta, encode_meta};
pub use open::{glance, open, read_dataset};
pub use write::write_dataset;

use crate::dataset::Dataset;
use crate::tag::{Tag, VR};
use std::fmt;
use std::io::{Cursor, Read, Seek};

/// Where an object's bytes come from.
pub trait Source: Read + Seek + Send {}
impl<T: Read + Seek + Send> Source for T {}

/// How much one object may cost.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Value bytes held in memory: all elements but pixel data.
    pub header_bytes_max: u64,
    /// Depth of nested sequences; never more than 128.
    pub depth_max: u16,
    /// Elements, items and fragments together.
    pub elements_max: u32,
    /// Size of a deflated data set once inflated (PS3.5 §A.5): bounds time, not memory.
    pub inflated_bytes_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes_max: 64 << 20,
            depth_max: 32,
            // An enhanced multi-frame CT has some forty elements and items a frame.
            elements_max: 500_000,
            inflated_bytes_max: 4 << 30,
        }
    }
}

/// An opened object: header in memory, body in its source.
pub struct Object {
    /// Group 0002. The writer prefers the data set's own SOP UIDs where it has them.
    pub meta: FileMeta,
    /// All elements before the pixel data.
    pub dataset: Dataset,
    /// The pixel data, if there is any.
    pub pixels: Option<Pixels>,
    /// All elements after the pixel data: written too, unless the caller empties it.
    pub trailing: Dataset,
    /// What the reader had to forgive.
    pub notes: Vec<Note>,
    body: Box<dyn Source>,
}

/// The pixel data element: (7FE0,0010), or its floating-point forms (7FE0,0008) and (7FE0,0009).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    /// Its tag.
    pub tag: Tag,
    /// Its value representation.
    pub vr: VR,
    /// How its value is laid out.
    pub layout: Layout,
    /// Where its value begins in the source.
    start: u64,
    /// Where the element itself begins.
    at: u64,
    /// The width of the words whose bytes must be swapped to be little endian; 1 where none.
    swap_bytes: u8,
    /// Comments inside its frames that are written as blanks, in ascending order.
    blank: Vec<Span>,
}

/// How pixel data is laid out (PS3.5 §8.2, §A.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// One run of bytes.
    Native {
        /// Its length in bytes.
        len: u64,
    },
    /// Items that hold a compressed stream.
    Encapsulated {
        /// The Basic Offset Table: the first item.
        offset_table: Span,
        /// The fragments: all other items.
        fragments: Vec<Span>,
    },
}

/// A run of bytes in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// Where it begins.
    pub offset: u64,
    /// How long it is, in bytes.
    pub len: u64,
}

/// Whether this is the tag of a pixel data element, which stays in the body.
pub fn is_pixel_data(tag: Tag) -> bool {
    tag.0 == 0x7FE0 && matches!(tag.1, 0x0008 | 0x0009 | 0x0010)
}

impl Object {
    /// A new object without pixel data.
    pub fn new(meta: FileMeta, dataset: Dataset) -> Self {
        Self {
            meta,
            dataset,
            pixels: None,
            trailing: Dataset::new(),
            notes: Vec::new(),
            body: Box::new(Cursor::new(Vec::new())),
        }
    }

    /// Gives it native Pixel Data (7FE0,0010), little endian.
    pub fn with_native_pixels(self, vr: VR, bytes: Vec<u8>) -> Self {
        let len = bytes.len() as u64;
        self.with_native_source(vr, Box::new(Cursor::new(bytes)), len)
    }

    /// Gives it native Pixel Data (7FE0,0010), little endian: so many bytes from the beginning of this source.
    pub fn with_native_source(mut self, vr: VR, source: Box<dyn Source>, len: u64) -> Self {
        let tag = Tag(0x7FE0, 0x0010);
        self.pixels = Some(Pixels {
            tag,
            vr,
            layout: Layout::Native { len },
            start: 0,
            at: 0,
            swap_bytes: 1,
            blank: Vec::new(),
        });
        self.body = source;
        self
    }

    /// Gives it encapsulated Pixel Data (7FE0,0010), one fragment each, with an empty offset table.
    pub fn with_encapsulated_pixels(self, fragments: &[&[u8]]) -> Self {
        let lengths: Vec<u64> = fragments.iter().map(|fragment| fragment.len() as u64).collect();
        self.with_encapsulated_source(Box::new(Cursor::new(fragments.concat())), &lengths)
    }

    /// Gives it encapsulated Pixel Data (7FE0,0010) with an empty offset table: fragments of these lengths, one behind the other
    /// from the beginning of this source. None may have 4 GiB: an item holds less.
    pub fn with_encapsulated_source(mut self, source: Box<dyn Source>, lengths: &[u64]) -> Self {
        let mut offset = 0;
        let spans = lengths.iter().map(|&len| {
            offset += len;
            Span { offset: offset - len, len }
        });
        let layout = Layout::Encapsulated { offset_table: Span::default(), fragments: spans.collect() };
        self.pixels = Some(Pixels {
            tag: Tag(0x7FE0, 0x0010),
            vr: VR::OB,
            layout,
            start: 0,
            at: 0,
            swap_bytes: 1,
            blank: Vec::new(),
        });
        self.body = source;
        self
    }

    /// Whether the reader noted this.
    pub fn noted(&self, kind: NoteKind) -> bool {
        self.notes.iter().any(|note| note.kind == kind)
    }
}

/// Shows structure and sizes, never a value.
impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object")
            .field("meta", &self.meta)
            .field("elements", &self.dataset.len())
            .field("pixels", &self.pixels.as_ref().map(|pixels| (pixels.tag, pixels.vr)))
            .field("trailing", &self.trailing.len())
            .field("notes", &self.notes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
