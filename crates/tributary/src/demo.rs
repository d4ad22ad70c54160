//! The demo: thirteen simulated trusts on nine archives, one hub, one national house, a whole night on this machine.
//!
//! All is real but the hospitals: configuration files, keys, sockets, databases, consignments and receipts. The simulation
//! knows what must come of every instance, and the night is held against it.

pub mod house;
mod late;
mod reckon;
mod report;

use anyhow::{Context, Result, bail};
use deid::custody::Custody;
use hub::context::Hub;
use hub::pipeline::nightly;
use hub::service::Service;
use platform::clock::{Clock, SystemClock};
use platform::shutdown::shutdown;
use sim::region::{Fate, Region, Size};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use house::{Keep, Servers};
pub use report::{ArmReport, HeldReport, LateReport, PeopleReport, Report, TrustReport};

/// What is played.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where everything is kept; must be empty or absent.
    pub folder: PathBuf,
    /// The same seed plays the same night.
    pub seed: u64,
    /// How much of everything.
    pub size: Size,
    /// Where the houses keep things: nothing but what their configuration files say hangs on it.
    pub keep: Keep,
}

/// The collecting part of a night takes this long at most; then it is reported as it stands.
const COLLECT_MAX: Duration = Duration::from_secs(480);
/// A job due later than this belongs to another night (leases included: they end within it).
const TONIGHT: Duration = Duration::from_secs(3 * 3600);
/// How often progress is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// Plays a night and tells what came of it. `tell` is called with each stage, `now` with how far it is.
pub async fn play(
    options: &Options,
    custody: Custody,
    tell: &(dyn Fn(&str) + Sync),
    now: &(dyn Fn(String) + Sync),
) -> Result<Report> {
    let clock = SystemClock::shared();
    let began = clock.elapsed();
    let mut region = Region::nccid(options.seed, options.size);
    let late = region.come_late();
    tell(&format!(
        "a region: {} trusts on {} archives, {} instances of {} people",
        region.trusts.len(),
        region.sources.len(),
        region.instances.len(),
        reckon::people(&region),
    ));
    let mut archives = Vec::new();
    for archive in region.archives() {
        archives.push(archive.serve().await.context("a simulated archive cannot listen")?);
    }
    let ports: Vec<u16> = archives.iter().map(|archive| archive.address.port()).collect();
    let papers = house::write(&options.folder, &region, &ports, &options.keep)?;
    let mut config = hub::config::Config::load(&papers.hub)?;
    // About half of what will be cleared: the rest waits for a second consignment.
    let half = region.count(|fate| *fate == Fate::Acknowledged) / 2;
    config.limits.consignment_objects_max = u32::try_from(half)?.max(1);
    let hub = Arc::new(Hub::open(config, Arc::clone(&clock), custody).await?);
    let rows = house::import(&hub, &region, &options.folder).await?;
    tell(&format!("cohort sheets: {rows} rows; opt-out check and objections taken"));

    let service = Service::start(Arc::clone(&hub)).await?;
    for running in &archives {
        running.archive.know(house::HUB_AE, service.address());
    }
    collect(&hub, &service, clock.as_ref(), now).await?;
    tell(&format!("collected and de-identified ({:.0} s)", (clock.elapsed() - began).as_secs_f32()));

    drop(service);
    let due = late::seal_half(&hub, &region, &late).await?;
    let hub = late::arrive(hub, &papers, &options.folder, &late).await?;
    tell("with half of it sealed, somebody objects and an impact assessment expires");

    let night = nightly::night(&hub).await?;
    tell(&format!("consignments sent: {}", night.sent));
    let national = national::config::Config::load(&papers.national)?;
    let house = national::house::House::open(national, Arc::clone(&clock)).await?;
    let round = house.run_once().await?;
    tell(&format!(
        "taken in by the national house: {} items, {} receipts signed",
        round.settled, round.answered
    ));
    let morning = nightly::night(&hub).await?;
    tell(&format!("receipts believed: {}", morning.receipted));
    if !(night.alerts.is_empty() && morning.alerts.is_empty()) {
        bail!("the night gave alerts: {:?} {:?}", night.alerts, morning.alerts);
    }
    let asked: Vec<_> = archives.iter().map(|running| Arc::clone(&running.archive)).collect();
    let mut report = reckon::reckon(&hub, &house, &region, &asked).await?;
    due.check(&hub, &region, &late, &mut report).await?;
    report.folder = options.folder.clone();
    report.took = clock.elapsed() - began;
    Ok(report)
}

/// Lets the hub work until nothing is left to be done tonight.
pub async fn collect(
    hub: &Arc<Hub>,
    service: &Service,
    clock: &dyn Clock,
    now: &(dyn Fn(String) + Sync),
) -> Result<()> {
    let (handle, hears) = shutdown();
    let watch = async {
        let until = clock.now().plus(COLLECT_MAX);
        while clock.now() < until {
            clock.sleep(LOOK).await;
            let status = hub::status::status(hub).await?;
            let mut line = String::new();
            for state in hub::status::INSTANCE_STATES {
                let trusts = status.projects.iter().flat_map(|project| &project.trusts);
                let n: i64 = trusts.map(|trust| trust.instances.of(state)).sum();
                if n > 0 {
                    line += &format!("{state} {n}  ");
                }
            }
            now(line);
            let tonight = clock.now().plus(TONIGHT);
            if service.next_due().await?.is_none_or(|due| due > tonight) {
                break;
            }
        }
        handle.request();
        Ok::<(), anyhow::Error>(())
    };
    let (watched, ()) = tokio::join!(watch, service.serve(hears));
    watched
}
