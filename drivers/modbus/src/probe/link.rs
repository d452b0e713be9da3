//! A link that is looked at: one question at a time, each brought to its end.

use core::num::NonZeroU8;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use forehearth_driver::LinkError;
use forehearth_modbus::{Limits, Line, Micros, Question, Timing, Transactions, Verdict, mbap};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::{ProbeError, Target};
use crate::conversation::{Conversation, Reply, micros};
use crate::wire::Wire;
use crate::{BusSettings, Carrier, SetupError, TcpSettings};

/// What a question brought.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Heard {
    /// The PDU of an answer, perhaps an exception.
    Answer(Vec<u8>),
    /// Nothing within the timeout.
    Silence,
    /// Bytes that are no frame.
    Damaged,
}

/// An open link.
#[derive(Debug)]
pub struct Looking {
    target: Target,
    end: End,
    /// Quiet time between an answer and the next question.
    pause: Duration,
    quiet_until: Instant,
    asked: u64,
    heard_noise: bool,
}

#[derive(Debug)]
enum End {
    Tcp(Box<Exchange>),
    Bus(Box<Conversation>),
}

impl Looking {
    /// Opens the link. `pause` lies between an answer and the next question
    /// at least; a longer one of the target is kept.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn open(target: &Target, pause: Duration) -> Result<Self, ProbeError> {
        let (end, own) = match target {
            Target::Tcp(settings) => {
                (End::Tcp(Box::new(Exchange::open(settings).await?)), settings.pause_between)
            }
            Target::Bus(settings) => {
                (End::Bus(Box::new(open_bus(settings).await?)), settings.pause_between)
            }
        };
        let (target, quiet_until) = (target.clone(), Instant::now());
        Ok(Self { target, end, pause: pause.max(own), quiet_until, asked: 0, heard_noise: false })
    }

    /// Questions that went out.
    #[must_use]
    pub const fn asked(&self) -> u64 {
        self.asked
    }

    /// Whether the last question brought bytes that are no frame.
    #[must_use]
    pub const fn heard_noise(&self) -> bool {
        self.heard_noise
    }

    pub(super) fn limits(&self) -> Limits {
        self.target.limits()
    }

    /// Asks `unit`, once more on a serial line when the answer was damaged.
    /// Ends by itself. Not cancel safe: the link must be dropped with it.
    ///
    /// # Errors
    /// When the link is lost and cannot be opened anew, or nobody can answer.
    pub async fn ask(&mut self, unit: u8, question: Question) -> Result<Heard, ProbeError> {
        sleep_until(self.quiet_until).await;
        let heard = self.ask_now(unit, question).await;
        self.quiet_until = Instant::now() + self.pause;
        self.heard_noise = matches!(heard, Ok(Heard::Damaged));
        heard
    }

    async fn ask_now(&mut self, unit: u8, question: Question) -> Result<Heard, ProbeError> {
        self.asked += 1;
        match (&mut self.end, &self.target) {
            (End::Tcp(exchange), Target::Tcp(settings)) => {
                match exchange.ask(unit, question, settings.timeout).await {
                    Ok(heard) => Ok(heard),
                    Err(_) => {
                        // Devices close what they don't like; that is an answer of a kind.
                        **exchange = Exchange::open(settings).await?;
                        Ok(Heard::Damaged)
                    }
                }
            }
            (End::Bus(conversation), Target::Bus(settings)) => {
                let unit = NonZeroU8::new(unit).ok_or(broadcast())?;
                let lost = |reason| LinkError::Lost { peer: settings.carrier.to_string(), reason };
                ask_bus(conversation, unit, question, settings)
                    .await
                    .map_err(lost)
                    .map_err(Into::into)
            }
            _ => Ok(Heard::Silence),
        }
    }
}

/// What the map is told, too, where it asks unit 0.
const fn broadcast() -> SetupError {
    SetupError::Broadcast { group: forehearth_model::GroupId(0) }
}

