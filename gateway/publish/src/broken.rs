//! A broken connection: what ended it, which side it was, and what the operator is told.

use std::io;

use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode as Code5, DisconnectReasonCode};
use rumqttc::{ConnectReturnCode, ConnectionError, StateError, v5};

use crate::dialect::TurnedDown;
use crate::settings::Server;
use crate::tls_words::{meaning, tls_error};

/// What ended a connection, or kept it from being made.
#[derive(Debug)]
pub(crate) enum Broken {
    Three(ConnectionError),
    Five(v5::ConnectionError),
}

impl From<ConnectionError> for Broken {
    fn from(error: ConnectionError) -> Self {
        Self::Three(error)
    }
}

impl From<v5::ConnectionError> for Broken {
    fn from(error: v5::ConnectionError) -> Self {
        Self::Five(error)
    }
}

impl Broken {
    /// What it means to the operator.
    pub(crate) fn explain(&self, server: &Server) -> String {
        let peer = format!("broker {server}");
        if let Some(error) = self.tls() {
            return format!("{peer} {}", meaning(error));
        }
        match self {
            Self::Three(error) => three(server, error),
            Self::Five(error) => five(server, error),
        }
    }

    /// The TLS error behind it, if there is one.
    pub(crate) fn tls(&self) -> Option<&rustls::Error> {
        match self {
            Self::Three(error) => tls_error(error),
            Self::Five(error) => tls_error(error),
        }
    }

    /// Whether the broker closed the connection, rather than the way to it failing.
    pub(crate) fn is_hang_up(&self) -> bool {
        let io = match self {
            Self::Three(ConnectionError::MqttState(StateError::ConnectionAborted))
            | Self::Five(v5::ConnectionError::MqttState(v5::StateError::ConnectionAborted)) => {
                return true;
            }
            // These are about what was sent, so that a message can be guilty.
            Self::Five(v5::ConnectionError::MqttState(v5::StateError::ServerDisconnect {
                reason_code,
                ..
            })) => return blames_a_message(*reason_code),
            Self::Three(
                ConnectionError::MqttState(
                    StateError::Io(error) | StateError::Deserialization(rumqttc::Error::Io(error)),
                )
                | ConnectionError::Io(error),
            )
            | Self::Five(
                v5::ConnectionError::MqttState(v5::StateError::Io(error))
                | v5::ConnectionError::Io(error),
            ) => error.kind(),
            Self::Five(v5::ConnectionError::MqttState(v5::StateError::Deserialization(
                v5::mqttbytes::Error::Io(error),
            ))) => error.kind(),
            _ => return false,
        };
        is_closed(io)
    }

    /// Whether a CONNECT may have left. rumqttc 0.25: only resolving and the
    /// TCP connect give `Io` here, and a failed handshake comes before it too.
    pub(crate) const fn may_have_written(&self) -> bool {
        !matches!(
            self,
            Self::Three(ConnectionError::Io(_) | ConnectionError::Tls(_))
                | Self::Five(v5::ConnectionError::Io(_) | v5::ConnectionError::Tls(_))
        )
    }

    /// Whether a CONNECT of MQTT 5 was turned down for its version.
    pub(crate) fn turned_down(&self) -> Option<TurnedDown> {
        let Self::Five(error) = self else { return None };
        match error {
            v5::ConnectionError::ConnectionRefused(Code5::UnsupportedProtocolVersion) => {
                Some(TurnedDown::Plainly)
            }
            v5::ConnectionError::MqttState(
                v5::StateError::Deserialization(_) | v5::StateError::ConnectionAborted,
            )
            | v5::ConnectionError::ConnectionRefused(
                Code5::MalformedPacket | Code5::ProtocolError,
            ) => Some(TurnedDown::Perhaps),
            _ => None,
        }
    }
}

