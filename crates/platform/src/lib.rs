//! The machine room: clock, configuration, keys, sealed files, SQL, objects, jobs and audit. It knows nothing of medicine.
//!
//! The modules are listed from the ground up; each uses only what stands above it here.

pub mod audit;
pub mod clock;
pub mod config;
pub mod db;
pub mod disk;
pub mod shutdown;
pub mod jobs;
pub mod keys;
pub mod objects;
pub mod seal;
pub mod telemetry;
pub mod testing;
pub mod tls;
