//! Numbers that name things, each with a type of its own so that one cannot be taken for another.

use core::fmt;

macro_rules! index_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
        pub struct $name(pub u32);

        impl $name {
            /// The position in the plan's table.
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index_id! {
    /// A tag: its position in the plan's (and catalogue's) tag table.
    TagId
}
index_id! {
    /// A device: its position in the plan's (and catalogue's) device table.
    DeviceId
}
index_id! {
    /// A link: a socket or serial bus that one or more devices share.
    LinkId
}
index_id! {
    /// A scan group: tags of one device that are read together at one rate.
    /// The position is within its link.
    GroupId
}

/// One run of the daemon. Grows at each start (to the Unix second, or by one
/// where that is not more, so that a state directory that was wiped never
/// repeats an epoch) and is on disk before the first batch of that run is
/// numbered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Epoch(pub u32);

/// The place of a batch in the gateway's one numbering. `number` starts at 1
/// in each epoch and has no holes, so that a consumer can prove completeness
/// and drop repeats. Orders by epoch, then number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct BatchId {
    /// The run of the daemon that made the batch.
    pub epoch: Epoch,
    /// 1, 2, 3, … within the epoch.
    pub number: u64,
}

impl BatchId {
    /// Names batch `number` of `epoch`.
    #[must_use]
    pub const fn new(epoch: Epoch, number: u64) -> Self {
        Self { epoch, number }
    }
}

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.epoch.0, self.number)
    }
}

/// Names a catalogue by its content (the first 64 bits of a hash over the
/// encoded catalogue), so that a batch stays decodable after the plan changed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct CatalogueHash(pub u64);

impl fmt::Display for CatalogueHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Names one boot of the machine, so that stamps of an unset clock can be
/// corrected later from the monotonic clock of that boot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct BootId(pub u64);
