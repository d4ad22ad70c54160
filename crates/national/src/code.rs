//! Why an object or a manifest is set aside: stable codes that a receipt carries and a person can act on.

use submission::names::{InvalidName, Slug};

/// Gives each code its spelling and says what to do about it.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $advice:literal;)+) => {
        /// A reason. Its spelling never changes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($(#[$doc])* $name,)+ }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// Its spelling.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// What a person can do.
            pub fn advice(self) -> &'static str {
                match self { $(Self::$name => $advice,)+ }
            }
        }
    };
}

codes! {
    /// A manifest whose signature no pinned key explains.
    ManifestStranger = "manifest-stranger", "pin the hub's key, if it is the hub's, and accept; else find out who writes here";
    /// A manifest whose signature does not match its bytes.
    ManifestForged = "manifest-forged", "the manifest was changed after signing: ask the hub";
    /// Bytes that are no manifest of a version known here.
    ManifestMalformed = "manifest-malformed", "the hub's program and this one do not understand each other: compare versions";
    /// A manifest that names another hub, project or place than those it lies in.
    ManifestMisplaced = "manifest-misplaced", "a manifest was copied or sent to the wrong bucket: ask the hub";
    /// A second manifest for a sequence number that was answered.
    SequenceReused = "sequence-reused", "two manifests claim one sequence number: has the hub been restored from a backup?";
    /// A manifest that does not follow the one before it.
    ChainBroken = "chain-broken", "the manifest names another predecessor than the one taken in: ask the hub";
    /// A clearance without a pinned hub key's signature.
    ClearanceInvalid = "clearance-invalid", "the hub did not clear this object: ask the hub";
    /// A clearance for another object.
    ClearanceMismatch = "clearance-mismatch", "the clearance names another object: ask the hub";
    /// A key that was listed before with other bytes.
    PathReused = "path-reused", "a name listed before was written again: the hub must send it under another date";
    /// No object under the listed key.
    ObjectMissing = "object-missing", "the object is not in the bucket: the hub must send it again";
    /// Longer or shorter than cleared.
    LengthDiffers = "length-differs", "the object is not what was cleared: the hub must send it again";
    /// Other bytes than cleared.
    DigestDiffers = "digest-differs", "the object is not what was cleared: the hub must send it again";
    /// The search found what looks like an identifier.
    ResidueFound = "residue-found", "look at the place named: reject it, or accept it if it is no identifier";
    /// The search could not read the object to its end.
    SearchFailed = "search-failed", "the object cannot be searched, so it cannot come in: reject it";
    /// Not a DICOM object that can be read.
    NotDicom = "not-dicom", "the object cannot be read: the hub must send it again, or reject it";
    /// PatientID or PatientName is not the pseudonym that was cleared.
    PatientDiffers = "patient-differs", "the object names another patient than its clearance: ask the hub";
    /// SOP Instance UID is not the object's name.
    InstanceDiffers = "instance-differs", "the object is another instance than its name says: ask the hub";
    /// No declaration that identity was removed.
    NotDeclared = "not-declared", "PatientIdentityRemoved is not YES: ask the hub";
    /// Private elements.
    PrivateElements = "private-elements", "private elements that are not known to be safe must not leave a hospital: ask the hub";
    /// Study, series, class or modality is missing or no name.
    AttributesMissing = "attributes-missing", "study, series or modality is missing: reject it, or ask the hub";
    /// A clinical record of another form.
    RecordMalformed = "record-malformed", "the clinical record is not of its form: ask the hub";
    /// A clinical record about another patient than its name says.
    RecordDiffers = "record-differs", "the clinical record is about another patient than its name: ask the hub";
    /// A centre that no site list names.
    UnknownCentre = "unknown-centre", "add the centre or its ODS code to a site list; it is loaded at the next run";
    /// A modality that the project does not map.
    UnknownModality = "unknown-modality", "map the modality in the project, or reject it";
}

impl Code {
    /// Reads its spelling.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.as_str() == text)
    }

    /// As a receipt carries it.
    pub fn slug(self) -> Result<Slug, InvalidName> {
        Slug::parse(self.as_str())
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_can_travel_in_a_receipt_and_comes_back() {
        for code in Code::ALL {
            assert_eq!(code.slug().unwrap().as_str(), code.as_str());
            assert_eq!(Code::parse(code.as_str()), Some(*code));
        }
    }
}
