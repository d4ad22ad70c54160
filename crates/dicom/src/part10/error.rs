//! Why an object could not be read or written, and what was forgiven in one that could.
//!
//! Every variant names a place in the bytes, never a value.

use crate::tag::Tag;

/// Why an object could not be read. `at` is a byte offset in the source (in the inflated data set where the
/// syntax is deflated).
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Neither a Part 10 file nor a bare data set.
    #[error("not a DICOM object")]
    NotDicom,
    /// A length points beyond the end of the source.
    #[error("the object ends before the element at byte {at} does")]
    Truncated {
        /// The element's offset.
        at: u64,
    },
    /// More value bytes outside pixel data than the limit allows.
    #[error("the header grows beyond the limit at byte {at}")]
    HeaderTooLarge {
        /// The element's offset.
        at: u64,
    },
    /// Sequences nested deeper than the limit allows.
    #[error("sequences are nested too deep at byte {at}")]
    TooDeep {
        /// The sequence's offset.
        at: u64,
    },
    /// More elements, items and fragments than the limit allows.
    #[error("too many elements, items or fragments at byte {at}")]
    TooManyElements {
        /// The element's offset.
        at: u64,
    },
    /// A length that its container or its value representation does not allow (PS3.5 §7.1, §7.5).
    #[error("a length is impossible at byte {at}")]
    BadLength {
        /// The element's offset.
        at: u64,
    },
    /// Something else stands where an item must, or an item where an element must (PS3.5 §7.5).
    #[error("items are misplaced at byte {at}")]
    BadItem {
        /// The offset.
        at: u64,
    },
    /// Not an element of a data set (PS3.5 §7.1): a tag that cannot be.
    #[error("no data element stands at byte {at}")]
    BadTag {
        /// The offset.
        at: u64,
    },
    /// Pixel data encapsulated under a native transfer syntax, or the other way round; or big-endian OW with cells
    /// of more than 16 bits, whose byte order writers disagree about.
    #[error("pixel data contradicts the transfer syntax at byte {at}")]
    PixelEncoding {
        /// The pixel data element's offset.
        at: u64,
    },
    /// The deflated data set grows beyond the limit.
    #[error("the deflated data set inflates beyond the limit")]
    InflatedTooLarge,
    /// The deflated data set is no deflate stream, or a torn one (RFC 1951).
    #[error("the deflated data set is damaged")]
    DeflateDamaged,
    /// The source could not be read.
    #[error("the source could not be read")]
    Io(#[from] std::io::Error),
}

impl ReadError {
    /// A stable code for records and screens.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotDicom => "not-dicom",
            Self::Truncated { .. } => "truncated",
            Self::HeaderTooLarge { .. } => "header-too-large",
            Self::TooDeep { .. } => "too-deep",
            Self::TooManyElements { .. } => "too-many-elements",
            Self::BadLength { .. } => "bad-length",
            Self::BadItem { .. } => "bad-item",
            Self::BadTag { .. } => "bad-tag",
            Self::PixelEncoding { .. } => "pixel-encoding",
            Self::InflatedTooLarge => "inflated-too-large",
            Self::DeflateDamaged => "deflate-damaged",
            Self::Io(_) => "io",
        }
    }

    /// The byte offset of the culprit, where there is one.
    pub fn at(&self) -> Option<u64> {
        match self {
            Self::Truncated { at }
            | Self::HeaderTooLarge { at }
            | Self::TooDeep { at }
            | Self::TooManyElements { at }
            | Self::BadLength { at }
            | Self::BadItem { at }
            | Self::BadTag { at }
            | Self::PixelEncoding { at } => Some(*at),
            Self::NotDicom | Self::InflatedTooLarge | Self::DeflateDamaged | Self::Io(_) => None,
        }
    }

    /// Whether the object itself is at fault; otherwise the world is (disk, key, network), and later may help.
    pub fn is_data(&self) -> bool {
        !matches!(self, Self::Io(_))
    }
}

/// Why an object could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A value or sequence of 4 GiB or more.
    #[error("{tag} is too long for a data element")]
    TooLong {
        /// Its tag.
        tag: Tag,
    },
    /// The body ended before its length.
    #[error("the source of the pixel data has become shorter")]
    BodyTruncated,
    /// The source could not be read.
    #[error("the source of the pixel data could not be read")]
    Source(#[source] std::io::Error),
    /// The destination could not be written.
    #[error("the destination could not be written")]
    Io(#[from] std::io::Error),
}

impl WriteError {
    /// A stable code for records and screens.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "too-long",
            Self::BodyTruncated => "body-truncated",
            Self::Source(_) => "source-io",
            Self::Io(_) => "io",
        }
    }
}

