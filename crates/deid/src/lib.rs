//! The wall: what is identifiable goes in, what is de-identified and cleared comes out (PS3.15 Annex E).
#![warn(missing_docs)]

pub mod custody;
pub mod state;
pub mod identity;
pub mod dates;
mod recent;
mod text;
mod values;
pub mod profile;
pub mod pseudonym;
pub mod pixels;
mod tags;
pub mod changes;
pub mod facts;
pub mod words;
pub mod person;
pub mod verify;
pub mod instance;
pub mod inspect;
pub mod clinical;

/// This engine and its version, as clearances and objects name it.
pub const ENGINE: &str = concat!("tributary deid ", env!("CARGO_PKG_VERSION"));
