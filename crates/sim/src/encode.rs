//! The simulation's own writer of data sets and Part 10 files, in every syntax and character set that an archive may
//! hold (PS3.5 §7, Annex A; PS3.10 §7). It shares no code with the reader under test, on purpose.

mod compress;

use crate::text::Charset;
use dicom::dataset::{Dataset, Element, Value};
use dicom::tag::{self, Tag, VR, tags};
use dicom::uid::transfer_syntax as ts;
use std::io::Write as _;

/// How data sets are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Syntax {
    /// Implicit VR Little Endian.
    ImplicitLittle,
    /// Explicit VR Little Endian.
    ExplicitLittle,
    /// Explicit VR Big Endian (retired, and still found).
    ExplicitBig,
    /// Deflated Explicit VR Little Endian.
    Deflated,
    /// RLE Lossless (PS3.5 Annex G).
    Rle,
    /// JPEG Lossless, first-order prediction.
    JpegLossless,
}

impl Syntax {
    /// The transfer syntax UID.
    pub fn uid(self) -> &'static str {
        match self {
            Self::ImplicitLittle => ts::IMPLICIT_VR_LITTLE_ENDIAN,
            Self::ExplicitLittle => ts::EXPLICIT_VR_LITTLE_ENDIAN,
            Self::ExplicitBig => ts::EXPLICIT_VR_BIG_ENDIAN,
            Self::Deflated => ts::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
            Self::Rle => ts::RLE_LOSSLESS,
            Self::JpegLossless => ts::JPEG_LOSSLESS_SV1,
        }
    }

    /// The syntax of a UID that this writer knows.
    pub fn of_uid(uid: &str) -> Option<Self> {
        [
            Self::ImplicitLittle,
            Self::ExplicitLittle,
            Self::ExplicitBig,
            Self::Deflated,
            Self::Rle,
            Self::JpegLossless,
        ]
        .into_iter()
        .find(|syntax| syntax.uid() == uid)
    }

    /// Whether pixel data goes into fragments.
    pub fn is_encapsulated(self) -> bool {
        matches!(self, Self::Rle | Self::JpegLossless)
    }
}

/// Pixel samples, row by row, frame by frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Samples {
    /// One byte each (colour: interleaved).
    Eight(Vec<u8>),
    /// Two bytes each.
    Sixteen(Vec<u16>),
}

/// The pixels of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pixels {
    /// Rows of a frame.
    pub rows: u16,
    /// Columns of a frame.
    pub columns: u16,
    /// Samples per pixel: 1 or 3.
    pub channels: u16,
    /// BitsStored: the precision.
    pub bits: u16,
    /// The samples of all frames.
    pub samples: Samples,
}

impl Pixels {
    /// The samples as they stand in little endian Pixel Data.
    pub fn to_bytes(&self) -> Vec<u8> {
        match &self.samples {
            Samples::Eight(samples) => samples.clone(),
            Samples::Sixteen(samples) => samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
        }
    }
}

/// A whole instance before it is written.
#[derive(Clone)]
pub struct Object {
    /// SOP Class UID.
    pub sop_class: String,
    /// SOP Instance UID.
    pub sop_instance: String,
    /// All but pixel data and what follows it; without SpecificCharacterSet.
    pub dataset: Dataset,
    /// The pixels.
    pub pixels: Option<Pixels>,
    /// Elements after the pixel data.
    pub trailing: Dataset,
    /// The character set of its text.
    pub charset: Charset,
    /// Source Application Entity Title of the file meta information (0002,0016).
    pub source_ae: String,
    /// Private information of the file meta information (0002,0102): some devices put names there.
    pub private_meta: Option<String>,
    /// Whether sequences and items are written with undefined length (PS3.5 §7.5.1).
    pub undefined_lengths: bool,
}

impl Object {
    /// The data set as it travels in a C-STORE: no preamble, no file meta information.
    pub fn encode(&self, syntax: Syntax) -> Vec<u8> {
        let mut writer =
            Writer { out: Vec::new(), syntax, charset: self.charset, undefined: self.undefined_lengths };
        let mut dataset = self.dataset.clone();
        put_charset(&mut dataset, self.charset);
        if let Some(pixels) = &self.pixels
            && pixels.channels == 3
        {
            // RLE keeps colour by plane, the others interleaved (PS3.3 C.7.6.3.1.3, PS3.5 Annex G).
            let planar = u16::from(syntax == Syntax::Rle);
            dataset.put(Element::bytes_of(tags::PLANAR_CONFIGURATION, VR::US, planar.to_le_bytes()));
        }
        writer.dataset(&dataset);
        if let Some(pixels) = &self.pixels {
            writer.pixels(pixels);
        }
        writer.dataset(&self.trailing);
        writer.finish()
    }

    /// The instance as a Part 10 file (PS3.10 §7.1).
    pub fn file(&self, syntax: Syntax) -> Vec<u8> {
        self.file_as(syntax, syntax.uid())
    }

