//! Training or validation: decided once per patient, never changed.
//!
//! A patient of a centre that is split falls by a keyed rule, so that nobody without the national house's key can tell
//! from a pseudonym where it lies. The older database's rule, which anyone can compute, serves imports only.

use ring::{digest, hmac};
use serde::{Deserialize, Serialize};
use submission::pseudonym::Pseudonym;

/// Where a patient's data lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Partition {
    /// Shared with approved researchers.
    Training,
    /// Held out, to validate models.
    Validation,
}

/// The national house's partition key.
pub struct PartitionKey(hmac::Key);

/// Which centres share, which are held out whole, which are split by patient. A centre is named by its ODS code or by
/// its `SubmittingCentre`, to the letter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Sites {
    /// Split by patient.
    pub split: Vec<String>,
    /// Wholly training.
    pub training: Vec<String>,
    /// Wholly validation.
    pub validation: Vec<String>,
}

/// What the site lists say of a centre.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SitePolicy {
    /// All its patients lie here.
    Whole(Partition),
    /// Each patient falls by the rule.
    Split,
}

/// The share of split patients that goes to training, 0 to 100.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct TrainingPercentage(u8);

impl Partition {
    /// The first part of every warehouse key.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Validation => "validation",
        }
    }

    /// Reads it.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Training, Self::Validation].into_iter().find(|partition| partition.as_str() == text)
    }
}

impl PartitionKey {
    /// The key of these 32 bytes.
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// Where a patient of a split centre falls: HMAC-SHA-256 of the pseudonym, as a number, modulo 100.
    pub fn decide(&self, pseudonym: &Pseudonym, training: TrainingPercentage) -> Partition {
        let tag = hmac::sign(&self.0, pseudonym.as_str().as_bytes());
        by_bucket(modulo_100(tag.as_ref()), training)
    }
}

impl std::fmt::Debug for PartitionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PartitionKey")
    }
}

impl TrainingPercentage {
    /// A percentage; more than 100 is none.
    pub fn new(percentage: u8) -> Option<Self> {
        (percentage <= 100).then_some(Self(percentage))
    }
}

impl TryFrom<u8> for TrainingPercentage {
    type Error = &'static str;
    fn try_from(percentage: u8) -> Result<Self, Self::Error> {
        Self::new(percentage).ok_or("a percentage is 0 to 100")
    }
}

impl From<TrainingPercentage> for u8 {
    fn from(percentage: TrainingPercentage) -> Self {
        percentage.0
    }
}

impl Sites {
    /// What the lists say of a centre known by these names; `None`: no list has it. A hold-out wins over a split.
    pub fn policy<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Option<SitePolicy> {
        let names: Vec<&str> = names.into_iter().collect();
        let listed = |list: &[String]| list.iter().any(|site| names.contains(&site.as_str()));
        if listed(&self.validation) {
            Some(SitePolicy::Whole(Partition::Validation))
        } else if listed(&self.training) {
            Some(SitePolicy::Whole(Partition::Training))
        } else if listed(&self.split) {
            Some(SitePolicy::Split)
        } else {
            None
        }
    }

    /// A centre that stands in two lists: a mistake to be reported before anything is loaded.
    pub fn listed_twice(&self) -> Option<&str> {
        let mut all: Vec<&str> = [&self.split, &self.training, &self.validation]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .collect();
        all.sort_unstable();
        all.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
    }
}

/// The older database's bucket of a pseudonym: SHA-512 of its trimmed, upper-cased text, as a number, modulo 100.
pub fn imported_bucket(pseudonym: &str) -> u8 {
    let text = pseudonym.trim().to_uppercase();
    modulo_100(digest::digest(&digest::SHA512, text.as_bytes()).as_ref())
}

/// Where the older database put a patient of a split centre.
pub fn imported(pseudonym: &str, training: TrainingPercentage) -> Partition {
    by_bucket(imported_bucket(pseudonym), training)
}

fn by_bucket(bucket: u8, training: TrainingPercentage) -> Partition {
    if bucket < training.0 { Partition::Training } else { Partition::Validation }
}

/// A big-endian number modulo 100.
fn modulo_100(bytes: &[u8]) -> u8 {
    let rest = bytes.iter().fold(0_u16, |rest, byte| (rest * 256 + u16::from(*byte)) % 100);
    u8::try_from(rest).unwrap_or(99)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: TrainingPercentage = TrainingPercentage(50);

    #[test]
    fn golden_vectors_of_the_older_rule() {
        let vectors = [
            ("Covid1", 48),
            ("Covid20", 26),
            ("Covid0000", 25),
            ("Covid149", 63),
            ("Covid14", 85),
            (" covid1 ", 48),
        ];
        for (pseudonym, bucket) in vectors {
            assert_eq!(imported_bucket(pseudonym), bucket, "{pseudonym}");
        }
        assert_eq!(imported("Covid1", HALF), Partition::Training);
        assert_eq!(imported("Covid149", HALF), Partition::Validation);
    }

    #[test]
    fn the_keyed_rule_depends_on_the_key_and_keeps_the_share() {
        let (one, other) = (PartitionKey::new(&[1; 32]), PartitionKey::new(&[2; 32]));
        let people: Vec<Pseudonym> = (0..1000_u32)
            .map(|n| {
                let mut mac = [0; 32];
                mac[..4].copy_from_slice(&n.to_be_bytes());
                Pseudonym::from_mac("Covid", &mac).unwrap()
            })
            .collect();
        let training = |key: &PartitionKey, percentage| {
            let here = |p: &&Pseudonym| key.decide(p, TrainingPercentage(percentage)) == Partition::Training;
            people.iter().filter(here).count()
        };
        assert!((550..650).contains(&training(&one, 60)));
        assert_eq!((training(&one, 0), training(&one, 100)), (0, 1000));
        let differ = people.iter().filter(|p| one.decide(p, HALF) != other.decide(p, HALF)).count();
        assert!((400..600).contains(&differ));
    }

    #[test]
    fn a_centre_is_known_by_code_or_by_name_and_a_hold_out_wins() {
        let sites = Sites {
            split: vec!["REM".into()],
            training: vec!["Leeds".into()],
            validation: vec!["The Walton Centre".into()],
        };
        assert_eq!(
            sites.policy(["REM", "The Walton Centre"]),
            Some(SitePolicy::Whole(Partition::Validation))
        );
        assert_eq!(sites.policy(["REM"]), Some(SitePolicy::Split));
        assert_eq!(sites.policy(["leeds"]), None);
        assert_eq!(sites.listed_twice(), None);
    }
}
