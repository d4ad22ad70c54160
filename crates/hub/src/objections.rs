//! Who must not be used: runs of the national opt-out check, and local objections, become marks at people.

use crate::cohort::{PeopleList, Problem, Unreadable, read_people};
use crate::context::{Hub, HubError};
use crate::linkage::{Identity, OptOutMark};
use crate::pipeline::review::{ReviewError, retry_row};
use chrono::NaiveDate;
use deid::custody::Sensitive;
use deid::identity::PersonKey;
use platform::audit::{self, Details};
use std::collections::{BTreeSet, HashMap, HashSet};

/// A list could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// It cannot be read.
    #[error("{list}: {error}")]
    Unreadable {
        /// Which list.
        list: &'static str,
        /// Why.
        error: Unreadable,
    },
    /// The two lists are not of one run.
    #[error("{n} numbers came back that were not submitted: the two lists are not of one run")]
    ReturnedUnasked {
        /// How many.
        n: usize,
    },
    /// A line of a list that says who is permitted cannot be read: guessing is not allowed here.
    #[error("{list}: {problem}")]
    Line {
        /// Which list.
        list: &'static str,
        /// What is to be mended.
        problem: Problem,
    },
    /// The hub.
    #[error(transparent)]
    Hub(#[from] HubError),
}

impl From<crate::linkage::LinkageError> for ListError {
    fn from(error: crate::linkage::LinkageError) -> Self {
        Self::Hub(error.into())
    }
}

/// What a run of the national check said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckTaken {
    /// People of this hub who were submitted.
    pub submitted: usize,
    /// Of them, who may be used.
    pub permitted: usize,
    /// Submitted numbers that this hub does not know.
    pub unknown: usize,
}

/// The list to be submitted: everybody of a project's sheets whose NHS number is known, a number and a comma per line, as
/// the checking service takes it. It names people: keep it as you keep the sheets.
pub async fn to_submit(hub: &Hub, project: &str) -> Result<Sensitive<String>, HubError> {
    let mut numbers = BTreeSet::new();
    for row in hub.store.rows(project).await? {
        if let Some(identity) = hub.linkage.identity(&row.person).await? {
            numbers.extend(identity.expose(&hub.custody).nhs_number.clone());
        }
    }
    Ok(Sensitive::new(numbers.iter().map(|number| format!("{number},\r\n")).collect()))
}

/// Takes the list submitted to the checking service and the list that it returned, of one run.
pub async fn check_taken(
    hub: &Hub,
    submitted: &[u8],
    returned: &[u8],
    checked: NaiveDate,
    actor: &str,
) -> Result<CheckTaken, ListError> {
    let submitted = strict(hub, submitted, "the list submitted")?;
    let returned = strict(hub, returned, "the list returned")?;
    let unasked = returned.iter().filter(|number| !submitted.contains(number)).count();
    if unasked > 0 {
        return Err(ListError::ReturnedUnasked { n: unasked });
    }
    let (mut marks, mut unknown, mut permitted) = (Vec::new(), 0, 0);
    for number in &submitted {
        let Some(found) = hub.linkage.find(number, &hub.custody).await? else {
            unknown += 1;
            continue;
        };
        let is_permitted = returned.contains(number);
        permitted += usize::from(is_permitted);
        let mark = OptOutMark { kind: "national".into(), permitted: is_permitted, checked };
        marks.push((found.person, mark));
    }
    hub.linkage.mark_opt_outs(&marks).await?;
    let taken = CheckTaken { submitted: marks.len(), permitted, unknown };
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let details =
        Details::new().number("submitted", count(taken.submitted)).number("permitted", count(permitted));
    record(hub, "hub", actor, "opt-out check taken", &details).await?;
    let permitted: HashSet<&str> =
        marks.iter().filter(|(_, mark)| mark.permitted).map(|(person, _)| person.as_str()).collect();
    ask_now(hub, &permitted, actor).await?;
    Ok(taken)
}

