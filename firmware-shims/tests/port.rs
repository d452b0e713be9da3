//! The port on a line of two wires: who sends when, what comes back, and what is left when sending fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use embedded_hal_mock::eh1::digital::{Mock, State, Transaction};
use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write};
use forehearth_shims::{
    ChannelSpec, Clock, Counter, DirectionPin, NoDirection, Node, Polled, RegisterMap, RtuPort,
    SETTINGS, Setting,
};

static MAP: RegisterMap<1, 1, 200> = RegisterMap::new(
    "V",
    "P",
    "1",
    [ChannelSpec { name: "t", unit: "degC", low: 0.0, high: 1.0 }],
    [Setting { name: "s", low: 0, high: 9, default: 5 }],
);

/// A line: what will be read, what was sent, whether it comes back.
#[derive(Clone, Default)]
struct Wire {
    incoming: Rc<RefCell<VecDeque<u8>>>,
    sent: Rc<RefCell<Vec<u8>>>,
    has_echo: bool,
    is_broken: Rc<Cell<bool>>,
}

impl ErrorType for Wire {
    type Error = ErrorKind;
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        let mut incoming = self.incoming.borrow_mut();
        let count = buffer.len().min(incoming.len());
        for (place, byte) in buffer.iter_mut().zip(incoming.drain(..count)) {
            *place = byte;
        }
        Ok(count)
    }
}

impl ReadReady for Wire {
    fn read_ready(&mut self) -> Result<bool, ErrorKind> {
        Ok(!self.incoming.borrow().is_empty())
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        if self.is_broken.get() {
            return Err(ErrorKind::BrokenPipe);
        }
        self.sent.borrow_mut().extend_from_slice(bytes);
        if self.has_echo {
            self.incoming.borrow_mut().extend(bytes);
        }
        Ok(bytes.len())
    }
    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

#[derive(Clone, Default)]
struct Ticks(Rc<Cell<u64>>);

impl Clock for Ticks {
    fn now(&self) -> u64 {
        self.0.get()
    }
}

fn frame(unit: u8, pdu: &[u8]) -> Vec<u8> {
    let mut frame = vec![unit];
    frame.extend_from_slice(pdu);
    frame.extend_from_slice(&forehearth_modbus::crc16(&frame).to_le_bytes());
    frame
}

/// A write whose answer is the request again: the worst echo.
fn write_setting(word: u8) -> [u8; 5] {
    [6, (SETTINGS >> 8) as u8, 0, 0, word]
}

#[test]
fn our_own_answer_that_comes_back_is_not_a_request() {
    let (wire, clock) = (Wire { has_echo: true, ..Wire::default() }, Ticks::default());
    let mut port = RtuPort::new(wire.clone(), NoDirection, clock.clone(), 7, 19_200).with_echo();
    let mut node = Node::new(&MAP);
    for round in 1..=3_u8 {
        wire.incoming.borrow_mut().extend(frame(7, &write_setting(round)));
        let mut served = 0;
        for _ in 0..20 {
            clock.0.set(clock.0.get() + 1_000);
            served += usize::from(port.poll(&mut node).unwrap() == Polled::Served);
        }
        assert_eq!(served, 1, "round {round}");
        assert_eq!(node.setting(0), Some(round.into()));
    }
    assert_eq!(node.counted(Counter::Answered), 3);
    assert_eq!(node.counted(Counter::Unreadable), 0);
}

#[test]
fn the_driver_is_on_only_while_sending_also_when_sending_fails() {
    let (wire, clock) = (Wire::default(), Ticks::default());
    let mut pin = Mock::new(&[
        Transaction::set(State::High),
        Transaction::set(State::Low),
        Transaction::set(State::High),
        Transaction::set(State::Low),
    ]);
    let direction = DirectionPin(pin.clone());
    let mut port = RtuPort::new(wire.clone(), direction, clock.clone(), 7, 19_200);
    let mut node = Node::new(&MAP);
    let mut ask = |is_broken: bool| {
        wire.is_broken.set(is_broken);
        wire.incoming.borrow_mut().extend(frame(7, &[3, 0, 0, 0, 1]));
        assert_eq!(port.poll(&mut node), Ok(Polled::Nothing), "before the silence");
        clock.0.set(clock.0.get() + 10_000);
        port.poll(&mut node)
    };
    assert_eq!(ask(false), Ok(Polled::Served));
    assert_eq!(ask(true), Err(ErrorKind::BrokenPipe));
    pin.done();
    assert_eq!(wire.sent.borrow()[..3], [7, 3, 2]);
}

#[test]
fn a_request_to_everybody_is_carried_out_and_not_answered() {
    let (wire, clock) = (Wire::default(), Ticks::default());
    let mut port = RtuPort::new(wire.clone(), NoDirection, clock.clone(), 7, 19_200);
    let mut node = Node::new(&MAP);
    for (unit, polled) in [(0, Polled::Served), (8, Polled::Ignored)] {
        wire.incoming.borrow_mut().extend(frame(unit, &write_setting(3)));
        assert_eq!(port.poll(&mut node), Ok(Polled::Nothing));
        clock.0.set(clock.0.get() + 10_000);
        assert_eq!(port.poll(&mut node), Ok(polled));
    }
    assert_eq!(node.setting(0), Some(3));
    assert!(wire.sent.borrow().is_empty());
}
