//! Application entity titles (PS3.5 §6.2 AE; PS3.8 §7.1.1.3).

use std::fmt;

/// At most 16 characters of the default repertoire, without backslash or control characters; outer spaces do not count.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AeTitle(Box<str>);

/// The text is not an AE title.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an AE title (PS3.5 §6.2): 1 to 16 printable ASCII characters without a backslash")]
pub struct InvalidAeTitle;

/// The length of the field in A-ASSOCIATE PDUs.
pub(super) const FIELD_BYTES: usize = 16;

impl AeTitle {
    /// Reads a title that a person wrote.
    pub fn parse(text: &str) -> Result<Self, InvalidAeTitle> {
        let text = text.trim();
        let well_formed = !text.is_empty()
            && text.len() <= FIELD_BYTES
            && text.bytes().all(|b| (0x20..0x7f).contains(&b) && b != b'\\');
        if well_formed { Ok(Self(text.into())) } else { Err(InvalidAeTitle) }
    }

    /// Its characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads the field of a PDU. What is not printable becomes `?`, so that no peer writes control characters into a log.
    pub(crate) fn from_wire(field: &[u8]) -> Self {
        let text: String = field
            .iter()
            .map(|&b| if (0x20..0x7f).contains(&b) || b == 0 { char::from(b) } else { '?' })
            .collect();
        Self(text.replace('\0', " ").trim().into())
    }

    pub(super) fn to_wire(&self) -> [u8; FIELD_BYTES] {
        let mut field = [b' '; FIELD_BYTES];
        for (slot, byte) in field.iter_mut().zip(self.0.bytes()) {
            *slot = byte;
        }
        field
    }
}

impl fmt::Display for AeTitle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AeTitle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &self.0)
    }
}

impl PartialEq<str> for AeTitle {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other.trim()
    }
}

impl PartialEq<&str> for AeTitle {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}
