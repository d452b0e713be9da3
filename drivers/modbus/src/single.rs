//! A single request over a TCP session while nothing else is in flight: a question, or a write.

use std::time::Duration;

use bytes::Buf as _;
use forehearth_driver::LinkCounters;
use forehearth_modbus::{Question, Verdict, WriteRequest, mbap};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::session::{Books, Lost, Pace, Sent, Session, before};
use crate::silence::Advice;

/// Stands for the span in the table of requests; none of a plan is there then.
const SINGLE: usize = usize::MAX;

impl Session {
    /// Asks and waits for the answer; `None` when the deadline passes. Not
    /// cancel safe: the session must be dropped with the future.
    pub(crate) async fn ask(
        &mut self,
        unit: u8,
        question: Question,
        pace: &Pace,
        books: &mut Books,
    ) -> Result<Option<Vec<u8>>, Lost> {
        self.ask_for(unit, question, pace.timeout, pace, books).await
    }

    /// The same with a deadline of its own.
    pub(crate) async fn ask_for(
        &mut self,
        unit: u8,
        question: Question,
        patience: Duration,
        pace: &Pace,
        books: &mut Books,
    ) -> Result<Option<Vec<u8>>, Lost> {
        let (pdu, len) = question.encode();
        self.single(unit, &pdu[..len], patience, pace, books).await
    }

    /// Writes and waits for the receipt, as [`ask`](Self::ask) does.
    pub(crate) async fn put(
        &mut self,
        unit: u8,
        write: &WriteRequest,
        pace: &Pace,
        books: &mut Books,
    ) -> Result<Option<Vec<u8>>, Lost> {
        self.single(unit, write.pdu(), pace.timeout, pace, books).await
    }

    async fn single(
        &mut self,
        unit: u8,
        pdu: &[u8],
        patience: Duration,
        pace: &Pace,
        books: &mut Books,
    ) -> Result<Option<Vec<u8>>, Lost> {
        sleep_until(self.quiet_until).await;
        let now = Instant::now();
        let deadline = now + patience;
        let sent = Sent { span: SINGLE, at: self.micros(now), is_alone: true };
        let id = books
            .transactions
            .begin(unit, sent, self.micros(now), self.micros(deadline))
            .map_err(|_| "too many answers are outstanding".to_string())?;
        books.counters.requests += 1;
        books.behind.asked(unit);
        self.outbox.clear();
        mbap::encode(id, unit, pdu, &mut self.outbox);
        match timeout_at(deadline, self.stream.write_all(&self.outbox)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(format!("cannot send: {error}")),
            Err(_) => return Err("the device does not take requests any more".to_string()),
        }
        loop {
            self.inbox.reserve(mbap::MAX_FRAME);
            match before(deadline, self.stream.read_buf(&mut self.inbox)).await {
                Some(Ok(0)) => return Err("closed by the device".to_string()),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(format!("cannot receive: {error}")),
                None => return missed(unit, self.micros(Instant::now()), books),
            }
            if let Some(pdu) = self.take_single(books)? {
                if !pace.pause_between.is_zero() {
                    self.quiet_until = Instant::now() + pace.pause_between;
                }
                return Ok(Some(pdu));
            }
        }
    }

    /// The PDU of the answer, if it has come; late and stray ones are dropped.
    fn take_single(&mut self, books: &mut Books) -> Result<Option<Vec<u8>>, Lost> {
        loop {
            let frame = match mbap::decode(&self.inbox) {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok(None),
                Err(error) => {
                    books.counters.stray += 1;
                    return Err(error.to_string());
                }
            };
            let taken = frame.encoded_len();
            let answer = match books.transactions.answer(frame.transaction, frame.unit) {
                Verdict::Ours(sent) => {
                    let took = self.micros(Instant::now()).saturating_sub(sent.at);
                    books.behind.answered(frame.unit, frame.pdu, took);
                    Some(frame.pdu.to_vec())
                }
                Verdict::Late => {
                    books.counters.late += 1;
                    books.behind.late(frame.unit);
                    None
                }
                Verdict::Stray => {
                    books.counters.stray += 1;
                    None
                }
            };
            self.inbox.advance(taken);
            if let Some(pdu) = answer {
                count(&pdu, &mut books.counters);
                books.silence.broken();
                return Ok(Some(pdu));
            }
        }
    }
}

fn missed(unit: u8, now: u64, books: &mut Books) -> Result<Option<Vec<u8>>, Lost> {
    while let Some(sent) = books.transactions.expire(now) {
        books.counters.timeouts += 1;
        books.behind.missed(unit, now.saturating_sub(sent.at));
    }
    match books.silence.missed(unit) {
        Advice::AskOn | Advice::Skip => Ok(None),
        Advice::Reconnect => Err("no answer any more".to_string()),
    }
}

fn count(pdu: &[u8], counters: &mut LinkCounters) {
    if pdu.first().is_some_and(|function| function & 0x80 != 0) {
        counters.exceptions += 1;
    } else {
        counters.answers += 1;
    }
}
