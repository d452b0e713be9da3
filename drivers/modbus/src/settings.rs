//! What a Modbus TCP link is told: where the device is and how it likes to be asked.

use std::fmt;
use std::time::Duration;

use forehearth_modbus::{
    Echo, Framing, Join, Limits, MAX_READ_BITS, MAX_READ_WORDS, PlanError, Point,
};
use forehearth_model::{DeviceId, GroupId, TagId};

use crate::SerialSettings;

/// Chosen: the first SYN is repeated after 1 s (RFC 6298, 2.1), so that one
/// lost packet does not fail the attempt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// One link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TcpSettings {
    /// Host name or address; resolved anew at each connect.
    pub host: String,
    /// TCP port; 502 by standard.
    pub port: u16,
    /// Resolving and connecting together take at most this long.
    pub connect_timeout: Duration,
    /// An answer comes within this time or counts as missing.
    pub timeout: Duration,
    /// Requests in flight at once; 0 counts as 1.
    pub inflight: u16,
    /// Most registers per request, 1 to 125.
    pub max_words: u16,
    /// Most bits per request, 1 to 2,000.
    pub max_bits: u16,
    /// Quiet time after connecting.
    pub pause_after_connect: Duration,
    /// Quiet time between an answer and the next request; makes `inflight` 1.
    pub pause_between: Duration,
    /// Whether neighbours share a request.
    pub join: Join,
}

impl TcpSettings {
    /// A device without quirks.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            connect_timeout: CONNECT_TIMEOUT,
            timeout: Duration::from_secs(1),
            inflight: 1,
            max_words: MAX_READ_WORDS,
            max_bits: MAX_READ_BITS,
            pause_after_connect: Duration::ZERO,
            pause_between: Duration::ZERO,
            join: Join::DEFAULT,
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits { max_words: self.max_words, max_bits: self.max_bits, join: self.join }
    }

    /// A device that wants to rest between requests gets one at a time.
    pub(crate) fn depth(&self) -> u16 {
        if self.pause_between.is_zero() { self.inflight.max(1) } else { 1 }
    }
}

/// Tags of one device that are read together. The position in the list given
/// to [`ModbusTcp::new`](crate::ModbusTcp::new) is the [`GroupId`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupSettings {
    /// Which device.
    pub device: DeviceId,
    /// Its unit id.
    pub unit: u8,
    /// Its tags.
    pub tags: Vec<(TagId, Point)>,
}

/// What carries the bytes of a serial line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Carrier {
    /// A port of this machine.
    Serial(SerialSettings),
    /// A serial server: the frames of the line in a TCP stream.
    Tcp {
        /// Host name or address; resolved anew at each connect.
        host: String,
        /// TCP port.
        port: u16,
    },
}

/// The port or the address.
impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serial(serial) => serial.path.display().fmt(f),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

/// Where a surprising value is read again before it counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Confirm {
    /// On ports of this machine, and wherever frames are ASCII, whose
    /// checksum lets one damaged frame in 256 through.
    #[default]
    Serial,
    /// Also behind serial servers.
    Always,
    /// Nowhere.
    Never,
}

/// One serial line with many units.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BusSettings {
    /// What carries the bytes.
    pub carrier: Carrier,
    /// RTU or ASCII.
    pub framing: Framing,
    /// Resolving and connecting together take at most this long.
    pub connect_timeout: Duration,
    /// A unit may take at most this long to begin its answer; less once it is
    /// known how long it takes.
    pub timeout: Duration,
    /// How often a read that was damaged or missing is repeated at once.
    pub retries: u8,
    /// Most registers per request, 1 to 125.
    pub max_words: u16,
    /// Most bits per request, 1 to 2,000.
    pub max_bits: u16,
    /// Quiet time after connecting.
    pub pause_after_connect: Duration,
    /// Quiet time between an answer and the next request, where it is longer
    /// than the silence that the line needs anyway.
    pub pause_between: Duration,
    /// Whether neighbours share a request; `None`: where that is quicker at
    /// this speed.
    pub join: Option<Join>,
    /// Whether the adapter hands back what was sent.
    pub echo: Echo,
    /// Where surprising values are read again.
    pub confirm: Confirm,
}

impl BusSettings {
    /// A line without quirks, RTU.
    #[must_use]
    pub const fn new(carrier: Carrier) -> Self {
        Self {
            carrier,
            framing: Framing::Rtu,
            connect_timeout: CONNECT_TIMEOUT,
            timeout: Duration::from_secs(1),
            retries: 1,
            max_words: MAX_READ_WORDS,
            max_bits: MAX_READ_BITS,
            pause_after_connect: Duration::ZERO,
            pause_between: Duration::ZERO,
            join: None,
            echo: Echo::Auto,
            confirm: Confirm::Serial,
        }
    }
}

/// The map asks for what Modbus cannot do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SetupError {
    /// A tag that cannot be read.
    #[error("group {}, tag {}: {error}", group.0, error.tag.0)]
    Tag {
        /// Which group.
        group: GroupId,
        /// Which tag, and why.
        error: PlanError,
    },
    /// A tag to be written that no group reads: nobody could read it back.
    #[error("tag {} is to be written and is not read", tag.0)]
    WriteUnread {
        /// Which tag.
        tag: TagId,
    },
    /// A tag to be written in a table that no device lets anybody write.
    #[error("tag {} is an input and cannot be written", tag.0)]
    WriteInput {
        /// Which tag.
        tag: TagId,
    },
    /// Unit 0 of a serial line.
    #[error("group {}: to unit 0 everybody listens and nobody answers; units are 1 to 247", group.0)]
    Broadcast {
        /// Which group.
        group: GroupId,
    },
}
