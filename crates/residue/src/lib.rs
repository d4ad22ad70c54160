//! The search for what should not be there: an independent look at bytes that are about to leave, or have just arrived.
//!
//! It shares no code with the engine that cleans. It walks the bytes with its own small reader, inflates what is
//! compressed, and looks for two things: the identifiers that the caller knows of this person (needles), spelled and
//! encoded in every way that a leak might use; and number patterns that look like an identifier of anybody.
//!
//! What is not searched: pixel values (7FE0,0008), (7FE0,0009) and (7FE0,0010), at any depth. A finding says what kind
//! of thing was found, where and in which encoding; it never holds the matched text.
#![warn(missing_docs)]

mod encodings;
mod identifiers;
mod patterns;
mod findings;
mod json;
mod packing;
mod reader;
mod search;

pub use findings::{Finding, FindingKind, Findings};
pub use identifiers::{Needle, NeedleKind};
pub use patterns::{PatternKind, Patterns};
pub use reader::{ReadSeek, SearchError};
pub use search::{Form, Searcher};
