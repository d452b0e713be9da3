//! A serial line, half duplex: one question at a time, and what becomes of it.
//!
//! RTU frames say which unit and function they are of, and nothing else. An
//! answer that comes after its deadline looks like the answer to the next
//! like question. Three rules keep it from being taken for one:
//!
//! 1. An answer has exactly the length its question asks for.
//! 2. After a timeout or a damaged frame everything that comes is discarded
//!    until the line has been silent.
//! 3. A unit that *owes* an answer is not asked anything whose answer would
//!    look like the one owed. A *fence*, a small read of another shape, is
//!    asked first: a device answers in order, so when the fence is answered
//!    nothing older can come any more.
//!
//! This is a core: bytes and moments in, outcomes out.

use alloc::vec::Vec;
use core::num::NonZeroU8;

use crate::question::{Awaited, Question};
use crate::rtu::Look;
use crate::{Micros, ReadRequest, Table, Timing, WriteRequest, ascii, rtu};

/// Received bytes that are kept: two of the longest frames. What is older
/// belongs to nothing that is awaited.
const INBOX: usize = 2 * ascii::MAX_FRAME;

/// How long an answer stays owed. Chosen: a device on a serial line holds one
/// answer, serial servers were seen to hold some for seconds.
const REMEMBER: Micros = 10_000_000;

/// Owed answers of all units. Chosen: all 247 units of a line, one each.
const MAX_OWED: usize = 256;

/// Sizes of fences tried, in registers or bytes of bits. A unit that leaves
/// more fences unanswered within [`REMEMBER`] is asleep and not asked so often.
const FENCES: u16 = 16;

/// How frames are written on the line.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Framing {
    /// Bytes and a CRC.
    #[default]
    Rtu,
    /// Hexadecimal digits between a colon and CR LF, and an LRC.
    Ascii,
}

impl Framing {
    fn encode(self, unit: u8, pdu: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Rtu => rtu::encode(unit, pdu, out),
            Self::Ascii => ascii::encode(unit, pdu, out),
        }
    }

    /// Characters of a frame around a PDU of `len` bytes.
    #[must_use]
    pub const fn frame_len(self, len: usize) -> usize {
        match self {
            Self::Rtu => len + 3,
            Self::Ascii => 1 + 2 * (len + 2) + 2,
        }
    }
}

/// Whether the adapter hands back what was sent, as two-wire RS-485 may.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Echo {
    /// An exact copy of the request before the answer is dropped.
    #[default]
    Auto,
    /// As many bytes as were sent are dropped, whatever they are.
    On,
    /// Nothing is dropped.
    Off,
}

/// What became of a question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Answered, perhaps with an exception; [`Line::pdu`] holds it.
    Answered {
        /// From the end of the request to the end of the answer, less the
        /// time both were on the line: what the device took.
        turnaround: Micros,
    },
    /// The answer came and its checksum is wrong, or it was cut off.
    Damaged,
    /// The deadline passed.
    Missing {
        /// Whether anything at all was heard.
        noise: bool,
    },
    /// An answer that was owed came after its deadline and was dropped; the
    /// question that is asked now, if any, still is.
    Late {
        /// Who is alive, but slow.
        unit: NonZeroU8,
    },
}

/// The line cannot take a question now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Busy {
    /// Ask again then.
    pub until: Micros,
}

/// One line. See the module's head.
#[derive(Debug)]
pub struct Line {
    framing: Framing,
    timing: Timing,
    echo: Echo,
    /// Whether the adapter was seen to hand back a question; `None` before
    /// the first that was answered.
    echoes: Option<bool>,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    pdu: Vec<u8>,
    asked: Option<Asked>,
    /// When the last byte came or went.
    heard: Micros,
    /// Silence that the next question needs after `heard`.
    quiet: Micros,
    owed: Vec<Owed>,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    unit: NonZeroU8,
    awaited: Awaited,
    /// When its last character is on the line.
    sent: Micros,
    deadline: Micros,
    /// Bytes of echo still to be dropped or recognised.
    echo: usize,
    noise: bool,
}

