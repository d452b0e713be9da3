//! Hostility: which fault an answer meets, and what then goes out. The same seed does the same.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::faults::Fault;
use super::frames::{Framing, Request, wrap};

/// What the device does next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Act {
    /// Sends this at once.
    Send(Vec<u8>),
    /// Sends this byte by byte.
    Drip(Vec<u8>),
    /// Waits.
    Pause(Duration),
    /// Closes the connection; on a serial port it does nothing.
    Close,
    /// Says nothing more on this connection.
    FallSilent,
}

/// What is asked of a hostile device.
#[derive(Clone, Debug)]
pub struct Mood {
    /// Faults of whole answers and of bytes.
    pub faults: Vec<Fault>,
    /// How many of the answers meet a fault, 0 to 1.
    pub rate: f64,
    /// How many of the bytes are hit by `flip`, `insert` and `delete`, 0 to 1.
    pub byte_rate: f64,
}

/// What was done so far.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Stat {
    /// Requests understood.
    pub requests: u64,
    /// Answers that met a fault.
    pub hostile: u64,
    /// How often each.
    pub faults: BTreeMap<&'static str, u64>,
    /// How often each function was asked for.
    pub functions: BTreeMap<u8, u64>,
}

/// Decides what becomes of each answer.
#[derive(Debug)]
pub struct Hostile {
    framing: Framing,
    late: Duration,
    random: fastrand::Rng,
    mood: Mood,
    stat: Stat,
    /// The last answer that went out as it should.
    earlier: Vec<u8>,
}

