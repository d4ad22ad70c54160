//! The machine room: clock, configuration, keys, sealed files, SQL, objects, jobs, audit and web plumbing. It knows nothing of medicine.
//!
//! The modules are listed from the ground up; each uses only what stands above it here.

pub mod clock;
pub mod disk;
pub mod tls;
pub mod shutdown;
pub mod web;
pub mod config;
pub mod telemetry;
pub mod keys;
pub mod seal;
pub mod objects;
pub mod db;
pub mod jobs;
pub mod audit;
pub mod testing;