/// Why the pixel data element cannot be accounted for. `at` is a byte offset in the source.
#[derive(Debug, thiserror::Error)]
pub enum PixelError {
    /// Fewer bytes or frames than the header says, or it does not say how many (PS3.3 §C.7.6.3).
    #[error("pixel data is not as long as rows, columns, frames, samples and bits say")]
    Length,
    /// Bytes that belong to no frame: behind it, beside it, or a table that names other places than the frames'.
    #[error("bytes that belong to no frame at byte {at} of the pixel data's source")]
    Surplus {
        /// The offset.
        at: u64,
    },
    /// A compressed frame that cannot be followed to its end: damaged, or of a kind that is not known.
    #[error("a compressed frame cannot be followed at byte {at}")]
    Stream {
        /// The offset.
        at: u64,
    },
    /// The source could not be read.
    #[error("the source of the pixel data could not be read")]
    Io(#[from] std::io::Error),
}

impl PixelError {
    /// A stable code for records and screens.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Length => "pixel-length",
            Self::Surplus { .. } => "pixel-surplus",
            Self::Stream { .. } => "pixel-stream",
            Self::Io(_) => "io",
        }
    }
}

/// Something that the reader forgave: the first place, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    /// What.
    pub kind: NoteKind,
    /// The element first concerned, where there is one.
    pub tag: Option<Tag>,
    /// The byte offset where it was first seen; 0 for what concerns text.
    pub at: u64,
    /// How often it was seen.
    pub count: u32,
}

/// The things that the reader forgives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoteKind {
    /// No 128-byte preamble, or no `DICM` (PS3.10 §7.1).
    NoPreamble,
    /// No group 0002; the transfer syntax was guessed.
    NoMeta,
    /// Group 0002 names no transfer syntax; it was guessed.
    NoTransferSyntax,
    /// The data set is not in the transfer syntax that group 0002 names.
    WrongTransferSyntax,
    /// SOP UIDs of group 0002 are not those of the data set.
    MetaDisagrees,
    /// Elements out of ascending order.
    OutOfOrder,
    /// An element occurs twice; the first is kept.
    Repeated,
    /// A value of odd length.
    OddLength,
    /// A value representation that the standard does not know; read as UN.
    UnknownVr,
    /// An element in implicit form among explicit ones.
    ImplicitElement,
    /// Items of UN or of another VR, read as a sequence (PS3.5 §6.2.2 Note).
    UnAsSequence,
    /// A delimiter where none belongs.
    MisplacedDelimiter,
    /// A delimiter is missing.
    MissingDelimiter,
    /// Bytes after the last element: trailing padding.
    TrailingPadding,
    /// Elements of groups that do not belong in a data set (0000, 0002 and the like): dropped.
    ForeignGroup,
    /// Compressed pixel data elsewhere than in the top-level pixel data element, as in an icon: dropped.
    NestedPixelData,
    /// Text that its character set does not cover: guessed or replaced by U+FFFD.
    UncertainText,
    /// (0008,0005) holds a term that is no character set.
    UnknownCharacterSet,
}

impl NoteKind {
    /// A stable code for records and screens.
    pub fn code(self) -> &'static str {
        match self {
            Self::NoPreamble => "no-preamble",
            Self::NoMeta => "no-meta",
            Self::NoTransferSyntax => "no-transfer-syntax",
            Self::WrongTransferSyntax => "wrong-transfer-syntax",
            Self::MetaDisagrees => "meta-disagrees",
            Self::OutOfOrder => "out-of-order",
            Self::Repeated => "repeated",
            Self::OddLength => "odd-length",
            Self::UnknownVr => "unknown-vr",
            Self::ImplicitElement => "implicit-element",
            Self::UnAsSequence => "un-read-as-sequence",
            Self::MisplacedDelimiter => "misplaced-delimiter",
            Self::MissingDelimiter => "missing-delimiter",
            Self::TrailingPadding => "trailing-padding",
            Self::ForeignGroup => "foreign-group",
            Self::NestedPixelData => "nested-pixel-data",
            Self::UncertainText => "uncertain-text",
            Self::UnknownCharacterSet => "unknown-character-set",
        }
    }
}

/// The notes of one object: each kind once, so that no object can grow them without bound.
#[derive(Debug, Default)]
pub(super) struct Notes(Vec<Note>);

impl Notes {
    pub(super) fn add(&mut self, kind: NoteKind, tag: Option<Tag>, at: u64) {
        match self.0.iter_mut().find(|note| note.kind == kind) {
            Some(note) => note.count = note.count.saturating_add(1),
            None => self.0.push(Note { kind, tag, at, count: 1 }),
        }
    }

    pub(super) fn into_vec(self) -> Vec<Note> {
        self.0
    }
}
