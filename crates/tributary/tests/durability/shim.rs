//! The C shim that is preloaded into the real processes: it records what they do to files, and breaks what a test wants broken.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A shim, compiled, for processes that work under one root.
#[derive(Debug, Clone)]
pub(crate) struct Shim {
    library: PathBuf,
    root: PathBuf,
    log: Option<PathBuf>,
    fault: PathBuf,
}

/// Which calls a planned fault strikes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Strikes {
    /// Whatever takes room: creating, writing, lengthening, linking, renaming.
    Writes,
    /// Syncs of files and folders.
    Syncs,
}

impl Shim {
    /// Compiles the shim into a folder, to watch another; `None`, and a word, where there is no C compiler.
    pub(crate) fn build(scratch: &Path, root: &Path) -> Option<Self> {
        let (source, library) = (scratch.join("shim.c"), scratch.join("shim.so"));
        fs::write(&source, include_str!("shim.c")).unwrap();
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let mut cc = Command::new(&compiler);
        cc.args(["-O1", "-shared", "-fPIC", "-o"]).args([&library, &source]).arg("-lpthread");
        match cc.output() {
            Ok(done) => assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr)),
            Err(_) => {
                eprintln!("skipped: {} is not installed (./dev test installs it)", compiler.display());
                return None;
            }
        }
        Some(Self { library, root: root.to_owned(), log: None, fault: scratch.join("fault") })
    }

    /// Has it record; the log grows while the processes work.
    pub(crate) fn recording(self, log: PathBuf) -> Self {
        Self { log: Some(log), ..self }
    }

    /// What a process is started with.
    pub(crate) fn variables(&self) -> Vec<(&'static str, OsString)> {
        let mut variables = vec![
            ("LD_PRELOAD", self.library.clone().into()),
            ("SHIM_ROOT", self.root.clone().into()),
            ("SHIM_FAULT", self.fault.clone().into()),
        ];
        variables.extend(self.log.clone().map(|log| ("SHIM_LOG", log.into())));
        variables
    }

    /// From now on calls fail whose path holds the text, with an error number; no others do.
    pub(crate) fn strike(&self, errno: i32, strikes: Strikes, text: &str) {
        let which = match strikes {
            Strikes::Writes => "write",
            Strikes::Syncs => "sync",
        };
        let staged = self.fault.with_extension("new");
        fs::write(&staged, format!("{errno} {which} {text}\n")).unwrap();
        fs::rename(staged, &self.fault).unwrap();
    }

    /// From now on all goes well.
    pub(crate) fn mend(&self) {
        fs::remove_file(&self.fault).unwrap();
    }
}
