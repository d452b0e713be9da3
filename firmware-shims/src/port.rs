//! The port: a node at the end of a serial line, for a loop that has other things to do too.
//!
//! [`RtuPort::poll`] never waits for a byte: it takes what is there, and
//! answers when a request and the silence behind it are over. A loop that
//! comes back every millisecond answers 1 ms later at most.

use embedded_hal::digital::OutputPin;
use embedded_io::{Read, ReadReady, Write};
use forehearth_modbus::{MAX_FRAME, MAX_PDU, Micros, crc16};

use crate::{Clock, Counter, Found, Frames, Node};

/// Bytes taken from the line at once. Chosen: twice the FIFO of the usual UART.
const TAKE: usize = 64;

/// Who may send on a line of two wires.
pub trait LineDirection {
    /// From now on this node sends.
    fn send(&mut self);
    /// From now on it listens.
    fn listen(&mut self);
}

/// A line that needs no switching: RS-232, four wires, or a UART that does it.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDirection;

impl LineDirection for NoDirection {
    fn send(&mut self) {}
    fn listen(&mut self) {}
}

/// The driver-enable pin of an RS-485 transceiver, high to send. Its errors
/// show as an answer that doesn't come; there is nobody else to tell.
#[derive(Clone, Debug)]
pub struct DirectionPin<P>(pub P);

impl<P: OutputPin> LineDirection for DirectionPin<P> {
    fn send(&mut self) {
        let _seen_by_the_master = self.0.set_high();
    }
    fn listen(&mut self) {
        let _seen_by_the_master = self.0.set_low();
    }
}

/// What a poll did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Polled {
    /// Nothing was complete.
    Nothing,
    /// A request was answered, or carried out for everybody.
    Served,
    /// Something came that needs no answer.
    Ignored,
}

/// A node's end of a serial line.
#[derive(Debug)]
pub struct RtuPort<IO, L, K> {
    io: IO,
    line: L,
    clock: K,
    frames: Frames,
    has_echo: bool,
    /// Bytes of our own that are still to come back.
    echo: usize,
}

impl<IO: Read + ReadReady + Write, L: LineDirection, K: Clock> RtuPort<IO, L, K> {
    /// Unit 1 to 247 at `io`.
    pub const fn new(io: IO, line: L, clock: K, unit: u8, baud: u32) -> Self {
        let frames = Frames::new(unit, baud);
        Self { io, line, clock, frames, has_echo: false, echo: 0 }
    }

    /// The receiver hears what this node sends (two wires, receiver always on).
    #[must_use]
    pub const fn with_echo(mut self) -> Self {
        self.has_echo = true;
        self
    }

    /// When there may be something to answer; `None` until a byte comes.
    #[must_use]
    pub const fn due(&self) -> Option<Micros> {
        self.frames.due()
    }

    /// The serial port, to wait on.
    pub const fn io(&self) -> &IO {
        &self.io
    }

    /// Takes what came, and answers what is complete.
    ///
    /// # Errors
    /// The serial port's own. What had come is kept.
    pub fn poll<const N: usize, const S: usize, const D: usize>(
        &mut self,
        node: &mut Node<N, S, D>,
    ) -> Result<Polled, IO::Error> {
        self.take()?;
        let now = self.clock.now();
        let mut answer = [0; MAX_FRAME];
        let length = match self.frames.take(now) {
            None => return Ok(Polled::Nothing),
            Some(Found::Request { pdu, noise }) => {
                node.count(Counter::Noise, noise as u32);
                serve(node, pdu, now, &mut answer)
            }
            Some(Found::Broadcast { pdu }) => {
                serve(node, pdu, now, &mut answer);
                return Ok(Polled::Served);
            }
            Some(Found::OfOthers) => return Ok(Polled::Ignored),
            Some(Found::Unreadable) => {
                node.count(Counter::Unreadable, 1);
                return Ok(Polled::Ignored);
            }
        };
        if length == 0 {
            return Ok(Polled::Ignored);
        }
        self.send(&mut answer, length)?;
        Ok(Polled::Served)
    }

    fn take(&mut self) -> Result<(), IO::Error> {
        let mut buffer = [0; TAKE];
        // Never more than a frame at once: a line that babbles does not stop the loop.
        for _ in 0..MAX_FRAME / TAKE {
            if !self.io.read_ready()? {
                break;
            }
            let count = self.io.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            let echo = count.min(self.echo);
            self.echo -= echo;
            if count > echo {
                self.frames.receive(&buffer[echo..count], self.clock.now());
            }
        }
        Ok(())
    }

    /// Sends the `length` bytes of PDU in `frame`, with unit and checksum.
    fn send(&mut self, frame: &mut [u8; MAX_FRAME], length: usize) -> Result<(), IO::Error> {
        let body = 1 + length;
        frame[0] = self.frames.unit();
        let crc = crc16(&frame[..body]).to_le_bytes();
        frame[body..body + 2].copy_from_slice(&crc);
        self.line.send();
        let sent = self.io.write_all(&frame[..body + 2]).and_then(|()| self.io.flush());
        // Also when it failed: a driver left on would silence the whole line.
        self.line.listen();
        self.echo = if self.has_echo { body + 2 } else { 0 };
        sent
    }
}

/// Writes the answer behind the place of the unit.
fn serve<const N: usize, const S: usize, const D: usize>(
    node: &mut Node<N, S, D>,
    pdu: &[u8],
    now: Micros,
    frame: &mut [u8; MAX_FRAME],
) -> usize {
    match frame[1..].first_chunk_mut::<MAX_PDU>() {
        Some(out) => node.answer(pdu, now, out),
        None => 0,
    }
}
