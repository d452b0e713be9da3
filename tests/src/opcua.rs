//! An OPC UA server of asyncua, driven by orders.

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::peer::Peer;

/// A running server with the nodes of `opcua_server.py`.
pub struct OpcUaServer {
    peer: Peer,
    port: u16,
    fingerprint: String,
    _dir: TempDir,
}

impl OpcUaServer {
    /// Starts one; `secured` gives it a certificate and the modern policies.
    ///
    /// # Panics
    /// When it doesn't start.
    #[must_use]
    pub fn start(secured: bool) -> Self {
        Self::with(if secured { &["--secured"] } else { &[] })
    }

    /// Starts one with flags of `opcua_server.py`.
    ///
    /// # Panics
    /// When it doesn't start.
    #[must_use]
    pub fn with(flags: &[&str]) -> Self {
        let dir = TempDir::with_prefix("forehearth-opcua-").expect("a temporary directory");
        let folder = dir.path().to_str().expect("a temporary path is UTF-8");
        let mut arguments = vec!["--folder", folder];
        arguments.extend(flags);
        let peer = Peer::python("opcua_server.py", &arguments);
        let ready = peer.json();
        let port = ready["port"].as_u64().and_then(|port| u16::try_from(port).ok());
        let fingerprint = ready["fingerprint"].as_str().unwrap_or_default().to_owned();
        Self { peer, port: port.expect("the server says its port"), fingerprint, _dir: dir }
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> String {
        format!("opc.tcp://127.0.0.1:{}/plant", self.port)
    }

    /// What a map writes to trust it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("sha256:{}", self.fingerprint)
    }

    /// Writes a variable.
    pub fn write(&mut self, name: &str, value: &Value) {
        self.order(&json!({"do": "write", "name": name, "value": value}));
    }

    /// Raises an event of its Server object.
    pub fn raise(&mut self, severity: u16, message: &str) {
        self.order(&json!({"do": "event", "severity": severity, "message": message}));
    }

    /// Counts up by one, this many times a second.
    pub fn count(&mut self, per_second: u32) {
        self.order(&json!({"do": "count", "every": 1.0 / f64::from(per_second)}));
    }

    /// Counts no more. Returns the last count.
    ///
    /// # Panics
    /// When it does not tell.
    pub fn stop_counting(&mut self) -> u64 {
        let done = self.order(&json!({"do": "stop-counting"}));
        done["counter"].as_u64().expect("the last count")
    }

    /// Closes every connection and listens no more.
    pub fn stop(&mut self) {
        self.order(&json!({"do": "stop"}));
    }

    /// Listens again on the same port, with nothing remembered of its clients.
    pub fn restart(&mut self) {
        self.order(&json!({"do": "start"}));
    }

    fn order(&mut self, order: &Value) -> Value {
        let done = self.peer.ask(&order.to_string());
        assert!(done.get("error").is_none(), "{order}: {done}");
        done
    }
}
