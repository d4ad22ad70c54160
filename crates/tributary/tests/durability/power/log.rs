//! The shim's log: what two processes did to files, in order.

use std::ops::Range;
use std::path::{Path, PathBuf};

const HEADER_BYTES: usize = 32;

/// One thing that happened.
#[derive(Debug)]
pub(crate) enum Act {
    /// A file was made.
    Create { path: PathBuf, inode: u64 },
    /// A file without a name was made.
    Anonymous { inode: u64 },
    /// Bytes of the log were written to a file.
    Write { inode: u64, at: u64, data: Range<usize> },
    /// A file was cut or lengthened.
    Truncate { inode: u64, length: u64 },
    /// An entry was moved.
    Rename { from: PathBuf, to: PathBuf },
    /// An entry was added to a file that has one.
    Link { from: PathBuf, to: PathBuf },
    /// An entry was removed.
    Unlink { path: PathBuf },
    /// A folder was made.
    MakeDir { path: PathBuf },
    /// A folder was removed.
    RemoveDir { path: PathBuf },
    /// What had happened to a file, or to the entries of a folder, before `covers`, was made to last.
    Sync { path: PathBuf, inode: Option<u64>, covers: u64 },
}

/// A log, read.
#[derive(Debug)]
pub(crate) struct Log {
    /// All of it; writes point into it.
    pub(crate) bytes: Vec<u8>,
    /// Acts, each with where its record begins and ends.
    pub(crate) acts: Vec<(Range<u64>, Act)>,
}

impl Log {
    /// Reads a log whose writers have ended.
    pub(crate) fn read(file: &Path) -> Self {
        let bytes = std::fs::read(file).unwrap();
        let (mut acts, mut at) = (Vec::new(), 0);
        while at < bytes.len() {
            let Some(size) = bytes.get(at..at + 4) else { break };
            let end = at + usize::try_from(u32::from_le_bytes(size.try_into().unwrap())).unwrap();
            // A process was killed while it wrote its last record.
            if end > bytes.len() {
                break;
            }
            acts.push((at as u64..end as u64, act(&bytes, at..end)));
            at = end;
        }
        Self { bytes, acts }
    }

    /// Where the log ends.
    pub(crate) fn end(&self) -> u64 {
        self.acts.last().map_or(0, |(place, _)| place.end)
    }
}

fn act(bytes: &[u8], place: Range<usize>) -> Act {
    let record = &bytes[place.clone()];
    let u32_at = |at: usize| u32::from_le_bytes(record[at..at + 4].try_into().unwrap());
    let u64_at = |at: usize| u64::from_le_bytes(record[at..at + 8].try_into().unwrap());
    let length = |at| usize::try_from(u32_at(at)).unwrap();
    let (inode, at) = (u64_at(8), u64_at(16));
    let (first, second) = (HEADER_BYTES - 8, HEADER_BYTES - 4);
    let (first, second) = (length(first), length(second));
    let text = |range: Range<usize>| PathBuf::from(str::from_utf8(&record[range]).unwrap());
    let path = text(HEADER_BYTES..HEADER_BYTES + first);
    let path2 = text(HEADER_BYTES + first..HEADER_BYTES + first + second);
    let data = place.start + HEADER_BYTES + first + second..place.end;
    match u32_at(4) {
        1 => Act::Create { path, inode },
        2 => Act::Anonymous { inode },
        3 => Act::Write { inode, at, data },
        4 => Act::Truncate { inode, length: at },
        5 => Act::Rename { from: path, to: path2 },
        6 => Act::Link { from: path, to: path2 },
        7 => Act::Unlink { path },
        8 => Act::MakeDir { path },
        9 => Act::RemoveDir { path },
        10 => Act::Sync { path, inode: (inode > 0).then_some(inode), covers: at },
        kind => panic!("the shim wrote a record of kind {kind}"),
    }
}
