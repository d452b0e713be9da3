//! A column: the numbers of one kind in a section, squeezed into blocks of as few bits as their spread needs.

use crate::wire::{Reader, Truncated, put_varint, unzigzag, varint_len, zigzag};

/// Numbers per block. Chosen: 64 costs 0.03 B more per number in heads, 256
/// lets one outlier widen too many neighbours.
const BLOCK: usize = 128;

/// Head byte of a block whose numbers are zigzag varints.
const VARINTS: u8 = 128;

/// Appends one part of a column (the first scan, or all later ones).
pub(super) fn put_part(out: &mut Vec<u8>, numbers: &[i64]) {
    for block in numbers.chunks(BLOCK) {
        put_block(out, block);
    }
}

/// One block, in the smaller of the two ways.
fn put_block(out: &mut Vec<u8>, block: &[i64]) {
    let (mut low, mut high, mut varints) = (i64::MAX, i64::MIN, 0);
    for &number in block {
        low = low.min(number);
        high = high.max(number);
        varints += varint_len(zigzag(number));
    }
    let spread = high.wrapping_sub(low).cast_unsigned();
    let width = 64 - spread.leading_zeros();
    let packed = varint_len(zigzag(low)) + (block.len() * width as usize).div_ceil(8);
    if varints < packed {
        out.push(VARINTS);
        for &number in block {
            put_varint(out, zigzag(number));
        }
    } else {
        out.push(width as u8);
        put_varint(out, zigzag(low));
        put_packed(out, block, low, width);
    }
}

/// `number - low` in `width` bits each, lowest bit first.
fn put_packed(out: &mut Vec<u8>, block: &[i64], low: i64, width: u32) {
    if width == 0 {
        return;
    }
    let end = out.len() + (block.len() * width as usize).div_ceil(8);
    let (mut pending, mut bits) = (0_u128, 0);
    for &number in block {
        pending |= u128::from(number.wrapping_sub(low).cast_unsigned()) << bits;
        bits += width;
        if bits >= 64 {
            out.extend_from_slice(&(pending as u64).to_le_bytes());
            pending >>= 64;
            bits -= 64;
        }
    }
    out.extend_from_slice(&(pending as u64).to_le_bytes());
    out.truncate(end);
}

/// Reads a column of `scans × width` numbers, scan by scan, undoing the
/// differences between scans. Memory: one scan and one block.
pub(super) struct Column<'a> {
    bytes: Reader<'a>,
    /// Numbers per scan.
    width: usize,
    /// Numbers of this part that are not in `block` yet.
    unread: usize,
    /// Numbers of the part that follows.
    later: usize,
    block: Vec<i64>,
    next: usize,
    /// The last number of each tag; fills up during a first scan without base.
    previous: Vec<i64>,
    place: usize,
}

impl<'a> Column<'a> {
    /// `width` and `scans` are already bounded by the caller. `base` is what the
    /// first scan is a difference to: one number per tag, or empty for none.
    pub(super) fn new(bytes: &'a [u8], width: usize, scans: usize, base: Vec<i64>) -> Self {
        Self {
            bytes: Reader::new(bytes),
            width,
            unread: width,
            later: width * (scans - 1),
            block: Vec::new(),
            next: 0,
            previous: base,
            place: 0,
        }
    }

    /// The next number, scan by scan.
    pub(super) fn number(&mut self) -> Result<i64, Truncated> {
        if self.next == self.block.len() {
            self.read_block()?;
        }
        let stored = self.block[self.next];
        self.next += 1;
        if self.previous.len() < self.width {
            self.previous.push(stored);
            return Ok(stored);
        }
        let previous = &mut self.previous[self.place];
        *previous = previous.wrapping_add(stored);
        self.place = if self.place + 1 == self.width { 0 } else { self.place + 1 };
        Ok(*previous)
    }

    /// Whether every byte was used: what is left over is not ours.
    pub(super) const fn is_used_up(&self) -> bool {
        self.bytes.is_empty()
    }

    fn read_block(&mut self) -> Result<(), Truncated> {
        if self.unread == 0 {
            self.unread = std::mem::take(&mut self.later);
        }
        let count = self.unread.min(BLOCK);
        if count == 0 {
            return Err(Truncated);
        }
        self.block.clear();
        self.next = 0;
        match self.bytes.byte()? {
            width @ 0..=64 => self.read_packed(count, u32::from(width))?,
            VARINTS => {
                for _ in 0..count {
                    self.block.push(unzigzag(self.bytes.varint()?));
                }
            }
            _ => return Err(Truncated),
        }
        self.unread -= count;
        Ok(())
    }

    fn read_packed(&mut self, count: usize, width: u32) -> Result<(), Truncated> {
        let low = unzigzag(self.bytes.varint()?);
        let bytes = self.bytes.take((count * width as usize).div_ceil(8))?;
        let mask = u64::MAX.checked_shr(64 - width).unwrap_or(0);
        let (mut pending, mut bits) = (0_u128, 0);
        let mut words = bytes.chunks(8);
        for _ in 0..count {
            if bits < width {
                let mut word = [0; 8];
                let chunk = words.next().unwrap_or_default();
                word[..chunk.len()].copy_from_slice(chunk);
                pending |= u128::from(u64::from_le_bytes(word)) << bits;
                bits += 64;
            }
            self.block.push(low.wrapping_add((pending as u64 & mask).cast_signed()));
            pending >>= width;
            bits = bits.saturating_sub(width);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8], width: usize, scans: usize) -> Vec<i64> {
        let mut column = Column::new(bytes, width, scans, Vec::new());
        let numbers = (0..width * scans).map(|_| column.number().unwrap()).collect();
        assert!(column.is_used_up());
        numbers
    }

    #[test]
    fn three_close_numbers_take_two_bits_each() {
        let mut bytes = Vec::new();
        put_part(&mut bytes, &[1000, 1003, 1001]);
        assert_eq!(
            bytes,
            [
                2, // bits per number
                0xd0, 0x0f,       // zigzag(1000) = 2000
                0b01_11_00, // 0, 3, 1, lowest first
            ]
        );
        assert_eq!(read(&bytes, 3, 1), [1000, 1003, 1001]);
    }

    #[test]
    fn equal_numbers_take_no_bits() {
        let mut bytes = Vec::new();
        put_part(&mut bytes, &[-1; 128]);
        assert_eq!(bytes, [0, 1]);
    }

    #[test]
    fn one_outlier_does_not_widen_its_neighbours() {
        let mut numbers = vec![0; 100];
        numbers[50] = i64::MAX;
        let mut bytes = Vec::new();
        put_part(&mut bytes, &numbers);
        assert_eq!(bytes[0], VARINTS);
        assert_eq!(bytes.len(), 1 + 99 + 10);
        assert_eq!(read(&bytes, 100, 1), numbers);
    }

    #[test]
    fn later_scans_are_differences_to_the_scan_before() {
        let mut bytes = Vec::new();
        put_part(&mut bytes, &[10, 20]);
        put_part(&mut bytes, &[1, -1, 0, 5]);
        assert_eq!(read(&bytes, 2, 3), [10, 20, 11, 19, 11, 24]);
    }

    proptest! {
        #[test]
        fn any_numbers_read_back(
            numbers in prop::collection::vec((any::<i64>(), 0..64_u32), 1..400),
        ) {
            let numbers: Vec<i64> = numbers.into_iter().map(|(n, shift)| n >> shift).collect();
            let mut bytes = Vec::new();
            put_part(&mut bytes, &numbers);
            prop_assert_eq!(read(&bytes, numbers.len(), 1), numbers);
        }
    }
}
