//! Receiving: C-STORE from several associations at once, until the last answer.

use crate::Bench;
use crate::data::{self, File};
use crate::load::{self, Receiver};
use crate::measure::{Comparison, Row, Server, files, free_port, has, settle};
use anyhow::Result;
use std::path::Path;
use std::process::Command;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Associations at once
    #[arg(long, value_delimiter = ',', default_values_t = [1, 4, 13])]
    associations: Vec<usize>,
    /// People of 100 CT images each
    #[arg(long, default_value_t = 20)]
    people: u64,
}

impl Default for Args {
    fn default() -> Self {
        Self { associations: vec![1, 4, 13], people: 20 }
    }
}

const FLOOR: &str = "floor, synced before the answer";
const TRIBUTARY: &str = "tributary bench receive";
const DCMTK: &str = "DCMTK storescp, tuned, not synced";

pub(crate) fn run(bench: &Bench, args: &Args) -> Result<()> {
    let files = data::CT.files(bench, args.people)?;
    println!("## Receive {} CT of 0.5 MiB\n", files.len());
    for associations in &args.associations {
        let mut comparison = Comparison::new(format!("{associations} associations"));
        for _ in 0..bench.reps {
            for contender in [FLOOR, TRIBUTARY, DCMTK] {
                if contender != DCMTK || (bench.peers && has("storescp")) {
                    comparison.add(once(bench, contender, &files, *associations)?);
                }
            }
        }
        comparison.print();
    }
    Ok(())
}

fn once(bench: &Bench, contender: &str, objects: &[File], associations: usize) -> Result<Row> {
    let out = bench.fresh("receive")?;
    settle();
    let port = free_port()?;
    let mut server =
        Server::start(&mut command(bench, contender, port, &out), &bench.folder.join("receive.log"))?;
    server.wait_for(port)?;
    let before = server.cpu_s();
    let pushed = load::push(Receiver { port, called: "TRIBUTARY", calling: "BENCH" }, objects, associations)?;
    let cpu_s = server.cpu_s() - before;
    let rss_mib = server.rss_mib();
    drop(server);
    // The program's databases lie beside the objects.
    let kept = files(&out)?.iter().filter(|path| !path.to_string_lossy().contains(".db")).count();
    let complete = pushed.stored == objects.len() && kept >= objects.len();
    let row = Row {
        contender: contender.into(),
        objects: pushed.stored,
        bytes: objects.iter().map(File::len).sum(),
        wall_s: pushed.wall_s,
        cpu_s,
        p50_ms: pushed.percentile_ms(50),
        p99_ms: pushed.percentile_ms(99),
        rss_mib,
        note: if complete { String::new() } else { format!("{kept} of {} kept", objects.len()) },
    };
    bench.empty(&out)?;
    Ok(row)
}

fn command(bench: &Bench, contender: &str, port: u16, out: &Path) -> Command {
    let port = port.to_string();
    match contender {
        FLOOR => {
            let mut command = Command::new(std::env::current_exe().unwrap_or_default());
            command.arg("floor").arg("--port").arg(port).arg("--out").arg(out);
            command
        }
        DCMTK => {
            let mut command = Command::new("storescp");
            // Bit-preserving, a process for each association, large PDUs, and no Nagle delay.
            command.env("TCP_NODELAY", "1").args(["+xa", "--fork", "+B", "-pdu", "131072", "-od"]);
            command.arg(out).arg(port);
            command
        }
        _ => {
            let mut command = Command::new(&bench.tributary);
            command.args(["bench", "receive", "--port"]).arg(port).arg("--out").arg(out);
            command
        }
    }
}
