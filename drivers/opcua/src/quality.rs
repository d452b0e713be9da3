//! What an OPC UA status code says of a value's quality.
//!
//! Codes are those of OPC 10000-4, 7.39 and 10000-8, 6.3 (numbers from the
//! foundation's StatusCode.csv). A code that is not listed falls back to its
//! severity, which is the top two bits.

use forehearth_model::Quality;

/// The part of a code that names it: severity and sub-code.
const NAME_BITS: u32 = 0xFFFF_0000;
/// Two bits that say the low bits hold information on a data value.
const INFO_TYPE_DATA_VALUE: u32 = 0x0000_0400;
/// The queue of the monitored item overflowed before this value (7.39.1).
const OVERFLOW: u32 = 0x0000_0080;
/// The limit bits: 1 low, 2 high, 3 constant.
const LIMIT_BITS: u32 = 0x0000_0300;

/// The quality a status code stands for.
pub(crate) fn quality(code: u32) -> Quality {
    match code & NAME_BITS {
        0x0000_0000 => good(code),
        // GoodLocalOverride, GoodClamped, GoodEntryInserted and their kin.
        0x0001_0000..=0x3FFF_0000 => Quality::Good,

        0x408F_0000 // UncertainNoCommunicationLastUsableValue
        | 0x4090_0000 // UncertainLastUsableValue
        | 0x4091_0000 // UncertainSubstituteValue
        | 0x4092_0000 // UncertainInitialValue
        => Quality::UncertainLastUsable,
        0x4093_0000 // UncertainSensorNotAccurate
        => Quality::UncertainSensorLimit,
        0x4094_0000 // UncertainEngineeringUnitsExceeded
        => Quality::UncertainOutOfRange,
        0x4095_0000 // UncertainSubNormal: fewer sources than required
        => Quality::UncertainSensorLimit,
        0x4000_0000..=0x7FFF_0000 => Quality::UncertainLastUsable,

        0x8005_0000 // BadCommunicationError
        | 0x800A_0000 // BadTimeout
        | 0x800C_0000 // BadShutdown
        | 0x800D_0000 // BadServerNotConnected
        | 0x800E_0000 // BadServerHalted
        | 0x8031_0000 // BadNoCommunication
        | 0x8084_0000 // BadRequestInterrupted
        | 0x80AC_0000 // BadConnectionRejected
        | 0x80AE_0000 // BadConnectionClosed
        => Quality::BadNoCommunication,
        0x8032_0000 // BadWaitingForInitialData
        => Quality::BadWaitingForFirstValue,
        0x808A_0000 // BadNotConnected: the variable has no source
        => Quality::BadNotConnected,
        0x808B_0000 // BadDeviceFailure
        => Quality::BadDeviceFailure,
        0x808C_0000 // BadSensorFailure
        => Quality::BadSensorFailure,
        0x808D_0000 // BadOutOfService
        => Quality::BadOutOfService,
        0x809B_0000 // BadNoData
        | 0x809D_0000 // BadDataLost
        | 0x809E_0000 // BadDataUnavailable
        => Quality::BadDataLost,
        0x8089_0000 // BadConfigurationError
        | 0x800B_0000 // BadServiceUnsupported
        | 0x8010_0000 // BadTooManyOperations: the map asks for more than the server takes
        | 0x801F_0000 // BadUserAccessDenied
        | 0x8033_0000 // BadNodeIdInvalid
        | 0x8034_0000 // BadNodeIdUnknown
        | 0x8035_0000 // BadAttributeIdInvalid
        | 0x8036_0000 // BadIndexRangeInvalid
        | 0x8037_0000 // BadIndexRangeNoData
        | 0x8038_0000 // BadDataEncodingInvalid
        | 0x8039_0000 // BadDataEncodingUnsupported
        | 0x803A_0000 // BadNotReadable
        | 0x803D_0000 // BadNotSupported
        | 0x803E_0000 // BadNotFound
        | 0x8041_0000 // BadMonitoringModeInvalid
        | 0x8043_0000 // BadMonitoredItemFilterInvalid
        | 0x8044_0000 // BadMonitoredItemFilterUnsupported
        | 0x8045_0000 // BadFilterNotAllowed
        | 0x8074_0000 // BadTypeMismatch
        => Quality::BadConfiguration,
        0x8000_0000..=0xBFFF_0000 => Quality::BadDeviceFailure,
        // Severity 3 is reserved: nothing may be believed.
        _ => Quality::BadDeviceFailure,
    }
}

/// A good value may still say that the sensor is at its end.
fn good(code: u32) -> Quality {
    let at_limit = matches!((code & LIMIT_BITS) >> 8, 1 | 2);
    if code & INFO_TYPE_DATA_VALUE != 0 && at_limit {
        Quality::UncertainSensorLimit
    } else {
        Quality::Good
    }
}

/// Whether values of this item were lost in the server's queue before this one.
pub(crate) fn overflowed(code: u32) -> bool {
    code & INFO_TYPE_DATA_VALUE != 0 && code & OVERFLOW != 0
}

#[cfg(test)]
mod tests {
    use super::{overflowed, quality};
    use forehearth_model::{Quality, Severity};
    use opcua::types::StatusCode;

