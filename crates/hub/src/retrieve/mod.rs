//! Finding and fetching: from a cohort row to the studies of its window, and from a study to its instances in the spool.

pub mod manners;
pub mod query;
pub mod fetch;
