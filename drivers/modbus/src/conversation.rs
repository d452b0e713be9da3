//! A conversation on an open line: one question at a time, each brought to its end.
//!
//! The shell of [`Line`]: it reads and writes bytes and keeps the clock; what
//! an answer is, and when the next question may go out, the line decides.

use core::num::NonZeroU8;
use std::time::Duration;

use forehearth_modbus::{Busy, Line, Micros, Outcome, Question, WriteRequest};
use tokio::time::{Instant, timeout, timeout_at};

use crate::wire::Wire;

/// Bytes taken from the port at once; what comes later is read later.
const CHUNK: usize = 512;

/// A line that is not silent for this long, on top of what it needs, is
/// babbling. Chosen: the longest frame at 1,200 Bd takes 2.4 s.
const BABBLE: Micros = 3_000_000;

/// Slack on the time a request needs to leave: a busy machine, a full buffer.
const WRITE_SLACK: Duration = Duration::from_secs(2);

/// What ended a conversation, in words.
pub(crate) type Lost = String;

/// How a question ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reply {
    /// [`Conversation::pdu`] holds the answer, perhaps an exception.
    Answered {
        turnaround: Micros,
    },
    Damaged,
    Missing {
        noise: bool,
    },
    /// The line was never silent; nothing was asked.
    Babble,
}

/// A question brought to its end.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) reply: Reply,
    /// How long the line was held.
    pub(crate) held: Micros,
    /// Units whose answers came too late meanwhile.
    pub(crate) late: Vec<NonZeroU8>,
}

/// What is sent to a unit.
#[derive(Clone, Copy)]
enum Sent<'a> {
    Question(Question),
    Write(&'a WriteRequest),
}

impl Sent<'_> {
    /// The bytes to send, if the line is silent.
    fn to(
        self,
        line: &mut Line,
        unit: NonZeroU8,
        patience: Micros,
        now: Micros,
    ) -> Result<&[u8], Busy> {
        match self {
            Self::Question(question) => line.ask(unit, question, patience, now),
            Self::Write(write) => line.put(unit, write, patience, now),
        }
    }
}

/// An open line.
#[derive(Debug)]
pub(crate) struct Conversation {
    wire: Wire,
    line: Line,
    /// Origin of [`Micros`].
    origin: Instant,
}

impl Conversation {
    /// `line` must have been made for `origin`.
    pub(crate) fn new(wire: Wire, line: Line, origin: Instant) -> Self {
        Self { wire, line, origin }
    }

    pub(crate) fn line(&self) -> &Line {
        &self.line
    }

    pub(crate) fn pdu(&self) -> &[u8] {
        self.line.pdu()
    }

    pub(crate) fn now(&self) -> Micros {
        micros(self.origin.elapsed())
    }

    /// Asks and waits for the end of it. Ends by itself: silence before, the
    /// sending and the answer each have a deadline. Not cancel safe: half an
    /// answer may be left in the port.
    pub(crate) async fn ask(
        &mut self,
        unit: NonZeroU8,
        question: Question,
        patience: Micros,
    ) -> Result<Ended, Lost> {
        self.send(unit, Sent::Question(question), patience).await
    }

    /// Writes and waits for the end of it, as [`ask`](Self::ask) does.
    pub(crate) async fn put(
        &mut self,
        unit: NonZeroU8,
        write: &WriteRequest,
        patience: Micros,
    ) -> Result<Ended, Lost> {
        self.send(unit, Sent::Write(write), patience).await
    }

    async fn send(
        &mut self,
        unit: NonZeroU8,
        what: Sent<'_>,
        patience: Micros,
    ) -> Result<Ended, Lost> {
        let began = self.now();
        let mut late = Vec::new();
        let babble = self.line.ready_at().max(began) + BABBLE;
        let request = loop {
            let now = self.now();
            match what.to(&mut self.line, unit, patience, now) {
                Ok(request) => break request,
                Err(_) if now > babble => {
                    return Ok(Ended { reply: Reply::Babble, held: now - began, late });
                }
                Err(busy) => self.listen(busy.until, &mut late).await?,
            }
        };
        let limit = WRITE_SLACK + Duration::from_micros(patience);
        match timeout(limit, self.wire.write(request)).await {
            Ok(result) => result?,
            Err(_) => return Err("the port does not take requests any more".to_string()),
        }
        let reply = loop {
            let now = self.now();
            match self.line.poll(now) {
                Some(Outcome::Answered { turnaround }) => break Reply::Answered { turnaround },
                Some(Outcome::Damaged) => break Reply::Damaged,
                Some(Outcome::Missing { noise }) => break Reply::Missing { noise },
                Some(Outcome::Late { unit }) => late.push(unit),
                None => {
                    let until = self.line.wake_at(now).unwrap_or(now);
                    self.receive(until).await?;
                }
            }
        };
        Ok(Ended { reply, held: self.now() - began, late })
    }

    /// Discards what comes until the line may be silent.
    async fn listen(&mut self, until: Micros, late: &mut Vec<NonZeroU8>) -> Result<(), Lost> {
        self.receive(until).await?;
        let now = self.now();
        while let Some(outcome) = self.line.poll(now) {
            if let Outcome::Late { unit } = outcome {
                late.push(unit);
            }
        }
        Ok(())
    }

    /// Takes bytes in, or returns at `until`.
    async fn receive(&mut self, until: Micros) -> Result<(), Lost> {
        let mut chunk = [0; CHUNK];
        let until = self.origin + Duration::from_micros(until);
        if let Ok(count) = timeout_at(until, self.wire.read(&mut chunk)).await {
            let now = self.now();
            self.line.receive(&chunk[..count?], now);
        }
        Ok(())
    }
}

pub(crate) fn micros(time: Duration) -> Micros {
    Micros::try_from(time.as_micros()).unwrap_or(Micros::MAX)
}
