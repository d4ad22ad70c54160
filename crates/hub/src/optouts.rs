//! Opt-outs: may this person's data be used today? Pure; the lists themselves are kept as handles by linkage.
//!
//! The national check works by absence: a list of NHS numbers is submitted, and the list that comes back leaves out who has
//! opted out. So only who was submitted *and* returned may be used. A local objection always holds, whatever a project records.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::project::NationalOptOut;

/// One run of the checking service. `H` is a person's handle, never a number.
#[derive(Debug, Clone)]
pub struct OptOutCheck<H> {
    /// Who was asked about.
    pub submitted: BTreeSet<H>,
    /// Who may be used.
    pub returned: BTreeSet<H>,
    /// The day of the answer.
    pub date: NaiveDate,
}

/// What the last check said of one person who was submitted to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// Whether the person came back.
    pub returned: bool,
    /// The day of the answer.
    pub date: NaiveDate,
}

/// Why a person's data may not be used; a reason code of what is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Withheld {
    /// A local objection.
    #[error("the person objects at the trust")]
    Objected,
    /// Submitted and not returned.
    #[error("the person has opted out nationally")]
    OptedOut,
    /// Not part of a check.
    #[error("the person has not been submitted to the opt-out check")]
    NotSubmitted,
    /// The check has aged.
    #[error("the opt-out check is older than the project allows")]
    CheckTooOld,
    /// Cannot be checked.
    #[error("a person without an NHS number cannot be checked for an opt-out")]
    NoNhsNumber,
}

impl Withheld {
    /// The reason code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Objected => "objected",
            Self::OptedOut => "opted-out",
            Self::NotSubmitted => "opt-out-not-submitted",
            Self::CheckTooOld => "opt-out-check-too-old",
            Self::NoNhsNumber => "opt-out-no-nhs-number",
        }
    }
}

impl<H: Ord> OptOutCheck<H> {
    /// What this check says of a person; `None`: not submitted. Who came back without being submitted was not asked about.
    pub fn of(&self, person: &H) -> Option<Checked> {
        self.submitted
            .contains(person)
            .then(|| Checked { returned: self.returned.contains(person), date: self.date })
    }

    /// Who came back although nobody asked: a sign that the two lists are not of one run. Import refuses such a pair.
    pub fn returned_unasked(&self) -> usize {
        self.returned.difference(&self.submitted).count()
    }
}

impl Checked {
    /// The later of two checks counts; on one day the one that opts out.
    pub fn newer(self, other: Self) -> Self {
        match self.date.cmp(&other.date) {
            std::cmp::Ordering::Greater => self,
            std::cmp::Ordering::Less => other,
            std::cmp::Ordering::Equal => Self { returned: self.returned && other.returned, date: self.date },
        }
    }
}

/// Whether a person's data of a trust may be used on that day.
///
/// `national` is what the newest check says of the person, `objects` whether a local objection stands at the trust.
pub fn permits(
    policy: &NationalOptOut,
    has_nhs_number: bool,
    national: Option<Checked>,
    objects: bool,
    today: NaiveDate,
) -> Result<(), Withheld> {
    if objects {
        return Err(Withheld::Objected);
    }
    // Who is known to have opted out stays out until a newer check says otherwise, however old this one is.
    match (policy, national) {
        (NationalOptOut::NotNeeded { .. }, _) => Ok(()),
        (NationalOptOut::Applies { .. }, Some(Checked { returned: false, .. })) => Err(Withheld::OptedOut),
        (NationalOptOut::Applies { .. }, _) if !has_nhs_number => Err(Withheld::NoNhsNumber),
        (NationalOptOut::Applies { .. }, None) => Err(Withheld::NotSubmitted),
        (NationalOptOut::Applies { check_age_days_max }, Some(checked)) => {
            let age = today.signed_duration_since(checked.date).num_days();
            if age > i64::from(*check_age_days_max) || age < 0 { Err(Withheld::CheckTooOld) } else { Ok(()) }
        }
    }
}

/// Local objections, by trust.
#[derive(Debug, Clone)]
pub struct Objections<H> {
    by_trust: BTreeMap<String, BTreeSet<H>>,
}

impl<H> Default for Objections<H> {
    fn default() -> Self {
        Self { by_trust: BTreeMap::new() }
    }
}

impl<H: Ord> Objections<H> {
    /// Records that a person objects at a trust.
    pub fn add(&mut self, trust: &str, person: H) {
        self.by_trust.entry(trust.to_owned()).or_default().insert(person);
    }

    /// Whether the person objects at that trust.
    pub fn stand(&self, trust: &str, person: &H) -> bool {
        self.by_trust.get(trust).is_some_and(|people| people.contains(person))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const APPLIES: NationalOptOut = NationalOptOut::Applies { check_age_days_max: 28 };

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn check() -> OptOutCheck<&'static str> {
        OptOutCheck { submitted: ["ann", "bob"].into(), returned: ["ann"].into(), date: day("2026-11-01") }
    }

    fn on(today: &str, person: &'static str) -> Result<(), Withheld> {
        permits(&APPLIES, true, check().of(&person), false, day(today))
    }

    #[test]
    fn only_who_was_submitted_and_returned_may_be_used() {
        assert_eq!(on("2026-11-21", "ann"), Ok(()));
        assert_eq!(on("2026-11-21", "bob"), Err(Withheld::OptedOut));
        assert_eq!(on("2026-11-21", "cleo"), Err(Withheld::NotSubmitted));
        assert_eq!(permits(&APPLIES, false, None, false, day("2026-11-21")), Err(Withheld::NoNhsNumber));
    }

    #[test]
    fn an_old_check_counts_as_none_but_an_opt_out_stays() {
        assert_eq!(on("2026-11-29", "ann"), Ok(()), "28 days");
        assert_eq!(on("2026-11-30", "ann"), Err(Withheld::CheckTooOld));
        assert_eq!(on("2026-11-30", "bob"), Err(Withheld::OptedOut));
        assert_eq!(
            on("2026-10-30", "ann"),
            Err(Withheld::CheckTooOld),
            "an answer of the future is no answer"
        );
    }

    #[test]
    fn a_project_may_record_that_it_need_not_apply_and_local_objections_apply_all_the_same() {
        let recorded = NationalOptOut::NotNeeded { reason: "consent".into() };
        let today = day("2026-11-21");
        assert_eq!(permits(&recorded, false, None, false, today), Ok(()));
        assert_eq!(permits(&recorded, false, None, true, today), Err(Withheld::Objected));
        assert_eq!(permits(&APPLIES, true, check().of(&"ann"), true, today), Err(Withheld::Objected));
    }

    #[test]
    fn an_objection_stands_at_its_trust() {
        let mut objections = Objections::default();
        objections.add("RX1", "ann");
        assert!(
            objections.stand("RX1", &"ann")
                && !objections.stand("RX2", &"ann")
                && !objections.stand("RX1", &"bob")
        );
    }

    #[test]
    fn the_newer_check_counts_whatever_the_order_of_import() {
        let (old, new) = (
            Checked { returned: false, date: day("2026-10-01") },
            Checked { returned: true, date: day("2026-11-01") },
        );
        assert_eq!(old.newer(new), new);
        assert_eq!(new.newer(old), new);
        let same_day = Checked { returned: false, ..new };
        assert!(!new.newer(same_day).returned);
    }

    #[test]
    fn lists_of_different_runs_are_noticed() {
        let mixed = OptOutCheck { returned: ["ann", "dora"].into(), ..check() };
        assert_eq!(mixed.returned_unasked(), 1);
    }
}
