//! One open connection: sends the requests of a group, collects the answers.
//!
//! A session lives from a connect to the first thing that puts the stream in
//! doubt. It is taken out of its driver while it works and put back only when
//! the work ended well, so that a dropped future closes the socket.

use std::future::Future;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use forehearth_driver::LinkCounters;
use forehearth_modbus::{
    Join, Learned, Micros, NotNow, Point, ReadPlan, ResponseError, Transactions, Verdict, mbap,
};
use forehearth_model::{DeviceId, Quality, Scan, Stamp, TagId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::behind::Behind;
use crate::conversation::micros;
use crate::lessons::Lessons;
use crate::quality;
use crate::silence::{Advice, Silence};
use crate::trouble::Trouble;

/// Bytes received and not yet taken apart. Chosen: 15 of the longest frames
/// in one read; the rest stays in the kernel's buffer, which slows the peer.
const INBOX: usize = 4096;

/// What a session needs to know about its link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) timeout: Duration,
    pub(crate) pause_between: Duration,
    pub(crate) clock: fn() -> Stamp,
}

/// A group, planned.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) device: DeviceId,
    pub(crate) unit: u8,
    pub(crate) tags: Vec<(TagId, Point)>,
    /// How it was planned.
    pub(crate) join: Join,
    /// Scans since it was planned.
    pub(crate) scans: u32,
    pub(crate) plan: ReadPlan,
    pub(crate) trouble: Trouble,
}

/// A request on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// Its place in the plan.
    pub(crate) span: usize,
    pub(crate) at: Micros,
    /// Nothing else was on the way when it was sent.
    pub(crate) is_alone: bool,
}

/// What outlives a connection.
#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) transactions: Transactions<Sent>,
    pub(crate) silence: Silence,
    pub(crate) behind: Behind,
    pub(crate) counters: LinkCounters,
    /// Spans of the last round whose answer held no data, and why.
    pub(crate) refusals: Vec<(usize, ResponseError)>,
    /// What this scan has shown about the unit.
    pub(crate) lessons: Lessons,
    pub(crate) learned: Learned,
}

/// One open connection.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) stream: TcpStream,
    pub(crate) inbox: BytesMut,
    pub(crate) outbox: Vec<u8>,
    /// Origin of [`Micros`].
    opened: Instant,
    /// Not before this moment may the next request go out.
    pub(crate) quiet_until: Instant,
}

/// What ended a session, in words.
pub(crate) type Lost = String;

/// Asked before each request but the first: whether the scan is to pause.
pub(crate) type Pause<'a> = &'a mut (dyn FnMut() -> bool + Send);

impl Session {
    pub(crate) fn new(stream: TcpStream, pause_after_connect: Duration) -> Self {
        let opened = Instant::now();
        Self {
            stream,
            inbox: BytesMut::with_capacity(INBOX),
            outbox: Vec::with_capacity(mbap::MAX_FRAME),
            opened,
            quiet_until: opened + pause_after_connect,
        }
    }

    /// Reads spans of `group`, all or those at the places `only`, and appends
    /// one scan for each to `out`; but none for those that are put aside in
    /// [`Books::refusals`] because they may be read in smaller pieces, nor for
    /// those that are left because `pause` said so: their places are returned.
    ///
    /// Ends by itself: each request has a deadline, and what is not asked or
    /// not answered is Bad. Not cancel safe: a dropped future may leave half
    /// an answer in the stream, so its session must be dropped with it.
    ///
    /// # Errors
    /// When the stream can't be followed any further; `out` is complete also
    /// then.
    pub(crate) async fn scan(
        &mut self,
        group: &Group,
        only: Option<&[usize]>,
        pace: &Pace,
        books: &mut Books,
        pause: Pause<'_>,
        out: &mut Vec<Scan>,
    ) -> Result<Vec<usize>, Lost> {
        let mut round = Round { group, only, pace, books, pause, out, next: 0, pauses: false };
        match self.exchange(&mut round).await {
            Ok(()) => Ok(round.left()),
            Err(lost) => {
                round.close();
                Err(lost)
            }
        }
    }

    async fn exchange(&mut self, round: &mut Round<'_>) -> Result<(), Lost> {
        while !round.is_done() {
            self.send_what_may_go(round).await?;
            let deadline = round.books.transactions.next_deadline();
            if self.wait(deadline).await? == Woken::ByPeer {
                self.take_answers(round)?;
            }
            self.give_up_late(round)?;
        }
        Ok(())
    }

