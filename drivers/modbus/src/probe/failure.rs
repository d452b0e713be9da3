//! What a device said instead of a value: which function of which unit at which address, and why.

use std::fmt;

use forehearth_modbus::{ReadRequest, ResponseError};

/// A read that brought no value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Failure {
    /// Who was asked.
    pub unit: u8,
    /// For what.
    pub request: ReadRequest,
    /// What came instead.
    pub why: Why,
}

/// What came instead of a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// An exception, or an answer that is none.
    Refused(ResponseError),
    /// Nothing within the timeout.
    Silence,
    /// Bytes that are no frame.
    Damaged,
}

/// `unit 1, function 3, 2 registers from 40101 (hr:100): exception 2 (illegal data address)`.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unit {}, {}: ", self.unit, self.request)?;
        match &self.why {
            Why::Refused(error) => error.fmt(f),
            Why::Silence => f.write_str("no answer"),
            Why::Damaged => f.write_str("bytes came, but no whole frame"),
        }
    }
}

impl Failure {
    /// What to check, for a person at the panel.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match &self.why {
            Why::Refused(ResponseError::Exception(exception)) => exception.hint(),
            Why::Refused(_) => "does the device speak this kind of Modbus correctly?",
            Why::Silence => {
                "is the device powered and wired, is the unit id right, is nobody else asking it?"
            }
            Why::Damaged => {
                "are baud rate and format right? are A and B swapped, is the line terminated, does \
                 somebody else talk on it?"
            }
        }
    }
}
