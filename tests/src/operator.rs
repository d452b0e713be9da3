//! An operator at a broker: sends commands in the native format and reads the answers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use serde_json::{Value, json};

use crate::eventually::eventually;
use crate::gateway::now_micros;

/// The topic of the gateway of these tests.
const COMMANDS: &str = "fh/v1/test/line-1/gateway/cmd";

/// Connected to one broker.
pub struct Operator {
    client: Client,
    answers: Arc<Mutex<Vec<Value>>>,
}

impl Operator {
    /// Connects and listens for answers.
    ///
    /// # Panics
    /// When the broker doesn't take the subscription.
    #[must_use]
    pub fn start(port: u16) -> Self {
        let options = MqttOptions::new("operator", "127.0.0.1", port);
        let (client, mut connection) = Client::new(options, 100);
        client.subscribe(format!("{COMMANDS}/reply"), QoS::AtLeastOnce).expect("a queue");
        let (answers, subscribed) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(false)));
        let (heard, ready) = (Arc::clone(&answers), Arc::clone(&subscribed));
        std::thread::spawn(move || {
            for event in connection.iter() {
                match event {
                    Ok(Event::Incoming(Packet::SubAck(_))) => *ready.lock().expect("a flag") = true,
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        let answer = serde_json::from_slice(&publish.payload).expect("JSON");
                        heard.lock().expect("no panic while hearing").push(answer);
                    }
                    Ok(_) => {}
                    Err(_) => return, // the test has ended
                }
            }
        });
        eventually(Duration::from_secs(10), "the broker takes the subscription", || {
            subscribed.lock().expect("a flag").then_some(())
        });
        Self { client, answers }
    }

    /// Sends these bytes as a command.
    ///
    /// # Panics
    /// When the client has ended.
    pub fn send_bytes(&self, payload: &[u8]) {
        self.client.publish(COMMANDS, QoS::AtLeastOnce, false, payload).expect("a queue");
    }

    /// Sends a command that is valid for `seconds`, negative for one that has expired.
    pub fn send(&self, id: &str, tag: &str, value: &Value, seconds: i64) {
        let expires_at = now_micros() / 1000 + seconds * 1000;
        let command = json!({"id": id, "tag": tag, "value": value, "expires_at": expires_at});
        self.send_bytes(command.to_string().as_bytes());
    }

    /// Sends a command and waits for its answer.
    ///
    /// # Panics
    /// When none comes.
    #[must_use]
    pub fn command(&self, id: &str, tag: &str, value: &Value) -> Value {
        self.send(id, tag, value, 5);
        self.answer(id)
    }

    /// Waits for the first answer to this id.
    ///
    /// # Panics
    /// When none comes.
    #[must_use]
    pub fn answer(&self, id: &str) -> Value {
        eventually(Duration::from_secs(15), &format!("an answer to {id}"), || {
            self.answers().into_iter().find(|answer| answer["id"] == id)
        })
    }

    /// Every answer so far.
    ///
    /// # Panics
    /// When the listener panicked.
    #[must_use]
    pub fn answers(&self) -> Vec<Value> {
        self.answers.lock().expect("no panic while hearing").clone()
    }
}