    /// Sends requests until the link's depth is used or a pause is due.
    async fn send_what_may_go(&mut self, round: &mut Round<'_>) -> Result<(), Lost> {
        let now = Instant::now();
        if now < self.quiet_until {
            return Ok(());
        }
        let deadline = now + round.pace.timeout;
        self.outbox.clear();
        while round.wants_to_ask() {
            let at = self.micros(now);
            if !round.ask(at, self.micros(deadline), &mut self.outbox)? {
                break;
            }
        }
        if self.outbox.is_empty() {
            return Ok(());
        }
        // Requests are small: this waits only when the peer stopped reading.
        match timeout_at(deadline, self.stream.write_all(&self.outbox)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("cannot send: {error}")),
            Err(_) => Err("the device does not take requests any more".to_string()),
        }
    }

    /// Waits for bytes, for the next deadline, or for the end of a pause.
    async fn wait(&mut self, deadline: Option<Micros>) -> Result<Woken, Lost> {
        let until = match deadline {
            Some(deadline) => self.opened + Duration::from_micros(deadline),
            None => self.quiet_until,
        };
        self.inbox.reserve(mbap::MAX_FRAME);
        match before(until, self.stream.read_buf(&mut self.inbox)).await {
            Some(Ok(0)) => Err("closed by the device".to_string()),
            Some(Ok(_)) => Ok(Woken::ByPeer),
            Some(Err(error)) => Err(format!("cannot receive: {error}")),
            None => Ok(Woken::ByClock),
        }
    }

    /// Takes apart every complete frame that has come.
    fn take_answers(&mut self, round: &mut Round<'_>) -> Result<(), Lost> {
        loop {
            let frame = match mbap::decode(&self.inbox) {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok(()),
                Err(error) => {
                    round.books.counters.stray += 1;
                    return Err(error.to_string());
                }
            };
            let taken = frame.encoded_len();
            let table = &round.books.transactions;
            let is_last = taken == self.inbox.len();
            if is_last && table.may_hold_another(frame.transaction, frame.pdu) {
                return Ok(());
            }
            let now = micros_since(self.opened);
            let was_ours = round.take(frame, now)?;
            self.inbox.advance(taken);
            if was_ours && !round.pace.pause_between.is_zero() {
                self.quiet_until = Instant::now() + round.pace.pause_between;
            }
        }
    }

    fn give_up_late(&self, round: &mut Round<'_>) -> Result<(), Lost> {
        let now = self.micros(Instant::now());
        while let Some(sent) = round.books.transactions.expire(now) {
            round.miss(sent, now)?;
        }
        Ok(())
    }

    pub(crate) fn micros(&self, moment: Instant) -> Micros {
        micros(moment.saturating_duration_since(self.opened))
    }
}

fn micros_since(moment: Instant) -> Micros {
    micros(moment.elapsed())
}

/// What ended a wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Woken {
    ByPeer,
    ByClock,
}

/// The output of `future`, or `None` when `until` comes first.
pub(crate) async fn before<F: Future>(until: Instant, future: F) -> Option<F::Output> {
    tokio::select! {
        biased;
        output = future => Some(output),
        () = sleep_until(until) => None,
    }
}

/// One scan of one group: what is asked, what is still to be asked.
struct Round<'a> {
    group: &'a Group,
    only: Option<&'a [usize]>,
    pace: &'a Pace,
    books: &'a mut Books,
    pause: Pause<'a>,
    out: &'a mut Vec<Scan>,
    /// The next span to ask for; all before it were asked.
    next: usize,
    /// Nothing more is asked in this round.
    pauses: bool,
}

