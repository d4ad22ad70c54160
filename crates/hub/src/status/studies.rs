//! The same sums by study and by source: which study came short, and which archive it was to come from.

use super::{States, state_of_announced};
use crate::context::{Hub, HubError, Served};
use crate::store::{InstanceCount, Study};
use std::collections::BTreeMap;

/// One study of one source.
#[derive(Debug, Clone)]
pub struct StudyStatus {
    /// Whose it is, where it stands itself, and what its archive says of it.
    pub study: Study,
    /// Instances that the archive has announced and not listed one by one (yet).
    pub announced: i64,
    /// Its instances; those announced stand in `missing`, or as the study does in `held` or `rejected`.
    pub instances: States,
}

/// One source, whatever the trust.
#[derive(Debug, Clone, Default)]
pub struct SourceStatus {
    /// Its name in the configuration.
    pub source: String,
    /// Its studies.
    pub studies: States,
    /// Its instances: what its studies hold, as it says itself, and what came unasked.
    pub instances: States,
}

impl StudyStatus {
    /// Whether nothing of it is wanting any more: each instance has arrived at the national house, or a person or the policy
    /// has ruled it out. A study of which nothing is known yet is not done.
    pub fn is_done(&self) -> bool {
        let (all, is_ruled_out) = (self.instances.sum(), self.study.state == "excluded");
        (is_ruled_out || all > 0) && all == self.instances.of("acknowledged") + self.instances.of("rejected")
    }
}

/// Every study of a project, by source and trust.
pub async fn by_study(hub: &Hub, served: &Served) -> Result<Vec<StudyStatus>, HubError> {
    let mut studies: Vec<StudyStatus> = Vec::new();
    for (study, count) in hub.store.counts_by_study(&served.project.name).await? {
        if studies.last().is_none_or(|last| last.study.id != study.id) {
            studies.push(StudyStatus { study, announced: 0, instances: States::default() });
        }
        if let (Some(status), Some((state, n))) = (studies.last_mut(), count) {
            status.instances.add(&state, n);
        }
    }
    for StudyStatus { study, announced, instances } in &mut studies {
        // Of what was announced and not listed nothing is known but where the study stands.
        *announced = (study.expected.unwrap_or(0) - instances.sum()).max(0);
        instances.add(state_of_announced(&study.state), *announced);
    }
    Ok(studies)
}

/// Every source of a project.
pub async fn by_source(hub: &Hub, served: &Served) -> Result<Vec<SourceStatus>, HubError> {
    let mut sources: BTreeMap<String, SourceStatus> = BTreeMap::new();
    for source in &hub.config.sources {
        sources.entry(source.name.clone()).or_default();
    }
    for InstanceCount { source, state, n, .. } in hub.store.instance_counts(&served.project.name).await? {
        sources.entry(source).or_default().instances.add(&state, n);
    }
    for StudyStatus { study, announced, .. } in by_study(hub, served).await? {
        let source = sources.entry(study.source).or_default();
        source.instances.add(state_of_announced(&study.state), announced);
        source.studies.add(&study.state, 1);
    }
    Ok(sources.into_iter().map(|(source, status)| SourceStatus { source, ..status }).collect())
}
