//! The line: the client and event loop of one connection, MQTT 5 or MQTT 3.1.1 behind one face.
//!
//! MQTT 5 says in its PUBACK why a message was not taken; with MQTT 3.1.1 a
//! broker can only keep silent about it, or hang up.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use rumqttc::v5;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, ConnAckProperties, Filter, Packet as Packet5, PubAckReason, PublishProperties,
    SubscribeReasonCode as Reason5,
};
use rumqttc::{AsyncClient, EventLoop, Outgoing, Packet, QoS, SubscribeFilter};

use crate::broken::Broken;
use crate::refusal::Refusal;
use crate::session::{Answer, Delivery, Keep, Message};
use crate::wire::Gone;

/// Most topics that get a short name on a connection; bounds the table. A
/// broker that allows more has them for larger clients (mosquitto: 10).
const MOST_ALIASES: u16 = 256;

/// Bytes of a PUBLISH of MQTT 5 around topic, payload and content type: fixed
/// header 5, topic length 2, packet id 2, property length 1, alias 3, content
/// type 3 (MQTT 5.0, 3.3).
const HEAD_BYTES: usize = 16;

/// What a broker of MQTT 5 allows on a connection, from its CONNACK.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Terms {
    /// Largest packet it takes; `None`: it names no limit.
    packet: Option<usize>,
    /// Whether it keeps messages for later subscribers.
    keeps: Keep,
    /// Topics that may have a short name.
    aliases: u16,
}

impl Terms {
    fn of(properties: Option<&ConnAckProperties>) -> Self {
        let packet = properties.and_then(|said| said.max_packet_size);
        let retain = properties.and_then(|said| said.retain_available);
        let aliases = properties.and_then(|said| said.topic_alias_max).unwrap_or(0);
        Self {
            packet: packet.and_then(|bytes| usize::try_from(bytes).ok()),
            keeps: if retain == Some(0) { Keep::Passing } else { Keep::Retained },
            aliases: aliases.min(MOST_ALIASES),
        }
    }

    /// What a CONNACK allows; an error names what this gateway can't do without.
    pub(crate) fn read(ack: &ConnAck) -> Result<Self, &'static str> {
        let properties = ack.properties.as_ref();
        match properties.and_then(|said| said.max_qos) {
            Some(0) => Err("takes no messages that are confirmed (QoS 1)"),
            _ => Ok(Self::of(properties)),
        }
    }

    fn fits(&self, message: &Message) -> Result<(), Refusal> {
        let bytes =
            HEAD_BYTES + message.topic.len() + message.content.len() + message.payload.len();
        match self.packet {
            Some(limit) if bytes > limit => Err(Refusal::TooLarge { bytes, limit }),
            _ => Ok(()),
        }
    }
}

/// The side that is written to.
pub(crate) enum Client {
    Three(AsyncClient),
    Five(Five),
}

/// A client of MQTT 5 with what its broker allows.
pub(crate) struct Five {
    client: v5::AsyncClient,
    terms: Terms,
    /// Topics the broker was told with a short name.
    aliases: HashMap<Arc<str>, u16>,
}

impl Client {
    pub(crate) fn five(client: v5::AsyncClient, terms: Terms) -> Self {
        Self::Five(Five { client, terms, aliases: HashMap::new() })
    }

    /// Whether the broker takes a message of this size at all.
    ///
    /// # Errors
    /// When it said that it doesn't: sent all the same, it would end the connection.
    pub(crate) fn fits(&self, message: &Message) -> Result<(), Refusal> {
        match self {
            Self::Three(_) => Ok(()),
            Self::Five(five) => five.terms.fits(message),
        }
    }

    pub(crate) fn publish(&mut self, message: Message) -> Result<(), Gone> {
        let qos = match message.delivery {
            Delivery::Plain => QoS::AtMostOnce,
            Delivery::Confirmed(_) => QoS::AtLeastOnce,
        };
        let retain = message.keep == Keep::Retained;
        let topic: &str = &message.topic;
        match self {
            // `try_publish` would copy the payload; with room in the channel
            // the future is ready at its first poll.
            Self::Three(client) => {
                at_once(client.publish_bytes(topic, qos, retain, message.payload))
            }
            Self::Five(five) => five.publish(message),
        }
    }

