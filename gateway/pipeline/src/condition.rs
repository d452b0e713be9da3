//! Condition: how far a sample can be trusted, by what it holds.

use forehearth_model::{Quality, Severity, Value};

use crate::rule::Prepared;

/// The quality of a sample, never better than what the driver said.
///
/// - Bad stays as it is: the driver knows the reason.
/// - A number that is none (NaN, infinite, or infinite once scaled) or a
///   value that is missing without a reason is `BadSensorFailure`.
/// - A good number outside `valid` is `UncertainOutOfRange`. The range is
///   tested on what a consumer will compute, so after a clamp.
pub(crate) fn judge(rule: &Prepared, quality: Quality, value: &Value) -> Quality {
    if quality.severity() == Severity::Bad {
        return quality;
    }
    let raw = match value {
        Value::Bool(_) | Value::Text(_) => return quality,
        number => number.as_f64().unwrap_or(f64::NAN),
    };
    let engineering = rule.scaling.apply(raw);
    if !raw.is_finite() || !engineering.is_finite() {
        Quality::BadSensorFailure
    } else if quality == Quality::Good && (engineering < rule.low || engineering > rule.high) {
        Quality::UncertainOutOfRange
    } else {
        quality
    }
}

#[cfg(test)]
mod tests {
    use super::judge;
    use crate::rule::{Prepared, Report, Rule};
    use forehearth_model::{Lane, Quality, Scaling, Value};

    fn bath() -> Prepared {
        Prepared::new(&Rule {
            scaling: Scaling { scale: 0.1, ..Scaling::NONE },
            valid: Some((800.0, 1100.0)),
            report: Report::EverySample,
            lane: Lane::Live,
        })
    }

    #[test]
    fn a_value_outside_its_range_is_uncertain_and_the_limits_are_inside() {
        let cases = [
            (7999, Quality::UncertainOutOfRange),
            (8000, Quality::Good),
            (11000, Quality::Good),
            (11001, Quality::UncertainOutOfRange),
        ];
        for (raw, expected) in cases {
            assert_eq!(judge(&bath(), Quality::Good, &Value::Int(raw)), expected, "raw {raw}");
        }
    }

    #[test]
    fn what_is_no_number_is_bad() {
        for value in [
            Value::F32(f32::NAN),
            Value::F64(f64::INFINITY),
            Value::F64(f64::NEG_INFINITY),
            Value::Null,
        ] {
            let quality = judge(&bath(), Quality::Good, &value);
            assert_eq!(quality, Quality::BadSensorFailure, "{value}");
        }
        let times_ten = Prepared { scaling: Scaling { scale: 10.0, ..Scaling::NONE }, ..bath() };
        let overflow = judge(&times_ten, Quality::Good, &Value::F64(f64::MAX));
        assert_eq!(overflow, Quality::BadSensorFailure);
    }

    #[test]
    fn a_clamp_does_not_make_infinity_believable() {
        let scaling = Scaling { clamp: Some((800.0, 1100.0)), ..Scaling::NONE };
        let clamped = Prepared { scaling, ..bath() };
        let quality = judge(&clamped, Quality::Good, &Value::F64(f64::INFINITY));
        assert_eq!(quality, Quality::BadSensorFailure);
        assert_eq!(judge(&clamped, Quality::Good, &Value::F64(2000.0)), Quality::Good);
    }

    #[test]
    fn the_driver_s_reason_is_kept() {
        for quality in Quality::ALL.into_iter().filter(|quality| *quality != Quality::Good) {
            assert_eq!(judge(&bath(), quality, &Value::Int(0)), quality);
        }
    }

    #[test]
    fn bits_and_text_have_no_range() {
        assert_eq!(judge(&bath(), Quality::Good, &Value::Bool(true)), Quality::Good);
        assert_eq!(judge(&bath(), Quality::Good, &Value::Text("x".into())), Quality::Good);
    }
}
