//! How far a value may be trusted. No value travels without it.

use core::fmt;

/// The three grades of trust that every consumer understands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// Use it.
    Good,
    /// Use it with care.
    Uncertain,
    /// Don't use it.
    Bad,
}

/// Quality with its reason. The numbers are part of the wire format and of
/// stored batches; never renumber, only add.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Quality {
    /// Fresh from the device and within its valid range.
    Good = 0,
    /// The last value that could be used, kept on purpose.
    UncertainLastUsable = 16,
    /// The sensor reports that it is at its limit.
    UncertainSensorLimit = 17,
    /// Outside the tag's `valid` range.
    UncertainOutOfRange = 18,
    /// No value has been read since start.
    BadWaitingForFirstValue = 32,
    /// The device did not answer, or the link to it is down.
    BadNoCommunication = 33,
    /// The tag has no source.
    BadNotConnected = 34,
    /// The device answered that it can't.
    BadDeviceFailure = 35,
    /// The value is not a number, or the sensor is broken.
    BadSensorFailure = 36,
    /// The device refuses the address or type: the map is wrong.
    BadConfiguration = 37,
    /// Taken out of service on purpose.
    BadOutOfService = 38,
    /// Values were lost on the way.
    BadDataLost = 39,
}

impl Quality {
    /// Every quality there is, in wire order.
    pub const ALL: [Self; 12] = [
        Self::Good,
        Self::UncertainLastUsable,
        Self::UncertainSensorLimit,
        Self::UncertainOutOfRange,
        Self::BadWaitingForFirstValue,
        Self::BadNoCommunication,
        Self::BadNotConnected,
        Self::BadDeviceFailure,
        Self::BadSensorFailure,
        Self::BadConfiguration,
        Self::BadOutOfService,
        Self::BadDataLost,
    ];

    /// The quality behind a wire code; `None` for a code of the future.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|quality| *quality as u8 == code)
    }

    /// The wire code.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The grade of trust.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self as u8 {
            0..=15 => Severity::Good,
            16..=31 => Severity::Uncertain,
            _ => Severity::Bad,
        }
    }

    /// The full OPC UA status code (OPC 10000-4, table of status codes; the
    /// top two bits are the severity).
    #[must_use]
    pub const fn status_code(self) -> u32 {
        match self {
            Self::Good => 0x0000_0000,
            Self::UncertainLastUsable => 0x4090_0000,
            Self::UncertainSensorLimit => 0x4093_0000, // UncertainSensorNotAccurate
            Self::UncertainOutOfRange => 0x4094_0000,  // UncertainEngineeringUnitsExceeded
            Self::BadWaitingForFirstValue => 0x8032_0000, // BadWaitingForInitialData
            Self::BadNoCommunication => 0x8031_0000,
            Self::BadNotConnected => 0x808A_0000,
            Self::BadDeviceFailure => 0x808B_0000,
            Self::BadSensorFailure => 0x808C_0000,
            Self::BadConfiguration => 0x8089_0000, // BadConfigurationError
            Self::BadOutOfService => 0x808D_0000,
            Self::BadDataLost => 0x809D_0000,
        }
    }

    /// The value of Sparkplug's `Quality` property (Sparkplug 3.0, 6.4.17):
    /// 192 good, 500 stale, 0 bad. Uncertain values are usable and not fresh,
    /// hence 500.
    #[must_use]
    pub const fn sparkplug(self) -> i32 {
        match self.severity() {
            Severity::Good => 192,
            Severity::Uncertain => 500,
            Severity::Bad => 0,
        }
    }

    /// Stable words for JSON, logs and screens.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::UncertainLastUsable => "uncertain(last usable)",
            Self::UncertainSensorLimit => "uncertain(sensor limit)",
            Self::UncertainOutOfRange => "uncertain(out of range)",
            Self::BadWaitingForFirstValue => "bad(waiting for first value)",
            Self::BadNoCommunication => "bad(no communication)",
            Self::BadNotConnected => "bad(not connected)",
            Self::BadDeviceFailure => "bad(device failure)",
            Self::BadSensorFailure => "bad(sensor failure)",
            Self::BadConfiguration => "bad(configuration)",
            Self::BadOutOfService => "bad(out of service)",
            Self::BadDataLost => "bad(data lost)",
        }
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::{Quality, Severity};

    #[test]
    fn every_quality_survives_the_wire() {
        for quality in Quality::ALL {
            assert_eq!(Quality::from_code(quality.code()), Some(quality));
        }
        assert_eq!(Quality::from_code(255), None);
    }

    #[test]
    fn severity_agrees_with_the_status_code() {
        for quality in Quality::ALL {
            let expected = match quality.status_code() >> 30 {
                0 => Severity::Good,
                1 => Severity::Uncertain,
                _ => Severity::Bad,
            };
            assert_eq!(quality.severity(), expected, "{quality}");
        }
    }
}
