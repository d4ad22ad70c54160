//! Pixels: what the policy asks of an image, and finding and blanking text in it (PS3.15 E.3.1; profiles/pixels.toml).
//!
//! `policy` judges what the object says of itself. `decode` gives frames whatever the transfer syntax, `clean` has them read,
//! blanked and read again, `redact` makes the pixel data that goes out, `picture` what a reviewer sees.

pub mod region;
pub mod detect;
mod policy;
mod palette;
mod shape;
mod frame;
mod blocks;
mod decode;
mod redact;
mod clean;
mod picture;

pub use clean::{Extent, Inspection};
pub(crate) use clean::{Held, Task, clean};
pub use picture::Picture;
pub(crate) use picture::{count, picture};
pub(crate) use policy::markers;
pub(crate) use policy::{Asked, Declared, Judgement};
pub use policy::{PixelPolicy, PixelReason, Review};
pub(crate) use shape::decoded_bytes;

#[cfg(test)]
mod tests;
