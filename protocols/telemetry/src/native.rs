//! The native batch: the bytes that are stored, sent and replayed, about 1–2 per reading.
//!
//! `proto/forehearth/v1/batch.proto` describes every byte. A [`Batch`] is
//! split into sections, scans of one device that read the same tags; within a
//! section values stand in columns by kind, later scans as differences to the
//! scan before. CRC-32C guards the whole.

mod baseline;
mod column;
mod decode;
mod encode;
mod kind;
mod section;
mod sections;
mod squeeze;

use forehearth_model::{Batch, Epoch};

pub use baseline::{Baseline, BaselineName, Baselines};
pub use decode::{DecodeError, decode, decode_with};
pub use encode::{Compression, Encoder};

/// The version of a batch that stands for itself.
pub const VERSION: u32 = 1;

/// The version of a batch that names a [`Baseline`], and the highest that
/// [`decode_with`] reads.
pub const VERSION_WITH_BASELINE: u32 = 2;

/// Most readings that [`decode`] accepts in one batch, 32 MiB of memory. A
/// batch of equal values costs next to nothing on the wire, so the bytes alone
/// don't bound it. Chosen: 20 scans of the largest plan, 50,000 tags.
pub const MAX_READINGS: usize = 1 << 20;

/// Most bytes of a message before compression that [`decode`] accepts.
/// Chosen: 16 for each of [`MAX_READINGS`].
pub const MAX_CONTENT: usize = 16 << 20;

/// Most ranges of skipped batches in one message. Chosen: 1.5 MiB of memory; a
/// publisher tells neighbours as one range.
pub const MAX_SKIPPED: usize = 1 << 16;

/// Most sections whose scans may be woven into one another, as a reader keeps
/// all of them open. Batches with more are written section after section.
const MAX_WOVEN: usize = 1 << 16;

/// MQTT 5 content type of a batch.
pub const CONTENT_TYPE: &str = "application/vnd.forehearth.batch.v1";

/// Batches that hold nothing for a destination, told in the next batch it
/// gets, so that its proof of completeness still closes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Skipped {
    /// Of which epoch.
    pub epoch: Epoch,
    /// Number of the first.
    pub first: u64,
    /// How many.
    pub count: u64,
}

/// What a native message says.
#[derive(Clone, PartialEq, Debug)]
pub struct Decoded {
    /// The gateway that made the batch.
    pub gateway: String,
    /// The batch, exactly as it was encoded.
    pub batch: Batch,
    /// Batches before it that hold nothing for this destination.
    pub skipped: Vec<Skipped>,
}

/// Encodes one batch without compression. Who encodes many keeps an [`Encoder`].
#[must_use]
pub fn encode(gateway: &str, batch: &Batch, skipped: &[Skipped]) -> Vec<u8> {
    Encoder::new(Compression::Off).encode(gateway, batch, skipped)
}
