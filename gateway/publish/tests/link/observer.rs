//! A subscriber that writes down everything the broker carries, in order.

use std::time::Duration;

use bytes::Bytes;
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Bytes,
}

pub(crate) struct Observer {
    // Unbounded: the test decides how much is published.
    messages: UnboundedReceiver<Message>,
    client: AsyncClient,
}

impl Observer {
    /// Listens from the moment this returns.
    pub(crate) async fn start(port: u16) -> Self {
        let mut options = MqttOptions::new("observer", "127.0.0.1", port);
        options.set_max_packet_size(16 << 20, 16 << 20);
        let (client, mut events) = AsyncClient::new(options, 64);
        client.try_subscribe("#", QoS::AtMostOnce).unwrap();
        loop {
            if let Event::Incoming(Packet::SubAck(_)) = events.poll().await.unwrap() {
                break;
            }
        }
        let (sender, messages) = unbounded_channel();
        tokio::spawn(async move {
            while let Ok(event) = events.poll().await {
                if let Event::Incoming(Packet::Publish(publish)) = event {
                    let Message { topic, payload } =
                        Message { topic: publish.topic, payload: publish.payload };
                    if sender.send(Message { topic, payload }).is_err() {
                        break;
                    }
                }
            }
        });
        Self { messages, client }
    }

    /// The next message whose topic contains `part`; others are passed over.
    pub(crate) async fn next(&mut self, part: &str) -> Message {
        let search = async {
            loop {
                let message = self.messages.recv().await.expect("the observer was disconnected");
                if message.topic.contains(part) {
                    return message;
                }
            }
        };
        timeout(Duration::from_secs(20), search)
            .await
            .unwrap_or_else(|_| panic!("no message on a topic with `{part}` within 20 s"))
    }

    /// What has come so far and was not taken.
    pub(crate) fn so_far(&mut self) -> Vec<Message> {
        let mut all = Vec::new();
        while let Ok(message) = self.messages.try_recv() {
            all.push(message);
        }
        all
    }

    pub(crate) fn retain(&self, topic: &str, payload: Vec<u8>) {
        self.client.try_publish(topic, QoS::AtLeastOnce, true, payload).unwrap();
    }

    pub(crate) fn publish(&self, topic: &str, payload: Vec<u8>) {
        self.client.try_publish(topic, QoS::AtLeastOnce, false, payload).unwrap();
    }
}