    #[test]
    fn common_codes_keep_their_meaning() {
        for (code, expected) in [
            (StatusCode::Good, Quality::Good),
            (StatusCode::GoodClamped, Quality::Good),
            (StatusCode::UncertainLastUsableValue, Quality::UncertainLastUsable),
            (StatusCode::UncertainSubstituteValue, Quality::UncertainLastUsable),
            (StatusCode::UncertainInitialValue, Quality::UncertainLastUsable),
            (StatusCode::UncertainSensorNotAccurate, Quality::UncertainSensorLimit),
            (StatusCode::UncertainEngineeringUnitsExceeded, Quality::UncertainOutOfRange),
            (StatusCode::UncertainSubNormal, Quality::UncertainSensorLimit),
            (StatusCode::BadWaitingForInitialData, Quality::BadWaitingForFirstValue),
            (StatusCode::BadNoCommunication, Quality::BadNoCommunication),
            (StatusCode::BadCommunicationError, Quality::BadNoCommunication),
            (StatusCode::BadTimeout, Quality::BadNoCommunication),
            (StatusCode::BadShutdown, Quality::BadNoCommunication),
            (StatusCode::BadServerNotConnected, Quality::BadNoCommunication),
            (StatusCode::BadServerHalted, Quality::BadNoCommunication),
            (StatusCode::BadConnectionClosed, Quality::BadNoCommunication),
            (StatusCode::BadConnectionRejected, Quality::BadNoCommunication),
            (StatusCode::BadRequestInterrupted, Quality::BadNoCommunication),
            (StatusCode::BadServiceUnsupported, Quality::BadConfiguration),
            (StatusCode::BadNotConnected, Quality::BadNotConnected),
            (StatusCode::BadDeviceFailure, Quality::BadDeviceFailure),
            (StatusCode::BadSensorFailure, Quality::BadSensorFailure),
            (StatusCode::BadOutOfService, Quality::BadOutOfService),
            (StatusCode::BadDataLost, Quality::BadDataLost),
            (StatusCode::BadNoData, Quality::BadDataLost),
            (StatusCode::BadDataUnavailable, Quality::BadDataLost),
            (StatusCode::BadConfigurationError, Quality::BadConfiguration),
            (StatusCode::BadTooManyOperations, Quality::BadConfiguration),
            (StatusCode::BadUserAccessDenied, Quality::BadConfiguration),
            (StatusCode::BadNodeIdInvalid, Quality::BadConfiguration),
            (StatusCode::BadNodeIdUnknown, Quality::BadConfiguration),
            (StatusCode::BadAttributeIdInvalid, Quality::BadConfiguration),
            (StatusCode::BadIndexRangeInvalid, Quality::BadConfiguration),
            (StatusCode::BadIndexRangeNoData, Quality::BadConfiguration),
            (StatusCode::BadDataEncodingInvalid, Quality::BadConfiguration),
            (StatusCode::BadDataEncodingUnsupported, Quality::BadConfiguration),
            (StatusCode::BadNotReadable, Quality::BadConfiguration),
            (StatusCode::BadNotSupported, Quality::BadConfiguration),
            (StatusCode::BadNotFound, Quality::BadConfiguration),
            (StatusCode::BadMonitoringModeInvalid, Quality::BadConfiguration),
            (StatusCode::BadMonitoredItemFilterInvalid, Quality::BadConfiguration),
            (StatusCode::BadMonitoredItemFilterUnsupported, Quality::BadConfiguration),
            (StatusCode::BadFilterNotAllowed, Quality::BadConfiguration),
            (StatusCode::BadTypeMismatch, Quality::BadConfiguration),
            (StatusCode::BadInternalError, Quality::BadDeviceFailure),
        ] {
            assert_eq!(quality(code.bits()), expected, "{code}");
        }
    }

    #[test]
    fn an_unknown_code_keeps_at_least_its_severity() {
        for code in (0..=u32::from(u16::MAX)).map(|name| name << 16) {
            let expected = match code >> 30 {
                0 => Severity::Good,
                1 => Severity::Uncertain,
                _ => Severity::Bad,
            };
            assert_eq!(quality(code).severity(), expected, "{code:#010X}");
        }
    }

    #[test]
    fn every_quality_that_was_sent_as_a_code_comes_back() {
        for sent in Quality::ALL {
            assert_eq!(quality(sent.status_code()), sent, "{sent}");
        }
    }

    #[test]
    fn a_good_value_at_its_limit_is_uncertain_and_a_constant_is_not() {
        assert_eq!(quality(0x0000_0500), Quality::UncertainSensorLimit, "low");
        assert_eq!(quality(0x0000_0600), Quality::UncertainSensorLimit, "high");
        assert_eq!(quality(0x0000_0700), Quality::Good, "constant");
        assert_eq!(quality(0x0000_0100), Quality::Good, "no information type: not a limit");
    }

    #[test]
    fn an_overflowed_queue_is_noticed() {
        assert!(overflowed(0x0000_0480));
        assert!(!overflowed(0x0000_0080), "no information type");
        assert!(!overflowed(0));
    }
}
