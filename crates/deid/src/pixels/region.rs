//! A rectangle of an image: where text was found, what is blanked, what a person drew.

/// A rectangle in pixels from the upper left corner of a frame, which lies at column 0 of row 0 (PS3.3 C.7.6.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region {
    /// First column.
    pub left: u32,
    /// First row.
    pub top: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}
