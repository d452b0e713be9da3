//! The network between gateway and broker, with its faults.

use std::net::SocketAddr;

use crate::peer::Peer;

/// A proxy of the simulator before a port.
pub struct Network {
    peer: Peer,
    port: u16,
}

impl Network {
    /// A network that leads to this loopback port.
    ///
    /// # Panics
    /// When the proxy does not say where it listens.
    #[must_use]
    pub fn to(port: u16) -> Self {
        let peer = Peer::sim("proxy", &["--to", &format!("127.0.0.1:{port}")]);
        let ready = peer.json();
        let address: SocketAddr = ready["address"]
            .as_str()
            .and_then(|text| text.parse().ok())
            .expect("the proxy says where it listens");
        Self { peer, port: address.port() }
    }

    /// The port to connect to.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Ends all connections and refuses new ones.
    pub fn cut(&mut self) {
        self.peer.order("cut");
    }

    /// Takes every byte and delivers none.
    pub fn swallow(&mut self) {
        self.peer.order("swallow");
    }

    /// Works again. Connections that lost bytes end.
    pub fn restore(&mut self) {
        self.peer.order("restore");
    }
}
