//! How far a value may be trusted, in the numbers that the gateway uses too.

/// Quality with its reason. The codes are those of the gateway's catalogue; a
/// test holds them to it. Never renumber, only add.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Quality {
    /// Fresh from the sensor and within its span.
    Good = 0,
    /// The sensor is at its limit: a transmitter at 3.8 or 20.5 mA, a converter at full scale.
    UncertainSensorLimit = 17,
    /// Outside the span of the channel.
    UncertainOutOfRange = 18,
    /// Nothing has been measured since the node started.
    BadWaitingForFirstValue = 32,
    /// The chip does not answer, or not in a way that it can.
    BadNoCommunication = 33,
    /// The chip answers and says it can't, or never ends.
    BadDeviceFailure = 35,
    /// The sensor is open, shorted or wired to the supply.
    BadSensorFailure = 36,
    /// Measured without the calibration that belongs to it.
    BadConfiguration = 37,
}

impl Quality {
    /// Every quality there is, in the order of the codes.
    pub const ALL: [Self; 8] = [
        Self::Good,
        Self::UncertainSensorLimit,
        Self::UncertainOutOfRange,
        Self::BadWaitingForFirstValue,
        Self::BadNoCommunication,
        Self::BadDeviceFailure,
        Self::BadSensorFailure,
        Self::BadConfiguration,
    ];

    /// The number in the register.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Whether the value must not be used: its register then holds no number.
    #[must_use]
    pub const fn is_bad(self) -> bool {
        self as u8 >= Self::BadWaitingForFirstValue as u8
    }

    /// A word for the map that a scan writes.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::UncertainSensorLimit => "sensor at its limit",
            Self::UncertainOutOfRange => "out of range",
            Self::BadWaitingForFirstValue => "no value yet",
            Self::BadNoCommunication => "chip silent",
            Self::BadDeviceFailure => "chip failed",
            Self::BadSensorFailure => "sensor broken",
            Self::BadConfiguration => "not calibrated",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Quality;
    use std::format;

    #[test]
    fn the_codes_are_the_gateways_own() {
        for quality in Quality::ALL {
            let same = forehearth_model::Quality::ALL
                .into_iter()
                .find(|theirs| *theirs as u8 == quality.code())
                .expect("the gateway has this code");
            assert_eq!(format!("{quality:?}"), format!("{same:?}"));
        }
    }
}
