//! Where things lie in the bucket: the key layout, in this one place.
//!
//! ```text
//! raw-<hub>/<date>/images/<SOPInstanceUID>.dcm          flat, one object per instance
//! raw-<hub>/<date>/data/<Pseudonym>_data.json           a positive patient's clinical record
//! raw-<hub>/<date>/data/<Pseudonym>_status.json         a negative patient's
//! raw-<hub>/<date>/manifest-<n>.json                    put last: what the consignment holds, signed by the hub
//! receipts-<hub>/<sequence, ten digits>.json            what became of it, signed by the national house
//! ```
//!
//! The date is that of the day on which the consignment was opened, never a clinical one.

use crate::names::{Day, InstanceUid, InvalidName, Slug};
use crate::pseudonym::Pseudonym;
use serde::{Deserialize, Serialize};
use std::fmt;

/// An object of a consignment, named by its file name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ItemName {
    /// `<SOPInstanceUID>.dcm`.
    Image(InstanceUid),
    /// `<Pseudonym>_data.json`.
    Data(Pseudonym),
    /// `<Pseudonym>_status.json`.
    Status(Pseudonym),
}

/// The key of an object of a consignment: its hub's prefix, its date, its folder and its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RawPath {
    /// The hub whose prefix it lies under.
    pub hub: Slug,
    /// The day on which the consignment was opened.
    pub date: Day,
    /// Its name.
    pub item: ItemName,
}

/// The key of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ManifestPath {
    /// The hub whose prefix it lies under.
    pub hub: Slug,
    /// The day on which the consignment was opened.
    pub date: Day,
    /// The number of the manifest within its day, from 1.
    pub number: u32,
}

/// The key of a receipt.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReceiptPath {
    /// The hub that it answers.
    pub hub: Slug,
    /// The sequence number of the manifest that it answers.
    pub sequence: u64,
    /// 1 for the first answer; more for later ones, which say what was accepted after all.
    pub revision: u32,
}

/// The prefix under which everything of one hub lies: `raw-<hub>`.
pub fn raw_root(hub: &Slug) -> String {
    format!("raw-{hub}")
}

/// The prefix of one day's consignments: `raw-<hub>/<date>`.
pub fn raw_prefix(hub: &Slug, date: Day) -> String {
    format!("raw-{hub}/{date}")
}

/// The prefix of a hub's receipts: `receipts-<hub>`.
pub fn receipts_root(hub: &Slug) -> String {
    format!("receipts-{hub}")
}

impl ItemName {
    /// Reads a file name.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        if let Some(uid) = text.strip_suffix(".dcm") {
            return InstanceUid::parse(uid).map(Self::Image);
        }
        if let Some(pseudonym) = text.strip_suffix("_data.json") {
            return Pseudonym::parse(pseudonym).map(Self::Data);
        }
        if let Some(pseudonym) = text.strip_suffix("_status.json") {
            return Pseudonym::parse(pseudonym).map(Self::Status);
        }
        Err(InvalidName::Item)
    }

    /// The folder it lies in: `images` or `data`.
    pub fn folder(&self) -> &'static str {
        match self {
            Self::Image(_) => "images",
            Self::Data(_) | Self::Status(_) => "data",
        }
    }

    /// Whether it is an image.
    pub fn is_image(&self) -> bool {
        matches!(self, Self::Image(_))
    }
}

impl fmt::Display for ItemName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(uid) => write!(f, "{uid}.dcm"),
            Self::Data(pseudonym) => write!(f, "{pseudonym}_data.json"),
            Self::Status(pseudonym) => write!(f, "{pseudonym}_status.json"),
        }
    }
}

impl RawPath {
    /// Reads `raw-<hub>/<date>/<folder>/<name>`.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let [root, date, folder, name] = split(text)?;
        let hub = Slug::parse(root.strip_prefix("raw-").ok_or(InvalidName::Item)?)?;
        let item = ItemName::parse(name)?;
        if item.folder() != folder {
            return Err(InvalidName::Item);
        }
        Ok(Self { hub, date: Day::parse(date)?, item })
    }
}

impl fmt::Display for RawPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", raw_prefix(&self.hub, self.date), self.item.folder(), self.item)
    }
}

impl ManifestPath {
    /// Reads `raw-<hub>/<date>/manifest-<n>.json`.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let [root, date, name] = split(text)?;
        let hub = Slug::parse(root.strip_prefix("raw-").ok_or(InvalidName::Item)?)?;
        let number = name.strip_prefix("manifest-").and_then(|rest| rest.strip_suffix(".json"));
        let number = number.and_then(decimal).and_then(|number| u32::try_from(number).ok());
        Ok(Self { hub, date: Day::parse(date)?, number: number.ok_or(InvalidName::Item)? })
    }
}

impl fmt::Display for ManifestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/manifest-{}.json", raw_prefix(&self.hub, self.date), self.number)
    }
}

