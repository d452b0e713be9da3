//! A session: what one format does with one connection, told as events in and orders out.
//!
//! A session is a core: no socket, no clock, no await. The link feeds it what
//! happened and does what it orders, in order. It lives as long as its
//! connection; a new connection gets a new one.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use forehearth_model::{BatchId, CatalogueHash, GapRecord, Stamp};

use crate::intake::{Reply, Request};
use crate::outbox::{Last, Outbox, Parcel, Want};
use crate::refusal::Refusal;
use crate::skips::Skips;
use crate::sparkplug::Overlap;
use crate::suspicion::Pace;

/// Most batches in flight. Chosen: 64 batches of 16 KiB fill a link of 80 ms
/// round trip to 13 MB/s.
const BATCHES_IN_FLIGHT: usize = 64;

/// Most bytes in flight; bounds the memory of a session on a stuck broker.
const BYTES_IN_FLIGHT: usize = 1024 * 1024;

/// Backlog stops here, so that a live batch always finds room and never has
/// more than this in front of it.
const BACKLOG_BATCHES_IN_FLIGHT: usize = 48;
/// As above, in bytes.
const BACKLOG_BYTES_IN_FLIGHT: usize = 256 * 1024;

/// An event's time: `at` for waiting, `wall` for telling.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Now {
    pub(crate) at: Instant,
    pub(crate) wall: Stamp,
}

/// Names a message that is to be confirmed, within one session; grows by one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Token(pub(crate) u64);

/// How a message travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Delivery {
    /// QoS 0; a fence confirms it.
    Plain,
    /// QoS 1; its PUBACK comes back with this token.
    Confirmed(Token),
}

/// Whether the broker keeps a message for later subscribers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Keep {
    /// For those who listen now.
    Passing,
    /// The retain flag.
    Retained,
}

/// One message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Message {
    pub(crate) topic: Arc<str>,
    pub(crate) payload: Bytes,
    pub(crate) delivery: Delivery,
    pub(crate) keep: Keep,
    /// MIME type, told with MQTT 5; empty: none.
    pub(crate) content: &'static str,
}

/// What the broker publishes for us when the connection dies. QoS 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Will {
    pub(crate) topic: Arc<str>,
    pub(crate) payload: Bytes,
    pub(crate) keep: Keep,
}

/// What a session wants done, in this order.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Order {
    /// SUBSCRIBE with QoS 1; its SUBACK comes back with the token.
    Subscribe { filters: Arc<[Arc<str>]>, token: Token },
    /// PUBLISH.
    Publish(Message),
    /// Nothing is out, and what waits was read before the birth that follows:
    /// it is backlog, so that it goes out oldest first.
    Backlog,
    /// DISCONNECT: nothing is in flight any more.
    Disconnect,
    /// The destination has this batch.
    Settle { id: BatchId, filtered: u32 },
    /// The destination will never take this batch.
    Refuse { id: BatchId, reason: String },
    /// The destination has this gap record.
    SettleGap { id: u64 },
    /// A client asks for this; its answer comes as [`Session::reply`].
    Command(Box<Request>),
    /// Something to count.
    Note(Note),
}

/// Something to count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Note {
    /// A host asked for births and gets them.
    Rebirth,
    /// A command was not acted on.
    IgnoredCommand,
    /// The broker lets us hear no commands.
    CommandsDenied,
    /// The broker did not take something that nothing hangs on.
    Refused { what: &'static str, why: Refusal },
    /// A batch is sent again because the primary host went away.
    Repeat,
}

/// What a session may look up while it works. Nothing here blocks.
pub(crate) trait Memory {
    /// As [`Outbox::last_values`].
    fn last_values(&self) -> Vec<Last>;
    /// As [`Outbox::catalogue`].
    fn catalogue(&mut self, hash: CatalogueHash) -> Option<Bytes>;
    /// As [`Outbox::backlog`].
    fn backlog(&self) -> u64;
}

impl<O: Outbox> Memory for O {
    fn last_values(&self) -> Vec<Last> {
        Outbox::last_values(self)
    }
    fn catalogue(&mut self, hash: CatalogueHash) -> Option<Bytes> {
        Outbox::catalogue(self, hash)
    }
    fn backlog(&self) -> u64 {
        Outbox::backlog(self)
    }
}

/// What a session can take now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Appetite {
    pub(crate) live: bool,
    pub(crate) backlog: bool,
    pub(crate) gaps: bool,
}

/// The connection can't be trusted any more and is to be dropped.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum Distrust {
    /// A later fence came back before an earlier one: bytes were lost between.
    #[error(
        "the broker confirmed a later fence and not an earlier one: bytes were lost on the way"
    )]
    FenceSkipped,
    /// The broker refuses our own command topic.
    #[error("the broker refuses the subscription to `{0}`; allow this user to read it")]
    SubscriptionRefused(String),
    /// The broker does not take what has to get there.
    #[error("the broker refuses {what}, which wait here: {why}")]
    Refused {
        /// Several of what.
        what: &'static str,
        why: Refusal,
        /// The batch, if it was one.
        batch: Option<BatchId>,
    },
}

