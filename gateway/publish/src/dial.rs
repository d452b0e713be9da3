//! Dialling: how one broker is reached, and what the operator is told when it isn't.

use std::sync::Arc;
use std::time::Duration;

use rumqttc::{
    AsyncClient, LastWill, MqttOptions, NetworkOptions, QoS, TlsConfiguration, Transport, v5,
};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::broken::{Broken, unreachable_host};
use crate::dialect::{TurnedDown, Version};
use crate::line::{Client, Events, Terms};
use crate::session::{Keep, Will};
use crate::settings::{DestinationSettings, Server};
use crate::tls::Secured;
use crate::wire::{PACKET_IDS, REQUESTS};

/// A TCP connect and a CONNACK each come within this or not at all. Chosen:
/// several round trips of a satellite link.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Writing one packet to the socket. Chosen: the largest packet at 9 kB/s; a
/// dead peer is found much earlier by missing confirmations.
const WRITE_WITHIN: Duration = Duration::from_secs(30);

/// Largest packet taken in. Commands and STATE are far smaller; but in 3.1.1 a
/// larger one ends the connection, and a retained one would do so at each
/// connect, so the bound is what a small box can spare and no less.
const INCOMING_LIMIT_BYTES: u32 = 8 * 1024 * 1024;

/// rumqttc 0.25 panics below this where it speaks MQTT 5. A map asks for as
/// much at least.
const LEAST_KEEPALIVE_5: Duration = Duration::from_secs(5);

/// Why there is no connection.
#[derive(Debug)]
pub(crate) struct NotReached {
    /// For the operator.
    pub(crate) reason: String,
    /// Whether a CONNECT may have left.
    pub(crate) connect: Connect,
    /// Whether MQTT 5 was turned down.
    pub(crate) turned_down: Option<TurnedDown>,
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
    pub(crate) fn unwritten(reason: String) -> Self {
        Self { reason, connect: Connect::Unwritten, turned_down: None }
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

/// One connection with a clean session.
///
/// # Errors
/// When the broker can't be reached or refuses. Not cancel safe: a dropped
/// future may have written its CONNECT.
pub(crate) async fn connect(
    version: Version,
    settings: &DestinationSettings,
    server: &Server,
    client_id: &str,
    credentials: &Credentials,
    will: Option<Will>,
) -> Result<(Client, Events), NotReached> {
    // rumqttc joins host and port with a colon.
    let host = match bare(&server.host) {
        address if address.contains(':') => format!("[{address}]"),
        name => name.to_owned(),
    };
    let dial = Dial { settings, server, host, client_id, credentials };
    let dialled = match version {
        Version::Three => timeout(CONNECT_WITHIN, dial.three(will)).await,
        Version::Five => timeout(CONNECT_WITHIN, dial.five(will)).await,
    };
    let silent = NotReached {
        reason: no_answer(server),
        connect: Connect::PerhapsWritten,
        turned_down: None,
    };
    dialled.unwrap_or(Err(silent))
}

/// One attempt.
struct Dial<'a> {
    settings: &'a DestinationSettings,
    server: &'a Server,
    host: String,
    client_id: &'a str,
    credentials: &'a Credentials,
}

impl Dial<'_> {
    async fn three(self, will: Option<Will>) -> Result<(Client, Events), NotReached> {
        let mut options = MqttOptions::new(self.client_id, &self.host, self.server.port);
        options.set_clean_session(true);
        options.set_keep_alive(self.settings.keepalive.max(Duration::from_secs(1)));
        options.set_inflight(PACKET_IDS);
        // Our own limit is kept by the sessions; this one only must not be in
        // the way (the default of 10 KiB is: a birth of 150 tags loops for ever).
        options.set_max_packet_size(INCOMING_LIMIT_BYTES as usize, usize::MAX);
        if let Some((username, password)) = self.login() {
            options.set_credentials(username, password);
        }
        if let Some(transport) = self.transport() {
            options.set_transport(transport);
        }
        if let Some(will) = will {
            let retain = will.keep == Keep::Retained;
            let qos = QoS::AtLeastOnce;
            options.set_last_will(LastWill::new(&*will.topic, will.payload, qos, retain));
        }
        let (client, mut events) = AsyncClient::new(options, REQUESTS);
        events.set_network_options(network());
        match events.poll().await {
            Ok(_) => Ok((Client::Three(client), Events::Three(Box::new(events)))),
            Err(error) => Err(unanswered(self.server, self.credentials, &error.into())),
        }
    }

