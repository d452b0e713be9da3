//! Bounds: how much fits one request, one PDU and one frame.

/// Most registers of one read (Application Protocol V1.1b3, 6.3 and 6.4).
pub const MAX_READ_WORDS: u16 = 125;
/// Most bits of one read (Application Protocol V1.1b3, 6.1 and 6.2).
pub const MAX_READ_BITS: u16 = 2000;
/// Most registers of one write (Application Protocol V1.1b3, 6.12).
pub const MAX_WRITE_WORDS: usize = 123;
/// Most registers that function 23 writes beside its read (6.17).
pub const MAX_WRITE_WORDS_WITH_READ: usize = 121;
/// Longest PDU: 256 bytes of a serial frame less unit and CRC
/// (Application Protocol V1.1b3, 4.1).
pub const MAX_PDU: usize = 253;
/// Longest frame of a serial line: unit, PDU, CRC (Serial Line V1.02, 2.5.1).
pub const MAX_FRAME: usize = 1 + MAX_PDU + 2;
