//! Opt-outs: may this person's data be used today? Pure; the lists themselves are kept as handles by linkage.
//!
//! The national check works by absence: a list of NHS numbers is submitted, and the list that comes back leaves out who has
//! opted out. So only who was submitted *and* returned may be used. A local objection always holds, whatever a project records.

use chrono::NaiveDate;

use crate::project::NationalOptOut;

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

#[cfg(test)]
mod tests {
    use super::*;

    const APPLIES: NationalOptOut = NationalOptOut::Applies { check_age_days_max: 28 };

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn on(today: &str, returned: Option<bool>) -> Result<(), Withheld> {
        let checked = returned.map(|returned| Checked { returned, date: day("2026-11-01") });
        permits(&APPLIES, true, checked, false, day(today))
    }

    #[test]
    fn only_who_was_submitted_and_returned_may_be_used() {
        assert_eq!(on("2026-11-21", Some(true)), Ok(()));
        assert_eq!(on("2026-11-21", Some(false)), Err(Withheld::OptedOut));
        assert_eq!(on("2026-11-21", None), Err(Withheld::NotSubmitted));
        assert_eq!(permits(&APPLIES, false, None, false, day("2026-11-21")), Err(Withheld::NoNhsNumber));
    }

    #[test]
    fn an_old_check_counts_as_none_but_an_opt_out_stays() {
        assert_eq!(on("2026-11-29", Some(true)), Ok(()), "28 days");
        assert_eq!(on("2026-11-30", Some(true)), Err(Withheld::CheckTooOld));
        assert_eq!(on("2026-11-30", Some(false)), Err(Withheld::OptedOut));
        assert_eq!(
            on("2026-10-30", Some(true)),
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
        assert_eq!(
            permits(&APPLIES, true, Some(Checked { returned: true, date: today }), true, today),
            Err(Withheld::Objected)
        );
    }
}
