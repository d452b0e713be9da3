//! The plan: what the files ask for, complete and checked. Nothing behind it reads TOML.

mod condition;
mod line;
mod opcua;
mod plugin;
mod write;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use forehearth_modbus::Access;
use forehearth_model::{Catalogue, DeviceId, Grade, LinkId, TagId};

pub use condition::{
    AlarmPlan, CalcPlan, ConditionPlan, DutyPlan, FilterPlan, IntegralPlan, Keep, LimitsPlan,
    SetPlan, Spike, StatesPlan, TotalPlan, WindowPlan,
};
pub use line::{CarrierPlan, FormatPlan, LinePlan, ParityPlan, Rs485Plan, SerialPlan};
pub use opcua::{
    BrowsePlan, DiscardPlan, NodePlan, OpcUaMode, OpcUaPlan, PointPlan, ServerDeadband, TypeFrom,
    UserPlan,
};
pub use plugin::{AtPlan, GivenPlan, OriginPlan, PluginMode, PluginPlan, SettingKind};
pub use write::{InterlockPlan, PartPlan, WritePlan};

/// Everything the daemon needs to run.
#[derive(Clone, PartialEq, Debug)]
pub struct Plan {
    /// `[gateway]`.
    pub gateway: GatewayPlan,
    /// `[buffer]`.
    pub buffer: BufferPlan,
    /// `[[broker]]`, in file order; names are unique.
    pub brokers: Vec<BrokerPlan>,
    /// `[status]`.
    pub status: Option<StatusPlan>,
    /// Each `[[link]]`, and one for each device with a `url` of its own.
    pub links: Vec<LinkPlan>,
    /// Parallel to `catalogue.devices`.
    pub devices: Vec<DevicePlan>,
    /// Parallel to `catalogue.tags`.
    pub tags: Vec<TagPlan>,
    /// Tags that are computed of others, each behind those it is computed of.
    pub calcs: Vec<CalcPlan>,
    /// Conditions under which tags may be written.
    pub interlocks: Vec<InterlockPlan>,
    /// What travels beside the batches.
    pub catalogue: Arc<Catalogue>,
}

/// `[gateway]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GatewayPlan {
    /// Sparkplug edge node id; client ids derive from it.
    pub id: String,
    /// ISA-95 path, levels separated by `/`.
    pub path: String,
    /// English and Chinese, empty when not given.
    pub title: [String; 2],
    /// The oldest reading of a batch waits at most this long. Default 100 ms.
    pub batch_within: Duration,
    /// Take files up when the directory changes. Default no.
    pub watch: bool,
}

/// `[buffer]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BufferPlan {
    /// Durable or delivered within. Default 500 ms.
    pub commit_within: Duration,
    /// Bytes on disk, WAL included. Default 1 GiB.
    pub max_size: u64,
    /// Older batches expire. Default 14 days.
    pub max_age: Duration,
    /// Bytes of the volume never used. Default 64 MiB.
    pub reserve: u64,
}

/// What a broker is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BrokerFormat {
    /// Sparkplug B 3.0.
    Sparkplug {
        /// Group id.
        group: String,
        /// Host whose STATE is awaited.
        primary_host: Option<String>,
    },
    /// `forehearth.v1.Batch` as stored.
    Native {
        /// Topic prefix with `{path}` and `{gateway}` already filled in.
        topic: String,
        /// Batches are told against values told before.
        baseline: bool,
    },
    /// Readings as JSON.
    Json {
        /// Topic with `{path}` and `{gateway}` already filled in. `{device}`,
        /// and with `per_tag` also `{tag}`, are left for the publisher; the
        /// map is only accepted when they are there.
        topic: String,
        /// A topic per tag instead of one per device.
        per_tag: bool,
        /// The broker keeps the last message of each topic.
        retain: bool,
    },
}

/// Where a secret is read from when it is needed; never in the plan itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PasswordSource {
    /// A systemd credential of this name.
    Credential(String),
    /// A file with mode 0600.
    File(PathBuf),
}

/// Where a broker listens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerPlan {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// How a broker and the gateway prove who they are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsPlan {
    /// CA file; `None`: what the operating system trusts.
    pub ca: Option<PathBuf>,
    /// The gateway's certificate and its key, for mutual TLS.
    pub client: Option<(PathBuf, PathBuf)>,
    /// The name the broker's certificate must have; `None`: the host.
    pub server_name: Option<String>,
}

/// `mqtt`: the version of MQTT spoken to a broker.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MqttPlan {
    /// 5, or 3.1.1 with a server that turns 5 down.
    #[default]
    Newest,
    /// `mqtt = 3`: 3.1.1.
    Three,
    /// `mqtt = 5`: 5 and nothing else.
    Five,
}

