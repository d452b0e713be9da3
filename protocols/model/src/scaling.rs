//! From the raw number of the device to engineering units.

use crate::Value;

/// `engineering = raw × scale + offset`, optionally clamped.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Scaling {
    /// Engineering units per raw count.
    pub scale: f64,
    /// Engineering value at raw 0.
    pub offset: f64,
    /// Lowest and highest engineering value let through (`clamp = true`).
    pub clamp: Option<(f64, f64)>,
}

impl Scaling {
    /// Raw is already in engineering units.
    pub const NONE: Self = Self { scale: 1.0, offset: 0.0, clamp: None };

    /// Whether raw is already in engineering units.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }

    /// One raw number in engineering units.
    #[must_use]
    pub fn apply(&self, raw: f64) -> f64 {
        let scaled = raw * self.scale + self.offset;
        match self.clamp {
            Some((low, _)) if scaled < low => low,
            Some((_, high)) if scaled > high => high,
            _ => scaled,
        }
    }

    /// A raw value in engineering units: a number becomes `F64` when there is
    /// something to scale, everything else stays as it is.
    #[must_use]
    pub fn engineering(&self, raw: &Value) -> Value {
        if self.is_none() || matches!(raw, Value::Bool(_)) {
            return raw.clone();
        }
        raw.as_f64().map_or_else(|| raw.clone(), |number| Value::F64(self.apply(number)))
    }
}

impl Default for Scaling {
    fn default() -> Self {
        Self::NONE
    }
}

#[cfg(test)]
mod tests {
    use super::Scaling;
    use crate::Value;

    #[test]
    fn a_scaled_integer_becomes_engineering_units() {
        let tenth = Scaling { scale: 0.1, offset: -10.0, clamp: None };
        assert_eq!(tenth.engineering(&Value::Int(9650)), Value::F64(955.0));
    }

    #[test]
    fn a_clamped_value_stays_within_its_sheet() {
        let sheet = Scaling { scale: 150.0 / 27648.0, offset: 0.0, clamp: Some((0.0, 150.0)) };
        assert_eq!(sheet.apply(-5.0), 0.0);
        assert_eq!(sheet.apply(30000.0), 150.0);
    }

    #[test]
    fn bits_and_text_are_not_scaled() {
        let double = Scaling { scale: 2.0, ..Scaling::NONE };
        assert_eq!(double.engineering(&Value::Bool(true)), Value::Bool(true));
        assert_eq!(double.engineering(&Value::Null), Value::Null);
    }
}
