//! What the map asks of an OPC UA server.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use forehearth_modbus::Point;

use super::PasswordSource;

/// One OPC UA server, reached by one device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpcUaPlan {
    /// `opc.tcp://host:port/path`.
    pub url: String,
    /// As the map spells it: `None`, or `Policy/Mode` with one of the
    /// standard's policies.
    pub security: &'static str,
    /// User name and where its password is read from.
    pub user: Option<(String, PasswordSource)>,
    /// Fingerprint of the only server certificate that is believed beside
    /// those in the folder.
    pub trust: Option<String>,
    /// Folder with server certificates that are believed; need not exist.
    pub trust_folder: PathBuf,
    /// Aliases of namespaces and their URIs.
    pub namespaces: Vec<(String, String)>,
    /// How values arrive. Default: subscribed.
    pub mode: OpcUaMode,
    /// How often the server looks at a value; `None`: as often as it sends.
    pub sampling: Option<Duration>,
}

/// How values arrive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpcUaMode {
    /// The server sends what changes.
    Subscribe,
    /// The server is asked.
    Poll,
}

/// Where a tag lives on its device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PointPlan {
    /// In registers or bits.
    Modbus(Point),
    /// In a node, named as the map writes it; the notation was checked.
    OpcUa(Arc<str>),
}

impl PointPlan {
    /// Registers or bits; `None` for a node.
    #[must_use]
    pub const fn modbus(&self) -> Option<Point> {
        match self {
            Self::Modbus(point) => Some(*point),
            Self::OpcUa(_) => None,
        }
    }

    /// The node; `None` for registers and bits.
    #[must_use]
    pub fn node(&self) -> Option<&str> {
        match self {
            Self::Modbus(_) => None,
            Self::OpcUa(node) => Some(node),
        }
    }
}