    pub(crate) fn subscribe(&self, filters: &[Arc<str>]) -> Result<(), Gone> {
        match self {
            Self::Three(client) => {
                let filters = filters
                    .iter()
                    .map(|filter| SubscribeFilter::new(filter.to_string(), QoS::AtLeastOnce));
                Ok(client.try_subscribe_many(filters)?)
            }
            Self::Five(five) => {
                let filters = filters
                    .iter()
                    .map(|filter| Filter::new(&**filter, v5::mqttbytes::QoS::AtLeastOnce));
                Ok(five.client.try_subscribe_many(filters)?)
            }
        }
    }

    pub(crate) fn disconnect(&self) -> Result<(), Gone> {
        match self {
            Self::Three(client) => Ok(client.try_disconnect()?),
            Self::Five(five) => Ok(five.client.try_disconnect()?),
        }
    }
}

impl Five {
    fn publish(&mut self, message: Message) -> Result<(), Gone> {
        let qos = match message.delivery {
            Delivery::Plain => v5::mqttbytes::QoS::AtMostOnce,
            Delivery::Confirmed(_) => v5::mqttbytes::QoS::AtLeastOnce,
        };
        // A broker that keeps nothing ends the connection over the flag
        // (MQTT 5.0, 3.2.2.3.5); without it the message still passes.
        let retain = message.keep == Keep::Retained && self.terms.keeps == Keep::Retained;
        let (topic, topic_alias) = self.shortened(&message.topic);
        // No expiry: what waited is as good as what is new.
        let properties = PublishProperties {
            topic_alias,
            content_type: Some(message.content.to_owned()).filter(|kind| !kind.is_empty()),
            ..PublishProperties::default()
        };
        at_once(self.client.publish_bytes_with_properties(
            topic,
            qos,
            retain,
            message.payload,
            properties,
        ))
    }

    /// The topic as it is written: in full with a new short name, or by the
    /// short name alone once the broker knows it.
    fn shortened(&mut self, topic: &Arc<str>) -> (String, Option<u16>) {
        if let Some(alias) = self.aliases.get(topic) {
            return (String::new(), Some(*alias));
        }
        let next = u16::try_from(self.aliases.len() + 1).unwrap_or(u16::MAX);
        if next > self.terms.aliases {
            return (topic.to_string(), None);
        }
        self.aliases.insert(Arc::clone(topic), next);
        (topic.to_string(), Some(next))
    }
}

/// Something that happened on a connection.
pub(crate) enum Event {
    /// A packet was written.
    Written(Outgoing),
    /// A PUBACK came.
    Acknowledged { id: u16, answer: Answer },
    /// A SUBACK came.
    Subscribed { id: u16, answer: Answer },
    /// A message came.
    Heard { topic: String, payload: Bytes, keep: Keep },
    /// Nothing that concerns us.
    Other,
}

/// The side that is polled.
pub(crate) enum Events {
    Three(Box<EventLoop>),
    Five(Box<v5::EventLoop>),
}

impl Events {
    /// The next event. Not cancel safe: a dropped poll may forget a packet.
    ///
    /// # Errors
    /// When the connection is over; it must not be polled again.
    pub(crate) async fn poll(&mut self) -> Result<Event, Broken> {
        match self {
            Self::Three(events) => Ok(three(events.poll().await?)),
            Self::Five(events) => Ok(five(events.poll().await?)),
        }
    }
}

fn three(event: rumqttc::Event) -> Event {
    use rumqttc::SubscribeReasonCode::Failure;
    match event {
        rumqttc::Event::Outgoing(outgoing) => Event::Written(outgoing),
        rumqttc::Event::Incoming(Packet::PubAck(ack)) => {
            Event::Acknowledged { id: ack.pkid, answer: Answer::Granted }
        }
        rumqttc::Event::Incoming(Packet::SubAck(ack)) => Event::Subscribed {
            id: ack.pkid,
            answer: granted(!ack.return_codes.contains(&Failure)),
        },
        rumqttc::Event::Incoming(Packet::Publish(publish)) => Event::Heard {
            topic: publish.topic,
            payload: publish.payload,
            keep: if publish.retain { Keep::Retained } else { Keep::Passing },
        },
        rumqttc::Event::Incoming(_) => Event::Other,
    }
}

