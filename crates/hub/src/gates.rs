//! May this person's data of this trust be touched today? Asked before querying, when de-identifying, when consigning and
//! before the manifest is put.

use crate::linkage::{Linkage, LinkageError};
use crate::optouts::{self, Checked};
use crate::project::{NationalOptOut, Project};
use crate::trusts::Governance;
use chrono_tz::Tz;
use platform::clock::Timestamp;

/// Why not; the reason code of what is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shut {
    /// The reason code, such as `lapsed-agreement` or `objected`.
    pub code: &'static str,
    /// Whether it is the trust's papers that lapsed; else it is the person who may not be used.
    pub is_lapse: bool,
}

/// The gates of one project on one day.
pub struct Gates<'a> {
    /// The trusts' papers.
    pub governance: &'a Governance,
    /// The checks and objections.
    pub linkage: &'a Linkage,
    /// The project, with its opt-out policy.
    pub project: &'a Project,
    /// Whose calendar days count.
    pub zone: Tz,
}

impl Gates<'_> {
    /// `None`: every gate is open.
    pub async fn shut(
        &self,
        trust: &str,
        person: &str,
        now: Timestamp,
    ) -> Result<Option<Shut>, LinkageError> {
        let today = now.to_utc().with_timezone(&self.zone).date_naive();
        if let Err(lapse) = self.governance.permits(trust, today) {
            return Ok(Some(Shut { code: lapse.which.code(), is_lapse: true }));
        }
        let standing = self.linkage.standing(person).await?;
        if standing.has_conflict {
            return Ok(Some(Shut { code: "identity-conflict", is_lapse: false }));
        }
        let local = format!("local:{trust}");
        let objects = standing.marks.iter().any(|mark| mark.kind == local && !mark.permitted);
        let national = standing
            .marks
            .iter()
            .find(|mark| mark.kind == "national")
            .map(|mark| Checked { returned: mark.permitted, date: mark.checked });
        let policy = &self.project.national_opt_out;
        let permitted = optouts::permits(policy, standing.has_number, national, objects, today);
        Ok(permitted.err().map(|withheld| Shut { code: withheld.code(), is_lapse: false }))
    }

    /// Whether a list speaks against a person: an objection at the trust, or a national opt-out that the project heeds. Asked of
    /// those whom an object names beside the person that it belongs to.
    pub async fn forbids(&self, trust: &str, person: &str) -> Result<bool, LinkageError> {
        let marks = self.linkage.standing(person).await?.marks;
        let newest = |kind: &str| marks.iter().find(|mark| mark.kind == kind);
        let forbidden = |kind: &str| newest(kind).is_some_and(|mark| !mark.permitted);
        let heeded = matches!(self.project.national_opt_out, NationalOptOut::Applies { .. });
        Ok(forbidden(&format!("local:{trust}")) || heeded && forbidden("national"))
    }
}
