//! Time and processor of programs, medians, and the table that they go into.

use anyhow::{Context, Result, bail};
use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The kernel tells processor time in hundredths of a second, whatever its own clock does (proc(5)).
const TICKS_PER_S: f64 = 100.0;
const GIB: f64 = (1u64 << 30) as f64;
const MIB: f64 = (1u64 << 20) as f64;

/// One contender once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    pub(crate) contender: String,
    pub(crate) objects: usize,
    pub(crate) bytes: u64,
    pub(crate) wall_s: f64,
    pub(crate) cpu_s: f64,
    /// Of the answer to an object, milliseconds; none where nobody answers.
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    /// The most memory that it held at once.
    pub(crate) rss_mib: f64,
    /// What is wrong with what it left.
    pub(crate) note: String,
}

/// All rows of one comparison.
pub(crate) struct Comparison {
    title: String,
    rows: Vec<Row>,
}

impl Comparison {
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), rows: Vec::new() }
    }

    pub(crate) fn add(&mut self, row: Row) {
        eprintln!(
            "    {:<34} {:>7.2} s {:>7.2} CPU s {:>6} objects {}",
            row.contender, row.wall_s, row.cpu_s, row.objects, row.note
        );
        self.rows.push(row);
    }

    /// Medians of each contender, with its rate over that of `base`, the contender that was added first.
    pub(crate) fn print(&self) {
        println!("### {}\n", self.title);
        println!(
            "| | objects/s | MiB/s | × first | spread of × | CPU s/GiB | p50 ms | p99 ms | peak MiB | runs | |"
        );
        println!("|---|---:|---:|---:|---|---:|---:|---:|---:|---:|---|");
        let mut names: Vec<&str> = Vec::new();
        for row in &self.rows {
            if !names.contains(&row.contender.as_str()) {
                names.push(&row.contender);
            }
        }
        let runs = |name: &str| self.rows.iter().filter(|row| row.contender == name).collect::<Vec<_>>();
        let base: Vec<f64> =
            names.first().map(|name| runs(name).iter().map(|row| rate(row)).collect()).unwrap_or_default();
        for name in names {
            let rows = runs(name);
            let of = |value: &dyn Fn(&Row) -> f64| median(rows.iter().map(|row| value(row)).collect());
            let ratios: Vec<f64> = rows.iter().zip(&base).map(|(row, base)| rate(row) / base).collect();
            let (low, high) = ratios.iter().fold((f64::MAX, 0f64), |(l, h), r| (l.min(*r), h.max(*r)));
            let wait = |value: &dyn Fn(&Row) -> Option<f64>| match value(rows[0]) {
                Some(_) => format!("{:.1}", of(&|row| value(row).unwrap_or_default())),
                None => "–".into(),
            };
            println!(
                "| {name} | {:.0} | {:.0} | {:.2} | {low:.2}–{high:.2} | {:.2} | {} | {} | {:.0} | {} | {} |",
                of(&|row| row.objects as f64 / row.wall_s),
                of(&|row| row.bytes as f64 / MIB / row.wall_s),
                median(ratios.clone()),
                of(&|row| row.cpu_s / (row.bytes as f64 / GIB)),
                wait(&|row| row.p50_ms),
                wait(&|row| row.p99_ms),
                of(&|row| row.rss_mib),
                rows.len(),
                rows.iter().map(|row| row.note.as_str()).find(|note| !note.is_empty()).unwrap_or_default(),
            );
        }
        println!();
    }
}

fn rate(row: &Row) -> f64 {
    row.bytes as f64 / row.wall_s
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        n if n % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// One line about the machine.
pub(crate) fn machine() -> String {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let info = text("/proc/cpuinfo");
    let cores = info.lines().filter(|line| line.starts_with("processor")).count();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|m| m.1);
    let load = text("/proc/loadavg").split(' ').next().unwrap_or("?").to_owned();
    format!("{cores} cores ({}), load {load} before the run", model.unwrap_or("unknown"))
}

/// Runs a program to its end.
pub(crate) fn finish(contender: &str, command: &mut Command) -> Result<Row> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let before = cpu_of_children()?;
    let begun = Instant::now();
    let child = command.spawn().with_context(|| format!("{:?}", command.get_program()))?;
    let ended = child.wait_with_output()?;
    let wall_s = begun.elapsed().as_secs_f64();
    let note = if ended.status.success() {
        String::new()
    } else {
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        format!("ended with {}: {}", ended.status, said.lines().next_back().unwrap_or_default())
    };
    let cpu_s = cpu_of_children()? - before;
    Ok(Row { contender: contender.into(), wall_s, cpu_s, note, ..Row::default() })
}

/// A program that serves until it is dropped.
pub(crate) struct Server {
    child: Child,
}

impl Server {
    /// Starts it; what it says goes into a file.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let log = fs::File::create(log).with_context(|| log.display().to_string())?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(Self { child: command.spawn().with_context(|| format!("{:?}", command.get_program()))? })
    }

    /// Waits until somebody answers on the port.
    pub(crate) fn wait_for(&mut self, port: u16) -> Result<()> {
        for _ in 0..600 {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended: {status}");
            }
            sleep(Duration::from_millis(50));
        }
        bail!("nobody listens on port {port}")
    }

    /// User and system time of the process and all its children, the dead ones too.
    pub(crate) fn cpu_s(&self) -> f64 {
        tree(self.child.id()).into_iter().map(|pid| cpu(pid, 4)).sum()
    }

    /// The most memory that the process held at once.
    pub(crate) fn rss_mib(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak.and_then(|kib| kib.trim().split(' ').next()?.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // As a service manager ends it; then for good.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        for _ in 0..100 {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tree(root: u32) -> Vec<u32> {
    let (mut all, mut next) = (Vec::new(), vec![root]);
    while let Some(pid) = next.pop() {
        all.push(pid);
        for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            next.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    all
}

/// The sum of the first `fields` of utime, stime, cutime, cstime (proc(5)).
fn cpu(pid: u32, fields: usize) -> f64 {
    times(&format!("/proc/{pid}/stat")).into_iter().take(fields).sum()
}

fn cpu_of_children() -> Result<f64> {
    let times = times("/proc/self/stat");
    times.get(2..4).map(|children| children.iter().sum()).context("/proc/self/stat")
}

fn times(stat: &str) -> Vec<f64> {
    let stat = fs::read_to_string(stat).unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    fields.skip(11).take(4).filter_map(|ticks| ticks.parse::<f64>().ok()).map(|t| t / TICKS_PER_S).collect()
}

/// A port that nobody listens on at this moment.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Lets the disk come to rest, so that nobody pays for the one before.
pub(crate) fn settle() {
    let _ = Command::new("sync").status();
    sleep(Duration::from_millis(200));
}

/// Every file below a folder.
pub(crate) fn files(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    let (mut all, mut next) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = next.pop() {
        for entry in fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let entry = entry?;
            if entry.file_type()?.is_dir() { next.push(entry.path()) } else { all.push(entry.path()) }
        }
    }
    all.sort();
    Ok(all)
}

/// Whether a program can be run.
pub(crate) fn has(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}