fn five(event: v5::Event) -> Event {
    match event {
        v5::Event::Outgoing(outgoing) => Event::Written(outgoing),
        v5::Event::Incoming(Packet5::PubAck(ack)) => {
            Event::Acknowledged { id: ack.pkid, answer: taken(ack.reason) }
        }
        v5::Event::Incoming(Packet5::SubAck(ack)) => {
            let all = ack.return_codes.iter().all(|code| matches!(code, Reason5::Success(_)));
            Event::Subscribed { id: ack.pkid, answer: granted(all) }
        }
        v5::Event::Incoming(Packet5::Publish(publish)) => Event::Heard {
            topic: String::from_utf8_lossy(&publish.topic).into_owned(),
            payload: publish.payload,
            keep: if publish.retain { Keep::Retained } else { Keep::Passing },
        },
        v5::Event::Incoming(_) => Event::Other,
    }
}

fn granted(all: bool) -> Answer {
    if all { Answer::Granted } else { Answer::Denied }
}

/// What a PUBACK means. Without a subscriber a message was taken all the
/// same (MQTT 5.0, 3.4.2.1).
fn taken(reason: PubAckReason) -> Answer {
    let refusal = match reason {
        PubAckReason::Success | PubAckReason::NoMatchingSubscribers => return Answer::Granted,
        PubAckReason::NotAuthorized => Refusal::NotAuthorised,
        PubAckReason::QuotaExceeded => Refusal::Quota,
        PubAckReason::TopicNameInvalid => Refusal::Topic,
        PubAckReason::PayloadFormatInvalid => Refusal::Payload,
        PubAckReason::UnspecifiedError
        | PubAckReason::ImplementationSpecificError
        | PubAckReason::PacketIdentifierInUse => Refusal::Unexplained,
    };
    Answer::Refused(refusal)
}

/// The result of a future that is ready at its first poll.
fn at_once<E>(future: impl Future<Output = Result<(), E>>) -> Result<(), Gone> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(())) => Ok(()),
        Poll::Ready(Err(_)) | Poll::Pending => Err(Gone),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use rumqttc::v5::mqttbytes::v5::PubAckReason;
    use rumqttc::v5::{AsyncClient, MqttOptions};

    use super::{Answer, Five, Keep, Message, Refusal, Terms, taken};
    use crate::session::Delivery;

    fn terms(packet: Option<usize>, aliases: u16) -> Terms {
        Terms { packet, keeps: Keep::Retained, aliases }
    }

    #[test]
    fn only_what_the_broker_took_is_granted() {
        assert_eq!(taken(PubAckReason::Success), Answer::Granted);
        assert_eq!(taken(PubAckReason::NoMatchingSubscribers), Answer::Granted);
        assert_eq!(taken(PubAckReason::QuotaExceeded), Answer::Refused(Refusal::Quota));
        assert_eq!(taken(PubAckReason::NotAuthorized), Answer::Refused(Refusal::NotAuthorised));
        for reason in [
            PubAckReason::UnspecifiedError,
            PubAckReason::ImplementationSpecificError,
            PubAckReason::PacketIdentifierInUse,
        ] {
            assert_eq!(taken(reason), Answer::Refused(Refusal::Unexplained));
        }
    }

    #[test]
    fn a_topic_is_told_in_full_once_and_never_more_topics_than_the_broker_allows() {
        let (client, _events) = AsyncClient::new(MqttOptions::new("test", "127.0.0.1", 1), 1);
        let mut five = Five { client, terms: terms(None, 1), aliases: Default::default() };
        let (batch, gap): (Arc<str>, Arc<str>) = ("a/batch".into(), "a/gap".into());
        assert_eq!(five.shortened(&batch), ("a/batch".into(), Some(1)));
        assert_eq!(five.shortened(&gap), ("a/gap".into(), None));
        assert_eq!(five.shortened(&batch), (String::new(), Some(1)));
    }

    #[test]
    fn a_message_above_the_brokers_limit_is_not_sent() {
        let message = |bytes: usize| Message {
            topic: "t".into(),
            payload: Bytes::from(vec![0; bytes]),
            delivery: Delivery::Plain,
            keep: Keep::Passing,
            content: "",
        };
        assert_eq!(terms(Some(100), 0).fits(&message(83)), Ok(()));
        let refused = terms(Some(100), 0).fits(&message(84));
        assert_eq!(refused, Err(Refusal::TooLarge { bytes: 101, limit: 100 }));
        assert_eq!(terms(None, 0).fits(&message(1 << 20)), Ok(()));
    }
}
