//! Dialling: how one broker is reached, and what the operator is told when it isn't.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, EventLoop, LastWill, MqttOptions,
    NetworkOptions, QoS, StateError, TlsConfiguration, Transport,
};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::session::{Keep, Will};
use crate::settings::{DestinationSettings, Server};
use crate::tls::Secured;
use crate::tls_words::{meaning, tls_error};
use crate::wire::{PACKET_IDS, REQUESTS};

/// A TCP connect and a CONNACK each come within this or not at all. Chosen:
/// several round trips of a satellite link.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Writing one packet to the socket. Chosen: the largest packet at 9 kB/s; a
/// dead peer is found much earlier by missing confirmations.
const WRITE_WITHIN: Duration = Duration::from_secs(30);

/// Largest packet taken in; commands and STATE are far smaller.
const INCOMING_LIMIT_BYTES: usize = 256 * 1024;

/// Why there is no connection.
#[derive(Debug)]
pub(crate) struct NotReached {
    /// For the operator.
    pub(crate) reason: String,
    /// Whether a CONNECT may have left.
    pub(crate) connect: Connect,
}

/// Whether a CONNECT left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Connect {
    /// Certainly not.
    Unwritten,
    /// It may have.
    PerhapsWritten,
}

impl NotReached {
    fn unwritten(reason: String) -> Self {
        Self { reason, connect: Connect::Unwritten }
    }
}

/// A bare TCP connection, closed at once: is anybody there?
///
/// # Errors
/// When nobody is. Cancel safe.
pub(crate) async fn probe(server: &Server) -> Result<(), NotReached> {
    let address = (bare(&server.host), server.port);
    match timeout(CONNECT_WITHIN, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(NotReached::unwritten(unreachable_host(server, &error))),
        Err(_) => Err(NotReached::unwritten(no_answer(server))),
    }
}

/// What was read from files for one connect.
pub(crate) struct Credentials {
    pub(crate) password: Option<String>,
    pub(crate) secured: Option<Secured>,
}

/// One MQTT 3.1.1 connection with a clean session.
///
/// # Errors
/// When the broker can't be reached or refuses. Not cancel safe: a dropped
/// future may have written its CONNECT.
pub(crate) async fn connect(
    settings: &DestinationSettings,
    server: &Server,
    client_id: &str,
    credentials: &Credentials,
    will: Option<Will>,
) -> Result<(AsyncClient, EventLoop), NotReached> {
    // rumqttc joins host and port with a colon.
    let host = match bare(&server.host) {
        address if address.contains(':') => format!("[{address}]"),
        name => name.to_owned(),
    };
    let mut options = MqttOptions::new(client_id, host, server.port);
    options.set_clean_session(true);
    options.set_keep_alive(settings.keepalive.max(Duration::from_secs(1)));
    options.set_inflight(PACKET_IDS);
    // Our own limit is kept by the sessions; this one only must not be in
    // the way (the default of 10 KiB is: a birth of 150 tags loops for ever).
    options.set_max_packet_size(INCOMING_LIMIT_BYTES, usize::MAX);
    if let Some(username) = &settings.username {
        options.set_credentials(username, credentials.password.clone().unwrap_or_default());
    }
    if let Some(secured) = &credentials.secured {
        let config = TlsConfiguration::Rustls(Arc::clone(&secured.config));
        options.set_transport(Transport::Tls(config));
    }
    if let Some(will) = will {
        let retain = will.keep == Keep::Retained;
        options.set_last_will(LastWill::new(&*will.topic, will.payload, QoS::AtLeastOnce, retain));
    }
    let (client, mut events) = AsyncClient::new(options, REQUESTS);
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    network.set_connection_timeout(WRITE_WITHIN.as_secs());
    events.set_network_options(network);
    match timeout(CONNECT_WITHIN, events.poll()).await {
        Ok(Ok(_)) => Ok((client, events)),
        Ok(Err(error)) => Err(NotReached {
            connect: match error {
                // rumqttc 0.25: only resolving and the TCP connect give Io here.
                // A failed handshake comes before the CONNECT too.
                ConnectionError::Io(_) | ConnectionError::Tls(_) => Connect::Unwritten,
                _ => Connect::PerhapsWritten,
            },
            reason: unanswered(server, credentials, &error),
        }),
        Err(_) => Err(NotReached { reason: no_answer(server), connect: Connect::PerhapsWritten }),
    }
}

/// Why there was no CONNACK. With TLS 1.3 a broker refuses our certificate
/// after the handshake, and some just close.
fn unanswered(server: &Server, credentials: &Credentials, error: &ConnectionError) -> String {
    let secured = credentials.secured.as_ref();
    let hint = match secured.map(|secured| secured.ours_until) {
        Some(None) if tls_error(error).is_none() && is_hang_up(error) => {
            "; it may want a certificate of this gateway (`cert` and `key`)"
        }
        Some(Some(_)) if tls_error(error).is_none() && is_hang_up(error) => {
            "; it may not accept the certificate of this gateway"
        }
        _ => "",
    };
    format!("{}{hint}", explain(server, error))
}

/// An IPv6 address without the brackets of its URL.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

/// What a failed connection means to the operator.
pub(crate) fn explain(server: &Server, error: &ConnectionError) -> String {
    let peer = format!("broker {server}");
    if let Some(error) = tls_error(error) {
        return format!("{peer} {}", meaning(error));
    }
    match error {
        ConnectionError::Io(error) => unreachable_host(server, error),
        ConnectionError::ConnectionRefused(code) => {
            let why = match code {
                ConnectReturnCode::BadUserNamePassword => {
                    "does not know this user or password; check `username` and `password`"
                }
                ConnectReturnCode::NotAuthorized => {
                    "does not let this user in; check its access rules"
                }
                ConnectReturnCode::BadClientId => "does not accept our client id",
                ConnectReturnCode::ServiceUnavailable => "says it is not available",
                _ => "does not speak MQTT 3.1.1",
            };
            format!("{peer} {why}")
        }
        ConnectionError::NotConnAck(_) => format!("{peer} does not speak MQTT"),
        ConnectionError::MqttState(StateError::AwaitPingResp) => {
            format!("{peer} answered no ping for a keep-alive")
        }
        ConnectionError::MqttState(StateError::ConnectionAborted) => {
            format!("{peer} closed the connection")
        }
        error => format!("{peer}: {error}"),
    }
}

/// Whether the broker closed the connection, rather than the way to it failing.
pub(crate) fn is_hang_up(error: &ConnectionError) -> bool {
    let io = match error {
        ConnectionError::MqttState(StateError::ConnectionAborted) => return true,
        ConnectionError::MqttState(StateError::Io(error))
        | ConnectionError::MqttState(StateError::Deserialization(rumqttc::Error::Io(error)))
        | ConnectionError::Io(error) => error,
        _ => return false,
    };
    matches!(
        io.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof
    )
}

fn unreachable_host(server: &Server, error: &io::Error) -> String {
    let why = match error.kind() {
        io::ErrorKind::ConnectionRefused => "nobody listens there".to_owned(),
        _ => error.to_string(),
    };
    format!("broker {server} is not reached: {why}")
}

fn no_answer(server: &Server) -> String {
    format!("broker {server} does not answer within {} s", CONNECT_WITHIN.as_secs())
}

#[cfg(test)]
mod tests {
    use super::bare;

    #[test]
    fn an_ipv6_address_is_dialled_with_and_without_brackets() {
        assert_eq!(bare("[fd00::7]"), "fd00::7");
        assert_eq!(bare("fd00::7"), "fd00::7");
        assert_eq!(bare("broker.plant"), "broker.plant");
    }
}
