//! Frames as they are before compression, one at a time, whatever the transfer syntax (PS3.5 §8.2, Annex A, Annex G).

mod jpeg;
mod jpeg2000;
mod jpegls;
mod rle;

use super::blocks;
use super::frame::Frame;
use super::policy::PixelReason;
use super::region::Region;
use super::shape::{FRAME_BYTES_MAX, Shape, low_bits};
use dicom::part10::{Layout, Object, PixelError, is_pixel_data};
use dicom::tag::{Tag, tags};
use dicom::uid::transfer_syntax as ts;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Pixel Data; its floating-point forms are no pictures.
const PIXEL_DATA: Tag = Tag(0x7FE0, 0x0010);

/// How frames are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Native,
    Rle,
    /// Which of its processes, the stream says.
    Jpeg,
    JpegLs,
    Jpeg2000,
}

impl Coding {
    fn of(transfer_syntax: &str) -> Option<Self> {
        match transfer_syntax {
            ts::RLE_LOSSLESS => Some(Self::Rle),
            "1.2.840.10008.1.2.4.80" | "1.2.840.10008.1.2.4.81" => Some(Self::JpegLs),
            "1.2.840.10008.1.2.4.90" | "1.2.840.10008.1.2.4.91" => Some(Self::Jpeg2000),
            "1.2.840.10008.1.2.4.50"
            | "1.2.840.10008.1.2.4.51"
            | "1.2.840.10008.1.2.4.57"
            | "1.2.840.10008.1.2.4.70" => Some(Self::Jpeg),
            _ => None,
        }
    }
}

/// What a stream holds: samples by pixel, each in the lowest bits of its cell.
struct Decoded {
    width: usize,
    height: usize,
    components: usize,
    /// Bits of a sample.
    precision: u32,
    samples: Samples,
    /// Whether colours were turned to RGB on the way.
    to_rgb: bool,
}

enum Samples {
    Bytes(Vec<u8>),
    Words(Vec<u16>),
    /// Cells as wide as the header says, little endian.
    Cells(Vec<u8>),
}

/// Decodes the frames of one object.
pub(crate) struct Decoder {
    coding: Coding,
    /// As the header describes it.
    header: Shape,
    /// As frames come out.
    shape: Shape,
    fragments: Vec<Range<usize>>,
    /// Whether every byte of the pixel data belongs to a frame.
    is_whole: bool,
    /// Whether the stream of a frame that came out held more than it shows.
    hides: bool,
    /// The frame that came out last.
    last: Option<(u32, Frame)>,
}

impl Decoder {
    /// Follows the pixel data and, where it is compressed, decodes the first frame, which settles the shape of all.
    pub(crate) fn open(object: &mut Object) -> Result<Self, PixelReason> {
        let Some(pixels) = &object.pixels else { return Err(PixelReason::NoPixelData) };
        if pixels.tag != PIXEL_DATA || !is_pixel_data(pixels.tag) {
            return Err(PixelReason::Undecodable);
        }
        let is_native = matches!(pixels.layout, Layout::Native { .. });
        let header = Shape::of(&object.dataset)?;
        let (fragments, is_whole) = match object.account_for_pixels() {
            Ok(fragments) => (fragments, true),
            Err(error) => (fragments_of(object, header.frames, error)?, false),
        };
        let coding = if is_native { Some(Coding::Native) } else { Coding::of(&object.meta.transfer_syntax) };
        let coding = coding.ok_or(PixelReason::Undecodable)?;
        let can_be = if is_native { header.can_be_native() } else { header.allocated > 1 };
        if !can_be {
            return Err(PixelReason::Undecodable);
        }
        let shape = if is_native { header.clone() } else { header.decoded(false).bounded()? };
        let mut decoder = Self { coding, header, shape, fragments, is_whole, hides: false, last: None };
        decoder.frame(object, 0)?;
        if decoder.shape.value_bytes().is_none() {
            return Err(PixelReason::TooLarge);
        }
        Ok(decoder)
    }

