//! From an arm and an anchor date to the study dates that are asked for (Range Matching, PS3.4 §C.2.2.2.5). Pure.

use std::fmt;

use chrono::{Days, Months, NaiveDate};

use crate::project::{Arm, Reach};

/// Study dates from one day to another, both included; no `to` means that later studies belong to it too.
///
/// True dates of a person follow from it, so Debug does not print them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DateWindow {
    from: Option<NaiveDate>,
    to: Option<NaiveDate>,
}

impl DateWindow {
    /// The window of an arm around its anchor date.
    ///
    /// Years are calendar years: three years before 15 March 2020 is 15 March 2017. From 29 February to a year that has none
    /// it is 28 February.
    pub fn of(arm: &Arm, anchor: NaiveDate) -> Self {
        Self { from: before(anchor, arm.before), to: after(anchor, arm.after) }
    }

    /// Whether a study of that day belongs to the window.
    pub fn contains(&self, study_date: NaiveDate) -> bool {
        self.from.is_none_or(|from| from <= study_date) && self.to.is_none_or(|to| study_date <= to)
    }

    /// The value for Study Date (0008,0020) in a query; empty when every date belongs.
    pub fn dicom_range(&self) -> String {
        let day = |d: Option<NaiveDate>| d.map_or(String::new(), |d| d.format("%Y%m%d").to_string());
        match (self.from, self.to) {
            (None, None) => String::new(),
            (Some(from), Some(to)) if from == to => day(Some(from)),
            (from, to) => format!("{}-{}", day(from), day(to)),
        }
    }

    /// Whether later studies will go on belonging to it.
    pub fn is_open_ended(&self) -> bool {
        self.to.is_none()
    }

    /// Whether an archive must be asked (again) today, when it was last asked on `last_asked`.
    ///
    /// Studies reach archives late, so a window that ends is asked until `settle_days` after its end; an open-ended one every night.
    pub fn is_due(&self, last_asked: Option<NaiveDate>, today: NaiveDate, settle_days: u32) -> bool {
        if self.from.is_some_and(|from| today < from) {
            return false;
        }
        let Some(last) = last_asked else {
            return true;
        };
        last < today
            && self.to.is_none_or(|to| {
                to.checked_add_days(Days::new(u64::from(settle_days))).is_none_or(|end| last < end)
            })
    }
}

impl fmt::Debug for DateWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_open_ended() { "DateWindow(open-ended)" } else { "DateWindow" })
    }
}

fn before(anchor: NaiveDate, reach: Reach) -> Option<NaiveDate> {
    match reach {
        Reach::Days(n) => anchor.checked_sub_days(Days::new(u64::from(n))),
        Reach::Years(n) => anchor.checked_sub_months(Months::new(n.saturating_mul(12))),
        Reach::Open => None,
    }
}

fn after(anchor: NaiveDate, reach: Reach) -> Option<NaiveDate> {
    match reach {
        Reach::Days(n) => anchor.checked_add_days(Days::new(u64::from(n))),
        Reach::Years(n) => anchor.checked_add_months(Months::new(n.saturating_mul(12))),
        Reach::Open => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Project;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn nccid(arm: &str, anchor: &str) -> DateWindow {
        let project = Project::named("nccid").unwrap();
        DateWindow::of(project.arm(arm).unwrap(), day(anchor))
    }

    #[test]
    fn positive_is_three_calendar_years_before_the_swab_and_open_ended() {
        let window = nccid("positive", "2020-03-15");
        assert_eq!(window.dicom_range(), "20170315-");
        assert!(window.contains(day("2017-03-15")) && !window.contains(day("2017-03-14")));
        assert!(window.contains(day("2031-01-01")) && window.is_open_ended());
    }

    #[test]
    fn negative_is_twenty_eight_days_before_to_the_swab_day_inclusive() {
        let window = nccid("negative", "2020-03-15");
        assert_eq!(window.dicom_range(), "20200216-20200315");
        assert!(window.contains(day("2020-02-16")) && window.contains(day("2020-03-15")));
        assert!(!window.contains(day("2020-02-15")) && !window.contains(day("2020-03-16")));
    }

    #[test]
    fn three_years_before_a_leap_day_is_the_28th_of_february() {
        assert_eq!(nccid("positive", "2020-02-29").dicom_range(), "20170228-");
    }

    #[test]
    fn an_open_ended_window_is_due_every_night_a_closed_one_until_it_has_settled() {
        let open = nccid("positive", "2020-03-15");
        assert!(open.is_due(None, day("2026-01-01"), 7));
        assert!(!open.is_due(Some(day("2026-01-01")), day("2026-01-01"), 7), "once a night");
        assert!(open.is_due(Some(day("2026-01-01")), day("2026-01-02"), 7));
        let closed = nccid("negative", "2020-03-15");
        assert!(closed.is_due(Some(day("2020-03-21")), day("2020-03-22"), 7));
        assert!(!closed.is_due(Some(day("2020-03-22")), day("2020-03-23"), 7));
        assert!(closed.is_due(None, day("2026-01-01"), 7), "a first question is always due");
    }

    #[test]
    fn debug_tells_no_date() {
        assert_eq!(format!("{:?}", nccid("negative", "2020-03-15")), "DateWindow");
    }
}

#[cfg(test)]
mod laws {
    use proptest::prelude::*;

    use super::*;
    use crate::project::Project;

    proptest! {
        #[test]
        fn the_anchor_day_is_always_inside_and_the_range_says_what_contains_says(days in 0u32..60_000, probe in 0u32..60_000) {
            let epoch = NaiveDate::from_ymd_opt(1900, 1, 1).unwrap();
            let (anchor, probe) = (epoch + Days::new(days.into()), epoch + Days::new(probe.into()));
            for arm in &Project::named("nccid").unwrap().arms {
                let window = DateWindow::of(arm, anchor);
                prop_assert!(window.contains(anchor));
                let range = window.dicom_range();
                let (from, to) = range.split_once('-').unwrap();
                let text = probe.format("%Y%m%d").to_string();
                let inside = from <= text.as_str() && (to.is_empty() || text.as_str() <= to);
                prop_assert_eq!(window.contains(probe), inside);
            }
        }
    }
}