#[derive(Clone, Copy, Debug)]
struct Owed {
    unit: NonZeroU8,
    awaited: Awaited,
    until: Micros,
}

impl Line {
    /// A line on which nothing was heard before `now`.
    #[must_use]
    pub fn new(framing: Framing, timing: Timing, echo: Echo, now: Micros) -> Self {
        Self {
            framing,
            timing,
            echo,
            echoes: None,
            inbox: Vec::with_capacity(INBOX),
            outbox: Vec::with_capacity(ascii::MAX_FRAME),
            pdu: Vec::with_capacity(crate::MAX_PDU),
            asked: None,
            heard: now,
            quiet: timing.silence,
            owed: Vec::new(),
        }
    }

    /// Its times.
    #[must_use]
    pub const fn timing(&self) -> Timing {
        self.timing
    }

    /// The question to ask in place of `question`: itself when its answer
    /// cannot be mistaken for one that is owed, else a fence.
    #[must_use]
    pub fn safe(&self, unit: NonZeroU8, question: Question) -> Question {
        if self.owes_like(unit, &question) { self.fence(unit, question) } else { question }
    }

    /// What to ask `unit` before a write to it, near `question`: a unit that
    /// owes any answer could have the write answered by an exception that is
    /// not its own, and on a line that was never answered nobody knows the
    /// echo of a write from its receipt, which is the same.
    #[must_use]
    pub fn before_write(&self, unit: NonZeroU8, question: Question) -> Option<Question> {
        let owes = self.owed.iter().any(|owed| owed.unit == unit);
        let may_echo = self.echo == Echo::Auto && self.echoes.is_none();
        (owes || may_echo).then(|| self.fence(unit, question))
    }

    fn fence(&self, unit: NonZeroU8, question: Question) -> Question {
        fences(&question).find(|fence| !self.owes_like(unit, fence)).unwrap_or(question)
    }

    fn owes_like(&self, unit: NonZeroU8, question: &Question) -> bool {
        let shape = question.shape();
        self.owed.iter().any(|owed| owed.unit == unit && owed.awaited.shape() == shape)
    }

    /// Asks `unit`; the bytes to send. `patience` is how long the device may
    /// take, without the time that request and answer are on the line.
    /// Nobody answers unit 0, to which everybody listens, so it cannot be asked.
    ///
    /// # Errors
    /// [`Busy`] while an answer is awaited or the line is not silent yet.
    pub fn ask(
        &mut self,
        unit: NonZeroU8,
        question: Question,
        patience: Micros,
        now: Micros,
    ) -> Result<&[u8], Busy> {
        let (pdu, len) = question.encode();
        self.send(unit, &pdu[..len], question.into(), patience, now)
    }

    /// Sends `write` to `unit`; the bytes to send. Its outcome is told as that
    /// of a question, answered by a receipt or an exception.
    ///
    /// # Errors
    /// [`Busy`] while an answer is awaited or the line is not silent yet.
    pub fn put(
        &mut self,
        unit: NonZeroU8,
        write: &WriteRequest,
        patience: Micros,
        now: Micros,
    ) -> Result<&[u8], Busy> {
        self.send(unit, write.pdu(), Awaited::Receipt(write.receipt()), patience, now)
    }

    fn send(
        &mut self,
        unit: NonZeroU8,
        pdu: &[u8],
        awaited: Awaited,
        patience: Micros,
        now: Micros,
    ) -> Result<&[u8], Busy> {
        let until = self.ready_at();
        if now < until {
            return Err(Busy { until });
        }
        self.inbox.clear();
        self.outbox.clear();
        self.owed.retain(|owed| owed.until > now);
        self.framing.encode(unit.get(), pdu, &mut self.outbox);
        let sent = now + self.timing.wire(self.outbox.len());
        let answer = self.timing.wire(self.framing.frame_len(awaited.len()));
        let echo = if self.may_echo(&awaited) { self.outbox.len() } else { 0 };
        let deadline = sent + answer + patience;
        self.asked = Some(Asked { unit, awaited, sent, deadline, echo, noise: false });
        self.heard = sent;
        Ok(&self.outbox)
    }

