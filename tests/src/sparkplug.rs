//! A Sparkplug host that no line of ours decodes for: `peers/sparkplug_consumer.py`.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::Value;

use crate::arrival::Arrival;
use crate::peer::Peer;

/// Listens to one group.
pub struct SparkplugConsumer {
    rows: Arc<Mutex<Vec<Value>>>,
    ended: Arc<Mutex<bool>>,
    hearing: Option<std::thread::JoinHandle<()>>,
}

impl SparkplugConsumer {
    /// Subscribes at the broker on this port.
    ///
    /// # Panics
    /// When the broker doesn't take the subscription.
    #[must_use]
    pub fn start(port: u16, group: &str) -> Self {
        let port = port.to_string();
        let peer = Peer::python("sparkplug_consumer.py", &["--port", &port, "--group", group]);
        assert_eq!(peer.json()["ready"], true);
        let rows = Arc::new(Mutex::new(Vec::new()));
        let ended = Arc::new(Mutex::new(false));
        let (hearing, ending) = (Arc::clone(&rows), Arc::clone(&ended));
        let hearing = std::thread::spawn(move || {
            while !*ending.lock().expect("a flag") {
                if let Ok(line) = peer.try_line(Duration::from_millis(100)) {
                    let row = serde_json::from_str(&line).expect("the consumer says JSON");
                    hearing.lock().expect("no panic while hearing").push(row);
                }
            }
        });
        Self { rows, ended, hearing: Some(hearing) }
    }

    /// Every value in a DATA message so far, in order of arrival. Births only
    /// repeat what is current.
    #[must_use]
    pub fn arrivals(&self) -> Vec<Arrival> {
        self.values(|message| message.ends_with("DATA"))
    }

    /// Every value in a birth so far.
    #[must_use]
    pub fn births(&self) -> Vec<Arrival> {
        self.values(|message| message.ends_with("BIRTH"))
    }

    /// How many messages of this kind came, `NBIRTH` for example.
    #[must_use]
    pub fn messages(&self, kind: &str) -> usize {
        let rows = self.rows();
        rows.iter().filter(|row| row["message"] == kind && !row["metrics"].is_null()).count()
    }

    /// Rules of the standard that were broken; empty.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        let rows = self.rows();
        let violations = rows.iter().filter_map(|row| row["violation"].as_str());
        violations.map(str::to_owned).collect()
    }

    fn values(&self, wanted: impl Fn(&str) -> bool) -> Vec<Arrival> {
        let rows = self.rows();
        let values = rows
            .iter()
            .filter(|row| row["message"].as_str().is_some_and(&wanted) && !row["name"].is_null());
        values.map(arrival).collect()
    }

    fn rows(&self) -> MutexGuard<'_, Vec<Value>> {
        self.rows.lock().expect("no panic while hearing")
    }
}

impl Drop for SparkplugConsumer {
    fn drop(&mut self) {
        if let Ok(mut ended) = self.ended.lock() {
            *ended = true;
        }
        if let Some(hearing) = self.hearing.take() {
            let _ = hearing.join();
        }
    }
}

fn arrival(row: &Value) -> Arrival {
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    // `gateway/epoch/number`, and the same batch is `epoch/number` natively.
    let batch = text("uuid").split_once('/').map_or_else(String::new, |(_, id)| id.to_owned());
    Arrival {
        device: text("device"),
        tag: text("name"),
        value: row["value"].clone(),
        micros: row["millis"].as_i64().unwrap_or_default() * 1000,
        good: row["quality"] == 192,
        batch,
        historical: row["historical"] == true,
    }
}
