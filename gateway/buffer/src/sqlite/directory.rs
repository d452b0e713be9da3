//! The state directory: its files, its lock, and the corner where damaged files are kept.
//!
//! ```text
//! STATE/lock                          held by the one daemon
//! STATE/control.db (-wal, -shm)       run, cursors, gap records, list of segments
//! STATE/segments/0000000012.live.db   batches of one run and lane
//! STATE/quarantine/…                  set aside, never read again by the daemon
//! ```

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use forehearth_model::Lane;
use rustix::fs::{FlockOperation, flock};

use super::failure;
use crate::storage::{StorageCode, StorageError};

/// The files SQLite keeps beside a database.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// A state directory that is ours.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

impl Directory {
    /// Makes what is missing and takes the lock.
    pub(crate) fn open(path: &Path) -> Result<Self, StorageError> {
        let segments = path.join("segments");
        fs::create_dir_all(&segments).map_err(|error| failure::of_io(&segments, &error))?;
        let lock_path = path.join("lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(|error| failure::of_io(&lock_path, &error))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(StorageError::new(
                StorageCode::Locked,
                format!("{}: another daemon uses this state directory", path.display()),
            )),
            Err(errno) => Err(failure::of_io(&lock_path, &errno.into())),
        }
    }

    /// It was not removed (and perhaps made anew) under our feet.
    pub(crate) fn is_there(&self) -> bool {
        use std::os::unix::fs::MetadataExt;
        let ours = self._lock.metadata().map(|m| (m.dev(), m.ino()));
        let there = fs::metadata(self.path.join("lock")).map(|m| (m.dev(), m.ino()));
        matches!((ours, there), (Ok(ours), Ok(there)) if ours == there)
    }

    pub(crate) fn control(&self) -> PathBuf {
        self.path.join("control.db")
    }

    pub(crate) fn segments(&self) -> PathBuf {
        self.path.join("segments")
    }

    pub(crate) fn segment_name(seq: u64, lane: Lane) -> String {
        format!("{seq:010}.{}.db", lane.name())
    }

    /// All segment files by number.
    pub(crate) fn segment_names(&self) -> Result<Vec<(u64, String)>, StorageError> {
        segment_names(&self.segments())
    }

    /// Removes logs whose database is gone: a removal that was cut short.
    pub(crate) fn sweep_segments(&self) -> Result<(), StorageError> {
        let folder = self.segments();
        for entry in fs::read_dir(&folder).map_err(|error| failure::of_io(&folder, &error))? {
            let path = entry.map_err(|error| failure::of_io(&folder, &error))?.path();
            let name = path.to_string_lossy();
            let database = COMPANIONS.iter().find_map(|suffix| name.strip_suffix(suffix));
            if database.is_some_and(|database| !Path::new(database).exists()) {
                fs::remove_file(&path).map_err(|error| failure::of_io(&path, &error))?;
            }
        }
        Ok(())
    }

    /// Removes a database with its companions.
    pub(crate) fn remove(&self, path: &Path) -> Result<(), StorageError> {
        for file in with_companions(path) {
            match fs::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(failure::of_io(&file, &error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Moves a database with its companions to the quarantine.
    pub(crate) fn set_aside(&self, path: &Path) -> Result<(), StorageError> {
        let quarantine = self.path.join("quarantine");
        fs::create_dir_all(&quarantine).map_err(|error| failure::of_io(&quarantine, &error))?;
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        // The first free name: nothing set aside earlier is overwritten.
        let free = (0_u32..)
            .map(|n| if n == 0 { name.clone() } else { format!("{name}.{n}") })
            .find(|name| !quarantine.join(name).exists())
            .unwrap_or(name);
        let target = quarantine.join(free);
        for (from, to) in with_companions(path).into_iter().zip(with_companions(&target)) {
            match fs::rename(&from, &to) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(failure::of_io(&from, &error));
                }
                _ => {}
            }
        }
        flush(&self.path)?;
        flush(&quarantine)
    }

    /// Removes the oldest of what was set aside until `most` bytes are left.
    pub(crate) fn trim_quarantine(&self, most: u64) -> Result<(), StorageError> {
        let folder = self.path.join("quarantine");
        let entries = fs::read_dir(&folder).map_err(|error| failure::of_io(&folder, &error))?;
        let known = entries.flatten().filter_map(|entry| {
            let meta = entry.metadata().ok()?;
            Some((meta.modified().ok()?, entry.path(), meta.len()))
        });
        let mut files: Vec<_> = known.collect();
        files.sort();
        let mut bytes: u64 = files.iter().map(|(_, _, len)| len).sum();
        for (_, path, len) in files {
            if bytes <= most {
                break;
            }
            if path.is_dir() {
                continue; // somebody's, and not ours to empty
            }
            tracing::warn!(code = "FH-BUF-QUARANTINE", file = %path.display(), "removed for room");
            fs::remove_file(&path).map_err(|error| failure::of_io(&path, &error))?;
            bytes -= len;
        }
        Ok(())
    }

    /// Makes the names of new segments durable.
    pub(crate) fn flush_segments(&self) -> Result<(), StorageError> {
        flush(&self.segments())
    }

    /// Makes the names of new files at the top durable.
    pub(crate) fn flush_top(&self) -> Result<(), StorageError> {
        flush(&self.path)
    }

    /// Size of the control database with its log.
    pub(crate) fn control_bytes(&self) -> u64 {
        size_of_database(&self.control())
    }

    /// Size of everything set aside.
    pub(crate) fn quarantined_bytes(&self) -> u64 {
        quarantined(&self.path).1
    }

    /// Free bytes of the volume for this process.
    pub(crate) fn free(&self) -> Result<u64, StorageError> {
        let stat = rustix::fs::statvfs(&self.path)
            .map_err(|errno| failure::of_io(&self.path, &errno.into()))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

/// All segment files of a folder by number.
pub(crate) fn segment_names(folder: &Path) -> Result<Vec<(u64, String)>, StorageError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| failure::of_io(folder, &error))? {
        let entry = entry.map_err(|error| failure::of_io(folder, &error))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let seq = name.strip_suffix(".db").and_then(|stem| stem.split_once('.'));
        if let Some(seq) = seq.and_then(|(seq, _)| seq.parse().ok()) {
            names.push((seq, name));
        }
    }
    names.sort();
    Ok(names)
}

/// How many files are set aside, and their size.
pub(crate) fn quarantined(state: &Path) -> (u64, u64) {
    let Ok(entries) = fs::read_dir(state.join("quarantine")) else { return (0, 0) };
    entries
        .flatten()
        .filter_map(|entry| entry.metadata().ok())
        .fold((0, 0), |(n, sum), meta| (n + 1, sum + meta.len()))
}

/// Size of a database file with its companions.
pub(crate) fn size_of_database(path: &Path) -> u64 {
    with_companions(path).iter().filter_map(|file| fs::metadata(file).ok()).map(|m| m.len()).sum()
}

fn with_companions(path: &Path) -> Vec<PathBuf> {
    let companion = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    // The database goes first: a log left behind is harmless, a database
    // without its log is not.
    std::iter::once(path.to_owned()).chain(COMPANIONS.iter().map(|s| companion(s))).collect()
}

fn flush(folder: &Path) -> Result<(), StorageError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| failure::of_io(folder, &error))
}
