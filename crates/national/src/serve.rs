//! The house at work: one round over all inboxes, rounds until told to stop, and what can be said of it.

use crate::config::Config;
use crate::error::NationalError;
use crate::house::{House, Project};
use crate::store::{Alert, ItemCount, Opened, PartitionCount};
use crate::{intake, warehouse};
use platform::clock::Clock;
use serde::Serialize;
use std::future::Future;
use std::sync::Arc;

/// What one round did. A round with nothing to do is all zeros.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Round {
    /// Consignments that were opened.
    pub opened: usize,
    /// Items that were looked at.
    pub settled: usize,
    /// Receipts that were put into inboxes.
    pub answered: usize,
}

/// What can be said of a project: every listed object is in exactly one state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProjectStatus {
    /// The project.
    pub project: String,
    /// Objects that the manifests taken in list: the sum of all states.
    pub listed: u64,
    /// Listed objects that are in no state; anything but 0 is a fault of this program.
    pub unaccounted: i64,
    /// Objects by hub, trust, state and reason.
    pub items: Vec<ItemCount>,
    /// Patients, studies and holdings by partition and kind.
    pub partitions: Vec<PartitionCount>,
    /// Versions that a later one has superseded; kept.
    pub superseded: u64,
    /// Pairs of pseudonyms of one subject in two partitions: out of every release.
    pub partition_conflicts: Vec<(String, String)>,
    /// What a person should know now.
    pub alerts: Vec<Alert>,
}

/// Opens the house and works until `shutdown` ends. Cut off anywhere, the next start goes on.
pub async fn serve(
    config: Config,
    clock: Arc<dyn Clock>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), NationalError> {
    let house = House::open(config, clock).await?;
    house.sweep().await?;
    let work = async {
        loop {
            match house.run_once().await {
                Ok(round) if round != Round::default() => {
                    tracing::info!(
                        opened = round.opened,
                        settled = round.settled,
                        answered = round.answered,
                        "round"
                    );
                    // More may have come meanwhile.
                    if round.opened > 0 {
                        continue;
                    }
                }
                Ok(_) => {}
                // The world's fault passes; a fault of the program shows again, and in the log.
                Err(error) => tracing::error!(%error, "the round did not end; it is tried again"),
            }
            house.clock.sleep(house.config.poll_s.duration()).await;
        }
    };
    tokio::select! {
        () = shutdown => Ok(()),
        () = work => Ok(()),
    }
}

impl House {
    /// One round over all projects. One project's trouble does not stop another's work; the first trouble is told.
    pub async fn run_once(&self) -> Result<Round, NationalError> {
        let (mut all, mut trouble) = (Round::default(), None);
        for project in &self.projects {
            match self.run_project(project).await {
                Ok(round) => {
                    all.opened += round.opened;
                    all.settled += round.settled;
                    all.answered += round.answered;
                }
                Err(error) => {
                    tracing::error!(project = project.id(), %error, "the project's round did not end");
                    trouble = trouble.or(Some(error));
                }
            }
        }
        trouble.map_or(Ok(all), Err)
    }

    async fn run_project(&self, project: &Project) -> Result<Round, NationalError> {
        let mut round = Round { opened: intake::discover(self, project).await?, ..Round::default() };
        for consignment in self.store.unanswered(project.id()).await? {
            if consignment.receipt.is_none() {
                loop {
                    let settled = intake::settle_slice(self, project, &consignment).await?;
                    round.settled += settled;
                    if settled == 0 {
                        break;
                    }
                }
                intake::decide(self, &consignment).await?;
            }
            let decided = self.reload(&consignment).await?;
            intake::answer(self, project, &decided).await?;
            if decided.amendments > 0 {
                intake::decide(self, &decided).await?;
                intake::answer(self, project, &self.reload(&decided).await?).await?;
            }
            round.answered += 1;
        }
        round.settled += intake::settle_held(self, project).await?;
        warehouse::retire(self, project).await?;
        Ok(round)
    }

    async fn reload(&self, consignment: &Opened) -> Result<Opened, NationalError> {
        let Opened { project, hub, sequence, .. } = consignment;
        let found = self.store.consignment(project, hub, *sequence).await?;
        found.ok_or_else(|| NationalError::bug("a consignment has gone"))
    }

    /// What can be said of every project.
    pub async fn status(&self) -> Result<Vec<ProjectStatus>, NationalError> {
        let mut all = Vec::new();
        for project in &self.projects {
            let id = project.id();
            let listed = self.store.items_listed(id).await?;
            let items = self.store.item_counts(id).await?;
            let counted: u64 = items.iter().map(|count| count.items).sum();
            all.push(ProjectStatus {
                project: id.to_owned(),
                listed,
                unaccounted: i64::try_from(listed).unwrap_or(i64::MAX)
                    - i64::try_from(counted).unwrap_or(i64::MAX),
                items,
                partitions: self.store.partition_counts(id).await?,
                superseded: self.store.superseded(id).await?,
                partition_conflicts: self.store.partition_conflicts(id).await?,
                alerts: self.store.alerts(id).await?,
            });
        }
        Ok(all)
    }
}
