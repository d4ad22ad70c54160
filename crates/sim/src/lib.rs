//! Simulated hospitals and people, for the demo, tests and benchmarks: nothing here is about a real person.

pub mod random;

pub mod calendar;

pub mod people;

pub mod text;

pub mod encode;

pub mod images;

pub mod lettering;
pub mod corpus;

pub mod faults;

pub mod pacs;

pub mod region;
