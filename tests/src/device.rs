//! Devices of pymodbus, which count how often they are read and write down when.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use crate::peer::Peer;

/// Some devices in one process, each with a port of its own.
pub struct Devices {
    peer: Peer,
    ports: Vec<u16>,
    log: PathBuf,
    _dir: TempDir,
}

/// A device was read: it handed out this count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Read {
    /// Which device.
    pub device: usize,
    /// The count it answered with.
    pub count: u64,
    /// When, in UTC microseconds.
    pub micros: i64,
}

impl Devices {
    /// Starts `count` devices with these registers (see `modbus_server.py`).
    ///
    /// # Panics
    /// When they don't start.
    #[must_use]
    pub fn start(count: usize, registers: &Value) -> Self {
        let dir = TempDir::with_prefix("forehearth-devices-").expect("a temporary directory");
        let log = dir.path().join("reads.log");
        let file = dir.path().join("registers.json");
        fs::write(&file, registers.to_string()).expect("the directory is ours");
        let arguments = [
            "--devices",
            &count.to_string(),
            "--log",
            log.to_str().expect("a temporary path is UTF-8"),
            "--registers",
            file.to_str().expect("a temporary path is UTF-8"),
        ];
        let peer = Peer::python("modbus_server.py", &arguments);
        let ready = peer.json();
        let ports = ready["ports"].as_array().expect("the devices say their ports");
        let port = |port: &Value| port.as_u64().and_then(|port| u16::try_from(port).ok());
        let ports = ports.iter().map(|value| port(value).expect("a port number")).collect();
        Self { peer, ports, log, _dir: dir }
    }

    /// Where each device listens.
    #[must_use]
    pub fn ports(&self) -> &[u16] {
        &self.ports
    }

    /// The device drops its connections and listens no more.
    pub fn kill(&mut self, device: usize) {
        self.peer.order(&format!("kill {device}"));
    }

    /// The device listens again.
    pub fn revive(&mut self, device: usize) {
        self.peer.order(&format!("revive {device}"));
    }

    /// The device lets this many milliseconds pass before each answer.
    pub fn delay(&mut self, device: usize, millis: u64) {
        self.peer.order(&format!("delay {device} {millis}"));
    }

    /// Every read so far, in order.
    ///
    /// # Panics
    /// When the log is damaged.
    #[must_use]
    pub fn reads(&self) -> Vec<Read> {
        let log = fs::read_to_string(&self.log).expect("the devices write their log");
        // The last line may be half written.
        let whole = log.rfind('\n').map_or("", |end| &log[..end]);
        whole.lines().map(|line| parse(line).expect("device, count, microseconds")).collect()
    }
}

fn parse(line: &str) -> Option<Read> {
    let mut words = line.split(' ');
    let read = Read {
        device: words.next()?.parse().ok()?,
        count: words.next()?.parse().ok()?,
        micros: words.next()?.parse().ok()?,
    };
    Some(read)
}
