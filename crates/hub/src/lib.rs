//! The regional house: it collects studies from the archives of its trusts, de-identifies them and sends consignments.

pub mod config;
pub mod project;
pub mod windows;
