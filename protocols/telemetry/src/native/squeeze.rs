//! The compressor behind the encoder: zstd, tried only where it has paid before.

use zstd::bulk::Compressor;

/// Smaller contents are left alone. Chosen: the frame of zstd (about 12 bytes)
/// and what a reader spends on it weigh more there.
const SMALLEST: usize = 512;

/// Measured with examples/encode_cost.rs, 2026-11: 6–27 ns a reading where it
/// pays. Level 3 makes ten scans of floats 9 % smaller, one scan 5 % larger,
/// and costs up to half as much again.
const LEVEL: i32 = 1;

/// A batch must become smaller by a 16th, or a reader's time is worth more.
const GAIN_SHIFT: u32 = 4;

/// After a try that did not pay, so many batches go by untried; doubles with
/// each further failure. Bounds the cost of useless tries to 1.6 % of one.
const LONGEST_REST: u32 = 64;

/// Compresses what is worth it.
#[derive(Default)]
pub(super) struct Squeezer {
    /// Made at the first try; `None` too when zstd has no memory.
    compressor: Option<Compressor<'static>>,
    squeezed: Vec<u8>,
    /// Batches to let go by before the next try.
    rest: u32,
    /// How long the rest after the next failure is.
    next_rest: u32,
}

impl Squeezer {
    /// The zstd frame of `content` if it pays.
    pub(super) fn squeeze(&mut self, content: &[u8]) -> Option<&[u8]> {
        if content.len() < SMALLEST {
            return None;
        }
        if self.rest > 0 {
            self.rest -= 1;
            return None;
        }
        let length = self.compress(content);
        let pays =
            length.is_some_and(|length| length < content.len() - (content.len() >> GAIN_SHIFT));
        if pays {
            self.next_rest = 1;
            return Some(&self.squeezed);
        }
        self.rest = self.next_rest;
        self.next_rest = (self.next_rest.max(1) * 2).min(LONGEST_REST);
        None
    }

    /// Fills `squeezed`; `None` when zstd fails, and then the batch goes as it is.
    fn compress(&mut self, content: &[u8]) -> Option<usize> {
        if self.compressor.is_none() {
            self.compressor = Compressor::new(LEVEL).ok();
        }
        self.squeezed.clear();
        self.squeezed.reserve(zstd::zstd_safe::compress_bound(content.len()));
        self.compressor.as_mut()?.compress_to_buffer(content, &mut self.squeezed).ok()
    }
}

impl std::fmt::Debug for Squeezer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Squeezer").field("rest", &self.rest).finish_non_exhaustive()
    }
}
