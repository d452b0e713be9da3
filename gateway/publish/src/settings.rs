//! A destination's settings: one `[[broker]]`, as far as publishing is concerned.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use forehearth_model::{Grade, Stamp};
use forehearth_telemetry::health::Health;
use forehearth_telemetry::topics::TopicError;

use crate::intake::Intake;
use crate::tls::Tls;

/// Largest MQTT packet we send. Chosen: below the smallest default limit of
/// the brokers named by our users (EMQX 1 MiB; mosquitto and rumqttd more),
/// large enough that a birth of 2,000 tags is one message.
pub const PACKET_LIMIT_BYTES: usize = 256 * 1024;

/// What a broker is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Format {
    /// Sparkplug B 3.0; the gateway's id is the edge node id.
    Sparkplug {
        /// Group id.
        group: String,
        /// Host whose STATE is awaited before the birth.
        primary_host: Option<String>,
    },
    /// `forehearth.v1.Batch` as stored.
    Native {
        /// Topic prefix, `fh/v1/acme/pot2-east`.
        topic: String,
        /// Batches are told against values that were told before: fewer bytes,
        /// and a consumer must know those.
        baseline: bool,
    },
    /// Readings as JSON.
    Json {
        /// Topic prefix, `fh/v1/acme/pot2-east`.
        topic: String,
        /// A topic per tag instead of one per device.
        per_tag: bool,
        /// The broker keeps the last message of each topic.
        retain: bool,
    },
}

/// The version of MQTT that is spoken; Sparkplug is always sent in 3.1.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mqtt {
    /// 5, or 3.1.1 with a server that turns 5 down.
    #[default]
    Newest,
    /// 3.1.1.
    Three,
    /// 5 and nothing else.
    Five,
}

/// Resolves a secret at each connect, so that a rotated one is taken up
/// without a restart. `Err` is shown as the link's last error.
pub type Secret = Arc<dyn Fn() -> Result<String, String> + Send + Sync>;

/// Wall time, as the daemon tells it.
pub type WallClock = Arc<dyn Fn() -> Stamp + Send + Sync>;

/// The gateway's health with its books as of now. The link fills in state,
/// time and catalogue, and leaves out the books of other destinations.
pub type HealthSource = Arc<dyn Fn() -> Health + Send + Sync>;

/// Where a broker listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Server {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// One `[[broker]]`.
#[derive(Clone)]
pub struct DestinationSettings {
    /// Unique; part of the client id.
    pub name: String,
    /// At least one; the next one is dialled when one can't be reached or its
    /// primary host is not online. Never two at once.
    pub servers: Vec<Server>,
    /// How the connection is secured; `None`: in the clear.
    pub tls: Option<Tls>,
    /// What is sent.
    pub format: Format,
    /// Version of MQTT.
    pub mqtt: Mqtt,
    /// MQTT keep-alive; whole seconds, at least 1.
    pub keepalive: Duration,
    /// User name.
    pub username: Option<String>,
    /// Password.
    pub password: Option<Secret>,
    /// Data classes that may leave here; `None`: all.
    pub grades: Option<Vec<Grade>>,
    /// Globs over device names; `None`: all.
    pub devices: Option<Vec<String>>,
    /// Replay budget in bytes per second; `None`: as fast as the link allows.
    pub backlog: Option<u64>,
    /// Largest MQTT packet we send, [`PACKET_LIMIT_BYTES`] by default.
    pub packet_limit: usize,
    /// Wall time.
    pub clock: WallClock,
    /// Health, for the native format; `None`: no health topic.
    pub health: Option<HealthSource>,
    /// Where commands go; `None`: commands are off, nothing is subscribed.
    pub commands: Option<Intake>,
}

impl fmt::Debug for DestinationSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DestinationSettings")
            .field("name", &self.name)
            .field("servers", &self.servers)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

/// Why a destination can't be served as it is written.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SettingsError {
    /// No server.
    #[error("a broker needs at least one server")]
    NoServer,
    /// rustls has no name to check.
    #[error("TLS to {0} needs a host name; write it in place of the IPv6 address")]
    TlsToIpv6(String),
    /// `devices` holds something that is no glob.
    #[error("`{0}` is no glob over device names; `*` and `?` stand for any characters")]
    DeviceGlob(String),
    /// An id or topic that MQTT or Sparkplug does not allow.
    #[error("{what} `{name}` can't be part of a topic: {reason}")]
    Name {
        /// Group, node, device, topic.
        what: &'static str,
        /// As written.
        name: String,
        /// Which rule it breaks.
        reason: String,
    },
}

impl SettingsError {
    pub(crate) fn name(what: &'static str, name: &str, error: &TopicError) -> Self {
        Self::Name { what, name: name.to_owned(), reason: error.to_string() }
    }
}
