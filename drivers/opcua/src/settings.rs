//! What an OPC UA link is told: where the server is, how it is trusted, what is read.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use forehearth_model::{DataType, DeviceId, TagId};

use crate::address::Address;
use crate::identity::Identity;
use crate::security::Security;
use crate::trust::Trust;

/// Longest wait for an answer when the map says nothing. Chosen: a server
/// that is slower can't keep the 5 s in which data must flow again.
const TIMEOUT: Duration = Duration::from_secs(2);

/// How long a server is asked to keep values for a gateway that is away.
/// Chosen: twice the 30 s of an access point that restarts.
const OUTAGE: Duration = Duration::from_secs(60);

/// Chosen: half of the 60 s in which report by exception repeats itself.
const RESTATE: Duration = Duration::from_secs(30);

/// One hour, the example of OPC 10000-4, 5.5.2.
const TOKEN_LIFETIME: Duration = Duration::from_secs(3600);

/// One link: one server, one session.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Name of the device in the map; names its folder of certificates, so it
    /// must be a legal file name.
    pub name: String,
    /// Which device the samples belong to.
    pub device: DeviceId,
    /// `opc.tcp://host:port/path`, at least one: servers that stand in for
    /// one another, each with the same nodes. One at a time is read.
    pub urls: Vec<String>,
    /// `Some`: servers call us here instead of being called (reverse connect);
    /// `urls` then says who may.
    pub reverse: Option<SocketAddr>,
    /// Exactly this is asked for; nothing weaker and nothing stronger.
    pub security: Security,
    /// Who we are to the server.
    pub user: User,
    /// Which server certificates are believed; unused without security.
    pub trust: Trust,
    /// Our own certificate; needed with security and for nothing else.
    pub identity: Option<Arc<Identity>>,
    /// The map's `namespace` table: alias, URI.
    pub namespaces: Vec<(String, String)>,
    /// An answer comes within this time or the link counts as lost. Default 2 s.
    pub timeout: Duration,
    /// How long the server is asked to keep values while we are away. Default 60 s.
    pub outage: Duration,
    /// A quiet tag's value is said again after this time. Default 30 s.
    pub restate: Duration,
    /// How long the keys of a connection are used; they are renewed at three
    /// quarters. Default 1 h.
    pub token_lifetime: Duration,
    /// Whether holes are filled from the server's history where it keeps one.
    /// Default yes.
    pub history: bool,
    /// Values the server keeps per item until they are sent; `None`: as many
    /// as are sampled within [`outage`](Self::outage).
    pub queue: Option<u32>,
    /// Which value goes when that is not enough.
    pub discard: Discard,
    /// What is read; a [`GroupId`](forehearth_model::GroupId) is a position here.
    pub groups: Vec<Group>,
}

impl Settings {
    /// A server at `url` with everything else as the map's defaults have it.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        device: DeviceId,
        url: impl Into<String>,
        security: Security,
    ) -> Self {
        Self {
            name: name.into(),
            device,
            urls: vec![url.into()],
            reverse: None,
            security,
            user: User::Anonymous,
            trust: Trust::default(),
            identity: None,
            namespaces: Vec::new(),
            timeout: TIMEOUT,
            outage: OUTAGE,
            restate: RESTATE,
            token_lifetime: TOKEN_LIFETIME,
            history: true,
            queue: None,
            discard: Discard::Oldest,
            groups: Vec::new(),
        }
    }
}

/// Tags that are read together.
#[derive(Clone, PartialEq, Debug)]
pub struct Group {
    /// How often the server sends (`rate`), or is asked.
    pub period: Duration,
    /// How often the server looks at the value (`sampling`); `None`: as often
    /// as it sends.
    pub sampling: Option<Duration>,
    /// What is read.
    pub items: Vec<Item>,
}

/// Which value the server drops when a queue is full; the loss is marked
/// either way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Discard {
    /// The oldest: what holds now always arrives.
    #[default]
    Oldest,
    /// The newest: how it began always arrives.
    Newest,
}

/// How far a value must move before the server sends it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Deadband {
    /// In the server's units.
    Absolute(f64),
    /// Of the node's EURange.
    Percent(f64),
}

/// A tag and what is behind it.
#[derive(Clone, PartialEq, Debug)]
pub struct Item {
    /// Which tag.
    pub tag: TagId,
    /// Which node, and which part of its value.
    pub address: Address,
    /// The type the tag has in the map; `None` takes what the server has.
    pub data_type: Option<DataType>,
    /// How often the server looks at this value; `None`: as the group.
    pub sampling: Option<Duration>,
    /// What the server need not send; `None`: any change is sent.
    pub deadband: Option<Deadband>,
    /// `Some`: not the node's value is meant but its events, from this
    /// severity (1 to 1000) on.
    pub events: Option<u16>,
}

impl Item {
    /// The whole value of a node, every change of it.
    #[must_use]
    pub fn new(tag: TagId, address: impl Into<Address>, data_type: Option<DataType>) -> Self {
        let address = address.into();
        Self { tag, address, data_type, sampling: None, deadband: None, events: None }
    }

    /// Whether the server is asked for the same by both.
    pub(crate) fn shares_with(&self, other: &Self) -> bool {
        self.address.root == other.address.root
            && self.sampling == other.sampling
            && self.deadband == other.deadband
            && self.events.is_none()
            && other.events.is_none()
    }
}

/// Who we are to the server.
#[derive(Clone, Debug)]
pub enum User {
    /// Nobody.
    Anonymous,
    /// Name and password. Never sent in the clear.
    Name {
        /// User name.
        name: String,
        /// Password.
        password: Password,
    },
    /// A certificate and its private key, DER or PEM.
    Certificate {
        /// File of the certificate.
        certificate: PathBuf,
        /// File of the key.
        key: PathBuf,
    },
}

/// Where a password comes from: read anew for each session, so that it can be
/// changed while the gateway runs.
#[derive(Clone)]
pub struct Password(Arc<dyn Fn() -> Result<String, String> + Send + Sync>);

impl Password {
    /// Asked before each session. It may read a small file and nothing slower.
    pub fn read_by(read: impl Fn() -> Result<String, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// What it is now.
    ///
    /// # Errors
    /// Why it can't be read.
    pub fn read(&self) -> Result<String, String> {
        (self.0)()
    }
}

/// One that never changes.
impl From<&str> for Password {
    fn from(password: &str) -> Self {
        let password = password.to_owned();
        Self::read_by(move || Ok(password.clone()))
    }
}

/// Without the password.
impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password")
    }
}
