//! Where things lie in the warehouse: the chest imaging database's own tree, in this one place.
//!
//! ```text
//! {training|validation}/<kind>/<PatientID>/<StudyUID>/<SeriesUID>/<SOPInstanceUID>.dcm       kind: ct, mri, xray, …
//! {training|validation}/<kind>-metadata/<PatientID>/<StudyUID>/<SeriesUID>/<SOPInstanceUID>.json
//! {training|validation}/data/<Pseudonym>/{data|status}_<date of the consignment>.json
//! ```

use crate::partition::Partition;
use submission::names::{Day, InstanceUid};
use submission::pseudonym::Pseudonym;

/// Where an image lies.
#[derive(Debug, Clone, Copy)]
pub struct ImagePlace<'a> {
    /// Its patient's partition.
    pub partition: Partition,
    /// The folder of its modality: `ct`, `mri`, `xray` or what the project says.
    pub kind: &'a str,
    /// Its patient.
    pub pseudonym: &'a Pseudonym,
    /// Its study.
    pub study: &'a InstanceUid,
    /// Its series.
    pub series: &'a InstanceUid,
    /// Itself.
    pub instance: &'a InstanceUid,
}

/// Which clinical record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordKind {
    /// A positive patient's.
    Data,
    /// A negative patient's, or one of a patient not yet known positive.
    Status,
}

impl ImagePlace<'_> {
    /// The image's key.
    pub fn image(&self) -> String {
        let Self { kind, pseudonym, study, series, instance, .. } = self;
        format!("{}/{kind}/{pseudonym}/{study}/{series}/{instance}.dcm", self.partition.as_str())
    }

    /// The key of its header.
    pub fn metadata(&self) -> String {
        let Self { kind, pseudonym, study, series, instance, .. } = self;
        format!("{}/{kind}-metadata/{pseudonym}/{study}/{series}/{instance}.json", self.partition.as_str())
    }
}

/// The key of a clinical record.
pub fn record(partition: Partition, pseudonym: &Pseudonym, kind: RecordKind, date: Day) -> String {
    let kind = match kind {
        RecordKind::Data => "data",
        RecordKind::Status => "status",
    };
    format!("{}/data/{pseudonym}/{kind}_{date}.json", partition.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_to_the_letter() {
        let pseudonym = Pseudonym::import("Covid10").unwrap();
        let date = Day::parse("2021-03-01").unwrap();
        let uid = |text| InstanceUid::parse(text).unwrap();
        assert_eq!(
            record(Partition::Training, &pseudonym, RecordKind::Data, date),
            "training/data/Covid10/data_2021-03-01.json"
        );
        assert_eq!(
            record(Partition::Validation, &Pseudonym::import("Covid20").unwrap(), RecordKind::Status, date),
            "validation/data/Covid20/status_2021-03-01.json"
        );
        let place = ImagePlace {
            partition: Partition::Training,
            kind: "xray",
            pseudonym: &pseudonym,
            study: &uid("2.25.1"),
            series: &uid("2.25.2"),
            instance: &uid("2.25.3"),
        };
        assert_eq!(place.image(), "training/xray/Covid10/2.25.1/2.25.2/2.25.3.dcm");
        assert_eq!(place.metadata(), "training/xray-metadata/Covid10/2.25.1/2.25.2/2.25.3.json");
    }
}
