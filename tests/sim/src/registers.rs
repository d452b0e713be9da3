//! Registers: how a PLC lays numbers into 16-bit words, and what it answers when asked for some.

/// Which of the two word tables is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Table {
    /// Function 3.
    Holding,
    /// Function 4.
    Input,
}

/// Why a PLC refuses a read (Modbus Application Protocol V1.1b3, 7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Exception 2: nothing lives at that address.
    Address,
    /// Exception 11: no such unit behind this port.
    NoUnit,
}

/// Something that answers reads. Counters in it may grow by being read.
pub trait Registers: Send + Sync + 'static {
    /// The `count` words from `address` on; `count` is 1..=125.
    ///
    /// # Errors
    /// When `unit` or a word of the range does not exist.
    fn read(&self, unit: u8, table: Table, address: u16, count: u16) -> Result<Vec<u16>, Refusal>;

    /// The `count` coils or discrete inputs from `address` on; `count` is
    /// 1..=2000. A PLC without bit tables refuses.
    ///
    /// # Errors
    /// When `unit` or a bit of the range does not exist.
    fn bits(&self, unit: u8, coils: bool, address: u16, count: u16) -> Result<Vec<bool>, Refusal> {
        let _ = (unit, coils, address, count);
        Err(Refusal::Address)
    }
}

/// A REAL as two words, low word first (CDAB), as most pot controllers do.
#[must_use]
pub const fn real_cdab(value: f32) -> [u16; 2] {
    udint_cdab(value.to_bits())
}

/// A UDINT as two words, low word first (CDAB).
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "splits a long word into its words")]
pub const fn udint_cdab(value: u32) -> [u16; 2] {
    [value as u16, (value >> 16) as u16]
}

/// A REAL as two words, high word first (ABCD).
#[must_use]
pub const fn real_abcd(value: f32) -> [u16; 2] {
    let [low, high] = udint_cdab(value.to_bits());
    [high, low]
}

/// A 64-bit counter as four words, high word first (ABCDEFGH).
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "splits a long word into its words")]
pub const fn ulint_abcd(value: u64) -> [u16; 4] {
    [(value >> 48) as u16, (value >> 32) as u16, (value >> 16) as u16, value as u16]
}

#[cfg(test)]
mod tests {
    use super::{real_abcd, real_cdab, udint_cdab, ulint_abcd};

    #[test]
    fn words_lie_as_the_order_says() {
        // 4.25 is 0x40880000
        assert_eq!(real_abcd(4.25), [0x4088, 0x0000]);
        assert_eq!(real_cdab(4.25), [0x0000, 0x4088]);
        assert_eq!(udint_cdab(0x0001_0203), [0x0203, 0x0001]);
        assert_eq!(ulint_abcd(0x0102_0304_0506_0708), [0x0102, 0x0304, 0x0506, 0x0708]);
    }
}
