//! Units of pymodbus on a serial line: behind a socket, or at the other end of a serial port.

use crate::peer::Peer;

/// The units that `modbus_line.py` answers for.
pub const UNITS: [u8; 3] = [1, 5, 9];

/// A serial line with three units on it.
pub struct SerialLine {
    peer: Peer,
    url: String,
}

impl SerialLine {
    /// A line behind a serial server; `framing` is `rtu` or `ascii`.
    ///
    /// # Panics
    /// When it doesn't start.
    #[must_use]
    pub fn behind_server(framing: &str) -> Self {
        let peer = Peer::python("modbus_line.py", &["--framing", framing]);
        let url = format!("{framing}+tcp://127.0.0.1:{}", peer.line());
        Self { peer, url }
    }

    /// A line at a serial port of this machine: a pseudo-terminal.
    ///
    /// # Panics
    /// When it doesn't start.
    #[must_use]
    pub fn at_port(framing: &str) -> Self {
        let peer = Peer::python("modbus_line.py", &["--framing", framing, "--pty"]);
        let url = format!("serial://{}?baud=115200&mode={framing}", peer.line());
        Self { peer, url }
    }

    /// How the map names it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The unit hears nothing any more.
    pub fn kill(&mut self, unit: u8) {
        self.peer.order(&format!("kill {unit}"));
    }

    /// The unit answers again.
    pub fn revive(&mut self, unit: u8) {
        self.peer.order(&format!("revive {unit}"));
    }
}
