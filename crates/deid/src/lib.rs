//! deid.
