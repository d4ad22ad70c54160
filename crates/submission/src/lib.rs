//! The contract between the regional and the national house: what is put into the bucket, and what comes back.
//!
//! Everything here is parsed once at the door into types that cannot be wrong: no name with a path in it, no date that
//! is not on the calendar, no payload whose signature has not been checked. Unknown fields are refused; what changes
//! the meaning of a document raises its version, which its signature covers.
#![warn(missing_docs)]

pub mod names;
pub mod digest;
pub mod pseudonym;
pub mod paths;
pub mod signed;
pub mod clearance;
pub mod clinical;
pub mod manifest;
pub mod receipt;