/// Rows that were held for want of this check are asked for now, not tomorrow.
async fn ask_now(hub: &Hub, permitted: &HashSet<&str>, actor: &str) -> Result<(), HubError> {
    for served in &hub.projects {
        for row in hub.store.rows(&served.project.name).await? {
            let code = row.reason.as_deref().unwrap_or_default();
            let waited = row.state == "held" && (code.starts_with("opt-out-") || code == "opted-out");
            if waited && permitted.contains(row.person.as_str()) {
                match retry_row(hub, &row.id, actor).await {
                    // No archive can be asked for it: it stays as it is.
                    Ok(()) | Err(ReviewError::NothingToDo { .. }) => {}
                    Err(ReviewError::Hub(error)) => return Err(error),
                    Err(_) => tracing::warn!(row = %row.id, "a row could not be asked for again"),
                }
            }
        }
    }
    Ok(())
}

/// People who object at a trust; from now on nothing of theirs leaves it. People whom no sheet names yet are remembered.
/// Returns how many, and the lines that could not be read.
pub async fn objections_taken(
    hub: &Hub,
    trust: &str,
    list: &[u8],
    issuer: Option<&str>,
    actor: &str,
) -> Result<(usize, Vec<Problem>), ListError> {
    let now = hub.clock.now();
    let PeopleList { people, problems } = read(hub, list, issuer, "the list of objections")?;
    let mut marks = Vec::new();
    // Each id of a line by itself: whether a number and a local id are one person's, a sheet says, not a list of objections.
    for key in people.iter().flat_map(|(_, keys)| keys) {
        let facts = match key {
            PersonKey::Nhs(number) => {
                Identity { nhs_number: Some(number.expose(&hub.custody).digits()), ..Identity::default() }
            }
            PersonKey::Local { issuer, id } => Identity {
                local_ids: vec![(issuer.clone(), id.expose(&hub.custody).clone())],
                ..Identity::default()
            },
        };
        let registered = hub.linkage.register(&Sensitive::new(facts), trust, &hub.custody, now).await?;
        let mark = OptOutMark { kind: format!("local:{trust}"), permitted: false, checked: hub.today() };
        marks.push((registered.person, mark));
    }
    hub.linkage.mark_opt_outs(&marks).await?;
    let details = Details::new().number("people", i64::try_from(people.len()).unwrap_or(i64::MAX));
    record(hub, trust, actor, "objections taken", &details).await?;
    Ok((people.len(), problems))
}

/// A list in which every line counts.
fn strict(hub: &Hub, bytes: &[u8], list: &'static str) -> Result<HashSet<PersonKey>, ListError> {
    let read = read(hub, bytes, None, list)?;
    let mut numbers: HashMap<u32, PersonKey> = HashMap::new();
    for (row, keys) in read.people {
        numbers.extend(keys.into_iter().find(|key| matches!(key, PersonKey::Nhs(_))).map(|key| (row, key)));
    }
    // The checking service knows numbers only: what else is wrong with a line that gives one does no harm.
    if let Some(problem) = read.problems.into_iter().find(|problem| !numbers.contains_key(&problem.row)) {
        return Err(ListError::Line { list, problem });
    }
    Ok(numbers.into_values().collect())
}

fn read(hub: &Hub, bytes: &[u8], issuer: Option<&str>, list: &'static str) -> Result<PeopleList, ListError> {
    let limits = &hub.config.limits;
    match read_people(bytes, issuer, &hub.config.placeholders, limits.sheet_bytes_max, limits.sheet_rows_max)
    {
        Ok(read) => Ok(read),
        // Nobody came back: everybody opted out.
        Err(Unreadable::Empty | Unreadable::NoRows) => Ok(PeopleList::default()),
        Err(error) => Err(ListError::Unreadable { list, error }),
    }
}

async fn record(
    hub: &Hub,
    chain: &str,
    actor: &str,
    event: &'static str,
    details: &Details,
) -> Result<(), HubError> {
    let mut tx = hub.store.write().await?;
    audit::append(&mut tx, chain, actor, event, details, hub.clock.now()).await?;
    Ok(tx.commit().await?)
}
