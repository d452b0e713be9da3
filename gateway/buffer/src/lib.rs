//! Where batches settle and wait until every destination has confirmed them.
//!
//! ```text
//!  append ─▶ memory ─────────── live ───────────▶ outbox ─▶ link
//!               │                                   ▲  │
//!               │ not confirmed by all in time      │  │ settle
//!               ▼                                   │  ▼
//!            segments ──────── backlog ─────────────┘ cursor
//!          (one file per 64 MiB, run and lane)      (control database)
//! ```
//! **The rule.** Within `commit_within` of its acquisition a reading is either
//! confirmed by every destination or flushed to disk. While all links are
//! healthy nothing is written. Everything unwritten is committed together
//! when its oldest comes due, so a number that is below a stored one and not
//! stored itself was settled by all.
//!
//! **What deletes.** A confirmation by the last destination; otherwise only
//! shedding (no room), expiry (too old), damage and refusal, each with a gap
//! record that is stored and delivered like data.
//!
//! **Who does what.** `Stock` is the core: it knows what is held and who waits
//! for it, and has no I/O, clock or waiting. The keeper, one thread, owns the
//! disk. [`Buffer`] and [`Outbox`] hold the lock for moments only; nobody
//! waits for the disk but the keeper.
//!
//! **After a crash** (see `keeper/adopt.rs`) everything stored and not settled
//! waits again as backlog; cursors are saved late, so a confirmed batch may be
//! repeated but none is skipped. What was sealed after the last commit is gone;
//! its range is declared once, with an unknown number of readings.
//!
//! **When the disk fails** the daemon goes on in memory and says so. A failed
//! flush is never tried again on the same file: everything is closed, opened
//! anew and looked through, and what was not known to be durable is written
//! again to a new segment.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod buffer;
mod catalogues;
mod claim;
mod cursor;
mod destination;
mod gaps;
mod health;
pub mod inspect;
mod intervals;
mod keeper;
mod outbox;
mod ram;
mod retention;
mod share;
mod shelf;
mod sqlite;
mod stock;
mod storage;

pub use buffer::{Buffer, OpenError, Settings};
pub use claim::{Parcel, Want};
pub use destination::Destination;
pub use health::{Health, Stats, StorageState};
pub use keeper::{Clock, SystemClock};
pub use outbox::Outbox;
pub use ram::{Row, Sealed};
pub use shelf::Segment;
pub use sqlite::SqliteStorage;
pub use storage::{
    Bookmark, Found, Hole, LifetimeWear, LostSegment, Piece, Room, RunMark, Save, SegmentHead,
    Storage, StorageCode, StorageError, Wear,
};
