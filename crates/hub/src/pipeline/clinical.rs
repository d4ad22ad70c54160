//! Step 4 of a clinical record.
