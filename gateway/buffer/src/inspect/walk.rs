//! Every batch of a state directory, or of one segment file, read through and around damage.

use std::path::Path;

use bytes::Bytes;
use serde::Serialize;

use crate::ram::Row;
use crate::sqlite::{Reader, segment_files};
use crate::storage::StorageError;

/// One read. Chosen: few reads, little memory.
const READ_BYTES: usize = 1 << 20;

/// What comes by on the way through a segment.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// The dictionary of the batches that follow, encoded.
    Catalogue(&'a Bytes),
    /// A whole batch.
    Batch(&'a Row),
}

/// How one segment was found.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Walked {
    /// The file's name.
    pub file: String,
    /// Whole batches in it.
    pub batches: u64,
    /// Their readings.
    pub readings: u64,
    /// Numbers that cannot be read, as stretches of first and last.
    pub damaged: Vec<(u64, u64)>,
    /// Why the file cannot be read at all, or further.
    pub error: Option<String>,
}

impl Walked {
    /// Every batch is whole.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.damaged.is_empty() && self.error.is_none()
    }
}

/// Reads every segment, oldest first, until `each` says stop by `false`.
///
/// # Errors
/// When the directory has no segments folder or it cannot be listed. What is
/// wrong with a single file is in its [`Walked`].
pub fn walk(
    dir: &Path,
    mut each: impl FnMut(Seen<'_>) -> bool,
) -> Result<Vec<Walked>, StorageError> {
    let mut walked = Vec::new();
    for path in segment_files(dir)? {
        let (found, goes_on) = one(&path, &mut each);
        walked.push(found);
        if !goes_on {
            break;
        }
    }
    Ok(walked)
}

/// Reads one segment file, wherever it lies: it needs no other.
pub fn walk_file(path: &Path, mut each: impl FnMut(Seen<'_>) -> bool) -> Walked {
    one(path, &mut each).0
}

fn one(path: &Path, each: &mut impl FnMut(Seen<'_>) -> bool) -> (Walked, bool) {
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let mut walked = Walked { file: file.unwrap_or_default(), ..Walked::default() };
    match through(path, &mut walked, each) {
        Ok(goes_on) => (walked, goes_on),
        Err(error) => {
            walked.error = Some(error.to_string());
            (walked, true)
        }
    }
}

fn through(
    path: &Path,
    walked: &mut Walked,
    each: &mut impl FnMut(Seen<'_>) -> bool,
) -> Result<bool, StorageError> {
    let reader = Reader::open(path)?;
    let Some(last) = reader.last() else { return Ok(true) };
    let (mut from, mut known) = (1, None);
    while from <= last {
        let piece = reader.read(from, last, READ_BYTES)?;
        for row in &piece.rows {
            if known != Some(row.catalogue) {
                known = Some(row.catalogue);
                if let Some(bytes) = reader.catalogue(row.catalogue)?
                    && !each(Seen::Catalogue(&bytes))
                {
                    return Ok(false);
                }
            }
            walked.batches += 1;
            walked.readings += u64::from(row.readings);
            if !each(Seen::Batch(row)) {
                return Ok(false);
            }
        }
        walked.damaged.extend(piece.hole.map(|hole| (hole.first, hole.last)));
        let reached = piece.rows.last().map_or(from, |row| row.id.number);
        from = piece.hole.map_or(reached, |hole| hole.last) + 1;
        if !piece.more {
            break;
        }
    }
    Ok(true)
}
