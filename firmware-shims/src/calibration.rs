//! Calibration: what a certificate says about each channel, kept where power loss can't half-write it.
//!
//! Two slots, each a sector of its own; the newer one with a right checksum
//! counts. A save erases the other slot and writes there, so at each moment
//! one of the two is whole.
//!
//! ```text
//! 0  "FHC1"       who wrote it and in which form
//! 4  u32          sequence: the higher is the newer
//! 8  u16          channels
//! 10 f32 f32 …    gain and offset of each
//!    u16          CRC-16 (Modbus) over all of it
//! ```
//! Big-endian. The CRC finds every burst of 16 bits and all but one in 65,536
//! of larger damage; an erased slot has no "FHC1".

use embedded_storage::nor_flash::NorFlash;
use forehearth_modbus::crc16;

const MAGIC: [u8; 4] = *b"FHC1";
const HEAD: usize = 10;
const EACH: usize = 8;
const CRC: usize = 2;
/// Room for 30 channels; chosen: one page of the usual NOR flash.
const MOST: usize = 256;

/// `value = measured * gain + offset`, in the unit of the channel.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Calibration {
    /// Slope of the correction.
    pub gain: f32,
    /// Correction at 0.
    pub offset: f32,
}

impl Calibration {
    /// Corrects nothing.
    pub const NONE: Self = Self { gain: 1.0, offset: 0.0 };

    /// The corrected value.
    #[must_use]
    pub fn correct(&self, measured: f32) -> f32 {
        measured * self.gain + self.offset
    }
}

/// Why there is no calibration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotLoaded<E> {
    /// Both slots are erased: nobody has calibrated this node.
    Blank,
    /// There is one, but its checksum or its number of channels is wrong.
    Damaged,
    /// The flash can't be read.
    Flash(E),
}

/// The calibration of `N` channels in two sectors of a flash.
#[derive(Debug)]
pub struct CalibrationStore<F, const N: usize> {
    flash: F,
    /// Where the first slot begins; the second follows a sector later.
    start: u32,
    /// Slot and sequence of the one that counts.
    newest: Option<(u32, u32)>,
}

enum Slot<const N: usize> {
    Blank,
    Damaged,
    Whole { sequence: u32, channels: [Calibration; N] },
}

impl<F: NorFlash, const N: usize> CalibrationStore<F, N> {
    const LENGTH: usize = HEAD + N * EACH + CRC;
    const FITS: () = {
        assert!(N > 0 && Self::LENGTH <= MOST, "1 to 30 channels fit a record");
        assert!(MOST.is_multiple_of(F::WRITE_SIZE) && MOST.is_multiple_of(F::READ_SIZE));
        assert!(F::ERASE_SIZE >= MOST, "a slot is one sector");
    };

    /// Two sectors of `flash` from `start` on, which begins a sector.
    pub fn new(flash: F, start: u32) -> Self {
        const { Self::FITS };
        Self { flash, start, newest: None }
    }

    /// Gives the flash back.
    pub fn release(self) -> F {
        self.flash
    }

    const fn place(&self, slot: u32) -> u32 {
        self.start + slot * F::ERASE_SIZE as u32
    }

    /// The newest whole calibration.
    ///
    /// # Errors
    /// Why there is none. Without one a node tells `BadConfiguration` where a
    /// calibration belongs (see [`Node::put`](crate::Node::put)).
    pub fn load(&mut self) -> Result<[Calibration; N], NotLoaded<F::Error>> {
        let slots = [self.slot(0)?, self.slot(1)?];
        let is_damaged = slots.iter().any(|slot| matches!(slot, Slot::Damaged));
        self.newest = None;
        let mut best = None;
        for (at, slot) in (0..).zip(slots) {
            if let Slot::Whole { sequence, channels } = slot
                && self.newest.is_none_or(|(_, newest)| sequence > newest)
            {
                self.newest = Some((at, sequence));
                best = Some(channels);
            }
        }
        best.ok_or(if is_damaged { NotLoaded::Damaged } else { NotLoaded::Blank })
    }

    fn slot(&mut self, slot: u32) -> Result<Slot<N>, NotLoaded<F::Error>> {
        let mut record = [0; MOST];
        self.flash.read(self.place(slot), &mut record).map_err(NotLoaded::Flash)?;
        Ok(parse(&record[..Self::LENGTH]))
    }

    /// Writes a calibration into the slot that does not count.
    ///
    /// # Errors
    /// The flash failed; the calibration of before still counts.
    pub fn save(&mut self, channels: &[Calibration; N]) -> Result<(), F::Error> {
        if self.newest.is_none()
            && let Err(NotLoaded::Flash(error)) = self.load()
        {
            return Err(error);
        }
        let (slot, sequence) = match self.newest {
            Some((newest, sequence)) => (1 - newest, sequence.saturating_add(1)),
            None => (0, 1),
        };
        let mut record = [0xFF; MOST];
        write(&mut record[..Self::LENGTH], sequence, channels);
        let place = self.place(slot);
        self.flash.erase(place, place + F::ERASE_SIZE as u32)?;
        self.flash.write(place, &record[..Self::LENGTH.next_multiple_of(F::WRITE_SIZE)])?;
        self.newest = Some((slot, sequence));
        Ok(())
    }
}

fn write(record: &mut [u8], sequence: u32, channels: &[Calibration]) {
    record[..4].copy_from_slice(&MAGIC);
    record[4..8].copy_from_slice(&sequence.to_be_bytes());
    record[8..HEAD].copy_from_slice(&(channels.len() as u16).to_be_bytes());
    let body = record.len() - CRC;
    for (place, channel) in record[HEAD..body].chunks_exact_mut(EACH).zip(channels) {
        place[..4].copy_from_slice(&channel.gain.to_be_bytes());
        place[4..].copy_from_slice(&channel.offset.to_be_bytes());
    }
    let crc = crc16(&record[..body]);
    record[body..].copy_from_slice(&crc.to_be_bytes());
}

