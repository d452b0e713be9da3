//! Instruments: a chip on its bus, blocking or async.
//!
//! The text of the four shells stands here once; `shells!` writes it for
//! embedded-hal without `async` and for embedded-hal-async with it.

use crate::chip::{Bytes, Chip, Heard, Step};
use crate::{AsyncChannel, Channel, Clock, Facts, Quality, Reading};

/// Most bytes that are read at once.
const MOST_READ: usize = 8;

/// Most steps of a measurement. Chosen: the longest is a converter that is
/// asked eight times more, 22 steps.
const MOST_STEPS: usize = 32;

/// A chip on I2C.
#[derive(Clone, Debug)]
pub struct OnI2c<B, D, K, C> {
    bus: B,
    address: u8,
    delay: D,
    clock: K,
    chip: C,
}

impl<B, D, K, C: Chip> OnI2c<B, D, K, C> {
    /// The chip with this 7-bit address.
    pub const fn new(bus: B, address: u8, delay: D, clock: K, chip: C) -> Self {
        Self { bus, address, delay, clock, chip }
    }

    /// Gives bus and delay back.
    pub fn release(self) -> (B, D) {
        (self.bus, self.delay)
    }
}

/// A chip on SPI, with a chip select of its own. The datasheets want mode 1
/// for MAX31856 and MAX31865, mode 0 for MAX31855, 5 MHz at most for all.
#[derive(Clone, Debug)]
pub struct OnSpi<B, D, K, C> {
    bus: B,
    delay: D,
    clock: K,
    chip: C,
}

impl<B, D, K, C: Chip> OnSpi<B, D, K, C> {
    /// The chip behind this SPI device.
    pub const fn new(bus: B, delay: D, clock: K, chip: C) -> Self {
        Self { bus, delay, clock, chip }
    }

    /// Gives bus and delay back.
    pub fn release(self) -> (B, D) {
        (self.bus, self.delay)
    }
}

/// `out`, then as many zeros as are to be read: SPI reads while it writes.
fn both_ways(out: &Bytes, count: usize) -> ([u8; 2 * MOST_READ], usize) {
    let mut bytes = [0; 2 * MOST_READ];
    let sent = out.as_slice();
    bytes[..sent.len()].copy_from_slice(sent);
    (bytes, sent.len() + count.min(MOST_READ))
}

macro_rules! shells {
    ($channel:ident: $i2c:path, $spi:path, $delay:path; [$($async:tt)?] [$($wait:tt)*]) => {
        impl<B: $i2c, D: $delay, K: Clock, C: Chip> $channel for OnI2c<B, D, K, C> {
            fn facts(&self) -> &Facts {
                self.chip.facts()
            }

            $($async)? fn read(&mut self) -> Reading {
                let (mut buffer, mut count) = ([0; MOST_READ], None);
                let mut step = self.chip.next(Heard::Begin);
                for _ in 0..MOST_STEPS {
                    let is_done = match step {
                        Step::Is(raw, quality) => {
                            return Reading { raw, quality, tick: self.clock.now() };
                        }
                        Step::Wait(micros) => {
                            self.delay.delay_us(micros) $($wait)*;
                            true
                        }
                        Step::Write(out) => {
                            self.bus.write(self.address, out.as_slice()) $($wait)* .is_ok()
                        }
                        Step::WriteRead(out, wanted) => {
                            count = Some(wanted.min(MOST_READ));
                            let into = &mut buffer[..wanted.min(MOST_READ)];
                            self.bus.write_read(self.address, out.as_slice(), into) $($wait)* .is_ok()
                        }
                    };
                    if !is_done {
                        break;
                    }
                    step = self.chip.next(match count.take() {
                        Some(count) => Heard::Bytes(&buffer[..count]),
                        None => Heard::Done,
                    });
                }
                let quality = Quality::BadNoCommunication;
                Reading { raw: 0, quality, tick: self.clock.now() }
            }
        }

        impl<B: $spi, D: $delay, K: Clock, C: Chip> $channel for OnSpi<B, D, K, C> {
            fn facts(&self) -> &Facts {
                self.chip.facts()
            }

            $($async)? fn read(&mut self) -> Reading {
                let mut step = self.chip.next(Heard::Begin);
                for _ in 0..MOST_STEPS {
                    match step {
                        Step::Is(raw, quality) => {
                            return Reading { raw, quality, tick: self.clock.now() };
                        }
                        Step::Wait(micros) => {
                            self.delay.delay_us(micros) $($wait)*;
                            step = self.chip.next(Heard::Done);
                        }
                        Step::Write(out) => {
                            if self.bus.write(out.as_slice()) $($wait)* .is_err() {
                                break;
                            }
                            step = self.chip.next(Heard::Done);
                        }
                        Step::WriteRead(out, wanted) => {
                            let (mut bytes, length) = both_ways(&out, wanted);
                            let exchange = &mut bytes[..length];
                            if self.bus.transfer_in_place(exchange) $($wait)* .is_err() {
                                break;
                            }
                            step = self.chip.next(Heard::Bytes(&bytes[out.as_slice().len()..length]));
                        }
                    }
                }
                let quality = Quality::BadNoCommunication;
                Reading { raw: 0, quality, tick: self.clock.now() }
            }
        }
    };
}

shells! {
    Channel: embedded_hal::i2c::I2c, embedded_hal::spi::SpiDevice, embedded_hal::delay::DelayNs;
    [] []
}
shells! {
    AsyncChannel: embedded_hal_async::i2c::I2c, embedded_hal_async::spi::SpiDevice,
        embedded_hal_async::delay::DelayNs;
    [async] [.await]
}
