//! One step of a measurement: the next thing to do on the bus, or what was measured.

use crate::{Facts, Quality};

/// Most bytes of one exchange, both ways. Chosen: the longest is five (an
/// address and the four registers of a MAX31856).
const MOST: usize = 8;

/// A few bytes for the bus.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bytes {
    bytes: [u8; MOST],
    length: u8,
}

impl Bytes {
    /// `N` bytes; more than fit do not compile.
    #[must_use]
    pub fn new<const N: usize>(from: [u8; N]) -> Self {
        const { assert!(N <= MOST) };
        let mut bytes = [0; MOST];
        bytes[..N].copy_from_slice(&from);
        Self { bytes, length: N as u8 }
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

/// What a chip wants next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// These bytes are written.
    Write(Bytes),
    /// These bytes are written (none: nothing is), and so many read, in one
    /// transaction.
    WriteRead(Bytes, usize),
    /// So many microseconds pass.
    Wait(u32),
    /// The measurement is over.
    Is(i32, Quality),
}

impl Step {
    /// It is over, and there is no count.
    #[must_use]
    pub const fn failed(quality: Quality) -> Self {
        Self::Is(0, quality)
    }
}

/// What came of the last step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Heard<'a> {
    /// There was none: a measurement begins.
    Begin,
    /// It was written, or waited.
    Done,
    /// These bytes were read.
    Bytes(&'a [u8]),
}

/// A chip as a core. A bus that fails ends the measurement in the shell:
/// `BadNoCommunication`; the next one begins anew, configuration included,
/// so that a chip that lost its supply comes back by itself.
pub trait Chip {
    /// What is fixed about the quantity it measures.
    fn facts(&self) -> &Facts;

    /// The next step. What does not fit the step before it ends the
    /// measurement with `BadNoCommunication`.
    fn next(&mut self, heard: Heard<'_>) -> Step;
}

/// The frequency that the filters of the chips are to suppress.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mains {
    /// Europe, China, most of the world.
    Hz50,
    /// North America and others.
    Hz60,
}

/// Where nobody says otherwise.
pub const MAINS: Mains = Mains::Hz50;
