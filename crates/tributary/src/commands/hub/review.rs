//! `hub review`: what is held, and what a person decides about it.

use crate::ui::Table;
use anyhow::Result;
use hub::context::Hub;
use hub::pipeline::review::{self, Filter, Kind, Shown, remedy};
use std::collections::BTreeMap;
use std::process::ExitCode;

#[derive(clap::Subcommand)]
#[command(after_help = "\
Examples:
  tributary hub review list --trust RX1
  tributary hub review list --reason pixels-burned-in-annotation
  tributary hub review show 3f0c…
  tributary hub review locate 3f0c…
      to look at the image at its archive
  tributary hub review release 3f0c…
      the image was looked at and shows nothing about a person
  tributary hub review reject 3f0c… --reason name-in-pixels

Only doubts about pixels can be released, and what is released still has to pass verification.
For every other reason, mend the cause and retry, or reject.")]
pub(crate) enum Command {
    /// Everything that waits for a person, with its reasons and what to do about them
    List {
        /// The project; not needed where the hub serves one only
        #[arg(long)]
        project: Option<String>,
        /// Only this trust: ODS code
        #[arg(long)]
        trust: Option<String>,
        /// Only this reason code
        #[arg(long)]
        reason: Option<String>,
    },
    /// One instance: its reasons, what was decided, and what it consists of; never a value
    Show {
        /// Its handle, as the list gives it
        id: String,
    },
    /// Where an instance is found at its archive, to look at it there: identifying; the audit records who asked
    Locate {
        /// Its handle, as the list gives it
        id: String,
    },
    /// The pixels were looked at and show nothing about a person: go on
    Release {
        /// Its handle, as the list gives it
        id: String,
    },
    /// The cause is mended: try again
    Retry {
        /// Its handle, as the list gives it
        id: String,
    },
    /// It never goes on; what was received of it, and is not cleared yet, is destroyed
    ///
    /// A rejected study is never asked for again. A held row is withdrawn, and its clinical record rejected with it.
    Reject {
        /// Its handle, as the list gives it
        id: String,
        /// Why, as a code: lower-case letters, digits, hyphens
        #[arg(long, value_name = "CODE", default_value = "rejected-by-review")]
        reason: String,
    },
}

pub(super) async fn run(hub: &Hub, command: &Command, actor: &str) -> Result<ExitCode> {
    match command {
        Command::List { project, trust, reason } => {
            let served = super::project(hub, project.as_deref())?;
            let filter = Filter { trust: trust.clone(), reason: reason.clone() };
            list(hub, &served.project.name, &filter).await?;
        }
        Command::Show { id } => show(&review::show(hub, id).await?),
        Command::Locate { id } => {
            let located = review::locate(hub, id, actor).await?;
            println!("source: {}", located.source);
            for (name, value) in &located.keys {
                println!("{name}: {}", value.expose(&hub.custody));
            }
        }
        Command::Release { id } => {
            review::release(hub, id, actor).await?;
            println!("{id}: released; it still has to pass verification");
        }
        Command::Retry { id } => {
            review::retry(hub, id, actor).await?;
            println!("{id}: tried again as soon as the hub serves");
        }
        Command::Reject { id, reason } => {
            review::reject(hub, id, actor, reason).await?;
            println!("{id}: rejected");
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(hub: &Hub, project: &str, filter: &Filter) -> Result<()> {
    let lines = review::list(hub, project, filter).await?;
    let mut table = Table::new(&["handle", "what", "trust", "source", "state", "reason"]);
    let mut codes: BTreeMap<&str, &'static str> = BTreeMap::new();
    for line in &lines {
        let what = match line.kind {
            Kind::Row => "row",
            Kind::Study => "study",
            Kind::Instance => "instance",
            Kind::Clinical => "clinical record",
        };
        let (trust, source) = (line.trust.as_deref().unwrap_or("?"), line.source.as_deref().unwrap_or(""));
        table.row([line.id.as_str(), what, trust, source, &line.state, &line.reason]);
        codes.extend(line.reason.split_whitespace().map(|code| (code, remedy(code))));
    }
    println!("{table}");
    for (code, remedy) in codes {
        println!("{code}: {remedy}");
    }
    println!("{} wait for a person", lines.len());
    Ok(())
}

fn show(shown: &Shown) {
    let line = &shown.line;
    println!("{}  {} at {}", line.id, line.state, line.trust.as_deref().unwrap_or("no trust"));
    for (code, remedy) in &shown.remedies {
        println!("  {code}: {remedy}");
    }
    if let (Some(received), Some(bytes)) = (shown.received, shown.bytes) {
        println!("  received {received}, {bytes} bytes");
    }
    for decided in &shown.decisions {
        let note = decided.note_code.as_deref().unwrap_or("");
        println!("  {} {} by {} {note}", decided.at, decided.kind, decided.actor);
    }
    for element in &shown.header {
        let indent = "  ".repeat(element.depth + 1);
        println!("{indent}{} {:?} {} [{}]", element.tag, element.vr, element.keyword, element.length);
    }
}