    /// A receipt looks like the echo of its write, so there what the line has
    /// shown counts.
    fn may_echo(&self, awaited: &Awaited) -> bool {
        match (self.echo, awaited) {
            (Echo::Off, _) => false,
            (Echo::On, _) | (Echo::Auto, Awaited::Answer(_)) => true,
            (Echo::Auto, Awaited::Receipt(_)) => self.echoes == Some(true),
        }
    }

    /// The moment from which on a question may be asked, as things stand.
    #[must_use]
    pub fn ready_at(&self) -> Micros {
        self.asked.map_or(self.heard + self.quiet, |asked| asked.deadline)
    }

    /// When [`poll`](Self::poll) has something to say without a byte coming in.
    #[must_use]
    pub fn wake_at(&self, now: Micros) -> Option<Micros> {
        let asked = self.asked?;
        let gap = self.heard + self.timing.gap;
        // A gap that has passed and changed nothing says nothing more.
        let awaits_gap = !self.inbox.is_empty() && gap > now;
        Some(if awaits_gap { asked.deadline.min(gap) } else { asked.deadline })
    }

    /// Bytes came in. Call [`poll`](Self::poll) until it says nothing.
    pub fn receive(&mut self, bytes: &[u8], now: Micros) {
        if self.asked.is_none() && now >= self.heard + self.quiet {
            // Silence lay between: what was there before is no part of this.
            self.inbox.clear();
        }
        self.heard = self.heard.max(now);
        self.inbox.extend_from_slice(&bytes[bytes.len().saturating_sub(INBOX)..]);
        let surplus = self.inbox.len().saturating_sub(INBOX);
        self.inbox.drain(..surplus);
    }

    /// The last answer.
    #[must_use]
    pub fn pdu(&self) -> &[u8] {
        &self.pdu
    }

    /// What has become of the question, or of one before it.
    pub fn poll(&mut self, now: Micros) -> Option<Outcome> {
        let Some(mut asked) = self.asked else {
            return self.overhear(self.inbox.len());
        };
        if self.awaits_echo(&mut asked, now) {
            return None;
        }
        self.asked = Some(asked);
        let found = self.find(self.inbox.len(), asked.unit, &asked.awaited);
        if let Found::Frame { end } = found {
            let start = end - self.framing.frame_len(self.pdu.len());
            if let Some(late) = self.overhear(start) {
                return Some(late);
            }
            self.find(self.inbox.len(), asked.unit, &asked.awaited);
            let is_question = matches!(asked.awaited, Awaited::Answer(_));
            if is_question && start == 0 && self.echoes.is_none() {
                self.echoes = Some(false);
            }
            self.inbox.drain(..end);
            return Some(self.answered(&asked, now));
        }
        if let Some(late) = self.overhear(self.inbox.len()) {
            return Some(late);
        }
        let cut_off = found == Found::Begun && now >= self.heard + self.timing.gap;
        if found == Found::Damaged || cut_off {
            self.asked = None;
            self.quiet = self.timing.silence;
            return Some(Outcome::Damaged);
        }
        if now < asked.deadline {
            return None;
        }
        let noise = asked.noise || !self.inbox.is_empty();
        self.asked = None;
        self.quiet = self.timing.silence;
        self.owe(asked.unit, asked.awaited, now);
        Some(Outcome::Missing { noise })
    }