impl ReceiptPath {
    /// Reads `receipts-<hub>/<sequence>.json` and, of a later answer, `receipts-<hub>/<sequence>-<revision>.json`.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let [root, name] = split(text)?;
        let hub = Slug::parse(root.strip_prefix("receipts-").ok_or(InvalidName::Item)?)?;
        let name = name.strip_suffix(".json").ok_or(InvalidName::Item)?;
        let (digits, revision) = name.split_once('-').unwrap_or((name, "1"));
        let revision = decimal(revision).and_then(|revision| u32::try_from(revision).ok());
        let digits = Some(digits).filter(|digits| digits.len() >= 10);
        let sequence = digits.and_then(|digits| {
            decimal(match digits.trim_start_matches('0') {
                "" => "0",
                rest => rest,
            })
        });
        let sequence = sequence.ok_or(InvalidName::Item)?;
        let path = Self { hub, sequence, revision: revision.ok_or(InvalidName::Item)? };
        if path.to_string() == text { Ok(path) } else { Err(InvalidName::Item) }
    }
}

impl fmt::Display for ReceiptPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:010}", receipts_root(&self.hub), self.sequence)?;
        match self.revision {
            1 => f.write_str(".json"),
            revision => write!(f, "-{revision}.json"),
        }
    }
}

/// The key that an older uploader meant: back-slashes turned, empty and `.` parts dropped. Such uploaders shipped both.
pub fn clean_imported_key(key: &str) -> String {
    let parts = key.split(['/', '\\']).filter(|part| !part.is_empty() && *part != ".");
    parts.collect::<Vec<_>>().join("/")
}

fn split<const N: usize>(text: &str) -> Result<[&str; N], InvalidName> {
    let parts: Vec<&str> = text.split('/').collect();
    parts.try_into().map_err(|_| InvalidName::Item)
}

/// A decimal number in its only spelling: no sign, no leading zero.
fn decimal(text: &str) -> Option<u64> {
    let plain = text == "0" || !text.starts_with('0');
    (plain && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

impl TryFrom<String> for ItemName {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::parse(&text)
    }
}

impl From<ItemName> for String {
    fn from(name: ItemName) -> Self {
        name.to_string()
    }
}

impl TryFrom<String> for RawPath {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::parse(&text)
    }
}

impl From<RawPath> for String {
    fn from(path: RawPath) -> Self {
        path.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_to_the_letter() {
        for key in [
            "raw-cheshire-and-merseyside/2021-01-31/images/2.25.123.dcm",
            "raw-cm/2021-01-31/data/CovidAAAAAAAAAAAAAAAAAAAA_data.json",
            "raw-cm/2021-01-31/data/CovidAAAAAAAAAAAAAAAAAAAA_status.json",
        ] {
            assert_eq!(RawPath::parse(key).unwrap().to_string(), key);
        }
        let manifest = "raw-cm/2021-01-31/manifest-12.json";
        assert_eq!(ManifestPath::parse(manifest).unwrap().to_string(), manifest);
        let receipt = "receipts-cm/0000000042.json";
        assert_eq!(ReceiptPath::parse(receipt).unwrap().to_string(), receipt);
        assert_eq!(ReceiptPath::parse("receipts-cm/00000000042.json"), Err(InvalidName::Item));
        assert_eq!(ReceiptPath::parse("receipts-cm/0000000000.json").unwrap().sequence, 0);
        let later = "receipts-cm/0000000042-2.json";
        assert_eq!(ReceiptPath::parse(later).unwrap().to_string(), later);
        for bad in ["0000000042-1.json", "0000000042-02.json", "0000000042-.json", "0000000042-2-3.json"] {
            assert_eq!(ReceiptPath::parse(&format!("receipts-cm/{bad}")), Err(InvalidName::Item), "{bad}");
        }
    }

    #[test]
    fn no_key_leaves_its_folder() {
        for bad in [
            "raw-cm/2021-01-31/images/../2.25.1.dcm",
            "raw-cm/2021-01-31/images/..dcm",
            "raw-cm/2021-01-31/images/sub/2.25.1.dcm",
            "raw-cm/2021-01-31/data/2.25.1.dcm",
            "raw-cm/2021-02-31/images/2.25.1.dcm",
            "raw-/2021-01-31/images/2.25.1.dcm",
            "raw-..//images/2.25.1.dcm",
            "raw-cm/2021-01-31/data/_data.json",
            "/raw-cm/2021-01-31/images/2.25.1.dcm",
        ] {
            assert!(RawPath::parse(bad).is_err(), "{bad}");
        }
        assert!(ManifestPath::parse("raw-cm/2021-01-31/manifest-01.json").is_err());
        assert!(ManifestPath::parse("raw-cm/2021-01-31/manifest-.json").is_err());
    }

    #[test]
    fn keys_of_older_uploaders_are_cleaned() {
        assert_eq!(clean_imported_key(r"\dir\foo.dcm"), "dir/foo.dcm");
        assert_eq!(clean_imported_key(r"/////.//\/\///\foo.dcm"), "foo.dcm");
    }
}
