//! `tributary demo`: a whole night on this machine.

use crate::demo::{Keep, Options, play};
use crate::ui::Progress;
use ::deid::custody::Custody;
use anyhow::Result;
use sim::region::{Region, Size};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// Play a night: thirteen simulated trusts, one hub, one national house
///
/// Nine archives with different manners hold the studies of thirteen trusts. The hub reads the trusts' sheets, asks the
/// archives, de-identifies what comes and sends a consignment; the national house takes it in and signs receipts. Then
/// everything is held against what the simulation planted. Nobody in it is real.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tributary demo
  tributary demo --keep /tmp/region
      keeps configurations, keys, databases, inbox and warehouse, and says how to look at them; on a terminal the archives
      and both houses are left running, until Ctrl-C

Exit status: 0 all came as planned, 1 it did not.")]
pub(crate) struct Args {
    /// Keep everything in this folder, which must be new or empty
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// The same seed plays the same night
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// People of each trust's cohort beyond those that are planted
    #[arg(long, value_name = "N", default_value_t = Size::DEMO.people)]
    people: u32,
    /// Slices of a CT or MR stack
    #[arg(long, value_name = "N", default_value_t = Size::DEMO.slices)]
    slices: u32,
    /// Rows and columns of an image
    #[arg(long, value_name = "N", default_value_t = Size::DEMO.pixels)]
    pixels: u16,
}

pub(crate) async fn run(args: &Args, custody: Custody) -> Result<ExitCode> {
    let temporary = std::env::temp_dir().join(format!("tributary-demo-{}", std::process::id()));
    let folder = args.keep.clone().unwrap_or_else(|| temporary.clone());
    let progress = Progress::new();
    let options = Options {
        folder: folder.clone(),
        seed: args.seed,
        size: Size { people: args.people, slices: args.slices, pixels: args.pixels },
        keep: Keep::Folder,
    };
    let played = play(&options, custody, &|line| progress.line(line), &|line| progress.now(line)).await;
    drop(progress);
    let kept = args.keep.is_some();
    if let Ok(report) = &played {
        println!("\n{report}");
        if kept {
            println!("{}", what_next(&folder));
            if std::io::stdout().is_terminal() {
                stay(&folder, &options).await?;
            }
        } else {
            println!(
                "Next: tributary demo --keep DIR keeps the folders to look at; tributary hub --help is the way to your own."
            );
        }
    }
    if !kept {
        std::fs::remove_dir_all(&temporary).ok();
    }
    Ok(if played?.is_as_planned() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Serves the archives again, and both houses as processes of their own, until Ctrl-C.
async fn stay(folder: &Path, options: &Options) -> Result<()> {
    let config = hub::config::Config::load(&folder.join("hub.toml"))?;
    let mut archives = Vec::new();
    let region = Region::nccid(options.seed, options.size);
    for (archive, source) in region.archives().into_iter().zip(&config.sources) {
        let running = archive.serve_at(([127, 0, 0, 1], source.endpoint.port).into()).await?;
        running.archive.know(config.listen.ae_title.as_str(), config.listen.address);
        archives.push(running);
    }
    let mut houses = Vec::new();
    for house in ["hub", "national"] {
        let log = std::fs::File::create(folder.join(format!("{house}.log")))?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args([house, "serve", "--config"]).arg(folder.join(format!("{house}.toml")));
        houses.push(command.stdin(Stdio::null()).stderr(log).spawn()?);
    }
    println!(
        "\nThe archives, the hub and the national house go on running; their logs lie beside the rest. Ctrl-C ends them."
    );
    super::until_asked_to_end().requested().await;
    for mut house in houses {
        // Killed at any moment, a house goes on where it was.
        house.kill().ok();
        house.wait().ok();
    }
    Ok(())
}

fn what_next(folder: &Path) -> String {
    let at = |name: &str| folder.join(name).display().to_string();
    format!(
        "What lies where:\n  {}  the hub's configuration\n  {}  the national house's\n  {}  consignments and receipts\n  \
         {}  the warehouse\n\nWhat to try next:\n  tributary hub --config {hub} status\n  tributary hub --config {hub} review list\n  \
         tributary hub --config {hub} sheet regional\n  tributary hub --config {hub} dataflow\n  \
         tributary national --config {national} status\n  tributary audit verify --config {hub}",
        at("hub.toml"),
        at("national.toml"),
        at("inbox"),
        at("warehouse"),
        hub = at("hub.toml"),
        national = at("national.toml"),
    )
}
