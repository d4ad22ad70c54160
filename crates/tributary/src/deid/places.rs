//! Where `tributary deid` reads and writes: what identifies people is never written into OUT.

use super::store::{BATCH_ROWS, Store};
use super::work::remove;
use anyhow::{Context, Result, bail};
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The working files of a run have this name and a number until they are renamed into place.
pub(super) const WORKING_NAME: &str = ".tributary-part";

/// Input, output, and what stays at the hospital.
pub(super) struct Places {
    /// The folder of the input, or of the one file that it is.
    pub(super) root: PathBuf,
    /// The one file, below `root`.
    pub(super) only: Option<PathBuf>,
    /// IN as it was given, for what the person who gave it reads.
    given: PathBuf,
    pub(super) output: PathBuf,
    pub(super) key: PathBuf,
    pub(super) mapping: PathBuf,
    pub(super) held: PathBuf,
    /// The state of the run.
    pub(super) state: PathBuf,
    /// Nothing is written to OUT.
    pub(super) is_rehearsal: bool,
}

impl Places {
    /// Checks that nothing identifying would land in OUT, and that OUT is not read as input.
    pub(super) fn new(
        input: &Path,
        output: &Path,
        key: Option<&Path>,
        mapping: Option<&Path>,
    ) -> Result<Self> {
        let true_input = fs::canonicalize(input).with_context(|| format!("IN {}", input.display()))?;
        let output = real(output)?;
        if output.starts_with(&true_input) || true_input.starts_with(&output) {
            bail!("OUT and IN must not lie inside each other");
        }
        let beside = |folder: &Path, suffix: &str| {
            let mut name = output.file_name().unwrap_or_default().to_owned();
            name.push(suffix);
            folder.with_file_name(name)
        };
        let key = key.map_or_else(|| Ok(beside(&output, ".key")), real)?;
        let mapping = mapping.map_or_else(|| Ok(beside(&output, ".mapping.csv")), real)?;
        let held = beside(&mapping, ".held.csv");
        let state = beside(&output, ".state");
        for (what, path) in [("key", &key), ("mapping", &mapping), ("held files", &held)] {
            if path.starts_with(&output) {
                bail!("{what}: {} lies inside OUT; what OUT holds is for others to read", path.display());
            }
        }
        let only = true_input.is_file().then(|| true_input.file_name().unwrap_or_default().into());
        let root = only.as_ref().and(true_input.parent()).unwrap_or(&true_input).to_owned();
        Ok(Self {
            root,
            only,
            given: input.to_owned(),
            output,
            key,
            mapping,
            held,
            state,
            is_rehearsal: false,
        })
    }

    /// The same for a run that only tells what it would do: its state goes with it.
    pub(super) fn rehearse(mut self) -> Self {
        let mut name = self.output.file_name().unwrap_or_default().to_owned();
        name.push(".dry-run");
        self.state = self.output.with_file_name(name);
        self.is_rehearsal = true;
        self
    }

    /// A file below IN as the person who gave IN would write it.
    pub(super) fn as_given(&self, path: &Path) -> PathBuf {
        if self.only.is_some() { self.given.clone() } else { self.given.join(path) }
    }

