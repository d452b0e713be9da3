//! The faults: each way in which a simulated Modbus device can misbehave, with the name it is asked for by.

use std::str::FromStr;

/// A way to misbehave. Described in [`ALL`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(missing_docs, reason = "each is described for its user in ALL")]
pub enum Fault {
    WrongTransaction,
    WrongProtocol,
    WrongUnit,
    WrongFunction,
    Late,
    Never,
    Stale,
    StaleBefore,
    ShortPdu,
    LongPdu,
    EmptyPdu,
    CountHigh,
    CountLow,
    LengthHigh,
    LengthLow,
    LengthZero,
    LengthHuge,
    ForeignBefore,
    ForeignAfter,
    Split,
    Drip,
    Duplicate,
    Truncated,
    GarbageBefore,
    GarbageAfter,
    GarbageOnly,
    EchoBefore,
    EchoOnly,
    Exception(u8),
    ExceptionLong,
    WrongCheck,
    FlipHeader,
    CloseBefore,
    CloseMidFrame,
    CloseAfter,
    HalfOpen,
    Flip,
    Insert,
    Delete,
}

/// Where a fault can happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// Modbus TCP only.
    Tcp,
    /// RTU and ASCII only, where a checksum covers the frame.
    Line,
    /// Everywhere.
    Both,
}

/// A fault, its name, and what it does in words.
#[derive(Clone, Copy, Debug)]
pub struct Described {
    /// Which.
    pub fault: Fault,
    /// As `--fault` takes it.
    pub name: &'static str,
    /// Where it can happen.
    pub place: Place,
    /// What the device does.
    pub text: &'static str,
}

const fn is(fault: Fault, name: &'static str, place: Place, text: &'static str) -> Described {
    Described { fault, name, place, text }
}

