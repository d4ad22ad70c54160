//! Where everything stands: per trust, rows, studies, instances and clinical records by state, in sums that must agree.

mod studies;

pub use studies::{SourceStatus, StudyStatus, by_source, by_study};

use crate::context::{Hub, HubError, Served};
use crate::store::{Count, InstanceCount};
use platform::jobs;
use std::collections::BTreeMap;

/// The states of an instance, in the order in which it goes through them.
pub const INSTANCE_STATES: [&str; 10] = [
    "missing",
    "received",
    "held",
    "quarantined",
    "rejected",
    "cleared",
    "consigned",
    "sent",
    "acknowledged",
    "refused",
];

/// How many stand in each state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct States(BTreeMap<String, i64>);

impl States {
    /// How many stand in this one.
    pub fn of(&self, state: &str) -> i64 {
        self.0.get(state).copied().unwrap_or(0)
    }

    /// All together.
    pub fn sum(&self) -> i64 {
        self.0.values().sum()
    }

    /// The states in which any stand, and how many.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i64)> {
        self.0.iter().map(|(state, n)| (state.as_str(), *n))
    }

    fn add(&mut self, state: &str, n: i64) {
        if n > 0 {
            *self.0.entry(state.to_owned()).or_default() += n;
        }
    }
}

/// One trust, or what no trust could be found for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustStatus {
    /// ODS code; `unattributed` where there is none.
    pub trust: String,
    /// Cohort rows.
    pub rows: States,
    /// Studies found.
    pub studies: States,
    /// Instances; what an archive has announced and not yet listed stands in `missing`, or in `held` with its study.
    pub instances: States,
    /// Clinical records.
    pub clinical: States,
    /// Instances that the studies hold, as their archives say, and what came unasked.
    pub expected: i64,
    /// (what, state, reason) and how many.
    pub reasons: BTreeMap<(&'static str, String, String), i64>,
}

/// One project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectStatus {
    /// Its name.
    pub project: String,
    /// By trust.
    pub trusts: Vec<TrustStatus>,
    /// Consignments that wait for their receipt, by sequence number.
    pub unanswered: Vec<i64>,
}

/// The whole hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Its projects.
    pub projects: Vec<ProjectStatus>,
    /// Jobs by kind and state.
    pub jobs: Vec<jobs::Count>,
    /// Jobs that wait for a person.
    pub parked: Vec<jobs::Parked>,
    /// Sources and trusts that are paused by hand.
    pub paused: Vec<String>,
}

impl TrustStatus {
    /// Whether every expected instance is in exactly one state.
    pub fn reconciles(&self) -> bool {
        self.instances.sum() == self.expected
    }
}

/// Jobs that a status lists at most.
const PARKED_MAX: u32 = 1000;

/// Where everything stands.
pub async fn status(hub: &Hub) -> Result<Status, HubError> {
    let mut projects = Vec::new();
    for served in &hub.projects {
        projects.push(of_project(hub, served).await?);
    }
    let mut paused = Vec::new();
    let sources = hub.config.sources.iter().map(|source| source.name.as_str());
    for subject in sources.chain(hub.config.trusts.iter().map(|trust| trust.ods.as_str())) {
        if hub.store.paused(subject).await? {
            paused.push(subject.to_owned());
        }
    }
    let mut reader = hub.store.db().read().await?;
    Ok(Status {
        projects,
        jobs: jobs::counts(&mut reader, hub.clock.now()).await?,
        parked: jobs::parked(&mut reader, PARKED_MAX).await?,
        paused,
    })
}

/// Where a project stands.
pub async fn of_project(hub: &Hub, served: &Served) -> Result<ProjectStatus, HubError> {
    let project = &served.project.name;
    let mut by_trust = ByTrust::default();
    for trust in hub.governance.trusts() {
        by_trust.of(Some(&trust.ods));
    }
    for count in hub.store.row_counts(project).await? {
        by_trust.count("row", &count, |trust| &mut trust.rows);
    }
    for count in hub.store.study_counts(project).await? {
        by_trust.count("study", &count, |trust| &mut trust.studies);
    }
    for count in hub.store.clinical_counts(project).await? {
        by_trust.count("clinical record", &count, |trust| &mut trust.clinical);
    }
    for InstanceCount { trust, state, reason, n, .. } in hub.store.instance_counts(project).await? {
        let trust = by_trust.of(trust.as_deref());
        trust.instances.add(&state, n);
        note(trust, "instance", &state, reason.as_deref(), n);
    }
    let mut reader = hub.store.db().read().await?;
    let few = hub.store.few_ages(&mut reader, project, served.profile.age_people_min()).await?;
    for Count { trust, state, reason, n } in hub.store.few_ages_counts(&mut reader, project, &few).await? {
        note(by_trust.of(Some(&trust)), "instance", &state, reason.as_deref(), n);
    }
    drop(reader);
    for Count { trust, state, reason, n } in hub.store.announced_counts(project).await? {
        let trust = by_trust.of(Some(&trust));
        let state = state_of_announced(&state);
        trust.instances.add(state, n);
        note(trust, "instance", state, reason.as_deref(), n);
    }
    for (trust, expected) in hub.store.expected_counts(project).await? {
        by_trust.of(trust.as_deref()).expected += expected;
    }
    let unanswered = hub.store.consignments_in(project, "sent").await?;
    Ok(ProjectStatus {
        project: project.clone(),
        trusts: by_trust.0.into_values().collect(),
        unanswered: unanswered.iter().map(|consignment| consignment.sequence).collect(),
    })
}

#[derive(Default)]
struct ByTrust(BTreeMap<String, TrustStatus>);

impl ByTrust {
    fn of(&mut self, trust: Option<&str>) -> &mut TrustStatus {
        let trust = trust.unwrap_or("unattributed");
        self.0
            .entry(trust.to_owned())
            .or_insert_with(|| TrustStatus { trust: trust.to_owned(), ..TrustStatus::default() })
    }

    fn count(&mut self, what: &'static str, count: &Count, states: fn(&mut TrustStatus) -> &mut States) {
        let trust = self.of(Some(&count.trust));
        states(trust).add(&count.state, count.n);
        note(trust, what, &count.state, count.reason.as_deref(), count.n);
    }
}

/// A study that waits for a person holds all that is in it, one that is ruled out rules it out; of any other the rest is on its
/// way.
fn state_of_announced(study: &str) -> &'static str {
    match study {
        "held" => "held",
        "excluded" => "rejected",
        _ => "missing",
    }
}

fn note(trust: &mut TrustStatus, what: &'static str, state: &str, reason: Option<&str>, n: i64) {
    if let Some(reason) = reason {
        *trust.reasons.entry((what, state.to_owned(), reason.to_owned())).or_default() += n;
    }
}
