//! The broker: an embedded rumqttd behind a proxy that can cut it off. MQTT 3.1.1.
//!
//! MQTT 5 is left out: rumqttd 0.20.0 panics in the task of a 3.1.1 subscriber
//! that gets what an MQTT 5 publisher sent with properties (`V4::write`), so
//! the two don't mix. It also hands retained messages to a live subscriber twice.
//!
//! For demos and benchmarks. The proof that Forehearth works with brokers of
//! others is made with mosquitto.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use rumqttd::{Config, ConnectionSettings, RouterConfig, ServerSettings};
use tokio::net::TcpStream;

use crate::proxy::Proxy;

/// Largest packet taken. rumqttd's own default is 20 KiB; births of large
/// devices and batches of a busy second are larger.
const MAX_PACKET_BYTES: usize = 16 * 1024 * 1024;

/// What rumqttd keeps per topic filter in memory for slow consumers: 16
/// segments of 4 MiB. Beyond that the oldest go, as in any broker.
const SEGMENT_BYTES: usize = 4 * 1024 * 1024;
const SEGMENTS: usize = 16;

/// How long it may take to listen.
const LISTENS_WITHIN: Duration = Duration::from_secs(5);

/// Starts a broker that listens on `port` of the loopback interface (0 for a
/// free one). Dropping the proxy cuts it off; its threads end with the process.
///
/// # Errors
/// When the port is taken, or rumqttd does not come up.
pub async fn start(port: u16) -> io::Result<Proxy> {
    let inner = free_port()?;
    let mut broker = rumqttd::Broker::new(config(inner));
    std::thread::Builder::new().name("broker".to_owned()).spawn(move || {
        if let Err(error) = broker.start() {
            tracing::error!(%error, "broker stopped");
        }
    })?;
    tokio::time::timeout(LISTENS_WITHIN, async {
        while TcpStream::connect(inner).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await?;
    Proxy::start(port, inner).await
}

/// A port that was free a moment ago: rumqttd takes no listener, only a number.
fn free_port() -> io::Result<SocketAddr> {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn config(listen: SocketAddr) -> Config {
    let settings = ServerSettings {
        name: "mqtt".to_owned(),
        listen,
        tls: None,
        next_connection_delay_ms: 0,
        connections: ConnectionSettings {
            connection_timeout_ms: 5000,
            max_payload_size: MAX_PACKET_BYTES,
            max_inflight_count: 100,
            auth: None,
            external_auth: None,
            dynamic_filters: true,
        },
    };
    Config {
        id: 0,
        router: RouterConfig {
            max_connections: 1000,
            max_outgoing_packet_count: 200, // as in the rumqttd.toml it ships
            max_segment_size: SEGMENT_BYTES,
            max_segment_count: SEGMENTS,
            ..RouterConfig::default()
        },
        v4: Some(HashMap::from([("mqtt".to_owned(), settings)])),
        ..Config::default()
    }
}