    /// The shape of the frames as they come out.
    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Whether every byte of the pixel data belongs to a frame. Else only what is decoded may go out.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Whether the streams of the frames that came out hold what nobody is shown. Then only what is decoded may go out.
    pub(crate) fn hides(&self) -> bool {
        self.hides
    }

    /// Whether frames come out as they lie there.
    pub(crate) fn is_native(&self) -> bool {
        self.coding == Coding::Native
    }

    /// A frame, counted from 0.
    pub(crate) fn frame(&mut self, object: &mut Object, number: u32) -> Result<&Frame, PixelReason> {
        if self.last.as_ref().is_none_or(|(last, _)| *last != number) {
            let frame = self.decode(object, number)?;
            self.last = Some((number, frame));
        }
        self.last.as_ref().map(|(_, frame)| frame).ok_or(PixelReason::Undecodable)
    }

    fn decode(&mut self, object: &mut Object, number: u32) -> Result<Frame, PixelReason> {
        if self.coding == Coding::Native {
            let len = self.shape.frame_bytes();
            let bytes = object.read_native(u64::from(number) * len as u64, len);
            return Frame::new(bytes.map_err(|_| PixelReason::Unreadable)?, &self.shape)
                .ok_or(PixelReason::Undecodable);
        }
        let stream = self.stream(object, number)?;
        let frame = self.decoded(&stream)?;
        self.hides |= self.coding == Coding::Jpeg && guarded(|| Some(jpeg::hides(&stream))).unwrap_or(true);
        Ok(frame)
    }

    /// What a stream shows.
    pub(crate) fn decoded(&mut self, stream: &[u8]) -> Result<Frame, PixelReason> {
        let header = &self.header;
        let decoded = match self.coding {
            Coding::Native => None,
            Coding::Rle => rle::decode(stream, header),
            Coding::JpegLs => jpegls::decode(stream, header),
            Coding::Jpeg => guarded(|| jpeg::decode(stream, header)),
            Coding::Jpeg2000 => guarded(|| jpeg2000::decode(stream, header)),
        };
        let decoded = decoded.ok_or(PixelReason::Undecodable)?;
        let shape = self.header.decoded(decoded.to_rgb);
        if self.last.is_some() && shape != self.shape {
            return Err(PixelReason::Undecodable);
        }
        self.shape = shape;
        decoded.into_frame(&self.shape).ok_or(PixelReason::Undecodable)
    }

    /// The blank value of each component of a frame in its own blocks. `None` where it is no JPEG of 8 bits and of the process that
    /// its transfer syntax names.
    pub(crate) fn blank_in_blocks(&mut self, object: &mut Object, number: u32) -> Option<[u8; 3]> {
        let syntax = object.meta.transfer_syntax.clone();
        let is_plain = self.shape.allocated == 8 && self.shape.stored == 8 && !self.shape.signed;
        if self.coding != Coding::Jpeg || !is_plain || !is_lossy(&syntax) {
            return None;
        }
        let shape = self.shape.clone();
        let [darkest, ..] = self.frame(object, number).ok()?.fill(&shape);
        let stream = self.stream(object, number).ok()?;
        jpeg::blank(&stream, &self.header, syntax == ts::JPEG_BASELINE, u8::try_from(darkest).ok()?)
    }

    /// The bytes of a frame with these regions blank in its own blocks. `None` where it cannot be followed.
    pub(crate) fn in_blocks(
        &self,
        object: &mut Object,
        number: u32,
        regions: &[Region],
        fill: [u8; 3],
    ) -> Option<Vec<u8>> {
        let stream = self.stream(object, number).ok()?;
        guarded(|| blocks::blanked(&stream, regions, fill))
    }

    /// The bytes of a compressed frame.
    fn stream(&self, object: &mut Object, number: u32) -> Result<Vec<u8>, PixelReason> {
        let Some(Layout::Encapsulated { fragments, .. }) =
            object.pixels.as_ref().map(|pixels| &pixels.layout)
        else {
            return Err(PixelReason::Undecodable);
        };
        let range = usize::try_from(number).ok().and_then(|number| self.fragments.get(number));
        let spans = range.and_then(|range| fragments.get(range.clone())).unwrap_or_default().to_vec();
        if spans.iter().map(|span| span.len).sum::<u64>() > FRAME_BYTES_MAX {
            return Err(PixelReason::TooLarge);
        }
        let mut stream = Vec::new();
        for span in spans {
            stream.append(&mut object.read_span(span).map_err(|_| PixelReason::Unreadable)?);
        }
        Ok(stream)
    }
}

