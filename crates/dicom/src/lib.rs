//! The DICOM standard, pure: bytes and time go in, values come out (PS3.5, PS3.7, PS3.8, PS3.10).
#![warn(missing_docs)]

pub mod uid;
pub mod tag;
pub mod dataset;
pub mod private;
pub mod charset;
pub mod part10;
pub mod pdu;
pub mod dimse;
pub mod association;
pub mod roles;
