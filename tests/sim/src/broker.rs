//! The broker: an embedded rumqttd behind a proxy, one port for MQTT 3.1.1 and MQTT 5.
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

/// How long the two servers may take to listen.
const LISTENS_WITHIN: Duration = Duration::from_secs(5);

/// Starts a broker that listens on `port` of the loopback interface (0 for a
/// free one). Dropping the proxy cuts it off; its threads end with the process.
///
/// # Errors
/// When the port is taken, or rumqttd does not come up.
pub async fn start(port: u16) -> io::Result<Proxy> {
    let [v4, v5] = [free_port()?, free_port()?];
    let mut broker = rumqttd::Broker::new(config(v4, v5));
    std::thread::Builder::new().name("broker".to_owned()).spawn(move || {
        if let Err(error) = broker.start() {
            tracing::error!(%error, "broker stopped");
        }
    })?;
    tokio::time::timeout(LISTENS_WITHIN, async {
        for address in [v4, v5] {
            while TcpStream::connect(address).await.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    })
    .await?;
    Proxy::routed(port, vec![v4, v5], by_protocol_level).await
}

/// 0 for MQTT 3.1.1, 1 for MQTT 5, by the protocol level in CONNECT: fixed
/// header (1 byte), remaining length (1 to 4 bytes, the last below 128),
/// protocol name (2 + 4 bytes "MQTT"), level (MQTT 5.0, 3.1.2.1 and 3.1.2.2).
fn by_protocol_level(head: &[u8]) -> Option<usize> {
    let length_bytes = head.get(1..)?.iter().position(|byte| byte & 0x80 == 0)? + 1;
    let level = head.get(1 + length_bytes + 6)?;
    Some(usize::from(*level == 5))
}

/// A port that was free a moment ago: rumqttd takes no listener, only a number.
fn free_port() -> io::Result<SocketAddr> {
    std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn config(v4: SocketAddr, v5: SocketAddr) -> Config {
    let server = |name: &str, listen| {
        let settings = ServerSettings {
            name: name.to_owned(),
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
        Some(HashMap::from([(name.to_owned(), settings)]))
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
        v4: server("mqtt-3", v4),
        v5: server("mqtt-5", v5),
        ..Config::default()
    }
}

#[cfg(test)]
mod tests {
    use super::by_protocol_level;

    #[test]
    fn the_protocol_level_is_found_behind_any_length() {
        let short = [0x10, 0x0c, 0, 4, b'M', b'Q', b'T', b'T', 4];
        assert_eq!(by_protocol_level(&short), Some(0));
        let long = [0x10, 0x8c, 0x01, 0, 4, b'M', b'Q', b'T', b'T', 5];
        assert_eq!(by_protocol_level(&long), Some(1));
        assert_eq!(by_protocol_level(&long[..9]), None);
        assert_eq!(by_protocol_level(&[]), None);
    }
}
