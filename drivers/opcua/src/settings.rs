//! What an OPC UA link is told: where the server is, how it is trusted, what is read.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use forehearth_model::{DataType, DeviceId, TagId};

use crate::identity::Identity;
use crate::node::NodeRef;
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
    /// `opc.tcp://host:port/path`.
    pub url: String,
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
            url: url.into(),
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

/// A tag and the node behind it.
#[derive(Clone, PartialEq, Debug)]
pub struct Item {
    /// Which tag.
    pub tag: TagId,
    /// Which node.
    pub node: NodeRef,
    /// The type the tag has in the map; `None` takes what the server has.
    pub data_type: Option<DataType>,
}

/// Who we are to the server.
#[derive(Clone, PartialEq, Eq)]
pub enum User {
    /// Nobody.
    Anonymous,
    /// Name and password. Never sent in the clear.
    Name {
        /// User name.
        name: String,
        /// Password.
        password: String,
    },
    /// A certificate and its private key, DER or PEM.
    Certificate {
        /// File of the certificate.
        certificate: PathBuf,
        /// File of the key.
        key: PathBuf,
    },
}

/// Without the password.
impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Anonymous => f.write_str("Anonymous"),
            Self::Name { name, .. } => write!(f, "Name({name})"),
            Self::Certificate { certificate, .. } => {
                write!(f, "Certificate({})", certificate.display())
            }
        }
    }
}
