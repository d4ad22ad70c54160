//! Where `tributary deid` reads and writes: what identifies people is never written into OUT.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The working files of a run lie in OUT under this name, the process and the worker, until they are renamed into place.
pub(super) const WORKING_NAME: &str = ".tributary-part";

/// Input, output, and the three files that stay at the hospital.
pub(super) struct Places {
    input: PathBuf,
    pub(super) output: PathBuf,
    pub(super) key: PathBuf,
    pub(super) mapping: PathBuf,
    pub(super) held: PathBuf,
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
        let beside = |suffix: &str| {
            let mut name = output.file_name().unwrap_or_default().to_owned();
            name.push(suffix);
            output.with_file_name(name)
        };
        let key = key.map_or_else(|| Ok(beside(".key")), real)?;
        let mapping = mapping.map_or_else(|| Ok(beside(".mapping.csv")), real)?;
        let held = mapping.with_file_name("held.csv");
        for (what, path) in [("key", &key), ("mapping", &mapping), ("held.csv", &held)] {
            if path.starts_with(&output) {
                bail!("{what}: {} lies inside OUT; what OUT holds is for others to read", path.display());
            }
        }
        Ok(Self { input: true_input, output, key, mapping, held })
    }

    /// Every file below IN, in order of path. Links to folders are not followed.
    pub(super) fn input_files(&self) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        let mut folders = vec![self.input.clone()];
        if self.input.is_file() {
            return Ok(vec![self.input.clone()]);
        }
        while let Some(folder) = folders.pop() {
            let entries = fs::read_dir(&folder).with_context(|| format!("folder {}", folder.display()))?;
            for entry in entries {
                let entry = entry.with_context(|| format!("folder {}", folder.display()))?;
                if entry.file_type()?.is_dir() {
                    folders.push(entry.path());
                } else if entry.path().is_file() {
                    files.push(entry.path());
                }
            }
        }
        files.sort();
        Ok(files)
    }

    /// Makes OUT and the folders of the other files. What a run that was killed left half written goes.
    pub(super) fn prepare(&self) -> Result<()> {
        for folder in
            [Some(self.output.as_path()), self.key.parent(), self.mapping.parent()].into_iter().flatten()
        {
            fs::create_dir_all(folder).with_context(|| format!("folder {}", folder.display()))?;
        }
        for entry in
            fs::read_dir(&self.output).with_context(|| format!("folder {}", self.output.display()))?
        {
            let entry = entry?;
            if entry.file_name().as_encoded_bytes().starts_with(WORKING_NAME.as_bytes()) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// One row per replaced UID. Rows of an earlier run are kept: OUT may hold its files.
    pub(super) fn write_mapping(&self, replaced: &BTreeMap<String, String>) -> Result<()> {
        let mut all = self.earlier_mapping();
        all.extend(replaced.iter().map(|(old, new)| (old.clone(), new.clone())));
        write_csv(
            &self.mapping,
            ["old_uid", "new_uid"],
            all.iter().map(|(old, new)| (old.clone().into(), new.as_str())),
        )
    }

    fn earlier_mapping(&self) -> BTreeMap<String, String> {
        let Ok(reader) = csv::Reader::from_path(&self.mapping) else { return BTreeMap::new() };
        reader.into_deserialize::<(String, String)>().filter_map(Result::ok).collect()
    }

    /// One row per held file: its path and the code.
    pub(super) fn write_held<'a>(&self, held: impl Iterator<Item = (&'a Path, &'a str)>) -> Result<()> {
        write_csv(
            &self.held,
            ["path", "reason"],
            held.map(|(path, code)| (path.as_os_str().to_owned(), code)),
        )
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
fn write_csv<'a>(
    path: &Path,
    header: [&str; 2],
    rows: impl Iterator<Item = (std::ffi::OsString, &'a str)>,
) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let write = || -> Result<()> {
        let file: File =
            OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&part)?;
        let mut csv = csv::Writer::from_writer(BufWriter::new(file));
        csv.write_record(header)?;
        for (first, second) in rows {
            csv.write_record([first.as_encoded_bytes(), second.as_bytes()])?;
        }
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
