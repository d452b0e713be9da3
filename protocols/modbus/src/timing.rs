//! The times of a serial line: how long a character takes, and how long silence must be.

/// Microseconds of a monotonic clock since any fixed moment.
pub type Micros = u64;

/// A character of a serial line has 11 bits: start, 8 data, parity or a
/// second stop bit, stop (Serial Line V1.02, 2.5.1).
const BITS_PER_CHARACTER: u64 = 11;

/// From this speed on the standard fixes the silence (Serial Line V1.02, 2.5.1.1).
const FAST_BAUD: u32 = 19_200;
const FAST_SILENCE: Micros = 1_750;

/// Within a frame bytes pause at most this long, or it counts as cut off.
/// Chosen: twice the 16 ms that common USB adapters collect bytes for, and
/// some for a busy machine; serial servers collect longer.
const SERIAL_GAP: Micros = 40_000;
const TCP_GAP: Micros = 200_000;

/// Silence after which a serial server's line is taken for quiet. Chosen: it
/// keeps the silence of the line itself, this is to let glued frames arrive.
const TCP_SILENCE: Micros = 2_000;

/// The times of one line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timing {
    /// Between two frames the line is silent for at least this long (t3.5).
    pub silence: Micros,
    /// A frame that pauses for longer is cut off.
    pub gap: Micros,
    /// Time of one character; 0 where the speed is not known.
    pub character_nanos: u64,
}

impl Timing {
    /// A serial port of this speed.
    #[must_use]
    pub const fn serial(baud: u32) -> Self {
        let character_nanos =
            BITS_PER_CHARACTER * 1_000_000_000 / (if baud == 0 { 1 } else { baud }) as u64;
        let silence =
            if baud > FAST_BAUD { FAST_SILENCE } else { (character_nanos * 7 / 2).div_ceil(1000) };
        let gap = if silence > SERIAL_GAP { silence } else { SERIAL_GAP };
        Self { silence, gap, character_nanos }
    }

    /// A serial server: its line is not ours to time.
    #[must_use]
    pub const fn tcp() -> Self {
        Self { silence: TCP_SILENCE, gap: TCP_GAP, character_nanos: 0 }
    }

    /// The gap up to which one request for two stretches is cheaper than two,
    /// in registers, for a unit that takes `turnaround` to answer.
    ///
    /// Another request costs 8 characters of its own, 5 of its answer around
    /// the data, two silences and the turnaround; a register costs 2.
    #[must_use]
    pub const fn break_even(&self, turnaround: Micros) -> u16 {
        if self.character_nanos == 0 {
            return crate::MAX_READ_WORDS;
        }
        let request = self.wire(8 + 5) + 2 * self.silence + turnaround;
        let registers = request * 1000 / (2 * self.character_nanos);
        if registers < crate::MAX_READ_WORDS as u64 {
            registers as u16
        } else {
            crate::MAX_READ_WORDS
        }
    }

    /// How long `characters` take on the line.
    #[must_use]
    pub const fn wire(&self, characters: usize) -> Micros {
        (characters as u64 * self.character_nanos).div_ceil(1000)
    }
}

#[cfg(test)]
mod tests {
    use super::Timing;

    #[test]
    fn silence_is_three_and_a_half_characters_and_fixed_above_19200() {
        assert_eq!(Timing::serial(9_600).silence, 4_011); // 3.5 * 11 / 9600 s
        assert_eq!(Timing::serial(19_200).silence, 2_006);
        assert_eq!(Timing::serial(19_201).silence, 1_750);
        assert_eq!(Timing::serial(115_200).silence, 1_750);
        assert_eq!(Timing::serial(9_600).wire(8), 9_167);
        // A turnaround of 10 ms is worth 14 registers at 9,600 Bd and 77 at
        // 115,200; where bytes cost nothing the whole request.
        assert_eq!(Timing::serial(9_600).break_even(10_000), 14);
        assert_eq!(Timing::serial(115_200).break_even(10_000), 77);
        assert_eq!(Timing::tcp().break_even(0), 125);
        assert_eq!(Timing::serial(300).gap, Timing::serial(300).silence);
    }
}
