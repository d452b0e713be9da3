//! The ear: a consumer at the demo's broker that hears every batch and knows what its tags mean.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use forehearth_model::{Catalogue, CatalogueHash};
use forehearth_publish::listen::{Heard, Listener};
use forehearth_telemetry::{catalogue, native};
use tokio::sync::mpsc;

use super::proof::Proof;

/// Messages between the connection and the proof. The proof is faster than
/// any broker; a full queue only slows the reading of the socket.
const MESSAGES: usize = 1024;

/// Pause before the ear connects again.
const AGAIN_AFTER: Duration = Duration::from_millis(200);

/// Everything below the native topics.
const FILTER: &str = "fh/v1/#";

/// Listens until the receiver is dropped.
pub fn listen(broker: SocketAddr) -> mpsc::Receiver<Heard> {
    let (sender, receiver) = mpsc::channel(MESSAGES);
    tokio::spawn(async move {
        let (host, filters) = (broker.ip().to_string(), vec![FILTER.to_owned()]);
        let mut listener = Listener::new("forehearth-demo", &host, broker.port(), filters);
        while !sender.is_closed() {
            match listener.next().await {
                Ok(heard) => {
                    if sender.send(heard).await.is_err() {
                        return;
                    }
                }
                Err(_) => tokio::time::sleep(AGAIN_AFTER).await,
            }
        }
    });
    receiver
}

/// Understands what was heard and tells the proof.
pub struct Understanding {
    counter: String,
    catalogues: HashMap<CatalogueHash, Catalogue>,
    last: Option<String>,
    garbled: u64,
}

impl Understanding {
    /// `counter` is the tag that grows by one each time it is read.
    pub fn new(counter: String) -> Self {
        Self { counter, catalogues: HashMap::new(), last: None, garbled: 0 }
    }

    /// A recent value in words, once there is one.
    pub fn last(&self) -> Option<&str> {
        self.last.as_deref()
    }

    /// Messages that could not be understood; 0 unless something is broken.
    pub const fn garbled(&self) -> u64 {
        self.garbled
    }

    /// Takes one message.
    pub fn hear(&mut self, heard: &Heard, proof: &mut Proof) {
        if heard.topic.contains("/catalogue/") {
            match catalogue::decode(&heard.payload) {
                Ok(known) => {
                    self.catalogues.insert(catalogue::hash(&heard.payload), known);
                }
                Err(_) => self.garbled += 1,
            }
        } else if heard.topic.contains("/batch/") {
            self.hear_batch(&heard.payload, proof);
        }
    }

    fn hear_batch(&mut self, payload: &[u8], proof: &mut Proof) {
        let Ok(native::Decoded { batch, .. }) = native::decode(payload) else {
            self.garbled += 1;
            return;
        };
        let Some(catalogue) = self.catalogues.get(&batch.catalogue) else {
            self.garbled += 1;
            return;
        };
        for (run, readings) in batch.iter() {
            for reading in readings {
                let Some(entry) = catalogue.tags.get(reading.tag.index()) else { continue };
                let device = &catalogue.devices[run.device.index()].name;
                if entry.name == self.counter {
                    if let forehearth_model::Value::UInt(count) = reading.value {
                        proof.hear(device, count, run.stamp, batch.id);
                    }
                } else if entry.unit == "V" && !reading.value.is_null() {
                    let value = entry.scaling.engineering(&reading.value);
                    self.last = Some(format!("{device} {} {value:.3} V", entry.name));
                }
            }
        }
    }
}
