//! national.