impl Round<'_> {
    fn has_more(&self) -> bool {
        self.next < self.spans()
    }

    /// How many spans this round is about.
    fn spans(&self) -> usize {
        self.only.map_or(self.group.plan.spans().len(), <[usize]>::len)
    }

    /// The place in the plan of the next span to ask for.
    fn next_span(&self) -> usize {
        self.only.map_or(self.next, |only| only[self.next])
    }

    fn wants_to_ask(&mut self) -> bool {
        if self.pauses || !self.has_more() || !self.books.transactions.has_room() {
            return false;
        }
        // Each round asks for something, so that pauses never stop a scan.
        self.pauses = self.next > 0 && (self.pause)();
        !self.pauses
    }

    fn is_done(&self) -> bool {
        (self.pauses || !self.has_more()) && self.books.transactions.is_idle()
    }

    /// Appends the next request to `outbox`; `false` when it has to wait.
    fn ask(&mut self, now: Micros, deadline: Micros, outbox: &mut Vec<u8>) -> Result<bool, Lost> {
        let (unit, span) = (self.group.unit, self.next_span());
        let is_alone = self.books.transactions.is_idle();
        let sent = Sent { span, at: now, is_alone };
        let id = match self.books.transactions.begin(unit, sent, now, deadline) {
            Ok(id) => id,
            Err(NotNow::Full) => return Ok(false),
            Err(NotNow::TooManyExpired) => {
                return Err("too many answers are outstanding".to_string());
            }
        };
        self.next += 1;
        self.books.counters.requests += 1;
        self.books.behind.asked(unit);
        mbap::encode(id, unit, &self.group.plan.spans()[span].request().encode(), outbox);
        Ok(true)
    }

    /// Judges one frame; whether it was an answer to one of our requests.
    fn take(&mut self, frame: mbap::Frame<'_>, now: Micros) -> Result<bool, Lost> {
        let sent = match self.books.transactions.answer(frame.transaction, frame.unit) {
            Verdict::Ours(sent) => sent,
            Verdict::Late => {
                self.books.counters.late += 1;
                self.books.behind.late(frame.unit);
                return Ok(false);
            }
            Verdict::Stray => {
                self.books.counters.stray += 1;
                return Ok(false);
            }
        };
        let (span, round_trip) = (sent.span, now.saturating_sub(sent.at));
        let unit = self.group.unit;
        let mut samples = Vec::with_capacity(self.group.plan.spans()[span].tags());
        match self.group.plan.decode(&self.group.plan.spans()[span], frame.pdu, &mut samples) {
            Ok(()) => {
                self.books.counters.answers += 1;
                self.books.silence.broken();
                let request = self.group.plan.spans()[span].request();
                self.books.lessons.answered(&request);
                self.books.behind.answered(unit, frame.pdu, round_trip);
                if sent.is_alone {
                    self.books.behind.cost(unit, &request, round_trip);
                }
                let stamp = (self.pace.clock)();
                self.out.push(Scan { device: self.group.device, stamp, samples });
                Ok(true)
            }
            Err(error) => {
                if let ResponseError::Exception(_) = error {
                    self.books.behind.answered(unit, frame.pdu, round_trip);
                } else {
                    self.books.behind.damaged(unit);
                }
                self.refuse(span, error)
            }
        }
    }

    /// The answer holds no data: the tags of its span turn Bad alone, unless
    /// it shows that the stream is out of step.
    fn refuse(&mut self, span: usize, error: ResponseError) -> Result<bool, Lost> {
        let request = self.group.plan.spans()[span].request();
        self.books.refusals.push((span, error));
        if !self.books.lessons.may_halve(&error) {
            self.fail(span, quality::of_failure(&error));
        }
        match error {
            ResponseError::Exception(_) => {
                self.books.counters.exceptions += 1;
                self.books.silence.broken();
                Ok(true)
            }
            ResponseError::Framing { .. } => {
                self.books.counters.stray += 1;
                Err(format!("{error} ({request})"))
            }
            ResponseError::Empty
            | ResponseError::WrongFunction { .. }
            | ResponseError::WrongCount { .. } => {
                self.books.counters.stray += 1;
                Ok(true)
            }
        }
    }

    /// The deadline of a request has passed.
    fn miss(&mut self, sent: Sent, now: Micros) -> Result<(), Lost> {
        self.books.counters.timeouts += 1;
        self.books.behind.missed(self.group.unit, now.saturating_sub(sent.at));
        self.fail(sent.span, Quality::BadNoCommunication);
        match self.books.silence.missed(self.group.unit) {
            Advice::AskOn => {}
            Advice::Skip => self.skip_rest(),
            Advice::Reconnect => return Err("no answer any more".to_string()),
        }
        Ok(())
    }

    /// What was not asked yet is not asked in this scan.
    fn skip_rest(&mut self) {
        while self.has_more() {
            self.fail(self.next_span(), Quality::BadNoCommunication);
            self.next += 1;
        }
    }

    fn fail(&mut self, span: usize, quality: Quality) {
        let span = &self.group.plan.spans()[span];
        let mut samples = Vec::with_capacity(span.tags());
        self.group.plan.fail(span, quality, &mut samples);
        let stamp = (self.pace.clock)();
        self.out.push(Scan { device: self.group.device, stamp, samples });
    }

    /// The places of the spans that were not asked for.
    fn left(self) -> Vec<usize> {
        (self.next..self.spans()).map(|nth| self.only.map_or(nth, |only| only[nth])).collect()
    }

    /// The link is lost: what is in flight or was not asked is Bad, so that
    /// every tag has its one sample.
    fn close(mut self) {
        while let Some(sent) = self.books.transactions.expire(Micros::MAX) {
            self.fail(sent.span, Quality::BadNoCommunication);
        }
        self.skip_rest();
    }
}
