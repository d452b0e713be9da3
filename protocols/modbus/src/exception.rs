//! An exception: the device answers that it won't, and says why in one code.

use core::fmt;

/// Exception codes (Application Protocol V1.1b3, 7).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Exception {
    /// 1: the device does not know this function.
    IllegalFunction,
    /// 2: an address of the request does not exist on the device.
    IllegalDataAddress,
    /// 3: the device refuses the count.
    IllegalDataValue,
    /// 4: the device failed while it tried.
    ServerDeviceFailure,
    /// 5: accepted, but it takes long; a read has no value then.
    Acknowledge,
    /// 6: busy with something else; ask again later.
    ServerDeviceBusy,
    /// 7: the device cannot perform this (older devices).
    NegativeAcknowledge,
    /// 8: its memory failed a parity check.
    MemoryParityError,
    /// 10: a gateway has no path to the unit.
    GatewayPathUnavailable,
    /// 11: a gateway asked the unit and got no answer.
    GatewayTargetFailedToRespond,
    /// A code the standard does not assign.
    Other(u8),
}

impl Exception {
    /// The exception behind a code.
    #[must_use]
    pub const fn from_code(code: u8) -> Self {
        match code {
            1 => Self::IllegalFunction,
            2 => Self::IllegalDataAddress,
            3 => Self::IllegalDataValue,
            4 => Self::ServerDeviceFailure,
            5 => Self::Acknowledge,
            6 => Self::ServerDeviceBusy,
            7 => Self::NegativeAcknowledge,
            8 => Self::MemoryParityError,
            10 => Self::GatewayPathUnavailable,
            11 => Self::GatewayTargetFailedToRespond,
            other => Self::Other(other),
        }
    }

    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::IllegalFunction => 1,
            Self::IllegalDataAddress => 2,
            Self::IllegalDataValue => 3,
            Self::ServerDeviceFailure => 4,
            Self::Acknowledge => 5,
            Self::ServerDeviceBusy => 6,
            Self::NegativeAcknowledge => 7,
            Self::MemoryParityError => 8,
            Self::GatewayPathUnavailable => 10,
            Self::GatewayTargetFailedToRespond => 11,
            Self::Other(code) => code,
        }
    }

    /// Whether another choice of addresses could be answered.
    #[must_use]
    pub const fn refuses_addresses(self) -> bool {
        matches!(self, Self::IllegalDataAddress | Self::IllegalDataValue)
    }

    /// What to check, for a person at the panel.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::IllegalFunction => "does the device have this table (hr, ir, di, co)?",
            Self::IllegalDataAddress => {
                "does the address exist, counted as the map counts it? does the read cross a hole?"
            }
            Self::IllegalDataValue => "does the device read fewer registers at once (`max_words`)?",
            Self::ServerDeviceFailure | Self::MemoryParityError => "look at the device itself",
            Self::Acknowledge | Self::ServerDeviceBusy => {
                "is it polled too fast, or by too many masters?"
            }
            Self::NegativeAcknowledge => "is it a function or a count the device does not support?",
            Self::GatewayPathUnavailable => "is the unit id configured in the gateway?",
            Self::GatewayTargetFailedToRespond => {
                "is the unit powered and wired, with this unit id and baud rate?"
            }
            Self::Other(_) => "look the code up in the device's manual",
        }
    }
}

/// `exception 2 (illegal data address)`.
impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::IllegalFunction => "illegal function",
            Self::IllegalDataAddress => "illegal data address",
            Self::IllegalDataValue => "illegal data value",
            Self::ServerDeviceFailure => "device failure",
            Self::Acknowledge => "acknowledged, takes long",
            Self::ServerDeviceBusy => "device busy",
            Self::NegativeAcknowledge => "negative acknowledge",
            Self::MemoryParityError => "memory parity error",
            Self::GatewayPathUnavailable => "gateway has no path to the unit",
            Self::GatewayTargetFailedToRespond => "unit behind the gateway did not answer",
            Self::Other(_) => "not assigned by the standard",
        };
        write!(f, "exception {} ({words})", self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::Exception;
    use alloc::string::ToString;

    #[test]
    fn every_code_survives_the_wire() {
        for code in 0..=255 {
            assert_eq!(Exception::from_code(code).code(), code);
        }
        assert_eq!(Exception::from_code(2).to_string(), "exception 2 (illegal data address)");
        assert_eq!(Exception::from_code(9), Exception::Other(9));
    }
}
