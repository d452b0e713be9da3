//! A consumer of the native format over MQTT, with the decoder that we publish as a library.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use forehearth_model::{Catalogue, CatalogueHash, GapRecord, Severity, Value as Raw};
use forehearth_telemetry::native::{Baselines, Decoded};
use forehearth_telemetry::{catalogue, gap, native};
use rumqttc::{Client, Event, MqttOptions, Packet, QoS};
use serde_json::{Value, json};

use crate::arrival::Arrival;
use crate::eventually::eventually;

/// Larger than every batch.
const MAX_PACKET_BYTES: usize = 16 * 1024 * 1024;

/// Listens to everything below `fh/v1/`.
pub struct NativeConsumer {
    client: Client,
    heard: Arc<Mutex<Heard>>,
}

/// What came so far.
#[derive(Default)]
struct Heard {
    subscribed: bool,
    catalogues: HashMap<CatalogueHash, Catalogue>,
    batches: Vec<Decoded>,
    payloads: Vec<Vec<u8>>,
    gaps: Vec<GapRecord>,
    baselines: Baselines,
    damaged: Vec<String>,
}

impl NativeConsumer {
    /// Subscribes at the broker on this port.
    ///
    /// # Panics
    /// When the broker doesn't take the subscription.
    #[must_use]
    pub fn start(port: u16) -> Self {
        let mut options = MqttOptions::new("native-consumer", "127.0.0.1", port);
        options.set_max_packet_size(MAX_PACKET_BYTES, MAX_PACKET_BYTES);
        options.set_keep_alive(Duration::from_secs(60));
        let (client, mut connection) = Client::new(options, 10);
        client.subscribe("fh/v1/#", QoS::AtLeastOnce).expect("the queue is empty");
        let heard = Arc::new(Mutex::new(Heard::default()));
        let hearing = Arc::clone(&heard);
        std::thread::spawn(move || {
            for event in connection.iter() {
                let mut heard = hearing.lock().expect("no panic while hearing");
                match event {
                    Ok(Event::Incoming(Packet::SubAck(_))) => heard.subscribed = true,
                    Ok(Event::Incoming(Packet::Publish(publish))) => {
                        heard.message(&publish.topic, &publish.payload);
                    }
                    Ok(_) => {}
                    Err(_) => return, // the test has ended
                }
            }
        });
        let consumer = Self { client, heard };
        eventually(Duration::from_secs(10), "the broker takes the subscription", || {
            consumer.heard().subscribed.then_some(())
        });
        consumer
    }

    /// Every reading so far, in order of arrival.
    ///
    /// # Panics
    /// When a batch names a catalogue that never came.
    #[must_use]
    pub fn arrivals(&self) -> Vec<Arrival> {
        let heard = self.heard();
        let mut arrivals = Vec::new();
        for decoded in &heard.batches {
            let batch = &decoded.batch;
            let catalogue = heard.catalogues.get(&batch.catalogue).unwrap_or_else(|| {
                panic!("batch {} names the unknown catalogue {}", batch.id, batch.catalogue)
            });
            for (run, readings) in batch.iter() {
                for reading in readings {
                    let tag = &catalogue.tags[reading.tag.index()];
                    arrivals.push(Arrival {
                        device: catalogue.devices[run.device.index()].name.clone(),
                        tag: tag.name.clone(),
                        value: json_value(&tag.scaling.engineering(&reading.value)),
                        micros: run.stamp.micros(),
                        good: reading.quality.severity() == Severity::Good,
                        batch: batch.id.to_string(),
                        historical: false,
                    });
                }
            }
        }
        arrivals
    }

    /// Every batch so far as it came over the wire.
    #[must_use]
    pub fn payloads(&self) -> Vec<Vec<u8>> {
        self.heard().payloads.clone()
    }

    /// Ids of the batches so far and the numbers they announce as skipped.
    #[must_use]
    pub fn batches(&self) -> Vec<Decoded> {
        self.heard().batches.clone()
    }

    /// Every gap record so far.
    #[must_use]
    pub fn gaps(&self) -> Vec<GapRecord> {
        self.heard().gaps.clone()
    }

    /// What could not be decoded; empty.
    #[must_use]
    pub fn damaged(&self) -> Vec<String> {
        self.heard().damaged.clone()
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().expect("no panic while hearing")
    }
}

impl Drop for NativeConsumer {
    fn drop(&mut self) {
        let _ = self.client.disconnect();
    }
}

impl Heard {
    /// Topics end in `batch/<lane>`, `baseline/<slot>`, `catalogue/<hash>`, `gap` or `health`.
    fn message(&mut self, topic: &str, payload: &[u8]) {
        let mut levels = topic.rsplit('/');
        let outcome = match (levels.next(), levels.next()) {
            (_, Some("batch")) => native::decode_with(payload, &self.baselines)
                .map_err(|e| e.to_string())
                .map(|batch| {
                    self.batches.push(batch);
                    self.payloads.push(payload.to_vec());
                }),
            (_, Some("baseline")) => {
                self.baselines.learn(payload).map(drop).map_err(|e| e.to_string())
            }
            (_, Some("catalogue")) => {
                catalogue::decode(payload).map_err(|e| e.to_string()).map(|decoded| {
                    self.catalogues.insert(catalogue::hash(payload), decoded);
                })
            }
            (Some("gap"), _) => gap::decode(payload)
                .map_err(|e| e.to_string())
                .map(|(_, record)| self.gaps.push(record)),
            _ => Ok(()),
        };
        if let Err(error) = outcome {
            self.damaged.push(format!("{topic}: {error}"));
        }
    }
}

fn json_value(value: &Raw) -> Value {
    match value {
        Raw::Null => Value::Null,
        Raw::Bool(bit) => json!(bit),
        Raw::Int(int) => json!(int),
        Raw::UInt(int) => json!(int),
        Raw::F32(real) => json!(real),
        Raw::F64(real) => json!(real),
        Raw::Text(text) => json!(&**text),
    }
}
