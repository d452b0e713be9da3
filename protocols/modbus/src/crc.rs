//! The checksum of an RTU frame: CRC-16 with polynomial 0xA001, low byte first on the wire.
//!
//! Serial Line V1.02, 6.2.2 and appendix B. It finds every burst of up to 16
//! bits; of longer damage it lets about one frame in 65,536 through.

/// One entry per value of a byte.
const TABLE: [u16; 256] = table();

const fn table() -> [u16; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u16;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xA001 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

/// The checksum over `bytes`.
#[must_use]
pub fn crc16(bytes: &[u8]) -> u16 {
    bytes
        .iter()
        .fold(0xFFFF, |crc: u16, byte| crc >> 8 ^ TABLE[usize::from(crc.to_le_bytes()[0] ^ byte)])
}

#[cfg(test)]
mod tests {
    use super::crc16;
    use proptest::prelude::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        // The example of Serial Line V1.02, appendix B: 02 07 -> CRC 41 12.
        assert_eq!(crc16(&[0x02, 0x07]).to_le_bytes(), [0x41, 0x12]);
        // The check value of CRC-16/MODBUS in the catalogue of CRC algorithms.
        assert_eq!(crc16(b"123456789"), 0x4B37);
    }

    proptest! {
        #[test]
        fn one_damaged_byte_never_gets_through(
            mut bytes in prop::collection::vec(any::<u8>(), 1..260),
            at: prop::sample::Index, flip in 1u8..=255,
        ) {
            let before = crc16(&bytes);
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            prop_assert_ne!(crc16(&bytes), before);
        }
    }
}