/// How a SUBSCRIBE or PUBLISH was answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// PUBACK or SUBACK with success.
    Granted,
    /// SUBACK with a failure code.
    Denied,
    /// PUBACK with a failure code (MQTT 5).
    Refused(Refusal),
}

/// A message that came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard<'a> {
    pub(crate) topic: &'a str,
    pub(crate) payload: &'a [u8],
    pub(crate) keep: Keep,
}

/// What one format does with one connection.
pub(crate) trait Session: Send {
    /// For the CONNECT.
    fn will(&self) -> Option<Will>;

    /// The broker accepted the connection.
    fn connected(&mut self, now: Now, memory: &mut dyn Memory, out: &mut Vec<Order>);

    /// A batch was taken, as [`appetite`](Self::appetite) allowed.
    fn parcel(
        &mut self,
        parcel: Parcel,
        want: Want,
        now: Now,
        memory: &mut dyn Memory,
        out: &mut Vec<Order>,
    );

    /// A gap record was taken.
    fn gap(&mut self, record: &GapRecord, now: Now, out: &mut Vec<Order>);

    /// The broker answered what `token` names.
    ///
    /// # Errors
    /// When the connection can't be trusted any more.
    fn answered(
        &mut self,
        token: Token,
        answer: Answer,
        now: Now,
        out: &mut Vec<Order>,
    ) -> Result<(), Distrust>;

    /// A message came in.
    fn heard(&mut self, heard: Heard<'_>, now: Now, memory: &mut dyn Memory, out: &mut Vec<Order>);

    /// What became of a command, perhaps one of an earlier connection.
    fn reply(&mut self, reply: &Reply, now: Now, out: &mut Vec<Order>);

    /// Everything ordered so far is written, or [`due`](Self::due) has come:
    /// is there more to say? Long births come out piece by piece here.
    fn more(&mut self, now: Now, memory: &mut dyn Memory, out: &mut Vec<Order>);

    /// When [`more`](Self::more) is to be called though nothing happened.
    fn due(&self) -> Option<Instant>;

    /// What can be taken now.
    fn appetite(&self) -> Appetite;

    /// Whether consumers can understand what is sent: births are out.
    fn is_online(&self) -> bool;

    /// The gateway stops: take nothing more, say goodbye, then order
    /// [`Order::Disconnect`].
    fn stop(&mut self, now: Now, out: &mut Vec<Order>);

    /// The connection is over: what the next session has to know.
    fn bequeath(&mut self) -> Remains {
        Remains::default()
    }
}

/// What a session leaves to the next.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Remains {
    /// Numbers a filtered destination was not told yet.
    pub(crate) skips: Skips,
    /// What the primary host may have to be told again.
    pub(crate) overlap: Overlap,
    /// Connections that ended while a catalogue larger than the packet limit
    /// was out.
    pub(crate) large_catalogues: u8,
}

/// A batch in flight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Cargo {
    pub(crate) id: BatchId,
    pub(crate) filtered: u32,
    /// On the wire.
    pub(crate) bytes: usize,
}

impl Cargo {
    pub(crate) const fn settle(&self) -> Order {
        Order::Settle { id: self.id, filtered: self.filtered }
    }
}

/// How much may be in flight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pace: Pace,
    batches: usize,
    bytes: usize,
}

impl Window {
    pub(crate) const fn new(pace: Pace) -> Self {
        Self { pace, batches: 0, bytes: 0 }
    }

    /// A batch went out.
    pub(crate) fn take(&mut self, bytes: usize) {
        self.batches += 1;
        self.bytes += bytes;
    }

    /// A batch came home.
    pub(crate) fn free(&mut self, bytes: usize) {
        self.batches = self.batches.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// What fits.
    pub(crate) const fn appetite(&self) -> Appetite {
        let (live, backlog) = match self.pace {
            Pace::OneAtATime => (self.batches == 0, self.batches == 0),
            Pace::Full => (
                self.batches < BATCHES_IN_FLIGHT && self.bytes < BYTES_IN_FLIGHT,
                self.batches < BACKLOG_BATCHES_IN_FLIGHT && self.bytes < BACKLOG_BYTES_IN_FLIGHT,
            ),
        };
        Appetite { live, backlog, gaps: live }
    }
}

#[cfg(test)]
mod tests {
    use super::Window;
    use crate::suspicion::Pace;

    #[test]
    fn backlog_leaves_room_for_live_batches() {
        let mut window = Window::new(Pace::Full);
        while window.appetite().backlog {
            window.take(16 * 1024);
        }
        assert!(window.appetite().live);
        while window.appetite().live {
            window.take(16 * 1024);
        }
        window.free(16 * 1024);
        assert!(window.appetite().live);
    }

    #[test]
    fn a_suspected_batch_travels_alone() {
        let mut window = Window::new(Pace::OneAtATime);
        window.take(1);
        assert_eq!(window.appetite(), super::Appetite::default());
        window.free(1);
        assert!(window.appetite().live);
    }
}
