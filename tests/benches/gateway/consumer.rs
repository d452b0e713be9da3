//! The consumer: subscribes like a plant's own program and counts the values that arrive.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use forehearth_model::{Catalogue, CatalogueHash, TagId, Value};
use forehearth_telemetry::proto::sparkplug::payload::metric;
use forehearth_telemetry::{catalogue, native, sparkplug};
use rumqttc::{AsyncClient, Event, MqttOptions, Packet, QoS};

/// The tag that holds the microsecond at which it was read, modulo 2^32.
const CLOCK: &str = "t0000";

/// What arrived so far.
#[derive(Clone, Default)]
pub struct Tally {
    /// Values.
    pub values: u64,
    /// Payload bytes they came in.
    pub bytes: u64,
    /// Microseconds from register to here, one per clock value.
    pub latencies: Vec<u32>,
}

/// Counts until dropped.
pub struct Consumer {
    tally: Arc<Mutex<Tally>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Consumer {
    /// Connects and subscribes to everything.
    pub fn start(port: u16) -> Self {
        let tally = Arc::new(Mutex::new(Tally::default()));
        let shared = Arc::clone(&tally);
        let task = tokio::spawn(async move {
            let mut options = MqttOptions::new("bench", "127.0.0.1", port);
            options.set_keep_alive(Duration::from_secs(30));
            options.set_max_packet_size(16 << 20, 16 << 20);
            let (client, mut events) = AsyncClient::new(options, 16);
            client.subscribe("#", QoS::AtMostOnce).await.expect("queued");
            let mut known = Known::default();
            loop {
                let event = events.poll().await.expect("mosquitto stays");
                if let Event::Incoming(Packet::Publish(publish)) = event {
                    let mut tally = shared.lock().expect("no panic before");
                    known.count(&publish.topic, &publish.payload, &mut tally);
                }
            }
        });
        Self { tally, task }
    }

    /// What arrived since the last call.
    pub fn take(&self) -> Tally {
        std::mem::take(&mut self.tally.lock().expect("no panic before"))
    }
}

/// What the consumer learned from catalogues and births.
#[derive(Default)]
struct Known {
    clocks: HashMap<CatalogueHash, Vec<TagId>>,
    clock_aliases: Vec<u64>,
}

impl Known {
    fn count(&mut self, topic: &str, payload: &[u8], tally: &mut Tally) {
        if topic.starts_with("spBv1.0/") {
            self.count_sparkplug(topic, payload, tally);
        } else if topic.contains("/catalogue/") {
            let catalogue = catalogue::decode(payload).expect("a catalogue");
            self.clocks.insert(catalogue::hash(payload), clocks(&catalogue));
        } else if topic.contains("/batch/") {
            let batch = native::decode(payload).expect("a batch").batch;
            tally.values += batch.readings.len() as u64;
            tally.bytes += payload.len() as u64;
            let clocks = &self.clocks[&batch.catalogue];
            for reading in &batch.readings {
                if let (Value::UInt(then), true) = (&reading.value, clocks.contains(&reading.tag)) {
                    tally.latencies.push(since(*then));
                }
            }
        }
    }

    fn count_sparkplug(&mut self, topic: &str, payload: &[u8], tally: &mut Tally) {
        let payload_bytes = payload.len() as u64;
        let payload = sparkplug::decode(payload).expect("a Sparkplug payload");
        if topic.contains("/DBIRTH/") {
            let named = payload.metrics.iter().filter(|m| m.name.as_deref() == Some(CLOCK));
            self.clock_aliases.extend(named.filter_map(|metric| metric.alias));
        } else if topic.contains("/DDATA/") {
            tally.values += payload.metrics.len() as u64;
            tally.bytes += payload_bytes;
            for metric in &payload.metrics {
                let clock = metric.alias.is_some_and(|alias| self.clock_aliases.contains(&alias));
                if let (true, Some(metric::Value::IntValue(then))) = (clock, &metric.value) {
                    tally.latencies.push(since(u64::from(*then)));
                }
            }
        }
    }
}

fn clocks(catalogue: &Catalogue) -> Vec<TagId> {
    let tags = (0..).map(TagId).zip(&catalogue.tags);
    tags.filter(|(_, tag)| tag.name == CLOCK).map(|(id, _)| id).collect()
}

/// Microseconds since a register held `then`.
fn since(then: u64) -> u32 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_micros();
    #[expect(clippy::cast_possible_truncation, reason = "both are modulo 2^32")]
    let (now, then) = (now as u32, then as u32);
    now.wrapping_sub(then)
}
