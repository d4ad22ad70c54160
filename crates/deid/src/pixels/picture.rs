//! A frame as a reviewer sees it: 8 bits of red, green and blue, and nothing that names anybody beside it.

use super::decode::Decoder;
use super::policy::PixelReason;
use dicom::dataset::Dataset;
use dicom::part10::Object;
use dicom::tag::{Tag, tags};

/// A frame to look at.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Red, green and blue of each pixel, row by row.
    pub rgb: Vec<u8>,
}

/// Shows the size only: what is in the picture may name somebody.
impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({} x {})", self.width, self.height)
    }
}

/// How many frames an object says that it has.
pub(crate) fn count(dataset: &Dataset, has_pixels: bool) -> u32 {
    let declared = dataset.integer(tags::NUMBER_OF_FRAMES).and_then(|frames| u32::try_from(frames).ok());
    if has_pixels { declared.unwrap_or(1) } else { 0 }
}

/// A frame, counted from 0, in its first window, or between its lowest and highest value where none is declared.
pub(crate) fn picture(object: &mut Object, number: u32) -> Result<Picture, PixelReason> {
    let window = window(&object.dataset);
    let mut decoder = Decoder::open(object)?;
    if number >= decoder.shape().frames {
        return Err(PixelReason::NoPixelData);
    }
    let frame = decoder.frame(object, number)?.clone();
    let shape = decoder.shape();
    let size = |side| u32::try_from(side).map_err(|_| PixelReason::TooLarge);
    Ok(Picture { width: size(shape.width)?, height: size(shape.height)?, rgb: frame.rgb8(shape, window) })
}

/// The stored values that the declared window shows black and white (PS3.3 §C.11.1, §C.11.2).
#[expect(
    clippy::cast_possible_truncation,
    reason = "conversion saturates, and the window is clamped to stored values"
)]
fn window(dataset: &Dataset) -> Option<(i64, i64)> {
    let number = |tag: Tag| dataset.texts(tag).next()?.trim().parse::<f64>().ok().filter(|n| n.is_finite());
    let (center, width) = (number(tags::WINDOW_CENTER)?, number(tags::WINDOW_WIDTH)?);
    let slope = number(tags::RESCALE_SLOPE).unwrap_or(1.0);
    let intercept = number(tags::RESCALE_INTERCEPT).unwrap_or(0.0);
    if width < 1.0 || slope <= 0.0 {
        return None;
    }
    let stored = |shown: f64| ((shown - intercept) / slope).clamp(-4e9, 4e9) as i64;
    Some((stored(center - width / 2.0), stored(center + width / 2.0)))
}
