//! A region: thirteen trusts on nine archives, their people and studies, what is planted among them, and what must
//! come of each instance.
//!
//! The plan knows the answer: [`Region::expected`] says of every instance whether it is acknowledged, held and why,
//! rejected, or never asked for and why.

mod papers;
mod plan;
mod sources;

use crate::images::{Instance, Oddity};
use crate::pacs::Archive;
use crate::people::{Person, Sentinel};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

pub use papers::OptOut;
pub use sources::{SourcePlan, TrustPlan};

/// How much of everything.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// People of each trust's cohort beyond those that are planted.
    pub people: u32,
    /// Slices of a CT or MR stack.
    pub slices: u32,
    /// Rows and columns of an image.
    pub pixels: u16,
}

impl Size {
    /// Small enough for a demo within a minute.
    pub const DEMO: Self = Self { people: 1, slices: 6, pixels: 128 };
    /// As small as it can be.
    pub const TEST: Self = Self { people: 0, slices: 3, pixels: 32 };
}

/// Why an instance is never asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unwanted {
    /// Its person is in no sheet.
    NotInCohort,
    /// Its person has opted out nationally.
    OptedOut,
    /// Its person objects at the trust.
    Objected,
    /// Its trust's agreement has expired.
    AgreementExpired,
    /// The archive's birth date is another than the sheet's.
    IdentityUnconfirmed,
    /// Its study lies outside the window of the arm.
    OutsideWindow,
    /// Its modality is not collected.
    OutsideModality,
    /// It shows another part of the body.
    OutsideBodyPart,
}

