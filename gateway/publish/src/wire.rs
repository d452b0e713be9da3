//! The wire: what was handed to one connection and what of it is still to be confirmed.
//!
//! rumqttc gives a packet id only when it writes, and tells ids by the order
//! of its `Outgoing` events; they mean something within one connection only.
//! So this table lives and dies with its connection.

use std::collections::VecDeque;
use std::sync::Arc;

use rumqttc::{ClientError, Outgoing, v5};

use crate::line::Client;
use crate::refusal::Refusal;
use crate::session::{Delivery, Message, Token};

/// Requests between us and the event loop. Chosen: enough that the loop never
/// starves between two turns, few enough that a rebirth is not far behind.
pub(crate) const REQUESTS: usize = 64;

/// Packet ids of rumqttc run up to its in-flight limit and are shared by
/// PUBLISH and SUBSCRIBE. Four times what a session has in flight, so that an
/// id is never met while it is still out.
pub(crate) const PACKET_IDS: u16 = 1024;

/// The event loop is gone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone;

impl From<ClientError> for Gone {
    fn from(_: ClientError) -> Self {
        Self
    }
}

impl From<v5::ClientError> for Gone {
    fn from(_: v5::ClientError) -> Self {
        Self
    }
}

/// An answer that was waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Answered {
    pub(crate) token: Token,
    pub(crate) order: InOrder,
}

/// Whether an answer is that of the oldest packet out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum InOrder {
    Yes,
    /// An older packet still has none: it may have been lost on the way.
    Overtook,
}

/// One connection's side of the conversation.
pub(crate) struct Wire {
    client: Client,
    /// Requests handed over and not yet written.
    unwritten: usize,
    publishes: Acknowledged,
    subscribes: Acknowledged,
}

impl Wire {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            unwritten: 0,
            publishes: Acknowledged::default(),
            subscribes: Acknowledged::default(),
        }
    }

    /// Whether another request fits.
    pub(crate) const fn has_room(&self) -> bool {
        self.unwritten < REQUESTS
    }

    /// Confirmations that are still to come.
    pub(crate) fn outstanding(&self) -> usize {
        self.publishes.len() + self.subscribes.len()
    }

    /// As [`Client::fits`].
    ///
    /// # Errors
    /// When the broker said that it takes no message of this size.
    pub(crate) fn fits(&self, message: &Message) -> Result<(), Refusal> {
        self.client.fits(message)
    }

    pub(crate) fn publish(&mut self, message: Message) -> Result<(), Gone> {
        if let Delivery::Confirmed(token) = message.delivery {
            self.publishes.unwritten.push_back(token);
        }
        self.unwritten += 1;
        self.client.publish(message)
    }

    pub(crate) fn subscribe(&mut self, filters: &[Arc<str>], token: Token) -> Result<(), Gone> {
        self.subscribes.unwritten.push_back(token);
        self.unwritten += 1;
        self.client.subscribe(filters)
    }

    pub(crate) fn disconnect(&mut self) -> Result<(), Gone> {
        self.unwritten += 1;
        self.client.disconnect()
    }

    /// The event loop wrote a packet.
    pub(crate) fn written(&mut self, outgoing: &Outgoing) {
        match *outgoing {
            Outgoing::Publish(id) => {
                self.unwritten = self.unwritten.saturating_sub(1);
                if id != 0 {
                    self.publishes.written(id);
                }
            }
            Outgoing::Subscribe(id) => {
                self.unwritten = self.unwritten.saturating_sub(1);
                self.subscribes.written(id);
            }
            _ => {}
        }
    }

    /// Which publish a PUBACK confirms; `None`: none of ours.
    pub(crate) fn puback(&mut self, id: u16) -> Option<Answered> {
        self.publishes.answered(id)
    }

    /// Which subscription a SUBACK answers; `None`: none of ours.
    pub(crate) fn suback(&mut self, id: u16) -> Option<Answered> {
        self.subscribes.answered(id)
    }
}

/// Packets of one kind that get an answer, oldest first.
#[derive(Debug, Default)]
struct Acknowledged {
    unwritten: VecDeque<Token>,
    written: VecDeque<(u16, Token)>,
}

impl Acknowledged {
    fn len(&self) -> usize {
        self.unwritten.len() + self.written.len()
    }

    fn written(&mut self, id: u16) {
        if let Some(token) = self.unwritten.pop_front() {
            self.written.push_back((id, token));
        }
    }

    /// Brokers answer in order (MQTT 3.1.1, 4.6): the search ends at the
    /// front, unless something was lost on the way.
    fn answered(&mut self, id: u16) -> Option<Answered> {
        let place = self.written.iter().position(|(written, _)| *written == id)?;
        let order = if place == 0 { InOrder::Yes } else { InOrder::Overtook };
        self.written.remove(place).map(|(_, token)| Answered { token, order })
    }
}

#[cfg(test)]
mod tests {
    use super::{Acknowledged, Answered, InOrder, Token};

    #[test]
    fn an_answer_finds_its_message_by_the_order_of_writing() {
        let mut publishes = Acknowledged::default();
        publishes.unwritten.extend([Token(10), Token(11), Token(12)]);
        publishes.written(1);
        publishes.written(2);
        let overtook = Answered { token: Token(11), order: InOrder::Overtook };
        assert_eq!(publishes.answered(2), Some(overtook));
        let oldest = Answered { token: Token(10), order: InOrder::Yes };
        assert_eq!(publishes.answered(1), Some(oldest));
        assert_eq!(publishes.answered(1), None, "a repeated answer confirms nothing");
        assert_eq!(publishes.answered(3), None, "not written yet");
        assert_eq!(publishes.len(), 1);
    }
}