    /// Removes what earlier runs wrote to OUT as far as their state knows, and the state. A rehearsal wrote nothing there.
    pub(super) fn forget_state(&self) -> Result<()> {
        if self.state.exists() && !self.is_rehearsal {
            self.take_back_outputs()?;
        }
        match fs::remove_dir_all(&self.state) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("state {}", self.state.display()))
            }
            _ => Ok(()),
        }
    }

    fn take_back_outputs(&self) -> Result<()> {
        let store = Store::of_any_version(&self.state)?.0;
        let mut after = PathBuf::new();
        loop {
            let batch = store.outputs(&after)?;
            let Some((last, _)) = batch.last() else { break };
            after.clone_from(last);
            for (_, place) in &batch {
                let place = self.output.join(place);
                remove(&place)?;
                // Folders that are empty now go too.
                place.ancestors().skip(1).take(2).try_for_each(fs::remove_dir).ok();
            }
        }
        store.close();
        Ok(())
    }

    /// Makes OUT and the folders of the other files.
    pub(super) fn prepare(&self) -> Result<()> {
        for folder in
            [Some(self.output.as_path()), self.key.parent(), self.mapping.parent()].into_iter().flatten()
        {
            fs::create_dir_all(folder).with_context(|| format!("folder {}", folder.display()))?;
        }
        Ok(())
    }

    /// Where files lie until they are cleared and renamed into OUT: with the state, which only its owner may read, or in OUT itself
    /// where that is another file system. What a run that was killed left there goes.
    pub(super) fn workshop(&self) -> Result<PathBuf> {
        let device = |folder: &Path| fs::metadata(folder).map(|found| found.dev());
        let with_state = device(&self.state)? == device(&self.output).or_else(|_| device(&self.state))?;
        for folder in [&self.state, &self.output] {
            let Ok(entries) = fs::read_dir(folder) else { continue };
            for entry in entries {
                let entry = entry?;
                if entry.file_name().as_encoded_bytes().starts_with(WORKING_NAME.as_bytes()) {
                    fs::remove_file(entry.path())?;
                }
            }
        }
        Ok(if with_state { self.state.clone() } else { self.output.clone() })
    }

    /// One row per replaced UID. Rows of an earlier run are kept: OUT may hold its files.
    pub(super) fn write_mapping(&self, store: &Store) -> Result<()> {
        if let Ok(reader) = csv::Reader::from_path(&self.mapping) {
            let mut rows = reader.into_deserialize::<(String, String)>().filter_map(Result::ok);
            loop {
                let batch: Vec<_> = rows.by_ref().take(BATCH_ROWS).collect();
                if batch.is_empty() {
                    break;
                }
                store.keep_uids(&batch)?;
            }
        }
        write_csv(&self.mapping, ["old_uid", "new_uid"], |csv| {
            let mut after = String::new();
            loop {
                let batch = store.uids(&after)?;
                let Some((last, _)) = batch.last() else { return Ok(()) };
                after.clone_from(last);
                for (old, new) in &batch {
                    csv.write_record([old, new])?;
                }
            }
        })
    }

    /// One row per held file: its path and the code.
    pub(super) fn write_held(&self, store: &Store) -> Result<()> {
        write_csv(&self.held, ["path", "reason"], |csv| {
            let mut after = PathBuf::new();
            loop {
                let batch = store.held(&after)?;
                let Some((last, _)) = batch.last() else { return Ok(()) };
                after.clone_from(last);
                for (path, code) in &batch {
                    csv.write_record([self.root.join(path).as_os_str().as_encoded_bytes(), code.as_bytes()])?;
                }
            }
        })
    }
}

/// The path as it is, links resolved, of a file or folder that may not exist yet.
fn real(path: &Path) -> Result<PathBuf> {
    let absolute = std::path::absolute(path).with_context(|| format!("path {}", path.display()))?;
    let mut rest = Vec::new();
    let mut known = absolute.as_path();
    loop {
        if let Ok(found) = fs::canonicalize(known) {
            let real = rest.iter().rev().fold(found, |path: PathBuf, name| path.join(name));
            return Ok(real);
        }
        match (known.file_name(), known.parent()) {
            (Some(name), Some(parent)) => {
                rest.push(name.to_owned());
                known = parent;
            }
            // `..` behind a folder that does not exist: nobody can say where that is.
            _ => bail!("path {}: no such place", path.display()),
        }
    }
}

/// Writes a file for its owner only, whole or not at all.
fn write_csv(
    path: &Path,
    header: [&str; 2],
    rows: impl FnOnce(&mut csv::Writer<BufWriter<File>>) -> Result<()>,
) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let write = || -> Result<()> {
        let file: File =
            OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&part)?;
        let mut csv = csv::Writer::from_writer(BufWriter::new(file));
        csv.write_record(header)?;
        rows(&mut csv)?;
        csv.into_inner().map_err(|error| error.into_error())?.flush()?;
        fs::rename(&part, path)?;
        Ok(())
    };
    write().with_context(|| format!("file {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_identifies_people_never_lies_in_out() {
        let dir = tempfile::tempdir().unwrap();
        let (input, output) = (dir.path().join("in"), dir.path().join("out"));
        fs::create_dir(&input).unwrap();
        assert!(Places::new(&input, &output, None, None).is_ok());
        assert!(Places::new(&input, &output, Some(&output.join("k")), None).is_err());
        assert!(Places::new(&input, &output, None, Some(&output.join("a/m.csv"))).is_err());
        assert!(Places::new(&input, &output, None, Some(&input.join("../out/m.csv"))).is_err());
        assert!(Places::new(&input, &input.join("out"), None, None).is_err());
        fs::create_dir(&output).unwrap();
        std::os::unix::fs::symlink(&output, dir.path().join("link")).unwrap();
        assert!(Places::new(&input, &output, None, Some(&dir.path().join("link/m.csv"))).is_err());
    }
}
