//! submission.
