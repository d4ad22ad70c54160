//! What became of a file, and what a person can do about what was held.

use ::deid::profile::AGE_FEW_PEOPLE;

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Written to OUT.
    Cleared(Output),
    /// Another file of this run was the same instance with the same bytes; written once.
    Repeated(Output),
    /// Not written, for this reason.
    Held(String),
}

/// A file in OUT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Output {
    /// Its place below OUT.
    pub(super) place: String,
    /// Its length.
    pub(super) bytes: u64,
}

impl Outcome {
    /// Its name in reports.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Cleared(_) => "cleared",
            Self::Repeated(_) => "repeated",
            Self::Held(_) => "held",
        }
    }

    pub(super) fn held_code(&self) -> Option<&str> {
        match self {
            Self::Held(code) => Some(code),
            Self::Cleared(_) | Self::Repeated(_) => None,
        }
    }

    pub(super) fn output(&self) -> Option<&Output> {
        match self {
            Self::Cleared(output) | Self::Repeated(output) => Some(output),
            Self::Held(_) => None,
        }
    }
}

/// Every reason for which a file is held, and what a person can do.
const CODES: &[(&str, &str)] = &[
    // tidy: table
    (
        "identity-unknown",
        "no usable patient identifier: put the right Patient ID into the file, or leave it out",
    ),
    (
        "identity-conflicting",
        "one person with two NHS numbers, birth dates or sexes: find out which is right in the archive",
    ),
    (
        "same-uid-other-content",
        "another file has the same SOP Instance UID and was written: keep the right one of the two",
    ),
    ("unreadable-file", "the file cannot be opened: check its permissions, then run again"),
    (
        "internal-error",
        "a fault of this program: leave the file out and please report it; nothing of it was written",
    ),
    ("io", "the file could not be read to its end: check the disk, then run again"),
    ("source-io", "the file could not be read to its end: check the disk, then run again"),
    ("not-dicom", "no DICOM file: nothing to do"),
    ("dicomdir", "a directory of other files, which are read themselves: nothing to do"),
    ("truncated", "the file ends too early: export it again"),
    ("bad-length", "an element has an impossible length: export it again"),
    ("bad-item", "a sequence is damaged: export it again"),
    ("bad-tag", "an element is damaged: export it again"),
    ("deflate-damaged", "the compressed data set is damaged: export it again"),
    ("pixel-encoding", "the pixel data is not what the transfer syntax says: export it again, uncompressed"),
    ("header-too-large", "a header of more than 64 MiB: leave it out, or please report it"),
    ("too-deep", "sequences nested more than 32 deep: leave it out, or please report it"),
    ("too-many-elements", "more than 500,000 elements: leave it out, or please report it"),
    (
        "inflated-too-large",
        "more than 4 GiB once inflated: leave it out, or export it in another transfer syntax",
    ),
    ("too-long", "an element became too long to be written: please report it"),
    ("body-truncated", "the file changed while it was read: run again"),
    ("incomplete", "a UID is missing without which it is no instance: leave it out, or export it again"),
    ("no-sop-instance-uid", "the SOP Instance UID cannot name a file: leave it out, or export it again"),
    ("transfer-syntax-unknown", "a transfer syntax that is none of the standard's: export it in another"),
    ("too-many-identifiers", "more than 1,000 identifiers of one patient: leave it out"),
    ("pixels-class-not-listed", "a kind of object that does not pass unseen: a person has to look at it"),
    ("pixels-none", "no image: a person has to look at it"),
    ("pixels-modality-disagrees", "the modality is not one of its SOP class: a person has to look at it"),
    ("pixels-image-type-unclear", "Image Type does not say PRIMARY: a person has to look at it"),
    ("pixels-not-primary", "a secondary image, a screen or a report: a person has to look at it"),
    ("pixels-burned-in-annotation", "it says that text is burned in: a person has to look at it"),
    ("pixels-converted", "it was made from something else (scan, film, photo): a person has to look at it"),
    ("pixels-overlays", "it had overlays, which can hold text: a person has to look at it"),
    ("pixels-graphics", "it had graphics or text annotations: a person has to look at it"),
    (
        "pixels-for-processing",
        "FOR PROCESSING: use the image for presentation, or a project with for_processing = \"hold\"",
    ),
    (
        "encapsulated-document",
        "a document or a model in a wrapping: leave it out, or export what it shows as images",
    ),
    (
        "pixels-undecodable",
        "its frames cannot be decoded, so nobody read them: export it again, uncompressed",
    ),
    ("pixels-too-large", "a frame too large to be read for text: a person has to look at it"),
    ("pixels-unreadable", "the pixel data could not be read: check the disk, then run again"),
    (
        "pixels-declared-not-found",
        "it says that text is burned in, and none was found: a person has to look at it",
    ),
    ("pixels-mostly-text", "most of the image is text: a person has to look at it, or leave it out"),
    (
        "pixels-visual-features",
        "the project asks for faces to be removed, which nothing does yet: leave it out, or drop the option",
    ),
    ("pixels-text-remains", "text is still found after it was blanked: a person has to look at it"),
    ("age-too-young", "the person is younger than the project allows: nothing to do"),
    (
        AGE_FEW_PEOPLE,
        "fewer people of this folder are of this age than the project asks for: widen age_band_years, or add more people",
    ),
    (
        "age-unknown",
        "the project asks for people of an age, and the file tells none: put the age into it, or leave it out",
    ),
    ("pixel-length", "fewer pixels than the header says: export it again"),
    (
        "pixel-surplus",
        "bytes beside the pixels that nobody can account for: export it again in another transfer syntax",
    ),
    (
        "pixel-stream",
        "a frame that cannot be followed (damaged, or video): export it again in another transfer syntax",
    ),
    (
        "residue-found",
        "something that identifies was left after cleaning: look at the file, add an override to the project",
    ),
    ("residue-promise-broken", "the cleaner did not do what it says: please report it"),
    ("residue-not-searchable", "what came out could not be searched: please report it"),
    ("residue-not-readable", "what came out could not be read back: please report it"),
    ("clearance-not-signed", "the clearance could not be made: please report it"),
];