/// Decoders of others may panic on what no encoder writes. Such a frame is not decoded, and its object is held; the next one has
/// nothing to do with it: what the decoder was at is dropped with it.
fn guarded<T>(decode: impl FnOnce() -> Option<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(decode)).ok().flatten()
}

/// The fragments of each frame where there is more beside them, or a wrapping that could not be followed: all of one frame, or
/// one of each. What is missing is not made up.
fn fragments_of(object: &Object, frames: u32, error: PixelError) -> Result<Vec<Range<usize>>, PixelReason> {
    let code = error.code();
    match (error, object.pixels.as_ref().map(|pixels| &pixels.layout)) {
        (PixelError::Io(_), _) => Err(PixelReason::Unreadable),
        (PixelError::Surplus { .. }, Some(Layout::Native { .. })) => Ok(Vec::new()),
        (
            PixelError::Surplus { .. } | PixelError::Stream { .. },
            Some(Layout::Encapsulated { fragments, .. }),
        ) => match usize::try_from(frames) {
            Ok(1) => Ok(vec![Range { start: 0, end: fragments.len() }]),
            Ok(frames) if frames == fragments.len() => Ok((0..frames).map(|at| at..at + 1).collect()),
            _ => Err(PixelReason::Unaccounted(code)),
        },
        _ => Err(PixelReason::Unaccounted(code)),
    }
}

impl Decoded {
    /// The frame in cells as wide as the header says, signs extended; `None` if it is not the picture that the header describes.
    fn into_frame(self, shape: &Shape) -> Option<Frame> {
        let agrees = self.width == shape.width
            && self.height == shape.height
            && self.components == shape.samples
            && self.precision <= shape.allocated
            && self.precision > 0;
        if !agrees {
            return None;
        }
        let sign =
            if shape.signed && self.precision < shape.allocated { 1_u32 << (self.precision - 1) } else { 0 };
        let above = low_bits(shape.allocated) & !low_bits(self.precision);
        let extended = |cell: u32| if cell & sign == 0 { cell } else { cell | above };
        let width = usize::try_from(shape.allocated / 8).ok()?;
        let put = |bytes: &mut Vec<u8>, cell: u32| {
            bytes.extend_from_slice(&extended(cell).to_le_bytes()[..width]);
        };
        let mut bytes = Vec::with_capacity(shape.frame_bytes());
        match self.samples {
            Samples::Cells(samples) => bytes = samples,
            Samples::Bytes(samples) if width == 1 && sign == 0 => bytes = samples,
            Samples::Bytes(samples) => samples.iter().for_each(|&cell| put(&mut bytes, u32::from(cell))),
            Samples::Words(samples) => samples.iter().for_each(|&cell| put(&mut bytes, u32::from(cell))),
        }
        Frame::new(bytes, shape)
    }
}

/// What the transfer syntax says of loss (PS3.3 §C.7.6.1.1.5): whether what was decoded may differ from what was once seen.
pub(crate) fn is_lossy(transfer_syntax: &str) -> bool {
    matches!(transfer_syntax, "1.2.840.10008.1.2.4.50" | "1.2.840.10008.1.2.4.51" | "1.2.840.10008.1.2.4.81")
}

/// JPEG 2000 that may be reversible or not (PS3.5 §A.4.4): what its header says counts, and where that says nothing, the worse.
pub(crate) fn may_be_lossy(transfer_syntax: &str) -> bool {
    matches!(transfer_syntax, "1.2.840.10008.1.2.4.91" | "1.2.840.10008.1.2.4.93")
}

/// Whether a header says that its pixels were once compressed with loss.
pub(crate) const LOSSY: Tag = tags::LOSSY_IMAGE_COMPRESSION;
