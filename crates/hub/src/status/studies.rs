//! The same sums by study and by source: which study came short, and which archive it was to come from.

use super::{States, add, state_of_announced};
use crate::context::{Hub, HubError, Served};
use crate::store::{InstanceCount, StudyCount};
use std::collections::BTreeMap;

/// One study of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StudyStatus {
    /// Its handle, as the audit and the review name it.
    pub study: String,
    /// The source it is asked from.
    pub source: String,
    /// ODS code of its trust.
    pub trust: String,
    /// Where it stands itself.
    pub state: String,
    /// Why, where it is held, short or excluded.
    pub reason: Option<String>,
    /// Instances, as its archive says; `None` until it has said.
    pub expected: Option<i64>,
    /// Instances that the archive has announced and not listed one by one (yet).
    pub announced: i64,
    /// Its instances; those announced stand in `missing`, or as the study does in `held` or `rejected`.
    pub instances: States,
}

/// One source, whatever the trust.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceStatus {
    /// Its name in the configuration.
    pub source: String,
    /// Its studies.
    pub studies: States,
    /// Its instances: what its studies hold, as it says itself, and what came unasked.
    pub instances: States,
}

impl StudyStatus {
    fn new(count: StudyCount) -> Self {
        let StudyCount { study, source, trust, state, reason, expected, .. } = count;
        Self { study, source, trust, state, reason, expected, announced: 0, instances: States::new() }
    }

    /// How many instances stand in a state.
    pub fn in_state(&self, state: &str) -> i64 {
        self.instances.get(state).copied().unwrap_or(0)
    }

    /// All states together.
    pub fn sum(&self) -> i64 {
        self.instances.values().sum()
    }

    /// Whether nothing of it is wanting any more: each instance has arrived at the national house, or a person or the policy
    /// has ruled it out. A study of which nothing is known yet is not done.
    pub fn is_done(&self) -> bool {
        let is_ruled_out = self.state == "excluded";
        (is_ruled_out || self.sum() > 0)
            && self.sum() == self.in_state("acknowledged") + self.in_state("rejected")
    }

    /// Of what was announced and not listed nothing is known but where the study stands.
    fn account_for_announced(&mut self) {
        self.announced = (self.expected.unwrap_or(0) - self.sum()).max(0);
        add(&mut self.instances, state_of_announced(&self.state), self.announced);
    }
}

impl SourceStatus {
    /// How many instances stand in a state.
    pub fn in_state(&self, state: &str) -> i64 {
        self.instances.get(state).copied().unwrap_or(0)
    }

    /// All states together.
    pub fn sum(&self) -> i64 {
        self.instances.values().sum()
    }
}

/// Every study of a project, by source and trust.
pub async fn by_study(hub: &Hub, served: &Served) -> Result<Vec<StudyStatus>, HubError> {
    let mut studies: Vec<StudyStatus> = Vec::new();
    for mut count in hub.store.counts_by_study(&served.project.name).await? {
        let of_instances = count.instances.take();
        if studies.last().is_none_or(|last| last.study != count.study) {
            studies.push(StudyStatus::new(count));
        }
        if let (Some(study), Some((state, n))) = (studies.last_mut(), of_instances) {
            study.instances.insert(state, n);
        }
    }
    studies.iter_mut().for_each(StudyStatus::account_for_announced);
    Ok(studies)
}

/// Every source of a project.
pub async fn by_source(hub: &Hub, served: &Served) -> Result<Vec<SourceStatus>, HubError> {
    let mut sources: BTreeMap<String, SourceStatus> = BTreeMap::new();
    for source in &hub.config.sources {
        sources.entry(source.name.clone()).or_default();
    }
    for InstanceCount { source, state, n, .. } in hub.store.instance_counts(&served.project.name).await? {
        add(&mut sources.entry(source).or_default().instances, &state, n);
    }
    for study in by_study(hub, served).await? {
        let source = sources.entry(study.source.clone()).or_default();
        add(&mut source.instances, state_of_announced(&study.state), study.announced);
        add(&mut source.studies, &study.state, 1);
    }
    Ok(sources.into_iter().map(|(source, status)| SourceStatus { source, ..status }).collect())
}