/// What must come of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It reaches the national database, and the receipt says so.
    Acknowledged,
    /// It is held for a person to look at, for these reasons.
    Held(&'static [&'static str]),
    /// It is outside the project, for this reason.
    Rejected(&'static str),
    /// It is never asked for.
    NotRequested(Unwanted),
    /// It is received and cleared; then what comes late takes it back, for this reason.
    TakenBack(&'static str),
}

/// What comes between receipt and transfer: nothing of whom it concerns may leave.
#[derive(Debug, Clone)]
pub struct Late {
    /// Who objects.
    pub person: Arc<Person>,
    /// The trust at which they object.
    pub at: String,
    /// The trust whose impact assessment expires.
    pub lapse: String,
}

/// An instance of the region.
#[derive(Debug, Clone)]
pub struct Planted {
    /// The index of its source.
    pub source: usize,
    /// The trust's organisation code.
    pub ods: String,
    /// The instance.
    pub instance: Instance,
    /// What must come of it.
    pub fate: Fate,
}

/// A row of a cohort sheet.
#[derive(Debug, Clone)]
pub struct Row {
    /// Whose row.
    pub person: Arc<Person>,
    /// The trust that submits it.
    pub ods: String,
    /// The issuer of the local id.
    pub issuer: String,
    /// Positive, or negative.
    pub positive: bool,
    /// The date of the swab.
    pub swab: crate::calendar::Day,
    /// The date of birth that the sheet gives; wrong where a mistake is planted.
    pub birth: crate::calendar::Day,
}

/// The whole plan.
#[derive(Debug, Clone)]
pub struct Region {
    /// The nine archives.
    pub sources: Vec<SourcePlan>,
    /// The thirteen trusts.
    pub trusts: Vec<TrustPlan>,
    /// The rows of all sheets.
    pub rows: Vec<Row>,
    /// Every instance of every archive.
    pub instances: Vec<Planted>,
    /// Who has opted out nationally.
    pub opted_out: Vec<Arc<Person>>,
    /// Who objects, and at which trust.
    pub objections: Vec<(String, Arc<Person>)>,
    /// The person of three trusts.
    pub at_three_trusts: Arc<Person>,
    /// The twins.
    pub twins: [Arc<Person>; 2],
    /// Two people to whom two trusts gave the same number.
    pub same_local_id: [Arc<Person>; 2],
}

impl Region {
    /// The region of a seed, with the windows of NCCID: positive from three years before the swab, without end;
    /// negative from 28 days before to the swab.
    pub fn nccid(seed: u64, size: Size) -> Self {
        plan::Planner::new(seed, size).region()
    }

    /// An objection at one trust and the expiry of another's impact assessment come between receipt and transfer: what would
    /// be acknowledged is taken back.
    pub fn come_late(&mut self) -> Late {
        let (at, lapse) = ("ZA3".to_owned(), "ZB7".to_owned());
        let row = self.rows.iter().find(|row| row.ods == at && row.positive);
        let person = row.map_or_else(|| Arc::clone(&self.at_three_trusts), |row| Arc::clone(&row.person));
        for planted in self.instances.iter_mut().filter(|planted| planted.fate == Fate::Acknowledged) {
            if planted.ods == lapse {
                planted.fate = Fate::TakenBack("lapsed-dpia");
            } else if planted.ods == at && planted.instance.person == person {
                planted.fate = Fate::TakenBack("objected");
            }
        }
        Late { person, at, lapse }
    }

    /// What must come of every instance.
    pub fn expected(&self) -> impl Iterator<Item = (&str, &Instance, &Fate)> {
        self.instances.iter().map(|planted| (planted.ods.as_str(), &planted.instance, &planted.fate))
    }

    /// How many instances share a fate.
    pub fn count(&self, wanted: impl Fn(&Fate) -> bool) -> usize {
        self.instances.iter().filter(|planted| wanted(&planted.fate)).count()
    }

    /// The archives, in the order of `sources`, with their planned faults.
    pub fn archives(&self) -> Vec<Archive> {
        let of = |at: usize| {
            let held = self.instances.iter().filter(move |planted| planted.source == at);
            held.map(|planted| planted.instance.clone())
        };
        let archive = |(at, source): (usize, &SourcePlan)| {
            let archive = Archive::new(source.manners.clone(), of(at));
            archive.retrieval_faults.add(source.retrieval_faults.iter().copied());
            archive.association_faults.add(source.association_faults.iter().copied());
            archive
        };
        self.sources.iter().enumerate().map(archive).collect()
    }

    /// Everything that must not be found in what left, each once.
    pub fn sentinels(&self) -> BTreeSet<Sentinel> {
        let people = self.rows.iter().flat_map(|row| row.person.sentinels());
        people.chain(self.instances.iter().flat_map(|planted| planted.instance.sentinels())).collect()
    }

    /// Writes every instance as a Part 10 file, a folder for each source, and returns how many.
    pub fn write_files(&self, folder: &Path) -> std::io::Result<usize> {
        for (at, planted) in self.instances.iter().enumerate() {
            let source = &self.sources[planted.source];
            let folder = folder.join(&source.name).join(&planted.instance.study.id);
            std::fs::create_dir_all(&folder)?;
            std::fs::write(
                folder.join(format!("{at:05}.dcm")),
                planted.instance.file(source.manners.syntax),
            )?;
        }
        Ok(self.instances.len())
    }
}

/// The reason codes of what is suspicious; `None` where it leads to another fate.
fn held_for(oddity: Oddity) -> Option<Fate> {
    Some(match oddity {
        Oddity::BurnedIn => Fate::Held(&["pixels-burned-in-annotation"]),
        Oddity::Secondary => Fate::Held(&["pixels-not-primary"]),
        Oddity::ConversionType => Fate::Held(&["pixels-converted"]),
        Oddity::Overlay => Fate::Held(&["pixels-overlays"]),
        Oddity::Graphics => Fate::Held(&["pixels-graphics"]),
        Oddity::ForProcessing => Fate::Rejected("pixels-for-processing"),
        Oddity::UnknownBodyPart => Fate::Held(&["body-part-unknown"]),
        Oddity::Unattributed => Fate::Held(&["unattributed"]),
    })
}

#[cfg(test)]
mod tests;