impl Hostile {
    /// Late answers come `late` after their request.
    #[must_use]
    pub fn new(framing: Framing, mood: Mood, late: Duration, seed: u64) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        Self { framing, late, random, mood, stat: Stat::default(), earlier: Vec::new() }
    }

    /// Does this from now on.
    pub fn turn(&mut self, mood: Mood) {
        self.mood = mood;
    }

    /// What was done so far.
    #[must_use]
    pub fn stat(&self) -> Stat {
        self.stat.clone()
    }

    /// Damages what a request became on its way here.
    #[must_use]
    pub fn hear(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.noise(bytes.to_vec()).0
    }

    /// What to do about `request`, to which `pdu` is the right answer.
    pub fn answer(&mut self, request: &Request, pdu: &[u8]) -> Vec<Act> {
        self.stat.requests += 1;
        *self.stat.functions.entry(pdu.first().map_or(0, |code| code & 0x7F)).or_default() += 1;
        let good = wrap(self.framing, request.transaction, request.unit, pdu);
        let fault = if self.random.f64() < self.mood.rate { self.choose() } else { None };
        let acts = match fault {
            Some(fault) => {
                self.count(fault);
                self.misbehave(fault, request, pdu, good.clone())
            }
            None => {
                let (bytes, hit) = self.noise(good.clone());
                if let Some(noise) = hit {
                    self.count(noise);
                }
                vec![Act::Send(bytes)]
            }
        };
        self.earlier = good;
        acts
    }

    fn count(&mut self, fault: Fault) {
        self.stat.hostile += 1;
        *self.stat.faults.entry(fault.name()).or_default() += 1;
    }

    fn choose(&mut self) -> Option<Fault> {
        let whole: Vec<Fault> =
            self.mood.faults.iter().copied().filter(|fault| !fault.is_noise()).collect();
        (!whole.is_empty()).then(|| whole[self.random.usize(..whole.len())])
    }

    /// Hits each byte with `byte_rate`; says what hit last.
    fn noise(&mut self, bytes: Vec<u8>) -> (Vec<u8>, Option<Fault>) {
        let kinds: Vec<Fault> =
            self.mood.faults.iter().copied().filter(|fault| fault.is_noise()).collect();
        if kinds.is_empty() {
            return (bytes, None);
        }
        let (mut out, mut last) = (Vec::with_capacity(bytes.len()), None);
        for byte in bytes {
            if self.random.f64() >= self.mood.byte_rate {
                out.push(byte);
                continue;
            }
            let kind = kinds[self.random.usize(..kinds.len())];
            last = Some(kind);
            match kind {
                Fault::Flip => out.push(byte ^ 1 << self.random.u8(0..8)),
                Fault::Insert => out.extend([self.random.u8(..), byte]),
                _ => {}
            }
        }
        (out, last)
    }

    fn misbehave(
        &mut self,
        fault: Fault,
        request: &Request,
        pdu: &[u8],
        good: Vec<u8>,
    ) -> Vec<Act> {
        let (id, unit) = (request.transaction, request.unit);
        let framing = self.framing;
        let own = |pdu: &[u8]| vec![Act::Send(wrap(framing, id, unit, pdu))];
        let changed = |at: usize, value: u8| {
            let mut bytes = good.clone();
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
            vec![Act::Send(bytes)]
        };
        match fault {
            Fault::WrongTransaction => {
                vec![Act::Send(wrap(framing, id.wrapping_add(0x4000), unit, pdu))]
            }
            Fault::WrongProtocol => changed(3, 7),
            Fault::WrongUnit => vec![Act::Send(wrap(framing, id, self.other(unit), pdu))],
            Fault::WrongFunction => own(&[&[other_function(pdu)], &pdu[1..]].concat()),
            Fault::Late => vec![Act::Pause(self.late), Act::Send(good)],
            Fault::Never => Vec::new(),
            Fault::Stale => vec![Act::Send(self.earlier.clone())],
            Fault::StaleBefore => vec![Act::Send([&self.earlier[..], &good].concat())],
            Fault::ShortPdu => own(&resized(pdu, -2)),
            Fault::LongPdu => own(&resized(pdu, 2)),
            Fault::EmptyPdu => own(&[]),
            Fault::CountHigh => {
                own(&with_count(pdu, pdu.get(1).copied().unwrap_or(0).wrapping_add(2)))
            }
            Fault::CountLow => {
                own(&with_count(pdu, pdu.get(1).copied().unwrap_or(0).wrapping_sub(2)))
            }
            Fault::LengthHigh => changed(5, good[5].wrapping_add(9)),
            Fault::LengthLow => changed(5, good[5].saturating_sub(2).max(2)),
            Fault::LengthZero => changed(5, 0),
            Fault::LengthHuge => {
                let mut bytes = good;
                bytes[4..6].fill(0xFF);
                vec![Act::Send(bytes)]
            }
            Fault::ForeignBefore | Fault::ForeignAfter => {
                let foreign = wrap(framing, id.wrapping_add(0x4000), self.other(unit), pdu);
                let mut both = [foreign, good];
                if fault == Fault::ForeignAfter {
                    both.reverse();
                }
                vec![Act::Send(both.concat())]
            }
            Fault::Split => {
                let (head, tail) = good.split_at(self.random.usize(1..good.len()));
                vec![
                    Act::Send(head.to_vec()),
                    Act::Pause(Duration::from_millis(2)),
                    Act::Send(tail.to_vec()),
                ]
            }
            Fault::Drip => vec![Act::Drip(good)],
            Fault::Duplicate => vec![Act::Send([&good[..], &good].concat())],
            Fault::Truncated => {
                let cut = self.random.usize(1..good.len());
                vec![Act::Send(good[..cut].to_vec())]
            }
            Fault::GarbageBefore => vec![Act::Send([self.garbage(), good].concat())],
            Fault::GarbageAfter => vec![Act::Send([good, self.garbage()].concat())],
            Fault::GarbageOnly => vec![Act::Send(self.garbage())],
            Fault::EchoBefore => vec![Act::Send([&request.raw[..], &good].concat())],
            Fault::EchoOnly => vec![Act::Send(request.raw.clone())],
            Fault::Exception(code) => own(&[pdu[0] | 0x80, code]),
            Fault::ExceptionLong => own(&[pdu[0] | 0x80, 4, 0]),
            Fault::WrongCheck => {
                // In ASCII the last digit of the LRC, in RTU the last byte.
                let at = good.len() - if framing == Framing::Ascii { 3 } else { 1 };
                let digit = if good[at] == b'0' { b'1' } else { b'0' };
                changed(at, if framing == Framing::Ascii { digit } else { !good[at] })
            }
            Fault::FlipHeader => {
                // Not the low byte of the id: with several requests in flight
                // that may be the id of another, and nobody could tell.
                let at = [0, 2, 3, 4, 5, 6, 7, 8][self.random.usize(..8)];
                let bit = 1 << self.random.u8(0..8);
                changed(at, good[at] ^ bit)
            }
            Fault::CloseBefore => vec![Act::Close],
            Fault::CloseMidFrame => {
                let cut = self.random.usize(1..good.len());
                vec![Act::Send(good[..cut].to_vec()), Act::Close]
            }
            Fault::CloseAfter => vec![Act::Send(good), Act::Close],
            Fault::HalfOpen => vec![Act::FallSilent],
            Fault::Flip | Fault::Insert | Fault::Delete => vec![Act::Send(good)],
        }
    }

    fn other(&mut self, unit: u8) -> u8 {
        unit.wrapping_add(self.random.u8(1..=246))
    }

    fn garbage(&mut self) -> Vec<u8> {
        (0..self.random.usize(1..40)).map(|_| self.random.u8(..)).collect()
    }
}

