//! When something was so, told in wall time.

use core::fmt;

/// UTC microseconds since 1970-01-01. For telling, never for waiting: a step
/// of the wall clock moves it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Stamp(pub i64);

impl Stamp {
    /// From UTC milliseconds, the unit of Sparkplug timestamps.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1000))
    }

    /// UTC microseconds.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// UTC milliseconds, rounded down.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1000)
    }
}

/// `2026-11-24T10:36:00.250Z`, to the millisecond.
impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.millis();
        let (days, in_day) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
        let (year, month, day) = civil_from_days(days);
        let (h, m, s, ms) =
            (in_day / 3_600_000, in_day / 60_000 % 60, in_day / 1000 % 60, in_day % 1000);
        write!(f, "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{ms:03}Z")
    }
}

/// Year, month and day of a day count since 1970-01-01, in the proleptic
/// Gregorian calendar: shift to eras of 400 years that start on 1 March, so
/// that the leap day is the last of its year.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    const DAYS_PER_ERA: i64 = 146_097;
    const FROM_YEAR_0_MARCH_1: i64 = 719_468;
    let shifted = days + FROM_YEAR_0_MARCH_1;
    let era = shifted.div_euclid(DAYS_PER_ERA);
    let in_era = shifted.rem_euclid(DAYS_PER_ERA);
    let year_of_era = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * in_year + 2) / 153;
    let day = in_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::Stamp;
    use alloc::string::ToString;

    #[test]
    fn a_stamp_prints_as_iso_8601_utc() {
        assert_eq!(Stamp(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Stamp::from_millis(1_709_210_096_007).to_string(), "2024-02-29T12:34:56.007Z");
        assert_eq!(Stamp(-1).to_string(), "1969-12-31T23:59:59.999Z");
    }
}
