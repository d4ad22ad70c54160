//! Every file below a folder, one at a time: what a folder holds never lies in memory as a whole.

use anyhow::{Context, Result};
use std::fs::{self, Metadata, ReadDir};
use std::path::{Path, PathBuf};

/// The files below a folder, in the order of the file system. Links to folders are not followed.
pub(crate) struct Walk {
    root: PathBuf,
    open: Vec<ReadDir>,
    /// The root is one file, not yet told.
    only: Option<PathBuf>,
}

impl Walk {
    /// Of the folder `root`, or of one file in it.
    pub(super) fn new(root: &Path, only: Option<&Path>) -> Result<Self> {
        let only = only.map(Path::to_owned);
        let open = if only.is_some() { Vec::new() } else { vec![enter(root)?] };
        Ok(Self { root: root.to_owned(), open, only })
    }

    /// Of a folder or a file.
    pub(crate) fn of(place: &Path) -> Result<(PathBuf, Self)> {
        let place = fs::canonicalize(place).with_context(|| place.display().to_string())?;
        let only = if place.is_file() { place.file_name().map(PathBuf::from) } else { None };
        let root = only.as_ref().and(place.parent()).unwrap_or(&place).to_owned();
        Ok((root.clone(), Self::new(&root, only.as_deref())?))
    }

    /// The next file: its path below the root, and what the file system says of it.
    fn step(&mut self) -> Result<Option<(PathBuf, Metadata)>> {
        if let Some(only) = self.only.take() {
            let metadata = fs::metadata(self.root.join(&only))?;
            return Ok(Some((only, metadata)));
        }
        while let Some(folder) = self.open.last_mut() {
            let Some(entry) = folder.next() else {
                self.open.pop();
                continue;
            };
            let entry = entry.with_context(|| format!("below {}", self.root.display()))?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                self.open.push(enter(&path)?);
            } else if let Some(metadata) = fs::metadata(&path).ok().filter(Metadata::is_file) {
                return Ok(Some((path.strip_prefix(&self.root)?.to_owned(), metadata)));
            }
        }
        Ok(None)
    }
}

impl Iterator for Walk {
    type Item = Result<(PathBuf, Metadata)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step().transpose()
    }
}

fn enter(folder: &Path) -> Result<ReadDir> {
    fs::read_dir(folder).with_context(|| format!("folder {}", folder.display()))
}
