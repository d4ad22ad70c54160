//! The DICOM standard, pure: bytes and time go in, values come out (PS3.5, PS3.7, PS3.8, PS3.10).
#![warn(missing_docs)]

pub mod dataset;
pub mod tag;
pub mod uid;
