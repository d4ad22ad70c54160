//! A house as a real process, with a log, that can be killed and started again.

use super::NIGHT_MAX;
use super::shim::Shim;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A house's process.
pub(crate) struct Process {
    what: &'static str,
    config: PathBuf,
    log: PathBuf,
    shim: Option<Shim>,
    child: Child,
}

impl Process {
    /// Starts it.
    pub(crate) fn start(what: &'static str, config: &Path, shim: Option<Shim>) -> Self {
        let log = config.with_extension("log");
        let child = Self::spawn(what, config, &log, shim.as_ref());
        Self { what, config: config.to_owned(), log, shim, child }
    }

    fn spawn(what: &str, config: &Path, log: &Path, shim: Option<&Shim>) -> Child {
        let log = fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        Command::new(env!("CARGO_BIN_EXE_tributary"))
            .args([what, "serve", "--config"])
            .arg(config)
            .envs(shim.into_iter().flat_map(Shim::variables))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap()
    }

    /// SIGKILL. A process that has ended by itself is a fault of the program.
    pub(crate) fn kill(&mut self) {
        self.check_alive();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn start_again(&mut self) {
        self.child = Self::spawn(self.what, &self.config, &self.log, self.shim.as_ref());
    }

    pub(crate) fn check_alive(&mut self) {
        if let Some(status) = self.child.try_wait().unwrap() {
            panic!("{} ended by itself, {status}:\n{}", self.what, self.tail());
        }
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    pub(crate) fn tail(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(25)..].join("\n")
    }

    pub(crate) fn wait_until_serving(&mut self) -> Duration {
        let began = Instant::now();
        while !self.log().contains("serving") {
            self.check_alive();
            assert!(began.elapsed() < NIGHT_MAX, "{} does not serve:\n{}", self.what, self.tail());
            std::thread::sleep(Duration::from_millis(10));
        }
        began.elapsed()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        let log = self.log();
        if !std::thread::panicking() {
            assert!(!log.contains("panicked"), "{} panicked:\n{log}", self.what);
        }
    }
}