fn other_function(pdu: &[u8]) -> u8 {
    if pdu.first() == Some(&3) { 4 } else { 3 }
}

fn with_count(pdu: &[u8], count: u8) -> Vec<u8> {
    let mut pdu = pdu.to_vec();
    if let Some(byte) = pdu.get_mut(1) {
        *byte = count;
    }
    pdu
}

/// So many bytes more or fewer of data; the byte count agrees.
fn resized(pdu: &[u8], by: isize) -> Vec<u8> {
    let length = pdu.len().saturating_add_signed(by).max(2);
    let mut resized = pdu.to_vec();
    resized.resize(length, 0x5A);
    let count = u8::try_from(length - 2).unwrap_or(u8::MAX);
    with_count(&resized, count)
}

#[cfg(test)]
mod tests {
    use super::{Act, Hostile, Mood};
    use crate::modbus::faults::{ALL, Fault, Place};
    use crate::modbus::frames::{Framing, Request, wrap};
    use std::time::Duration;

    const PDU: [u8; 6] = [3, 4, 0, 1, 2, 3];

    fn hostile(fault: Fault, framing: Framing, seed: u64) -> Hostile {
        let mood = Mood { faults: vec![fault], rate: 1.0, byte_rate: 0.05 };
        Hostile::new(framing, mood, Duration::from_secs(1), seed)
    }

    fn request(framing: Framing) -> Request {
        let pdu = vec![3, 0, 0, 0, 2];
        let raw = wrap(framing, 9, 1, &pdu);
        Request { transaction: 9, unit: 1, pdu, raw }
    }

    #[test]
    fn every_fault_does_something_and_the_same_seed_does_the_same() {
        for framing in [Framing::Tcp, Framing::Rtu, Framing::Ascii] {
            let not = if framing == Framing::Tcp { Place::Line } else { Place::Tcp };
            let right = vec![Act::Send(wrap(framing, 9, 1, &PDU))];
            for one in ALL.iter().filter(|one| one.place != not) {
                let (mut a, mut b) =
                    (hostile(one.fault, framing, 5), hostile(one.fault, framing, 5));
                let mut differs = false;
                for _ in 0..50 {
                    let acts = a.answer(&request(framing), &PDU);
                    assert_eq!(acts, b.answer(&request(framing), &PDU), "{}", one.name);
                    differs |= acts != right;
                }
                assert!(differs, "{} on {framing:?}", one.name);
                assert!(a.stat().faults[one.name] > 0);
            }
        }
    }

    #[test]
    fn without_faults_every_answer_is_right() {
        let mood = Mood { faults: Vec::new(), rate: 1.0, byte_rate: 1.0 };
        let mut calm = Hostile::new(Framing::Rtu, mood, Duration::ZERO, 1);
        assert_eq!(
            calm.answer(&request(Framing::Rtu), &PDU),
            [Act::Send(wrap(Framing::Rtu, 0, 1, &PDU))]
        );
        assert_eq!(calm.stat().hostile, 0);
    }
}