    /// The same under the name of another transfer syntax.
    pub fn file_as(&self, syntax: Syntax, name: &str) -> Vec<u8> {
        let mut out = self.meta_as(name);
        out.extend(self.encode(syntax));
        out
    }

    /// Preamble, prefix and file meta information.
    pub fn meta(&self, syntax: Syntax) -> Vec<u8> {
        self.meta_as(syntax.uid())
    }

    fn meta_as(&self, syntax: &str) -> Vec<u8> {
        let mut meta = Dataset::new();
        meta.put(Element::bytes_of(tags::FILE_META_INFORMATION_VERSION, VR::OB, [0, 1]));
        meta.put_text(tags::MEDIA_STORAGE_SOP_CLASS_UID, VR::UI, &self.sop_class);
        meta.put_text(tags::MEDIA_STORAGE_SOP_INSTANCE_UID, VR::UI, &self.sop_instance);
        meta.put_text(tags::TRANSFER_SYNTAX_UID, VR::UI, syntax);
        meta.put_text(tags::IMPLEMENTATION_CLASS_UID, VR::UI, "2.25.317093620195734402135480198012345678");
        meta.put_text(tags::IMPLEMENTATION_VERSION_NAME, VR::SH, "SIMULATED_1");
        meta.put_text(tags::SOURCE_APPLICATION_ENTITY_TITLE, VR::AE, &self.source_ae);
        if let Some(private) = &self.private_meta {
            meta.put_text(tags::PRIVATE_INFORMATION_CREATOR_UID, VR::UI, "1.3.6.1.4.1.99999.7.1");
            meta.put(Element::bytes_of(tags::PRIVATE_INFORMATION, VR::OB, private.as_bytes()));
        }
        let mut writer = Writer {
            out: Vec::new(),
            syntax: Syntax::ExplicitLittle,
            charset: Charset::Utf8,
            undefined: false,
        };
        writer.dataset(&meta);
        let mut out = vec![0; 128];
        out.extend_from_slice(b"DICM\x02\x00\x00\x00UL\x04\x00");
        out.extend_from_slice(&length(writer.out.len()).to_le_bytes());
        out.extend(writer.out);
        out
    }
}

/// An identifier of C-FIND (PS3.7 §9.1.2), native syntaxes only.
pub fn identifier(dataset: &Dataset, syntax: Syntax, charset: Charset) -> Vec<u8> {
    let mut dataset = dataset.clone();
    put_charset(&mut dataset, charset);
    let mut writer = Writer { out: Vec::new(), syntax, charset, undefined: false };
    writer.dataset(&dataset);
    writer.finish()
}

fn put_charset(dataset: &mut Dataset, charset: Charset) {
    if let Some(term) = charset.defined_term() {
        dataset.put_text(tags::SPECIFIC_CHARACTER_SET, VR::CS, term);
    }
}

struct Writer {
    out: Vec<u8>,
    syntax: Syntax,
    charset: Charset,
    undefined: bool,
}

const UNDEFINED_LENGTH: u32 = u32::MAX;
const ITEM: Tag = Tag(0xFFFE, 0xE000);
const ITEM_END: Tag = Tag(0xFFFE, 0xE00D);
const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);

impl Writer {
    fn dataset(&mut self, dataset: &Dataset) {
        for element in dataset {
            match &element.value {
                Value::Items(items) => self.sequence(element.tag, items),
                Value::Bytes(bytes) => {
                    let bytes = self.value(element.vr, bytes);
                    self.header(element.tag, element.vr, length(bytes.len()));
                    self.out.extend(bytes);
                }
            }
        }
    }

    fn sequence(&mut self, tag: Tag, items: &[Dataset]) {
        let mut inner = Self { out: Vec::new(), ..*self };
        for item in items {
            let mut body = Self { out: Vec::new(), ..*self };
            body.dataset(item);
            inner.tag(ITEM);
            if self.undefined {
                inner.u32(UNDEFINED_LENGTH);
                inner.out.extend(body.out);
                inner.tag(ITEM_END);
                inner.u32(0);
            } else {
                inner.u32(length(body.out.len()));
                inner.out.extend(body.out);
            }
        }
        self.header(tag, VR::SQ, if self.undefined { UNDEFINED_LENGTH } else { length(inner.out.len()) });
        self.out.extend(inner.out);
        if self.undefined {
            self.tag(SEQUENCE_END);
            self.u32(0);
        }
    }

    /// The value in this syntax's byte order and character set, padded to even length (PS3.5 §6.2, §7.1).
    fn value(&self, vr: VR, bytes: &[u8]) -> Vec<u8> {
        let mut value = match std::str::from_utf8(bytes) {
            Ok(text) if tag::is_charset_text(vr) || vr == VR::UN => self.charset.encode(text),
            _ => bytes.to_vec(),
        };
        if value.len() % 2 == 1 {
            value.push(if tag::is_text(vr) && vr != VR::UI { b' ' } else { 0 });
        }
        if self.syntax == Syntax::ExplicitBig {
            let width = match vr {
                VR::US | VR::SS | VR::OW | VR::AT => 2,
                VR::UL | VR::SL | VR::FL | VR::OF | VR::OL => 4,
                VR::FD | VR::OD | VR::SV | VR::UV | VR::OV => 8,
                _ => 1,
            };
            value.chunks_exact_mut(width).for_each(<[u8]>::reverse);
        }
        value
    }

