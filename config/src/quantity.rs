//! Durations, sizes and rates of bytes as a map writes them: `500ms`, `14d`, `8GiB`, `2MiB/s`.

use std::time::Duration;

/// Factors in milliseconds.
const TIME_UNITS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Factors in bytes (IEC 80000-13 binary and SI decimal prefixes).
const SIZE_UNITS: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

/// `500ms`, `1s`, `1.5s`, `5m`, `2h`, `14d`. `None` when it is none of them
/// or too large.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let (number, factor) = split(text, &TIME_UNITS)?;
    let millis = scaled(number, factor)?;
    Some(Duration::from_millis(millis))
}

/// `64MiB`, `8GiB`, `500MB`.
pub(crate) fn size(text: &str) -> Option<u64> {
    let (number, factor) = split(text, &SIZE_UNITS)?;
    scaled(number, factor)
}

/// `2MiB/s`, in bytes per second.
pub(crate) fn size_per_second(text: &str) -> Option<u64> {
    size(text.strip_suffix("/s")?)
}

/// `0.5%`, as a fraction.
pub(crate) fn percent(text: &str) -> Option<f64> {
    let number = text.strip_suffix('%')?.trim_end();
    let plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let percent: f64 = number.parse().ok().filter(|_| plain)?;
    Some(percent / 100.0)
}

fn split<'a>(text: &'a str, units: &[(&str, u64)]) -> Option<(&'a str, u64)> {
    let text = text.trim();
    let digits = text.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(known, _)| *known == unit.trim_start())?;
    Some((number, *factor))
}

/// `number × factor`, exactly; decimals are allowed where the result is whole.
fn scaled(number: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || fraction.len() > 6 || number.ends_with('.') {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let part: u64 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let divisor = 10_u64.pow(fraction.len() as u32);
    let part = part.checked_mul(factor)?;
    if !part.is_multiple_of(divisor) {
        return None;
    }
    whole.checked_mul(factor)?.checked_add(part / divisor)
}

/// The shortest exact spelling of a duration: `500ms`, `1s`, `14d`.
pub(crate) fn show_duration(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let (unit, factor) = TIME_UNITS
        .into_iter()
        .rev()
        .find(|(_, factor)| millis >= *factor && millis.is_multiple_of(*factor))
        .unwrap_or(("ms", 1));
    format!("{}{unit}", millis / factor)
}

/// The shortest exact spelling of a size in binary units: `64MiB`.
pub(crate) fn show_size(bytes: u64) -> String {
    let (unit, factor) = SIZE_UNITS[..4]
        .iter()
        .rev()
        .find(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor))
        .copied()
        .unwrap_or(("B", 1));
    format!("{}{unit}", bytes / factor)
}

#[cfg(test)]
mod tests {
    use super::{duration, percent, show_duration, show_size, size, size_per_second};
    use std::time::Duration;

    #[test]
    fn durations_are_read_exactly_or_not_at_all() {
        for (text, millis) in
            [("100ms", 100), ("1s", 1000), ("1.5s", 1500), ("5m", 300_000), ("14d", 1_209_600_000)]
        {
            assert_eq!(duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for wrong in [
            "",
            "5",
            "s",
            "1.s",
            ".5s",
            "-1s",
            "1 min",
            "0.0001s",
            "99999999999999999999d",
            "1.2.3s",
        ] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sizes_have_binary_and_decimal_units() {
        assert_eq!(size("8GiB"), Some(8 << 30));
        assert_eq!(size("1.5 KiB"), Some(1536));
        assert_eq!(size("10MB"), Some(10_000_000));
        assert_eq!(size("8G"), None);
        assert_eq!(size_per_second("2MiB/s"), Some(2 << 20));
        assert_eq!(size_per_second("2MiB"), None);
        assert_eq!(percent("0.5%"), Some(0.005));
        assert_eq!(percent("-1%"), None);
    }

    #[test]
    fn quantities_are_shown_as_they_are_written() {
        assert_eq!(show_duration(Duration::from_secs(86_400)), "1d");
        assert_eq!(show_duration(Duration::from_millis(1500)), "1500ms");
        assert_eq!(show_duration(Duration::ZERO), "0ms");
        assert_eq!(show_size(64 << 20), "64MiB");
    }
}