    /// Drops the echo of the request; whether more of it may come.
    fn awaits_echo(&mut self, asked: &mut Asked, now: Micros) -> bool {
        if asked.echo == 0 || self.inbox.is_empty() {
            return false;
        }
        if self.inbox.len() >= asked.echo {
            let exact = self.inbox.starts_with(&self.outbox);
            if exact || self.echo == Echo::On {
                self.inbox.drain(..asked.echo);
                self.echoes = Some(true);
            }
            asked.echo = 0;
            return false;
        }
        let may_come = self.echo == Echo::On || self.outbox.starts_with(&self.inbox);
        may_come && now < asked.deadline.min(self.heard + self.timing.gap)
    }

    /// Looks in the first `len` bytes of the inbox.
    fn find(&mut self, len: usize, unit: NonZeroU8, awaited: &Awaited) -> Found {
        let bytes = &self.inbox[..len];
        let mut room = [0; ascii::MAX_BODY];
        let look = match self.framing {
            Framing::Rtu => rtu::look(bytes, unit.get(), awaited),
            Framing::Ascii => ascii::look(bytes, unit.get(), awaited, &mut room),
        };
        match look {
            Look::Frame { pdu, end } => {
                self.pdu.clear();
                self.pdu.extend_from_slice(pdu);
                Found::Frame { end }
            }
            Look::Begun => Found::Begun,
            Look::Damaged => Found::Damaged,
            Look::Nothing => Found::Nothing,
        }
    }

    fn answered(&mut self, asked: &Asked, now: Micros) -> Outcome {
        self.asked = None;
        self.quiet = self.timing.silence;
        let is_exception = self.pdu.first().is_some_and(|function| function & 0x80 != 0);
        let owed = self.owed.len();
        self.owed.retain(|owed| owed.unit != asked.unit);
        if is_exception && self.owed.len() < owed {
            // All exceptions look alike, so this one may be the answer owed:
            // only silence for as long as the unit may take clears that up.
            self.quiet = self.quiet.max(asked.deadline - asked.sent);
        }
        let answer = self.timing.wire(self.framing.frame_len(self.pdu.len()));
        Outcome::Answered { turnaround: now.saturating_sub(asked.sent + answer) }
    }

    /// An answer that is owed, if it is in the first `len` bytes of the inbox.
    fn overhear(&mut self, len: usize) -> Option<Outcome> {
        if len == 0 {
            return None;
        }
        for place in 0..self.owed.len() {
            let owed = self.owed[place];
            if let Found::Frame { end } = self.find(len, owed.unit, &owed.awaited) {
                self.inbox.drain(..end);
                self.owed.swap_remove(place);
                return Some(Outcome::Late { unit: owed.unit });
            }
        }
        None
    }

    fn owe(&mut self, unit: NonZeroU8, awaited: Awaited, now: Micros) {
        let shape = awaited.shape();
        self.owed.retain(|owed| owed.unit != unit || owed.awaited.shape() != shape);
        if self.owed.len() >= MAX_OWED {
            self.owed.remove(0);
        }
        self.owed.push(Owed { unit, awaited, until: now + REMEMBER });
    }
}

/// Where an answer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Found {
    /// In [`Line::pdu`], and up to `end` of the inbox.
    Frame {
        end: usize,
    },
    Begun,
    Damaged,
    Nothing,
}

/// Small reads near `question`, each of another shape.
fn fences(question: &Question) -> impl Iterator<Item = Question> {
    let (table, start) = match question {
        Question::Read(request) => (request.table(), request.start()),
        Question::ServerId | Question::Identification { .. } => (Table::HoldingRegisters, 0),
    };
    (0..FENCES).filter_map(move |size| {
        let count = if table.is_bits() { size * 8 + 1 } else { size + 1 };
        // Near the end of a table the fence begins before the question.
        let start = u16::try_from((65_536 - u32::from(count)).min(start.into())).ok()?;
        ReadRequest::new(table, start, count).map(Question::Read)
    })
}

#[cfg(test)]
mod tests;
