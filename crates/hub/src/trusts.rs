//! Governance: whether a trust's legal basis, agreement and impact assessment are in force on a day.
//!
//! It is asked before querying, at de-identification, when consigning and before the manifest is put. What is absent does not
//! permit.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use crate::config::{Document, Trust};

/// The trusts that this hub serves, by ODS code.
#[derive(Debug, Clone)]
pub struct Governance {
    trusts: BTreeMap<String, Trust>,
}

/// Why a trust's data may not be touched on a day. Not a fault: work waits until the document is renewed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{trust}: {which} {}", .since.map_or("is not recorded".to_owned(), |day| format!("was in force until {day}")))]
pub struct Lapse {
    /// ODS code.
    pub trust: String,
    /// What is missing.
    pub which: Instrument,
    /// The last day it was in force; `None`: it never was recorded.
    pub since: Option<NaiveDate>,
}

/// What must be in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instrument {
    /// The trust is not in the configuration.
    Trust,
    /// The legal basis.
    LegalBasis,
    /// The data-sharing agreement.
    Agreement,
    /// The data protection impact assessment.
    Dpia,
}

impl Instrument {
    /// The code kept with what is held, as in `lapsed-agreement`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Trust => "lapsed-trust",
            Self::LegalBasis => "lapsed-legal-basis",
            Self::Agreement => "lapsed-agreement",
            Self::Dpia => "lapsed-dpia",
        }
    }
}

impl std::fmt::Display for Instrument {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Trust => "the trust",
            Self::LegalBasis => "the legal basis",
            Self::Agreement => "the data-sharing agreement",
            Self::Dpia => "the DPIA",
        })
    }
}

impl Governance {
    /// Governance over these trusts.
    pub fn new(trusts: &[Trust]) -> Self {
        Self { trusts: trusts.iter().map(|t| (t.ods.clone(), t.clone())).collect() }
    }

    /// Whether the trust's data may be asked for, worked on and sent on that day. A document is in force on its last day.
    pub fn permits(&self, trust: &str, on: NaiveDate) -> Result<(), Lapse> {
        let lapse = |which, since| Lapse { trust: trust.to_owned(), which, since };
        let known = self.trusts.get(trust).ok_or_else(|| lapse(Instrument::Trust, None))?;
        let needed = [
            (Instrument::LegalBasis, &known.legal_basis),
            (Instrument::Agreement, &known.agreement),
            (Instrument::Dpia, &known.dpia),
        ];
        needed.into_iter().try_for_each(|(which, document): (_, &Option<Document>)| match document {
            None => Err(lapse(which, None)),
            Some(document) if document.expires < on => Err(lapse(which, Some(document.expires))),
            Some(_) => Ok(()),
        })
    }

    /// The name that stands as SubmittingCentre.
    pub fn centre(&self, trust: &str) -> Option<&str> {
        self.trusts.get(trust).map(|t| t.name.as_str())
    }

    /// The trust that a sheet means: by ODS code, or by name in any case.
    pub fn find(&self, text: &str) -> Option<&Trust> {
        let text = text.trim();
        self.trusts.values().find(|t| t.ods.eq_ignore_ascii_case(text) || t.name.eq_ignore_ascii_case(text))
    }

    /// All trusts, by ODS code.
    pub fn trusts(&self) -> impl Iterator<Item = &Trust> {
        self.trusts.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn document(expires: &str) -> Option<Document> {
        Some(Document { id: "D".into(), expires: day(expires) })
    }

    fn governance(change: impl FnOnce(&mut Trust)) -> Governance {
        let mut trust = Trust {
            ods: "RX1".into(),
            name: "Royal Example".into(),
            legal_basis: document("2027-03-31"),
            agreement: document("2026-12-31"),
            dpia: document("2027-03-31"),
            contact: None,
        };
        change(&mut trust);
        Governance::new(&[trust])
    }

    #[test]
    fn a_document_is_in_force_on_its_last_day_and_not_after() {
        let governance = governance(|_| {});
        assert_eq!(governance.permits("RX1", day("2026-12-31")), Ok(()));
        let lapse = governance.permits("RX1", day("2027-01-01")).unwrap_err();
        assert_eq!(lapse.which.code(), "lapsed-agreement");
        assert_eq!(lapse.to_string(), "RX1: the data-sharing agreement was in force until 2026-12-31");
    }

    #[test]
    fn what_is_absent_does_not_permit() {
        let on = day("2026-06-01");
        assert_eq!(governance(|t| t.dpia = None).permits("RX1", on).unwrap_err().which, Instrument::Dpia);
        assert_eq!(
            governance(|t| t.legal_basis = None).permits("RX1", on).unwrap_err().which,
            Instrument::LegalBasis
        );
        assert_eq!(governance(|_| {}).permits("RX2", on).unwrap_err().which, Instrument::Trust);
    }

    #[test]
    fn a_sheet_may_name_a_trust_by_code_or_name() {
        let governance = governance(|_| {});
        assert_eq!(governance.find(" rx1 ").unwrap().ods, "RX1");
        assert_eq!(governance.find("royal example").unwrap().ods, "RX1");
        assert!(governance.find("Royal").is_none());
    }
}
