//! What a failed read says about its tags.

use forehearth_modbus::{Exception, ResponseError};
use forehearth_model::Quality;

/// The quality of every tag of a span whose answer was `error`.
///
/// - Exceptions 1, 2, 3: the device refuses function, address or count, so
///   the map is wrong and asking again does not help: *configuration*.
/// - Exceptions 10, 11: a gateway answers in place of a unit it cannot
///   reach: *no communication*.
/// - All others, 5 (takes long) and 6 (busy) among them: the device is there
///   and cannot give the value now: *device failure*, asked again at the next
///   scan.
/// - An answer that is not one: *device failure*.
pub(crate) const fn of_failure(error: &ResponseError) -> Quality {
    match error {
        ResponseError::Exception(
            Exception::IllegalFunction
            | Exception::IllegalDataAddress
            | Exception::IllegalDataValue,
        ) => Quality::BadConfiguration,
        ResponseError::Exception(
            Exception::GatewayPathUnavailable | Exception::GatewayTargetFailedToRespond,
        ) => Quality::BadNoCommunication,
        ResponseError::Exception(_)
        | ResponseError::Empty
        | ResponseError::WrongFunction { .. }
        | ResponseError::Framing { .. }
        | ResponseError::WrongCount { .. } => Quality::BadDeviceFailure,
    }
}

#[cfg(test)]
mod tests {
    use super::of_failure;
    use forehearth_modbus::{Exception, ResponseError};
    use forehearth_model::Quality;

    #[test]
    fn each_exception_says_who_has_to_act() {
        for (code, quality) in [
            (1, Quality::BadConfiguration),
            (2, Quality::BadConfiguration),
            (3, Quality::BadConfiguration),
            (4, Quality::BadDeviceFailure),
            (5, Quality::BadDeviceFailure),
            (6, Quality::BadDeviceFailure),
            (7, Quality::BadDeviceFailure),
            (8, Quality::BadDeviceFailure),
            (9, Quality::BadDeviceFailure),
            (10, Quality::BadNoCommunication),
            (11, Quality::BadNoCommunication),
        ] {
            let error = ResponseError::Exception(Exception::from_code(code));
            assert_eq!(of_failure(&error), quality, "exception {code}");
        }
    }
}
