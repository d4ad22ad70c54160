//! The regional house: it collects studies from the archives of its trusts, de-identifies them and sends consignments.

pub mod config;
pub mod project;
pub mod trusts;
pub mod sources;
pub mod windows;
pub mod cohort;
pub mod optouts;
pub mod documents;
pub mod boxes;
pub mod store;
pub mod linkage;
pub mod gates;
pub mod spool;
pub mod context;
pub mod accounts;
pub mod patient;
pub mod identify;
pub mod enrol;
pub mod pipeline;
pub mod objections;
pub mod backup;
pub mod ae;
pub mod retrieve;
pub mod status;
pub mod check;
pub mod portal;
pub mod service;

#[cfg(test)]
mod tests;
