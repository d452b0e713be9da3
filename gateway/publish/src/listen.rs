//! The listener: hears what a broker carries, for `decode` and the demo. It publishes nothing.

use std::time::Duration;

use bytes::Bytes;
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS};

/// Largest packet taken in. The broker's own limit is what really counts;
/// 16 MiB is above every birth and batch we publish.
const MAX_PACKET_BYTES: usize = 16 * 1024 * 1024;

/// Requests from us to the event loop; one SUBSCRIBE per filter at a time.
const REQUESTS: usize = 16;

/// A message as the broker handed it over.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Full topic.
    pub topic: String,
    /// Payload as published.
    pub payload: Bytes,
    /// Whether the broker had it in store.
    pub retained: bool,
}

/// Why listening stopped; a later [`Listener::next`] connects anew.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The connection could not be made or was lost.
    #[error("broker {peer}: {reason}")]
    Connection {
        /// Host and port.
        peer: String,
        /// What the client said.
        reason: String,
    },
    /// The broker refuses the subscription.
    #[error("broker {peer} refuses the subscription; it wants other credentials or topics")]
    Refused {
        /// Host and port.
        peer: String,
    },
}

/// A subscriber to a few topic filters.
pub struct Listener {
    peer: String,
    filters: Vec<String>,
    client: AsyncClient,
    events: EventLoop,
}

impl Listener {
    /// A listener that connects at the first [`next`](Self::next).
    #[must_use]
    pub fn new(client_id: &str, host: &str, port: u16, filters: Vec<String>) -> Self {
        let mut options = MqttOptions::new(client_id, host, port);
        options.set_keep_alive(Duration::from_secs(10));
        options.set_max_packet_size(MAX_PACKET_BYTES, MAX_PACKET_BYTES);
        let (client, events) = AsyncClient::new(options, REQUESTS);
        Self { peer: format!("{host}:{port}"), filters, client, events }
    }

    /// The next message.
    ///
    /// # Errors
    /// When the connection can't be made or was lost, or a subscription is
    /// refused. Calling again connects again.
    ///
    /// Not cancel safe: a dropped future may lose a message.
    pub async fn next(&mut self) -> Result<Heard, ListenError> {
        loop {
            match self.events.poll().await {
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    return Ok(Heard {
                        topic: publish.topic,
                        payload: publish.payload,
                        retained: publish.retain,
                    });
                }
                Ok(Event::Incoming(Packet::ConnAck(_))) => self.subscribe()?,
                Ok(Event::Incoming(Packet::SubAck(ack))) if refuses(&ack) => {
                    return Err(ListenError::Refused { peer: self.peer.clone() });
                }
                Ok(_) => {}
                Err(error) => return Err(self.lost(&error)),
            }
        }
    }

    fn subscribe(&self) -> Result<(), ListenError> {
        for filter in &self.filters {
            self.client
                .try_subscribe(filter.clone(), QoS::AtLeastOnce)
                .map_err(|error| self.lost(&error))?;
        }
        Ok(())
    }

    fn lost(&self, error: &dyn std::fmt::Display) -> ListenError {
        ListenError::Connection { peer: self.peer.clone(), reason: error.to_string() }
    }
}

/// Whether the broker said no to any of the filters.
fn refuses(ack: &rumqttc::SubAck) -> bool {
    ack.return_codes.contains(&rumqttc::SubscribeReasonCode::Failure)
}
