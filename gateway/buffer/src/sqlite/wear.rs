//! What the medium has to write for what SQLite writes: whole blocks, for a part of one too.

use super::{FRAME, PAGE};
use crate::storage::Wear;

/// What the system writes at least: a page of its cache, which is a block of
/// the common file systems as well.
const BLOCK: u64 = 4096;

/// What the log begins with (SQLite file format 3.0, section 4.1).
const LOG_HEADER: u64 = 32;

impl Wear {
    pub(super) const fn add(&mut self, more: Self) {
        self.bytes_written += more.bytes_written;
        self.flushes += more.flushes;
    }
}

/// Blocks touched by `len` bytes from `at` on.
const fn blocks(at: u64, len: u64) -> u64 {
    if len == 0 { 0 } else { (at + len).div_ceil(BLOCK) - at / BLOCK }
}

/// A commit that made the log grow by `frames`, from `before` on: the last
/// block of the commit before is written again, and the index beside the log
/// (`-shm`) has a block of its own.
pub(super) const fn logged(before: u64, frames: u64) -> Wear {
    let at = LOG_HEADER + before * FRAME;
    Wear { bytes_written: (blocks(at, frames * FRAME) + 1) * BLOCK, flushes: 1 }
}

/// The log was folded into the file: `pages` of it, which mostly lie in a
/// row, and the file's first.
pub(super) const fn folded(pages: u64) -> Wear {
    match pages {
        0 => Wear { bytes_written: 0, flushes: 0 },
        _ => Wear { bytes_written: (blocks(0, pages * PAGE) + 1) * BLOCK, flushes: 2 },
    }
}

/// A new segment: its own pages and the catalogue, its name, the list.
pub(super) const fn new_file(catalogue: u64) -> Wear {
    Wear { bytes_written: blocks(0, 6 * PAGE + catalogue) * BLOCK + 3 * BLOCK, flushes: 3 }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, blocks, folded, logged};

    #[test]
    fn a_part_of_a_block_costs_the_whole() {
        assert_eq!(blocks(0, 1), 1);
        assert_eq!(blocks(4095, 2), 2);
        assert_eq!(blocks(4096, 4096), 1);
        assert_eq!(folded(0).bytes_written, 0);
        // Frame 2 lies in bytes 2128..4200 of the log.
        assert_eq!(logged(1, 1).bytes_written, 3 * BLOCK);
    }
}
