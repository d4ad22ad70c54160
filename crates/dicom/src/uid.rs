//! Unique identifiers (PS3.5 §9) and the well-known ones that this project names (PS3.6 Annex A).

use std::fmt;

/// A syntactically valid UID: at most 64 characters, digits and single dots (PS3.5 §9.1).
///
/// Components with a leading zero are accepted: real archives hold them.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uid(Box<str>);

/// The text is not a UID (PS3.5 §9.1). The text itself is not repeated: UIDs identify.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a UID (PS3.5 §9.1): 1 to 64 characters, digits separated by single dots")]
pub struct InvalidUid;

impl Uid {
    /// Reads a UID, dropping the trailing NUL or blanks that pad it to even length.
    pub fn parse(text: &str) -> Result<Self, InvalidUid> {
        let text = text.trim_matches(|c: char| c == '\0' || c == ' ');
        let well_formed = !text.is_empty()
            && text.len() <= 64
            && text.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
        if well_formed { Ok(Self(text.into())) } else { Err(InvalidUid) }
    }

    /// The UID's characters, without padding.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// UIDs identify an examination, so a UID never prints itself by accident.
impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_well_known(&self.0) { write!(f, "Uid({})", self.0) } else { f.write_str("Uid(…)") }
    }
}

impl std::borrow::Borrow<str> for Uid {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Uid {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Whether the standard itself defines this UID: such a UID identifies nobody and is never remapped.
///
/// All UIDs that NEMA registers lie under `1.2.840.10008` (PS3.6 Annex A).
pub fn is_well_known(uid: &str) -> bool {
    uid.strip_prefix("1.2.840.10008").is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Implementation Class UID of this software (PS3.7 §D.3.3.2): group 0002 and association user information.
pub const IMPLEMENTATION_CLASS_UID: &str = "2.25.158060923347028636208052126571241573384";

/// Implementation Version Name of this software (PS3.7 §D.3.3.2.4): at most 16 characters.
pub const IMPLEMENTATION_VERSION_NAME: &str = "TRIBUTARY_0_1";

/// Transfer syntaxes (PS3.5 Annex A).
pub mod transfer_syntax {
    /// Implicit VR Little Endian.
    pub const IMPLICIT_VR_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2";
    /// Explicit VR Little Endian.
    pub const EXPLICIT_VR_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2.1";
    /// Deflated Explicit VR Little Endian.
    pub const DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN: &str = "1.2.840.10008.1.2.1.99";
    /// Explicit VR Big Endian (retired).
    pub const EXPLICIT_VR_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";
    /// JPEG Baseline (Process 1).
    pub const JPEG_BASELINE: &str = "1.2.840.10008.1.2.4.50";
    /// JPEG Lossless, first-order prediction (Process 14, Selection Value 1).
    pub const JPEG_LOSSLESS_SV1: &str = "1.2.840.10008.1.2.4.70";
    /// JPEG 2000, lossless only.
    pub const JPEG_2000_LOSSLESS: &str = "1.2.840.10008.1.2.4.90";
    /// RLE Lossless.
    pub const RLE_LOSSLESS: &str = "1.2.840.10008.1.2.5";

    /// Whether pixel data in this transfer syntax is native (not encapsulated in fragments).
    pub fn is_native(uid: &str) -> bool {
        matches!(
            uid,
            IMPLICIT_VR_LITTLE_ENDIAN
                | EXPLICIT_VR_LITTLE_ENDIAN
                | DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
                | EXPLICIT_VR_BIG_ENDIAN
        )
    }
}

/// SOP classes (PS3.4 Annex B and C).
pub mod sop_class {
    use dicom_core::dictionary::UidDictionary;
    use dicom_dictionary_std::StandardSopClassDictionary;

    /// Verification.
    pub const VERIFICATION: &str = "1.2.840.10008.1.1";
    /// Computed Radiography Image Storage.
    pub const CR_IMAGE: &str = "1.2.840.10008.5.1.4.1.1.1";
    /// Digital X-Ray Image Storage – For Presentation.
    pub const DX_FOR_PRESENTATION: &str = "1.2.840.10008.5.1.4.1.1.1.1";
    /// Digital X-Ray Image Storage – For Processing.
    pub const DX_FOR_PROCESSING: &str = "1.2.840.10008.5.1.4.1.1.1.1.1";
    /// CT Image Storage.
    pub const CT_IMAGE: &str = "1.2.840.10008.5.1.4.1.1.2";
    /// Enhanced CT Image Storage.
    pub const ENHANCED_CT_IMAGE: &str = "1.2.840.10008.5.1.4.1.1.2.1";
    /// MR Image Storage.
    pub const MR_IMAGE: &str = "1.2.840.10008.5.1.4.1.1.4";
    /// Enhanced MR Image Storage.
    pub const ENHANCED_MR_IMAGE: &str = "1.2.840.10008.5.1.4.1.1.4.1";
    /// Secondary Capture Image Storage.
    pub const SECONDARY_CAPTURE: &str = "1.2.840.10008.5.1.4.1.1.7";
    /// Study Root Query/Retrieve – FIND.
    pub const STUDY_ROOT_FIND: &str = "1.2.840.10008.5.1.4.1.2.2.1";
    /// Study Root Query/Retrieve – MOVE.
    pub const STUDY_ROOT_MOVE: &str = "1.2.840.10008.5.1.4.1.2.2.2";
    /// Study Root Query/Retrieve – GET.
    pub const STUDY_ROOT_GET: &str = "1.2.840.10008.5.1.4.1.2.2.3";
    /// Patient Root Query/Retrieve – FIND.
    pub const PATIENT_ROOT_FIND: &str = "1.2.840.10008.5.1.4.1.2.1.1";

    /// The standard's name of a class (PS3.6 Annex A); `None` for one that it does not have.
    pub fn name(uid: &str) -> Option<&'static str> {
        let class = StandardSopClassDictionary.by_uid(uid)?;
        Some(class.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ps3_5_9_1_form() {
        assert_eq!(Uid::parse("1.2.3\0").unwrap().as_str(), "1.2.3");
        for bad in ["", "1..2", ".1", "1.", "1.2a", &"1".repeat(65)] {
            assert_eq!(Uid::parse(bad), Err(InvalidUid));
        }
    }

    #[test]
    fn well_known_is_a_prefix_of_components() {
        assert!(is_well_known("1.2.840.10008.1.2"));
        assert!(!is_well_known("1.2.840.100081.2"));
    }

    #[test]
    fn a_class_has_the_standards_name() {
        assert_eq!(sop_class::name(sop_class::CT_IMAGE), Some("CT Image Storage"));
        assert_eq!(sop_class::name("1.2.3"), None);
    }

    #[test]
    fn a_uid_of_a_study_does_not_print() {
        assert_eq!(format!("{:?}", Uid::parse("1.2.3.4").unwrap()), "Uid(…)");
    }
}
