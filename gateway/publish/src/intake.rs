//! The intake: where commands that came in over a broker leave this room, and their answers come back.
//!
//! This room understands what a client asks for and nothing else. It does not
//! know which tags may be written, by whom or within which bounds, and it
//! never touches a device: whoever holds the other end of the intake decides.
//!
//! How to wire it (the daemon does, for each `[[broker]]` with `commands = true`):
//!
//! ```text
//! let (out, commands) = mpsc::channel(64);            // one channel, or one for all brokers
//! settings.commands = Some(Intake::new(out, 64));     // at most 64 of this broker under way
//! …
//! while let Some(Incoming { broker, request, reply }) = commands.recv().await {
//!     // check, write, read back, audit; then exactly one answer:
//!     reply.send(Outcome::Done, "", Some(read_back));
//! }
//! ```
//!
//! - A command is only handed in when there is room for it **and** for its
//!   answer; else it is refused at once, answered, and counted
//!   (`refused_commands`). So sending an answer never waits and never fails.
//! - A `ReplyTo` that is dropped answers [`Outcome::Failed`]: no client waits
//!   for ever.
//! - An answer outlives its connection: it goes out on the next one.
//! - QoS 1 may deliver a command twice. Native and JSON clients give ids by
//!   which a gate can tell; Sparkplug has none.
//! - Retained commands are never handed in: they would come again with each
//!   connection.

use std::sync::Arc;

use forehearth_model::{Stamp, Value};
use tokio::sync::mpsc;

/// What a client asks for. Names are those of the map, and of tags this
/// destination may see: what is hidden from a broker can't be written by it.
#[derive(Clone, PartialEq, Debug)]
pub struct Request {
    /// As the client gave it; empty in Sparkplug, which has no ids.
    pub id: String,
    /// Device of the map.
    pub device: String,
    /// Tag of that device.
    pub tag: String,
    /// In engineering units, as the client typed it.
    pub value: Value,
    /// When the client says that it sent this, if it does.
    pub sent: Option<Stamp>,
    /// Not to be carried out after this; always there in native and JSON.
    pub expires_at: Option<Stamp>,
}

/// A command on its way to whoever decides.
#[derive(Debug)]
pub struct Incoming {
    /// Name of the `[[broker]]` it came from.
    pub broker: Arc<str>,
    /// What is asked for.
    pub request: Request,
    /// Takes the answer.
    pub reply: ReplyTo,
}

/// What became of a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Written, and read back as asked.
    Done,
    /// Not allowed, out of bounds, or not understood: nothing was written.
    Refused,
    /// Too late: nothing was written.
    Expired,
    /// Written, but what was read back differs or could not be read.
    Unverified,
    /// It could not be carried out; whether the device took it is unknown.
    Failed,
}

impl Outcome {
    /// Stable lower-case word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Expired => "expired",
            Self::Unverified => "unverified",
            Self::Failed => "failed",
        }
    }
}

/// An answer on its way back to the client.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Reply {
    pub(crate) id: String,
    /// `device/tag`.
    pub(crate) tag: String,
    pub(crate) outcome: Outcome,
    pub(crate) reason: String,
    pub(crate) value: Option<Value>,
}

impl Reply {
    /// The answer to what never got as far as a gate.
    pub(crate) fn refused(id: String, tag: String, reason: impl Into<String>) -> Self {
        Self { id, tag, outcome: Outcome::Refused, reason: reason.into(), value: None }
    }

    fn to(request: &Request, outcome: Outcome, reason: &str, value: Option<Value>) -> Self {
        let tag = format!("{}/{}", request.device, request.tag);
        Self { id: request.id.clone(), tag, outcome, reason: reason.to_owned(), value }
    }
}

/// The place of one answer, kept free from the moment a command is handed in.
#[derive(Debug)]
pub struct ReplyTo {
    /// `None` once answered.
    place: Option<mpsc::OwnedPermit<Reply>>,
    request: Request,
}

impl ReplyTo {
    /// Answers. `reason` is for the person who sent the command, empty where
    /// there is nothing to say; `value` is what was read back. Never waits.
    pub fn send(mut self, outcome: Outcome, reason: &str, value: Option<Value>) {
        self.put(outcome, reason, value);
    }

    fn put(&mut self, outcome: Outcome, reason: &str, value: Option<Value>) {
        if let Some(place) = self.place.take() {
            place.send(Reply::to(&self.request, outcome, reason, value));
        }
    }
}

impl Drop for ReplyTo {
    fn drop(&mut self) {
        self.put(Outcome::Failed, "the gateway let go of this command; it may be stopping", None);
    }
}

/// Where the commands of one destination go. Giving one to a destination is
/// what switches its commands on.
#[derive(Clone, Debug)]
pub struct Intake {
    out: mpsc::Sender<Incoming>,
    under_way: usize,
}

