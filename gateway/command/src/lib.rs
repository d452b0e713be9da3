//! The gate a value passes on its way to a device, and the audit of what passed.
//!
//! A [`Command`] comes from a broker. The [`Gate`] knows the few tags that may
//! be written and judges it: bounds, step, rate, expiry, interlock, and that
//! the same command never fires twice. What it lets through becomes an
//! [`Order`] for the driver; what it refuses is answered with a [`Refusal`].
//! Either way a line of the [`AuditLog`] is on disk **before** anything is sent
//! to a device: where the audit can't be kept, nothing is written.
//!
//! A read-only device has no tag in the gate, a driver that can't write, and a
//! poller without a queue for orders: three walls, each enough by itself.
//!
//! [`Gate`] and [`Chain`] are cores without clock and I/O; [`AuditLog`] owns the
//! file.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod audit;
mod chain;
mod command;
mod convert;
mod gate;
mod refusal;
mod rule;

pub use audit::{AuditError, AuditLog, FILE, KEY, SEGMENT_BYTES, Verified, verify};
pub use chain::{Broken, Chain, Link};
pub use command::{Command, Order};
pub use convert::Misfit;
pub use gate::{Gate, Inputs, Interlock, Known, Now, REMEMBERED};
pub use refusal::Refusal;
pub use rule::WriteRule;
