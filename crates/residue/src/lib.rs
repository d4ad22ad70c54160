//! residue.
