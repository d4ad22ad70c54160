//! Reason codes in plain words, and the reasons that a person may give.

/// Why something is held, as a person would say it.
// tidy: table
pub(super) fn reason(code: &str) -> &'static str {
    match code {
        "pixels-class-not-listed" => "This kind of image always needs a look",
        "pixels-none" => "It has no picture",
        "pixels-modality-disagrees" => "It says two different things about what kind of image it is",
        "pixels-image-type-unclear" => "It does not say whether it is an original image",
        "pixels-not-primary" => "It says it is a copy, a screen or a report",
        "pixels-burned-in-annotation" => "It says that text may be burned into the picture",
        "pixels-converted" => "It was made from something else, such as film or a screen",
        "pixels-overlays" => "It had an overlay, which was removed",
        "pixels-graphics" => "It had drawings or notes, which were removed",
        "pixels-for-processing" => "It is raw data for processing",
        "pixels-declared-not-found" => {
            "It says that there is text in the picture, and the program found none"
        }
        "pixels-visual-features" => "The image may show a face",
        "pixels-text-remains" => "Text is still found after masking",
        "pixels-mostly-text" => "Most of the picture is text",
        "pixels-undecodable" | "pixels-unreadable" => "Its picture cannot be decoded here",
        "pixels-too-large" => "Its picture is too large to be looked at",
        "encapsulated-document" => "It is a document in a wrapping, not an image",
        "pixel-length" | "pixel-surplus" | "pixel-stream" => {
            "Something in the picture data is no picture, or cannot be followed"
        }
        "residue-found" => "Something that identifies was still found after cleaning",
        "residue-promise-broken" => "Cleaning did not do what it says: report this",
        "residue-not-searchable" | "residue-not-readable" => "The cleaned image could not be checked",
        "identity-unknown" => "Nobody knows whose it is",
        "identity-unconfirmed" => "No second detail confirms whose it is",
        "identity-conflict" | "identity-conflicting" => "Its details may mix two people",
        "identity-ambiguous" => "Its details name two people",
        "withheld-under-other-id" => "It names another id that may not be used",
        "unattributed" | "unattributed-conflict" => "Nobody knows which trust it belongs to",
        "unrequested" => "Nobody asked for it",
        "study-rejected" | "row-withdrawn" => "Its study, or the row that asked for it, was rejected",
        "outside-window" | "no-study-date" => "Its date is not one that was asked for",
        "body-part-unknown" => "Nothing says which part of the body it shows",
        "objected" | "opted-out" => "The person does not want their data used",
        "device-stopped" => "Its device is stopped: identifying text was seen on another image of it",
        _ if code.starts_with("opt-out-") => "The opt-out check is missing or too old",
        _ if code.starts_with("lapsed-") => "A paper of the trust is not in force",
        _ if code.starts_with("pixels-") => "There may be text in the picture",
        _ => "Another reason: see the guide for the person on call",
    }
}

/// Why a person rejects an image: a code, and what it says.
pub(super) const REJECTIONS: &[(&str, &str)] = &[
    ("identity-not-maskable", "What identifies cannot be masked without losing the image"),
    ("features-identify", "A face or another feature shows who it is"),
    ("not-an-image", "It is a report, a form or a screen, not an image"),
    ("outside-project", "It is nothing that the project asked for"),
    ("not-usable", "It is empty, damaged or a test"),
];
