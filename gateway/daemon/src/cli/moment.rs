//! A moment on the command line: UTC, or local time with its offset.

use forehearth_model::Stamp;

/// Reads `2026-11-24T08:00:00Z`, with fractions of a second, with an offset
/// (`+08:00`) in place of `Z`, or with a blank in place of `T`.
pub fn parse_time(text: &str) -> Result<Stamp, String> {
    parse(text).ok_or_else(|| {
        format!("`{text}` is no time; write 2026-11-24T08:00:00Z or 2026-11-24T16:00:00+08:00")
    })
}

fn parse(text: &str) -> Option<Stamp> {
    let (date, rest) = text.split_once(['T', ' '])?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let zone = rest.find(['Z', '+', '-'])?;
    let (time, zone) = rest.split_at(zone);
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let inside = (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    let digits = fraction.bytes().all(|byte| byte.is_ascii_digit()) && fraction.len() <= 9;
    if !inside || !digits {
        return None;
    }
    let micros: i64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    let offset = match zone.split_at(1) {
        ("Z", "") => 0,
        (sign, offset) => {
            let [hours, minutes] = numbers(offset, ':', [2, 2])?;
            let minutes = hours * 60 + minutes;
            if sign == "-" { -minutes } else { minutes }
        }
    };
    let days = days_before(year, month) + day - 1;
    let seconds = ((days * 24 + hour) * 60 + minute - offset) * 60 + second;
    Some(Stamp(seconds * 1_000_000 + micros))
}

/// Numbers of these widths between separators.
fn numbers<const N: usize>(text: &str, separator: char, widths: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for (number, width) in numbers.iter_mut().zip(widths) {
        let part = parts.next()?;
        let plain = part.len() == width && part.bytes().all(|byte| byte.is_ascii_digit());
        *number = part.parse().ok().filter(|_| plain)?;
    }
    parts.next().is_none().then_some(numbers)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to the first of a month (Gregorian leap rule).
fn days_before(year: i64, month: i64) -> i64 {
    let before = year - 1;
    let leaps = before / 4 - before / 100 + before / 400 - (1969 / 4 - 1969 / 100 + 1969 / 400);
    (year - 1970) * 365 + leaps + (1..month).map(|month| days_of(year, month)).sum::<i64>()
}

#[cfg(test)]
mod tests {
    use super::parse_time;

    #[test]
    fn what_the_gateway_prints_is_read_back() {
        for text in
            ["2026-11-24T10:36:00.250Z", "2028-02-29T23:59:59.000Z", "1970-01-01T00:00:00.000Z"]
        {
            assert_eq!(parse_time(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn local_time_needs_its_offset() {
        let utc = parse_time("2026-11-24T08:00:00Z");
        assert_eq!(parse_time("2026-11-24T16:00:00+08:00"), utc);
        assert_eq!(parse_time("2026-11-24 04:30:00-03:30"), utc);
        for wrong in ["2026-11-24T08:00:00", "2026-11-24", "8:00", "2026-02-29T00:00:00Z", ""] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }
}