fn parse<const N: usize>(record: &[u8]) -> Slot<N> {
    let (body, crc) = record.split_at(record.len() - CRC);
    if body[..4] == [0xFF; 4] {
        return Slot::Blank;
    }
    let is_whole = body[..4] == MAGIC
        && crc16(body).to_be_bytes() == *crc
        && body[8..HEAD] == (N as u16).to_be_bytes();
    if !is_whole {
        return Slot::Damaged;
    }
    let float = |b: &[u8]| f32::from_be_bytes([b[0], b[1], b[2], b[3]]);
    let sequence = u32::from_be_bytes([body[4], body[5], body[6], body[7]]);
    let mut channels = [Calibration::NONE; N];
    for (channel, place) in channels.iter_mut().zip(body[HEAD..].chunks_exact(EACH)) {
        *channel = Calibration { gain: float(&place[..4]), offset: float(&place[4..]) };
    }
    Slot::Whole { sequence, channels }
}

#[cfg(test)]
mod tests {
    use super::{Calibration, CalibrationStore, NotLoaded};
    use embedded_storage::nor_flash::{ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash};
    use std::vec;
    use std::vec::Vec;

    const SECTOR: usize = 4096;

    /// Two sectors that lose power after so many more bytes written or sectors erased.
    struct Flash {
        bytes: Vec<u8>,
        power: usize,
    }

    impl ErrorType for Flash {
        type Error = NorFlashErrorKind;
    }

    impl ReadNorFlash for Flash {
        const READ_SIZE: usize = 1;
        fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
            let from = offset as usize;
            bytes.copy_from_slice(&self.bytes[from..from + bytes.len()]);
            Ok(())
        }
        fn capacity(&self) -> usize {
            self.bytes.len()
        }
    }

    impl Flash {
        fn spend(&mut self) -> Result<(), NorFlashErrorKind> {
            self.power = self.power.checked_sub(1).ok_or(NorFlashErrorKind::Other)?;
            Ok(())
        }
    }

    impl NorFlash for Flash {
        const WRITE_SIZE: usize = 4;
        const ERASE_SIZE: usize = SECTOR;
        fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
            embedded_storage::nor_flash::check_erase(self, from, to)?;
            // Power fails in the middle of an erase: half of it is gone.
            let middle = usize::midpoint(from as usize, to as usize);
            self.bytes[from as usize..middle].fill(0xFF);
            self.spend()?;
            self.bytes[middle..to as usize].fill(0xFF);
            Ok(())
        }
        fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
            embedded_storage::nor_flash::check_write(self, offset, bytes.len())?;
            for (at, byte) in bytes.iter().enumerate() {
                self.spend()?;
                assert_eq!(self.bytes[offset as usize + at], 0xFF, "written twice");
                self.bytes[offset as usize + at] = *byte;
            }
            Ok(())
        }
    }

    fn store(bytes: Vec<u8>, power: usize) -> CalibrationStore<Flash, 3> {
        CalibrationStore::new(Flash { bytes, power }, 0)
    }

    fn channels(gain: f32) -> [Calibration; 3] {
        [Calibration { gain, offset: -0.5 }, Calibration::NONE, Calibration { gain, offset: 2.0 }]
    }

    #[test]
    fn what_was_saved_is_loaded_and_an_erased_flash_is_blank() {
        let mut store = store(vec![0xFF; 2 * SECTOR], usize::MAX);
        assert_eq!(store.load(), Err(NotLoaded::Blank));
        for gain in [1.25, 1.5, 1.75] {
            store.save(&channels(gain)).unwrap();
            let bytes = store.flash.bytes.clone();
            assert_eq!(self::store(bytes, 0).load(), Ok(channels(gain)));
        }
    }

    #[test]
    fn power_lost_at_any_byte_leaves_the_old_calibration_or_the_new() {
        let mut first = store(vec![0xFF; 2 * SECTOR], usize::MAX);
        first.save(&channels(1.0)).unwrap();
        first.save(&channels(2.0)).unwrap();
        let before = first.release().bytes;
        let mut saved = 0;
        for power in 0..60 {
            let mut store = self::store(before.clone(), power);
            let result = store.save(&channels(3.0));
            let after = self::store(store.release().bytes, 0).load();
            match result {
                Ok(()) => {
                    saved += 1;
                    assert_eq!(after, Ok(channels(3.0)));
                }
                // The padding behind the record may be missing.
                Err(_) => assert!(
                    after == Ok(channels(2.0)) || after == Ok(channels(3.0)),
                    "power lost after {power}: {after:?}"
                ),
            }
        }
        assert!(saved > 10, "{saved}");
    }

    #[test]
    fn a_damaged_calibration_is_not_used() {
        let mut store = store(vec![0xFF; 2 * SECTOR], usize::MAX);
        store.save(&channels(1.5)).unwrap();
        let good = store.release().bytes;
        for byte in 0..super::HEAD + 3 * super::EACH + super::CRC {
            let mut bytes = good.clone();
            bytes[byte] ^= 0x10;
            assert_eq!(self::store(bytes, 0).load(), Err(NotLoaded::Damaged), "byte {byte}");
        }
        let mut other = CalibrationStore::<_, 2>::new(Flash { bytes: good, power: 0 }, 0);
        assert_eq!(other.load(), Err(NotLoaded::Damaged), "it is of another node");
    }
}
