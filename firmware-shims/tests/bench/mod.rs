//! The bench: runs one chip blocking and async on the same mocked bus, and wants the same of both.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use embedded_hal::delay::DelayNs;
use embedded_hal::spi::{ErrorKind, ErrorType, Operation, SpiDevice};
use embedded_hal_mock::eh1::{i2c, spi};
use forehearth_shims::chip::Chip;
use forehearth_shims::instrument::{OnI2c, OnSpi};
use forehearth_shims::{AsyncChannel, Channel, Clock, Reading};

/// A clock that stands at a moment no default has.
pub(crate) struct Ticks;

impl Clock for Ticks {
    fn now(&self) -> u64 {
        4711
    }
}

/// Waits for nothing.
pub(crate) struct Delay;

impl DelayNs for Delay {
    fn delay_ns(&mut self, _: u32) {}
}

impl embedded_hal_async::delay::DelayNs for Delay {
    async fn delay_ns(&mut self, _: u32) {}
}

/// Runs what never has to wait.
fn run<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a mock waits"),
    }
}

/// Reads `chip` both ways over these transactions, all of which must happen.
pub(crate) fn on_i2c(
    chip: impl Chip + Clone,
    address: u8,
    expected: &[i2c::Transaction],
) -> Reading {
    let mut bus = i2c::Mock::new(expected);
    let mut blocking = OnI2c::new(bus.clone(), address, Delay, Ticks, chip.clone());
    let first = Channel::read(&mut blocking);
    bus.done();
    let mut bus = i2c::Mock::new(expected);
    let mut waiting = OnI2c::new(bus.clone(), address, Delay, Ticks, chip);
    assert_eq!(run(AsyncChannel::read(&mut waiting)), first, "async differs from blocking");
    bus.done();
    assert_eq!(first.tick, 4711);
    first
}

/// The same on SPI: what is sent, and what comes back meanwhile (nothing: only sent).
pub(crate) fn on_spi(chip: impl Chip + Clone, exchange: &[(Vec<u8>, Vec<u8>)]) -> Reading {
    let mut expected = Vec::new();
    for (out, back) in exchange {
        expected.push(spi::Transaction::transaction_start());
        expected.push(match back.as_slice() {
            [] => spi::Transaction::write_vec(out.clone()),
            _ => spi::Transaction::transfer_in_place(out.clone(), back.clone()),
        });
        expected.push(spi::Transaction::transaction_end());
    }
    let mut bus = spi::Mock::new(&expected);
    let first = Channel::read(&mut OnSpi::new(bus.clone(), Delay, Ticks, chip.clone()));
    bus.done();
    let mut bus = spi::Mock::new(&expected);
    let mut waiting = OnSpi::new(bus.clone(), Delay, Ticks, chip);
    assert_eq!(run(AsyncChannel::read(&mut waiting)), first, "async differs from blocking");
    bus.done();
    first
}

struct Broken;

impl ErrorType for Broken {
    type Error = ErrorKind;
}

impl SpiDevice for Broken {
    fn transaction(&mut self, _: &mut [Operation<'_, u8>]) -> Result<(), ErrorKind> {
        Err(ErrorKind::ModeFault)
    }
}

/// A bus that can't be driven.
pub(crate) fn on_spi_that_fails(chip: impl Chip) -> Reading {
    Channel::read(&mut OnSpi::new(Broken, Delay, Ticks, chip))
}