/// Every fault there is.
pub const ALL: [Described; 49] = [
    is(Fault::WrongTransaction, "wrong-transaction", Place::Tcp, "another transaction id"),
    is(Fault::WrongProtocol, "wrong-protocol", Place::Tcp, "a protocol id that is not 0"),
    is(Fault::WrongUnit, "wrong-unit", Place::Both, "the answer of another unit"),
    is(Fault::WrongFunction, "wrong-function", Place::Both, "an answer to another function"),
    is(Fault::Late, "late", Place::Both, "the right answer, after --late"),
    is(Fault::Never, "never", Place::Both, "no answer"),
    is(Fault::Stale, "stale", Place::Tcp, "the answer before this one again, under its own id"),
    is(
        Fault::StaleBefore,
        "stale-before",
        Place::Tcp,
        "the answer before this one, then the right one",
    ),
    is(
        Fault::ShortPdu,
        "short-pdu",
        Place::Both,
        "one register fewer than asked for, all counts agree",
    ),
    is(
        Fault::LongPdu,
        "long-pdu",
        Place::Both,
        "one register more than asked for, all counts agree",
    ),
    is(Fault::EmptyPdu, "empty-pdu", Place::Tcp, "a frame without function or data"),
    is(Fault::CountHigh, "count-high", Place::Both, "a byte count that is two too high"),
    is(Fault::CountLow, "count-low", Place::Both, "a byte count that is two too low"),
    is(Fault::LengthHigh, "length-high", Place::Tcp, "a length that announces more than comes"),
    is(Fault::LengthLow, "length-low", Place::Tcp, "a length that announces less than comes"),
    is(Fault::LengthZero, "length-zero", Place::Tcp, "a length of 0"),
    is(Fault::LengthHuge, "length-huge", Place::Tcp, "a length of 65535"),
    is(
        Fault::ForeignBefore,
        "foreign-before",
        Place::Both,
        "a frame to somebody else glued before the right one",
    ),
    is(
        Fault::ForeignAfter,
        "foreign-after",
        Place::Both,
        "a frame to somebody else glued behind the right one",
    ),
    is(Fault::Split, "split", Place::Both, "the right answer in two pieces"),
    is(Fault::Drip, "drip", Place::Both, "the right answer byte by byte"),
    is(Fault::Duplicate, "duplicate", Place::Both, "the right answer twice"),
    is(Fault::Truncated, "truncated", Place::Both, "the end of the answer is missing"),
    is(Fault::GarbageBefore, "garbage-before", Place::Line, "random bytes, then the right answer"),
    is(Fault::GarbageAfter, "garbage-after", Place::Both, "the right answer, then random bytes"),
    is(Fault::GarbageOnly, "garbage-only", Place::Both, "random bytes instead of an answer"),
    is(Fault::EchoBefore, "echo-before", Place::Line, "the request comes back before the answer"),
    is(Fault::EchoOnly, "echo-only", Place::Both, "the request comes back instead of an answer"),
    is(Fault::Exception(1), "exception-1", Place::Both, "illegal function"),
    is(Fault::Exception(2), "exception-2", Place::Both, "illegal data address"),
    is(Fault::Exception(3), "exception-3", Place::Both, "illegal data value"),
    is(Fault::Exception(4), "exception-4", Place::Both, "device failure"),
    is(Fault::Exception(5), "exception-5", Place::Both, "acknowledge: it takes long"),
    is(Fault::Exception(6), "exception-6", Place::Both, "busy"),
    is(Fault::Exception(7), "exception-7", Place::Both, "negative acknowledge"),
    is(Fault::Exception(8), "exception-8", Place::Both, "memory parity error"),
    is(Fault::Exception(9), "exception-9", Place::Both, "a code the standard does not assign"),
    is(Fault::Exception(10), "exception-10", Place::Both, "gateway path unavailable"),
    is(Fault::Exception(11), "exception-11", Place::Both, "gateway target failed to respond"),
    is(Fault::ExceptionLong, "exception-long", Place::Both, "an exception with a byte too many"),
    is(Fault::WrongCheck, "wrong-check", Place::Line, "a CRC or LRC that is not that of the frame"),
    is(
        Fault::FlipHeader,
        "flip-header",
        Place::Tcp,
        "one bit of header (the low byte of the id aside), function or byte count is flipped",
    ),
    is(
        Fault::CloseBefore,
        "close-before",
        Place::Tcp,
        "the connection closes instead of an answer",
    ),
    is(
        Fault::CloseMidFrame,
        "close-mid-frame",
        Place::Tcp,
        "the connection closes within the answer",
    ),
    is(Fault::CloseAfter, "close-after", Place::Tcp, "the connection closes behind the answer"),
    is(
        Fault::HalfOpen,
        "half-open",
        Place::Tcp,
        "the connection stays open and is silent from here on",
    ),
    is(Fault::Flip, "flip", Place::Line, "bits flip, --byte-rate of the bytes, both ways"),
    is(
        Fault::Insert,
        "insert",
        Place::Line,
        "random bytes slip in, --byte-rate of the bytes, both ways",
    ),
    is(Fault::Delete, "delete", Place::Line, "bytes are lost, --byte-rate of the bytes, both ways"),
];

impl Fault {
    /// As `--fault` takes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        ALL.iter().find(|one| one.fault == self).map_or("exception", |one| one.name)
    }

    /// Whether it hits bytes and not answers.
    #[must_use]
    pub const fn is_noise(self) -> bool {
        matches!(self, Self::Flip | Self::Insert | Self::Delete)
    }
}

/// No such fault, or not there.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// The name is unknown.
    #[error("no fault is named `{0}`; --fault list shows all")]
    Unknown(String),
    /// It needs the other kind of link.
    #[error("`{0}` does not happen on this kind of link; --fault list shows where it does")]
    Elsewhere(&'static str),
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(name: &str) -> Result<Self, FaultError> {
        let found = ALL.iter().find(|one| one.name == name);
        found.map(|one| one.fault).ok_or_else(|| FaultError::Unknown(name.to_owned()))
    }
}

/// The table that `--fault list` prints.
#[must_use]
pub fn list() -> String {
    let mut text = String::new();
    for Described { name, place, text: what, .. } in ALL {
        let place = match place {
            Place::Tcp => "tcp",
            Place::Line => "rtu, ascii",
            Place::Both => "all",
        };
        text.push_str(&format!("{name:<18} {place:<11} {what}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{ALL, Fault, Place};

    #[test]
    fn names_are_unique_and_read_back_and_there_are_enough() {
        for one in ALL {
            assert_eq!(one.name.parse::<Fault>().unwrap(), one.fault);
            assert_eq!(one.fault.name(), one.name);
        }
        let count = |not: Place| ALL.iter().filter(|one| one.place != not).count();
        assert!(count(Place::Line) >= 24 && count(Place::Tcp) >= 12);
        assert!("list".parse::<Fault>().is_err());
    }
}
