//! What a driver owes the gateway that may also write.
//!
//! Writing is a trait of its own, not a method of [`Driver`]: a device that is
//! read-only gets a driver that does not implement it, and so there is no
//! path on which a write could reach it.

use forehearth_model::{GroupId, Scan, TagId, Value};

use crate::{BoxFuture, Driver, LinkError};

/// One value for one tag. Whoever makes it has checked that it may be written.
#[derive(Clone, PartialEq, Debug)]
pub struct WriteOrder {
    /// Which tag.
    pub tag: TagId,
    /// The raw value, before scaling, in the type the tag is read with.
    pub value: Value,
}

/// Why a value is not, or may not be, in the device.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The driver knows no such tag, or none that can be written.
    #[error("this tag cannot be written")]
    NotWritable,
    /// The value does not fit the tag's type; nothing was sent.
    #[error("the value does not fit the tag: {reason}")]
    Unfit {
        /// What does not fit.
        reason: String,
    },
    /// The device said no; it holds what it held.
    #[error("the device refused: {reason}")]
    Refused {
        /// Its answer in words.
        reason: String,
    },
    /// Nothing was sent: the device does not answer, the link is down, its
    /// time is over, or the gateway stops.
    #[error("nothing was sent: {reason}")]
    NotSent {
        /// What stands in the way.
        reason: String,
    },
    /// Nobody knows whether the device took it. It is never sent again by itself.
    #[error("the device may or may not have taken it: {reason}")]
    Unknown {
        /// What went wrong after it was sent.
        reason: String,
    },
    /// The device took it and then holds something else.
    #[error("read back {read:?} instead")]
    ReadBackDiffers {
        /// The raw value it holds.
        read: Value,
    },
    /// The link was lost; when it was before anything was sent, nothing was written.
    #[error(transparent)]
    Link(#[from] LinkError),
}

/// Where orders wait while a group is scanned, and where their ends are told.
///
/// An order that was taken and of which no end was told, because the scan was
/// dropped, is one of which nobody knows whether the device took it.
pub trait OrderDesk: Send {
    /// Whether an order waits. Asked after each answer, so it must be cheap.
    fn is_waiting(&self) -> bool;

    /// Takes the oldest order that waits.
    fn take(&mut self) -> Option<WriteOrder>;

    /// Tells how an order ended.
    fn ended(&mut self, order: &WriteOrder, end: Result<Value, WriteError>);
}

/// A driver whose devices may be written to.
///
/// # Contract
/// - One order is at most one write on the wire: what might have arrived is
///   never repeated.
/// - `Ok` is the raw value as read back from the device after the write.
/// - A write waits for the request in flight at most, and ends by itself.
/// - After [`WriteError::Link`] the link is closed; the next call must be
///   `connect`. Dropping the future closes the link.
pub trait WritingDriver: Driver {
    /// Writes one value and reads it back.
    ///
    /// # Errors
    /// As the variants of [`WriteError`] say; the device was touched only for
    /// `Refused`, `Unknown`, `ReadBackDiffers` and perhaps `Link`.
    fn write<'a>(&'a mut self, order: &'a WriteOrder) -> BoxFuture<'a, Result<Value, WriteError>>;

    /// Scans as [`scan`](Driver::scan) does, and executes the orders of `desk`
    /// in between: each waits for the requests in flight and not for the rest
    /// of the scan.
    ///
    /// # Errors
    /// As [`scan`](Driver::scan); also when a write lost the link.
    fn scan_and_write<'a>(
        &'a mut self,
        group: GroupId,
        out: &'a mut Vec<Scan>,
        desk: &'a mut dyn OrderDesk,
    ) -> BoxFuture<'a, Result<(), LinkError>>;
}