/// `[[broker]]`.
#[derive(Clone, PartialEq, Debug)]
pub struct BrokerPlan {
    /// Unique; names the destination in ledger, metrics and gap records.
    pub name: String,
    /// At least one; used one at a time, in this order.
    pub servers: Vec<ServerPlan>,
    /// `mqtts://`; `None` for `mqtt://`.
    pub tls: Option<TlsPlan>,
    /// What is sent.
    pub format: BrokerFormat,
    /// Version of MQTT; Sparkplug always has 3.1.1.
    pub mqtt: MqttPlan,
    /// Replay budget in bytes per second; `None`: as fast as the link allows.
    pub backlog: Option<u64>,
    /// Bytes on disk kept for this broker; `None`: what the others leave.
    pub max_size: Option<u64>,
    /// What waits longer expires for this broker; `None`: as for all.
    pub max_age: Option<Duration>,
    /// MQTT keep-alive. Default 30 s.
    pub keepalive: Duration,
    /// Whether commands are accepted. Default no.
    pub commands: bool,
    /// User name.
    pub username: Option<String>,
    /// Password.
    pub password: Option<PasswordSource>,
    /// Data classes that may leave here; `None`: all.
    pub grades: Option<Vec<Grade>>,
    /// Globs over device names; `None`: all.
    pub devices: Option<Vec<String>>,
}

/// `[status]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StatusPlan {
    /// Where the page, `/metrics` and `/healthz` listen.
    pub listen: SocketAddr,
}

/// How a link is reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Transport {
    /// Modbus TCP.
    ModbusTcp {
        /// Host name or address.
        host: String,
        /// TCP port, default 502.
        port: u16,
    },
    /// A serial line with Modbus units on it.
    ModbusLine(LinePlan),
    /// An OPC UA server.
    OpcUa(Box<OpcUaPlan>),
    /// A driver in a process of its own.
    Plugin(Box<PluginPlan>),
    /// What the gateway knows of itself: where the files of the kernel are, `/` but in tests.
    House(PathBuf),
}

/// A link and the groups read over it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkPlan {
    /// Unique name; for a device with a `url` of its own, the device's name.
    pub name: String,
    /// How it is reached.
    pub transport: Transport,
    /// Deadline of a request. Default 1 s, of OPC UA 2 s, of a plugin 5 s.
    pub timeout: Duration,
    /// Requests in flight at once. Default 1.
    pub inflight: u16,
    /// Most registers per request. Default 125 (Application Protocol V1.1b3, 6.3).
    pub max_words: u16,
    /// Most bits per request. Default 2000 (Application Protocol V1.1b3, 6.1).
    pub max_bits: u16,
    /// Quiet time after connecting. Default 0.
    pub pause_after_connect: Duration,
    /// Quiet time between requests. Default 0.
    pub pause_between: Duration,
    /// Whether neighbours may be joined into one request. Default yes.
    pub join: bool,
    /// What is read over it; a [`GroupId`](forehearth_model::GroupId) is a position here.
    pub groups: Vec<GroupPlan>,
}

/// Tags of one device that are read together at one rate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupPlan {
    /// Which device.
    pub device: DeviceId,
    /// Scan period.
    pub period: Duration,
    /// In map order.
    pub tags: Vec<TagId>,
}

/// A device's place in the field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DevicePlan {
    /// The link it is reached over.
    pub link: LinkId,
    /// Modbus unit id; without meaning for other transports.
    pub unit: u8,
    /// Whether a write path may exist.
    pub access: Access,
}

/// How far a value may move before it is reported.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Deadband {
    /// Any change is reported.
    None,
    /// In engineering units.
    Absolute(f64),
}

/// Report by exception.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Report {
    /// How far a value may move unreported. A percentage of span is already
    /// in engineering units here.
    pub deadband: Deadband,
    /// Longest silence of a reading. Default 60 s.
    pub max_gap: Duration,
    /// Every sample is a reading.
    pub every_sample: bool,
}

/// What a tag is on its device and how it is reported.
#[derive(Clone, PartialEq, Debug)]
pub struct TagPlan {
    /// Where it lives; for a derived tag, where its source lives.
    pub point: PointPlan,
    /// When it is reported.
    pub report: Report,
    /// Filters, swinging door, windows, limits; few tags have any.
    pub condition: Option<Box<ConditionPlan>>,
    /// The tag it is derived from; `None` for a tag that is read. Derived
    /// tags are in no group.
    pub source: Option<TagId>,
    /// What may be written to it; `None`: nothing.
    pub write: Option<WritePlan>,
}