const fn blames_a_message(reason: DisconnectReasonCode) -> bool {
    use DisconnectReasonCode as Reason;
    matches!(
        reason,
        Reason::UnspecifiedError
            | Reason::MalformedPacket
            | Reason::ProtocolError
            | Reason::ImplementationSpecificError
            | Reason::TopicNameInvalid
            | Reason::PacketTooLarge
            | Reason::PayloadFormatInvalid
    )
}

fn is_closed(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::UnexpectedEof
    )
}

/// A host that is not reached.
pub(crate) fn unreachable_host(server: &Server, error: &io::Error) -> String {
    let why = match error.kind() {
        io::ErrorKind::ConnectionRefused => "nobody listens there".to_owned(),
        _ => error.to_string(),
    };
    format!("broker {server} is not reached: {why}")
}

/// Characters of a broker's own words that are shown; it may send 64 KiB.
const MOST_SAID: usize = 200;

const BAD_LOGIN: &str = "does not know this user or password; check `username` and `password`";
const NO_ENTRY: &str = "does not let this user in; check its access rules";
const BAD_ID: &str = "does not accept our client id";
const UNAVAILABLE: &str = "says it is not available";
const NO_MQTT: &str = "does not speak MQTT";
const NO_PONG: &str = "answered no ping for a keep-alive";
const CLOSED: &str = "closed the connection";

fn three(server: &Server, error: &ConnectionError) -> String {
    let why = match error {
        ConnectionError::Io(error) => return unreachable_host(server, error),
        ConnectionError::ConnectionRefused(code) => match code {
            ConnectReturnCode::BadUserNamePassword => BAD_LOGIN,
            ConnectReturnCode::NotAuthorized => NO_ENTRY,
            ConnectReturnCode::BadClientId => BAD_ID,
            ConnectReturnCode::ServiceUnavailable => UNAVAILABLE,
            _ => "does not speak MQTT 3.1.1",
        },
        ConnectionError::NotConnAck(_) => NO_MQTT,
        ConnectionError::MqttState(StateError::AwaitPingResp) => NO_PONG,
        ConnectionError::MqttState(StateError::ConnectionAborted) => CLOSED,
        error => return format!("broker {server}: {error}"),
    };
    format!("broker {server} {why}")
}

fn five(server: &Server, error: &v5::ConnectionError) -> String {
    let why = match error {
        v5::ConnectionError::Io(error) => return unreachable_host(server, error),
        v5::ConnectionError::ConnectionRefused(code) => match code {
            Code5::BadUserNamePassword => BAD_LOGIN,
            Code5::NotAuthorized | Code5::Banned | Code5::BadAuthenticationMethod => NO_ENTRY,
            Code5::ClientIdentifierNotValid => BAD_ID,
            Code5::ServerUnavailable | Code5::ServerBusy => UNAVAILABLE,
            Code5::UnsupportedProtocolVersion => {
                "does not speak MQTT 5; leave `mqtt` out, or set it to 3"
            }
            Code5::QuotaExceeded | Code5::ConnectionRateExceeded => {
                "has no room for another connection now; raise its quota, or wait"
            }
            Code5::UseAnotherServer | Code5::ServerMoved => {
                "says that another server is to be used; change `url`"
            }
            code => return format!("broker {server} refuses the connection: {code:?}"),
        },
        v5::ConnectionError::NotConnAck(_) => NO_MQTT,
        v5::ConnectionError::MqttState(v5::StateError::AwaitPingResp) => NO_PONG,
        v5::ConnectionError::MqttState(v5::StateError::ConnectionAborted) => CLOSED,
        v5::ConnectionError::MqttState(v5::StateError::ServerDisconnect {
            reason_code,
            reason_string,
        }) => {
            let said: String =
                reason_string.iter().flat_map(|said| said.chars()).take(MOST_SAID).collect();
            return format!("broker {server} ended the connection ({reason_code:?}) {said}")
                .trim_end()
                .to_owned();
        }
        error => return format!("broker {server}: {error}"),
    };
    format!("broker {server} {why}")
}
