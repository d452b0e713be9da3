//! The audit log: every command, what was decided and what became of it, on disk.
//!
//! `audit.log` grows to [`SEGMENT_BYTES`], is then renamed to
//! `audit-<number of its first line>.log` and goes on in a new file; the chain runs through all of
//! them. Nothing here is ever deleted: at one command a minute a year is
//! about 300 MB, and who commands more has a reason to look.
//!
//! A line is flushed before [`AuditLog::write`] returns. A line torn by a power cut is
//! set aside as a line of its own that holds it, so that the chain goes on and
//! nothing is hidden.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::{Broken, Chain, Link, REMEMBERED};

/// Its name in the state directory.
pub const FILE: &str = "audit.log";

/// A file that is larger is put aside. Chosen: opens in any editor.
pub const SEGMENT_BYTES: u64 = 16 * 1024 * 1024;

/// The fact by which a command is known again after a restart.
pub const KEY: &str = "key";

/// Longest line that is read. Chosen: a command is refused long before.
const LONGEST_LINE_BYTES: u64 = 64 * 1024;

/// What is kept of a torn line; escaped, it must fit a line again.
const TORN_BYTES: usize = 512;

/// Why the audit can't be kept.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file can't be read or written.
    #[error("{path}: {reason}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// What is there is not a chain; nothing may be added to it.
    #[error("{path}, line {line}: {broken}; move the file away to begin a new audit")]
    Broken {
        /// Which file.
        path: PathBuf,
        /// Which line of the file, from 1.
        line: u64,
        /// What is wrong with it.
        broken: Broken,
    },
}

/// The open end of the audit. Blocks while it writes; keep it on a thread that may.
pub struct AuditLog {
    dir: PathBuf,
    file: File,
    size: u64,
    first: u64,
    chain: Chain,
    /// After a failed write the file's end is unknown until it was opened anew.
    doubtful: bool,
    /// From this size on it is put aside.
    most: u64,
    /// What the newest lines name as [`KEY`], the newest last.
    keys: VecDeque<String>,
}

impl AuditLog {
    /// Opens the audit of a state directory, or begins it. Checks the file
    /// that is written to; older ones are checked by [`verify`].
    ///
    /// # Errors
    /// When it can't be read and written, or is not a chain.
    pub fn open(dir: &Path) -> Result<Self, AuditError> {
        let path = dir.join(FILE);
        let failed = |reason| AuditError::Io { path: path.clone(), reason };
        if fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file()) {
            return Err(failed(io::Error::other("it is no file")));
        }
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        let mut file = options.open(&path).map_err(failed)?;
        let start = last_of_older(dir)?;
        let first = start.lines;
        let mut keys = VecDeque::new();
        if let Some(newest) = older(dir)?.pop() {
            let failed = |reason| AuditError::Io { path: newest.clone(), reason };
            let lines = BufReader::new(File::open(&newest).map_err(failed)?).lines();
            lines.map_while(Result::ok).for_each(|line| note_key(&line, &mut keys));
        }
        let (chain, whole) =
            read(&path, &mut file, Chain::from(start), |line| note_key(line, &mut keys))?;
        let size = file.seek(SeekFrom::End(0)).map_err(failed)?;
        let mut log = Self {
            dir: dir.to_owned(),
            file,
            size,
            first,
            chain,
            doubtful: false,
            most: SEGMENT_BYTES,
            keys,
        };
        if whole < size {
            log.set_torn_aside(whole)?;
        }
        Ok(log)
    }

    /// Where the chain stands.
    #[must_use]
    pub const fn link(&self) -> &Link {
        self.chain.link()
    }

    /// What the newest lines of this file and the one before it named as
    /// [`KEY`] when it was opened, at most [`REMEMBERED`].
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(String::as_str)
    }

    /// Adds a line and flushes it.
    ///
    /// # Errors
    /// When it is not on disk for certain; the line then does not count, and
    /// what reached the file of it is set aside at the next try.
    pub fn write(&mut self, facts: Map<String, Value>) -> Result<(), AuditError> {
        if self.doubtful {
            *self = Self::open(&self.dir)?;
        }
        self.is_ours()?;
        if self.size >= self.most {
            self.put_aside()?;
        }
        let mut chain = self.chain.clone();
        let mut line = chain.append(facts);
        line.push('\n');
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data());
        match written {
            Ok(()) => {
                self.chain = chain;
                self.size += line.len() as u64;
                Ok(())
            }
            Err(reason) => {
                self.doubtful = true;
                Err(AuditError::Io { path: self.dir.join(FILE), reason })
            }
        }
    }

    /// Whether the file under our name is still the one that is written to,
    /// and as long as it was left. Else somebody removes what was done.
    fn is_ours(&self) -> Result<(), AuditError> {
        let path = self.dir.join(FILE);
        let there = fs::symlink_metadata(&path).and_then(|there| {
            let ours = self.file.metadata()?;
            Ok((there.dev(), there.ino(), there.len()) == (ours.dev(), ours.ino(), self.size))
        });
        match there {
            Ok(true) => Ok(()),
            Ok(false) => {
                let reason = io::Error::other("somebody else has changed or replaced it");
                Err(AuditError::Io { path, reason })
            }
            Err(reason) => Err(AuditError::Io { path, reason }),
        }
    }

    fn put_aside(&mut self) -> Result<(), AuditError> {
        let path = self.dir.join(FILE);
        let aside = self.dir.join(format!("audit-{:012}.log", self.first));
        fs::rename(&path, aside).map_err(|reason| AuditError::Io { path, reason })?;
        *self = Self::open(&self.dir)?;
        Ok(())
    }

    /// Cuts the torn end off and adds a line that holds it.
    fn set_torn_aside(&mut self, whole: u64) -> Result<(), AuditError> {
        let failed = |reason| AuditError::Io { path: self.dir.join(FILE), reason };
        let mut torn = Vec::new();
        self.file.seek(SeekFrom::Start(whole)).map_err(failed)?;
        (&self.file).take(LONGEST_LINE_BYTES).read_to_end(&mut torn).map_err(failed)?;
        self.file.set_len(whole).map_err(failed)?;
        self.size = whole;
        torn.truncate(TORN_BYTES);
        let text = String::from_utf8_lossy(&torn).into_owned();
        self.write(Map::from_iter([
            ("event".to_owned(), "torn".into()),
            ("torn".to_owned(), text.into()),
        ]))
    }
}