    fn pixels(&mut self, pixels: &Pixels) {
        if self.syntax.is_encapsulated() {
            self.header(tags::PIXEL_DATA, VR::OB, UNDEFINED_LENGTH);
            // An empty Basic Offset Table (PS3.5 §A.4), one fragment a frame.
            self.tag(ITEM);
            self.u32(0);
            for mut fragment in compress::frames(pixels, self.syntax) {
                if fragment.len() % 2 == 1 {
                    fragment.push(0);
                }
                self.tag(ITEM);
                self.u32(length(fragment.len()));
                self.out.extend(fragment);
            }
            self.tag(SEQUENCE_END);
            self.u32(0);
            return;
        }
        let (vr, bytes) = match &pixels.samples {
            Samples::Eight(samples) => (VR::OB, samples.clone()),
            Samples::Sixteen(samples) => (VR::OW, samples.iter().flat_map(|s| s.to_le_bytes()).collect()),
        };
        let vr = if self.syntax == Syntax::ImplicitLittle { VR::OW } else { vr };
        let bytes = self.value(vr, &bytes);
        self.header(tags::PIXEL_DATA, vr, length(bytes.len()));
        self.out.extend(bytes);
    }

    /// Tag, value representation and length (PS3.5 §7.1.2, §7.1.3).
    fn header(&mut self, tag: Tag, vr: VR, length: u32) {
        self.tag(tag);
        if self.syntax == Syntax::ImplicitLittle {
            return self.u32(length);
        }
        self.out.extend(vr.to_string().as_bytes());
        let short = !matches!(
            vr,
            VR::OB
                | VR::OW
                | VR::OF
                | VR::OD
                | VR::OL
                | VR::OV
                | VR::SQ
                | VR::UC
                | VR::UR
                | VR::UT
                | VR::UN
                | VR::SV
                | VR::UV
        );
        match u16::try_from(length) {
            Ok(length) if short => self.u16(length),
            _ => {
                self.u16(0);
                self.u32(length);
            }
        }
    }

    fn tag(&mut self, tag: Tag) {
        self.u16(tag.0);
        self.u16(tag.1);
    }

    fn u16(&mut self, n: u16) {
        let bytes = if self.syntax == Syntax::ExplicitBig { n.to_be_bytes() } else { n.to_le_bytes() };
        self.out.extend(bytes);
    }

    fn u32(&mut self, n: u32) {
        let bytes = if self.syntax == Syntax::ExplicitBig { n.to_be_bytes() } else { n.to_le_bytes() };
        self.out.extend(bytes);
    }

    fn finish(self) -> Vec<u8> {
        if self.syntax != Syntax::Deflated {
            return self.out;
        }
        let mut deflater = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        let written = deflater.write_all(&self.out).and_then(|()| deflater.finish());
        let mut out = written.unwrap_or_default(); // A Vec takes all bytes.
        if out.len() % 2 == 1 {
            out.push(0);
        }
        out
    }
}

/// A length field; no simulated value reaches 4 GiB.
fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Dataset {
        let mut set = Dataset::new();
        set.put_text(tags::PATIENT_NAME, VR::PN, "Åse");
        set.put(Element::bytes_of(tags::ROWS, VR::US, 258u16.to_le_bytes()));
        set
    }

    #[test]
    fn ps3_5_7_1_explicit_and_implicit_headers() {
        let explicit = identifier(&sample(), Syntax::ExplicitLittle, Charset::Ascii);
        assert_eq!(explicit, b"\x10\0\x10\0PN\x04\0?se \x28\0\x10\0US\x02\0\x02\x01");
        let implicit = identifier(&sample(), Syntax::ImplicitLittle, Charset::Ascii);
        assert_eq!(implicit, b"\x10\0\x10\0\x04\0\0\0?se \x28\0\x10\0\x02\0\0\0\x02\x01");
        let big = identifier(&sample(), Syntax::ExplicitBig, Charset::Ascii);
        assert_eq!(big, b"\0\x10\0\x10PN\0\x04?se \0\x28\0\x10US\0\x02\x01\x02");
    }

    #[test]
    fn ps3_5_7_5_sequences_of_both_lengths() {
        let mut set = Dataset::new();
        set.put(Element::items_of(tags::REFERENCED_STUDY_SEQUENCE, vec![Dataset::new()]));
        let defined = identifier(&set, Syntax::ExplicitLittle, Charset::Ascii);
        assert_eq!(defined, b"\x08\0\x10\x11SQ\0\0\x08\0\0\0\xfe\xff\0\xe0\0\0\0\0");
    }
}