async fn open_bus(settings: &BusSettings) -> Result<Conversation, LinkError> {
    let peer = settings.carrier.to_string();
    let wire = Wire::open(&settings.carrier, settings.connect_timeout)
        .await
        .map_err(|reason| LinkError::Connect { peer, reason })?;
    tokio::time::sleep(settings.pause_after_connect).await;
    let timing = match &settings.carrier {
        Carrier::Serial(serial) => Timing::serial(serial.baud),
        Carrier::Tcp { .. } => Timing::tcp(),
    };
    let line = Line::new(settings.framing, timing, settings.echo, 0);
    Ok(Conversation::new(wire, line, Instant::now()))
}

async fn ask_bus(
    conversation: &mut Conversation,
    unit: NonZeroU8,
    question: Question,
    settings: &BusSettings,
) -> Result<Heard, String> {
    let patience = micros(settings.timeout);
    let mut heard = Heard::Silence;
    for _ in 0..=settings.retries {
        // A unit that owes an answer is asked for something of another shape first.
        let safe = conversation.line().safe(unit, question);
        if safe != question {
            conversation.ask(unit, safe, patience).await?;
        }
        match conversation.ask(unit, question, patience).await?.reply {
            Reply::Answered { .. } => return Ok(Heard::Answer(conversation.pdu().to_vec())),
            Reply::Damaged | Reply::Babble | Reply::Missing { noise: true } => {
                heard = Heard::Damaged
            }
            Reply::Missing { noise: false } => {}
        }
    }
    Ok(heard)
}

/// Questions and answers over one Modbus TCP connection.
#[derive(Debug)]
struct Exchange {
    stream: TcpStream,
    inbox: BytesMut,
    transactions: Transactions<()>,
    opened: Instant,
}

impl Exchange {
    async fn open(settings: &TcpSettings) -> Result<Self, LinkError> {
        let peer = format!("{}:{}", settings.host, settings.port);
        let failed = |reason: String| LinkError::Connect { peer: peer.clone(), reason };
        let connect = TcpStream::connect((settings.host.as_str(), settings.port));
        let stream = match timeout(settings.connect_timeout, connect).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(failed(error.to_string())),
            Err(_) => return Err(failed("no answer".to_string())),
        };
        stream.set_nodelay(true).map_err(|error| failed(error.to_string()))?;
        tokio::time::sleep(settings.pause_after_connect).await;
        let (inbox, opened) = (BytesMut::new(), Instant::now());
        Ok(Self { stream, inbox, transactions: Transactions::new(1), opened })
    }

    async fn ask(
        &mut self,
        unit: u8,
        question: Question,
        patience: Duration,
    ) -> Result<Heard, String> {
        let deadline = Instant::now() + patience;
        let (now, until) = (self.micros(Instant::now()), self.micros(deadline));
        let id = self.transactions.begin(unit, (), now, until);
        let id = id.map_err(|_| "too many answers are outstanding".to_string())?;
        let (pdu, length) = question.encode();
        let mut frame = Vec::with_capacity(mbap::MAX_FRAME);
        mbap::encode(id, unit, &pdu[..length], &mut frame);
        let written = timeout_at(deadline, self.stream.write_all(&frame)).await;
        written.map_err(|_| "it takes no requests".to_string())?.map_err(|e| e.to_string())?;
        loop {
            while let Some(frame) = mbap::decode(&self.inbox).map_err(|e| e.to_string())? {
                let taken = frame.encoded_len();
                let verdict = self.transactions.answer(frame.transaction, frame.unit);
                let pdu = frame.pdu.to_vec();
                self.inbox.advance(taken);
                if let Verdict::Ours(()) = verdict {
                    return Ok(Heard::Answer(pdu));
                }
            }
            match timeout_at(deadline, self.stream.read_buf(&mut self.inbox)).await {
                Ok(Ok(1..)) => {}
                Ok(Ok(0)) => return Err("closed by the device".to_string()),
                Ok(Err(error)) => return Err(error.to_string()),
                Err(_) => {
                    while self.transactions.expire(Micros::MAX).is_some() {}
                    return Ok(Heard::Silence);
                }
            }
        }
    }

    fn micros(&self, moment: Instant) -> Micros {
        micros(moment.saturating_duration_since(self.opened))
    }
}