/// What [`verify`] found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// Files, oldest first.
    pub files: Vec<PathBuf>,
    /// Where the chain ends.
    pub end: Link,
    /// Whether the last line was torn by a power cut.
    pub torn: bool,
}

/// Checks every line of every file of a state directory.
///
/// # Errors
/// The first line that breaks the chain, or what can't be read.
pub fn verify(dir: &Path) -> Result<Verified, AuditError> {
    let mut files = older(dir)?;
    let current = dir.join(FILE);
    if current.exists() {
        files.push(current);
    }
    let mut chain = Chain::default();
    let mut torn = false;
    for path in &files {
        let failed = |reason| AuditError::Io { path: path.clone(), reason };
        let mut file = File::open(path).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        let (next, whole) = read(path, &mut file, chain, |_| ())?;
        (chain, torn) = (next, whole < size);
    }
    Ok(Verified { files, end: chain.link().clone(), torn })
}

/// Checks a file from its start; returns the chain behind its last whole line
/// and where that line ends. Only the very end of a file may be torn.
fn read(
    path: &Path,
    file: &mut File,
    mut chain: Chain,
    mut see: impl FnMut(&str),
) -> Result<(Chain, u64), AuditError> {
    let failed = |reason| AuditError::Io { path: path.to_owned(), reason };
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    let mut reader = BufReader::new(file);
    let (mut whole, mut number) = (0, 0);
    let mut line = Vec::new();
    loop {
        line.clear();
        number += 1;
        let read =
            (&mut reader).take(LONGEST_LINE_BYTES).read_until(b'\n', &mut line).map_err(failed)?;
        if line.last() != Some(&b'\n') {
            return if (read as u64) < LONGEST_LINE_BYTES {
                Ok((chain, whole))
            } else {
                let broken = Broken::NotALine;
                Err(AuditError::Broken { path: path.to_owned(), line: number, broken })
            };
        }
        let text = std::str::from_utf8(&line).unwrap_or_default();
        chain.check(text.trim_end()).map_err(|broken| AuditError::Broken {
            path: path.to_owned(),
            line: number,
            broken,
        })?;
        see(text.trim_end());
        whole += read as u64;
    }
}

fn note_key(line: &str, keys: &mut VecDeque<String>) {
    let line: Value = serde_json::from_str(line).unwrap_or_default();
    let Some(key) = line[KEY].as_str() else { return };
    if keys.len() == REMEMBERED {
        keys.pop_front();
    }
    keys.push_back(key.to_owned());
}

/// Files that were put aside, oldest first.
fn older(dir: &Path) -> Result<Vec<PathBuf>, AuditError> {
    let failed = |reason| AuditError::Io { path: dir.to_owned(), reason };
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.strip_prefix("audit-").and_then(|rest| rest.strip_suffix(".log")).is_some() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Where the chain stood at the end of the newest file that was put aside;
/// only its last line is believed here, [`verify`] checks them all.
fn last_of_older(dir: &Path) -> Result<Link, AuditError> {
    let Some(path) = older(dir)?.pop() else { return Ok(Chain::default().link().clone()) };
    let failed = |reason| AuditError::Io { path: path.clone(), reason };
    let mut file = File::open(&path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(LONGEST_LINE_BYTES))).map_err(failed)?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail).map_err(failed)?;
    let text = String::from_utf8_lossy(&tail);
    let last = text.trim_end().rsplit('\n').next().unwrap_or_default();
    let line: Value = serde_json::from_str(last).unwrap_or_default();
    match (line["n"].as_u64(), line["hash"].as_str()) {
        (Some(n), Some(hash)) => Ok(Link { lines: n + 1, hash: hash.to_owned() }),
        _ => Err(AuditError::Broken { path, line: 0, broken: Broken::NotALine }),
    }
}

#[cfg(test)]
mod tests;
