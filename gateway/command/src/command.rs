//! A command as it comes from a broker, and the order it becomes.

use forehearth_model::{Stamp, TagId, Value};

/// Somebody wants a tag to hold a value.
#[derive(Clone, PartialEq, Debug)]
pub struct Command {
    /// Whoever sent it names it; the same name fires once. Never empty.
    pub id: String,
    /// The broker it came through.
    pub broker: String,
    /// Which tag.
    pub tag: TagId,
    /// In engineering units.
    pub value: Value,
    /// When it must not fire any more.
    pub expires: Stamp,
}

/// A command that passed the gate.
#[derive(Clone, PartialEq, Debug)]
pub struct Order {
    /// Which tag.
    pub tag: TagId,
    /// Raw, in the tag's type.
    pub raw: Value,
    /// What the device will hold, in engineering units: the raw value scaled
    /// back, so that rounding shows.
    pub engineering: Value,
}