/// What a person can do about a file that was held for this reason.
pub(crate) fn what_to_do(code: &str) -> &'static str {
    let known = CODES.iter().find(|(known, _)| *known == code);
    known.map_or("see docs/deidentification.md", |(_, what)| what)
}

/// Every reason, and what to do.
pub(super) fn codes() -> &'static [(&'static str, &'static str)] {
    CODES
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The codes of the reasons that the crates below have, from their text: a new one is not forgotten here.
    fn codes_in(source: &str) -> Vec<&str> {
        let functions = source.split("fn code(").skip(1).filter_map(|after| after.split("\n    }\n").next());
        let quoted =
            functions.flat_map(|body| body.split("=> \"").skip(1)).filter_map(|rest| rest.split('"').next());
        quoted.collect()
    }

    #[test]
    fn every_reason_says_what_to_do() {
        let reader = include_str!("../../../dicom/src/part10/error.rs");
        let sources = [
            // What the reader forgave holds nothing.
            reader.split("impl NoteKind").next().unwrap(),
            include_str!("../../../deid/src/instance.rs"),
            include_str!("../../../deid/src/person.rs"),
            include_str!("../../../deid/src/pixels/policy.rs"),
            include_str!("../../../deid/src/verify.rs"),
        ];
        for source in sources {
            let codes = codes_in(source);
            assert!(!codes.is_empty());
            for code in codes {
                assert!(CODES.iter().any(|(known, _)| *known == code), "{code}");
            }
        }
        let mut codes: Vec<&str> = CODES.iter().map(|(code, _)| *code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), CODES.len(), "each once");
    }
}