impl Intake {
    /// `out` may be shared by destinations. At most `under_way` commands of
    /// this one wait for their answer, at least 1.
    #[must_use]
    pub fn new(out: mpsc::Sender<Incoming>, under_way: usize) -> Self {
        Self { out, under_way: under_way.max(1) }
    }

    pub(crate) fn open(&self, broker: &str) -> Hatch {
        let (replies, back) = mpsc::channel(self.under_way);
        Hatch { broker: broker.into(), out: self.out.clone(), replies, back }
    }
}

/// The link's side of an intake; lives as long as the link.
#[derive(Debug)]
pub(crate) struct Hatch {
    broker: Arc<str>,
    out: mpsc::Sender<Incoming>,
    replies: mpsc::Sender<Reply>,
    back: mpsc::Receiver<Reply>,
}

impl Hatch {
    /// Hands a command in.
    ///
    /// # Errors
    /// With the answer to give at once when there is no room.
    pub(crate) fn hand_in(&self, request: Request) -> Result<(), Reply> {
        let full = |request: &Request| {
            Reply::to(request, Outcome::Refused, "too many commands are under way", None)
        };
        let Ok(place) = self.replies.clone().try_reserve_owned() else {
            return Err(full(&request));
        };
        let out = match self.out.try_reserve() {
            Ok(out) => out,
            Err(mpsc::error::TrySendError::Full(())) => return Err(full(&request)),
            Err(mpsc::error::TrySendError::Closed(())) => {
                return Err(Reply::to(&request, Outcome::Refused, "the gateway is stopping", None));
            }
        };
        let reply = ReplyTo { place: Some(place), request: request.clone() };
        out.send(Incoming { broker: Arc::clone(&self.broker), request, reply });
        Ok(())
    }

    /// The next answer. Cancel safe.
    pub(crate) async fn answer(&mut self) -> Reply {
        match self.back.recv().await {
            Some(reply) => reply,
            // Never: this struct holds a sender.
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Hatch, Incoming, Intake, Outcome, Request};
    use forehearth_model::Value;
    use tokio::sync::mpsc;

    fn request(id: &str) -> Request {
        Request {
            id: id.into(),
            device: "cell-001".into(),
            tag: "setpoint".into(),
            value: Value::Int(4),
            sent: None,
            expires_at: None,
        }
    }

    fn hatch(queue: usize, under_way: usize) -> (Hatch, mpsc::Receiver<Incoming>) {
        let (out, commands) = mpsc::channel(queue);
        (Intake::new(out, under_way).open("plant"), commands)
    }

    #[tokio::test]
    async fn a_command_comes_out_with_its_origin_and_its_answer_comes_back() {
        let (mut hatch, mut commands) = hatch(1, 1);
        hatch.hand_in(request("a")).unwrap();
        let Incoming { broker, request, reply } = commands.recv().await.unwrap();
        assert_eq!((&*broker, request.id.as_str()), ("plant", "a"));
        reply.send(Outcome::Done, "", Some(Value::Int(4)));
        let answer = hatch.answer().await;
        assert_eq!((answer.outcome, answer.tag.as_str()), (Outcome::Done, "cell-001/setpoint"));
    }

    #[tokio::test]
    async fn without_room_for_the_command_or_its_answer_it_is_refused_at_once() {
        let (hatch_of_one, mut commands) = hatch(1, 9);
        hatch_of_one.hand_in(request("a")).unwrap();
        assert_eq!(hatch_of_one.hand_in(request("b")).unwrap_err().outcome, Outcome::Refused);
        commands.recv().await.unwrap();
        hatch_of_one.hand_in(request("c")).unwrap();
        let (mut hatch, mut commands) = hatch(9, 1);
        hatch.hand_in(request("a")).unwrap();
        let taken = commands.recv().await.unwrap();
        assert_eq!(hatch.hand_in(request("b")).unwrap_err().id, "b");
        taken.reply.send(Outcome::Expired, "", None);
        assert!(hatch.hand_in(request("c")).is_err(), "its answer still waits to be sent");
        hatch.answer().await;
        hatch.hand_in(request("d")).unwrap();
    }

    #[tokio::test]
    async fn a_command_that_is_dropped_is_answered_all_the_same() {
        let (mut hatch, mut commands) = hatch(1, 1);
        hatch.hand_in(request("a")).unwrap();
        drop(commands.recv().await.unwrap());
        assert_eq!(hatch.answer().await.outcome, Outcome::Failed);
        drop(commands);
        let refused = hatch.hand_in(request("b")).unwrap_err();
        assert!(refused.reason.contains("stopping"), "{}", refused.reason);
    }
}