    async fn five(self, will: Option<Will>) -> Result<(Client, Events), NotReached> {
        let mut options = v5::MqttOptions::new(self.client_id, &self.host, self.server.port);
        options.set_clean_start(true);
        options.set_keep_alive(self.settings.keepalive.max(LEAST_KEEPALIVE_5));
        options.set_outgoing_inflight_upper_limit(PACKET_IDS);
        options.set_max_packet_size(Some(INCOMING_LIMIT_BYTES));
        options.set_network_options(network());
        if let Some((username, password)) = self.login() {
            options.set_credentials(username, password);
        }
        if let Some(transport) = self.transport() {
            options.set_transport(transport);
        }
        if let Some(will) = will {
            let retain = will.keep == Keep::Retained;
            let qos = v5::mqttbytes::QoS::AtLeastOnce;
            let topic = will.topic.to_string();
            options.set_last_will(v5::mqttbytes::v5::LastWill::new(
                topic,
                will.payload,
                qos,
                retain,
                None,
            ));
        }
        let keepalive = options.keep_alive();
        let (client, mut events) = v5::AsyncClient::new(options, REQUESTS);
        let terms = match events.poll().await {
            Ok(v5::Event::Incoming(v5::mqttbytes::v5::Packet::ConnAck(ack))) => Terms::read(&ack),
            Ok(_) => Err("does not speak MQTT 5"),
            Err(error) => {
                return Err(unanswered(self.server, self.credentials, &error.into()));
            }
        };
        if events.options.keep_alive().is_zero() {
            // The broker wants no pings (MQTT 5.0, 3.2.2.3.14); rumqttc would
            // send one after the other.
            events.options.set_keep_alive(keepalive);
        }
        match terms {
            Ok(terms) => Ok((Client::five(client, terms), Events::Five(Box::new(events)))),
            Err(why) => Err(NotReached {
                reason: format!("broker {} {why}", self.server),
                connect: Connect::PerhapsWritten,
                turned_down: None,
            }),
        }
    }

    fn login(&self) -> Option<(String, String)> {
        let username = self.settings.username.clone()?;
        Some((username, self.credentials.password.clone().unwrap_or_default()))
    }

    fn transport(&self) -> Option<Transport> {
        let secured = self.credentials.secured.as_ref()?;
        Some(Transport::Tls(TlsConfiguration::Rustls(Arc::clone(&secured.config))))
    }
}

fn network() -> NetworkOptions {
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    network.set_connection_timeout(WRITE_WITHIN.as_secs());
    network
}

/// Why there was no CONNACK. With TLS 1.3 a broker refuses our certificate
/// after the handshake, and some just close.
fn unanswered(server: &Server, credentials: &Credentials, error: &Broken) -> NotReached {
    let secured = credentials.secured.as_ref();
    let closed = error.tls().is_none() && error.is_hang_up();
    let hint = match secured.map(|secured| secured.ours_until) {
        Some(None) if closed => "; it may want a certificate of this gateway (`cert` and `key`)",
        Some(Some(_)) if closed => "; it may not accept the certificate of this gateway",
        _ => "",
    };
    let written = error.may_have_written();
    NotReached {
        reason: format!("{}{hint}", error.explain(server)),
        connect: if written { Connect::PerhapsWritten } else { Connect::Unwritten },
        turned_down: error.turned_down(),
    }
}

/// An IPv6 address without the brackets of its URL.
fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
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
