//! The national house: takes consignments in, keeps what it may keep, and answers for every object.
//!
//! The modules are listed from the ground up; each uses only what stands above it here. There is no door to `deid`.

pub mod code;
pub mod partition;
pub mod layout;
pub mod header;
pub mod config;
mod fetch;
pub mod error;
mod examine;
pub mod store;
pub mod house;
mod warehouse;
pub mod intake;
pub mod quarantine;
pub mod serve;

#[cfg(test)]
mod tests;
