//! The power is cut: at any moment of a recorded night, what was never synced is gone, and nothing that was promised. And each
//! sync point is needed: with the syncs of just one taken for none, something that was promised is gone.

mod disk;
mod log;
mod points;
mod promises;
mod recording;

use super::one_at_a_time;
use super::place::assert_same;
use super::small::{outgoing, push};
use disk::{Keeps, Whose};
use log::Act;
use platform::testing::TempDir;
use points::{POINTS, Point};
use promises::{Loss, Promises};
use recording::Recording;
use sim::random::Random;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// Moments at which the power is cut, all syncs counting.
const CUTS: usize = 40;
/// Moments at which it is cut for each sync point left out.
const CUTS_EACH: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_loses_nothing_and_each_sync_is_needed() {
    let _alone = one_at_a_time().await;
    play(seed()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "some ten minutes"]
async fn soak_power_cuts_of_many_nights() {
    let _alone = one_at_a_time().await;
    for night in 0..15 {
        play(seed() + night).await;
    }
}

fn seed() -> u64 {
    std::env::var("TRIBUTARY_CUT_SEED").ok().map_or(1, |seed| seed.parse().expect("a number"))
}

async fn play(seed: u64) {
    println!("TRIBUTARY_CUT_SEED={seed}");
    let folder = TempDir::new();
    let began = Instant::now();
    let Some(mut recording) = Recording::make(folder.path(), seed).await else { return };
    println!(
        "{} ms: a night of {} acts, {} instances answered 0x0000",
        began.elapsed().as_millis(),
        recording.log.acts.len(),
        recording.answered.len()
    );
    let mut random = Random::labelled(seed, "cuts");
    nothing_is_lost(&recording, folder.path(), &mut random).await;
    println!("{} ms: nothing is lost in {CUTS} cuts", began.elapsed().as_millis());
    each_sync_is_needed(&recording, folder.path(), &mut random).await;
    println!("{} ms", began.elapsed().as_millis());
    // Their ports are needed again.
    recording.place.archives.clear();
    for (whose, tenths) in [(Whose::Both, 3), (Whose::Hub, 5), (Whose::National, 7), (Whose::Both, 9)] {
        let tenth = recording.log.end() / 10;
        let cut = tenth * (tenths - 1) + random.below(tenth);
        it_ends_as_if_nothing_had_been(
            &recording,
            &folder.path().join(format!("after-{tenths}")),
            cut,
            whose,
        )
        .await;
        println!("{} ms: {whose:?} cut at {cut} of {}", began.elapsed().as_millis(), recording.log.end());
    }
}

/// At any moment all promises hold, whatever the disks have kept of what was not synced.
async fn nothing_is_lost(recording: &Recording, folder: &Path, random: &mut Random) {
    let promises = Promises::new(&recording.place.hub, &recording.place.folder, folder.join("look"));
    let mut cuts: Vec<u64> = (0..CUTS / 2).map(|_| random.below(recording.log.end())).collect();
    // The moments that matter most: just after a sender knew.
    let answers: Vec<u64> = recording.answered.iter().map(|answered| answered.at).collect();
    cuts.extend((0..CUTS - CUTS / 2).map(|_| random.pick(&answers)));
    cuts.sort_unstable();
    let mut disk = recording.disk(&|_, _| false);
    for cut in cuts {
        disk.play_to(cut);
        for keeps in [Keeps::Nothing, Keeps::Some(cut)] {
            let tree = disk.after_cut(keeps, Whose::Both);
            let losses = promises.losses(&tree, &recording.answered_by(cut)).await;
            assert!(losses.is_empty(), "cut at {cut}, the disks have kept {keeps:?}: {losses:#?}");
        }
    }
}

/// Leaves out one sync point after the other; each time a promise breaks, and in the way that one expects.
async fn each_sync_is_needed(recording: &Recording, folder: &Path, random: &mut Random) {
    let mut table = format!(
        "{:30} {:>12}  {:>15}  what was lost\n",
        "sync point left out", "cuts broken", "first, of acts"
    );
    let mut unneeded = Vec::new();
    for point in POINTS {
        let (tried, broken) = leave_out(point, recording, folder, random).await;
        let lost: BTreeSet<_> = broken.iter().flat_map(|(_, losses)| losses).map(|loss| loss.kind).collect();
        let first = broken.first().map_or_else(|| "-".into(), |(act, _)| act.to_string());
        let lost_words = lost.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let cuts = format!("{} of {tried}", broken.len());
        writeln!(table, "{:30} {cuts:>12}  {first:>15}  {lost_words}", point.name).unwrap();
        if !point.loses.iter().any(|kind| lost.contains(kind)) {
            unneeded.push(point.name);
        }
    }
    println!("{table}");
    assert!(unneeded.is_empty(), "left out, and what one expects was not lost: {unneeded:?}\n{table}");
}

/// How many cuts were tried, and those that broke a promise: how many acts had been, and what was lost.
async fn leave_out(
    point: &Point,
    recording: &Recording,
    folder: &Path,
    random: &mut Random,
) -> (usize, Vec<(usize, Vec<Loss>)>) {
    let root = &recording.place.folder;
    let promises = Promises::new(&recording.place.hub, root, folder.join("look"));
    let left_out = |path: &Path, is_folder: bool| point.covers(root, path, is_folder);
    let is_left_out =
        |act: &Act| matches!(act, Act::Sync { path, inode, .. } if left_out(path, inode.is_none()));
    let first = recording.log.acts.iter().position(|(_, act)| is_left_out(act));
    let first = first.unwrap_or_else(|| panic!("{}: there is no such sync", point.name));
    let slice = (recording.log.acts.len() - first) / (CUTS_EACH - 1);
    let mut disk = recording.disk(&left_out);
    let mut broken = Vec::new();
    // One cut in each part of the night from the first such sync on, and one at its end.
    for nth in 0..CUTS_EACH {
        let within = usize::try_from(random.below(slice as u64)).unwrap();
        let act = recording.log.acts.get(first + slice * nth + within);
        let cut = act.filter(|_| nth < CUTS_EACH - 1).map_or(recording.log.end(), |(place, _)| place.end);
        disk.play_to(cut);
        let tree = disk.after_cut(Keeps::Nothing, Whose::Both);
        let losses = promises.losses(&tree, &recording.answered_by(cut)).await;
        if !losses.is_empty() {
            broken.push((disk.acts(), losses));
        }
    }
    (CUTS_EACH, broken)
}

/// The real processes start on what is left; senders bring what they were not answered for; the night ends as it did.
async fn it_ends_as_if_nothing_had_been(recording: &Recording, folder: &Path, cut: u64, whose: Whose) {
    let mut disk = recording.disk(&|_, _| false);
    disk.play_to(cut);
    let place = recording::resume(recording, &disk.after_cut(Keeps::Nothing, whose), folder).await;
    let pushed = recording.answered.iter().filter(|answered| answered.pushed && answered.at <= cut);
    let forgotten: BTreeSet<&str> = pushed.map(|answered| answered.uid.as_str()).collect();
    let mut objects = outgoing(&place);
    objects.retain(|object| !forgotten.contains(object.sop_instance.as_str()));
    let mut processes = [place.start("hub"), place.start("national")];
    processes[0].wait_until_serving();
    push(&place, &objects, 1, Duration::ZERO, |_, status| {
        assert_eq!(status, dicom::dimse::Status::SUCCESS);
    })
    .await;
    place.finish(&mut processes, &[]).await;
    drop(processes);
    assert_same(&recording.facts, &place.facts().await);
    place.check_end().await;
}
