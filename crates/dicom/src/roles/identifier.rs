//! Identifiers (PS3.4 §C.4): data sets small enough to hold, between bytes and values.

use super::RoleError;
use crate::dataset::Dataset;
use crate::part10::{self, Limits};
use bytes::BytesMut;

/// The longest identifier that is taken.
pub const IDENTIFIER_BYTES_MAX: usize = 1024 * 1024;

/// An identifier on its way in.
#[derive(Default)]
pub(super) struct Collector {
    bytes: BytesMut,
    is_too_long: bool,
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Collector({} bytes)", self.bytes.len())
    }
}

impl Collector {
    pub(super) fn add(&mut self, piece: &[u8]) {
        if self.bytes.len() + piece.len() > IDENTIFIER_BYTES_MAX {
            self.is_too_long = true;
            self.bytes = BytesMut::new();
        }
        if !self.is_too_long {
            self.bytes.extend_from_slice(piece);
        }
    }

    /// The identifier; the collector is ready for the next one.
    pub(super) fn take(&mut self, transfer_syntax: &str) -> Result<Dataset, RoleError> {
        let Self { bytes, is_too_long } = std::mem::take(self);
        if is_too_long {
            return Err(RoleError::IdentifierTooLong);
        }
        let bytes_max = IDENTIFIER_BYTES_MAX as u64;
        let limits =
            Limits { header_bytes_max: bytes_max, inflated_bytes_max: 8 * bytes_max, ..Limits::default() };
        Ok(part10::read_dataset(&bytes, transfer_syntax, &limits)?)
    }
}

pub(super) fn encode(identifier: &Dataset, transfer_syntax: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    part10::write_dataset(identifier, transfer_syntax, &mut bytes);
    bytes
}
